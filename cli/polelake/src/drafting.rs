//! A draft of a source from files of samples, in whatever way they are written.

use std::path::{Path, PathBuf};

use contract::{
    Catalogue, DeclaredFile, DraftRequest, FileDialect, FileFormat, SourceContract, SourceDraft,
    SourceSamples,
};
use serde_json::Value;

use crate::backfill::record::FileExpectation;
use crate::backfill::records::{FileKind, open_record_file};
use crate::backfill::sniffer::{SniffedDialect, sniff_table};
use crate::client::require_contracts;
use crate::error::CliError;
use crate::named_file::{open_file, require_files};
use crate::samples::record_event;

/// Samples that are kept beside the contract as events.
const KEPT_SAMPLES: usize = 20;

/// Bytes of a file of samples that is kept as it is.
const KEPT_FILE_BYTES: u64 = 64 << 10;

/// A draft that is written.
#[derive(Clone, Debug)]
pub struct WrittenDraft {
    /// The source's name.
    pub source: String,
    /// The folder of its contract.
    pub folder: PathBuf,
    /// How many samples were read.
    pub samples: u64,
    /// How many decisions are marked for a person.
    pub decisions: usize,
}

/// Drafts a source called `<team>/<dataset>` from files, and writes it into a folder of contracts.
///
/// # Errors
/// When the name is none, the source is there already, or a file cannot be read.
pub fn draft_from_files(
    contracts: &Path,
    name: &str,
    from: &[PathBuf],
) -> Result<WrittenDraft, CliError> {
    let (team, dataset) = parse_source_name(name)?;
    let folder = contracts.join("sources").join(team).join(dataset);
    if folder.exists() {
        let shown = folder.display();
        return Err(format!("{shown} exists already; a draft overwrites nothing").into());
    }

    let files = SampleFiles::look_at(from)?;
    let samples = files.count_samples()?;
    let count = samples.count();
    let shared = read_shared_files(contracts)?;
    let tables = Catalogue::compile(&shared).map_err(|problems| problems[0].to_string())?;
    let sniffed = files.sniffed.as_ref();
    let request = DraftRequest {
        team,
        dataset,
        dialect: sniffed.map(|sniffed| sniffed.dialect.clone()),
        dialect_remarks: sniffed
            .map(|sniffed| sniffed.remarks.clone())
            .unwrap_or_default(),
        tables: &tables.tables,
    };
    let draft = contract::draft_source(&request, samples)?;
    write_draft(&folder, (&draft, &shared), &files)?;
    Ok(WrittenDraft {
        source: format!("{team}-{dataset}"),
        folder,
        samples: count,
        decisions: draft.count_decisions(),
    })
}

/// Team and dataset of a name such as `library/loans`.
fn parse_source_name(name: &str) -> Result<(&str, &str), CliError> {
    let parts = name.split_once('/');
    let valid = parts.filter(|(team, dataset)| is_plain_name(team) && is_plain_name(dataset));

    valid.ok_or_else(|| {
        let why = format!(
            "`{name}` is not <team>/<dataset> in lower case letters, digits and `-`, such as \
             library/loans"
        );
        why.into()
    })
}

fn is_plain_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    !name.is_empty() && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The tables that a draft can fill, and the lists. Other sources are left out: a draft must not
/// fail because of them.
fn read_shared_files(contracts: &Path) -> Result<Vec<DeclaredFile>, CliError> {
    require_contracts(contracts)?;
    let mut files = host::read_contract_files(&contracts.to_string_lossy())
        .map_err(|failure| failure.message)?;
    files.retain(is_shared_file);
    Ok(files)
}

fn is_shared_file(file: &DeclaredFile) -> bool {
    file.path.starts_with("pole/") || file.path.starts_with("lists/")
}

/// The files of samples, and how they are written.
struct SampleFiles<'f> {
    files: &'f [PathBuf],
    /// The dialect of tables; none for JSON and Parquet.
    sniffed: Option<SniffedDialect>,
}

impl<'f> SampleFiles<'f> {
    /// Finds out how the first file is written. The others are read in the same way.
    fn look_at(files: &'f [PathBuf]) -> Result<Self, CliError> {
        let first = files.first().ok_or("`--from` names no file")?;
        require_files(files)?;
        let named = FileKind::of(first, None);
        let kind = FileKind {
            format: match named.format {
                FileFormat::Json if !begins_like_json(first)? => FileFormat::Csv,
                format => format,
            },
            ..named
        };
        let is_table = matches!(kind.format, FileFormat::Csv | FileFormat::Xlsx);
        let sniffed = match is_table {
            true => {
                let place = |why: String| format!("{}: {why}", first.display());
                Some(sniff_table(first, kind).map_err(place)?)
            }
            false => None,
        };
        Ok(Self { files, sniffed })
    }

    /// Counts every record of every file.
    fn count_samples(&self) -> Result<SourceSamples, CliError> {
        let dialect = self.sniffed.as_ref().map(|sniffed| &sniffed.dialect);
        let mut samples = match dialect {
            Some(dialect) => SourceSamples::of_rows(dialect.decimal_comma),
            None => SourceSamples::of_events(),
        };
        for file in self.files {
            let expected = expectation(dialect);
            let opened = open_record_file(file, &expected)?;
            samples.set_columns(opened.columns);
            let name = file.file_name().unwrap_or_default();
            samples.begin_file(&name.to_string_lossy());
            for (record, number) in opened.records.zip(1_u64..) {
                let record = record.map_err(|fault| fault.why)?;
                match record.is_deletion {
                    true => samples.note_deletion(),
                    false => samples.add(&record.value, record.row.unwrap_or(number))?,
                }
            }
        }
        Ok(samples)
    }
}

/// How files are read of which nothing but the dialect is known.
fn expectation(dialect: Option<&FileDialect>) -> FileExpectation {
    FileExpectation {
        dialect: dialect.cloned().unwrap_or_default(),
        columns: Vec::new(),
    }
}

/// Whether a file whose name says nothing holds JSON.
fn begins_like_json(file: &Path) -> Result<bool, CliError> {
    use std::io::Read;

    let mut head = Vec::new();
    open_file(file)?.take(1 << 10).read_to_end(&mut head)?;
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&head);
    let is_packed = head.starts_with(b"\x1f\x8b");
    Ok(is_packed || matches!(head.trim_ascii_start().first(), None | Some(b'{' | b'[')))
}

fn write_draft(
    folder: &Path,
    (draft, shared): (&SourceDraft, &[DeclaredFile]),
    files: &SampleFiles<'_>,
) -> Result<(), CliError> {
    let samples_folder = folder.join("samples");
    std::fs::create_dir_all(&samples_folder)?;
    std::fs::write(folder.join("contract.odcs.yaml"), &draft.contract)?;
    std::fs::write(folder.join("mapping.yaml"), &draft.mapping)?;

    let confirmed = compile_confirmed(draft, shared);
    let contract = confirmed
        .as_ref()
        .and_then(|catalogue| catalogue.mappings.first())
        .map(|mapping| &*mapping.contract);
    let mut kept = 0;
    for file in files.files {
        let is_small = std::fs::metadata(file)?.len() <= KEPT_FILE_BYTES;
        let is_table = files.sniffed.is_some();
        match file.file_name().filter(|_| is_small && is_table) {
            Some(name) => {
                std::fs::copy(file, samples_folder.join(name))?;
            }
            None => write_samples(&samples_folder, (file, draft), contract, &mut kept)?,
        }
    }
    Ok(())
}

/// The draft as it compiles once every decision is confirmed: it says which event a record of a
/// file becomes. None where a person must change more.
fn compile_confirmed(draft: &SourceDraft, shared: &[DeclaredFile]) -> Option<Catalogue> {
    let mut files = shared.to_vec();
    for (name, text) in [
        ("contract.odcs.yaml", &draft.contract),
        ("mapping.yaml", &draft.mapping),
    ] {
        let path = format!("sources/draft/draft/{name}");
        files.push(DeclaredFile::new(path, contract::confirm_draft(text)));
    }
    Catalogue::compile(&files).ok()
}

/// Writes the first records of a file as events.
///
/// A row of a table holds texts, and a deletion of an export may be a key alone: their events are
/// those that a backfill makes by the contract, with its numbers and its event type.
fn write_samples(
    folder: &Path,
    (file, draft): (&Path, &SourceDraft),
    contract: Option<&SourceContract>,
    kept: &mut usize,
) -> Result<(), CliError> {
    let expected = expectation(draft.dialect.as_ref());
    let opened = open_record_file(file, &expected)?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    for (record, row) in opened.records.zip(1_u64..) {
        if *kept == KEPT_SAMPLES {
            break;
        }
        let record = record.map_err(|fault| fault.why)?;
        let is_made = opened.is_untyped || record.is_deletion;
        let text = match contract.filter(|_| is_made) {
            Some(contract) => {
                // A row that becomes no event is no sample.
                let event = record_event(contract, record, opened.is_untyped, (&name, row));
                let Ok(event) = event.map(|event| contract::read_json(&event)) else {
                    continue;
                };
                sample_text(&event.map_err(|fault| fault.reason)?)?
            }
            None if record.is_deletion => continue,
            None => sample_text(&record.value)?,
        };
        *kept += 1;
        std::fs::write(folder.join(format!("sample-{kept}.json")), text)?;
    }
    Ok(())
}

/// A sample on several lines; on one where a number has more digits than a double holds.
fn sample_text(sample: &Value) -> Result<String, CliError> {
    let exact = contract::render_json(sample);
    let rounded = serde_json::to_string(sample)?;
    if exact == rounded {
        Ok(serde_json::to_string_pretty(sample)?)
    } else {
        Ok(exact)
    }
}

#[cfg(test)]
mod decision_tests;
#[cfg(test)]
mod event_tests;
#[cfg(test)]
mod tests;

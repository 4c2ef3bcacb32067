//! `polelake contract new`: a draft from samples.

use std::path::{Path, PathBuf};

use contract::{Catalogue, DeclaredFile, SourceDraft, TableContract};
use lake::limits::SAMPLES_BYTES_MAX;
use serde_json::Value;

use super::read_contract_files;
use crate::backfill::json_documents::line_fault;
use crate::error::CliError;

pub(crate) fn run(contracts: &Path, name: &str, from: &[PathBuf]) -> Result<bool, CliError> {
    let (team, dataset) = parse_source_name(name)?;
    let folder = contracts.join("sources").join(team).join(dataset);
    if folder.exists() {
        let shown = folder.display();
        return Err(format!("{shown} exists already; a draft overwrites nothing").into());
    }

    let samples = read_samples(from)?;
    let tables = compile_tables(contracts)?;
    let draft = contract::draft_source(team, dataset, &samples, &tables)?;
    write_draft(&folder, &draft, &samples)?;

    let decisions = draft.contract.matches("TODO").count() + draft.mapping.matches("TODO").count();
    println!(
        "{}/{{contract.odcs.yaml,mapping.yaml,samples/}}",
        folder.display()
    );
    println!(
        "{} samples read. {decisions} decisions are marked TODO: make them, remove the marks, then",
        samples.len()
    );
    println!("  polelake contract lint\n  polelake contract test --update {team}-{dataset}");
    Ok(true)
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

/// The tables that a draft can fill. Other sources are left out: a draft must not fail because of
/// them.
fn compile_tables(contracts: &Path) -> Result<Vec<TableContract>, CliError> {
    let mut files = read_contract_files(contracts)?;
    files.retain(is_shared_file);
    let catalogue = Catalogue::compile(&files).map_err(|problems| problems[0].to_string())?;

    Ok(catalogue.tables)
}

fn is_shared_file(file: &DeclaredFile) -> bool {
    file.path.starts_with("pole/") || file.path.starts_with("lists/")
}

/// The samples of all files: each file holds one JSON document, a list of them, or one on each
/// line.
fn read_samples(from: &[PathBuf]) -> Result<Vec<Value>, CliError> {
    let mut samples = Vec::new();
    for file in from {
        let text = host::read_bounded_text(file, SAMPLES_BYTES_MAX)
            .map_err(|error| format!("{}: {error}", file.display()))?;
        match contract::read_json(text.as_bytes()) {
            Ok(Value::Array(list)) => samples.extend(list),
            Ok(document) => samples.push(document),
            Err(_) => samples.extend(parse_json_lines(&text, file)?),
        }
    }
    Ok(samples)
}

fn parse_json_lines(text: &str, file: &Path) -> Result<Vec<Value>, CliError> {
    let mut samples = Vec::new();
    for (line, number) in text.lines().zip(1..) {
        if line.trim().is_empty() {
            continue;
        }
        let sample = contract::read_json(line.as_bytes())
            .map_err(|fault| format!("{}:{number}: {}", file.display(), line_fault(&fault)))?;
        samples.push(sample);
    }
    Ok(samples)
}

fn write_draft(folder: &Path, draft: &SourceDraft, samples: &[Value]) -> Result<(), CliError> {
    let samples_folder = folder.join("samples");
    std::fs::create_dir_all(&samples_folder)?;
    std::fs::write(folder.join("contract.odcs.yaml"), &draft.contract)?;
    std::fs::write(folder.join("mapping.yaml"), &draft.mapping)?;

    for (sample, number) in samples.iter().zip(1..) {
        let file = samples_folder.join(format!("sample-{number}.json"));
        std::fs::write(file, sample_text(sample)?)?;
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

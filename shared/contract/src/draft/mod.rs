//! A draft of a contract and a mapping, from samples of a source that is not declared yet.
//!
//! What the samples show is written down; what an author must decide is marked, and the lint
//! refuses the file until then.

mod classify;
mod columns;
mod contact_parts;
mod contacts;
mod date_formats;
mod deletions;
mod dialect_text;
mod envelope;
mod fields;
mod guess;
mod key_guess;
mod keys;
mod links;
mod name_words;
mod operations;
mod parts;
mod people;
mod profile;
mod records;
mod sample_place;
mod shapes;
mod stray_dates;
mod tables;

use std::fmt::Write;

use crate::dialect::FileDialect;
use crate::table::TableContract;
use dialect_text::write_dialect;
use envelope::{EventMembers, GuessedEnvelope, member_path};
use fields::{SampleField, SampleFieldKind, quote_path};
use guess::SourceGuess;
use key_guess::{FILE_NAME_FIELD, ROW_NUMBER_FIELD};
use parts::{DraftContext, DraftRecord};

pub use guess::SourceSamples;

/// Marks a decision that is still open. The lint refuses a file that holds it.
pub(crate) const OPEN: &str = "TODO";

/// The two files of a new source.
#[derive(Clone, Debug)]
pub struct SourceDraft {
    /// `contract.odcs.yaml`.
    pub contract: String,
    /// `mapping.yaml`.
    pub mapping: String,
    /// How the source's files are written, where they are tables: with the fields that the reader
    /// adds, where no other tells their rows apart.
    pub dialect: Option<FileDialect>,
}

impl SourceDraft {
    /// How many decisions are marked.
    #[must_use]
    pub fn count_decisions(&self) -> usize {
        self.contract.matches(OPEN).count() + self.mapping.matches(OPEN).count()
    }
}

/// A file of a draft as a person leaves it who confirms every decision: without the marks.
#[must_use]
pub fn confirm_draft(text: &str) -> String {
    let mut confirmed = String::new();
    let mark = format!(" # {OPEN}");
    for line in text.lines() {
        if line.trim_start().starts_with('#') && line.contains(OPEN) {
            continue;
        }
        let kept = line.rfind(&mark).map_or(line, |begin| &line[..begin]);
        confirmed.push_str(kept);
        confirmed.push('\n');
    }
    confirmed
}

/// What a draft is made for.
#[derive(Clone, Debug)]
pub struct DraftRequest<'d> {
    /// The team, whose folder it is in.
    pub team: &'d str,
    /// The data set: the folder's name.
    pub dataset: &'d str,
    /// How the files of samples are written, where they are tables.
    pub dialect: Option<FileDialect>,
    /// What was not certain of the dialect, for a person to decide.
    pub dialect_remarks: Vec<String>,
    /// The tables that it may fill.
    pub tables: &'d [TableContract],
}

/// Drafts a source from its samples.
///
/// # Errors
/// When there are no samples.
pub fn draft_source(
    request: &DraftRequest<'_>,
    samples: SourceSamples,
) -> Result<SourceDraft, String> {
    if samples.count() == 0 {
        return Err("a draft needs samples that are JSON objects, one for each event".into());
    }
    let mut guess = SourceGuess::from_samples(samples, request.dataset);
    let mut dialect = request.dialect.clone();
    if guess.key.needs_place {
        guess.record.push(SampleField::added_text(FILE_NAME_FIELD));
        guess.record.push(SampleField::added_text(ROW_NUMBER_FIELD));
        let files = dialect.get_or_insert_default();
        files.file_name = Some(FILE_NAME_FIELD.to_owned());
        files.row_number = Some(ROW_NUMBER_FIELD.to_owned());
    }
    if let Some(member) = guess.added_member() {
        guess.record.push(SampleField::added_text(member));
    }
    Ok(SourceDraft {
        contract: draft_contract(request, &guess, dialect.as_ref()),
        mapping: draft_mapping(request, &guess),
        dialect,
    })
}

fn draft_contract(
    request: &DraftRequest<'_>,
    guess: &SourceGuess,
    dialect: Option<&FileDialect>,
) -> String {
    let name = source_name(request);
    let record = request.dataset.replace('-', "_");
    let is_wrapped = guess.envelope.holds_record();
    let (event, mut event_fields) = match is_wrapped {
        true => (format!("{record}_event"), guess.event.clone()),
        false => (record.clone(), guess.record.clone()),
    };
    // An object of its own describes the record, for it stands in several places of an event.
    for field in &mut event_fields {
        field.clear_nested(&guess.envelope.record_members());
    }

    let mut out = contract_head(&name, request.team);
    let meaning = match guess.envelope {
        GuessedEnvelope::Table => "One row, as the file has it",
        _ => "One event, as it is pushed",
    };
    write_object(
        &mut out,
        &event,
        Some(name.as_str()),
        meaning,
        &event_fields,
    );
    if is_wrapped {
        let meaning = "The record within the event";
        write_object(&mut out, &record, None, meaning, &guess.record);
    }
    write_extension(&mut out, request, guess);
    if let Some(dialect) = dialect {
        write_dialect(&mut out, dialect, &request.dialect_remarks);
    }
    out
}

fn source_name(request: &DraftRequest<'_>) -> String {
    format!("{}-{}", request.team, request.dataset)
}

/// What stands before the described objects.
fn contract_head(name: &str, team: &str) -> String {
    let title = title_from_name(name);
    format!(
        r"# yaml-language-server: $schema=../../../schemas/contract.schema.json
apiVersion: v3.2.0
kind: DataContract
id: {name}
name: {title}
version: 0.1.0
status: draft
domain: {team}
description:
  purpose: 'What these data are for' # {OPEN} say it in a sentence
team:
  name: {team}
schema:
"
    )
}

fn write_object(
    out: &mut String,
    name: &str,
    topic: Option<&str>,
    meaning: &str,
    fields: &[SampleField],
) {
    let _ = writeln!(out, "  - name: {name}");
    if let Some(topic) = topic {
        let _ = write!(out, "    physicalName: {topic}\n    physicalType: topic\n");
    }
    let _ = write!(
        out,
        r"    logicalType: object
    description: '{meaning}'
    # The classifications are guessed from the names. {OPEN} look at each one
    properties:
"
    );
    for field in fields {
        field.write_property(out, 6);
    }
}

fn write_extension(out: &mut String, request: &DraftRequest<'_>, guess: &SourceGuess) {
    let name = source_name(request);
    let envelope = guess.envelope.name();
    let key: Vec<String> = guess
        .key
        .paths
        .iter()
        .map(|path| quote_path(path))
        .collect();
    let key = key.join(", ");
    let remark = guess.key.remark.replace(char::is_control, " ");
    let _ = write!(
        out,
        r"customProperties:
  - property: polelake
    vendor: polelake
    value:
      topic: {name}
      envelope: {envelope}
      key: [{key}] # {OPEN} {remark}
"
    );
    if let GuessedEnvelope::Event(members) = &guess.envelope {
        write_event_members(out, members);
    }
    if let Some(member) = guess.added_member() {
        let path = quote_path(&member_path(member));
        let default = deletions::RECORD_TYPE;
        let _ = writeln!(
            out,
            "      event_type: {path}\n      event_type_default: {default}"
        );
    }
    write_event_time(out, request, guess);

    out.push_str("      events:\n");
    for event_type in &guess.event_types {
        let op = operations::guess_operation(event_type);
        let event_type = fields::quote_yaml_name(event_type);
        let _ = writeln!(
            out,
            "        {event_type}: {op} # {OPEN} upsert: whole record; patch: changed fields; \
             delete; ignore"
        );
    }
    if let Some(deletions) = &guess.deletions {
        let backfill = deletions.yaml();
        let _ = writeln!(
            out,
            "      # {OPEN} as which events the records and the deletions of a file are sent\n      \
             backfill: {backfill}"
        );
    }
    let _ = writeln!(out, "      push:\n        # {OPEN} whose events these are");
    out.push_str("        principals: [\"arn:aws:iam::000000000000:role/local-developer\"]\n");
}

/// Writes where an event of an application's own making holds what every event has.
fn write_event_members(out: &mut String, members: &EventMembers) {
    for (option, member) in [
        ("event_id", &members.id),
        ("event_type", &members.event_type),
        ("version", &members.version),
    ] {
        if let Some(member) = member {
            let path = quote_path(&member_path(member));
            let _ = writeln!(out, "      {option}: {path}");
        }
    }
    if let Some(body) = &members.body {
        let _ = writeln!(out, "      body: [{}]", quote_path(&member_path(body)));
    }
}

fn write_event_time(out: &mut String, request: &DraftRequest<'_>, guess: &SourceGuess) {
    if guess.envelope.holds_record() {
        let record = request.dataset.replace('-', "_");
        let _ = writeln!(out, "      record: {record}");
    }
    if guess.envelope.has_own_time() {
        return;
    }
    let _ = match &guess.time {
        Some((path, expression)) => {
            let strays = describe_time_strays(guess, path);
            writeln!(
                out,
                "      event_time: {expression} # {OPEN} when the record last changed{strays}"
            )
        }
        None => writeln!(
            out,
            "      event_time_default: 2000-01-01T00:00:00Z # {OPEN} no field says when it \
             changed: later events win"
        ),
    };
}

/// The few rows whose time is none: their events are refused.
fn describe_time_strays(guess: &SourceGuess, path: &str) -> String {
    let mut fields = guess.record.iter().chain(&guess.event);
    let field = fields.find(|field| member_path(&field.name) == *path);
    let strays = field.and_then(|field| field.describe_strays(&guess.files));
    strays.map_or_else(String::new, |strays| {
        format!("; {strays}: such an event is refused")
    })
}

fn draft_mapping(request: &DraftRequest<'_>, guess: &SourceGuess) -> String {
    let name = source_name(request);
    let title = title_from_name(&name);
    let mut out = format!(
        r#"# yaml-language-server: $schema=../../../schemas/mapping.schema.json
# {title} to POLE: a draft.
source: {name}
version: 0.1.0
sentinels: ["0001-01-01", "1900-01-01"]
timezone: Europe/London
records:
"#
    );

    let records = records::draft_records(&DraftContext {
        guess,
        source: &name,
        dataset: request.dataset,
        tables: request.tables,
    });
    for record in &records {
        out.push_str(&record.text);
    }
    list_unmapped_paths(&mut out, guess, &records);
    out
}

/// Lists the paths of the record that no drafted record uses, for the author to decide on.
fn list_unmapped_paths(out: &mut String, guess: &SourceGuess, records: &[DraftRecord]) {
    let time = guess.time.iter().map(|(path, _)| path);
    let added = guess.added_member().map(member_path);
    let mapped: Vec<&String> = records
        .iter()
        .flat_map(|record| &record.paths)
        .chain(&guess.key.paths)
        .chain(time)
        .chain(&added)
        .collect();
    let mut leaves = Vec::new();
    for field in &guess.record {
        field.collect_leaves("$", &mut leaves);
    }

    for (path, field) in leaves.iter().filter(|(path, _)| !mapped.contains(&path)) {
        let why = match field.kind {
            SampleFieldKind::List => "a list: `for_each` gives a row for every item",
            _ if field.shapes.are_mixed_dates() => {
                "dates with day and month in both orders: ask the source which is meant"
            }
            _ => "no column has its name",
        };
        let strays = field.describe_strays(&guess.files);
        let strays = strays.map_or_else(String::new, |strays| format!("; {strays}"));
        let _ = writeln!(
            out,
            "# {OPEN} not mapped: {path} ({why}{strays}); add it to a record, or delete this line"
        );
    }
}

/// `homes-repairs` as `Homes repairs`.
fn title_from_name(name: &str) -> String {
    let words = name.replace(['-', '_'], " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_uppercase().collect::<String>() + letters.as_str()
    })
}

#[cfg(test)]
mod tests;

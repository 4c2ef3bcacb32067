//! A draft of a contract and a mapping, from samples of a source that is not declared yet.
//!
//! What the samples show is written down; what an author must decide is marked, and the lint
//! refuses the file until then.

mod fields;
mod guess;
mod records;

use std::fmt::Write;

use serde_json::Value;

use crate::table::TableContract;
use fields::{SampleField, SampleFieldKind, collect_fields};
use guess::{GuessedEnvelope, SourceGuess};
use records::DraftRecord;

/// Marks a decision that is still open. The lint refuses a file that holds it.
pub(crate) const OPEN: &str = "TODO";

/// The two files of a new source.
#[derive(Clone, Debug)]
pub struct SourceDraft {
    /// `contract.odcs.yaml`.
    pub contract: String,
    /// `mapping.yaml`.
    pub mapping: String,
}

/// Drafts a source from its samples. `team` and `dataset` name its folder; `tables` are those that
/// it may fill.
///
/// # Errors
/// When the samples are no JSON objects.
pub fn draft_source(
    team: &str,
    dataset: &str,
    samples: &[Value],
    tables: &[TableContract],
) -> Result<SourceDraft, String> {
    if samples.is_empty() || !samples.iter().all(Value::is_object) {
        return Err("a draft needs samples that are JSON objects, one for each event".into());
    }
    let guess = SourceGuess::from_samples(samples);
    Ok(SourceDraft {
        contract: draft_contract(team, dataset, samples, &guess),
        mapping: draft_mapping(team, dataset, &guess, tables),
    })
}

fn draft_contract(team: &str, dataset: &str, samples: &[Value], guess: &SourceGuess) -> String {
    let name = format!("{team}-{dataset}");
    let record = dataset.replace('-', "_");
    let is_wrapped = guess.envelope != GuessedEnvelope::Plain;

    let mut event_fields = collect_fields(samples);
    if is_wrapped {
        // An object of its own describes the record, for it stands in several places of an event.
        for field in &mut event_fields {
            field.clear_nested(&guess.record_members());
        }
    }
    let event = if is_wrapped {
        format!("{record}_event")
    } else {
        record.clone()
    };

    let mut out = contract_head(&name, team);
    let topic = Some(name.as_str());
    write_object(
        &mut out,
        &event,
        topic,
        "One event, as it is pushed",
        &event_fields,
    );
    if is_wrapped {
        write_object(
            &mut out,
            &record,
            None,
            "The record within the event",
            &guess.record,
        );
    }
    out.push_str(&draft_extension(&name, &record, guess));
    out
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

fn draft_extension(name: &str, record: &str, guess: &SourceGuess) -> String {
    let envelope = guess.envelope.name();
    let key = guess.event_key_path();
    let mut out = format!(
        r#"customProperties:
  - property: polelake
    vendor: polelake
    value:
      topic: {name}
      envelope: {envelope}
      key: ["{key}"] # {OPEN} what tells one record from another
"#
    );

    let _ = match &guess.time {
        _ if guess.envelope != GuessedEnvelope::Plain => {
            writeln!(out, "      record: {record}")
        }
        Some(time) => writeln!(
            out,
            "      event_time: {time} # {OPEN} when the record last changed"
        ),
        None => writeln!(
            out,
            "      event_time_default: 2000-01-01T00:00:00Z # {OPEN} no field says when it \
             changed: later events win"
        ),
    };

    out.push_str("      events:\n");
    for event_type in &guess.event_types {
        let op = guess::guess_operation(event_type);
        let _ = writeln!(
            out,
            "        {event_type}: {op} # {OPEN} upsert: whole record; patch: changed fields; \
             delete; ignore"
        );
    }
    let _ = writeln!(out, "      push:\n        # {OPEN} whose events these are");
    out.push_str("        principals: [\"arn:aws:iam::000000000000:role/local-developer\"]\n");
    out
}

fn draft_mapping(
    team: &str,
    dataset: &str,
    guess: &SourceGuess,
    tables: &[TableContract],
) -> String {
    let name = format!("{team}-{dataset}");
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

    let records = records::draft_records(guess, &name, tables);
    for record in &records {
        out.push_str(&record.text);
    }
    list_unmapped_paths(&mut out, guess, &records);
    out
}

/// Lists the paths of the record that no drafted record uses, for the author to decide on.
fn list_unmapped_paths(out: &mut String, guess: &SourceGuess, records: &[DraftRecord]) {
    let mapped: Vec<&String> = records
        .iter()
        .flat_map(|record| &record.paths)
        .chain(&guess.time)
        .collect();
    let mut leaves = Vec::new();
    for field in &guess.record {
        field.collect_leaves("$", &mut leaves);
    }

    for (path, kind) in leaves.iter().filter(|(path, _)| !mapped.contains(&path)) {
        let why = match kind {
            SampleFieldKind::List => "a list: `for_each` gives a row for every item",
            _ => "no column has its name",
        };
        let _ = writeln!(
            out,
            "# {OPEN} not mapped: {path} ({why}); add it to a record, or delete this line"
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
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn samples_that_are_no_objects_are_refused() {
        assert!(draft_source("a", "b", &[], &[]).is_err());
        assert!(draft_source("a", "b", &[json!([1])], &[]).is_err());
    }

    #[test]
    fn other_types_than_the_declared_one_are_written_down() {
        let samples = [
            json!({"id": 7, "lines": {"sku": "a"}, "tags": ["a", 1], "flag": "x", "n": 1}),
            json!({"id": "8", "lines": [{"sku": "b"}], "tags": [], "flag": true, "n": null}),
        ];
        let draft = draft_source("shop", "orders", &samples, &[]).unwrap();
        for (name, leniency) in [
            ("id", "accepts: [number]"),
            ("flag", "accepts: [boolean]"),
            ("tags", "accepts: [number]"),
        ] {
            let mut lines = draft.contract.lines();
            let line = lines
                .find(|line| line.contains(&format!("name: {name},")))
                .unwrap();
            assert!(line.contains(leniency), "{line}");
        }
        assert!(
            draft.contract.contains("single-item: as-list"),
            "{}",
            draft.contract
        );
    }

    #[test]
    fn a_number_of_many_digits_is_a_number() {
        let sample = crate::read_json(br#"{"id": "1", "amount": 12345678901234567.89}"#).unwrap();
        let draft = draft_source("shop", "orders", &[sample], &[]).unwrap();
        let declared = "{name: amount, logicalType: number";
        assert!(draft.contract.contains(declared), "{}", draft.contract);
    }

    #[test]
    fn what_is_seen_is_written_down() {
        let samples = [
            json!({
                "id": "1", "surname": "Sample", "paid": 3, "born": "1990-01-01",
                "lines": [{"sku": "a"}]
            }),
            json!({"id": "2", "surname": null, "paid": 2.5, "born": "1991-01-01", "lines": []}),
        ];
        let SourceDraft { contract, mapping } =
            draft_source("shop", "orders", &samples, &[]).unwrap();
        assert!(
            contract.contains("{name: surname, logicalType: string, classification: personal"),
            "{contract}"
        );
        assert!(
            contract.contains("{name: paid, logicalType: number"),
            "{contract}"
        );
        assert!(
            contract.contains("{name: born, logicalType: date"),
            "{contract}"
        );
        assert!(contract.contains("key: [\"$.id\"]"), "{contract}");
        assert!(mapping.contains("not mapped: $.lines"), "{mapping}");
    }
}

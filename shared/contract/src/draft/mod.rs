//! A draft of a contract and a mapping, from samples of a source that nobody has declared yet.
//!
//! What can be seen is written down; what a person must decide is marked, and the lint refuses the file until it is.

mod fields;
mod guess;

use std::fmt::Write;

use serde_json::Value;

use crate::table::TableContract;
use fields::{SampleField, SampleFieldKind, collect_fields};
use guess::{GuessedEnvelope, SourceGuess};

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

/// Drafts a source from its samples. `team` and `dataset` name its folder; `tables` are those that it may fill.
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
    let (name, mut out) = (format!("{team}-{dataset}"), String::new());
    let record = dataset.replace('-', "_");
    out.push_str("# yaml-language-server: $schema=../../../schemas/contract.schema.json\n");
    let head = format!(
        "apiVersion: v3.2.0\nkind: DataContract\nid: {name}\nname: {}\nversion: 0.1.0\nstatus: draft\ndomain: {team}\n\
         description:\n  purpose: 'What these data are for' # {OPEN} say it in a sentence\nteam:\n  name: {team}\nschema:\n",
        title_from_name(&name)
    );
    out.push_str(&head);
    let event: Vec<Value> = samples.to_vec();
    let apart = guess.envelope != GuessedEnvelope::Plain;
    let mut described = collect_fields(&event);
    if apart {
        // The record is described apart, for it stands in several places.
        described
            .iter_mut()
            .for_each(|field| field.clear_nested(&guess.record_members()));
    }
    let object = if apart {
        format!("{record}_event")
    } else {
        record.clone()
    };
    write_object(
        &mut out,
        &object,
        &name,
        "One event, as it is pushed",
        &described,
    );
    if apart {
        write_object(
            &mut out,
            &record,
            "",
            "The record within the event",
            &guess.record,
        );
    }
    out.push_str(&draft_extension(&name, &record, guess));
    out
}

fn write_object(out: &mut String, name: &str, topic: &str, meaning: &str, fields: &[SampleField]) {
    let _ = writeln!(out, "  - name: {name}");
    if !topic.is_empty() {
        let _ = write!(out, "    physicalName: {topic}\n    physicalType: topic\n");
    }
    let _ = write!(
        out,
        "    logicalType: object\n    description: '{meaning}'\n"
    );
    let _ = write!(
        out,
        "    # The classifications are guessed from the names. {OPEN} look at each one\n    properties:\n"
    );
    fields.iter().for_each(|field| field.write_property(out, 6));
}

fn draft_extension(name: &str, record: &str, guess: &SourceGuess) -> String {
    let mut out = format!(
        "customProperties:\n  - property: polelake\n    vendor: polelake\n    value:\n      topic: {name}\n      envelope: {}\n",
        guess.envelope.name()
    );
    let _ = writeln!(
        out,
        "      key: [\"{}\"] # {OPEN} what tells one record from another",
        guess.event_key_path()
    );
    match &guess.time {
        Some(time) if guess.envelope == GuessedEnvelope::Plain => {
            let _ = writeln!(
                out,
                "      event_time: {time} # {OPEN} when the record last changed"
            );
        }
        None if guess.envelope == GuessedEnvelope::Plain => {
            let _ = writeln!(
                out,
                "      event_time_default: 2000-01-01T00:00:00Z # {OPEN} no field says when it changed: later events win"
            );
        }
        _ => {}
    }
    if guess.envelope != GuessedEnvelope::Plain {
        let _ = writeln!(out, "      record: {record}");
    }
    out.push_str("      events:\n");
    for event in &guess.event_types {
        let op = guess::guess_operation(event);
        let _ = writeln!(
            out,
            "        {event}: {op} # {OPEN} upsert: whole record; patch: changed fields; delete; ignore"
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
    let mut out = format!(
        "# yaml-language-server: $schema=../../../schemas/mapping.schema.json\n# {} to POLE: a draft.\nsource: {name}\nversion: 0.1.0\nsentinels: [\"0001-01-01\", \"1900-01-01\"]\ntimezone: Europe/London\nrecords:\n",
        title_from_name(&name)
    );
    let mut mapped = guess::draft_records(guess, &name, tables);
    mapped
        .iter_mut()
        .for_each(|record| out.push_str(&std::mem::take(&mut record.text)));
    let known: Vec<&String> = mapped.iter().flat_map(|record| &record.paths).collect();
    let mut rest = Vec::new();
    guess
        .record
        .iter()
        .for_each(|field| field.collect_leaves("$", &mut rest));
    let told = |path: &String| known.contains(&path) || guess.time.as_ref() == Some(path);
    for (path, kind) in rest.iter().filter(|(path, _)| !told(path)) {
        let what = if *kind == SampleFieldKind::List {
            "a list: `for_each` gives a row for every item"
        } else {
            "no column has its name"
        };
        let _ = writeln!(
            out,
            "# {OPEN} not mapped: {path} ({what}); add it to a record, or delete this line"
        );
    }
    out
}

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
    fn what_is_seen_is_written_down() {
        let samples = [
            json!({"id": "1", "surname": "Sample", "paid": 3, "born": "1990-01-01", "lines": [{"sku": "a"}]}),
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

//! Compares what the transform made of events with what had to become of them.

use std::collections::BTreeMap;

use super::event::{Case, ExpectedRows, Outcome};
use super::source::{Row, Transformed, transform};

/// Checks a batch of events; gives how many of them were refused.
pub(super) fn check_batch(batch: &[Case]) -> usize {
    let values: Vec<Vec<u8>> = batch.iter().map(|case| case.bytes.clone()).collect();
    let found = transform(&values);
    for (place, case) in batch.iter().enumerate() {
        check_case(place, case, &found);
    }
    check_counts(batch, &found);
    found.refused.len()
}

fn check_case(place: usize, case: &Case, found: &Transformed) {
    let shown = String::from_utf8_lossy(&case.bytes);
    let of_event = |row: &&Row| row["offset"] == place.to_string();
    let things: Vec<&Row> = found.things.iter().filter(of_event).collect();
    let items: Vec<&Row> = found.items.iter().filter(of_event).collect();
    let refused = found
        .refused
        .iter()
        .find(|record| record.offset == place as i64);
    let refusal = refused.map(|record| (record.rule.clone(), record.path.clone(), &record.reason));

    match &case.outcome {
        Outcome::Refused { rule, path } => {
            let right = refusal.as_ref().map(|(rule, path, _)| (rule, path));
            assert_eq!(
                right,
                Some((rule, path)),
                "{refusal:?}, event:\n{shown}\n{things:?}"
            );
            assert!(things.is_empty() && items.is_empty(), "{shown}");
            assert_eq!(
                refused.unwrap().value.as_deref(),
                Some(&case.bytes[..]),
                "{shown}"
            );
        }
        Outcome::Ignored => {
            assert_eq!(refusal, None, "{shown}");
            assert!(things.is_empty() && items.is_empty(), "{shown}");
        }
        Outcome::Rows(rows) => {
            assert_eq!(refusal, None, "{shown}\n{rows:#?}");
            assert_eq!(things.len(), 1, "{shown}");
            check_thing(rows, things[0], &shown);
            check_sets(rows, &items, &shown);
        }
    }
}

/// Columns of a row that say where it comes from.
const PROVENANCE: [&str; 12] = [
    "pole_id",
    "source",
    "owner_id",
    "source_event_id",
    "ingested_at",
    "contract_version",
    "mapping_version",
    "topic",
    "partition",
    "offset",
    "owner_set",
    "_op",
];

pub(super) fn check_thing(rows: &ExpectedRows, found: &Row, shown: &str) {
    assert_eq!(found["_op"], rows.operation, "{shown}");
    let mut wanted: BTreeMap<&str, String> = rows.cells.clone();
    wanted.insert("source_record_id", rows.key.clone());
    wanted.insert("event_time", rows.event_time.to_string());
    if rows.nanos > 0 {
        wanted.insert("event_time_nanos", rows.nanos.to_string());
    }
    let mut cells = found.clone();
    cells.retain(|name, _| !PROVENANCE.contains(&name.as_str()));
    let changed = cells.remove("_changed_columns");
    let cells: BTreeMap<&str, String> = cells
        .iter()
        .map(|(name, cell)| (name.as_str(), cell.clone()))
        .collect();
    assert_eq!(cells, wanted, "{shown}");

    let mut changed: Vec<&str> = changed.iter().flat_map(|names| names.split(',')).collect();
    changed.retain(|name| !name.is_empty());
    changed.sort_unstable();
    let wanted: Vec<&str> = rows.changed.iter().copied().collect();
    if rows.operation == "p" {
        assert_eq!(changed, wanted, "{shown}");
    }
}

fn check_sets(rows: &ExpectedRows, found: &[&Row], shown: &str) {
    let mut wanted: Vec<String> = Vec::new();
    for (set, set_rows) in &rows.sets {
        if set_rows.is_empty() {
            wanted.push(format!("{set} r"));
        }
        wanted.extend(set_rows.iter().map(|cells| format!("{set} u {cells:?}")));
    }
    wanted.sort_unstable();

    let mut texts: Vec<String> = found
        .iter()
        .map(|row| {
            let cells = ["item", "label", "price"].map(|column| row.get(column).cloned());
            match row["_op"].as_str() {
                "r" => format!("{} r", row["owner_set"]),
                operation => format!("{} {operation} {cells:?}", row["owner_set"]),
            }
        })
        .collect();
    texts.sort_unstable();
    assert_eq!(texts, wanted, "{shown}");
}

/// No record is lost, and what was counted is what the events hold.
fn check_counts(batch: &[Case], found: &Transformed) {
    let receipt = &found.receipt;
    let count = |is_one: fn(&Outcome) -> bool| {
        batch.iter().filter(|case| is_one(&case.outcome)).count() as u64
    };
    assert_eq!(receipt.landed, batch.len() as u64);
    assert_eq!(
        receipt.refined,
        count(|outcome| matches!(outcome, Outcome::Rows(_)))
    );
    assert_eq!(
        receipt.ignored,
        count(|outcome| matches!(outcome, Outcome::Ignored))
    );
    let refused = count(|outcome| matches!(outcome, Outcome::Refused { .. }));
    assert_eq!(receipt.quarantined_total(), refused);

    let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
    for note in batch.iter().flat_map(|case| &case.counted) {
        *counted.entry(note).or_default() += 1;
    }
    for (kind, found) in [("unreadable", &receipt.unreadable)] {
        for (path, count) in found {
            let note = format!("{kind} {path}");
            assert_eq!(counted.get(note.as_str()), Some(count), "{note}");
        }
    }
    for (note, count) in counted {
        let (kind, path) = note.split_once(' ').unwrap();
        let counts = match kind {
            "unreadable" => &receipt.unreadable,
            "undeclared" => &receipt.undeclared,
            _ => &receipt.duplicates,
        };
        // Refused events are counted too, where they got so far.
        assert!(
            counts.get(path).is_some_and(|found| *found >= count),
            "{note}: {counts:?}"
        );
    }
}

//! What must be true in the end, told from the log alone, as naively as can be.

use std::collections::{BTreeMap, BTreeSet};

use lake::Day;
use serde_json::Value;

/// A record of the log, as the suite reads it.
#[derive(Clone, Debug)]
pub(crate) struct LoggedRecord {
    /// (append time, partition, offset).
    pub(crate) position: (i64, i32, i64),
    pub(crate) value: Value,
}

/// What the snapshots must say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ExpectedState {
    /// Given name and surname of each person, by key.
    pub(crate) people: BTreeMap<String, (Option<String>, Option<String>)>,
    /// The ids of the events that became rows.
    pub(crate) events: BTreeSet<String>,
    /// The places of the refused records: partition and offset.
    pub(crate) refused: BTreeSet<(i32, i64)>,
}

fn is_poison(event: &Value) -> bool {
    // A deletion's fields are not looked at.
    let read = event["eventType"] != "PersonDeletedEvent";
    (read && event["eventData"]["newData"]["dateOfBirth"] == "gibberish")
        || event["eventType"] == "PersonSeenEvent"
}

/// Milliseconds by which an event may be ahead of its append, where the contract does not say it.
const SKEW_MILLIS: i64 = 3_600_000;

/// Whether the event says to have happened after its append, by more than the skew: the broker's
/// clock had jumped back.
fn is_ahead(record: &LoggedRecord) -> bool {
    let text = record.value["dateTime"].as_str().unwrap();
    let number = |digits: &str| digits.parse::<i64>().unwrap();
    let minutes = number(&text[11..13]) * 60 + number(&text[14..16]);
    let happened = Day::parse(&text[..10]).unwrap().start_micros() / 1_000 + minutes * 60_000;
    happened - record.position.0 > SKEW_MILLIS
}

/// What the log demands.
pub(crate) fn derive_expected(log: &[LoggedRecord]) -> ExpectedState {
    let mut expected = ExpectedState::default();
    // An event that was sent twice counts where it first stood.
    let mut first: BTreeMap<&str, &LoggedRecord> = BTreeMap::new();
    for record in log {
        if is_poison(&record.value) || is_ahead(record) {
            expected
                .refused
                .insert((record.position.1, record.position.2));
            continue;
        }
        let id = record.value["id"].as_str().unwrap();
        let known = first.entry(id).or_insert(record);
        if record.position < known.position {
            *known = record;
        }
    }
    expected.events = first.keys().map(|id| (*id).to_owned()).collect();
    let mut by_key: BTreeMap<&str, Vec<&LoggedRecord>> = BTreeMap::new();
    for record in first.into_values() {
        by_key
            .entry(record.value["entityId"].as_str().unwrap())
            .or_default()
            .push(record);
    }
    for (key, mut records) in by_key {
        records.sort_by_key(|record| {
            (
                record.value["dateTime"].as_str().unwrap().to_owned(),
                record.position,
            )
        });
        if let Some(person) = resolve_person(&records) {
            expected.people.insert(key.to_owned(), person);
        }
    }
    expected
}

/// The last whole statement, with the later changes laid over it.
fn resolve_person(records: &[&LoggedRecord]) -> Option<(Option<String>, Option<String>)> {
    let mut person = None;
    let mut gone = false;
    for record in records {
        let new = &record.value["eventData"]["newData"];
        let text = |name: &str| new[name].as_str().map(str::to_owned);
        match record.value["eventType"].as_str().unwrap() {
            "PersonCreatedEvent" => {
                (person, gone) = (Some((text("firstName"), text("surname"))), false);
            }
            "PersonDeletedEvent" => (person, gone) = (None, true),
            _ if gone => {}
            _ => {
                let (given, surname) = person.take().unwrap_or_default();
                person = Some((text("firstName").or(given), text("surname").or(surname)));
            }
        }
    }
    person
}

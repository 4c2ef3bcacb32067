//! A valid event, perhaps with one thing changed, and what must become of it.

use std::collections::{BTreeMap, BTreeSet};

use fastrand::Rng;

use super::fields::{FIELDS, Field, right_event_time, time_ahead};
use super::lists::{ListSample, SetRows, WRONG_ITEMS, WRONG_TAGS, right_items, right_tags};
use super::times::no_time;
use super::values::{Meaning, Number, Sample, json_text, one_of, spaced, word};

/// An event and what must become of it.
pub(super) struct Case {
    pub(super) bytes: Vec<u8>,
    pub(super) outcome: Outcome,
    /// What its receipt counts, as `kind path`.
    pub(super) counted: Vec<String>,
    /// The fields of a row of a CSV file that says the same; none where one cannot.
    pub(super) csv: Option<BTreeMap<&'static str, String>>,
}

#[derive(Debug)]
pub(super) enum Outcome {
    Rows(Box<ExpectedRows>),
    Ignored,
    Refused { rule: String, path: String },
}

#[derive(Debug, Default)]
pub(super) struct ExpectedRows {
    /// `u`, `p` or `d`.
    pub(super) operation: &'static str,
    pub(super) key: String,
    pub(super) event_time: i64,
    pub(super) nanos: i64,
    /// The cells of the thing; a column that is missing is null.
    pub(super) cells: BTreeMap<&'static str, String>,
    /// The columns that a patch changes.
    pub(super) changed: BTreeSet<&'static str>,
    /// The sets that the event states.
    pub(super) sets: Vec<(&'static str, SetRows)>,
}

/// An event under construction.
struct Draft {
    members: Vec<(String, String)>,
    rows: ExpectedRows,
    refused: Option<(String, String)>,
    counted: Vec<String>,
    csv: Option<BTreeMap<&'static str, String>>,
}

/// Which part of an event is wrong.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Field(usize),
    Items,
    Tags,
    Envelope,
    Bytes,
}

/// A row of a table: a whole record without objects and lists.
pub(super) fn random_row(rng: &mut Rng) -> Case {
    loop {
        let fault = match rng.u8(..4) {
            0 => Fault::Field(rng.usize(..FIELDS.len())),
            _ => Fault::None,
        };
        let case = case_of(rng, "put", fault, true);
        if case.csv.is_some() {
            return case;
        }
    }
}

pub(super) fn random_case(rng: &mut Rng) -> Case {
    let fault = match rng.u8(..20) {
        0..=9 => Fault::None,
        10..=14 => Fault::Field(rng.usize(..FIELDS.len())),
        15 => Fault::Items,
        16 => Fault::Tags,
        17 | 18 => Fault::Envelope,
        _ => Fault::Bytes,
    };
    // What is wrong in a field matters in a whole record most.
    let kind = match rng.u8(..10) {
        0..=5 => "put",
        6..=8 => "set",
        _ if matches!(fault, Fault::None) => one_of(rng, &["gone", "noted"]),
        _ => "put",
    };

    case_of(rng, kind, fault, false)
}

fn case_of(rng: &mut Rng, kind: &'static str, fault: Fault, is_flat: bool) -> Case {
    let mut draft = draft_of(rng, kind, fault, is_flat);
    if fault == Fault::Envelope {
        break_envelope(rng, &mut draft);
    }
    if !is_flat {
        add_noise(rng, &mut draft);
    }
    let mut bytes = render(rng, &mut draft.members);
    if fault == Fault::Bytes {
        draft.refused = Some((break_bytes(rng, &mut bytes).to_owned(), "$".to_owned()));
    }

    let is_right = draft.refused.is_none();
    let outcome = match draft.refused {
        Some((rule, path)) => Outcome::Refused { rule, path },
        None if kind == "noted" => Outcome::Ignored,
        None => Outcome::Rows(Box::new(draft.rows)),
    };
    Case {
        bytes,
        counted: if is_right { draft.counted } else { Vec::new() },
        csv: draft.csv,
        outcome,
    }
}

/// The event with all of its fields, or some of them.
fn draft_of(rng: &mut Rng, kind: &'static str, fault: Fault, is_flat: bool) -> Draft {
    let (key_json, key) = record_key(rng);
    let (time, event_time, nanos) = right_event_time(rng);
    let csv = BTreeMap::from([
        ("type", kind.to_owned()),
        ("at", time.clone()),
        ("id", key.clone()),
    ]);
    let mut draft = Draft {
        members: vec![
            ("id".into(), key_json),
            ("type".into(), format!("\"{kind}\"")),
            ("at".into(), json_text(rng, &time)),
        ],
        rows: ExpectedRows {
            operation: match kind {
                "put" => "u",
                "set" => "p",
                _ => "d",
            },
            key,
            event_time,
            nanos,
            ..ExpectedRows::default()
        },
        refused: None,
        counted: Vec::new(),
        csv: Some(csv),
    };

    for (place, field) in FIELDS.iter().enumerate() {
        let is_wrong = fault == Fault::Field(place);
        let is_needed = kind == "put" && field.name == "name";
        if is_wrong {
            draft.add(field.name, (field.wrong)(rng));
        } else if is_flat {
            draft.add(field.name, flat_sample(rng, field, event_time));
        } else if is_needed || rng.u8(..3) > 0 {
            draft.add(field.name, (field.right)(rng, event_time));
        }
    }
    if !is_flat {
        draft.add_lists(rng, fault);
    }
    draft.finish(kind);
    draft
}

/// A value that a row of texts can hold; nothing for an object.
fn flat_sample(rng: &mut Rng, field: &Field, event_time: i64) -> Sample {
    if field.name == "details" {
        return Sample::cells("null".into(), Vec::new()).in_csv("");
    }
    loop {
        let sample = (field.right)(rng, event_time);
        if sample.csv.is_some() {
            return sample;
        }
    }
}

impl Draft {
    fn add(&mut self, name: &'static str, sample: Sample) {
        self.members.push((name.to_owned(), sample.json));
        match (&mut self.csv, sample.csv) {
            (Some(csv), Some(text)) => {
                csv.insert(name, text);
            }
            (csv, _) => *csv = None,
        }
        if let Some(path) = sample.unreadable {
            self.counted.push(format!("unreadable {path}"));
        }
        match sample.meaning {
            Meaning::Refused(rule, path) => self.refused = Some((rule, path)),
            Meaning::Cells(cells) => {
                for (column, cell) in cells {
                    self.rows.changed.insert(column);
                    if let Some(cell) = cell {
                        self.rows.cells.insert(column, cell);
                    }
                }
            }
        }
    }

    fn add_lists(&mut self, rng: &mut Rng, fault: Fault) {
        self.add_list(
            rng,
            ("items", right_items),
            fault == Fault::Items,
            &WRONG_ITEMS,
        );
        self.add_list(rng, ("tags", right_tags), fault == Fault::Tags, &WRONG_TAGS);
    }

    fn add_list(
        &mut self,
        rng: &mut Rng,
        (name, right): (&str, fn(&mut Rng) -> ListSample),
        is_wrong: bool,
        wrong: &[(&str, &str, &str)],
    ) {
        if is_wrong {
            let (json, rule, path) = one_of(rng, wrong);
            self.members.push((name.into(), json.to_owned()));
            self.refused = Some((rule.to_owned(), path.to_owned()));
        } else if rng.u8(..3) > 0 {
            let sample = right(rng);
            self.members.push((name.into(), sample.json));
            self.rows.sets.extend(sample.sets);
            self.csv = None;
        }
    }

    /// What follows from all fields together.
    fn finish(&mut self, kind: &str) {
        let rows = &mut self.rows;
        let parts = ["name", "note"].map(|column| rows.cells.get(column).cloned());
        let joined: Vec<String> = parts.into_iter().flatten().collect();
        if !joined.is_empty() {
            rows.cells.insert("joined", joined.join(" "));
        }
        match kind {
            // A patch changes what is joined when it has all parts.
            "set" if rows.changed.contains("name") && rows.changed.contains("note") => {
                rows.changed.insert("joined");
            }
            "set" => {
                rows.cells.remove("joined");
            }
            // A whole state empties the sets that it does not have.
            _ => {
                rows.changed.clear();
                for set in ["items", "parts", "tags"] {
                    if !rows.sets.iter().any(|(known, _)| *known == set) {
                        rows.sets.push((set, Vec::new()));
                    }
                }
            }
        }
        if matches!(kind, "gone" | "noted") {
            // Of such an event no column is read.
            self.counted.clear();
            rows.cells.clear();
            rows.sets.iter_mut().for_each(|(_, rows)| rows.clear());
        }
    }

    fn set_member(&mut self, name: &str, json: &str) {
        self.members.retain(|(known, _)| known != name);
        if !json.is_empty() {
            self.members.push((name.to_owned(), json.to_owned()));
        }
    }
}

/// A record's key as JSON, and in its one form.
fn record_key(rng: &mut Rng) -> (String, String) {
    let uuid = format!("9e8d7c6b-5a49-4382-b1c0-{:012x}", rng.u64(..1 << 48));
    let number = Number::random(rng, 30, 3);
    match rng.u8(..4) {
        0 => {
            let spelled = one_of(
                rng,
                &[
                    uuid.to_uppercase(),
                    format!("{{{uuid}}}"),
                    format!("urn:uuid:{uuid}"),
                ],
            );
            (json_text(rng, &spelled), uuid)
        }
        1 => (number.spelled(rng), number.canonical()),
        _ => {
            let pieces = [
                "a/b", "7", "07", "7.0", "\u{e9}", "e\u{301}", "North~1", "AB1", "x y",
            ];
            let key = format!("{}{}", one_of(rng, &pieces), one_of(rng, &pieces));
            let text = spaced(rng, &key);
            (json_text(rng, &text), key)
        }
    }
}

/// Breaks what every event needs.
fn break_envelope(rng: &mut Rng, draft: &mut Draft) {
    let long = format!("\"{}\"", "k".repeat(1_025));
    let no_time = format!("\"{}\"", no_time(rng));
    let ahead = format!("\"{}\"", time_ahead(rng));
    let deep = format!("{}{}", "[".repeat(70), "]".repeat(70));
    let (name, json, rule, path) = one_of(
        rng,
        &[
            ("id", "", "event.key", "$.id"),
            ("id", "null", "event.key", "$.id"),
            ("id", "\" \"", "event.key", "$.id"),
            ("id", "{}", "event.key", "$.id"),
            ("id", "[\"7\"]", "event.key", "$.id"),
            ("id", "true", "event.key", "$.id"),
            ("id", "\"a\\nb\"", "event.key", "$.id"),
            ("id", &long, "event.key", "$.id"),
            ("type", "", "event.type", "$.type"),
            ("type", "null", "event.type", "$.type"),
            ("type", "[]", "event.type", "$.type"),
            ("type", "\"putt\"", "event.undeclared-type", "$.type"),
            ("type", "7", "event.undeclared-type", "$.type"),
            ("at", "", "event.time", "$.at"),
            ("at", "null", "event.time", "$.at"),
            ("at", "\"\"", "event.time", "$.at"),
            ("at", "1772438400", "event.time", "$.at"),
            ("at", "{}", "event.time", "$.at"),
            ("at", &no_time, "event.time", "$.at"),
            ("at", &ahead, "event.time_ahead", "$.at"),
            ("note", "\"a\\u0000\"", "event.nul", "$.note"),
            (
                "extra",
                "[{\"a\": \"\\u0000\"}]",
                "event.nul",
                "$.extra[*].a",
            ),
            (
                "extra",
                "{\"\\u0000number\": \"7\"}",
                "event.nul",
                "$.extra.(unprintable)",
            ),
            ("extra", "[1e999]", "event.number", "$.extra[*]"),
            ("extra", &deep, "event.nesting", "$"),
        ],
    );
    draft.set_member(name, json);
    draft.refused = Some((rule.to_owned(), path.to_owned()));
    draft.csv = None;
}

/// Members that the contract does not declare, and members that come twice: they change no row.
fn add_noise(rng: &mut Rng, draft: &mut Draft) {
    if rng.u8(..6) == 0 {
        let values = [
            "null",
            "7",
            "{\"a\": [1, {}]}",
            "1e-300",
            "\"NaN\"",
            "[[], [null]]",
            "true",
        ];
        draft
            .members
            .push(("unknown".into(), one_of(rng, &values).to_owned()));
        draft.counted.push("undeclared $.unknown".into());
    }
    if rng.u8(..10) == 0 && draft.refused.is_none() {
        let place = rng.usize(..draft.members.len());
        let name = draft.members[place].0.clone();
        let earlier = one_of(
            rng,
            &["null", "[]", "\"earlier\"", "{\"id\": 1}", "-1", "1e300"],
        );
        // What is wrong in an earlier member does not matter: the last one holds.
        draft.members.insert(0, (name.clone(), earlier.to_owned()));
        draft.counted.push(format!("duplicate $.{name}"));
        draft.csv = None;
    }
}

fn render(rng: &mut Rng, members: &mut [(String, String)]) -> Vec<u8> {
    let is_repeated = members
        .first()
        .is_some_and(|(first, _)| members.iter().filter(|(name, _)| name == first).count() > 1);
    rng.shuffle(&mut members[usize::from(is_repeated)..]);
    let mut out = String::new();
    for (place, (name, json)) in members.iter().enumerate() {
        let comma = if place == 0 { "{" } else { "," };
        let space = one_of(rng, &["", " ", "\t", "\r"]);
        let name = json_text(rng, name);
        out.push_str(&format!("{space}{comma}{space}{name}{space}:{space}{json}"));
    }
    out.push('}');
    out.into_bytes()
}

/// Makes the bytes no JSON; gives the rule.
fn break_bytes(rng: &mut Rng, bytes: &mut Vec<u8>) -> &'static str {
    match rng.u8(..8) {
        0 => bytes.truncate(rng.usize(..bytes.len())),
        1 => bytes.extend_from_slice(b" {}"),
        2 => bytes.splice(0..0, *b"\xef\xbb\xbf").for_each(drop),
        3 => {
            // A byte that no UTF-8 has, in a text of its own.
            bytes.pop();
            bytes.extend_from_slice(b",\"bad\":\"\xff\"}");
        }
        4 => {
            bytes.pop();
            bytes.extend_from_slice(b",\"bad\":\"\\ud800\"}");
        }
        5 => {
            bytes.pop();
            let wrong: [&[u8]; 9] = [
                b",\"bad\":007}",
                b",\"bad\":+1}",
                b",\"bad\":.5}",
                b",\"bad\":1.}",
                b",\"bad\":NaN}",
                b",\"bad\":'x'}",
                b",\"bad\":}",
                b",}",
                b",\"bad\":\"\n\"}",
            ];
            bytes.extend_from_slice(one_of(rng, &wrong));
        }
        6 => bytes.clear(),
        _ => {
            let text = word(rng).replace(['[', ']', '{', '}'], "");
            *bytes = format!("{text}:").into_bytes();
        }
    }
    "event.json"
}

//! Which fields tell one record from another: by their names, and by what was measured.

use super::classify::is_reference_name;
use super::envelope::EventMembers;
use super::fields::{SampleField, SampleFieldKind, append_step, to_snake_case};
use super::keys::{KeyExceptions, KeyMeasure};
use super::people::person_role;
use super::sample_place::{SamplePlace, SampledFiles};
use super::tables::vehicle_column;

/// The fields that a reader adds to rows that have no key of their own.
pub(super) const FILE_NAME_FIELD: &str = "file_name";
pub(super) const ROW_NUMBER_FIELD: &str = "row_number";

/// Fields of which pairs are tried.
const PAIRED_FIELDS_MAX: usize = 14;

/// What tells one record from another.
#[derive(Clone, Debug)]
pub(super) struct KeyGuess {
    /// Paths in the event.
    pub(super) paths: Vec<String>,
    /// What was measured, for a person to confirm.
    pub(super) remark: String,
    /// Whether the reader must add the row's place: no field tells the rows apart.
    pub(super) needs_place: bool,
}

impl KeyGuess {
    /// The key that an envelope has.
    pub(super) fn of_event_path(path: &str) -> Self {
        Self {
            paths: vec![path.to_owned()],
            remark: "what tells one record from another".to_owned(),
            needs_place: false,
        }
    }

    fn of_fields(names: &[&str], remark: String) -> Self {
        Self {
            paths: names.iter().map(|name| append_step("$", name)).collect(),
            remark,
            needs_place: false,
        }
    }
}

/// What the key of records without an envelope is guessed from.
pub(super) struct KeyClues<'c> {
    pub(super) measure: &'c KeyMeasure,
    pub(super) files: &'c SampledFiles,
    pub(super) dataset: &'c str,
    pub(super) is_table: bool,
}

/// The worst rank of a field that is proposed though a few records have its value twice: one that is
/// called a reference.
const NAMED_REFERENCE_RANK: u32 = 4;

/// Places that a remark names.
const PLACES_SHOWN: usize = 3;

/// The key of records that come without an envelope.
pub(super) fn guess_record_key(fields: &[SampleField], clues: &KeyClues<'_>) -> KeyGuess {
    let mut ranked: Vec<(u32, &SampleField)> = fields
        .iter()
        .filter_map(|field| Some((key_rank(field, clues.dataset)?, field)))
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank);

    let (single, others): (Vec<_>, Vec<_>) = ranked
        .iter()
        .partition(|(_, field)| clues.measure.is_unique(&[&field.name]));
    let best = single.split_first();
    if let Some(((rank, best), also)) = best
        && *rank <= NAMED_REFERENCE_RANK
    {
        return clues.unique_key(best, also);
    }
    let named = others
        .iter()
        .filter(|(rank, _)| *rank <= NAMED_REFERENCE_RANK);
    let almost = named.filter_map(|(_, field)| {
        let exceptions = clues.measure.few_exceptions(&field.name)?;
        Some((*field, exceptions))
    });
    let pair = find_pair(fields, clues.measure, clues.dataset);
    if let Some((field, exceptions)) = almost.min_by_key(|(_, exceptions)| exceptions.count()) {
        let apart = match (best, pair) {
            (Some(((_, best), _)), _) => format!("; `{}` differs in all", best.name),
            (None, Some((first, second))) => {
                format!("; `{first}` and `{second}` together differ in all")
            }
            (None, None) => String::new(),
        };
        let remark = clues.remark_of_almost(&field.name, &exceptions, &apart);
        return KeyGuess::of_fields(&[&field.name], remark);
    }
    if let Some(((_, best), also)) = best {
        return clues.unique_key(best, also);
    }
    if let Some((first, second)) = pair {
        let differ = format!("together different in all {}", clues.samples_text());
        let copies = clues.copies_text();
        let remark = format!("{differ}{copies}: what tells one record from another");
        return KeyGuess::of_fields(&[first, second], remark);
    }
    if clues.is_table {
        let rows = clues.samples_text();
        let remark = format!("no field is different in all {rows}: the row's place in its file");
        return KeyGuess {
            needs_place: true,
            ..KeyGuess::of_fields(&[FILE_NAME_FIELD, ROW_NUMBER_FIELD], remark)
        };
    }

    let fallback = ranked.first().map(|(_, field)| *field).or(fields.first());
    let name = fallback.map_or("id", |field| field.name.as_str());
    let remark = format!(
        "the same in some of {}: what tells one record from another",
        clues.samples_text()
    );
    KeyGuess::of_fields(&[name], remark)
}

impl KeyClues<'_> {
    /// The key that a field is which tells all different records apart, as others do too.
    fn unique_key(&self, best: &SampleField, also: &[(u32, &SampleField)]) -> KeyGuess {
        KeyGuess::of_fields(&[&best.name], self.remark_of_unique(&best.name, also))
    }

    /// How many samples there are: `30 rows`.
    fn samples_text(&self) -> String {
        let word = if self.is_table { "rows" } else { "samples" };
        format!("{} {word}", self.count_samples())
    }

    /// How many samples were measured, copies too.
    fn count_samples(&self) -> usize {
        self.measure.rows() + self.measure.copies().len()
    }

    /// What was measured of a field that tells all different records apart.
    fn remark_of_unique(&self, name: &str, also: &[(u32, &SampleField)]) -> String {
        let others: Vec<String> = also
            .iter()
            .map(|(_, field)| format!("`{}`", field.name))
            .collect();
        let also = match others.is_empty() {
            true => String::new(),
            false => format!("; so is {}", others.join(", ")),
        };
        let differ = match self.measure.copies().is_empty() {
            true => format!("different in all {}", self.samples_text()),
            false => self.differ_text(name, self.measure.rows()),
        };
        let copies = self.copies_text();
        format!("{differ}{also}{copies}: what tells one record from another")
    }

    /// What was measured of a field that tells all records apart but for a few.
    fn remark_of_almost(&self, name: &str, exceptions: &KeyExceptions, apart: &str) -> String {
        let differ = self.differ_text(name, self.measure.rows() - exceptions.count());
        let shared = match exceptions.shared.is_empty() {
            true => String::new(),
            false => {
                let pairs = self.pairs_text(&exceptions.shared);
                format!("; {pairs} have one value of it and differ otherwise")
            }
        };
        let blank = match exceptions.blank.as_slice() {
            [] => String::new(),
            places => {
                let shown = &places[..places.len().min(PLACES_SHOWN)];
                let verb = if places.len() == 1 { "has" } else { "have" };
                format!("; {} {verb} none", self.files.describe(shown))
            }
        };
        let copies = self.copies_text();
        format!("{differ}{shared}{blank}{copies}{apart}: what tells one record from another")
    }

    /// In how many of all samples a field differs.
    fn differ_text(&self, name: &str, differing: usize) -> String {
        format!("`{name}` differs in {differing} of {}", self.samples_text())
    }

    /// Which records stand twice: of these no field tells one from the other.
    fn copies_text(&self) -> String {
        match self.measure.copies() {
            [] => String::new(),
            copies => format!("; {} are equal", self.pairs_text(copies)),
        }
    }

    /// The first of several pairs of rows, and how many more there are.
    fn pairs_text(&self, pairs: &[(SamplePlace, SamplePlace)]) -> String {
        let shown: Vec<String> = pairs
            .iter()
            .take(PLACES_SHOWN)
            .map(|(first, second)| self.files.describe(&[*first, *second]))
            .collect();
        match pairs.len().saturating_sub(PLACES_SHOWN) {
            0 => shown.join(", "),
            more => format!("{} and {more} more pairs", shown.join(", ")),
        }
    }
}

/// How well a field serves as a key: the lower the better; none where it cannot.
fn key_rank(field: &SampleField, dataset: &str) -> Option<u32> {
    let is_scalar = matches!(field.kind, SampleFieldKind::Text | SampleFieldKind::Integer);
    let is_value = field.is_dated() || field.shapes.are_money() && !field.shapes.are_integers();
    if !is_scalar || is_value || field.shapes.has_personal_texts() {
        return None;
    }
    let name = to_snake_case(&field.name);
    let words: Vec<&str> = name.split('_').collect();
    let of_dataset = dataset.split(['-', '_']).any(|word| {
        let stem = word.trim_end_matches('s').trim_end_matches("ie");
        stem.len() > 2 && name.starts_with(stem)
    });
    Some(match name.as_str() {
        "id" => 0,
        _ if is_reference_name(&name) && of_dataset => 1,
        "ref" | "reference" | "ref_no" | "reference_number" | "key" | "urn" | "upn" | "pcn" => 2,
        "uprn" | "postcode" | "isbn" => 8,
        _ if vehicle_column(&name) == Some("vrm") => 5,
        // The number of a person whom the row mentions: one person may have several rows.
        _ if is_reference_name(&name) && person_role(&name).is_some() => 7,
        _ if is_reference_name(&name) => 3 + u32::from(words.len() > 3),
        _ if field.kind == SampleFieldKind::Text
            && field.shapes.are_codes()
            && field.shapes.have_digits() =>
        {
            6
        }
        _ => return None,
    })
}

/// Two fields that are different in all records together; one of them a reference.
fn find_pair<'f>(
    fields: &'f [SampleField],
    measure: &KeyMeasure,
    dataset: &str,
) -> Option<(&'f str, &'f str)> {
    let can_join = |field: &&SampleField| {
        let is_short = matches!(field.kind, SampleFieldKind::Text) && field.shapes.are_codes();
        is_short || field.kind == SampleFieldKind::Integer || field.is_dated()
    };
    let candidates: Vec<&SampleField> = fields
        .iter()
        .filter(can_join)
        .take(PAIRED_FIELDS_MAX)
        .collect();
    let ranked = candidates
        .iter()
        .filter(|field| key_rank(field, dataset).is_some_and(|rank| rank < 8));
    for first in ranked {
        for second in candidates.iter().filter(|field| field.name != first.name) {
            let is_many = measure.distinct(&first.name) * 2 > measure.rows();
            if is_many && measure.is_unique(&[&first.name, &second.name]) {
                let position = |name: &str| fields.iter().position(|field| field.name == name);
                let (one, other) = (first.name.as_str(), second.name.as_str());
                let is_in_order = position(one) < position(other);
                return Some(if is_in_order {
                    (one, other)
                } else {
                    (other, one)
                });
            }
        }
    }
    None
}

/// Names of ids that are of the message and not of its record.
const MESSAGE_WORDS: [&str; 11] = [
    "event",
    "message",
    "correlation",
    "causation",
    "trace",
    "session",
    "request",
    "user",
    "batch",
    "notification",
    "transaction",
];

/// The key of the records that events are about. The event's own id is none: every event would be
/// a record of its own.
pub(super) fn guess_event_key(
    members: &EventMembers,
    (event, record): (&[SampleField], &[SampleField]),
    dataset: &str,
) -> KeyGuess {
    let mut found: Vec<(u32, String)> = Vec::new();
    let mut collect = |fields: &[SampleField], parent: &str, bonus: u32| {
        for field in fields {
            if Some(&field.name) == members.id.as_ref() && parent == "$" {
                continue;
            }
            if let Some(rank) = record_id_rank(field, dataset) {
                found.push((rank + bonus, append_step(parent, &field.name)));
            }
        }
    };
    collect(event, "$", 0);
    if let Some(body) = &members.body {
        collect(record, &append_step("$", body), 1);
    }
    found.sort_by_key(|(rank, _)| *rank);

    let fallback = || {
        let id = members.id.as_deref().unwrap_or("id");
        (0, append_step("$", id))
    };
    let is_found = !found.is_empty();
    let (_, path) = found.into_iter().next().unwrap_or_else(fallback);
    let remark = match is_found {
        true => "what tells one record from another; the event's id tells events apart",
        false => "no field names the record: with the event's id each event is one of its own",
    };
    KeyGuess {
        paths: vec![path],
        remark: remark.to_owned(),
        needs_place: false,
    }
}

/// How well a field names the record that an event is about.
fn record_id_rank(field: &SampleField, dataset: &str) -> Option<u32> {
    let name = to_snake_case(&field.name);
    let words: Vec<&str> = name.split('_').collect();
    let is_scalar = matches!(field.kind, SampleFieldKind::Text | SampleFieldKind::Integer);
    if !is_scalar || words.iter().any(|word| MESSAGE_WORDS.contains(word)) {
        return None;
    }
    if !is_reference_name(&name) && name != "subject" {
        return None;
    }
    let stem_of = |word: &str| word.trim_end_matches('s').to_owned();
    let of_dataset = dataset.split('-').any(|word| {
        let stem = stem_of(word);
        stem.len() > 2 && name.starts_with(&stem)
    });
    Some(match words[0] {
        _ if of_dataset => 0,
        "entity" | "aggregate" | "subject" | "record" | "object" => 2,
        "id" => 4,
        _ if name.ends_with("_id") => 6,
        _ => 8,
    })
}

//! Which fields tell records apart, measured over the rows.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use serde_json::{Map, Value};

use super::sample_place::SamplePlace;

/// So many records are enough for one that a field does not tell apart, and each twice so many for
/// one more.
const FEW_OF_ROWS: usize = 10;

/// Values that are remembered, as hashes: 32 MB. Uniqueness is measured over the rows that fit.
const VALUES_MAX: usize = 4_000_000;

/// The hash of no value.
const NOTHING: u64 = 0;

/// The values of the fields of records, as hashes. A record that is equal to an earlier one in every
/// field counts once: no key tells two of them apart.
#[derive(Debug, Default)]
pub(super) struct KeyMeasure {
    fields: Vec<(String, Vec<u64>)>,
    places: Vec<SamplePlace>,
    /// Each different record, by its hash, with its row.
    records: HashMap<u64, usize>,
    /// Records that are equal to an earlier one: each with the place of that one.
    copies: Vec<(SamplePlace, SamplePlace)>,
    values: usize,
}

/// How a field tells records apart, but for a few of them.
#[derive(Debug, Default)]
pub(super) struct KeyExceptions {
    /// Records with a value that another one has, each with the place of that one.
    pub(super) shared: Vec<(SamplePlace, SamplePlace)>,
    /// Records without a value.
    pub(super) blank: Vec<SamplePlace>,
}

impl KeyExceptions {
    /// How many records the field does not tell apart.
    pub(super) fn count(&self) -> usize {
        self.shared.len() + self.blank.len()
    }
}

impl KeyMeasure {
    /// Notes the record's values that are texts or numbers.
    pub(super) fn add(&mut self, record: &Map<String, Value>, place: SamplePlace) {
        if self.values >= VALUES_MAX {
            return;
        }
        let rows = self.rows();
        match self.records.entry(hash_record(record)) {
            Entry::Occupied(known) => {
                let first = self.places.get(*known.get()).copied();
                self.copies.push((first.unwrap_or_default(), place));
                self.values += 1;
                return;
            }
            Entry::Vacant(new) => drop(new.insert(rows)),
        }
        for name in record.keys() {
            if !self.fields.iter().any(|(known, _)| known == name) {
                self.fields.push((name.clone(), vec![NOTHING; rows]));
            }
        }
        self.places.push(place);
        for (name, hashes) in &mut self.fields {
            hashes.push(record.get(name).map_or(NOTHING, hash_value));
        }
        // The record's own hash and place take as much as values do.
        self.values += self.fields.len() + 4;
    }

    /// How many different records were measured.
    pub(super) fn rows(&self) -> usize {
        self.places.len()
    }

    /// Records that are equal to an earlier one in every field.
    pub(super) fn copies(&self) -> &[(SamplePlace, SamplePlace)] {
        &self.copies
    }

    /// Whether every record has values of its own in these fields together.
    pub(super) fn is_unique(&self, names: &[&str]) -> bool {
        let mut columns = Vec::new();
        for name in names {
            match self.hashes_of(name) {
                Some(hashes) => columns.push(hashes),
                None => return false,
            }
        }
        let mut seen = HashSet::with_capacity(self.rows());
        (0..self.rows()).all(|row| {
            let parts: Vec<u64> = columns.iter().map(|hashes| hashes[row]).collect();
            !parts.contains(&NOTHING) && seen.insert(parts)
        })
    }

    /// The records that a field does not tell from others; none where they are not few.
    pub(super) fn few_exceptions(&self, name: &str) -> Option<KeyExceptions> {
        let hashes = self.hashes_of(name)?;
        let few = match self.rows() {
            rows if rows < FEW_OF_ROWS => 0,
            rows => (rows / (2 * FEW_OF_ROWS)).max(1),
        };
        let mut exceptions = KeyExceptions::default();
        let mut seen: HashMap<u64, SamplePlace> = HashMap::with_capacity(self.rows());
        for (hash, place) in hashes.iter().zip(&self.places) {
            if *hash == NOTHING {
                exceptions.blank.push(*place);
            } else if let Some(first) = seen.get(hash) {
                exceptions.shared.push((*first, *place));
            } else {
                seen.insert(*hash, *place);
            }
            if exceptions.count() > few {
                return None;
            }
        }
        Some(exceptions)
    }

    fn hashes_of(&self, name: &str) -> Option<&[u64]> {
        let mut fields = self.fields.iter();
        let found = fields.find(|(known, _)| known == name);
        found.map(|(_, hashes)| hashes.as_slice())
    }

    /// How many different values a field has.
    pub(super) fn distinct(&self, name: &str) -> usize {
        let hashes = self.hashes_of(name).unwrap_or_default();
        let distinct: HashSet<&u64> = hashes.iter().filter(|hash| **hash != NOTHING).collect();
        distinct.len()
    }
}

/// The hash of a whole record: the members of an object stand in the order of their names.
fn hash_record(record: &Map<String, Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in record {
        name.hash(&mut hasher);
        value.to_string().hash(&mut hasher);
    }
    hasher.finish()
}

fn hash_value(value: &Value) -> u64 {
    let text = match value {
        Value::Null | Value::Array(_) => return NOTHING,
        Value::String(text) => text.trim().to_owned(),
        other => other.to_string(),
    };
    if text.is_empty() {
        return NOTHING;
    }
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish().max(1)
}

#[cfg(test)]
mod tests {
    use super::super::sample_place::SampledFiles;
    use super::*;
    use serde_json::json;

    #[test]
    fn uniqueness_is_measured_alone_and_together() {
        let mut measure = KeyMeasure::default();
        for (id, line, note) in [
            ("1", 1, json!(null)),
            ("1", 2, json!("x")),
            ("2", 1, json!("y")),
        ] {
            let record = json!({"id": id, "line": line, "note": note});
            measure.add(record.as_object().unwrap(), SamplePlace::default());
        }
        assert!(!measure.is_unique(&["id"]) && !measure.is_unique(&["note"]));
        assert!(measure.is_unique(&["id", "line"]));
        assert!(!measure.is_unique(&["nowhere"]));
        assert_eq!((measure.rows(), measure.distinct("id")), (3, 2));
    }

    #[test]
    fn a_record_that_stands_twice_counts_once_and_few_exceptions_are_named() {
        let mut files = SampledFiles::default();
        files.begin("a.csv");
        let mut measure = KeyMeasure::default();
        for row in 1..=12 {
            // The third stands twice; the fifth has the value of the fourth.
            let number = match row {
                4 => 3,
                6 => 5,
                other => other,
            };
            let note = if row == 4 { 3 } else { row };
            let record = json!({"no": format!("L{number}"), "note": note});
            measure.add(record.as_object().unwrap(), files.place_of(row));
        }
        assert_eq!(measure.rows(), 11);
        assert_eq!(measure.copies(), [(files.place_of(3), files.place_of(4))]);
        let exceptions = measure.few_exceptions("no").unwrap();
        assert_eq!(exceptions.shared, [(files.place_of(5), files.place_of(6))]);
        assert!(exceptions.blank.is_empty() && !measure.is_unique(&["no"]));
        assert!(measure.is_unique(&["note"]));
    }
}

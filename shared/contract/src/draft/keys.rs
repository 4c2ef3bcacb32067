//! Which fields tell records apart, measured over the rows.

use std::collections::HashSet;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use serde_json::{Map, Value};

/// Values that are remembered, as hashes: 32 MB. Uniqueness is measured over the rows that fit.
const VALUES_MAX: usize = 4_000_000;

/// The hash of no value.
const NOTHING: u64 = 0;

/// The values of the fields of records, as hashes.
#[derive(Debug, Default)]
pub(super) struct KeyMeasure {
    fields: Vec<(String, Vec<u64>)>,
    rows: usize,
    values: usize,
}

impl KeyMeasure {
    /// Notes the record's values that are texts or numbers.
    pub(super) fn add(&mut self, record: &Map<String, Value>) {
        if self.values >= VALUES_MAX {
            return;
        }
        for name in record.keys() {
            if !self.fields.iter().any(|(known, _)| known == name) {
                self.fields.push((name.clone(), vec![NOTHING; self.rows]));
            }
        }
        self.rows += 1;
        for (name, hashes) in &mut self.fields {
            hashes.push(record.get(name).map_or(NOTHING, hash_value));
        }
        self.values += self.fields.len();
    }

    /// How many rows were measured.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Whether every record has values of its own in these fields together.
    pub(super) fn is_unique(&self, names: &[&str]) -> bool {
        let mut columns = Vec::new();
        for name in names {
            match self.fields.iter().find(|(known, _)| known == name) {
                Some((_, hashes)) => columns.push(hashes),
                None => return false,
            }
        }
        let mut seen = HashSet::with_capacity(self.rows);
        (0..self.rows).all(|row| {
            let parts: Vec<u64> = columns.iter().map(|hashes| hashes[row]).collect();
            !parts.contains(&NOTHING) && seen.insert(parts)
        })
    }

    /// How many different values a field has.
    pub(super) fn distinct(&self, name: &str) -> usize {
        let field = self.fields.iter().find(|(known, _)| known == name);
        let hashes = field
            .map(|(_, hashes)| hashes.as_slice())
            .unwrap_or_default();
        let distinct: HashSet<&u64> = hashes.iter().filter(|hash| **hash != NOTHING).collect();
        distinct.len()
    }
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
            measure.add(record.as_object().unwrap());
        }
        assert!(!measure.is_unique(&["id"]) && !measure.is_unique(&["note"]));
        assert!(measure.is_unique(&["id", "line"]));
        assert!(!measure.is_unique(&["nowhere"]));
        assert_eq!((measure.rows(), measure.distinct("id")), (3, 2));
    }
}

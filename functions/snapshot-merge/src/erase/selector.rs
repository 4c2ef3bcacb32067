//! Which rows an erasure removes.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, RecordBatch, StringArray};
use contract::TableContract;
use lake::{LakeError, id_columns, schema};

/// The persons that are erased.
#[derive(Clone, Default)]
pub struct ErasureSelector {
    /// Every row is removed that has one of these ids in an id column; see [`lake::id_columns`].
    pub ids: BTreeSet<String>,
    /// Every row is removed that one of these records made: source and key.
    pub records: BTreeSet<(String, String)>,
    /// Gives a statement of another record without its mentions of the persons; none when it has
    /// none that can be removed.
    pub statements: Option<StatementEraser>,
}

/// Gives the text without its mentions, or none when it stays as it is.
pub type StatementEraser = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The columns that decide whether a row is removed.
pub(super) fn selector_columns(table: &TableContract) -> Vec<&str> {
    let of_statement: &[&str] = if table.holds_records() {
        &["owner_set", "source_event_id"]
    } else {
        &[]
    };
    // What an entity's row remembers is read with what the row shows.
    let of_entity: &[&str] = if table.name == schema::ENTITY_TABLE {
        &["sources", "first_seen", "last_seen", "source_event_id"]
    } else {
        &[]
    };
    id_columns(table)
        .chain(of_entity.iter().copied())
        .chain(["source", "source_record_id", schema::STATEMENT_COLUMN])
        .chain(of_statement.iter().copied())
        .collect()
}

fn text_column<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}

impl ErasureSelector {
    /// Which rows of a table are removed.
    pub(super) fn match_rows(&self, table: &TableContract, batch: &RecordBatch) -> BooleanArray {
        let id_columns: Vec<&StringArray> = id_columns(table)
            .filter_map(|name| text_column(batch, name))
            .collect();
        let records = text_column(batch, "source").zip(text_column(batch, "source_record_id"));
        (0..batch.num_rows())
            .map(|row| {
                let is_named = id_columns.iter().any(|ids| self.matches_id(ids, row));
                let is_made = records.is_some_and(|(sources, keys)| {
                    self.matches_record(sources.value(row), keys.value(row))
                });
                Some(is_named || is_made)
            })
            .collect()
    }

    /// The batch with the statements of other records redacted, and how many of them were.
    pub(super) fn redact_statements(
        &self,
        batch: &RecordBatch,
    ) -> Result<(RecordBatch, u64), LakeError> {
        match &self.statements {
            Some(erase) => lake::redact_statements(batch, |_, text| erase(text)),
            None => Ok((batch.clone(), 0)),
        }
    }

    fn matches_id(&self, ids: &StringArray, row: usize) -> bool {
        ids.is_valid(row) && self.ids.contains(ids.value(row))
    }

    fn matches_record(&self, source: &str, key: &str) -> bool {
        self.records
            .iter()
            .any(|(known_source, known_key)| known_source == source && known_key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_match_by_an_erased_id_or_by_their_record() {
        let erased = "0d2f3c6e-0000-5000-8000-000000000001";
        let selector = ErasureSelector {
            ids: BTreeSet::from([erased.to_owned()]),
            records: BTreeSet::from([("housing".to_owned(), "7".to_owned())]),
            statements: None,
        };
        let ids = StringArray::from(vec![Some(erased), None, Some("other")]);
        assert!(selector.matches_id(&ids, 0));
        assert!(!selector.matches_id(&ids, 1) && !selector.matches_id(&ids, 2));
        assert!(selector.matches_record("housing", "7"));
        assert!(!selector.matches_record("care", "7"));
    }
}

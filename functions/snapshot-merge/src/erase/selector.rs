//! Whose rows go.

use std::collections::BTreeSet;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, RecordBatch, StringArray};
use contract::TableContract;
use lake::id_columns;

/// Who is erased.
#[derive(Clone, Default)]
pub struct ErasureSelector {
    /// Every row goes that names one of these ids.
    pub ids: BTreeSet<String>,
    /// Every row goes that one of these records made: source and key.
    pub records: BTreeSet<(String, String)>,
}

/// The columns that tell whose a row is.
pub(super) fn selector_columns(table: &TableContract) -> Vec<&str> {
    id_columns(table)
        .chain(["source", "source_record_id"])
        .collect()
}

fn text_column<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}

impl ErasureSelector {
    /// Which rows of a table are theirs.
    pub(super) fn match_rows(&self, table: &TableContract, batch: &RecordBatch) -> BooleanArray {
        let columns: Vec<_> = id_columns(table)
            .filter_map(|name| text_column(batch, name))
            .collect();
        let named = |row: usize| {
            columns
                .iter()
                .any(|ids| ids.is_valid(row) && self.ids.contains(ids.value(row)))
        };
        let record = text_column(batch, "source").zip(text_column(batch, "source_record_id"));
        let made = |row: usize| {
            record.is_some_and(|(sources, keys)| {
                self.matches_record(sources.value(row), keys.value(row))
            })
        };
        (0..batch.num_rows())
            .map(|row| Some(named(row) || made(row)))
            .collect()
    }

    fn matches_record(&self, source: &str, key: &str) -> bool {
        self.records
            .iter()
            .any(|(known, of)| known == source && of == key)
    }
}

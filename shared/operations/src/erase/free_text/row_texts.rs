//! The texts of rows: of every column that can hold one, and the names and dates in columns beside
//! each other.

use std::borrow::Cow;

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type};
use arrow_array::{Array, Date32Array, Int64Array, RecordBatch, StringArray};
use contract::{ColumnType, TableContract};
use lake::schema::STATEMENT_COLUMN;
use lake::{Day, id_columns};
use pole::FoldedText;

use super::record_texts::TextWalk;

/// Columns of the provenance whose values the platform makes, or contracts declare.
const DECLARED_COLUMNS: [&str; 5] = [
    "source",
    "owner_set",
    "contract_version",
    "mapping_version",
    "topic",
];

/// The names of a table's columns in which text is searched, dates among them.
pub(super) fn searched_columns(table: &TableContract) -> impl Iterator<Item = &str> {
    let own = table.columns.iter().filter(move |column| {
        let is_searched = matches!(column.kind, ColumnType::Text | ColumnType::Date);
        let is_id = id_columns(table).any(|id| id == column.name);
        is_searched && !is_id && !DECLARED_COLUMNS.contains(&column.name.as_str())
    });
    let names = own.map(|column| column.name.as_str());
    names.chain(table.holds_records().then_some(STATEMENT_COLUMN))
}

/// The searched columns of a batch, and the position of its rows.
pub(super) struct RowTexts<'b> {
    texts: Vec<(&'b str, &'b StringArray)>,
    dates: Vec<(&'b str, &'b Date32Array)>,
    topics: Option<&'b StringArray>,
    partitions: Option<&'b Int64Array>,
    offsets: Option<&'b Int64Array>,
}

impl<'b> RowTexts<'b> {
    pub(super) fn from_batch(batch: &'b RecordBatch, table: &'b TableContract) -> Self {
        let numbers = |name: &str| {
            let column = batch.column_by_name(name)?;
            column.as_primitive_opt::<Int64Type>()
        };
        let columns =
            || searched_columns(table).filter_map(|name| Some((name, batch.column_by_name(name)?)));

        Self {
            texts: columns()
                .filter_map(|(name, column)| Some((name, column.as_string_opt::<i32>()?)))
                .collect(),
            dates: columns()
                .filter_map(|(name, column)| Some((name, column.as_primitive_opt::<Date32Type>()?)))
                .collect(),
            topics: batch
                .column_by_name("topic")
                .and_then(|column| column.as_string_opt::<i32>()),
            partitions: numbers("partition"),
            offsets: numbers("offset"),
        }
    }

    /// The offset of the record that made the row.
    pub(super) fn offset(&self, row: usize) -> i64 {
        self.offsets.map_or(-1, |offsets| offsets.value(row))
    }

    /// The topic and the partition of the record that made the row.
    pub(super) fn topic(&self, row: usize) -> Option<(String, i64)> {
        let topic = self.topics?.value(row).to_owned();
        Some((topic, self.partitions?.value(row)))
    }

    /// Searches the texts of a row. `reduce` takes a statement, and gives what an erasure leaves of
    /// it; none where it stays.
    pub(super) fn search_row(
        &self,
        row: usize,
        walk: &mut TextWalk<'_>,
        reduce: impl Fn(&str) -> Option<String>,
    ) {
        let mut fields = Vec::new();
        for (name, column) in &self.texts {
            if column.is_null(row) {
                continue;
            }
            let text = column.value(row);
            if *name == STATEMENT_COLUMN {
                walk.search_column(name, &reduce(text).unwrap_or_else(|| text.to_owned()));
            } else {
                fields.extend(walk.search_column(name, text));
            }
        }

        for (name, column) in &self.dates {
            if column.is_valid(row) {
                let text = Day(column.value(row)).to_string();
                let folded = FoldedText::of(&text);
                fields.extend(walk.sibling_field(name, Cow::Owned(text), &folded));
            }
        }
        walk.search_columns(&fields);
    }
}

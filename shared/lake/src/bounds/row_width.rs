//! How many bytes a row can take once it is decoded, and how many rows are decoded at once by that.

use arrow_schema::{DataType, Field};
use parquet::basic::Type;
use parquet::schema::types::ColumnDescriptor;

use super::page_headers::PageSizes;
use crate::LakeError;
use crate::limits::{ParquetLimits, check_limit};

/// Bytes of the largest number or instant.
const NUMBER_BYTES: u64 = 16;

/// What the columns of a row group add up to.
#[derive(Debug, Default)]
pub(super) struct RowWidth {
    /// Bytes of a row.
    row_bytes: u64,
    /// Bytes that are held while rows are decoded.
    held_bytes: u64,
}

impl RowWidth {
    /// Counts a column, whose dictionary has values of up to `largest_value` bytes.
    ///
    /// # Errors
    /// When a value of it, or all that is held, is over a limit.
    pub(super) fn add_column(
        &mut self,
        column: &ColumnDescriptor,
        sizes: &PageSizes,
        largest_value: usize,
        limits: &ParquetLimits,
    ) -> Result<(), LakeError> {
        let fixed_bytes = fixed_value_bytes(column);
        check_limit("a value has", fixed_bytes, limits.page_bytes, "bytes")?;
        let value_bytes = match column.physical_type() {
            Type::BYTE_ARRAY => sizes.value_bytes.max(largest_value as u64),
            _ => fixed_bytes,
        };
        let name_bytes = column.path().string().len() as u64;
        let value_bytes = value_bytes + limits.value_overhead + name_bytes;

        self.row_bytes = self.row_bytes.saturating_add(value_bytes);
        let mut held =
            sizes.largest_page + 2 * sizes.dictionary + sizes.delta_lengths + fixed_bytes;
        if column.max_rep_level() > 0 {
            held = held.saturating_add(sizes.values.saturating_mul(value_bytes));
        }
        self.held_bytes = self.held_bytes.saturating_add(held);
        let what = "the columns up to here take";
        check_limit(
            what,
            self.held_bytes,
            limits.held_bytes,
            "bytes at once (fewer rows in a row group take less)",
        )
    }

    /// Counts a column of lists that all have the same length, which a missing list has too.
    pub(super) fn add_fixed_lists(&mut self, field: &Field, limits: &ParquetLimits) {
        let items = fixed_list_items(field.data_type());
        let bytes = items.saturating_mul(limits.value_overhead + NUMBER_BYTES);
        self.row_bytes = self.row_bytes.saturating_add(bytes);
        self.held_bytes = self.held_bytes.saturating_add(bytes);
    }

    /// How many rows of a group of `group_rows` are decoded at once.
    ///
    /// # Errors
    /// When a single row could be over the limit.
    pub(super) fn batch_rows(
        &self,
        group_rows: u64,
        limits: &ParquetLimits,
    ) -> Result<usize, LakeError> {
        check_limit("a row takes", self.row_bytes, limits.held_bytes, "bytes")?;
        let rows = limits.batch_bytes / self.row_bytes.max(1);
        let rows = rows.min(limits.batch_rows).min(group_rows).max(1);
        Ok(usize::try_from(rows).unwrap_or(1))
    }
}

/// Bytes that each value of a column has, a missing one too; of texts, none.
fn fixed_value_bytes(column: &ColumnDescriptor) -> u64 {
    match column.physical_type() {
        Type::BYTE_ARRAY => 0,
        Type::FIXED_LEN_BYTE_ARRAY => u64::try_from(column.type_length()).unwrap_or_default(),
        _ => NUMBER_BYTES,
    }
}

fn fixed_list_items(data_type: &DataType) -> u64 {
    match data_type {
        DataType::FixedSizeList(item, length) => {
            let length = u64::try_from(*length).unwrap_or_default();
            length.saturating_mul(fixed_list_items(item.data_type()).max(1))
        }
        DataType::List(item) | DataType::LargeList(item) | DataType::Map(item, _) => {
            fixed_list_items(item.data_type())
        }
        DataType::Struct(fields) => {
            let items = fields
                .iter()
                .map(|field| fixed_list_items(field.data_type()));
            items.fold(0, u64::saturating_add)
        }
        _ => 0,
    }
}

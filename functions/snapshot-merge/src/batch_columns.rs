//! Columns and rows of record batches whose rows are sorted by owner.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, StringArray, new_null_array};
use arrow_schema::{ArrowError, Field, SchemaRef};
use arrow_select::interleave::interleave_record_batch;
use host::Failure;
use lake::file::BATCH_ROWS;
use lake::{LakeError, OwnerRange};

/// The batch in the target's columns, by name. A column that is newer than the file is null.
pub(crate) fn conform_to_schema(
    batch: &RecordBatch,
    target: &SchemaRef,
) -> Result<RecordBatch, LakeError> {
    let columns = target
        .fields()
        .iter()
        .map(|field| conform_column(batch, field))
        .collect::<Result<_, _>>()?;
    Ok(RecordBatch::try_new(Arc::clone(target), columns)?)
}

fn conform_column(batch: &RecordBatch, field: &Field) -> Result<ArrayRef, LakeError> {
    match batch.column_by_name(field.name()) {
        Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
        Some(column) => Err(LakeError::Unexpected(format!(
            "column {} is {} in the file and {} in the contract; \
             a change of type needs a new table version",
            field.name(),
            column.data_type(),
            field.data_type()
        ))),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    }
}

/// A column of a batch by name and type.
pub(crate) fn typed_column<'b, A: Array + 'static>(
    batch: &'b RecordBatch,
    name: &str,
) -> Result<&'b A, LakeError> {
    let column = batch
        .column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref::<A>());
    column.ok_or_else(|| {
        let message = format!("column {name} is missing or of another type");
        LakeError::Arrow(ArrowError::SchemaError(message))
    })
}

/// A text column of a batch by name.
pub(crate) fn text_column<'b>(
    batch: &'b RecordBatch,
    name: &str,
) -> Result<&'b StringArray, LakeError> {
    typed_column(batch, name)
}

/// The owners of a batch's rows.
pub(crate) fn owner_ids(batch: &RecordBatch) -> Result<&StringArray, LakeError> {
    text_column(batch, "owner_id")
}

/// How many of the sorted owners come before `owner`.
pub(crate) fn count_owners_before(owners: &StringArray, owner: &str) -> usize {
    let mut low = 0;
    let mut high = owners.len();
    while low < high {
        let middle = low.midpoint(high);
        if owners.value(middle) < owner {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}

/// A sorted batch cut in two: the rows of owners before `owner`, and the others.
pub(crate) fn split_before_owner(
    batch: &RecordBatch,
    owner: &str,
) -> Result<(RecordBatch, RecordBatch), LakeError> {
    let count = count_owners_before(owner_ids(batch)?, owner);
    Ok(split_rows(batch, count))
}

/// A batch cut in two: its first rows, and the others.
pub(crate) fn split_rows(batch: &RecordBatch, count: usize) -> (RecordBatch, RecordBatch) {
    let first = batch.slice(0, count);
    let rest = batch.slice(count, batch.num_rows() - count);
    (first, rest)
}

/// The rows of a sorted batch whose owners are in the range.
pub(crate) fn rows_in_owner_range(
    batch: &RecordBatch,
    range: &OwnerRange,
) -> Result<RecordBatch, LakeError> {
    let owners = owner_ids(batch)?;
    let from = count_owners_before(owners, &range.from);
    let to = range
        .to
        .as_deref()
        .map_or(owners.len(), |to| count_owners_before(owners, to));
    Ok(batch.slice(from, to.saturating_sub(from)))
}

/// A row's place in the order of owners: the owner, then the batch and the row, which keep the
/// order of arrival.
type OwnerOrder<'b> = (&'b str, (usize, usize));

/// The batches' rows by owner, in batches of 8,192; rows of one owner stay in the order in which
/// they came.
pub(crate) fn sort_by_owner(batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, LakeError> {
    let order = order_by_owner(batches)?;
    gather_in_order(batches, &order).collect()
}

/// Writes the batches' rows as [`sort_by_owner`] gives them. One batch of sorted rows is made after
/// the other: all of them would take as much again as the unsorted ones.
pub(crate) fn write_by_owner(
    batches: &[RecordBatch],
    mut write: impl FnMut(&RecordBatch) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let order = order_by_owner(batches)?;
    for batch in gather_in_order(batches, &order) {
        write(&batch?)?;
    }
    Ok(())
}

/// The places of the batches' rows in the order of their owners.
fn order_by_owner(batches: &[RecordBatch]) -> Result<Vec<OwnerOrder<'_>>, LakeError> {
    let mut order: Vec<OwnerOrder<'_>> = Vec::new();
    for (index, batch) in batches.iter().enumerate() {
        let owners = owner_ids(batch)?;
        order.extend((0..owners.len()).map(|row| (owners.value(row), (index, row))));
    }
    order.sort_unstable();
    Ok(order)
}

/// The rows in this order, in batches of 8,192.
fn gather_in_order<'b>(
    batches: &'b [RecordBatch],
    order: &'b [OwnerOrder<'b>],
) -> impl Iterator<Item = Result<RecordBatch, LakeError>> + 'b {
    let sources: Vec<&RecordBatch> = batches.iter().collect();
    let chunks = order.chunks(BATCH_ROWS);
    chunks.map(move |rows| gather_rows(&sources, rows))
}

fn gather_rows(
    sources: &[&RecordBatch],
    order: &[OwnerOrder<'_>],
) -> Result<RecordBatch, LakeError> {
    let rows: Vec<(usize, usize)> = order.iter().map(|(_, row)| *row).collect();
    Ok(interleave_record_batch(sources, &rows)?)
}

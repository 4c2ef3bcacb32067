//! Increments, read and looked into: which statement stands in which row.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow_schema::{ArrowError, SchemaRef};
use futures_util::{StreamExt, stream};
use host::Failure;
use lake::{LakeError, file, schema};
use pole::{LogPosition, Precedence, RowOperation};
use store::ObjectStore;

use crate::resolve::{ChangeOrigin, ChangeRecord};
use crate::sorted_file::corrupt_file_failure;
use crate::sorted_runs::{IncrementSorter, Increments};
use crate::streams::RefinedInput;

/// Refined objects that are fetched at once.
const FETCHES_AT_ONCE: usize = 8;

/// Sorts the rows of the inputs, cut to the offsets that are taken. They are decoded one object after the other.
pub(crate) async fn sort_increments(
    refined: &Arc<dyn ObjectStore>,
    inputs: &[RefinedInput],
    mut sorter: IncrementSorter<'_>,
) -> Result<Increments, Failure> {
    let schema = sorter.schema();
    let fetch = |input: &RefinedInput| {
        let (refined, key) = (Arc::clone(refined), input.key.clone());
        async move {
            refined
                .get(&key)
                .await
                .map_err(|error| Failure::unavailable(&error))
        }
    };
    let mut objects = stream::iter(inputs.iter().map(fetch)).buffered(FETCHES_AT_ONCE);
    for input in inputs {
        let Some(object) = objects.next().await.transpose()? else {
            break;
        };
        let corrupt = |error: LakeError| corrupt_file_failure(&input.key, &error);
        for batch in file::read_parquet(object.body).map_err(corrupt)? {
            let batch = batch
                .map_err(LakeError::from)
                .and_then(|batch| select_offset_range(&batch, input, &schema));
            sorter.add_batch(batch.map_err(corrupt)?).await?;
        }
    }
    sorter.finish().await
}

/// The rows of a batch whose offsets are taken.
fn select_offset_range(
    batch: &RecordBatch,
    input: &RefinedInput,
    target: &SchemaRef,
) -> Result<RecordBatch, LakeError> {
    let batch = conform_to_schema(batch, target)?;
    let offsets = typed_column::<Int64Array>(&batch, "offset")?;
    let taken =
        |offset: Option<i64>| offset.map(|offset| input.from <= offset && offset < input.to);
    if offsets.iter().all(|offset| taken(offset) == Some(true)) {
        return Ok(batch);
    }
    let taken: BooleanArray = offsets.iter().map(taken).collect();
    Ok(arrow_select::filter::filter_record_batch(&batch, &taken)?)
}

/// The batch in the target's columns, by name: a column that is newer than the file is null.
pub(crate) fn conform_to_schema(
    batch: &RecordBatch,
    target: &SchemaRef,
) -> Result<RecordBatch, LakeError> {
    let columns = target.fields().iter().map(|field| match batch.column_by_name(field.name()) {
        Some(column) if column.data_type() == field.data_type() => Ok(Arc::clone(column)),
        Some(column) => Err(LakeError::Unexpected(format!(
            "column {} is {} in the file and {} in the contract; a change of type needs a new table version",
            field.name(),
            column.data_type(),
            field.data_type()
        ))),
        None => Ok(new_null_array(field.data_type(), batch.num_rows())),
    });
    Ok(RecordBatch::try_new(
        Arc::clone(target),
        columns.collect::<Result<_, _>>()?,
    )?)
}

pub(crate) fn typed_column<'b, A: Array + 'static>(
    batch: &'b RecordBatch,
    name: &str,
) -> Result<&'b A, LakeError> {
    let found = batch
        .column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref::<A>());
    found.ok_or_else(|| {
        LakeError::Arrow(ArrowError::SchemaError(format!(
            "column {name} is missing or of another type"
        )))
    })
}

/// The columns of a batch that say what its rows state.
pub(crate) struct ChangeColumns<'b> {
    pole_id: &'b StringArray,
    owner_id: &'b StringArray,
    source: &'b StringArray,
    owner_set: &'b StringArray,
    event_id: &'b StringArray,
    version: &'b Int64Array,
    event_time: &'b arrow_array::TimestampMicrosecondArray,
    ingested_at: &'b arrow_array::TimestampMicrosecondArray,
    partition: &'b Int64Array,
    offset: &'b Int64Array,
    op: Option<&'b StringArray>,
    changed_columns: Option<&'b StringArray>,
}

impl<'b> ChangeColumns<'b> {
    /// Looks into a batch of the curated or the refined schema.
    pub(crate) fn from_batch(batch: &'b RecordBatch) -> Result<Self, LakeError> {
        let optional = |name: &str| {
            batch
                .column_by_name(name)
                .and_then(|column| column.as_string_opt::<i32>())
        };
        Ok(Self {
            pole_id: typed_column(batch, "pole_id")?,
            owner_id: typed_column(batch, "owner_id")?,
            source: typed_column(batch, "source")?,
            owner_set: typed_column(batch, "owner_set")?,
            event_id: typed_column(batch, "source_event_id")?,
            version: typed_column(batch, "entity_version")?,
            event_time: typed_column(batch, "event_time")?,
            ingested_at: typed_column(batch, "ingested_at")?,
            partition: typed_column(batch, "partition")?,
            offset: typed_column(batch, "offset")?,
            op: optional(schema::OPERATION_COLUMN),
            changed_columns: optional(schema::CHANGED_COLUMNS_COLUMN),
        })
    }

    /// The owner of a row.
    pub(crate) fn owner_id(&self, row: usize) -> &'b str {
        self.owner_id.value(row)
    }

    /// What a row states. `batch` is the place of its batch among the merge's sources.
    pub(crate) fn change_record(
        &self,
        batch: usize,
        row: usize,
        origin: ChangeOrigin,
    ) -> ChangeRecord<'b> {
        let some = |column: &'b StringArray| column.is_valid(row).then(|| column.value(row));
        let position = LogPosition {
            appended: self.ingested_at.value(row),
            partition: self.partition.value(row),
            offset: self.offset.value(row),
        };
        let truth = Precedence {
            version: self.version.is_valid(row).then(|| self.version.value(row)),
            event_time: self.event_time.value(row),
            position,
        };
        ChangeRecord {
            pole_id: self.pole_id.value(row),
            source: self.source.value(row),
            set: some(self.owner_set),
            op: self
                .op
                .and_then(some)
                .and_then(RowOperation::from_code)
                .unwrap_or(RowOperation::Upsert),
            event_id: self.event_id.value(row),
            precedence: truth,
            changed_columns: self.changed_columns.and_then(some),
            row_ref: (batch, row),
            origin,
        }
    }
}

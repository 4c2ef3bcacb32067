//! Increments, read and looked into: which statement stands in which row.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, BooleanArray, Int64Array, RecordBatch, StringArray, new_null_array};
use arrow_schema::{ArrowError, SchemaRef};
use futures_util::{StreamExt, stream};
use host::Failure;
use lake::{LakeError, file, schema};
use pole::{Op, Position, Truth};
use store::ObjectStore;

use crate::fold::{Origin, Statement};
use crate::runs::{Increments, Sorter};
use crate::sorted::damaged;
use crate::streams::Input;

/// Refined objects that are fetched at once.
const FETCHES_AT_ONCE: usize = 8;

/// Sorts the rows of the inputs, cut to the offsets that are taken. They are decoded one object after the other.
pub(crate) async fn sort(
    refined: &Arc<dyn ObjectStore>,
    inputs: &[Input],
    mut sorter: Sorter<'_>,
) -> Result<Increments, Failure> {
    let schema = sorter.schema();
    let fetch = |input: &Input| {
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
        let corrupt = |error: LakeError| damaged(&input.key, &error);
        for batch in file::read(object.body).map_err(corrupt)? {
            let batch = batch
                .map_err(LakeError::from)
                .and_then(|batch| taken(&batch, input, &schema));
            sorter.add(batch.map_err(corrupt)?).await?;
        }
    }
    sorter.finish().await
}

/// The rows of a batch whose offsets are taken.
fn taken(batch: &RecordBatch, input: &Input, target: &SchemaRef) -> Result<RecordBatch, LakeError> {
    let batch = conform(batch, target)?;
    let offsets = column::<Int64Array>(&batch, "offset")?;
    let taken =
        |offset: Option<i64>| offset.map(|offset| input.from <= offset && offset < input.to);
    if offsets.iter().all(|offset| taken(offset) == Some(true)) {
        return Ok(batch);
    }
    let taken: BooleanArray = offsets.iter().map(taken).collect();
    Ok(arrow_select::filter::filter_record_batch(&batch, &taken)?)
}

/// The batch in the target's columns, by name: a column that is newer than the file is null.
pub(crate) fn conform(batch: &RecordBatch, target: &SchemaRef) -> Result<RecordBatch, LakeError> {
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

pub(crate) fn column<'b, A: Array + 'static>(
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
pub(crate) struct Statements<'b> {
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
    carried: Option<&'b StringArray>,
}

impl<'b> Statements<'b> {
    /// Looks into a batch of the curated or the refined schema.
    pub(crate) fn of(batch: &'b RecordBatch) -> Result<Self, LakeError> {
        let optional = |name: &str| {
            batch
                .column_by_name(name)
                .and_then(|column| column.as_string_opt::<i32>())
        };
        Ok(Self {
            pole_id: column(batch, "pole_id")?,
            owner_id: column(batch, "owner_id")?,
            source: column(batch, "source")?,
            owner_set: column(batch, "owner_set")?,
            event_id: column(batch, "source_event_id")?,
            version: column(batch, "entity_version")?,
            event_time: column(batch, "event_time")?,
            ingested_at: column(batch, "ingested_at")?,
            partition: column(batch, "partition")?,
            offset: column(batch, "offset")?,
            op: optional(schema::OP),
            carried: optional(schema::CARRIED),
        })
    }

    /// The owner of a row.
    pub(crate) fn owner(&self, row: usize) -> &'b str {
        self.owner_id.value(row)
    }

    /// What a row states. `batch` is the place of its batch among the merge's sources.
    pub(crate) fn statement(&self, batch: usize, row: usize, origin: Origin) -> Statement<'b> {
        let some = |column: &'b StringArray| column.is_valid(row).then(|| column.value(row));
        let position = Position {
            appended: self.ingested_at.value(row),
            partition: self.partition.value(row),
            offset: self.offset.value(row),
        };
        let truth = Truth {
            version: self.version.is_valid(row).then(|| self.version.value(row)),
            event_time: self.event_time.value(row),
            position,
        };
        Statement {
            pole_id: self.pole_id.value(row),
            source: self.source.value(row),
            set: some(self.owner_set),
            op: self
                .op
                .and_then(some)
                .and_then(Op::from_code)
                .unwrap_or(Op::Upsert),
            event_id: self.event_id.value(row),
            truth,
            carried: self.carried.and_then(some),
            at: (batch, row),
            origin,
        }
    }
}

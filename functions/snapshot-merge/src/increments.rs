//! A table's increments: fetched, cut to the consumed offsets, and sorted.

use arrow_array::{Array, BooleanArray, Int64Array, RecordBatch, new_null_array};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use host::Failure;
use lake::schema::STATEMENT_COLUMN;
use lake::{BoundedBatches, LakeError, file};
use store::ObjectStore;

use crate::batch_columns::{conform_to_schema, typed_column};
use crate::sorted_runs::{IncrementSorter, Increments};
use crate::stated_entities::select_sightings;
use crate::streams::RefinedInput;

/// Refined objects that are fetched at once.
const FETCHES_AT_ONCE: usize = 8;

/// What is read of the inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TakenRows {
    /// Rows with the text of their statements: a record table keeps it.
    WithStatements,
    /// Rows without that text: another table needs to know only which records statements change.
    WithoutStatements,
    /// Only the rows that state entities.
    Sightings,
}

/// Sorts the rows of the inputs whose offsets are consumed. The objects are decoded one after the
/// other.
pub(crate) async fn sort_increments(
    refined: &dyn ObjectStore,
    (inputs, taken): (&[RefinedInput], TakenRows),
    mut sorter: IncrementSorter<'_>,
) -> Result<Increments, Failure> {
    let schema = sorter.schema();
    let mut objects =
        stream::iter(inputs.iter().map(|input| refined.get(&input.key))).buffered(FETCHES_AT_ONCE);
    for input in inputs {
        let Some(object) = objects.next().await.transpose()? else {
            break;
        };
        let batches = input
            .digest
            .check(&object.body)
            .and_then(|()| read_taken_columns(object.body, taken, &schema))
            .map_err(|error| Failure::damaged_object(&input.key, &error))?;
        for batch in batches {
            let rows = batch
                .and_then(|batch| {
                    let rows = select_consumed_rows(&batch, input, &schema)?;
                    taken.select_rows(rows)
                })
                .map_err(|error| Failure::damaged_object(&input.key, &error))?;
            sorter.add_batch(rows).await?;
        }
    }
    sorter.finish().await
}

/// The batches of an object: of what states entities only the columns that say so are decoded.
fn read_taken_columns(
    body: Bytes,
    taken: TakenRows,
    schema: &SchemaRef,
) -> Result<BoundedBatches<Bytes>, LakeError> {
    match taken {
        TakenRows::WithStatements | TakenRows::WithoutStatements => file::read_parquet(body),
        TakenRows::Sightings => {
            let names = schema.fields().iter().map(|field| field.name().as_str());
            file::read_columns(body, names)
        }
    }
}

impl TakenRows {
    fn select_rows(self, rows: RecordBatch) -> Result<RecordBatch, LakeError> {
        match self {
            Self::WithStatements => Ok(rows),
            Self::WithoutStatements => drop_statements(&rows),
            Self::Sightings => select_sightings(&rows),
        }
    }
}

/// The rows of a batch whose offsets are consumed.
fn select_consumed_rows(
    batch: &RecordBatch,
    input: &RefinedInput,
    target: &SchemaRef,
) -> Result<RecordBatch, LakeError> {
    let batch = conform_to_schema(batch, target)?;
    let offsets = typed_column::<Int64Array>(&batch, "offset")?;
    let consumed: BooleanArray = offsets
        .iter()
        .map(|offset| offset.map(|offset| (input.from..input.to).contains(&offset)))
        .collect();
    if consumed.true_count() == batch.num_rows() {
        return Ok(batch);
    }
    Ok(filter_record_batch(&batch, &consumed)?)
}

/// The rows without the text of statements.
fn drop_statements(batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
    let schema = batch.schema();
    let mut columns = batch.columns().to_vec();
    if let Ok(index) = schema.index_of(STATEMENT_COLUMN) {
        columns[index] = new_null_array(columns[index].data_type(), batch.num_rows());
    }
    Ok(RecordBatch::try_new(schema, columns)?)
}

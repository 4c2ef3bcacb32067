//! A table's increments: fetched, cut to the consumed offsets, and sorted.

use arrow_array::{BooleanArray, Int64Array, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::filter::filter_record_batch;
use futures_util::{StreamExt, stream};
use host::Failure;
use lake::{LakeError, file};
use store::ObjectStore;

use crate::batch_columns::{conform_to_schema, typed_column};
use crate::sorted_runs::{IncrementSorter, Increments};
use crate::streams::RefinedInput;

/// Refined objects that are fetched at once.
const FETCHES_AT_ONCE: usize = 8;

/// Sorts the rows of the inputs whose offsets are consumed. The objects are decoded one after the
/// other.
pub(crate) async fn sort_increments(
    refined: &dyn ObjectStore,
    inputs: &[RefinedInput],
    mut sorter: IncrementSorter<'_>,
) -> Result<Increments, Failure> {
    let schema = sorter.schema();
    let mut objects =
        stream::iter(inputs.iter().map(|input| refined.get(&input.key))).buffered(FETCHES_AT_ONCE);
    for input in inputs {
        let Some(object) = objects.next().await.transpose()? else {
            break;
        };
        let batches = file::read_parquet(object.body)
            .map_err(|error| Failure::damaged_object(&input.key, &error))?;
        for batch in batches {
            let rows = batch
                .map_err(LakeError::from)
                .and_then(|batch| select_consumed_rows(&batch, input, &schema))
                .map_err(|error| Failure::damaged_object(&input.key, &error))?;
            sorter.add_batch(rows).await?;
        }
    }
    sorter.finish().await
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

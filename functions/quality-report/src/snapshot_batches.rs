//! Reading columns of a day's snapshots, batch by batch.

use std::sync::Arc;

use arrow_array::RecordBatch;
use host::Failure;
use lake::{LakeError, SnapshotManifest};
use store::ObjectStore;
use store::sorted_file::{RowGroupBatches, RowGroupFetcher};

/// Passes some columns of a snapshot to `handle_batch`, batch by batch; two row groups are held at
/// a time, whatever the table's size.
pub(crate) async fn for_each_batch(
    manifest: &SnapshotManifest,
    columns: &[&str],
    curated: &Arc<dyn ObjectStore>,
    mut handle_batch: impl FnMut(&RecordBatch) -> Result<(), LakeError>,
) -> Result<(), Failure> {
    let shards = manifest.shards.iter();
    let files = shards.map(|shard| shard.rows_file.clone()).collect();
    let fetcher = RowGroupFetcher::for_files(curated, files);
    let mut batches = RowGroupBatches::with_columns(fetcher, columns.iter().copied());

    while let Some((file, batch)) = batches.next().await? {
        handle_batch(&batch).map_err(|error| file.damaged(error))?;
    }
    Ok(())
}

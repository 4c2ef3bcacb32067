//! Reading columns of a day's snapshots, batch by batch.

use arrow_array::RecordBatch;
use bytes::Bytes;
use host::Failure;
use lake::{LakeError, SnapshotManifest, file};
use store::ObjectStore;

/// Passes some columns of a snapshot to `handle_batch`, batch by batch; one shard's file is held at
/// a time.
pub(crate) async fn for_each_batch(
    manifest: &SnapshotManifest,
    columns: &[&str],
    curated: &dyn ObjectStore,
    mut handle_batch: impl FnMut(&RecordBatch) -> Result<(), LakeError>,
) -> Result<(), Failure> {
    for shard in &manifest.shards {
        let object = curated.get(&shard.rows_key).await?;
        read_batches(object.body, columns, &mut handle_batch)?;
    }
    Ok(())
}

fn read_batches(
    file: Bytes,
    columns: &[&str],
    handle_batch: &mut impl FnMut(&RecordBatch) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    for batch in file::read_columns(file, columns.iter().copied())? {
        handle_batch(&batch?)?;
    }
    Ok(())
}

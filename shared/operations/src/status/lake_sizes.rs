//! What each zone stores.

use lake::Chunk;
use serde::Serialize;

use super::source_status::SourceStatus;
use super::stored_size::StoredSize;
use super::table_status::TableStatus;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// What each zone stores.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct LakeSizes {
    /// The raw objects.
    pub raw: StoredSize,
    /// The refined objects, without receipts.
    pub refined: StoredSize,
    /// The quarantine objects.
    pub quarantine: StoredSize,
    /// The files of rows that the newest days name; older days share most of them.
    pub newest_snapshots: StoredSize,
}

/// Adds up what the sources and tables have, and lists the refined zone.
pub(super) async fn measure_lake(
    lake: &LakeHandle,
    sources: &[SourceStatus],
    tables: &[TableStatus],
) -> Result<LakeSizes, OperationError> {
    let mut sizes = LakeSizes::default();
    for source in sources {
        sizes.raw.add_size(source.raw);
    }
    for table in lake.catalogue.stored_tables() {
        let prefix = Chunk::refined_prefix(&table.name);
        let listed = lake.refined.list(&prefix, None).await?;
        sizes.refined.add_size(StoredSize::of_listing(&listed));
    }
    let listed = lake.refined.list(Chunk::QUARANTINE_PREFIX, None).await?;
    sizes.quarantine = StoredSize::of_listing(&listed);

    for table in tables {
        let files = table.newest.iter().flat_map(|manifest| &manifest.shards);
        sizes.newest_snapshots.add_size(StoredSize {
            objects: files.count() as u64,
            bytes: table.bytes,
        });
    }
    Ok(sizes)
}

//! Every file of rows, read for the ids in it.
//!
//! Memory: some refined objects, each of which one invocation wrote; of a file of the curated zone,
//! which may be larger than the memory, the row group that is decoded and the one fetched ahead.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use contract::{Catalogue, TableContract};
use futures_util::{StreamExt, stream};
use lake::{Chunk, OwnerRange, state_prefix, table_prefix};
use store::sorted_file::{
    RowGroupBatches, RowGroupFetcher, SortedFile, SortedFileError, select_row_groups,
};
use store::{ListedObject, ObjectStore, StoreError, UnreadableObjects};

use super::inventory::ChunkObjects;
use super::row_ids::{RowIdentity, for_each_batch_row, for_each_row, identity_columns};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Refined objects that are fetched at once. One is decoded at a time.
const READS_AT_ONCE: usize = 8;

/// The files of rows of the refined and the curated zone, with the state that merges keep; each
/// with the table's index in the catalogue.
pub(super) struct RowFiles<'l> {
    lake: &'l LakeHandle,
    refined: Vec<(usize, String)>,
    curated: Vec<(usize, ListedObject)>,
}

impl<'l> RowFiles<'l> {
    /// Lists the files.
    pub(super) async fn list(
        lake: &'l LakeHandle,
        chunks: &BTreeMap<Chunk, ChunkObjects>,
    ) -> Result<Self, OperationError> {
        let refined = chunks.values().flat_map(|objects| &objects.refined);
        Ok(Self {
            lake,
            refined: refined.cloned().collect(),
            curated: list_curated_files(lake).await?,
        })
    }

    /// Each file, with the table's index and the store that holds it.
    pub(super) fn places(&self) -> Vec<(usize, &'l Arc<dyn ObjectStore>, &str)> {
        let lake = self.lake;
        let refined = self.refined.iter();
        let refined = refined.map(|(index, key)| (*index, &lake.refined, key.as_str()));
        let curated = self.curated.iter();
        let curated = curated.map(|(index, file)| (*index, &lake.curated, file.key.as_str()));
        refined.chain(curated).collect()
    }

    /// Hands every row to `visit`, with the table's index. A file that cannot be read is noted.
    pub(super) async fn for_each_row(
        &self,
        catalogue: &Catalogue,
        unreadable: &UnreadableObjects,
        mut visit: impl FnMut(usize, &RowIdentity<'_>),
    ) -> Result<(), OperationError> {
        let store = &*self.lake.refined;
        let fetches = self.refined.iter();
        let fetches = fetches.map(|file| fetch_refined_object(store, file));
        let mut fetched = stream::iter(fetches).buffer_unordered(READS_AT_ONCE);
        while let Some(file) = fetched.next().await {
            let Some((index, key, Some(body))) = unreadable.note(file)? else {
                continue;
            };
            if let Some(table) = catalogue.stored_table(index) {
                let visited = for_each_row(table, body, |row| visit(index, row));
                unreadable.note_decoded(key, visited);
            }
        }

        for (index, file) in &self.curated {
            if let Some(table) = catalogue.stored_table(*index) {
                let curated = &self.lake.curated;
                let visited =
                    visit_sorted_file(curated, file, table, |row| visit(*index, row)).await;
                if visited.is_ok() || curated.object_exists(&file.key).await? {
                    let noted = unreadable.note(visited);
                    noted.map_err(|error| error.to_string())?;
                }
            }
        }
        Ok(())
    }
}

/// The files of rows of the curated zone, with the state that merges keep; each with the table's
/// index in the catalogue.
pub(super) async fn list_curated_files(
    lake: &LakeHandle,
) -> Result<Vec<(usize, ListedObject)>, OperationError> {
    let mut files = Vec::new();
    for (index, table) in lake.catalogue.stored_tables().enumerate() {
        for prefix in [table_prefix(&table.name), state_prefix(&table.name)] {
            let listed = lake.curated.list(&prefix, None).await?;
            let rows = listed.into_iter();
            let rows = rows.filter(|entry| entry.key.ends_with(".parquet"));
            files.extend(rows.map(|entry| (index, entry)));
        }
    }
    Ok(files)
}

/// Fetches a refined object; without content when it was deleted since it was listed.
async fn fetch_refined_object<'f>(
    store: &dyn ObjectStore,
    (table, key): &'f (usize, String),
) -> Result<(usize, &'f String, Option<Bytes>), StoreError> {
    let object = store.get_if_present(key).await?;
    Ok((*table, key, object.map(|object| object.body)))
}

/// Hands every row of a sorted file to `visit`, a row group at a time.
async fn visit_sorted_file(
    store: &Arc<dyn ObjectStore>,
    file: &ListedObject,
    table: &TableContract,
    mut visit: impl FnMut(&RowIdentity<'_>),
) -> Result<(), SortedFileError> {
    let file = SortedFile::open_unnamed(&**store, &file.key, file.size).await?;
    let groups = select_row_groups(&[Arc::new(file)], &OwnerRange::default());
    let fetcher = RowGroupFetcher::for_groups(store, groups);
    let mut batches = RowGroupBatches::with_columns(fetcher, identity_columns(table));
    while let Some((_, batch)) = batches.next().await? {
        for_each_batch_row(table, &batch, &mut visit);
    }
    Ok(())
}

//! Sorted rows of a range of owners, batch by batch, from memory or from sorted files in the store.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use host::Failure;
use lake::{LakeError, OwnerRange};
use store::ObjectStore;
use store::sorted_file::{RowGroupBatches, RowGroupFetcher, SortedFile, select_row_groups};

use crate::batch_columns::{conform_to_schema, rows_in_owner_range};

/// Sorted rows, batch by batch, never an empty one.
pub(crate) enum SortedBatches {
    /// Rows in memory.
    InMemory(VecDeque<RecordBatch>),
    /// Rows in the store.
    Stored(Box<StoredBatches>),
}

/// Rows of one range in the store.
pub(crate) struct StoredBatches {
    batches: RowGroupBatches,
    owners: OwnerRange,
    schema: SchemaRef,
}

impl SortedBatches {
    /// The rows of the range out of batches in memory.
    pub(crate) fn from_memory(
        batches: &[RecordBatch],
        owners: &OwnerRange,
    ) -> Result<Self, LakeError> {
        let mut selected = VecDeque::new();
        for batch in batches {
            let rows = rows_in_owner_range(batch, owners)?;
            if rows.num_rows() > 0 {
                selected.push_back(rows);
            }
        }
        Ok(Self::InMemory(selected))
    }

    /// The rows of the range out of files whose owners follow each other, in the columns of
    /// `schema`.
    pub(crate) fn from_store(
        store: &Arc<dyn ObjectStore>,
        files: &[Arc<SortedFile>],
        owners: &OwnerRange,
        schema: &SchemaRef,
    ) -> Self {
        let groups = select_row_groups(files, owners);
        let fetcher = RowGroupFetcher::for_groups(store, groups);
        let names = schema.fields().iter().map(|field| field.name().as_str());
        Self::Stored(Box::new(StoredBatches {
            batches: RowGroupBatches::with_columns(fetcher, names),
            owners: owners.clone(),
            schema: Arc::clone(schema),
        }))
    }

    /// Leaves out row groups that are not begun as long as all of their owners are before `owner`.
    pub(crate) fn skip_groups_before(&mut self, owner: &str) {
        if let Self::Stored(stored) = self {
            stored.batches.skip_groups_before(owner);
        }
    }

    /// The next batch; none behind the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        match self {
            Self::InMemory(batches) => Ok(batches.pop_front()),
            Self::Stored(stored) => stored.next().await,
        }
    }
}

impl StoredBatches {
    async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        while let Some((file, batch)) = self.batches.next().await? {
            let rows = self
                .select_rows(&batch)
                .map_err(|error| file.damaged(error))?;
            if rows.num_rows() > 0 {
                return Ok(Some(rows));
            }
        }
        Ok(None)
    }

    fn select_rows(&self, batch: &RecordBatch) -> Result<RecordBatch, LakeError> {
        rows_in_owner_range(&conform_to_schema(batch, &self.schema)?, &self.owners)
    }
}

//! Sorted rows of a range of owners, batch by batch, from memory or from sorted files in the store.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use host::Failure;
use lake::{LakeError, OwnerRange};
use store::ObjectStore;
use store::sorted_file::{FileRowGroup, RowGroupBatches, RowGroupFetcher, SortedFile};

use crate::batch_columns::{conform_to_schema, rows_in_owner_range};
use crate::owner_ranges::OwnerRanges;
use crate::sizes::GroupLimits;
use crate::spilled_rows::{SpillWriter, SpilledBatches};

/// Sorted rows, batch by batch, never an empty one.
pub(crate) enum SortedBatches {
    /// Rows in memory.
    InMemory(VecDeque<RecordBatch>),
    /// Rows in the store.
    Stored(Box<StoredBatches>),
    /// Rows in a temporary file.
    Spilled(Box<SpilledBatches>),
}

/// Rows of some ranges in the store.
pub(crate) struct StoredBatches {
    batches: RowGroupBatches,
    owners: OwnerRanges,
    schema: SchemaRef,
    /// Rows of the batch that was read last.
    pending: VecDeque<RecordBatch>,
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
        let owners = OwnerRanges::from(owners);
        let groups = owners.select_groups(files);
        Self::of_groups(store, groups, &owners, schema)
    }

    /// The rows of some ranges out of row groups whose owners follow each other.
    pub(crate) fn of_groups(
        store: &Arc<dyn ObjectStore>,
        groups: Vec<FileRowGroup>,
        owners: &OwnerRanges,
        schema: &SchemaRef,
    ) -> Self {
        let fetcher = RowGroupFetcher::for_groups(store, groups);
        let names = schema.fields().iter().map(|field| field.name().as_str());
        Self::Stored(Box::new(StoredBatches {
            batches: RowGroupBatches::with_columns(fetcher, names),
            owners: owners.clone(),
            schema: Arc::clone(schema),
            pending: VecDeque::new(),
        }))
    }

    /// Leaves out row groups that are not begun as long as all of their owners are before `owner`.
    pub(crate) fn skip_groups_before(&mut self, owner: &str) {
        if let Self::Stored(stored) = self {
            stored.batches.skip_groups_before(owner);
        }
    }

    /// The same rows, all of which have this schema, out of a temporary file with groups
    /// within the limits.
    pub(crate) async fn spill(
        mut self,
        schema: &SchemaRef,
        limits: GroupLimits,
    ) -> Result<Self, Failure> {
        let mut writer = SpillWriter::new(schema, limits)?;
        while let Some(batch) = self.next().await? {
            writer.write_batch(&batch)?;
        }
        Ok(Self::Spilled(Box::new(writer.finish()?)))
    }

    /// The next batch; none behind the last one.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        match self {
            Self::InMemory(batches) => Ok(batches.pop_front()),
            Self::Stored(stored) => stored.next().await,
            Self::Spilled(spilled) => spilled.next(),
        }
    }
}

impl StoredBatches {
    async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        loop {
            if let Some(rows) = self.pending.pop_front() {
                return Ok(Some(rows));
            }
            let Some((file, batch)) = self.batches.next().await? else {
                return Ok(None);
            };
            let rows = self
                .select_rows(&batch)
                .map_err(|error| file.damaged(error))?;
            self.pending.extend(rows);
        }
    }

    fn select_rows(&self, batch: &RecordBatch) -> Result<Vec<RecordBatch>, LakeError> {
        self.owners
            .select_rows(&conform_to_schema(batch, &self.schema)?)
    }
}

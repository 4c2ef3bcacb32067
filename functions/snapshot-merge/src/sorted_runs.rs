//! Increments sorted by owner in bounded memory: what fits is held, the rest is written as sorted
//! runs, and many runs are merged into fewer.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use host::Failure;
use lake::file::PARQUET_MEDIA_TYPE;
use lake::{NamedFile, OwnerRange, RowGroupWriter, file, sorted_run_key};
use serde::{Deserialize, Serialize};
use store::ObjectStore;
use store::sorted_file::SortedFile;

use crate::batch_columns::{sort_by_owner, write_by_owner};
use crate::change_merge::ChangeMerge;
use crate::resolve::ChangeOrigin;
use crate::sizes::MergeSizes;
use crate::sorted_batches::SortedBatches;
use crate::temp_file::{TempFileWriter, write_in_groups};

/// A sorted run in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SortedRun {
    #[serde(flatten)]
    pub(crate) file: NamedFile,
    /// The shard whose rows it has; none when it has rows of every shard.
    pub(crate) shard: Option<u32>,
}

/// The day's increments of a table, sorted.
#[derive(Clone, Debug)]
pub(crate) enum Increments {
    /// In memory.
    InMemory(Vec<RecordBatch>),
    /// In the store, in the order in which they were read.
    Stored(Vec<SortedRun>),
}

/// Where runs are written.
pub(crate) struct RunTarget<'p> {
    pub(crate) store: &'p Arc<dyn ObjectStore>,
    /// What their keys begin with.
    pub(crate) prefix: String,
    /// Whether even a single run is written, so that other functions can read it.
    pub(crate) always_write: bool,
    /// The shards that will read them.
    pub(crate) shards: u32,
    pub(crate) sizes: MergeSizes,
}

/// Sorts batches into runs.
pub(crate) struct IncrementSorter<'p> {
    target: RunTarget<'p>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    bytes: usize,
    runs: Vec<SortedRun>,
}

impl<'p> IncrementSorter<'p> {
    pub(crate) fn new(target: RunTarget<'p>, schema: &SchemaRef) -> Self {
        Self {
            target,
            schema: Arc::clone(schema),
            batches: Vec::new(),
            bytes: 0,
            runs: Vec::new(),
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// Adds rows, and writes a run when the batches in memory have reached their limit.
    pub(crate) async fn add_batch(&mut self, batch: RecordBatch) -> Result<(), Failure> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        if self.bytes >= self.target.sizes.sort_bytes {
            self.spill_run().await?;
        }
        Ok(())
    }

    /// The sorted increments.
    pub(crate) async fn finish(mut self) -> Result<Increments, Failure> {
        if self.runs.is_empty() && !self.target.always_write {
            return Ok(Increments::InMemory(sort_by_owner(&self.batches)?));
        }
        if !self.batches.is_empty() {
            self.spill_run().await?;
        }
        let runs = std::mem::take(&mut self.runs);
        self.reduce_runs(runs).await.map(Increments::Stored)
    }

    /// The runs, or fewer with the same rows. Neighbours are merged, so that what was read first
    /// stays first. Each shard's rows are merged apart from the others', so that the footer of a
    /// run, which its readers hold, does not grow with the table.
    async fn reduce_runs(&self, runs: Vec<SortedRun>) -> Result<Vec<SortedRun>, Failure> {
        let limit = self.target.sizes.max_merged_runs;
        if runs.len() <= limit {
            return Ok(runs);
        }

        let mut shards: Vec<Vec<SortedRun>> = vec![Vec::new(); self.target.shards as usize];
        for neighbours in runs.chunks(limit) {
            let files = open_runs(self.target.store, neighbours).await?;
            for (shard, merged) in (0..).zip(&mut shards) {
                merged.extend(self.merge_runs(&files, shard).await?);
            }
        }

        for (shard, merged) in (0..).zip(&mut shards) {
            while merged.len() > limit {
                *merged = self.merge_neighbours(merged, shard).await?;
            }
        }
        Ok(shards.concat())
    }

    /// A shard's runs, merged into as few as one pass can.
    async fn merge_neighbours(
        &self,
        runs: &[SortedRun],
        shard: u32,
    ) -> Result<Vec<SortedRun>, Failure> {
        let mut fewer = Vec::new();
        for neighbours in runs.chunks(self.target.sizes.max_merged_runs) {
            let files = open_runs(self.target.store, neighbours).await?;
            fewer.extend(self.merge_runs(&files, shard).await?);
        }
        Ok(fewer)
    }

    /// Writes the batches in memory as a run.
    async fn spill_run(&mut self) -> Result<(), Failure> {
        let batches = std::mem::take(&mut self.batches);
        self.bytes = 0;
        let mut writer = self.new_run_writer()?;
        write_by_owner(&batches, |batch| self.write_batch(&mut writer, batch))?;
        drop(batches);
        let run = self.put_run(writer, None).await?;
        self.runs.push(run);
        Ok(())
    }

    fn new_run_writer(&self) -> Result<RowGroupWriter<TempFileWriter>, Failure> {
        let file = TempFileWriter::new()?;
        let properties = file::sorted_properties();
        Ok(RowGroupWriter::new(file, &self.schema, properties)?)
    }

    fn write_batch(
        &self,
        writer: &mut RowGroupWriter<TempFileWriter>,
        batch: &RecordBatch,
    ) -> Result<(), Failure> {
        write_in_groups(writer, batch, self.target.sizes.run_group())
    }

    async fn put_run(
        &self,
        writer: RowGroupWriter<TempFileWriter>,
        shard: Option<u32>,
    ) -> Result<SortedRun, Failure> {
        let written = TempFileWriter::finish_sorted(writer)?;
        let key = sorted_run_key(&self.target.prefix, &written.digest.content_name());
        self.target
            .store
            .put_file(&key, written.path(), PARQUET_MEDIA_TYPE)
            .await?;
        let file = NamedFile {
            key,
            digest: written.digest,
        };
        Ok(SortedRun { file, shard })
    }

    /// Merges a shard's rows of the runs into one run; none when they have no rows of it.
    async fn merge_runs(
        &self,
        files: &[Arc<SortedFile>],
        shard: u32,
    ) -> Result<Option<SortedRun>, Failure> {
        let owners = OwnerRange::of_shard(shard, self.target.shards);
        let sources = run_sources(self.target.store, files, &owners, &self.schema);
        let mut changes = ChangeMerge::new(sources).await?;
        let mut writer = self.new_run_writer()?;
        let mut rows = 0;
        loop {
            let window = changes.next_window(None).await?;
            let parts: Vec<RecordBatch> = window.parts.into_iter().map(|part| part.batch).collect();
            write_by_owner(&parts, |batch| {
                rows += batch.num_rows();
                self.write_batch(&mut writer, batch)
            })?;
            match window.bound {
                None if rows == 0 => return Ok(None),
                None => return self.put_run(writer, Some(shard)).await.map(Some),
                Some(_) => {}
            }
        }
    }
}

async fn open_runs(
    store: &Arc<dyn ObjectStore>,
    runs: impl IntoIterator<Item = &SortedRun>,
) -> Result<Vec<Arc<SortedFile>>, Failure> {
    let mut files = Vec::new();
    for run in runs {
        let file = SortedFile::open(&**store, &run.file).await?;
        files.push(Arc::new(file));
    }
    Ok(files)
}

/// The files' rows of a range, each file a source of its own.
fn run_sources(
    store: &Arc<dyn ObjectStore>,
    files: &[Arc<SortedFile>],
    owners: &OwnerRange,
    schema: &SchemaRef,
) -> Vec<(ChangeOrigin, SortedBatches)> {
    let mut sources = Vec::with_capacity(files.len());
    for file in files {
        let batches = SortedBatches::from_store(store, std::slice::from_ref(file), owners, schema);
        sources.push((ChangeOrigin::Increment, batches));
    }
    sources
}

impl Increments {
    /// The rows of a shard, in sorted sources; none when it has no rows in memory.
    pub(crate) async fn open_shard(
        &self,
        store: &Arc<dyn ObjectStore>,
        (shard, owners): (u32, &OwnerRange),
        schema: &SchemaRef,
    ) -> Result<Vec<(ChangeOrigin, SortedBatches)>, Failure> {
        match self {
            Self::InMemory(batches) => {
                let rows = SortedBatches::from_memory(batches, owners)?;
                let is_empty =
                    matches!(&rows, SortedBatches::InMemory(batches) if batches.is_empty());
                Ok(if is_empty {
                    Vec::new()
                } else {
                    vec![(ChangeOrigin::Increment, rows)]
                })
            }
            Self::Stored(runs) => open_shard_runs(store, runs, (shard, owners), schema).await,
        }
    }
}

/// The runs' rows of a shard.
async fn open_shard_runs(
    store: &Arc<dyn ObjectStore>,
    runs: &[SortedRun],
    (shard, owners): (u32, &OwnerRange),
    schema: &SchemaRef,
) -> Result<Vec<(ChangeOrigin, SortedBatches)>, Failure> {
    let of_shard = runs
        .iter()
        .filter(|run| run.shard.is_none_or(|only| only == shard));
    let files = open_runs(store, of_shard).await?;
    Ok(run_sources(store, &files, owners, schema))
}

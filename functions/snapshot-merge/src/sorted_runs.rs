//! Increments sorted by owner in bounded memory: what fits is held, what does not is written as sorted runs, and many
//! runs are merged into fewer.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::interleave::interleave_record_batch;
use host::Failure;
use lake::file::{BATCH_ROWS, PARQUET_MEDIA_TYPE};
use lake::{LakeError, OwnerRange, RowGroupWriter, file};
use serde::{Deserialize, Serialize};
use store::ObjectStore;

use crate::change_merge::ChangeMerge;
use crate::resolve::ChangeOrigin;
use crate::sizes::MergeSizes;
use crate::sorted_file::{SortedBatches, SortedFile, owner_ids};
use crate::temp_file::TempFileWriter;

/// A sorted run in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SortedRun {
    pub(crate) key: String,
    pub(crate) bytes: u64,
    /// The shard whose rows it has; none when it has rows of all of them.
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
    /// Whether even a single run is written: then other functions can read it.
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
    pub(crate) fn new(place: RunTarget<'p>, schema: &SchemaRef) -> Self {
        Self {
            target: place,
            schema: Arc::clone(schema),
            batches: Vec::new(),
            bytes: 0,
            runs: Vec::new(),
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    pub(crate) async fn add_batch(&mut self, batch: RecordBatch) -> Result<(), Failure> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        if self.bytes >= self.target.sizes.sort_bytes {
            self.spill_run().await
        } else {
            Ok(())
        }
    }

    pub(crate) async fn finish(mut self) -> Result<Increments, Failure> {
        if self.runs.is_empty() && !self.target.always_write {
            return sort_by_owner(&self.batches)
                .map(Increments::InMemory)
                .map_err(|error| Failure::corrupt(&error));
        }
        if !self.batches.is_empty() {
            self.spill_run().await?;
        }
        let runs = std::mem::take(&mut self.runs);
        self.reduce_runs(runs).await.map(Increments::Stored)
    }

    /// The runs, or fewer that say the same. Neighbours are merged, so that what was read first stays first; and each shard's
    /// rows apart, so that the list of row groups at a run's end, which its readers hold, does not grow with the table.
    async fn reduce_runs(&self, runs: Vec<SortedRun>) -> Result<Vec<SortedRun>, Failure> {
        let most = self.target.sizes.max_merged_runs;
        if runs.len() <= most {
            return Ok(runs);
        }
        let mut shards: Vec<Vec<SortedRun>> = vec![Vec::new(); self.target.shards as usize];
        for some in runs.chunks(most) {
            let files = open_runs(self.target.store, some).await?;
            for (shard, merged) in (0..).zip(&mut shards) {
                merged.extend(self.merge_runs(&files, shard).await?);
            }
        }
        for (shard, merged) in (0..).zip(&mut shards) {
            while merged.len() > most {
                let mut fewer = Vec::new();
                for some in merged.chunks(most) {
                    fewer.extend(
                        self.merge_runs(&open_runs(self.target.store, some).await?, shard)
                            .await?,
                    );
                }
                *merged = fewer;
            }
        }
        Ok(shards.concat())
    }

    async fn spill_run(&mut self) -> Result<(), Failure> {
        let batches = std::mem::take(&mut self.batches);
        self.bytes = 0;
        let mut writer = self.new_run_writer()?;
        for batch in sort_by_owner(&batches).map_err(|error| Failure::corrupt(&error))? {
            self.write_batch(&mut writer, &batch)?;
        }
        let run = self.put_run(writer, None).await?;
        self.runs.push(run);
        Ok(())
    }

    fn new_run_writer(&self) -> Result<RowGroupWriter<TempFileWriter>, Failure> {
        RowGroupWriter::new(
            TempFileWriter::new()?,
            &self.schema,
            file::sorted_properties(),
        )
        .map_err(|error| Failure::corrupt(&error))
    }

    fn write_batch(
        &self,
        writer: &mut RowGroupWriter<TempFileWriter>,
        batch: &RecordBatch,
    ) -> Result<(), Failure> {
        let (most, mut from) = (self.target.sizes.run_group_rows, 0);
        while from < batch.num_rows() {
            let count = (most - writer.open_row_count()).min(batch.num_rows() - from);
            writer
                .write_batch(&batch.slice(from, count))
                .map_err(|error| Failure::corrupt(&error))?;
            from += count;
            if writer.open_row_count() >= most {
                writer
                    .close_group()
                    .map_err(|error| Failure::corrupt(&error))?;
            }
        }
        Ok(())
    }

    async fn put_run(
        &self,
        writer: RowGroupWriter<TempFileWriter>,
        shard: Option<u32>,
    ) -> Result<SortedRun, Failure> {
        let spooled = writer
            .finish_file()
            .map_err(|error| Failure::corrupt(&error))?
            .finish()?;
        let key = lake::sorted_run_key(&self.target.prefix, &spooled.content_hash);
        let put = self
            .target
            .store
            .put_file(&key, spooled.path(), PARQUET_MEDIA_TYPE)
            .await;
        put.map_err(|error| Failure::unavailable(&error))?;
        Ok(SortedRun {
            key,
            bytes: spooled.bytes,
            shard,
        })
    }

    /// Merges a shard's rows of some runs into one; none when they have none.
    async fn merge_runs(
        &self,
        files: &[Arc<SortedFile>],
        shard: u32,
    ) -> Result<Option<SortedRun>, Failure> {
        let owners = OwnerRange::of_shard(shard, self.target.shards);
        let mut feed =
            ChangeMerge::new(run_sources(self.target.store, files, &owners, &self.schema)).await?;
        let (mut writer, mut rows) = (self.new_run_writer()?, 0);
        loop {
            let frame = feed.next_window(None).await?;
            let parts: Vec<RecordBatch> = frame.parts.into_iter().map(|part| part.batch).collect();
            for batch in sort_by_owner(&parts).map_err(|error| Failure::corrupt(&error))? {
                rows += batch.num_rows();
                self.write_batch(&mut writer, &batch)?;
            }
            match frame.bound {
                None if rows == 0 => return Ok(None),
                None => return self.put_run(writer, Some(shard)).await.map(Some),
                Some(_) => {}
            }
        }
    }
}

async fn open_runs(
    store: &Arc<dyn ObjectStore>,
    runs: &[SortedRun],
) -> Result<Vec<Arc<SortedFile>>, Failure> {
    let mut files = Vec::with_capacity(runs.len());
    for run in runs {
        files.push(Arc::new(
            SortedFile::open(&**store, &run.key, Some(run.bytes)).await?,
        ));
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
    let source = |file| {
        (
            ChangeOrigin::Increment,
            SortedBatches::from_store(store, std::slice::from_ref(file), owners, schema),
        )
    };
    files.iter().map(source).collect()
}

/// The runs' rows of a shard.
pub(crate) async fn open_shard_runs(
    store: &Arc<dyn ObjectStore>,
    runs: &[SortedRun],
    (shard, owners): (u32, &OwnerRange),
    schema: &SchemaRef,
) -> Result<Vec<(ChangeOrigin, SortedBatches)>, Failure> {
    let mine: Vec<SortedRun> = runs
        .iter()
        .filter(|run| run.shard.is_none_or(|of| of == shard))
        .cloned()
        .collect();
    Ok(run_sources(
        store,
        &open_runs(store, &mine).await?,
        owners,
        schema,
    ))
}

/// The batches' rows by owner, in batches of 8,192; rows of one owner stay in the order in which they came.
pub(crate) fn sort_by_owner(batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, LakeError> {
    let mut places: Vec<(&str, (usize, usize))> = Vec::new();
    for (place, batch) in batches.iter().enumerate() {
        let owners = owner_ids(batch)?;
        places.extend((0..owners.len()).map(|row| (owners.value(row), (place, row))));
    }
    places.sort_unstable();
    let sources: Vec<&RecordBatch> = batches.iter().collect();
    let batch = |places: &[(&str, (usize, usize))]| {
        let rows: Vec<(usize, usize)> = places.iter().map(|(_, at)| *at).collect();
        interleave_record_batch(&sources, &rows)
    };
    Ok(places
        .chunks(BATCH_ROWS)
        .map(batch)
        .collect::<Result<_, _>>()?)
}

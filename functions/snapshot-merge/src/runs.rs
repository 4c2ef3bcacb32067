//! Increments sorted by owner in bounded memory: what fits is held, what does not is written as sorted runs, and many
//! runs are merged into fewer.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::interleave::interleave_record_batch;
use host::Failure;
use lake::file::{BATCH_ROWS, MEDIA_TYPE};
use lake::{GroupWriter, LakeError, Owners, file};
use serde::{Deserialize, Serialize};
use store::ObjectStore;

use crate::feed::Feed;
use crate::fold::Origin;
use crate::sizes::Sizes;
use crate::sorted::{Batches, SortedFile, owners};
use crate::spool::Spool;

/// A sorted run in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) key: String,
    pub(crate) bytes: u64,
    /// The shard whose rows it has; none when it has rows of all of them.
    pub(crate) shard: Option<u32>,
}

/// The day's increments of a table, sorted.
#[derive(Clone, Debug)]
pub(crate) enum Increments {
    /// In memory.
    Held(Vec<RecordBatch>),
    /// In the store, in the order in which they were read.
    Stored(Vec<Run>),
}

/// Where runs are written.
pub(crate) struct Place<'p> {
    pub(crate) store: &'p Arc<dyn ObjectStore>,
    /// What their keys begin with.
    pub(crate) prefix: String,
    /// Whether even a single run is written: then other functions can read it.
    pub(crate) always: bool,
    /// The shards that will read them.
    pub(crate) shards: u32,
    pub(crate) sizes: Sizes,
}

/// Sorts batches into runs.
pub(crate) struct Sorter<'p> {
    place: Place<'p>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    bytes: usize,
    runs: Vec<Run>,
}

impl<'p> Sorter<'p> {
    pub(crate) fn new(place: Place<'p>, schema: &SchemaRef) -> Self {
        Self {
            place,
            schema: Arc::clone(schema),
            batches: Vec::new(),
            bytes: 0,
            runs: Vec::new(),
        }
    }

    pub(crate) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    pub(crate) async fn add(&mut self, batch: RecordBatch) -> Result<(), Failure> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.bytes += batch.get_array_memory_size();
        self.batches.push(batch);
        if self.bytes >= self.place.sizes.sort_bytes {
            self.spill().await
        } else {
            Ok(())
        }
    }

    pub(crate) async fn finish(mut self) -> Result<Increments, Failure> {
        if self.runs.is_empty() && !self.place.always {
            return sorted(&self.batches)
                .map(Increments::Held)
                .map_err(|error| Failure::corrupt(&error));
        }
        if !self.batches.is_empty() {
            self.spill().await?;
        }
        let runs = std::mem::take(&mut self.runs);
        self.fewer(runs).await.map(Increments::Stored)
    }

    /// The runs, or fewer that say the same. Neighbours are merged, so that what was read first stays first; and each shard's
    /// rows apart, so that the list of row groups at a run's end, which its readers hold, does not grow with the table.
    async fn fewer(&self, runs: Vec<Run>) -> Result<Vec<Run>, Failure> {
        let most = self.place.sizes.runs_most;
        if runs.len() <= most {
            return Ok(runs);
        }
        let mut shards: Vec<Vec<Run>> = vec![Vec::new(); self.place.shards as usize];
        for some in runs.chunks(most) {
            let files = opened(self.place.store, some).await?;
            for (shard, merged) in (0..).zip(&mut shards) {
                merged.extend(self.merge(&files, shard).await?);
            }
        }
        for (shard, merged) in (0..).zip(&mut shards) {
            while merged.len() > most {
                let mut fewer = Vec::new();
                for some in merged.chunks(most) {
                    fewer.extend(
                        self.merge(&opened(self.place.store, some).await?, shard)
                            .await?,
                    );
                }
                *merged = fewer;
            }
        }
        Ok(shards.concat())
    }

    async fn spill(&mut self) -> Result<(), Failure> {
        let batches = std::mem::take(&mut self.batches);
        self.bytes = 0;
        let mut writer = self.writer()?;
        for batch in sorted(&batches).map_err(|error| Failure::corrupt(&error))? {
            self.write(&mut writer, &batch)?;
        }
        let run = self.put(writer, None).await?;
        self.runs.push(run);
        Ok(())
    }

    fn writer(&self) -> Result<GroupWriter<Spool>, Failure> {
        GroupWriter::new(Spool::new()?, &self.schema, file::sorted())
            .map_err(|error| Failure::corrupt(&error))
    }

    fn write(&self, writer: &mut GroupWriter<Spool>, batch: &RecordBatch) -> Result<(), Failure> {
        let (most, mut from) = (self.place.sizes.run_group_rows, 0);
        while from < batch.num_rows() {
            let count = (most - writer.open_rows()).min(batch.num_rows() - from);
            writer
                .write(&batch.slice(from, count))
                .map_err(|error| Failure::corrupt(&error))?;
            from += count;
            if writer.open_rows() >= most {
                writer
                    .close_group()
                    .map_err(|error| Failure::corrupt(&error))?;
            }
        }
        Ok(())
    }

    async fn put(&self, writer: GroupWriter<Spool>, shard: Option<u32>) -> Result<Run, Failure> {
        let spooled = writer
            .finish()
            .map_err(|error| Failure::corrupt(&error))?
            .finish()?;
        let key = format!("{}{}.parquet", self.place.prefix, spooled.content);
        let put = self
            .place
            .store
            .put_file(&key, spooled.path(), MEDIA_TYPE)
            .await;
        put.map_err(|error| Failure::unavailable(&error))?;
        Ok(Run {
            key,
            bytes: spooled.bytes,
            shard,
        })
    }

    /// Merges a shard's rows of some runs into one; none when they have none.
    async fn merge(&self, files: &[Arc<SortedFile>], shard: u32) -> Result<Option<Run>, Failure> {
        let owners = Owners::of(shard, self.place.shards);
        let mut feed = Feed::new(sources(self.place.store, files, &owners, &self.schema)).await?;
        let (mut writer, mut rows) = (self.writer()?, 0);
        loop {
            let frame = feed.frame(None).await?;
            let parts: Vec<RecordBatch> = frame.parts.into_iter().map(|part| part.batch).collect();
            for batch in sorted(&parts).map_err(|error| Failure::corrupt(&error))? {
                rows += batch.num_rows();
                self.write(&mut writer, &batch)?;
            }
            match frame.bound {
                None if rows == 0 => return Ok(None),
                None => return self.put(writer, Some(shard)).await.map(Some),
                Some(_) => {}
            }
        }
    }
}

async fn opened(
    store: &Arc<dyn ObjectStore>,
    runs: &[Run],
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
fn sources(
    store: &Arc<dyn ObjectStore>,
    files: &[Arc<SortedFile>],
    owners: &Owners,
    schema: &SchemaRef,
) -> Vec<(Origin, Batches)> {
    let source = |file| {
        (
            Origin::New,
            Batches::stored(store, std::slice::from_ref(file), owners, schema),
        )
    };
    files.iter().map(source).collect()
}

/// The runs' rows of a shard.
pub(crate) async fn stored(
    store: &Arc<dyn ObjectStore>,
    runs: &[Run],
    (shard, owners): (u32, &Owners),
    schema: &SchemaRef,
) -> Result<Vec<(Origin, Batches)>, Failure> {
    let mine: Vec<Run> = runs
        .iter()
        .filter(|run| run.shard.is_none_or(|of| of == shard))
        .cloned()
        .collect();
    Ok(sources(store, &opened(store, &mine).await?, owners, schema))
}

/// The batches' rows by owner, in batches of 8,192; rows of one owner stay in the order in which they came.
pub(crate) fn sorted(batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, LakeError> {
    let mut places: Vec<(&str, (usize, usize))> = Vec::new();
    for (place, batch) in batches.iter().enumerate() {
        let owners = owners(batch)?;
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

//! Increments sorted by owner in bounded memory: what fits is held, what does not is written as sorted runs, and many
//! runs are merged into fewer.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use arrow_schema::SchemaRef;
use arrow_select::interleave::interleave_record_batch;
use host::Failure;
use lake::file::BATCH_ROWS;
use lake::{GroupWriter, LakeError, Owners, file};
use serde::{Deserialize, Serialize};
use store::ObjectStore;

use crate::feed::Feed;
use crate::fold::Origin;
use crate::sizes::Sizes;
use crate::sorted::{Batches, SortedFile, owners};
use crate::spool::Spool;

/// Runs that are merged at once: more are first merged into fewer.
const RUNS_MOST: usize = 16;

const PARQUET: &str = "application/vnd.apache.parquet";

/// A sorted run in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Run {
    pub(crate) key: String,
    pub(crate) bytes: u64,
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
    pub(crate) sizes: Sizes,
}

/// Sorts batches into runs.
pub(crate) struct Sorter<'p> {
    place: Place<'p>,
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    bytes: usize,
    runs: VecDeque<Run>,
}

impl<'p> Sorter<'p> {
    pub(crate) fn new(place: Place<'p>, schema: &SchemaRef) -> Self {
        Self { place, schema: Arc::clone(schema), batches: Vec::new(), bytes: 0, runs: VecDeque::new() }
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
        if self.bytes >= self.place.sizes.sort_bytes { self.spill().await } else { Ok(()) }
    }

    pub(crate) async fn finish(mut self) -> Result<Increments, Failure> {
        if self.runs.is_empty() && !self.place.always {
            return sorted(&self.batches).map(Increments::Held).map_err(|error| Failure::corrupt(&error));
        }
        if !self.batches.is_empty() {
            self.spill().await?;
        }
        // Neighbours are merged, so that what was read first stays first.
        while self.runs.len() > RUNS_MOST {
            let mut merged = VecDeque::new();
            while !self.runs.is_empty() {
                let some: Vec<Run> = self.runs.drain(..RUNS_MOST.min(self.runs.len())).collect();
                merged.push_back(self.merge(&some).await?);
            }
            self.runs = merged;
        }
        Ok(Increments::Stored(self.runs.into()))
    }

    async fn spill(&mut self) -> Result<(), Failure> {
        let batches = std::mem::take(&mut self.batches);
        self.bytes = 0;
        let mut writer = self.writer()?;
        for batch in sorted(&batches).map_err(|error| Failure::corrupt(&error))? {
            self.write(&mut writer, &batch)?;
        }
        let run = self.put(writer).await?;
        self.runs.push_back(run);
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
            writer.write(&batch.slice(from, count)).map_err(|error| Failure::corrupt(&error))?;
            from += count;
            if writer.open_rows() >= most {
                writer.close_group().map_err(|error| Failure::corrupt(&error))?;
            }
        }
        Ok(())
    }

    async fn put(&self, writer: GroupWriter<Spool>) -> Result<Run, Failure> {
        let spooled = writer.finish().map_err(|error| Failure::corrupt(&error))?.finish()?;
        let key = format!("{}{}.parquet", self.place.prefix, spooled.content);
        let put = self.place.store.put_file(&key, spooled.path(), PARQUET).await;
        put.map_err(|error| Failure::unavailable(&error))?;
        Ok(Run { key, bytes: spooled.bytes })
    }

    async fn merge(&self, runs: &[Run]) -> Result<Run, Failure> {
        let sources = stored(self.place.store, runs, &Owners::default(), &self.schema).await?;
        let mut feed = Feed::new(sources).await?;
        let mut writer = self.writer()?;
        loop {
            let frame = feed.frame(None).await?;
            let parts: Vec<RecordBatch> = frame.parts.into_iter().map(|part| part.batch).collect();
            for batch in sorted(&parts).map_err(|error| Failure::corrupt(&error))? {
                self.write(&mut writer, &batch)?;
            }
            if frame.bound.is_none() {
                return self.put(writer).await;
            }
        }
    }
}

/// The runs' rows of a range, each run a source of its own.
pub(crate) async fn stored(
    store: &Arc<dyn ObjectStore>,
    runs: &[Run],
    owners: &Owners,
    schema: &SchemaRef,
) -> Result<Vec<(Origin, Batches)>, Failure> {
    let mut sources = Vec::with_capacity(runs.len());
    for run in runs {
        let file = Arc::new(SortedFile::open(&**store, &run.key, Some(run.bytes)).await?);
        sources.push((Origin::New, Batches::stored(store, &[file], owners, schema)));
    }
    Ok(sources)
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
    Ok(places.chunks(BATCH_ROWS).map(batch).collect::<Result<_, _>>()?)
}

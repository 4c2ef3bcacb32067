//! The index of a day's events, written when the day's tables are merged: what the receipts of each
//! topic say of their events' ids, in one object or a few.
//!
//! It is derived from the receipts. A day is whole without it, so a failure is told and stops
//! nothing; the next day's index then begins further back.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use host::Failure;
use lake::{
    Chunk, CommittedOffset, Day, EventIndexPart, IndexedChunk, REDRIVE_PARTITION, SnapshotManifest,
};
use store::ObjectError;
use store::streams::{StreamError, list_manifest_days, read_manifest, read_receipt_with_ids};

use crate::context::Context;
use crate::retention::delete_objects;

/// Receipts that are read at once.
const READS_AT_ONCE: usize = 16;

/// Topics that are indexed at once: each holds one part, some 25 MB while it is encoded.
const TOPICS_AT_ONCE: usize = 4;

/// How many days without an index, one behind the other, the next one covers.
const DAYS_COVERED_MAX: usize = 7;

/// Writes the index of a day's events for every topic that the day has consumed.
pub(crate) async fn write_day_events(day: Day, context: &Context) {
    let topics = context
        .catalogue
        .mappings
        .iter()
        .map(|mapping| mapping.contract.topic.as_str());
    let writes = topics.map(|topic| async move {
        if let Err(failure) = write_topic_events(topic, day, context).await {
            tracing::warn!(
                topic,
                %day,
                %failure,
                "the index of the day's events is not written; `polelake trace` reads the receipts"
            );
        }
    });
    stream::iter(writes)
        .buffer_unordered(TOPICS_AT_ONCE)
        .collect::<()>()
        .await;
}

/// Deletes the index of a day.
///
/// # Errors
/// When the storage does not answer.
pub(crate) async fn delete_day_events(day: Day, context: &Context) -> Result<(), Failure> {
    for mapping in &context.catalogue.mappings {
        let prefix = EventIndexPart::day_prefix(&mapping.contract.topic, day);
        let listed = context.curated.list(&prefix, None).await?;
        let keys = listed.into_iter().map(|entry| entry.key);
        delete_objects(keys, &*context.curated).await?;
    }
    Ok(())
}

/// Deletes the indexes of days of which no table that events fill has a manifest any more.
///
/// # Errors
/// When the storage does not answer.
pub(crate) async fn delete_events_of_dropped_days(context: &Context) -> Result<(), Failure> {
    let curated = &*context.curated;
    let catalogue = &context.catalogue;
    let filled = catalogue
        .stored_tables()
        .filter(|table| !catalogue.topics_of_table(&table.name).is_empty());
    let mut retained = BTreeSet::new();
    for table in filled {
        retained.extend(list_manifest_days(&table.name, curated).await?);
    }

    let listed = curated.list(EventIndexPart::prefix(), None).await?;
    let dropped = listed.into_iter().map(|entry| entry.key).filter(|key| {
        EventIndexPart::parse_key(key).is_some_and(|(_, day, _)| !retained.contains(&day))
    });
    delete_objects(dropped, curated).await?;
    Ok(())
}

async fn write_topic_events(topic: &str, day: Day, context: &Context) -> Result<(), Failure> {
    let Some(streams) = find_day_streams(topic, day, context).await? else {
        return Ok(());
    };
    let mut writer = IndexWriter::new(topic, day, context);
    for first in &streams {
        add_stream(first, day, &mut writer).await?;
    }
    writer.finish().await
}

/// The first raw object of each stream that the index of a day covers; none when the day has
/// consumed nothing of the topic. Redriven records are not indexed: they are few, and a search
/// begins with their receipts.
async fn find_day_streams(
    topic: &str,
    day: Day,
    context: &Context,
) -> Result<Option<Vec<Chunk>>, Failure> {
    for table in context.catalogue.tables_of_topic(topic) {
        let Some(manifest) = read_readable_manifest(table, day, context).await? else {
            continue;
        };
        let is_indexed = |committed: &&CommittedOffset| {
            committed.stream.topic == topic && committed.stream.partition != REDRIVE_PARTITION
        };
        let committed = manifest.committed_offsets.iter().filter(is_indexed);
        let committed: Vec<&CommittedOffset> = committed.collect();
        if committed.is_empty() {
            return Ok(None);
        }

        let base = find_indexed_base(table, topic, &manifest, context).await?;
        let streams = committed.into_iter().map(|committed| Chunk {
            topic: topic.to_owned(),
            epoch: committed.stream.epoch,
            partition: committed.stream.partition,
            offset: base
                .as_ref()
                .and_then(|base| base.committed_offset(&committed.stream))
                .map_or(committed.first, |base| base.next),
        });
        return Ok(Some(streams.collect()));
    }
    Ok(None)
}

/// The manifest behind which a day's index begins: that of the newest earlier day with an index.
async fn find_indexed_base(
    table: &str,
    topic: &str,
    manifest: &SnapshotManifest,
    context: &Context,
) -> Result<Option<SnapshotManifest>, Failure> {
    let mut base = read_base(table, manifest, context).await?;
    for _ in 1..DAYS_COVERED_MAX {
        let Some(present) = &base else { break };
        let Some(base_day) = Day::parse(&present.date) else {
            break;
        };
        let prefix = EventIndexPart::day_prefix(topic, base_day);
        if context.curated.find_first(&prefix, None).await?.is_some() {
            break;
        }
        base = read_base(table, present, context).await?;
    }
    Ok(base)
}

/// The manifest on which another was built; none when it is not there any more.
async fn read_base(
    table: &str,
    manifest: &SnapshotManifest,
    context: &Context,
) -> Result<Option<SnapshotManifest>, Failure> {
    match manifest.base.as_deref().and_then(Day::parse) {
        Some(base) => read_readable_manifest(table, base, context).await,
        None => Ok(None),
    }
}

async fn read_readable_manifest(
    table: &str,
    day: Day,
    context: &Context,
) -> Result<Option<SnapshotManifest>, Failure> {
    without_unreadable(read_manifest(table, day, &*context.curated).await)
}

/// None in place of an object that cannot be read: the index does without it.
fn without_unreadable<T>(reading: Result<Option<T>, StreamError>) -> Result<Option<T>, Failure> {
    match reading {
        Ok(value) => Ok(value),
        Err(error) if error.unreadable_object().is_some() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What one receipt gives the index.
struct ReceiptEntry {
    day: Option<Day>,
    /// None in a receipt of an earlier build, which has no filter.
    indexed: Option<IndexedChunk>,
}

/// Adds the receipts of a stream, from a raw object up to the first that began after the day.
async fn add_stream(first: &Chunk, day: Day, writer: &mut IndexWriter<'_>) -> Result<(), Failure> {
    let refined = &*writer.context.refined;
    let start = first.receipt_list_start();
    let listed = refined.list(&first.receipt_prefix(), Some(&start)).await?;
    let chunks = listed
        .into_iter()
        .filter_map(|entry| Chunk::from_receipt_key(&entry.key));
    let mut entries = stream::iter(chunks)
        .map(|chunk| read_entry(chunk, writer.context))
        .buffered(READS_AT_ONCE);

    while let Some(entry) = entries.try_next().await? {
        let Some(entry) = entry else { continue };
        if entry.day > Some(day) {
            break;
        }
        if let Some(indexed) = entry.indexed {
            writer.add(indexed).await?;
        }
    }
    Ok(())
}

async fn read_entry(chunk: Chunk, context: &Context) -> Result<Option<ReceiptEntry>, Failure> {
    let reading = read_receipt_with_ids(&chunk.receipt_key(), &*context.refined).await;
    let Some((receipt, receipt_tag)) = without_unreadable(reading.map(Some))? else {
        return Ok(None);
    };
    let day = receipt.first_day();
    let refused_under = receipt.quarantine.is_some();
    let refused_under = refused_under.then_some(receipt.contract_version);
    let indexed = receipt.event_ids.map(|event_ids| IndexedChunk {
        chunk,
        day,
        receipt_tag,
        refused_under,
        event_ids,
    });
    Ok(Some(ReceiptEntry { day, indexed }))
}

/// Writes the parts of a topic's day. It holds one part.
struct IndexWriter<'c> {
    context: &'c Context,
    part: EventIndexPart,
    /// Bytes of the part's filters.
    filter_bytes: usize,
}

impl<'c> IndexWriter<'c> {
    fn new(topic: &str, day: Day, context: &'c Context) -> Self {
        Self {
            context,
            part: EventIndexPart {
                topic: topic.to_owned(),
                day,
                part: 0,
                chunks: Vec::new(),
            },
            filter_bytes: 0,
        }
    }

    async fn add(&mut self, chunk: IndexedChunk) -> Result<(), Failure> {
        self.filter_bytes += chunk.event_ids.as_bytes().len();
        self.part.chunks.push(chunk);
        let is_full = self.filter_bytes >= EventIndexPart::FILTER_BYTES_MAX
            || self.part.chunks.len() >= EventIndexPart::CHUNKS_MAX;
        if is_full {
            self.write_part().await?;
        }
        Ok(())
    }

    /// Writes the part, unless it is stored already, and begins the next.
    async fn write_part(&mut self) -> Result<(), Failure> {
        let curated = &*self.context.curated;
        let key = self.part.key();
        let body = self.part.encode()?;
        let stored = curated.get_if_within_limit(&key).await?;
        if stored.is_none_or(|stored| stored.body != body) {
            curated.put(&key, body, "application/octet-stream").await?;
        }

        self.part.part += 1;
        self.part.chunks.clear();
        self.filter_bytes = 0;
        Ok(())
    }

    /// Writes the last part, and deletes those that an earlier index had behind it. A day without
    /// events has an empty part, which says that the day is indexed.
    async fn finish(mut self) -> Result<(), Failure> {
        if !self.part.chunks.is_empty() || self.part.part == 0 {
            self.write_part().await?;
        }

        let prefix = EventIndexPart::day_prefix(&self.part.topic, self.part.day);
        let listed = self.context.curated.list(&prefix, None).await?;
        let written = self.part.part;
        let left = listed.into_iter().map(|entry| entry.key).filter(|key| {
            EventIndexPart::parse_key(key).is_some_and(|(_, _, part)| part >= written)
        });
        delete_objects(left, &*self.context.curated).await?;
        Ok(())
    }
}

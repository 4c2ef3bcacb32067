//! The index of a day's events, written when the day's tables are merged: what the receipts of each
//! topic say of their events' ids, in one object or a few.
//!
//! A day's index covers the raw objects that the day's manifest has consumed behind its base. It is
//! derived from the receipts: a day is whole without it, so a failure is told and stops nothing.
//! The merge of the next day then writes it.

use std::collections::BTreeSet;

use futures_util::{StreamExt, TryStreamExt, stream};
use host::Failure;
use lake::{
    Chunk, CommittedOffset, Day, EventIndexPart, IndexedChunk, REDRIVE_PARTITION, SnapshotManifest,
};
use store::ObjectError;
use store::streams::{StreamError, list_manifest_days, read_manifest, read_receipt_with_ids};

use crate::context::Context;
use crate::derived_steps::{DerivedStep, StepWarning, warning_of};
use crate::retention::delete_objects;

/// Receipts that are read at once.
const READS_AT_ONCE: usize = 16;

/// Topics that are indexed at once: each holds one part, some 25 MB while it is encoded.
const TOPICS_AT_ONCE: usize = 4;

/// Days whose index one merge writes at most: its own, and those behind it that have none.
const DAYS_WRITTEN_MAX: usize = 7;

/// Writes the index of a day's events for every topic that the day has consumed.
pub(crate) async fn write_day_events(day: Day, context: &Context) -> Vec<StepWarning> {
    let topics = context
        .catalogue
        .mappings
        .iter()
        .map(|mapping| mapping.contract.topic.as_str());
    let writes = topics.map(|topic| async move {
        let outcome = write_topic_events(topic, day, context).await;
        warning_of(DerivedStep::EventIndex, topic, outcome)
    });
    stream::iter(writes)
        .buffered(TOPICS_AT_ONCE)
        .filter_map(std::future::ready)
        .collect()
        .await
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

/// Writes the index of a topic's day, and of the days on which it was built as far as these have
/// none: their merge was broken off before it wrote one.
async fn write_topic_events(topic: &str, day: Day, context: &Context) -> Result<(), Failure> {
    let Some(mut manifest) = find_consuming_manifest(topic, day, context).await? else {
        return Ok(());
    };
    for _ in 0..DAYS_WRITTEN_MAX {
        let base = read_base(&manifest, context).await?;
        write_manifest_events(topic, &manifest, base.as_ref(), context).await?;
        let Some(base) = base.filter(|base| has_consumed(base, topic)) else {
            break;
        };
        if is_indexed(topic, &base, context).await? {
            break;
        }
        manifest = base;
    }
    Ok(())
}

/// The day's manifest of the first table that has consumed the topic; none when no table has.
async fn find_consuming_manifest(
    topic: &str,
    day: Day,
    context: &Context,
) -> Result<Option<SnapshotManifest>, Failure> {
    for table in context.catalogue.tables_of_topic(topic) {
        let manifest = read_readable_manifest(table, day, context).await?;
        if let Some(manifest) = manifest.filter(|manifest| has_consumed(manifest, topic)) {
            return Ok(Some(manifest));
        }
    }
    Ok(None)
}

fn has_consumed(manifest: &SnapshotManifest, topic: &str) -> bool {
    indexed_offsets(manifest, topic).next().is_some()
}

/// How far the streams of a topic are consumed that an index covers. Redriven records are not
/// indexed: they are few, and a search begins with their receipts.
fn indexed_offsets<'m>(
    manifest: &'m SnapshotManifest,
    topic: &'m str,
) -> impl Iterator<Item = &'m CommittedOffset> {
    manifest.committed_offsets.iter().filter(move |committed| {
        committed.stream.topic == topic && committed.stream.partition != REDRIVE_PARTITION
    })
}

/// Whether the index of a manifest's day is there.
async fn is_indexed(
    topic: &str,
    manifest: &SnapshotManifest,
    context: &Context,
) -> Result<bool, Failure> {
    let Some(day) = Day::parse(&manifest.date) else {
        return Ok(true);
    };
    let prefix = EventIndexPart::day_prefix(topic, day);
    let first = context.curated.find_first(&prefix, None).await?;
    Ok(first.is_some())
}

/// Writes the index of the raw objects that a manifest's day has consumed behind its base.
async fn write_manifest_events(
    topic: &str,
    manifest: &SnapshotManifest,
    base: Option<&SnapshotManifest>,
    context: &Context,
) -> Result<(), Failure> {
    let Some(day) = Day::parse(&manifest.date) else {
        return Ok(());
    };
    let mut writer = IndexWriter::new(topic, day, context);
    for committed in indexed_offsets(manifest, topic) {
        let before = base.and_then(|base| base.committed_offset(&committed.stream));
        let first = Chunk {
            topic: topic.to_owned(),
            epoch: committed.stream.epoch,
            partition: committed.stream.partition,
            offset: before.map_or(committed.first, |before| before.next),
        };
        add_chunks(&first, committed.next, &mut writer).await?;
    }
    writer.finish().await
}

/// The manifest on which another was built; none when it is not there any more.
async fn read_base(
    manifest: &SnapshotManifest,
    context: &Context,
) -> Result<Option<SnapshotManifest>, Failure> {
    match manifest.base.as_deref().and_then(Day::parse) {
        Some(base) => read_readable_manifest(&manifest.table, base, context).await,
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

/// Adds the raw objects of a stream from `first` on that begin before the offset `end`.
async fn add_chunks(first: &Chunk, end: i64, writer: &mut IndexWriter<'_>) -> Result<(), Failure> {
    let refined = &*writer.context.refined;
    let start = first.receipt_list_start();
    let listed = refined.list(&first.receipt_prefix(), Some(&start)).await?;
    let chunks = listed
        .into_iter()
        .filter_map(|entry| Chunk::from_receipt_key(&entry.key))
        .take_while(|chunk| chunk.offset < end);
    let mut entries = stream::iter(chunks)
        .map(|chunk| index_chunk(chunk, writer.context))
        .buffered(READS_AT_ONCE);

    while let Some(indexed) = entries.try_next().await? {
        if let Some(indexed) = indexed {
            writer.add(indexed).await?;
        }
    }
    Ok(())
}

/// What the receipt of a raw object gives the index; none when it cannot be read, or is of an
/// earlier build, which wrote no filter.
async fn index_chunk(chunk: Chunk, context: &Context) -> Result<Option<IndexedChunk>, Failure> {
    let reading = read_receipt_with_ids(&chunk.receipt_key(), &*context.refined).await;
    let Some((receipt, receipt_tag)) = without_unreadable(reading.map(Some))? else {
        return Ok(None);
    };
    let day = receipt.first_day();
    let refused_under = receipt.quarantine.is_some();
    let refused_under = refused_under.then_some(receipt.contract_version);
    Ok(receipt.event_ids.map(|event_ids| IndexedChunk {
        chunk,
        day,
        receipt_tag,
        refused_under,
        event_ids,
    }))
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

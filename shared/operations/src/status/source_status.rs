//! How far one source is: what has not landed, what was not transformed, and under which versions
//! its newest records were read.

use std::collections::{BTreeMap, BTreeSet};

use contract::CompiledMapping;
use lake::{
    Chunk, CommittedOffset, Day, FIRST_LANE_PARTITION, REDRIVE_PARTITION, Receipt,
    SnapshotManifest, StreamKey,
};
use serde::Serialize;
use store::raw_log::{recorded_newest, recorded_next};
use store::{ObjectError, ObjectHead};

use super::day_reading::first_uncommitted_day;
use super::stored_size::StoredSize;
use super::table_status::TableStatus;
use crate::declared_losses::DeclaredLosses;
use crate::error::OperationError;
use crate::lake_handle::{LakeHandle, TopicOffsets};
use crate::quarantine::RefusalGroup;

/// The minute of a day at noon.
const NOON_MINUTE: u16 = 12 * 60;

/// The versions under which the newest records were read, beside those of the contracts given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SourceVersions {
    /// The contract's version in the newest receipt; none before the first.
    pub contract_applied: Option<String>,
    /// The contract's version of now.
    pub contract_given: String,
    /// The mapping's version in the newest receipt.
    pub mapping_applied: Option<String>,
    /// The mapping's version of now.
    pub mapping_given: String,
}

/// A topic that does not exist, or that may not be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TopicRefusal {
    /// What is with it.
    pub what: String,
    /// What to do about it.
    pub next: String,
}

/// What an operator declared lost of a source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeclaredLossCount {
    /// Raw objects.
    pub objects: usize,
    /// Their offsets, of which each was a record.
    pub offsets: i64,
}

/// How far a source is.
#[derive(Clone, Debug, Default, Serialize)]
pub struct SourceStatus {
    /// The source.
    pub source: String,
    /// Its topic.
    pub topic: String,
    /// Records that Kafka holds behind the raw zone's end; none where Kafka was not asked.
    pub not_landed: Option<i64>,
    /// Why Kafka did not say that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kafka_failure: Option<String>,
    /// Why Kafka refuses the topic: nothing that is sent for it arrives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub topic_refused: Option<TopicRefusal>,
    /// Raw objects that have no receipt yet.
    pub not_transformed: usize,
    /// The first of them.
    pub first_not_transformed: Option<String>,
    /// When the newest record came.
    pub newest_append: Option<String>,
    /// How long ago that is, in seconds.
    pub newest_append_age: Option<i64>,
    /// How long ago the newest record came that the events queue brought, in seconds.
    #[serde(skip)]
    pub(super) newest_queue_age: Option<i64>,
    /// Refused records that are open, by rule.
    pub open_quarantine: BTreeMap<String, usize>,
    /// The first day of the records that no snapshot holds, of those that are transformed.
    pub not_merged_since: Option<String>,
    /// The versions.
    pub versions: SourceVersions,
    /// Its raw objects.
    pub raw: StoredSize,
    /// What is declared lost of it.
    pub declared_lost: DeclaredLossCount,
    /// Since when, in milliseconds since 1970, the first raw object without a receipt waits.
    #[serde(skip)]
    pub(super) waits_since: Option<i64>,
}

impl SourceStatus {
    pub(super) fn add_refusals(&mut self, groups: &[RefusalGroup]) {
        let own = groups.iter().filter(|group| group.source == self.source);
        for group in own {
            *self.open_quarantine.entry(group.rule.clone()).or_default() += group.records;
        }
    }

    pub(super) fn add_losses(&mut self, losses: &DeclaredLosses) {
        let own = losses.iter().filter(|loss| loss.stream.topic == self.topic);
        for loss in own {
            self.declared_lost.objects += 1;
            self.declared_lost.offsets += loss.next - loss.first;
        }
    }
}

/// The first and the newest of something for each stream.
type StreamEnds = BTreeMap<(u32, i32), (Chunk, Chunk)>;

pub(super) async fn read_source(
    lake: &LakeHandle,
    mapping: &CompiledMapping,
    tables: &[TableStatus],
    now_millis: i64,
) -> Result<SourceStatus, OperationError> {
    let contract = &mapping.contract;
    let topic = contract.topic.as_str();
    let mut status = SourceStatus {
        source: contract.name.clone(),
        topic: topic.to_owned(),
        ..SourceStatus::default()
    };

    // Raw objects first: one that lands meanwhile would otherwise seem to wait.
    let listed = lake.raw.list(&Chunk::topic_raw_prefix(topic), None).await?;
    let raw: BTreeSet<Chunk> = listed
        .iter()
        .filter_map(|entry| Chunk::from_raw_key(&entry.key))
        .collect();
    status.raw = StoredSize::of_listing(&listed);
    let prefix = Chunk::topic_receipt_prefix(topic);
    let listed = lake.refined.list(&prefix, None).await?;
    let receipts: BTreeSet<Chunk> = listed
        .iter()
        .filter_map(|entry| Chunk::from_receipt_key(&entry.key))
        .collect();

    read_waiting(lake, &raw, &receipts, &mut status).await?;
    let raw_ends = stream_ends(&raw);
    let newest = read_newest_receipts(lake, &stream_ends(&receipts)).await?;
    read_landing(lake, &raw_ends, &newest, now_millis, &mut status).await?;
    status.versions = find_versions(mapping, &newest);
    let since = find_uncommitted_day(lake, mapping, &raw_ends, tables).await?;
    status.not_merged_since = since.map(|day| day.to_string());
    Ok(status)
}

fn stream_ends(chunks: &BTreeSet<Chunk>) -> StreamEnds {
    let mut ends = StreamEnds::new();
    for chunk in chunks {
        let stream = (chunk.epoch, chunk.partition);
        let begun = ends
            .entry(stream)
            .or_insert_with(|| (chunk.clone(), chunk.clone()));
        begun.1 = chunk.clone();
    }
    ends
}

/// Counts the raw objects without a receipt.
async fn read_waiting(
    lake: &LakeHandle,
    raw: &BTreeSet<Chunk>,
    receipts: &BTreeSet<Chunk>,
    status: &mut SourceStatus,
) -> Result<(), OperationError> {
    let waiting: Vec<&Chunk> = raw.difference(receipts).collect();
    status.not_transformed = waiting.len();
    let Some(first) = waiting.first() else {
        return Ok(());
    };

    let key = first.raw_key();
    let head = head_if_allowed(lake, &key).await?;
    status.waits_since = head.and_then(|head| recorded_newest(&head.metadata));
    status.first_not_transformed = Some(key);
    Ok(())
}

/// Reads where the raw logs end, and what Kafka holds behind them.
async fn read_landing(
    lake: &LakeHandle,
    ends: &StreamEnds,
    receipts: &[Receipt],
    now_millis: i64,
    status: &mut SourceStatus,
) -> Result<(), OperationError> {
    let mut landed: BTreeMap<(u32, i32), i64> = BTreeMap::new();
    let (mut newest, mut newest_of_queue) = (None, None);
    for (stream, (_, last)) in ends {
        let (next, came) = read_log_end(lake, last, receipts).await?;
        landed.extend(next.map(|next| (*stream, next)));
        if stream.1 != REDRIVE_PARTITION {
            newest = newest.max(came);
        }
        if stream.1 <= FIRST_LANE_PARTITION {
            newest_of_queue = newest_of_queue.max(came);
        }
    }
    status.newest_append_age = age_of(newest, now_millis);
    status.newest_queue_age = age_of(newest_of_queue, now_millis);
    status.newest_append = newest.and_then(format_instant);

    let Some(kafka) = &lake.kafka else {
        return Ok(());
    };
    match kafka.of_topic(&status.topic).await {
        Ok(TopicOffsets::Partitions(offsets)) => {
            status.not_landed = Some(count_not_landed(&offsets, &landed));
        }
        Ok(TopicOffsets::Refused { what, next }) => {
            status.topic_refused = Some(TopicRefusal { what, next });
        }
        Err(error) => status.kafka_failure = Some(error.to_string()),
    }
    Ok(())
}

/// How long ago a moment is, in seconds.
fn age_of(moment: Option<i64>, now_millis: i64) -> Option<i64> {
    moment.map(|moment| (now_millis - moment).max(0) / 1_000)
}

/// The offset behind a stream's newest raw object, and when its newest record came: by the object's
/// metadata, or by its receipt for whoever may not read raw objects.
async fn read_log_end(
    lake: &LakeHandle,
    last: &Chunk,
    receipts: &[Receipt],
) -> Result<(Option<i64>, Option<i64>), OperationError> {
    let receipt = receipts.iter().find(|receipt| {
        let stream = &receipt.stream;
        (stream.epoch, stream.partition, receipt.offset)
            == (last.epoch, last.partition, last.offset)
    });
    let by_receipt = (
        receipt.map(|receipt| receipt.next),
        receipt.and_then(newest_minute),
    );
    let Some(head) = head_if_allowed(lake, &last.raw_key()).await? else {
        return Ok(by_receipt);
    };
    Ok((
        recorded_next(&head.metadata).or(by_receipt.0),
        recorded_newest(&head.metadata).or(by_receipt.1),
    ))
}

/// A raw object's metadata; none when it is gone, or when the caller may not read raw objects.
async fn head_if_allowed(
    lake: &LakeHandle,
    key: &str,
) -> Result<Option<ObjectHead>, OperationError> {
    match lake.raw.head(key).await {
        Ok(head) => Ok(Some(head)),
        Err(error) if error.unreadable_object().is_some() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// When the newest record of a receipt came, to the minute, in milliseconds since 1970. An object
/// that spans midnight counts the minutes of both days: the later day has the early ones.
fn newest_minute(receipt: &Receipt) -> Option<i64> {
    let last = Day::parse(&receipt.days.last()?.date)?;
    let spans_midnight = receipt.days.len() > 1;
    let minutes = receipt.minutes.keys();
    let of_last = minutes.filter(|minute| !spans_midnight || **minute < NOON_MINUTE);
    let minute = of_last.max().copied().unwrap_or(0);
    Some(last.start_micros() / 1_000 + i64::from(minute) * 60_000)
}

/// The records that Kafka holds behind the raw zone's end. Kafka knows the latest epoch alone.
fn count_not_landed(
    offsets: &BTreeMap<i32, (i64, i64)>,
    landed: &BTreeMap<(u32, i32), i64>,
) -> i64 {
    let epoch = landed.keys().map(|(epoch, _)| *epoch).max().unwrap_or(0);
    let behind = offsets.iter().map(|(partition, (begin, end))| {
        let next = landed.get(&(epoch, *partition)).unwrap_or(begin);
        (end - next).max(0)
    });
    behind.sum()
}

fn format_instant(millis: i64) -> Option<String> {
    let instant = jiff::Timestamp::from_millisecond(millis).ok()?;
    Some(instant.to_string())
}

/// The newest receipt of each stream; those that cannot be read are noted.
async fn read_newest_receipts(
    lake: &LakeHandle,
    ends: &StreamEnds,
) -> Result<Vec<Receipt>, OperationError> {
    let mut receipts = Vec::new();
    for (_, last) in ends.values() {
        receipts.extend(lake.read_receipt(last).await?);
    }
    Ok(receipts)
}

/// The versions of the receipt with the newest record.
fn find_versions(mapping: &CompiledMapping, receipts: &[Receipt]) -> SourceVersions {
    let newest = receipts.iter().max_by_key(|receipt| newest_minute(receipt));
    SourceVersions {
        contract_applied: newest.map(|receipt| receipt.contract_version.clone()),
        contract_given: mapping.contract.version.clone(),
        mapping_applied: newest.map(|receipt| receipt.mapping_version.clone()),
        mapping_given: mapping.version.clone(),
    }
}

/// The first day of the records that are in no snapshot.
async fn find_uncommitted_day(
    lake: &LakeHandle,
    mapping: &CompiledMapping,
    ends: &StreamEnds,
    tables: &[TableStatus],
) -> Result<Option<Day>, OperationError> {
    let newest = newest_manifest(lake, mapping, tables);
    let mut since: Option<Day> = None;
    for (first, _) in ends.values() {
        let committed = newest.and_then(|manifest| committed_offset(manifest, first));
        let day = first_uncommitted_day(lake, first, committed).await?;
        since = [since, day].into_iter().flatten().min();
    }
    Ok(since)
}

/// The newest manifest of the tables that a source fills; where tables lag behind it, that is told
/// of them.
fn newest_manifest<'t>(
    lake: &LakeHandle,
    mapping: &CompiledMapping,
    tables: &'t [TableStatus],
) -> Option<&'t SnapshotManifest> {
    let topic = mapping.contract.topic.as_str();
    let filled = tables.iter().filter(|table| {
        lake.catalogue
            .topics_of_table(&table.table)
            .contains(&topic)
    });
    filled
        .filter_map(|table| table.newest.as_ref())
        .max_by(|a, b| a.date.cmp(&b.date))
}

fn committed_offset<'m>(
    manifest: &'m SnapshotManifest,
    first: &Chunk,
) -> Option<&'m CommittedOffset> {
    manifest.committed_offset(&StreamKey {
        topic: first.topic.clone(),
        epoch: first.epoch,
        partition: first.partition,
    })
}

#[cfg(test)]
mod tests {
    use lake::DayStart;

    use super::*;

    #[test]
    fn what_kafka_holds_behind_the_raw_zone_is_of_the_latest_epoch() {
        let offsets = BTreeMap::from([(0, (0, 10)), (1, (4, 6))]);
        let landed = BTreeMap::from([((1, 0), 99), ((2, 0), 7)]);
        assert_eq!(count_not_landed(&offsets, &landed), 3 + 2);
        assert_eq!(count_not_landed(&offsets, &BTreeMap::new()), 10 + 2);
    }

    #[test]
    fn a_receipt_over_midnight_ends_on_the_later_day() {
        let day = |date: &str| DayStart {
            date: date.to_owned(),
            offset: 0,
        };
        let mut receipt = Receipt {
            days: vec![day("1970-01-01"), day("1970-01-02")],
            minutes: BTreeMap::from([(1_439, 1), (2, 1)]),
            ..Receipt::default()
        };
        let next_day = 24 * 3_600_000;
        assert_eq!(newest_minute(&receipt), Some(next_day + 2 * 60_000));
        receipt.days.pop();
        assert_eq!(newest_minute(&receipt), Some(1_439 * 60_000));
        assert_eq!(newest_minute(&Receipt::default()), None);
    }

    #[test]
    fn instants_are_written_as_readers_know_them() {
        assert_eq!(format_instant(0).as_deref(), Some("1970-01-01T00:00:00Z"));
    }
}

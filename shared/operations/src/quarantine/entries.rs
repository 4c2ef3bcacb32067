//! The refused records that a filter selects.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{
    Chunk, Day, ObjectDigest, QuarantinedRecord, REDRIVE_PARTITION, Receipt, RedriveOrigin,
};

use super::history::{RedriveStatus, read_redrive_history};
use super::rules::check_rule;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Objects that are read at once.
const READS_AT_ONCE: usize = 16;

/// Which refused records are listed.
#[derive(Clone, Debug, Default)]
pub struct QuarantineFilter {
    /// Only this source.
    pub source: Option<String>,
    /// Only records that broke this rule last.
    pub rule: Option<String>,
    /// Only records that were appended on this day or later.
    pub since: Option<Day>,
}

impl QuarantineFilter {
    fn covers_source(&self, name: &str) -> bool {
        self.source.as_ref().is_none_or(|source| source == name)
    }

    fn covers_entry(&self, entry: &QuarantineEntry) -> bool {
        let rule = self.rule.as_ref();
        let appended_micros = entry.origin.timestamp * 1_000;
        rule.is_none_or(|rule| *rule == entry.refused.rule)
            && self
                .since
                .is_none_or(|day| appended_micros >= day.start_micros())
    }
}

/// A refused record, by the position at which it was first landed.
#[derive(Clone, Debug)]
pub struct QuarantineEntry {
    /// The topic.
    pub topic: String,
    /// The position at which it was first landed.
    pub origin: RedriveOrigin,
    /// What has become of it.
    pub status: RedriveStatus,
    /// How often it was redriven.
    pub redrives: u32,
    /// The record, and why it was refused the last time.
    pub refused: QuarantinedRecord,
}

/// Every refused record that the filter selects, by topic and origin.
///
/// Objects that cannot be read are noted; records of which they would say what became of them are
/// listed as [`RedriveStatus::Unknown`].
///
/// # Errors
/// When there is no such source or rule, or the storage does not answer.
pub async fn list_entries(
    lake: &LakeHandle,
    filter: &QuarantineFilter,
) -> Result<Vec<QuarantineEntry>, OperationError> {
    check_source(lake, filter)?;
    let listed = lake.refined.list(Chunk::QUARANTINE_PREFIX, None).await?;
    let chunks: Vec<(Chunk, String)> = listed
        .into_iter()
        .filter_map(|entry| Some((Chunk::from_quarantine_key(&entry.key)?, entry.key)))
        .collect();

    let mut entries = Vec::new();
    for mapping in &lake.catalogue.mappings {
        let contract = &mapping.contract;
        if filter.covers_source(&contract.name) {
            entries.extend(list_topic_entries(lake, &contract.topic, &chunks).await?);
        }
    }

    if let Some(rule) = &filter.rule {
        let rules = entries.iter().map(|entry| entry.refused.rule.as_str());
        let wanted = (filter.source.as_deref(), rule.as_str());
        check_rule(&lake.catalogue, wanted, &rules.collect())?;
    }
    entries.retain(|entry| filter.covers_entry(entry));
    entries.sort_by(|a, b| (&a.topic, a.origin).cmp(&(&b.topic, b.origin)));
    Ok(entries)
}

fn check_source(lake: &LakeHandle, filter: &QuarantineFilter) -> Result<(), OperationError> {
    if let Some(source) = &filter.source {
        lake.catalogue.require_mapping_of_source(source)?;
    }
    Ok(())
}

async fn list_topic_entries(
    lake: &LakeHandle,
    topic: &str,
    chunks: &[(Chunk, String)],
) -> Result<Vec<QuarantineEntry>, OperationError> {
    let history = read_redrive_history(lake, topic).await?;
    let mut entries: BTreeMap<RedriveOrigin, QuarantineEntry> = BTreeMap::new();

    // Objects of the redrive partition come last: a record that was refused again replaces its
    // first refusal.
    for object in read_refused_records(lake, topic, chunks).await? {
        for refused in object.records {
            let origin = record_origin(&object.chunk, &refused);
            let status = match history.status(origin) {
                RedriveStatus::Open if !object.is_counted => RedriveStatus::Unknown,
                status => status,
            };
            let entry = QuarantineEntry {
                topic: topic.to_owned(),
                origin,
                status,
                redrives: history.count_redrives(origin),
                refused,
            };
            entries.insert(origin, entry);
        }
    }
    Ok(entries.into_values().collect())
}

/// The position at which a refused record was first landed.
fn record_origin(chunk: &Chunk, refused: &QuarantinedRecord) -> RedriveOrigin {
    let own = RedriveOrigin {
        epoch: chunk.epoch,
        partition: chunk.partition,
        offset: refused.offset,
        timestamp: refused.appended / 1_000,
    };
    if chunk.partition != REDRIVE_PARTITION {
        return own;
    }

    RedriveOrigin::from_headers(refused.headers.as_deref()).unwrap_or(own)
}

/// The refused records of one raw object.
struct RefusedRecords {
    chunk: Chunk,
    /// Whether the chunk's receipt says that records of it are refused. Without the receipt that
    /// is unknown: the raw object may have been transformed again since.
    is_counted: bool,
    records: Vec<QuarantinedRecord>,
}

/// The records of every quarantine object of a topic, those of the redrive partition last and in
/// their order.
async fn read_refused_records(
    lake: &LakeHandle,
    topic: &str,
    chunks: &[(Chunk, String)],
) -> Result<Vec<RefusedRecords>, OperationError> {
    let of_topic = chunks.iter().filter(|(chunk, _)| chunk.topic == topic);
    let reads = of_topic.map(|(chunk, key)| read_quarantine_object(lake, chunk.clone(), key));
    let objects: Vec<Option<RefusedRecords>> = stream::iter(reads)
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;

    let mut objects: Vec<RefusedRecords> = objects.into_iter().flatten().collect();
    objects.sort_by_key(|object| {
        let is_redriven = object.chunk.partition == REDRIVE_PARTITION;
        (is_redriven, object.chunk.clone())
    });
    Ok(objects)
}

/// The refused records of a quarantine object; none when its chunk has no more, or when the object
/// cannot be read, which is noted.
async fn read_quarantine_object(
    lake: &LakeHandle,
    chunk: Chunk,
    key: &str,
) -> Result<Option<RefusedRecords>, OperationError> {
    let recorded = find_recorded_quarantine(lake, &chunk).await?;
    if recorded == RecordedQuarantine::None {
        return Ok(None);
    }
    let object = lake.refined.get_if_present(key).await;
    let Some(object) = lake.unreadable.note(object)?.flatten() else {
        return Ok(None);
    };

    let checked = match &recorded {
        RecordedQuarantine::Object(digest) => digest.check(&object.body),
        _ => Ok(()),
    };
    let records = checked.and_then(|()| lake::decode_quarantine(object.body));
    let records = lake.unreadable.note_decoded(key, records);
    Ok(records.map(|records| RefusedRecords {
        chunk,
        is_counted: recorded != RecordedQuarantine::Unknown,
        records,
    }))
}

/// What a chunk's receipt records of its refused records.
#[derive(PartialEq, Eq)]
enum RecordedQuarantine {
    /// The receipt cannot be read.
    Unknown,
    /// It counts none. When `pole-transform` has transformed the raw object again, under a mapping
    /// that was fixed, none of its records may be refused any more.
    None,
    /// It counts some, in an object of this content.
    Object(ObjectDigest),
}

async fn find_recorded_quarantine(
    lake: &LakeHandle,
    chunk: &Chunk,
) -> Result<RecordedQuarantine, OperationError> {
    let key = chunk.receipt_key();
    let Some(object) = lake
        .unreadable
        .note(lake.refined.get_if_present(&key).await)?
    else {
        return Ok(RecordedQuarantine::Unknown);
    };
    let Some(object) = object else {
        return Ok(RecordedQuarantine::None);
    };

    let receipt = Receipt::from_json(&object.body);
    let Some(receipt) = lake.unreadable.note_decoded(&key, receipt) else {
        return Ok(RecordedQuarantine::Unknown);
    };
    let counted = receipt
        .quarantine
        .filter(|_| !receipt.quarantined.is_empty());
    Ok(match counted {
        Some(object) => RecordedQuarantine::Object(object.digest),
        None => RecordedQuarantine::None,
    })
}

//! The refused records that a filter selects.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Chunk, Day, QuarantinedRecord, REDRIVE_PARTITION, Receipt, RedriveOrigin};
use store::ObjectStore;

use super::history::{RedriveStatus, read_redrive_history};
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
/// # Errors
/// When there is no such source, the storage does not answer, or an object is damaged.
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

    entries.retain(|entry| filter.covers_entry(entry));
    entries.sort_by(|a, b| (&a.topic, a.origin).cmp(&(&b.topic, b.origin)));
    Ok(entries)
}

fn check_source(lake: &LakeHandle, filter: &QuarantineFilter) -> Result<(), OperationError> {
    let Some(source) = &filter.source else {
        return Ok(());
    };
    if lake.catalogue.mapping_of_source(source).is_some() {
        return Ok(());
    }

    let mappings = lake.catalogue.mappings.iter();
    let names: Vec<&str> = mappings
        .map(|mapping| mapping.contract.name.as_str())
        .collect();
    let names = names.join(", ");
    Err(format!("there is no source `{source}`; there are {names}").into())
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
    for (chunk, refused) in read_refused_records(lake, topic, chunks).await? {
        let origin = record_origin(&chunk, &refused);
        let entry = QuarantineEntry {
            topic: topic.to_owned(),
            origin,
            status: history.status(origin),
            redrives: history.count_redrives(origin),
            refused,
        };
        entries.insert(origin, entry);
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

/// The records of every quarantine object of a topic, those of the redrive partition last and in
/// their order.
async fn read_refused_records(
    lake: &LakeHandle,
    topic: &str,
    chunks: &[(Chunk, String)],
) -> Result<Vec<(Chunk, QuarantinedRecord)>, OperationError> {
    let of_topic = chunks.iter().filter(|(chunk, _)| chunk.topic == topic);
    let reads = of_topic
        .cloned()
        .map(|(chunk, key)| read_quarantine_object(Arc::clone(&lake.refined), chunk, key));
    let mut objects: Vec<(Chunk, Vec<QuarantinedRecord>)> = stream::iter(reads)
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;

    objects.sort_by_key(|(chunk, _)| (chunk.partition == REDRIVE_PARTITION, chunk.clone()));
    let mut records = Vec::new();
    for (chunk, refused) in objects {
        records.extend(refused.into_iter().map(|record| (chunk.clone(), record)));
    }
    Ok(records)
}

/// The refused records of a quarantine object, when its chunk still has any.
async fn read_quarantine_object(
    refined: Arc<dyn ObjectStore>,
    chunk: Chunk,
    key: String,
) -> Result<(Chunk, Vec<QuarantinedRecord>), OperationError> {
    let mut refused = Vec::new();
    if has_refused_records(&chunk, &*refined).await? {
        let body = refined.get(&key).await?.body;
        refused = lake::decode_quarantine(body).map_err(|error| format!("{key}: {error}"))?;
    }
    Ok((chunk, refused))
}

/// Whether the receipt still counts refused records. When `pole-transform` has transformed the raw
/// object again, under a mapping that was fixed, none of its records may be refused any more.
async fn has_refused_records(
    chunk: &Chunk,
    refined: &dyn ObjectStore,
) -> Result<bool, OperationError> {
    match refined.get(&chunk.receipt_key()).await {
        Ok(object) => Ok(Receipt::from_json(&object.body)?.quarantined_total() > 0),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

//! Refused records, found again and sent on their way again.
//!
//! The quarantine zone says what was refused, the receipts of the redrive partition say what became of it since,
//! and the redrive partition's raw objects say what is on its way. Nothing else is kept: the data are the books.

mod redrive;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::{Chunk, Day, QuarantinedRecord, REDRIVE_PARTITION, Receipt, RedriveOrigin};
use store::ObjectStore;
use store::streams::{find_first_chunks, list_raw_chunks, read_receipts};

use crate::LakeHandle;
use crate::OperationError;

pub use redrive::{RedriveOutcome, redrive_entries, wait_for_outcomes};

/// Objects that are read at once.
const READS_AT_ONCE: usize = 16;

/// What is looked for.
#[derive(Clone, Debug, Default)]
pub struct QuarantineFilter {
    /// Only this source.
    pub source: Option<String>,
    /// Only records that broke this rule last.
    pub rule: Option<String>,
    /// Only records that were appended on this day or later.
    pub since: Option<Day>,
}

/// What has become of a refused record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RedriveStatus {
    /// It waits for somebody to mend the contract or the mapping.
    Open,
    /// It was sent on its way again and has not been transformed yet.
    Underway,
    /// It became rows after all.
    Refined,
    /// Its type is declared by now as one to leave alone.
    Ignored,
}

/// A refused record, by where it was first landed.
#[derive(Clone, Debug)]
pub struct QuarantineEntry {
    /// The topic.
    pub topic: String,
    /// Where it was first landed.
    pub origin: RedriveOrigin,
    /// What has become of it.
    pub status: RedriveStatus,
    /// How often it was redriven.
    pub redrives: u32,
    /// The record, and why it was refused the last time.
    pub refused: QuarantinedRecord,
}

/// Every refused record that the filter lets through, by topic and origin.
///
/// # Errors
/// When the storage does not answer or an object is damaged.
pub async fn list_entries(
    zones: &LakeHandle,
    filter: &QuarantineFilter,
) -> Result<Vec<QuarantineEntry>, OperationError> {
    let mut entries = Vec::new();
    let listed = zones.refined.list(Chunk::QUARANTINE_PREFIX, None).await?;
    let chunks: Vec<(Chunk, String)> = listed
        .into_iter()
        .filter_map(|entry| Some((Chunk::from_quarantine_key(&entry.key)?, entry.key)))
        .collect();
    for plan in &zones.catalogue.mappings {
        let contract = &plan.contract;
        if filter
            .source
            .as_ref()
            .is_none_or(|source| *source == contract.name)
        {
            entries
                .extend(list_topic_entries(zones, &contract.topic, &chunks, filter.since).await?);
        }
    }
    entries.retain(|entry| {
        filter
            .rule
            .as_ref()
            .is_none_or(|rule| *rule == entry.refused.rule)
    });
    entries.sort_by(|a, b| (&a.topic, a.origin).cmp(&(&b.topic, b.origin)));
    Ok(entries)
}

async fn list_topic_entries(
    zones: &LakeHandle,
    topic: &str,
    chunks: &[(Chunk, String)],
    since: Option<Day>,
) -> Result<Vec<QuarantineEntry>, OperationError> {
    let after = read_redrive_history(zones, topic).await?;
    let mut entries: BTreeMap<RedriveOrigin, QuarantineEntry> = BTreeMap::new();
    // The redrive partition sorts behind: what was refused again replaces what was refused first.
    for (chunk, refused) in read_refused_records(zones, topic, chunks).await? {
        let at = RedriveOrigin {
            epoch: chunk.epoch,
            partition: chunk.partition,
            offset: refused.offset,
            timestamp: refused.appended / 1_000,
        };
        let origin = RedriveOrigin::from_headers(refused.headers.as_deref())
            .filter(|_| chunk.partition == REDRIVE_PARTITION)
            .unwrap_or(at);
        let status = after.redrive_status(origin);
        let redrives = after
            .outcomes
            .get(&origin)
            .map_or(0, |outcomes| outcomes.len() as u32);
        entries.insert(
            origin,
            QuarantineEntry {
                topic: topic.to_owned(),
                origin,
                status,
                redrives,
                refused,
            },
        );
    }
    let recent = |entry: &QuarantineEntry| {
        since.is_none_or(|day| entry.origin.timestamp * 1_000 >= day.start_micros())
    };
    Ok(entries.into_values().filter(recent).collect())
}

/// What the redrive partition says.
#[derive(Default)]
struct RedriveHistory {
    /// The outcomes of each origin's redrives, in their order.
    outcomes: BTreeMap<RedriveOrigin, Vec<String>>,
    underway: BTreeSet<RedriveOrigin>,
}

impl RedriveHistory {
    fn redrive_status(&self, origin: RedriveOrigin) -> RedriveStatus {
        if self.underway.contains(&origin) {
            return RedriveStatus::Underway;
        }
        match self
            .outcomes
            .get(&origin)
            .and_then(|outcomes| outcomes.last())
            .map(String::as_str)
        {
            Some("refined") => RedriveStatus::Refined,
            Some("ignored") => RedriveStatus::Ignored,
            _ => RedriveStatus::Open,
        }
    }
}

async fn read_redrive_history(
    zones: &LakeHandle,
    topic: &str,
) -> Result<RedriveHistory, OperationError> {
    let mut after = RedriveHistory::default();
    for first in find_first_chunks(topic, &*zones.raw).await? {
        if first.partition != REDRIVE_PARTITION {
            continue;
        }
        let done = read_receipts(&first, &*zones.refined).await?;
        for redriven in done.iter().flat_map(|receipt| &receipt.redriven) {
            if let Some(origin) = RedriveOrigin::parse(&redriven.of) {
                after
                    .outcomes
                    .entry(origin)
                    .or_default()
                    .push(redriven.outcome.clone());
            }
        }
        let known: BTreeSet<i64> = done.iter().map(|receipt| receipt.offset).collect();
        for chunk in list_raw_chunks(&first, &*zones.raw).await? {
            if !known.contains(&chunk.offset) {
                after
                    .underway
                    .extend(read_origins(&chunk, &*zones.raw).await?);
            }
        }
    }
    Ok(after)
}

/// The origins of a raw object of the redrive partition.
async fn read_origins(
    chunk: &Chunk,
    raw: &dyn ObjectStore,
) -> Result<Vec<RedriveOrigin>, OperationError> {
    let batches = lake::decode_raw(raw.get(&chunk.raw_key()).await?.body)?;
    let rows = batches
        .iter()
        .flat_map(|batch| (0..batch.len()).map(|row| batch.headers(row)));
    Ok(rows.filter_map(RedriveOrigin::from_headers).collect())
}

/// The records of every quarantine object of a topic, those of the redrive partition last and in their order.
async fn read_refused_records(
    zones: &LakeHandle,
    topic: &str,
    chunks: &[(Chunk, String)],
) -> Result<Vec<(Chunk, QuarantinedRecord)>, OperationError> {
    let mine = chunks
        .iter()
        .filter(|(chunk, _)| chunk.topic == topic)
        .cloned();
    let refined = Arc::clone(&zones.refined);
    let mut found: Vec<(Chunk, Vec<QuarantinedRecord>)> = stream::iter(mine)
        .map(|(chunk, key)| {
            let refined = Arc::clone(&refined);
            async move {
                let refused = match has_refused_records(&chunk, &*refined).await? {
                    true => lake::decode_quarantine(refined.get(&key).await?.body)?,
                    false => Vec::new(),
                };
                Ok::<_, OperationError>((chunk, refused))
            }
        })
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    found.sort_by_key(|(chunk, _)| (chunk.partition == REDRIVE_PARTITION, chunk.clone()));
    Ok(found
        .into_iter()
        .flat_map(|(chunk, refused)| refused.into_iter().map(move |r| (chunk.clone(), r)))
        .collect())
}

/// Whether the receipt still speaks of refused records: the raw object may have been transformed again since, by a
/// mended mapping, and then nothing of it is refused any more.
async fn has_refused_records(
    chunk: &Chunk,
    refined: &dyn ObjectStore,
) -> Result<bool, OperationError> {
    let Some(object) = refined.get_if_present(&chunk.receipt_key()).await? else {
        return Ok(false);
    };

    Ok(Receipt::from_json(&object.body)?.quarantined_total() > 0)
}

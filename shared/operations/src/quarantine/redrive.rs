//! Sending refused records on their way again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lake::{Chunk, REDRIVE_PARTITION, RawRecord, RedriveOrigin, headers_with_origin};
use store::raw_log;

use super::{QuarantineEntry, RedriveStatus};
use crate::LakeHandle;
use crate::OperationError;

/// Records of one raw object at most, as of a Kafka batch.
const BATCH_RECORDS_MAX: usize = 10_000;

/// Bytes of one raw object's values at most, as of a Kafka batch.
const BATCH_BYTES_MAX: usize = 6 * 1024 * 1024;

/// What became of a redriven record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedriveOutcome {
    /// The topic.
    pub topic: String,
    /// Where the record was first landed.
    pub origin: RedriveOrigin,
    /// `refined`, `ignored`, the rule that it broke again, or `underway`.
    pub outcome: String,
}

/// Appends the open records among `entries` to their topics' redrive partitions; gives the raw objects.
///
/// # Errors
/// When the storage does not answer. What was appended by then is on its way; the rest is still open.
pub async fn redrive_entries(
    zones: &LakeHandle,
    entries: &[QuarantineEntry],
    now: i64,
) -> Result<Vec<Chunk>, OperationError> {
    let mut streams: BTreeMap<(&str, u32), Vec<&QuarantineEntry>> = BTreeMap::new();
    for entry in entries
        .iter()
        .filter(|entry| entry.status == RedriveStatus::Open)
    {
        streams
            .entry((&entry.topic, entry.origin.epoch))
            .or_default()
            .push(entry);
    }
    let mut chunks = Vec::new();
    for ((topic, epoch), entries) in streams {
        let stream = Chunk {
            topic: topic.to_owned(),
            epoch,
            partition: REDRIVE_PARTITION,
            offset: 0,
        };
        for part in split_into_batches(&entries) {
            let records = part
                .iter()
                .map(|entry| redriven_record(entry, now))
                .collect();
            chunks.push(raw_log::append_records(&*zones.raw, &stream, records).await?);
        }
    }
    Ok(chunks)
}

/// The entries in parts that a raw object may have.
fn split_into_batches<'e>(entries: &[&'e QuarantineEntry]) -> Vec<Vec<&'e QuarantineEntry>> {
    let (mut parts, mut bytes) = (vec![Vec::new()], 0);
    for entry in entries {
        let size = entry.refused.value.as_ref().map_or(0, bytes::Bytes::len);
        let full = |part: &Vec<&QuarantineEntry>| {
            part.len() == BATCH_RECORDS_MAX || (bytes + size > BATCH_BYTES_MAX && !part.is_empty())
        };
        if parts.last().is_none_or(full) {
            parts.push(Vec::new());
            bytes = 0;
        }
        bytes += size;
        if let Some(part) = parts.last_mut() {
            part.push(*entry);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

/// The record as it was, with where it came from. All of a redrive have one time: it counts for one day.
fn redriven_record(entry: &QuarantineEntry, now: i64) -> RawRecord<'static> {
    let refused = &entry.refused;
    RawRecord {
        offset: 0,
        timestamp: now,
        timestamp_type: Some("LOG_APPEND_TIME"),
        key: refused.key.clone(),
        value: refused.value.clone(),
        headers: Some(headers_with_origin(
            refused.headers.as_deref(),
            entry.origin,
        )),
    }
}

/// Waits until the raw objects are transformed, at most so long, and tells what became of each record.
///
/// # Errors
/// When the storage does not answer or an object is damaged.
pub async fn wait_for_outcomes(
    zones: &LakeHandle,
    chunks: &[Chunk],
    at_most: Duration,
) -> Result<Vec<RedriveOutcome>, OperationError> {
    let deadline = Instant::now() + at_most;
    let mut outcomes = Vec::new();
    for chunk in chunks {
        loop {
            match zones.refined.get(&chunk.receipt_key()).await {
                Ok(object) => {
                    let receipt = lake::Receipt::from_json(&object.body)?;
                    outcomes.extend(receipt.redriven.into_iter().filter_map(|redriven| {
                        let origin = RedriveOrigin::parse(&redriven.of)?;
                        Some(RedriveOutcome {
                            topic: chunk.topic.clone(),
                            origin,
                            outcome: redriven.outcome,
                        })
                    }));
                    break;
                }
                Err(error) if !error.is_not_found() => return Err(error.into()),
                Err(_) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(100)).await
                }
                Err(_) => {
                    let origins = super::read_origins(chunk, &*zones.raw).await?;
                    let underway = |origin| RedriveOutcome {
                        topic: chunk.topic.clone(),
                        origin,
                        outcome: "underway".into(),
                    };
                    outcomes.extend(origins.into_iter().map(underway));
                    break;
                }
            }
        }
    }
    Ok(outcomes)
}

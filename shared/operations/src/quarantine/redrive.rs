//! Processes refused records again: appends them to the redrive partition, and waits until they are
//! transformed.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use lake::{
    Chunk, Day, QuarantinedRecord, REDRIVE_PARTITION, RawRecord, Receipt, RedriveOrigin,
    headers_with_origin,
};
use store::raw_log::append_records;

use super::entries::QuarantineEntry;
use super::history::{RedriveStatus, read_origins};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Records of one raw object at most, as of a Kafka batch.
const BATCH_RECORDS_MAX: usize = 10_000;

/// Bytes of one raw object's values at most, as of a Kafka batch.
const BATCH_BYTES_MAX: usize = 6 * 1024 * 1024;

/// The receipt of a redriven raw object is looked for this often.
const POLL_INTERVAL: Duration = Duration::from_millis(100);

/// What became of a redriven record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RedriveOutcome {
    /// The topic.
    pub topic: String,
    /// The position at which the record came first.
    pub origin: RedriveOrigin,
    /// `refined`, `ignored`, the rule that it broke again, or `underway`.
    pub outcome: String,
    /// Why it was refused again.
    pub refusal: Option<RepeatedRefusal>,
}

/// Why a redriven record was refused again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatedRefusal {
    /// The path in the event.
    pub path: String,
    /// What was expected; never a value.
    pub reason: String,
}

impl RedriveOutcome {
    /// Whether the record became rows, or is ignored by now.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.outcome.as_str(), "refined" | "ignored")
    }

    /// Whether it is not transformed yet.
    #[must_use]
    pub fn is_underway(&self) -> bool {
        self.outcome == RedriveStatus::Underway.label()
    }
}

/// Appends the open records among `entries` to their topics' redrive partitions; gives the raw
/// objects. A stream whose log cannot be read is noted and appended nothing to; the others go on.
///
/// # Errors
/// When the storage does not answer. The records that were appended by then are underway; the
/// others are still open.
pub async fn redrive_entries(
    lake: &LakeHandle,
    entries: &[QuarantineEntry],
    now: i64,
) -> Result<Vec<Chunk>, OperationError> {
    let mut streams: BTreeMap<(&str, u32), Vec<&QuarantineEntry>> = BTreeMap::new();
    let open = entries
        .iter()
        .filter(|entry| entry.status == RedriveStatus::Open);
    for entry in open {
        let stream = (entry.topic.as_str(), entry.origin.epoch);
        streams.entry(stream).or_default().push(entry);
    }

    let mut chunks = Vec::new();
    for ((topic, epoch), entries) in streams {
        let stream = Chunk {
            topic: topic.to_owned(),
            epoch,
            partition: REDRIVE_PARTITION,
            offset: 0,
        };
        for batch in split_into_batches(&entries) {
            let records = batch.iter().map(|entry| redriven_record(entry, now));
            let records = records.collect();
            let appended = append_records(&*lake.raw, &stream, records).await;
            chunks.extend(lake.unreadable.note(appended)?);
        }
    }
    Ok(chunks)
}

/// The entries in batches, each as large as a raw object may be.
fn split_into_batches<'e>(entries: &[&'e QuarantineEntry]) -> Vec<Vec<&'e QuarantineEntry>> {
    let mut batches = Vec::new();
    let mut batch = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size = entry.refused.value.as_ref().map_or(0, bytes::Bytes::len);
        let is_full = batch.len() == BATCH_RECORDS_MAX || bytes + size > BATCH_BYTES_MAX;
        if is_full && !batch.is_empty() {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(*entry);
    }

    if !batch.is_empty() {
        batches.push(batch);
    }
    batches
}

/// The record as it was, with its origin. All records of a redrive have one time, so that they
/// count for one day.
fn redriven_record(entry: &QuarantineEntry, now: i64) -> RawRecord<'static> {
    let refused = &entry.refused;
    let headers = headers_with_origin(refused.headers.as_deref(), entry.origin);
    RawRecord {
        offset: 0,
        timestamp: now,
        timestamp_type: Some(lake::LOG_APPEND_TIME),
        landed_at: Some(now),
        key: refused.key.clone(),
        value: refused.value.clone(),
        headers: Some(headers),
    }
}

/// Waits until `pole-transform` has transformed the raw objects, `wait_max` at most; gives the
/// outcome of each record.
///
/// # Errors
/// When the storage does not answer.
pub async fn wait_for_outcomes(
    lake: &LakeHandle,
    chunks: &[Chunk],
    wait_max: Duration,
) -> Result<Vec<RedriveOutcome>, OperationError> {
    let deadline = Instant::now() + wait_max;
    let mut outcomes = Vec::new();
    for chunk in chunks {
        match wait_for_receipt(lake, chunk, deadline).await? {
            Some(receipt) => {
                let mut refusals = read_refusals(lake, chunk, &receipt).await?;
                for mut outcome in receipt_outcomes(chunk, receipt) {
                    outcome.refusal = refusals.remove(&outcome.origin);
                    outcomes.push(outcome);
                }
            }
            None => {
                let origins = read_origins(lake, chunk).await?.unwrap_or_default();
                outcomes.extend(origins.into_iter().map(|origin| RedriveOutcome {
                    topic: chunk.topic.clone(),
                    origin,
                    outcome: RedriveStatus::Underway.label().to_owned(),
                    refusal: None,
                }));
            }
        }
    }
    Ok(outcomes)
}

/// The receipt of a raw object; none when it is not there at the deadline, or cannot be read, which
/// is noted.
async fn wait_for_receipt(
    lake: &LakeHandle,
    chunk: &Chunk,
    deadline: Instant,
) -> Result<Option<Receipt>, OperationError> {
    let key = chunk.receipt_key();
    loop {
        let object = lake.refined.get_if_present(&key).await;
        match lake.unreadable.note(object)? {
            Some(Some(object)) => {
                let receipt = Receipt::from_json(&object.body);
                return Ok(lake.unreadable.note_decoded(&key, receipt));
            }
            Some(None) if Instant::now() < deadline => tokio::time::sleep(POLL_INTERVAL).await,
            _ => return Ok(None),
        }
    }
}

/// Why records of a redriven raw object were refused again; nothing where the quarantine object
/// cannot be read, which is noted.
async fn read_refusals(
    lake: &LakeHandle,
    chunk: &Chunk,
    receipt: &Receipt,
) -> Result<BTreeMap<RedriveOrigin, RepeatedRefusal>, OperationError> {
    let first_day = receipt.days.first().and_then(|day| Day::parse(&day.date));
    let Some(day) = first_day.filter(|_| receipt.quarantined_total() > 0) else {
        return Ok(BTreeMap::new());
    };
    let key = chunk.quarantine_key(day);
    let object = lake.refined.get_if_present(&key).await;
    let Some(object) = lake.unreadable.note(object)?.flatten() else {
        return Ok(BTreeMap::new());
    };

    let decoded = lake::decode_quarantine(object.body);
    let records = lake.unreadable.note_decoded(&key, decoded);
    let refusals = records.into_iter().flatten().filter_map(|record| {
        let origin = RedriveOrigin::from_headers(record.headers.as_deref())?;
        let QuarantinedRecord { path, reason, .. } = record;
        Some((origin, RepeatedRefusal { path, reason }))
    });
    Ok(refusals.collect())
}

fn receipt_outcomes(chunk: &Chunk, receipt: Receipt) -> impl Iterator<Item = RedriveOutcome> {
    receipt.redriven.into_iter().filter_map(|redriven| {
        Some(RedriveOutcome {
            topic: chunk.topic.clone(),
            origin: RedriveOrigin::parse(&redriven.of)?,
            outcome: redriven.outcome,
            refusal: None,
        })
    })
}

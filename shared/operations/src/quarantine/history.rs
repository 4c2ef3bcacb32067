//! What became of the records that were redriven, from the redrive partition and its receipts.

use std::collections::{BTreeMap, BTreeSet};

use lake::{Chunk, REDRIVE_PARTITION, Receipt, RedriveOrigin};
use serde::Serialize;
use store::raw_log::RawObject;
use store::streams::{ReceiptReading, find_first_chunks, list_raw_chunks, read_each_receipt};

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// What has become of a refused record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RedriveStatus {
    /// It waits until its contract or mapping is fixed and an operator redrives it.
    Open,
    /// An operator has redriven it, and `pole-transform` has not transformed it yet.
    Underway,
    /// It became rows after all.
    Refined,
    /// By now the contract declares its type as one to ignore.
    Ignored,
    /// An object that says what became of it cannot be read. It is not redriven: it may have been.
    Unknown,
}

impl RedriveStatus {
    /// The status in one word.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Underway => "underway",
            Self::Refined => "refined",
            Self::Ignored => "ignored",
            Self::Unknown => "unknown",
        }
    }
}

/// What the redrive partition says of each origin.
#[derive(Default)]
pub(super) struct RedriveHistory {
    /// The outcomes of each origin's redrives, in their order.
    outcomes: BTreeMap<RedriveOrigin, Vec<String>>,
    underway: BTreeSet<RedriveOrigin>,
    /// Records of raw objects whose receipts cannot be read.
    unknown: BTreeSet<RedriveOrigin>,
    /// Whether a raw object of the redrive partition cannot be read: it may hold any record.
    is_incomplete: bool,
}

impl RedriveHistory {
    pub(super) fn status(&self, origin: RedriveOrigin) -> RedriveStatus {
        if self.underway.contains(&origin) {
            return RedriveStatus::Underway;
        }
        if self.unknown.contains(&origin) {
            return RedriveStatus::Unknown;
        }

        let outcomes = self.outcomes.get(&origin);
        match outcomes
            .and_then(|outcomes| outcomes.last())
            .map(String::as_str)
        {
            Some("refined") => RedriveStatus::Refined,
            Some("ignored") => RedriveStatus::Ignored,
            _ if self.is_incomplete => RedriveStatus::Unknown,
            _ => RedriveStatus::Open,
        }
    }

    pub(super) fn count_redrives(&self, origin: RedriveOrigin) -> u32 {
        let outcomes = self.outcomes.get(&origin);
        outcomes.map_or(0, |outcomes| outcomes.len() as u32)
    }
}

pub(super) async fn read_redrive_history(
    lake: &LakeHandle,
    topic: &str,
) -> Result<RedriveHistory, OperationError> {
    let mut history = RedriveHistory::default();
    let firsts = find_first_chunks(topic, &*lake.raw).await?.into_iter();
    for first in firsts.filter(|first| first.partition == REDRIVE_PARTITION) {
        let readings = read_each_receipt(&first, &*lake.refined).await?;
        for chunk in list_raw_chunks(&first, &*lake.raw).await? {
            let reading = readings.iter().find(|known| known.offset == chunk.offset);
            history.add_chunk(lake, &chunk, reading).await?;
        }
    }
    Ok(history)
}

impl RedriveHistory {
    /// Adds what became of the records of a raw object of the redrive partition.
    async fn add_chunk(
        &mut self,
        lake: &LakeHandle,
        chunk: &Chunk,
        reading: Option<&ReceiptReading>,
    ) -> Result<(), OperationError> {
        match reading.map(|reading| &reading.receipt) {
            Some(Ok(receipt)) => self.add_outcomes(receipt),
            Some(Err(object)) => {
                lake.unreadable.add(object.clone());
                match read_origins(lake, chunk).await? {
                    Some(origins) => self.unknown.extend(origins),
                    None => self.is_incomplete = true,
                }
            }
            None => match read_origins(lake, chunk).await? {
                Some(origins) => self.underway.extend(origins),
                None => self.is_incomplete = true,
            },
        }
        Ok(())
    }

    fn add_outcomes(&mut self, receipt: &Receipt) {
        for redriven in &receipt.redriven {
            if let Some(origin) = RedriveOrigin::parse(&redriven.of) {
                let outcomes = self.outcomes.entry(origin).or_default();
                outcomes.push(redriven.outcome.clone());
            }
        }
    }
}

/// The origins of a raw object of the redrive partition; none when it cannot be read, which is
/// noted.
pub(super) async fn read_origins(
    lake: &LakeHandle,
    chunk: &Chunk,
) -> Result<Option<Vec<RedriveOrigin>>, OperationError> {
    let key = chunk.raw_key();
    let Some(object) = lake.unreadable.note(lake.raw.get(&key).await)? else {
        return Ok(None);
    };
    let raw = RawObject::check(&object);
    let decoded = raw.and_then(|raw| lake::decode_raw(raw.body));
    let Some(batches) = lake.unreadable.note_decoded(&key, decoded) else {
        return Ok(None);
    };

    let headers = batches
        .iter()
        .flat_map(|batch| (0..batch.len()).map(move |row| batch.headers(row)));
    Ok(Some(
        headers.filter_map(RedriveOrigin::from_headers).collect(),
    ))
}

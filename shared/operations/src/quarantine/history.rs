//! What became of the records that were redriven, from the redrive partition and its receipts.

use std::collections::{BTreeMap, BTreeSet};

use lake::{Chunk, REDRIVE_PARTITION, RedriveOrigin};
use serde::Serialize;
use store::ObjectStore;
use store::streams::{find_first_chunks, list_raw_chunks, read_receipts};

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
        }
    }
}

/// What the redrive partition says of each origin.
#[derive(Default)]
pub(super) struct RedriveHistory {
    /// The outcomes of each origin's redrives, in their order.
    outcomes: BTreeMap<RedriveOrigin, Vec<String>>,
    underway: BTreeSet<RedriveOrigin>,
}

impl RedriveHistory {
    pub(super) fn status(&self, origin: RedriveOrigin) -> RedriveStatus {
        if self.underway.contains(&origin) {
            return RedriveStatus::Underway;
        }

        let outcomes = self.outcomes.get(&origin);
        match outcomes
            .and_then(|outcomes| outcomes.last())
            .map(String::as_str)
        {
            Some("refined") => RedriveStatus::Refined,
            Some("ignored") => RedriveStatus::Ignored,
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
        let receipts = read_receipts(&first, &*lake.refined).await?;
        for redriven in receipts.iter().flat_map(|receipt| &receipt.redriven) {
            if let Some(origin) = RedriveOrigin::parse(&redriven.of) {
                let outcomes = history.outcomes.entry(origin).or_default();
                outcomes.push(redriven.outcome.clone());
            }
        }

        let transformed: BTreeSet<i64> = receipts.iter().map(|receipt| receipt.offset).collect();
        for chunk in list_raw_chunks(&first, &*lake.raw).await? {
            if !transformed.contains(&chunk.offset) {
                let origins = read_origins(&chunk, &*lake.raw).await?;
                history.underway.extend(origins);
            }
        }
    }
    Ok(history)
}

/// The origins of a raw object of the redrive partition.
pub(super) async fn read_origins(
    chunk: &Chunk,
    raw: &dyn ObjectStore,
) -> Result<Vec<RedriveOrigin>, OperationError> {
    let key = chunk.raw_key();
    let body = raw.get(&key).await?.body;
    let batches = lake::decode_raw(body).map_err(|error| format!("{key}: {error}"))?;
    let headers = batches
        .iter()
        .flat_map(|batch| (0..batch.len()).map(|row| batch.headers(row)));
    Ok(headers.filter_map(RedriveOrigin::from_headers).collect())
}

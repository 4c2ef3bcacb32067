//! The reconciliation of a day: what came into the raw zone, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use host::Failure;
use lake::{Chunk, Day, REDRIVE_PARTITION, Receipt, SnapshotManifest};
use serde::{Deserialize, Serialize};
use store::ObjectStore;
use store::streams::{find_stream_starts, list_raw_chunks, oldest_committed_chunk, read_receipts};

/// The reconciliation of all sources, by name.
pub type Reconciliation = BTreeMap<String, SourceReconciliation>;

/// What became of a source's records. A raw object counts for the day of its first record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReconciliation {
    /// Records that are stored in the raw zone.
    pub landed: u64,
    /// Records that became rows.
    pub refined: u64,
    /// Records of a type that the contract declares as ignored.
    pub ignored: u64,
    /// Refused records, by rule.
    pub quarantined: BTreeMap<String, u64>,
    /// Fields that the contract does not declare, by path.
    #[serde(default)]
    pub undeclared: BTreeMap<String, u64>,
    /// Values that the contract's enumerations do not list, by path.
    #[serde(default)]
    pub unlisted: BTreeMap<String, u64>,
    /// Members that their object has more than once, by path.
    #[serde(default)]
    pub duplicates: BTreeMap<String, u64>,
    /// Values that their column could not read and that are null, by path.
    #[serde(default)]
    pub unreadable: BTreeMap<String, u64>,
    /// Records by the minute of the day in which they were appended, 0 to 1439; minutes without
    /// records have no entry.
    #[serde(default)]
    pub minutes: BTreeMap<u16, u64>,
    /// Records by their lag, from the event to its append, in seconds: each is counted at the
    /// smallest of the bounds 1, 2, 5, 10, 30, 60, … that is not below its lag; see
    /// `lake::LAG_BOUNDS`.
    #[serde(default)]
    pub lag: BTreeMap<u64, u64>,
    /// Offsets that no record has.
    pub offset_gaps: u64,
    /// Raw objects that have no receipt yet, of this day or an earlier one; of the newest day, of
    /// any.
    pub waiting: u64,
    /// What became of refused records that were processed again on this day; they are not counted
    /// above.
    #[serde(default)]
    pub redriven: RedrivenCounts,
}

/// What became of redriven records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedrivenCounts {
    /// Records that became rows.
    pub refined: u64,
    /// Records of a type that the contract declares as ignored by now.
    pub ignored: u64,
    /// Records that were refused again.
    pub quarantined: u64,
}

impl RedrivenCounts {
    /// All of them.
    #[must_use]
    pub fn total(self) -> u64 {
        self.refined + self.ignored + self.quarantined
    }
}

impl SourceReconciliation {
    /// Refused records of every rule.
    #[must_use]
    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.values().sum()
    }

    /// The bound, in seconds, that `percentile` in a hundred of the records keep with their lag;
    /// none without records.
    #[must_use]
    pub fn lag_percentile(&self, percentile: u64) -> Option<u64> {
        let total: u64 = self.lag.values().sum();
        let rank = (total * percentile).div_ceil(100).max(1);

        let mut counted = 0;
        self.lag.iter().find_map(|(bound, count)| {
            counted += count;
            (counted >= rank).then_some(*bound)
        })
    }

    /// Whether every record of the raw zone is accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.waiting == 0 && self.landed == self.refined + self.ignored + self.quarantined_total()
    }

    /// Adds a stream: its raw objects and its receipts, both in the order of offsets.
    fn add_stream(&mut self, date: &str, chunks: &[Chunk], receipts: &[Receipt]) {
        // A raw object after the first receipt of a later day was appended later itself.
        let end = receipts
            .iter()
            .find(|receipt| first_date(receipt).is_some_and(|first| first > date))
            .map_or(i64::MAX, |receipt| receipt.offset);
        let transformed: BTreeSet<i64> = receipts.iter().map(|receipt| receipt.offset).collect();
        let waiting = chunks
            .iter()
            .filter(|chunk| chunk.offset < end && !transformed.contains(&chunk.offset));
        self.waiting += waiting.count() as u64;

        for receipt in receipts {
            if first_date(receipt) == Some(date) {
                self.add_receipt(receipt);
            }
        }
    }

    fn add_receipt(&mut self, receipt: &Receipt) {
        if receipt.stream.partition == REDRIVE_PARTITION {
            self.redriven.refined += receipt.refined;
            self.redriven.ignored += receipt.ignored;
            self.redriven.quarantined += receipt.quarantined_total();
            return;
        }

        self.landed += receipt.landed;
        self.refined += receipt.refined;
        self.ignored += receipt.ignored;
        self.offset_gaps += (receipt.next - receipt.offset)
            .unsigned_abs()
            .saturating_sub(receipt.landed);

        add_counts(&mut self.quarantined, &receipt.quarantined);
        add_counts(&mut self.undeclared, &receipt.undeclared);
        add_counts(&mut self.unlisted, &receipt.unlisted);
        add_counts(&mut self.duplicates, &receipt.duplicates);
        add_counts(&mut self.unreadable, &receipt.unreadable);
        add_counts(&mut self.minutes, &receipt.minutes);
        add_counts(&mut self.lag, &receipt.lag);
    }
}

/// The day of a raw object's first record.
fn first_date(receipt: &Receipt) -> Option<&str> {
    receipt.days.first().map(|first| first.date.as_str())
}

fn add_counts<K: Clone + Ord>(sums: &mut BTreeMap<K, u64>, counts: &BTreeMap<K, u64>) {
    for (key, count) in counts {
        *sums.entry(key.clone()).or_default() += count;
    }
}

/// Reconciles a topic on a day. `bases` are the manifests of the days before: what they have
/// consumed is not read again.
///
/// # Errors
/// When a receipt cannot be read.
pub(crate) async fn reconcile_topic(
    topic: &str,
    day: Day,
    bases: &[SnapshotManifest],
    raw: &dyn ObjectStore,
    refined: &dyn ObjectStore,
) -> Result<SourceReconciliation, Failure> {
    let mut reconciliation = SourceReconciliation::default();
    for first in find_stream_starts(topic, raw, refined).await? {
        let from = oldest_committed_chunk(&first, bases);
        let chunks = list_raw_chunks(&from, raw).await?;
        let receipts = read_receipts(&from, refined).await?;

        reconciliation.add_stream(&day.to_string(), &chunks, &receipts);
    }
    Ok(reconciliation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_of_the_lag_is_a_bound_that_so_many_keep() {
        let source = SourceReconciliation {
            lag: [(1, 90), (60, 9), (3_600, 1)].into(),
            ..SourceReconciliation::default()
        };
        assert_eq!(
            [50, 90, 91, 99, 100].map(|percentile| source.lag_percentile(percentile)),
            [1, 1, 60, 60, 3_600].map(Some)
        );
        assert_eq!(SourceReconciliation::default().lag_percentile(50), None);
    }
}

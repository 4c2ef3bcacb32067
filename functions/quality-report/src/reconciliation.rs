//! The books of a day: what was landed, and what became of it.

use std::collections::{BTreeMap, BTreeSet};

use host::Failure;
use lake::{Day, REDRIVE_PARTITION, Receipt, SnapshotManifest};
use serde::{Deserialize, Serialize};
use store::ObjectStore;
use store::streams::{find_first_chunks, list_raw_chunks, oldest_committed_chunk, read_receipts};

/// The books of all sources, by name.
pub type Reconciliation = BTreeMap<String, SourceReconciliation>;

/// What became of a source's records. A raw object counts for the day of its first record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceReconciliation {
    /// Records that lie in the raw zone.
    pub landed: u64,
    /// Records that became rows.
    pub refined: u64,
    /// Records of a type that is declared as one to leave alone.
    pub ignored: u64,
    /// Refused records, by rule.
    pub quarantined: BTreeMap<String, u64>,
    /// Fields that the contract does not declare, by path.
    #[serde(default)]
    pub undeclared: BTreeMap<String, u64>,
    /// Values that the contract's enumerations do not list, by path.
    #[serde(default)]
    pub unlisted: BTreeMap<String, u64>,
    /// Records by the minute of the day in which they were appended, 0 to 1439; minutes without any are left out.
    #[serde(default)]
    pub minutes: BTreeMap<u16, u64>,
    /// Records by their lag, from the event to its append, in seconds: each is counted at the next of the bounds
    /// 1, 2, 5, 10, 30, 60, … that is not below it; see `lake::LAG_BOUNDS`.
    #[serde(default)]
    pub lag: BTreeMap<u64, u64>,
    /// Offsets that no record has.
    pub offset_gaps: u64,
    /// Raw objects that have no receipt yet, of this day or an earlier one; of the newest day, of any.
    pub waiting: u64,
    /// What became of refused records that were processed again on this day; they are not counted above.
    #[serde(default)]
    pub redriven: RedrivenCounts,
}

/// What became of redriven records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedrivenCounts {
    /// Records that became rows.
    pub refined: u64,
    /// Records of a type that is declared by now as one to leave alone.
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

    /// So many in a hundred of the records had no greater lag than this, in seconds: one of the bounds.
    #[must_use]
    pub fn lag_percentile(&self, centile: u64) -> Option<u64> {
        let all: u64 = self.lag.values().sum();
        let wanted = (all * centile).div_ceil(100).max(1);
        let mut seen = 0;
        self.lag.iter().find_map(|(bound, count)| {
            seen += count;
            (seen >= wanted).then_some(*bound)
        })
    }

    /// Whether every landed record is accounted for.
    #[must_use]
    pub fn balances(&self) -> bool {
        self.waiting == 0 && self.landed == self.refined + self.ignored + self.quarantined_total()
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
        for (mine, theirs) in [
            (&mut self.quarantined, &receipt.quarantined),
            (&mut self.undeclared, &receipt.undeclared),
            (&mut self.unlisted, &receipt.unlisted),
        ] {
            theirs
                .iter()
                .for_each(|(name, count)| *mine.entry(name.clone()).or_default() += count);
        }
        receipt
            .minutes
            .iter()
            .for_each(|(minute, count)| *self.minutes.entry(*minute).or_default() += count);
        receipt
            .lag
            .iter()
            .for_each(|(bound, count)| *self.lag.entry(*bound).or_default() += count);
    }
}

/// The books of a source's topic on a day. What the days before took, by their manifests `bases`, is not read again.
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
    let (date, mut books) = (day.to_string(), SourceReconciliation::default());
    for first in find_first_chunks(topic, raw)
        .await
        .map_err(|error| Failure::unavailable(&error))?
    {
        let from = oldest_committed_chunk(&first, bases);
        let landed = list_raw_chunks(&from, raw)
            .await
            .map_err(|error| Failure::unavailable(&error))?;
        let receipts = read_receipts(&from, refined)
            .await
            .map_err(|error| Failure::unavailable(&error))?;
        let done: BTreeSet<i64> = receipts.iter().map(|receipt| receipt.offset).collect();
        // What lies behind a receipt of a later day came later itself.
        let later =
            |receipt: &&Receipt| receipt.days.first().is_some_and(|first| first.date > date);
        let end = receipts
            .iter()
            .find(later)
            .map_or(i64::MAX, |receipt| receipt.offset);
        let waiting = landed
            .iter()
            .filter(|chunk| chunk.offset < end && !done.contains(&chunk.offset));
        books.waiting += waiting.count() as u64;
        let of_day =
            |receipt: &&Receipt| receipt.days.first().is_some_and(|first| first.date == date);
        receipts
            .iter()
            .filter(of_day)
            .for_each(|receipt| books.add_receipt(receipt));
    }
    Ok(books)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_centile_of_the_lag_is_a_bound_that_so_many_keep() {
        let books = SourceReconciliation {
            lag: [(1, 90), (60, 9), (3_600, 1)].into(),
            ..SourceReconciliation::default()
        };
        assert_eq!(
            [50, 90, 91, 99, 100].map(|centile| books.lag_percentile(centile)),
            [1, 1, 60, 60, 3_600].map(Some)
        );
        assert_eq!(SourceReconciliation::default().lag_percentile(50), None);
    }
}

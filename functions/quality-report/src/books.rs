//! The books of a day: what was landed, and what became of it.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use host::Failure;
use lake::{Chunk, Day, Receipt};
use serde::{Deserialize, Serialize};
use store::ObjectStore;

/// Receipts that are read at once.
const READS_AT_ONCE: usize = 16;

/// The books of all sources, by name.
pub type Books = BTreeMap<String, SourceBooks>;

/// What became of a source's records. A raw object counts for the day of its first record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceBooks {
    /// Records that lie in the raw zone.
    pub landed: u64,
    /// Records that became rows.
    pub refined: u64,
    /// Records of a type that is declared as one to leave alone.
    pub ignored: u64,
    /// Refused records, by rule.
    pub quarantined: BTreeMap<String, u64>,
    /// Offsets that no record has.
    pub holes: u64,
    /// Raw objects that have no receipt yet, of any day.
    pub waiting: u64,
}

impl SourceBooks {
    /// Refused records of every rule.
    #[must_use]
    pub fn quarantined_total(&self) -> u64 {
        self.quarantined.values().sum()
    }

    /// Whether every landed record is accounted for.
    #[must_use]
    pub fn close(&self) -> bool {
        self.waiting == 0 && self.landed == self.refined + self.ignored + self.quarantined_total()
    }

    fn add(&mut self, receipt: &Receipt) {
        self.landed += receipt.landed;
        self.refined += receipt.refined;
        self.ignored += receipt.ignored;
        self.holes += (receipt.next - receipt.offset).unsigned_abs().saturating_sub(receipt.landed);
        for (rule, count) in &receipt.quarantined {
            *self.quarantined.entry(rule.clone()).or_default() += count;
        }
    }
}

/// The books of a source's topic on a day.
///
/// # Errors
/// When a receipt cannot be read.
pub(crate) async fn of_topic(
    topic: &str,
    day: Day,
    raw: &dyn ObjectStore,
    refined: &dyn ObjectStore,
) -> Result<SourceBooks, Failure> {
    let unavailable = |error: store::StoreError| Failure::unavailable(&error);
    let landed = raw.list(&Chunk::topic_raw(topic), None).await.map_err(unavailable)?;
    let listed = refined.list(&Chunk::topic_receipts(topic), None).await.map_err(unavailable)?;
    let waiting = (landed.len() as u64).saturating_sub(listed.len() as u64);
    let receipts: Vec<Receipt> = stream::iter(listed)
        .map(|entry| async move {
            let object = refined.get(&entry.key).await.map_err(|error| Failure::unavailable(&error))?;
            Receipt::decode(&object.body).map_err(|error| Failure::corrupt(&error))
        })
        .buffered(READS_AT_ONCE)
        .try_collect()
        .await?;
    let date = day.to_string();
    let mut books = SourceBooks { waiting, ..SourceBooks::default() };
    let of_day = |receipt: &&Receipt| receipt.days.first().is_some_and(|first| first.date == date);
    receipts.iter().filter(of_day).for_each(|receipt| books.add(receipt));
    Ok(books)
}

//! How far the objects of a zone reach: the epochs, the partitions and the days that there are. An engine lists every place that a projection names, so a projection that names places
//! where nothing is costs requests for each of them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use host::Failure;
use lake::{Chunk, Day, history_prefix, parse_history_day};
use store::ObjectStore;
use store::streams::find_stream_starts;

/// The streams of some topics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StreamExtent {
    epochs: RangeInclusive<u32>,
    partitions: RangeInclusive<i32>,
}

impl StreamExtent {
    /// The streams that these chunks belong to; without a chunk the one that comes first.
    fn of_chunks(chunks: &[Chunk]) -> Self {
        let epochs = chunks.iter().map(|chunk| chunk.epoch);
        let partitions = chunks.iter().map(|chunk| chunk.partition);
        Self {
            epochs: span(epochs).unwrap_or(1..=1),
            partitions: span(partitions).unwrap_or(0..=0),
        }
    }

    /// The epochs, as a projection writes a range.
    pub(crate) fn epoch_range(&self) -> String {
        format!("{},{}", self.epochs.start(), self.epochs.end())
    }

    /// The partitions, as a projection writes a range; `-1` holds redriven records.
    pub(crate) fn partition_range(&self) -> String {
        format!("{},{}", self.partitions.start(), self.partitions.end())
    }
}

/// From the least to the greatest; none of no numbers.
fn span<N: Ord + Copy>(numbers: impl Iterator<Item = N> + Clone) -> Option<RangeInclusive<N>> {
    Some(numbers.clone().min()?..=numbers.max()?)
}

/// The first chunk of each stream, by topic. A stream whose raw objects have expired has receipts,
/// and may have refined rows.
pub(crate) struct TopicStreams(BTreeMap<String, Vec<Chunk>>);

impl TopicStreams {
    /// Finds the streams of some topics.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub(crate) async fn find(
        topics: impl Iterator<Item = &str>,
        raw: &dyn ObjectStore,
        refined: &dyn ObjectStore,
    ) -> Result<Self, Failure> {
        let mut streams = BTreeMap::new();
        for topic in topics {
            streams.insert(
                topic.to_owned(),
                find_stream_starts(topic, raw, refined).await?,
            );
        }
        Ok(Self(streams))
    }

    /// How far the streams of some of the topics reach.
    pub(crate) fn extent_of(&self, topics: &[&str]) -> StreamExtent {
        let chunks = topics.iter().filter_map(|topic| self.0.get(*topic));
        StreamExtent::of_chunks(&chunks.flatten().cloned().collect::<Vec<_>>())
    }
}

/// The first day of a table's refined rows; none where there are none.
///
/// # Errors
/// When the storage does not answer.
pub(crate) async fn find_first_refined_day(
    table: &str,
    refined: &dyn ObjectStore,
) -> Result<Option<Day>, Failure> {
    let prefix = format!("{}date=", Chunk::refined_prefix(table));
    let first = refined.find_first(&prefix, None).await?;
    Ok(first.and_then(|first| {
        let rest = first.key.strip_prefix(&prefix)?;
        Day::parse(rest.split('/').next()?)
    }))
}

/// The first and the last day of a table of the metrics' history; none where there is none.
///
/// # Errors
/// When the storage does not answer.
pub(crate) async fn find_history_days(
    table: &str,
    curated: &dyn ObjectStore,
) -> Result<Option<(Day, Day)>, Failure> {
    let listed = curated.list(&history_prefix(table), None).await?;
    let days = listed
        .iter()
        .filter_map(|entry| parse_history_day(table, &entry.key));
    Ok(days.clone().min().zip(days.max()))
}

/// The days from the first one to the last one, as a projection writes a range; without a first day
/// the last one, with the day before it: Trino refuses every query of a range of one day.
pub(crate) fn day_range(first: Option<Day>, last: Day) -> String {
    let before = Day(last.0 - 1);
    format!("{},{last}", first.unwrap_or(last).min(before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(epoch: u32, partition: i32) -> Chunk {
        Chunk {
            topic: "t".to_owned(),
            epoch,
            partition,
            offset: 0,
        }
    }

    #[test]
    fn an_extent_spans_what_there_is_and_no_more() {
        let chunks = [chunk(2, 3), chunk(1, 0), chunk(2, -1)];
        let extent = StreamExtent::of_chunks(&chunks);
        assert_eq!(
            (extent.epoch_range(), extent.partition_range()),
            ("1,2".into(), "-1,3".into())
        );
        let extent = StreamExtent::of_chunks(&[]);
        assert_eq!(
            (extent.epoch_range(), extent.partition_range()),
            ("1,1".into(), "0,0".into())
        );
        let (first, last) = (Day::parse("2026-03-02"), Day::parse("2026-03-05").unwrap());
        assert_eq!(day_range(first, last), "2026-03-02,2026-03-05");
        assert_eq!(day_range(None, last), "2026-03-04,2026-03-05");
        assert_eq!(day_range(Some(last), last), "2026-03-04,2026-03-05");
    }

    #[tokio::test]
    async fn a_stream_whose_raw_objects_have_expired_is_in_the_extent() {
        let (raw, refined) = (store::MemoryStore::default(), store::MemoryStore::default());
        let body = bytes::Bytes::new();
        let (kept, expired) = (chunk(2, 0), chunk(1, 1));
        raw.put(&kept.raw_key(), body.clone(), "x").await.unwrap();
        refined
            .put(&expired.receipt_key(), body, "x")
            .await
            .unwrap();

        let streams = TopicStreams::find(["t"].into_iter(), &raw, &refined).await;
        let extent = streams.unwrap().extent_of(&["t"]);
        assert_eq!(extent.epoch_range(), "1,2");
        assert_eq!(extent.partition_range(), "0,1");
    }

    #[tokio::test]
    async fn the_first_day_is_that_of_the_first_object() {
        let store = store::MemoryStore::default();
        assert_eq!(
            find_first_refined_day("person", &store).await.unwrap(),
            None
        );
        let days = [Day(20_515), Day(20_514)];
        for day in days {
            let body = bytes::Bytes::new();
            let key = chunk(1, 0).refined_key("person", day);
            store.put(&key, body.clone(), "x").await.unwrap();
            store
                .put(&lake::history_key("quality_rules", day), body, "x")
                .await
                .unwrap();
        }
        let refined = find_first_refined_day("person", &store).await.unwrap();
        let history = find_history_days("quality_rules", &store).await.unwrap();
        assert_eq!(refined, Some(days[1]));
        assert_eq!(history, Some((days[1], days[0])));
    }
}

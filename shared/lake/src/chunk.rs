//! A chunk of a partition: the unit that is stored once and transformed once, and every key that
//! names a part of it.

use crate::Day;

/// What a raw object is named after: the stream it belongs to and the first offset that it must
/// hold.
///
/// ```
/// let chunk = lake::Chunk { topic: "housing-tenure".into(), epoch: 1, partition: 2, offset: 17 };
/// let key = "raw/housing-tenure/epoch=1/partition=2/00000000000000000017.parquet";
/// assert_eq!(chunk.raw_key(), key);
/// assert_eq!(lake::Chunk::from_raw_key(&chunk.raw_key()), Some(chunk));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Chunk {
    /// The Kafka topic.
    pub topic: String,
    /// The topic's epoch: counted up when a topic is recreated.
    pub epoch: u32,
    /// The partition.
    pub partition: i32,
    /// The first offset that the object must hold. Nothing else is in its name.
    pub offset: i64,
}

impl Chunk {
    /// The key of the raw object.
    #[must_use]
    pub fn raw_key(&self) -> String {
        format!("{}{:020}.parquet", self.raw_prefix(), self.offset)
    }

    /// The prefix of every raw object of the stream.
    #[must_use]
    pub fn raw_prefix(&self) -> String {
        format!("raw/{}/", self.stream_path())
    }

    /// Listed after this key, the stream's raw objects begin with this one. It sorts just before
    /// the raw key.
    #[must_use]
    pub fn raw_list_start(&self) -> String {
        format!("{}{:020}", self.raw_prefix(), self.offset)
    }

    /// A key after every raw object of the stream: `~` sorts after every digit.
    #[must_use]
    pub fn raw_list_end(&self) -> String {
        format!("{}~", self.raw_prefix())
    }

    /// The key of the small object that remembers where the raw log ends. A cache: the raw log
    /// itself decides.
    #[must_use]
    pub fn log_end_hint_key(&self) -> String {
        format!("raw/_log/{}.json", self.stream_path())
    }

    /// The key of a batch that was too large for a message of the events queue.
    #[must_use]
    pub fn queued_batch_key(topic: &str, sandbox: &str, sequence: u64) -> String {
        format!(
            "{}{topic}/{sandbox}.{sequence}.zst",
            Self::QUEUED_BATCHES_PREFIX
        )
    }

    /// The topic, the sandbox and the sequence of the batch that has this key.
    #[must_use]
    pub fn parse_queued_batch_key(key: &str) -> Option<(&str, &str, u64)> {
        let (topic, name) = key
            .strip_prefix(Self::QUEUED_BATCHES_PREFIX)?
            .split_once('/')?;
        let (sandbox, sequence) = name.strip_suffix(".zst")?.split_once('.')?;
        Some((topic, sandbox, sequence.parse().ok()?))
    }

    /// The prefix of every batch that was too large for a message of the events queue.
    pub const QUEUED_BATCHES_PREFIX: &str = "raw/_queue/";

    /// The prefix of the hints of a topic's streams.
    #[must_use]
    pub fn topic_hint_prefix(topic: &str) -> String {
        format!("raw/_log/{topic}/")
    }

    /// The stream whose hint has this key, at its offset 0; none for another key.
    #[must_use]
    pub fn from_log_end_hint_key(key: &str) -> Option<Self> {
        let stream = key.strip_prefix("raw/_log/")?.strip_suffix(".json")?;
        let chunk = Self::parse_stream_path(&format!("{stream}/{:020}", 0))?;
        (chunk.log_end_hint_key() == key).then_some(chunk)
    }

    /// The key of the chunk's refined rows for a table. `day` is the day of its first record's
    /// append time. The objects of a day lie in one folder, so that an engine finds them with one
    /// request.
    #[must_use]
    pub fn refined_key(&self, table: &str, day: Day) -> String {
        format!(
            "{}{}.{}.{}.{:020}.parquet",
            Self::refined_day_prefix(table, day),
            self.topic,
            self.epoch,
            self.partition,
            self.offset
        )
    }

    /// The prefix of a table's refined rows.
    #[must_use]
    pub fn refined_prefix(table: &str) -> String {
        format!("refined/{table}/")
    }

    /// The prefix of a table's refined rows of a day.
    #[must_use]
    pub fn refined_day_prefix(table: &str, day: Day) -> String {
        format!("{}date={day}/", Self::refined_prefix(table))
    }

    /// The location of a topic's raw objects, as Athena's partition projection writes it.
    #[must_use]
    pub fn raw_location_template(topic: &str) -> String {
        format!(
            "{}epoch=${{in_epoch}}/partition=${{in_partition}}/",
            Self::topic_raw_prefix(topic)
        )
    }

    /// The location of a table's refined rows, as Athena's partition projection writes it.
    #[must_use]
    pub fn refined_location_template(table: &str) -> String {
        format!("{}date=${{in_date}}/", Self::refined_prefix(table))
    }

    /// The key of the chunk's refused records.
    #[must_use]
    pub fn quarantine_key(&self, day: Day) -> String {
        format!("quarantine/date={day}/{}", self.dated_path())
    }

    /// The prefix of every refused record.
    pub const QUARANTINE_PREFIX: &str = "quarantine/";

    /// The key of the receipt that the chunk was transformed.
    #[must_use]
    pub fn receipt_key(&self) -> String {
        format!("{}{:020}.json", self.receipt_prefix(), self.offset)
    }

    /// Listed after this key, the stream's receipts begin with this chunk's. It sorts just before
    /// the receipt's key.
    #[must_use]
    pub fn receipt_list_start(&self) -> String {
        format!("{}{:020}", self.receipt_prefix(), self.offset)
    }

    /// A key after every receipt of the stream: `~` sorts after every digit.
    #[must_use]
    pub fn receipt_list_end(&self) -> String {
        format!("{}~", self.receipt_prefix())
    }

    /// The prefix of every receipt of the stream.
    #[must_use]
    pub fn receipt_prefix(&self) -> String {
        format!("refined/_receipts/{}/", self.stream_path())
    }

    /// The prefix of every receipt of a topic.
    #[must_use]
    pub fn topic_receipt_prefix(topic: &str) -> String {
        format!("refined/_receipts/{topic}/")
    }

    /// The prefix of every raw object.
    pub const RAW_PREFIX: &str = "raw/";

    /// The prefix of everything that the transform wrote, but for refused records.
    pub const REFINED_PREFIX: &str = "refined/";

    /// The prefix of every receipt.
    pub const RECEIPTS_PREFIX: &str = "refined/_receipts/";

    /// The prefix of every raw object of a topic.
    #[must_use]
    pub fn topic_raw_prefix(topic: &str) -> String {
        format!("raw/{topic}/")
    }

    /// The chunk whose raw object has this key.
    #[must_use]
    pub fn from_raw_key(key: &str) -> Option<Self> {
        Self::parse_stream_path(key.strip_prefix("raw/")?.strip_suffix(".parquet")?)
    }

    /// The chunk whose receipt has this key.
    #[must_use]
    pub fn from_receipt_key(key: &str) -> Option<Self> {
        Self::parse_stream_path(
            key.strip_prefix("refined/_receipts/")?
                .strip_suffix(".json")?,
        )
    }

    /// The chunk of which a refined object of `table` has this key.
    #[must_use]
    pub fn from_refined_key(table: &str, key: &str) -> Option<Self> {
        let dated = key
            .strip_prefix(&Self::refined_prefix(table))?
            .strip_prefix("date=")?;
        let (_, name) = dated.split_once('/')?;
        Self::parse_file_name(name.strip_suffix(".parquet")?)
    }

    /// The chunk whose refused records have this key.
    #[must_use]
    pub fn from_quarantine_key(key: &str) -> Option<Self> {
        let (_, name) = key
            .strip_prefix("quarantine/date=")?
            .split_once("/topic=")?;
        Self::parse_stream_path(name.strip_suffix(".parquet")?)
    }

    /// The day in the key of a refined or a quarantine object: that of its first record.
    #[must_use]
    pub fn day_of_dated_key(key: &str) -> Option<Day> {
        let (_, dated) = key.split_once("/date=")?;
        Day::parse(dated.split('/').next()?)
    }

    pub(crate) fn stream_path(&self) -> String {
        format!(
            "{}/epoch={}/partition={}",
            self.topic, self.epoch, self.partition
        )
    }

    fn dated_path(&self) -> String {
        format!(
            "topic={}/epoch={}/partition={}/{:020}.parquet",
            self.topic, self.epoch, self.partition, self.offset
        )
    }

    /// The chunk of a refined object's name. Only a topic may have a dot.
    fn parse_file_name(name: &str) -> Option<Self> {
        let (rest, offset) = name.rsplit_once('.')?;
        let (rest, partition) = rest.rsplit_once('.')?;
        let (topic, epoch) = rest.rsplit_once('.')?;
        if topic.is_empty() || topic.contains('/') || offset.len() != 20 {
            return None;
        }
        Some(Self {
            topic: topic.to_owned(),
            epoch: epoch.parse().ok()?,
            partition: partition.parse().ok()?,
            offset: offset.parse().ok()?,
        })
    }

    pub(crate) fn parse_stream_path(stream: &str) -> Option<Self> {
        let mut parts = stream.split('/');
        let chunk = Self {
            topic: parts.next()?.to_owned(),
            epoch: parts.next()?.strip_prefix("epoch=")?.parse().ok()?,
            partition: parts.next()?.strip_prefix("partition=")?.parse().ok()?,
            offset: parts
                .next()
                .filter(|digits| digits.len() == 20)?
                .parse()
                .ok()?,
        };
        parts.next().is_none().then_some(chunk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn keys_go_there_and_back(
            topic in "[a-z][a-z0-9._-]{0,30}",
            epoch: u32,
            partition in -20..i32::MAX,
            offset in 0..i64::MAX,
        ) {
            let chunk = Chunk { topic, epoch, partition, offset };
            prop_assert_eq!(Chunk::from_raw_key(&chunk.raw_key()), Some(chunk.clone()));
            prop_assert_eq!(
                Chunk::from_refined_key("person", &chunk.refined_key("person", Day(20_000))),
                Some(chunk.clone()),
            );
            prop_assert_eq!(
                Chunk::from_quarantine_key(&chunk.quarantine_key(Day(20_000))),
                Some(chunk.clone()),
            );
            for key in [
                chunk.refined_key("person", Day(20_000)),
                chunk.quarantine_key(Day(20_000)),
            ] {
                prop_assert_eq!(Chunk::day_of_dated_key(&key), Some(Day(20_000)));
            }
            let stream = Chunk { offset: 0, ..chunk.clone() };
            let hint = chunk.log_end_hint_key();
            prop_assert_eq!(Chunk::from_log_end_hint_key(&hint), Some(stream));
            prop_assert_eq!(Chunk::from_receipt_key(&chunk.receipt_key()), Some(chunk));
        }

        #[test]
        fn keys_sort_as_offsets(a in 0..i64::MAX, b in 0..i64::MAX) {
            let key = |offset| Chunk {
                topic: "t".into(), epoch: 1, partition: 0, offset
            }.raw_key();
            prop_assert_eq!(a.cmp(&b), key(a).cmp(&key(b)));
        }
    }

    #[test]
    fn every_key_has_its_place() {
        let chunk = Chunk {
            topic: "t".into(),
            epoch: 2,
            partition: -1,
            offset: 7,
        };
        let day = Day::parse("2026-03-02").unwrap();
        let stream = "t/epoch=2/partition=-1";
        let dated = "date=2026-03-02/topic=t/epoch=2/partition=-1/00000000000000000007.parquet";
        for (key, expected) in [
            (
                chunk.raw_key(),
                format!("raw/{stream}/00000000000000000007.parquet"),
            ),
            (chunk.log_end_hint_key(), format!("raw/_log/{stream}.json")),
            (
                chunk.receipt_key(),
                format!("refined/_receipts/{stream}/00000000000000000007.json"),
            ),
            (
                chunk.refined_key("person", day),
                "refined/person/date=2026-03-02/t.2.-1.00000000000000000007.parquet".to_owned(),
            ),
            (chunk.quarantine_key(day), format!("quarantine/{dated}")),
            (
                Chunk::refined_day_prefix("person", day),
                "refined/person/date=2026-03-02/".to_owned(),
            ),
            (Chunk::topic_raw_prefix("t"), "raw/t/".to_owned()),
            (
                Chunk::topic_receipt_prefix("t"),
                "refined/_receipts/t/".to_owned(),
            ),
        ] {
            assert_eq!(key, expected);
        }
    }

    #[test]
    fn listings_begin_with_their_chunk_and_end_with_their_stream() {
        let chunk = |offset| Chunk {
            topic: "t".into(),
            epoch: 2,
            partition: 0,
            offset,
        };
        let start = chunk(7).raw_list_start();
        assert!(chunk(6).raw_key() < start && start < chunk(7).raw_key());

        let start = chunk(7).receipt_list_start();
        assert!(chunk(6).receipt_key() < start && start < chunk(7).receipt_key());

        assert!(chunk(i64::MAX).raw_key() < chunk(0).raw_list_end());
        assert!(chunk(i64::MAX).receipt_key() < chunk(0).receipt_list_end());
    }

    #[test]
    fn templates_lead_to_the_keys() {
        let chunk = Chunk {
            topic: "t".into(),
            epoch: 2,
            partition: -1,
            offset: 7,
        };
        let fill = |template: String| {
            template
                .replace("${in_date}", "2026-03-02")
                .replace("${in_epoch}", "2")
                .replace("${in_partition}", "-1")
        };
        assert!(
            chunk
                .raw_key()
                .starts_with(&fill(Chunk::raw_location_template("t")))
        );
        let day = Day::parse("2026-03-02").unwrap();
        assert!(
            chunk
                .refined_key("person", day)
                .starts_with(&fill(Chunk::refined_location_template("person")))
        );
    }

    #[test]
    fn what_is_no_raw_key_is_refused() {
        for key in [
            "raw/t/epoch=1/partition=0/17.parquet",
            "raw/_log/t/epoch=1/partition=0.json",
            "raw/t",
            "",
        ] {
            assert_eq!(Chunk::from_raw_key(key), None, "{key}");
        }
    }
}

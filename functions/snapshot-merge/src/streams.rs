//! How far every stream can be taken into a day.
//!
//! A stream is taken from where the base's manifest stopped, over receipts that follow each other without a gap,
//! up to the first record that was appended after the day's end. A raw object that is not transformed yet stops
//! it there: what lies behind is taken by the next run, so nothing is lost and nothing is taken twice.

use std::collections::BTreeMap;

use host::Failure;
use lake::{CommittedOffset, Day, Receipt, SnapshotManifest, StreamKey};
use store::ObjectStore;
use store::streams::{find_first_chunks, list_raw_chunks, oldest_committed_chunk, read_receipts};

/// A refined object with the offsets that are taken of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefinedInput {
    pub(crate) key: String,
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// Rows of the whole object.
    pub(crate) rows: u64,
}

/// What a table takes of a day.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableInputs {
    pub(crate) inputs: Vec<RefinedInput>,
    pub(crate) committed_offsets: Vec<CommittedOffset>,
}

impl TableInputs {
    /// Rows of the inputs, at most.
    pub(crate) fn row_count(&self) -> u64 {
        self.inputs.iter().map(|input| input.rows).sum()
    }
}

/// The streams' receipts, read once for all tables of a run.
pub(crate) struct StreamReceipts {
    day: Day,
    topics: BTreeMap<String, Vec<TopicStream>>,
    untransformed: u64,
}

/// One stream of a topic: its first offset, and the receipts that some table has still to take.
#[derive(Debug)]
struct TopicStream {
    stream: StreamKey,
    first: i64,
    receipts: Vec<Receipt>,
}

impl StreamReceipts {
    pub(crate) fn new(day: Day) -> Self {
        Self {
            day,
            topics: BTreeMap::new(),
            untransformed: 0,
        }
    }

    /// Raw objects that are not transformed yet.
    pub(crate) fn untransformed_objects(&self) -> u64 {
        self.untransformed
    }

    /// Reads the receipts of `topics` behind the oldest of `bases`, which all tables of the run can then take from.
    pub(crate) async fn read_receipts(
        &mut self,
        topics: &[&str],
        bases: &[SnapshotManifest],
        raw: &dyn ObjectStore,
        refined: &dyn ObjectStore,
    ) -> Result<(), Failure> {
        for topic in topics {
            let mut found = Vec::new();
            for first in find_first_chunks(topic, raw)
                .await
                .map_err(|error| Failure::unavailable(&error))?
            {
                let from = oldest_committed_chunk(&first, bases);
                let receipts = read_receipts(&from, refined)
                    .await
                    .map_err(|error| Failure::unavailable(&error))?;
                let landed = list_raw_chunks(&from, raw)
                    .await
                    .map_err(|error| Failure::unavailable(&error))?;
                self.untransformed += (landed.len() as u64).saturating_sub(receipts.len() as u64);
                let stream = StreamKey {
                    topic: first.topic.clone(),
                    epoch: first.epoch,
                    partition: first.partition,
                };
                found.push(TopicStream {
                    stream,
                    first: first.offset,
                    receipts,
                });
            }
            self.topics.insert((*topic).to_owned(), found);
        }
        Ok(())
    }

    /// What `table` takes of the topics that fill it, behind what its base took. With `fixed`, the day's manifest on
    /// which a later day was built, exactly what that took: what came since is the later days' already.
    pub(crate) fn plan_inputs(
        &self,
        table: &str,
        topics: &[&str],
        base: Option<&SnapshotManifest>,
        fixed: Option<&SnapshotManifest>,
    ) -> TableInputs {
        let mut taking = TableInputs::default();
        for known in topics
            .iter()
            .filter_map(|topic| self.topics.get(*topic))
            .flatten()
        {
            let taken = base.and_then(|base| base.committed_offset(&known.stream));
            let from = taken.map_or((known.first, known.first), |taken| {
                (taken.next, taken.object)
            });
            let end = match fixed {
                Some(fixed) => fixed
                    .committed_offset(&known.stream)
                    .map_or(from.0, |taken| taken.next),
                None => i64::MAX,
            };
            // A stream that came later is none of the day's.
            if fixed.is_some_and(|fixed| fixed.committed_offset(&known.stream).is_none()) {
                continue;
            }
            let (inputs, (next, object)) = consume_stream(known, table, from, (self.day, end));
            taking.inputs.extend(inputs);
            taking.committed_offsets.push(CommittedOffset {
                stream: known.stream.clone(),
                next,
                object,
            });
        }
        taking.committed_offsets.sort();
        taking
    }
}

/// The inputs of a table from (offset, its raw object) on, and where the stream stops for this day, told alike; not
/// behind the offset `limit`.
fn consume_stream(
    topic: &TopicStream,
    table: &str,
    from: (i64, i64),
    (day, limit): (Day, i64),
) -> (Vec<RefinedInput>, (i64, i64)) {
    let (mut inputs, (mut next, mut object)) = (Vec::new(), from);
    let tomorrow = day.next().to_string();
    for receipt in topic
        .receipts
        .iter()
        .filter(|receipt| receipt.next > from.0)
    {
        // The first receipt may have been begun by the day before; the others must follow without a gap.
        if receipt.offset > next {
            break;
        }
        let midnight = receipt.days.iter().find(|start| start.date >= tomorrow);
        let end = midnight
            .map_or(receipt.next, |start| start.offset)
            .min(limit);
        if end > next {
            if let Some(refined) = receipt.tables.get(table) {
                inputs.push(RefinedInput {
                    key: refined.key.clone(),
                    from: next,
                    to: end,
                    rows: refined.rows,
                });
            }
            next = end;
        }
        object = if next < receipt.next {
            receipt.offset
        } else {
            receipt.next
        };
        if next < receipt.next {
            break;
        }
    }
    (inputs, (next, object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lake::{Chunk, DayStart, RefinedObject};

    fn receipt(offset: i64, next: i64, days: &[(&str, i64)]) -> Receipt {
        let object = RefinedObject {
            key: format!("k{offset}"),
            rows: 1,
        };
        Receipt {
            stream: StreamKey {
                topic: "t".into(),
                epoch: 1,
                partition: 0,
            },
            offset,
            next,
            source: "s".into(),
            contract_version: "1".into(),
            mapping_version: "1".into(),
            landed: 1,
            refined: 1,
            ignored: 0,
            erased: 0,
            quarantined: BTreeMap::new(),
            undeclared: BTreeMap::new(),
            unlisted: BTreeMap::new(),
            minutes: BTreeMap::new(),
            lag: BTreeMap::new(),
            days: days
                .iter()
                .map(|(date, offset)| DayStart {
                    date: (*date).into(),
                    offset: *offset,
                })
                .collect(),
            tables: BTreeMap::from([("person".to_owned(), object)]),
            redriven: Vec::new(),
        }
    }

    fn consumed_inputs(
        receipts: Vec<Receipt>,
        from: i64,
        day: &str,
    ) -> (Vec<(String, i64, i64)>, i64) {
        let stream = StreamKey {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
        };
        let topic = TopicStream {
            stream,
            first: 0,
            receipts,
        };
        let (inputs, (next, _)) = consume_stream(
            &topic,
            "person",
            (from, 0),
            (Day::parse(day).unwrap(), i64::MAX),
        );
        (
            inputs
                .into_iter()
                .map(|input| (input.key, input.from, input.to))
                .collect(),
            next,
        )
    }

    #[test]
    fn an_object_over_midnight_is_cut_and_the_next_day_begins_there() {
        let object = || {
            vec![
                receipt(0, 10, &[("2026-03-02", 0), ("2026-03-03", 6)]),
                receipt(10, 12, &[("2026-03-03", 10)]),
            ]
        };
        assert_eq!(
            consumed_inputs(object(), 0, "2026-03-02"),
            (vec![("k0".into(), 0, 6)], 6)
        );
        assert_eq!(
            consumed_inputs(object(), 6, "2026-03-03"),
            (vec![("k0".into(), 6, 10), ("k10".into(), 10, 12)], 12)
        );
    }

    #[test]
    fn what_is_not_transformed_yet_stops_the_stream() {
        let day = [("2026-03-02", 0)];
        let gap = vec![receipt(0, 5, &day), receipt(8, 9, &day)];
        assert_eq!(
            consumed_inputs(gap, 0, "2026-03-02"),
            (vec![("k0".into(), 0, 5)], 5)
        );
    }

    #[test]
    fn a_late_run_takes_nothing_of_later_days_and_an_early_record_all() {
        let later = vec![receipt(0, 5, &[("2026-03-05", 0)])];
        assert_eq!(consumed_inputs(later, 0, "2026-03-02"), (vec![], 0));
        let earlier = vec![receipt(0, 5, &[("2026-02-01", 0)])];
        assert_eq!(consumed_inputs(earlier, 0, "2026-03-02").1, 5);
    }

    #[tokio::test]
    async fn the_day_after_a_cut_finds_the_object_that_was_cut() {
        let (raw, refined) = (store::MemoryStore::default(), store::MemoryStore::default());
        let chunk = |offset| Chunk {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
            offset,
        };
        let cut = receipt(0, 10, &[("2026-03-02", 0), ("2026-03-03", 6)]);
        for receipt in [cut, receipt(10, 12, &[("2026-03-03", 10)])] {
            let chunk = chunk(receipt.offset);
            raw.put(&chunk.raw_key(), bytes::Bytes::new(), "")
                .await
                .unwrap();
            refined
                .put(&chunk.receipt_key(), receipt.to_json().unwrap().into(), "")
                .await
                .unwrap();
        }
        let day = async |day: &str, base: Option<SnapshotManifest>| {
            let mut streams = StreamReceipts::new(Day::parse(day).unwrap());
            let bases: Vec<SnapshotManifest> = base.clone().into_iter().collect();
            streams
                .read_receipts(&["t"], &bases, &raw, &refined)
                .await
                .unwrap();
            assert_eq!(streams.untransformed_objects(), 0);
            streams.plan_inputs("person", &["t"], base.as_ref(), None)
        };
        let monday = day("2026-03-02", None).await;
        assert_eq!(
            (
                monday.committed_offsets[0].next,
                monday.committed_offsets[0].object
            ),
            (6, 0)
        );
        let base = SnapshotManifest {
            committed_offsets: monday.committed_offsets,
            ..SnapshotManifest::default()
        };
        let tuesday = day("2026-03-03", Some(base)).await;
        let offsets: Vec<_> = tuesday
            .inputs
            .iter()
            .map(|input| (input.from, input.to))
            .collect();
        assert_eq!(offsets, [(6, 10), (10, 12)]);
        assert_eq!(
            (
                tuesday.committed_offsets[0].next,
                tuesday.committed_offsets[0].object
            ),
            (12, 12)
        );
    }
}

//! How far every stream can be taken into a day.
//!
//! A stream is taken from where the base's manifest stopped, over receipts that follow each other without a gap,
//! up to the first record that was appended after the day's end. A raw object that is not transformed yet stops
//! it there: what lies behind is taken by the next run, so nothing is lost and nothing is taken twice.

use std::collections::BTreeMap;

use host::Failure;
use lake::{Day, Manifest, Progress, Receipt, StreamKey};
use store::ObjectStore;
use store::streams::{first_chunks, oldest_taken, raw_chunks, receipts};

/// A refined object with the offsets that are taken of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub(crate) key: String,
    pub(crate) from: i64,
    pub(crate) to: i64,
    /// Rows of the whole object.
    pub(crate) rows: u64,
}

/// What a table takes of a day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taking {
    pub(crate) inputs: Vec<Input>,
    pub(crate) taken: Vec<Progress>,
}

impl Taking {
    /// Rows of the inputs, at most.
    pub(crate) fn rows(&self) -> u64 {
        self.inputs.iter().map(|input| input.rows).sum()
    }
}

/// The streams' receipts, read once for all tables of a run.
pub(crate) struct Streams {
    day: Day,
    topics: BTreeMap<String, Vec<Topic>>,
    behind: u64,
}

/// One stream of a topic: its first offset, and the receipts that some table has still to take.
#[derive(Debug)]
struct Topic {
    stream: StreamKey,
    first: i64,
    receipts: Vec<Receipt>,
}

impl Streams {
    pub(crate) fn new(day: Day) -> Self {
        Self {
            day,
            topics: BTreeMap::new(),
            behind: 0,
        }
    }

    /// Raw objects that are not transformed yet.
    pub(crate) fn behind(&self) -> u64 {
        self.behind
    }

    /// Reads the receipts of `topics` behind the oldest of `bases`, which all tables of the run can then take from.
    pub(crate) async fn read(
        &mut self,
        topics: &[&str],
        bases: &[Manifest],
        raw: &dyn ObjectStore,
        refined: &dyn ObjectStore,
    ) -> Result<(), Failure> {
        for topic in topics {
            let mut found = Vec::new();
            for first in first_chunks(topic, raw)
                .await
                .map_err(|error| Failure::unavailable(&error))?
            {
                let from = oldest_taken(&first, bases);
                let receipts = receipts(&from, refined)
                    .await
                    .map_err(|error| Failure::unavailable(&error))?;
                let landed = raw_chunks(&from, raw)
                    .await
                    .map_err(|error| Failure::unavailable(&error))?;
                self.behind += (landed.len() as u64).saturating_sub(receipts.len() as u64);
                let stream = StreamKey {
                    topic: first.topic.clone(),
                    epoch: first.epoch,
                    partition: first.partition,
                };
                found.push(Topic {
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
    pub(crate) fn taking(
        &self,
        table: &str,
        topics: &[&str],
        base: Option<&Manifest>,
        fixed: Option<&Manifest>,
    ) -> Taking {
        let mut taking = Taking::default();
        for known in topics
            .iter()
            .filter_map(|topic| self.topics.get(*topic))
            .flatten()
        {
            let taken = base.and_then(|base| base.progress_of(&known.stream));
            let from = taken.map_or((known.first, known.first), |taken| {
                (taken.next, taken.object)
            });
            let end = match fixed {
                Some(fixed) => fixed
                    .progress_of(&known.stream)
                    .map_or(from.0, |taken| taken.next),
                None => i64::MAX,
            };
            // A stream that came later is none of the day's.
            if fixed.is_some_and(|fixed| fixed.progress_of(&known.stream).is_none()) {
                continue;
            }
            let (inputs, (next, object)) = take(known, table, from, (self.day, end));
            taking.inputs.extend(inputs);
            taking.taken.push(Progress {
                stream: known.stream.clone(),
                next,
                object,
            });
        }
        taking.taken.sort();
        taking
    }
}

/// The inputs of a table from (offset, its raw object) on, and where the stream stops for this day, told alike; not
/// behind the offset `limit`.
fn take(
    topic: &Topic,
    table: &str,
    from: (i64, i64),
    (day, limit): (Day, i64),
) -> (Vec<Input>, (i64, i64)) {
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
                inputs.push(Input {
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

    fn taken(receipts: Vec<Receipt>, from: i64, day: &str) -> (Vec<(String, i64, i64)>, i64) {
        let stream = StreamKey {
            topic: "t".into(),
            epoch: 1,
            partition: 0,
        };
        let topic = Topic {
            stream,
            first: 0,
            receipts,
        };
        let (inputs, (next, _)) = take(
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
            taken(object(), 0, "2026-03-02"),
            (vec![("k0".into(), 0, 6)], 6)
        );
        assert_eq!(
            taken(object(), 6, "2026-03-03"),
            (vec![("k0".into(), 6, 10), ("k10".into(), 10, 12)], 12)
        );
    }

    #[test]
    fn what_is_not_transformed_yet_stops_the_stream() {
        let day = [("2026-03-02", 0)];
        let gap = vec![receipt(0, 5, &day), receipt(8, 9, &day)];
        assert_eq!(taken(gap, 0, "2026-03-02"), (vec![("k0".into(), 0, 5)], 5));
    }

    #[test]
    fn a_late_run_takes_nothing_of_later_days_and_an_early_record_all() {
        let later = vec![receipt(0, 5, &[("2026-03-05", 0)])];
        assert_eq!(taken(later, 0, "2026-03-02"), (vec![], 0));
        let earlier = vec![receipt(0, 5, &[("2026-02-01", 0)])];
        assert_eq!(taken(earlier, 0, "2026-03-02").1, 5);
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
                .put(&chunk.receipt_key(), receipt.encode().unwrap().into(), "")
                .await
                .unwrap();
        }
        let day = async |day: &str, base: Option<Manifest>| {
            let mut streams = Streams::new(Day::parse(day).unwrap());
            let bases: Vec<Manifest> = base.clone().into_iter().collect();
            streams.read(&["t"], &bases, &raw, &refined).await.unwrap();
            assert_eq!(streams.behind(), 0);
            streams.taking("person", &["t"], base.as_ref(), None)
        };
        let monday = day("2026-03-02", None).await;
        assert_eq!((monday.taken[0].next, monday.taken[0].object), (6, 0));
        let base = Manifest {
            taken: monday.taken,
            ..Manifest::default()
        };
        let tuesday = day("2026-03-03", Some(base)).await;
        let offsets: Vec<_> = tuesday
            .inputs
            .iter()
            .map(|input| (input.from, input.to))
            .collect();
        assert_eq!(offsets, [(6, 10), (10, 12)]);
        assert_eq!((tuesday.taken[0].next, tuesday.taken[0].object), (12, 12));
    }
}

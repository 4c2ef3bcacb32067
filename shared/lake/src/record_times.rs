//! Between which moments the records of a raw object came: engines skip objects by them.

use serde::{Deserialize, Serialize};

use crate::{Day, RawBatch};

/// A first and a last moment, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimeSpan {
    /// The first.
    pub first: i64,
    /// The last.
    pub last: i64,
}

/// The last moment whose microseconds can be counted. A producer can give any timestamp.
const LAST_MOMENT: i64 = i64::MAX / 1_000;

impl TimeSpan {
    fn within_microseconds(self) -> Self {
        Self {
            first: self.first.clamp(-LAST_MOMENT, LAST_MOMENT),
            last: self.last.clamp(-LAST_MOMENT, LAST_MOMENT),
        }
    }

    fn of_moment(moment: i64) -> Self {
        Self {
            first: moment,
            last: moment,
        }
    }

    fn including(self, moment: i64) -> Self {
        Self {
            first: self.first.min(moment),
            last: self.last.max(moment),
        }
    }
}

/// The times of a raw object's records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordTimes {
    /// Their timestamps: of the log, or of their producers.
    pub timestamp: TimeSpan,
    /// When they landed; none where a record does not say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub landed_at: Option<TimeSpan>,
}

impl RecordTimes {
    /// The times of the records of an object; none where it has no record.
    #[must_use]
    pub fn of_batches(batches: &[RawBatch]) -> Option<Self> {
        let rows = batches
            .iter()
            .flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)));
        let mut times: Option<Self> = None;
        for (batch, row) in rows {
            let (timestamp, landed_at) = (batch.timestamp(row), batch.landed_at(row));
            times = Some(match times {
                None => Self {
                    timestamp: TimeSpan::of_moment(timestamp),
                    landed_at: landed_at.map(TimeSpan::of_moment),
                },
                Some(times) => Self {
                    timestamp: times.timestamp.including(timestamp),
                    landed_at: times
                        .landed_at
                        .zip(landed_at)
                        .map(|(span, moment)| span.including(moment)),
                },
            });
        }
        times
    }

    /// The same, in moments whose microseconds can be counted.
    #[must_use]
    pub fn within_microseconds(self) -> Self {
        Self {
            timestamp: self.timestamp.within_microseconds(),
            landed_at: self.landed_at.map(TimeSpan::within_microseconds),
        }
    }

    /// The day on which all of the records landed. One landing writes an object, so there is one
    /// day; none where a record does not say when it landed, or two say different days.
    #[must_use]
    pub fn landed_day(&self) -> Option<Day> {
        let span = self.within_microseconds().landed_at?;
        let [first, last] = [span.first, span.last].map(|moment| Day::from_micros(moment * 1_000));
        (first == last).then_some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Chunk, RawRecord, decode_raw, encode_raw};

    fn times_of(records: &[(i64, Option<i64>)]) -> Option<RecordTimes> {
        let chunk = Chunk {
            topic: "t".to_owned(),
            epoch: 1,
            partition: 0,
            offset: 0,
        };
        let records: Vec<RawRecord<'_>> = records
            .iter()
            .zip(0..)
            .map(|((timestamp, landed_at), offset)| RawRecord {
                offset,
                timestamp: *timestamp,
                timestamp_type: None,
                landed_at: *landed_at,
                key: None,
                value: None,
                headers: None,
            })
            .collect();
        let bytes = encode_raw(&chunk, &records, records.len() as i64).unwrap();
        RecordTimes::of_batches(&decode_raw(bytes).unwrap())
    }

    const DAY: i64 = 86_400_000;

    #[test]
    fn times_span_all_records_whatever_their_order() {
        let times = times_of(&[(30, Some(90)), (10, Some(90)), (20, Some(90))]).unwrap();
        assert_eq!(
            times.timestamp,
            TimeSpan {
                first: 10,
                last: 30
            }
        );
        assert_eq!(times.landed_day(), Some(Day(0)));
        assert_eq!(times_of(&[]), None);
    }

    #[test]
    fn any_moment_of_a_producer_has_microseconds() {
        let times = times_of(&[(i64::MIN, None), (i64::MAX, Some(i64::MAX))]).unwrap();
        let TimeSpan { first, last } = times.within_microseconds().timestamp;
        assert!(first.checked_mul(1_000).is_some() && last.checked_mul(1_000).is_some());
        assert!(first < 0 && last > 0);
    }

    #[test]
    fn a_day_is_one_that_all_records_name() {
        let last = DAY - 1;
        let landed = |moments: &[Option<i64>]| {
            let records: Vec<_> = moments.iter().map(|moment| (1, *moment)).collect();
            times_of(&records).unwrap().landed_day()
        };
        assert_eq!(landed(&[Some(0), Some(last)]), Some(Day(0)));
        assert_eq!(landed(&[Some(last), Some(DAY)]), None);
        assert_eq!(landed(&[Some(-1), Some(-DAY)]), Some(Day(-1)));
        assert_eq!(landed(&[Some(0), None]), None);
        assert_eq!(landed(&[None, Some(0)]), None);
    }
}

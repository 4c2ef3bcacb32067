//! The expected range of a day's number: the median of the same weekday over eight weeks, and the
//! median absolute deviation (MAD) from it.
//!
//! Mean and standard deviation would follow one bad day in eight; median and MAD do not. The tested
//! day is never among the days that it is compared with, nor is a day with an acknowledged
//! incident.

use crate::calendar::{is_bank_holiday, weekday_index};

/// The days before the tested day that it is compared with: eight weeks.
pub const LOOKBACK_DAYS: i32 = 56;

/// Days of the same kind that an expected range needs.
pub const COMPARED_DAYS_MIN: usize = 4;

/// How many MADs from the median are usual: 3.5 standard deviations, each of them 1.4826 MADs where
/// days are normally distributed.
const USUAL_DEVIATIONS: f64 = 3.5 * 1.4826;

/// A twentieth of the median is usual in any case: after eight equal days, the ninth may differ a
/// little.
const USUAL_MEDIAN_SHARE: f64 = 0.05;

/// A number's usual range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsualRange {
    /// The smallest usual number.
    pub minimum: f64,
    /// The greatest usual number.
    pub maximum: f64,
    /// Days from which it was computed.
    pub days: usize,
}

impl UsualRange {
    /// Whether a number is usual.
    #[must_use]
    pub fn contains(&self, number: f64) -> bool {
        (self.minimum..=self.maximum).contains(&number)
    }
}

/// Sunday, as [`weekday_index`] counts.
const SUNDAY: u8 = 6;

/// The weekday of a day; a bank holiday counts as a Sunday, because it is as quiet.
fn weekday_kind(day: i32) -> u8 {
    if is_bank_holiday(day) {
        SUNDAY
    } else {
        weekday_index(day)
    }
}

/// The earlier days' numbers that `day` is compared with.
#[must_use]
pub fn comparable_values(
    day: i32,
    history: &[(i32, f64)],
    is_excluded: impl Fn(i32) -> bool,
) -> Vec<f64> {
    let kind = weekday_kind(day);
    history
        .iter()
        .filter(|(earlier, _)| (day - LOOKBACK_DAYS..day).contains(earlier))
        .filter(|(earlier, _)| weekday_kind(*earlier) == kind)
        .filter(|(earlier, _)| !is_excluded(*earlier))
        .map(|(_, number)| *number)
        .collect()
}

/// The usual range of a day's number, from the numbers of comparable days; none while there are too
/// few of them. `floor` is by how much a number of this kind may differ whatever the days before
/// were.
#[must_use]
pub fn usual_range(comparable: &[f64], floor: f64) -> Option<UsualRange> {
    if comparable.len() < COMPARED_DAYS_MIN {
        return None;
    }

    let median = median_of(comparable)?;
    let deviations: Vec<f64> = comparable
        .iter()
        .map(|number| (number - median).abs())
        .collect();
    let tolerance = (USUAL_DEVIATIONS * median_of(&deviations)?)
        .max(USUAL_MEDIAN_SHARE * median.abs())
        .max(floor);

    Some(UsualRange {
        minimum: median - tolerance,
        maximum: median + tolerance,
        days: comparable.len(),
    })
}

fn median_of(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);

    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len() % 2 == 1 {
        upper
    } else {
        f64::midpoint(sorted[middle - 1], upper)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-02, a Monday.
    const MONDAY: i32 = 20_514;

    fn weeks(number: impl Fn(i32) -> f64) -> Vec<(i32, f64)> {
        (MONDAY - 56..MONDAY)
            .map(|day| (day, number(day)))
            .collect()
    }

    fn range(day: i32, history: &[(i32, f64)]) -> Option<UsualRange> {
        usual_range(&comparable_values(day, history, |_| false), 1.0)
    }

    #[test]
    fn a_weekday_is_compared_with_the_same_weekday() {
        let history = weeks(|day| {
            if weekday_index(day) == 0 {
                900.0
            } else {
                100.0
            }
        });
        let monday = range(MONDAY, &history).unwrap();
        assert_eq!(
            monday,
            UsualRange {
                minimum: 855.0,
                maximum: 945.0,
                days: 8
            }
        );
        assert!(monday.contains(930.0) && !monday.contains(100.0));
        let tuesday = range(MONDAY + 1, &history).unwrap();
        assert!(tuesday.contains(100.0) && !tuesday.contains(900.0));
    }

    #[test]
    fn an_incident_does_not_become_usual() {
        let history = weeks(|day| {
            if day == MONDAY - 7 {
                0.0
            } else {
                1_000.0 + f64::from(day % 5)
            }
        });
        let monday = range(MONDAY, &history).unwrap();
        assert!(
            monday.contains(1_004.0) && !monday.contains(0.0),
            "{monday:?}"
        );
        let without = comparable_values(MONDAY, &history, |day| day == MONDAY - 7);
        assert_eq!(without.len(), 7);
    }

    #[test]
    fn the_tested_day_is_not_compared_with_itself() {
        let mut history = weeks(|_| 100.0);
        history.push((MONDAY, 10_000.0));
        assert!(!range(MONDAY, &history).unwrap().contains(10_000.0));
    }

    #[test]
    fn young_data_have_no_range() {
        let history: Vec<_> = weeks(|_| 5.0).split_off(56 - 21);
        assert_eq!(range(MONDAY, &history), None);
    }

    #[test]
    fn a_bank_holiday_counts_as_a_sunday() {
        // 2026-04-06, Easter Monday; 2026-04-13, the Monday after.
        let easter = 20_549;
        let history: Vec<_> = (easter - 56..easter + 7)
            .map(|day| {
                (
                    day,
                    if weekday_index(day) == 6 || day == easter {
                        3.0
                    } else {
                        500.0
                    },
                )
            })
            .collect();
        assert!(range(easter, &history).unwrap().contains(3.0));
        assert!(range(easter + 7, &history).unwrap().contains(500.0));
    }
}

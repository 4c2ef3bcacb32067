//! What a day's number was to be: the same weekday's median over eight weeks, and how far from it the days mostly were.
//!
//! Median and MAD, not mean and deviation: one bad day in eight leaves them as they were. The tested day is never among the
//! days that it is compared with, nor is one on which something was wrong that somebody has acknowledged.

use crate::calendar::{is_bank_holiday, weekday_index};

/// Days that are looked back: eight weeks.
pub const LOOKBACK_DAYS: i32 = 56;

/// Days of the same kind that there must be before anything is said.
pub const COMPARED_DAYS_MIN: usize = 4;

/// So many deviations are usual. A MAD of 1 is a deviation of 1.4826, where days vary as most things do.
const USUAL_DEVIATIONS: f64 = 3.5 * 1.4826;

/// A twentieth of the median is usual in any case: eight days alike do not forbid the ninth to differ a little.
const USUAL_MEDIAN_SHARE: f64 = 0.05;

/// A number's usual range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsualRange {
    /// The least that is usual.
    pub minimum: f64,
    /// The greatest that is usual.
    pub maximum: f64,
    /// Days that it was made of.
    pub days: usize,
}

impl UsualRange {
    /// Whether a number is usual.
    #[must_use]
    pub fn contains(&self, number: f64) -> bool {
        (self.minimum..=self.maximum).contains(&number)
    }
}

/// Days that are alike: a bank holiday is as quiet as a Sunday.
fn weekday_kind(day: i32) -> u8 {
    if is_bank_holiday(day) {
        6
    } else {
        weekday_index(day)
    }
}

/// The earlier days' numbers that `day` is compared with.
#[must_use]
pub fn comparable_values(
    day: i32,
    history: &[(i32, f64)],
    excluded: impl Fn(i32) -> bool,
) -> Vec<f64> {
    let alike = |(earlier, _): &&(i32, f64)| {
        *earlier < day
            && *earlier >= day - LOOKBACK_DAYS
            && weekday_kind(*earlier) == weekday_kind(day)
            && !excluded(*earlier)
    };
    history
        .iter()
        .filter(alike)
        .map(|(_, number)| *number)
        .collect()
}

/// The usual range of a day's number; none while there are too few days to tell. `floor` is by how much a number of this kind
/// may differ whatever the days before were.
#[must_use]
pub fn usual_range(alike: &[f64], floor: f64) -> Option<UsualRange> {
    if alike.len() < COMPARED_DAYS_MIN {
        return None;
    }
    let middle = median_of(alike)?;
    let away: Vec<f64> = alike.iter().map(|number| (number - middle).abs()).collect();
    let room = (USUAL_DEVIATIONS * median_of(&away)?)
        .max(USUAL_MEDIAN_SHARE * middle.abs())
        .max(floor);
    Some(UsualRange {
        minimum: middle - room,
        maximum: middle + room,
        days: alike.len(),
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
    fn a_weekday_is_compared_with_its_like() {
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
    fn the_tested_day_is_not_its_own_measure() {
        let mut history = weeks(|_| 100.0);
        history.push((MONDAY, 10_000.0));
        assert!(!range(MONDAY, &history).unwrap().contains(10_000.0));
    }

    #[test]
    fn nothing_is_said_of_young_data() {
        let history: Vec<_> = weeks(|_| 5.0).split_off(56 - 21);
        assert_eq!(range(MONDAY, &history), None);
    }

    #[test]
    fn a_bank_holiday_is_a_sunday() {
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

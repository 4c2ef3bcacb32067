//! The bank holidays of England and Wales: those of the Act of 1971, and what proclamations added or moved since 2018.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

/// (the year's holiday that was moved, to where): of its months there is only one.
const MOVED_HOLIDAYS: [(Date, Date); 2] = [
    // Victory in Europe, 75 years.
    (date(2020, 5, 4), date(2020, 5, 8)),
    // Platinum jubilee.
    (date(2022, 5, 30), date(2022, 6, 2)),
];

/// Holidays of one year only: jubilee, the Queen's funeral, the King's coronation.
const ADDED_HOLIDAYS: [Date; 3] = [date(2022, 6, 3), date(2022, 9, 19), date(2023, 5, 8)];

/// The date of a day, counted from 1970-01-01.
fn civil_date(day: i32) -> Option<Date> {
    date(1970, 1, 1).checked_add(day.days()).ok()
}

/// The weekday of a day that is counted from 1970-01-01, 0 for Monday to 6 for Sunday.
#[must_use]
pub fn weekday_index(day: i32) -> u8 {
    // 1970-01-01 was a Thursday.
    u8::try_from((i64::from(day) + 3).rem_euclid(7)).unwrap_or_default()
}

/// Whether offices in England and Wales are closed on a day, counted from 1970-01-01, that would be a working day.
#[must_use]
pub fn is_bank_holiday(day: i32) -> bool {
    civil_date(day).is_some_and(|date| {
        bank_holidays_of_year(date.year()).contains(&Some(date)) || ADDED_HOLIDAYS.contains(&date)
    })
}

/// The holidays of every year, where proclamations have not moved them.
fn bank_holidays_of_year(year: i16) -> [Option<Date>; 8] {
    let on = |month, day| Date::new(year, month, day).ok();
    let monday = |month, nth| {
        on(month, 1)?
            .nth_weekday_of_month(nth, Weekday::Monday)
            .ok()
    };
    let after = |date: Option<Date>, days: i32| date?.checked_add(days.days()).ok();
    let (christmas, boxing) = match on(12, 25).map(Date::weekday) {
        Some(Weekday::Saturday) => (2, 2),
        // The Monday is Boxing Day, and Christmas has the Tuesday.
        Some(Weekday::Sunday) => (2, 0),
        Some(Weekday::Friday) => (0, 2),
        _ => (0, 0),
    };
    let new_year = match on(1, 1).map(Date::weekday) {
        Some(Weekday::Saturday) => 2,
        Some(Weekday::Sunday) => 1,
        _ => 0,
    };
    let easter = easter_sunday(year);
    let holidays = [
        after(on(1, 1), new_year),
        after(easter, -2),
        after(easter, 1),
        monday(5, 1),
        monday(5, -1),
        monday(8, -1),
        after(on(12, 25), christmas),
        after(on(12, 26), boxing),
    ];
    holidays.map(|holiday| {
        let moved = MOVED_HOLIDAYS
            .iter()
            .find(|(from, _)| Some(*from) == holiday);
        moved.map_or(holiday, |(_, to)| Some(*to))
    })
}

/// Easter Sunday, by the anonymous Gregorian computus.
fn easter_sunday(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let (a, b, c) = (y % 19, y / 100, y % 100);
    let h = (19 * a + b - b / 4 - (b - (b + 8) / 25 + 1) / 3 + 15) % 30;
    let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
    let m = (a + 11 * h + 22 * l) / 451;
    let sum = h + l - 7 * m + 114;
    Date::new(
        year,
        i8::try_from(sum / 31).ok()?,
        i8::try_from(sum % 31 + 1).ok()?,
    )
    .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holidays(year: i16) -> String {
        let first = date(1970, 1, 1).until(date(year, 1, 1)).unwrap().get_days();
        let all = (first..first + 366).filter(|day| is_bank_holiday(*day));
        let of_year = all
            .filter_map(civil_date)
            .filter(|date| date.year() == year);
        of_year
            .map(|date| format!("{:02}-{:02}", date.month(), date.day()))
            .collect::<Vec<_>>()
            .join(" ")
    }

    /// As they were published.
    #[test]
    fn the_days_are_those_that_were_proclaimed() {
        for (year, days) in [
            (2019, "01-01 04-19 04-22 05-06 05-27 08-26 12-25 12-26"),
            (2020, "01-01 04-10 04-13 05-08 05-25 08-31 12-25 12-28"),
            (2021, "01-01 04-02 04-05 05-03 05-31 08-30 12-27 12-28"),
            (
                2022,
                "01-03 04-15 04-18 05-02 06-02 06-03 08-29 09-19 12-26 12-27",
            ),
            (
                2023,
                "01-02 04-07 04-10 05-01 05-08 05-29 08-28 12-25 12-26",
            ),
            (2026, "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28"),
            (2027, "01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28"),
        ] {
            assert_eq!(holidays(year), days, "{year}");
        }
    }

    #[test]
    fn weekdays_are_counted_from_monday() {
        // 2026-03-02 was a Monday.
        assert_eq!(
            [20_514, 20_515, 20_520, -4].map(weekday_index),
            [0, 1, 6, 6]
        );
    }
}

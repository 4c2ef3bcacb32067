//! The bank holidays of England and Wales: those of the Act of 1971, and what proclamations added
//! or moved since 2018.

use jiff::ToSpan;
use jiff::civil::{Date, Weekday, date};

/// Holidays that were moved: (the day by rule, the proclaimed day).
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

/// Whether a day, counted from 1970-01-01, is a bank holiday in England and Wales.
#[must_use]
pub fn is_bank_holiday(day: i32) -> bool {
    civil_date(day).is_some_and(|date| {
        bank_holidays_of_year(date.year()).contains(&Some(date)) || ADDED_HOLIDAYS.contains(&date)
    })
}

/// The eight regular holidays of a year, on the days to which proclamations moved them.
fn bank_holidays_of_year(year: i16) -> [Option<Date>; 8] {
    let new_year = Date::new(year, 1, 1).ok();
    let christmas = Date::new(year, 12, 25).ok();
    let boxing_day = Date::new(year, 12, 26).ok();
    let easter = easter_sunday(year);
    let (christmas_shift, boxing_day_shift) = christmas_shifts(christmas);

    let holidays = [
        add_days(new_year, new_year_shift(new_year)),
        add_days(easter, -2),
        add_days(easter, 1),
        nth_monday(year, 5, 1),
        nth_monday(year, 5, -1),
        nth_monday(year, 8, -1),
        add_days(christmas, christmas_shift),
        add_days(boxing_day, boxing_day_shift),
    ];
    holidays.map(|holiday| holiday.map(proclaimed_date))
}

/// Days from New Year's Day to its holiday, which is a working day.
fn new_year_shift(new_year: Option<Date>) -> i32 {
    match new_year.map(Date::weekday) {
        Some(Weekday::Saturday) => 2,
        Some(Weekday::Sunday) => 1,
        _ => 0,
    }
}

/// Days from Christmas and from Boxing Day to their holidays, which are two working days.
fn christmas_shifts(christmas: Option<Date>) -> (i32, i32) {
    match christmas.map(Date::weekday) {
        Some(Weekday::Saturday) => (2, 2),
        // Boxing Day stays on its Monday, and the holiday of Christmas is the Tuesday.
        Some(Weekday::Sunday) => (2, 0),
        Some(Weekday::Friday) => (0, 2),
        _ => (0, 0),
    }
}

fn add_days(date: Option<Date>, days: i32) -> Option<Date> {
    date?.checked_add(days.days()).ok()
}

/// The nth Monday of a month; -1 is the last.
fn nth_monday(year: i16, month: i8, nth: i8) -> Option<Date> {
    Date::new(year, month, 1)
        .ok()?
        .nth_weekday_of_month(nth, Weekday::Monday)
        .ok()
}

/// The day to which a proclamation moved a holiday, or the holiday itself.
fn proclaimed_date(holiday: Date) -> Date {
    MOVED_HOLIDAYS
        .iter()
        .find(|(by_rule, _)| *by_rule == holiday)
        .map_or(holiday, |(_, proclaimed)| *proclaimed)
}

/// Easter Sunday, by the anonymous Gregorian computus; its variables have the letters of the
/// published algorithm.
fn easter_sunday(year: i16) -> Option<Date> {
    let y = i32::from(year);
    let a = y % 19;
    let b = y / 100;
    let c = y % 100;
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

//! Days in arguments.

use lake::Day;

/// The day that an argument names.
pub(super) fn parse_day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| {
        let meant = meant_day(text).map(|day| format!("; did you mean {day}?"));
        let meant = meant.unwrap_or_default();
        format!("`{text}` is no day of the calendar; write it as 2026-03-02{meant}")
    })
}

/// The day that a text in another form may mean: year, month and day in this order or in the
/// other one.
fn meant_day(text: &str) -> Option<Day> {
    let is_digits = text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = match is_digits {
        true => vec![&text[..4], &text[4..6], &text[6..]],
        false => text.split(['-', '/', '.', ' ']).collect(),
    };
    let [first, month, last] = parts.as_slice() else {
        return None;
    };
    let (year, day) = if first.len() == 4 {
        (first, last)
    } else {
        (last, first)
    };
    let is_short = month.len() <= 2 && day.len() <= 2;
    let padded = format!("{year}-{month:0>2}-{day:0>2}");
    Day::parse(&padded).filter(|_| is_short)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_in_another_form_is_refused_with_the_day_that_is_meant() {
        assert_eq!(
            parse_day("2026-03-02"),
            Ok(Day::parse("2026-03-02").unwrap())
        );
        for text in [
            "2026-3-2",
            "2026/03/02",
            "02/03/2026",
            "2.3.2026",
            "20260302",
        ] {
            let why = parse_day(text).unwrap_err();
            assert!(why.ends_with("did you mean 2026-03-02?"), "{why}");
        }
        for text in [
            "2026-02-30",
            "yesterday",
            "",
            "2026-03",
            "ü-1-2",
            "2026-133-2",
        ] {
            let why = parse_day(text).unwrap_err();
            assert!(why.ends_with("write it as 2026-03-02"), "{why}");
        }
    }
}

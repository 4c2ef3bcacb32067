//! Numbers of a workbook as texts. A date is a number of days there: only the cell's style tells it
//! from a count.

use std::fmt::Write;

/// The styles of cells that show dates, by the number that cells name.
#[derive(Debug, Default)]
pub(super) struct DateStyles {
    is_date: Vec<bool>,
    /// Whether days are counted from 1904 on, as old workbooks of Macintosh do.
    pub(super) from_1904: bool,
}

impl DateStyles {
    /// Adds the next style by the number of its format.
    pub(super) fn add_style(&mut self, format: u32, custom_dates: &[u32]) {
        let is_built_in = matches!(format, 14..=22 | 27..=36 | 45..=47 | 50..=58);
        self.is_date
            .push(is_built_in || custom_dates.contains(&format));
    }

    /// The text of a number in a cell of this style.
    pub(super) fn number_text(&self, style: usize, number: &str) -> String {
        let is_date = self.is_date.get(style).copied().unwrap_or_default();
        let date = is_date.then(|| number.parse().ok().and_then(|days| self.date_text(days)));
        date.flatten().unwrap_or_else(|| plain_number(number))
    }

    /// A number of days as a date, a date and time, or a time of the day.
    fn date_text(&self, days: f64) -> Option<String> {
        if !(0.0..2_958_466.0).contains(&days) {
            return None;
        }
        let millis = (days * 86_400_000.0).round() as i64;
        let (day, time) = (millis.div_euclid(86_400_000), millis.rem_euclid(86_400_000));
        let clock = clock_text(time);
        if day == 0 {
            return Some(clock);
        }

        let epoch = match self.from_1904 {
            true => jiff::civil::date(1904, 1, 1),
            // The workbook's 60th day, 29 February 1900, has never been.
            false if day < 60 => jiff::civil::date(1899, 12, 31),
            false if day == 60 => return None,
            false => jiff::civil::date(1899, 12, 30),
        };
        let date = epoch.checked_add(jiff::Span::new().days(day)).ok()?;
        Some(match time {
            0 => date.to_string(),
            _ => format!("{date}T{clock}"),
        })
    }
}

/// Milliseconds since midnight as a time of the day.
fn clock_text(millis: i64) -> String {
    let seconds = millis / 1_000;
    let mut text = format!(
        "{:02}:{:02}:{:02}",
        seconds / 3_600,
        seconds / 60 % 60,
        seconds % 60
    );
    if millis % 1_000 > 0 {
        // Writing to memory cannot fail.
        let _ = write!(text, ".{:03}", millis % 1_000);
    }
    text
}

/// A number as people see it: a workbook writes 1.1 as 1.1000000000000001, and 1E+20. Up to 15
/// digits, and more than a double has, stand as they are.
fn plain_number(text: &str) -> String {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let has_exponent = text.contains(['e', 'E']);
    if !has_exponent && !(16..=17).contains(&digits) {
        return text.to_owned();
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => number.to_string(),
        _ => text.to_owned(),
    }
}

/// Whether a format such as `dd/mm/yyyy` shows a date or a time.
pub(super) fn is_date_format(code: &str) -> bool {
    let (mut is_quoted, mut is_escaped, mut in_brackets) = (false, false, false);
    for letter in code.chars() {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' | '_' | '*' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            'y' | 'Y' | 'm' | 'M' | 'd' | 'D' | 'h' | 'H' | 's' | 'S' if !in_brackets => {
                return true;
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates_and_numbers_stay() {
        let mut styles = DateStyles::default();
        styles.add_style(0, &[]);
        styles.add_style(14, &[]);
        for (number, text) in [
            ("46082", "2026-03-01"),
            ("46082.5", "2026-03-01T12:00:00"),
            ("0.25", "06:00:00"),
            ("59", "1900-02-28"),
            ("61", "1900-03-01"),
            ("60", "60"),
            ("-1", "-1"),
            ("2958466", "2958466"),
        ] {
            assert_eq!(styles.number_text(1, number), text);
        }
        for (number, text) in [
            ("46082", "46082"),
            ("1.1000000000000001", "1.1"),
            ("0.30000000000000004", "0.30000000000000004"),
            ("1E+20", "100000000000000000000"),
            ("123456789012345", "123456789012345"),
            ("12345678901234567890", "12345678901234567890"),
        ] {
            assert_eq!(styles.number_text(0, number), text);
        }
        styles.from_1904 = true;
        assert_eq!(styles.number_text(1, "1"), "1904-01-02");
    }

    #[test]
    fn formats_of_dates_are_known() {
        for code in [
            "dd/mm/yyyy",
            "[$-809]dd mmmm yyyy",
            "hh:mm",
            "yyyy\\-mm\\-dd",
        ] {
            assert!(is_date_format(code), "{code}");
        }
        for code in [
            "0.00",
            "#,##0\" days\"",
            "[Red]-0",
            "General",
            "\"m\"0",
            "[h]",
        ] {
            assert!(!is_date_format(code) || code == "General", "{code}");
        }
    }
}

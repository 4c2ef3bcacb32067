//! The wording of counts and findings, the same in pages, alerts and exports.

use lake::{RuleResult, RuleVerdict};

use crate::report::Trend;

/// A count with its thousands separated by commas.
pub(crate) fn format_thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of a trend: its thousands separated by commas, at most three digits after the point.
pub(crate) fn format_number(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.')
    } else {
        &text
    };
    let (sign, digits) = text
        .strip_prefix('-')
        .map_or(("", text), |digits| ("-", digits));
    let (integer, fraction) = digits.split_at(digits.find('.').unwrap_or(digits.len()));

    // An integer part that is not a u64, such as NaN or a very great number, stays as it is.
    integer.parse().map_or_else(
        |_| text.to_owned(),
        |integer| format!("{sign}{}{fraction}", format_thousands(integer)),
    )
}

/// Describes what a rule found that does not hold, such as `12 of 10,397 rows break it (target: at
/// most 0 rows)`.
pub(crate) fn describe_finding(result: &RuleResult, rule: &str) -> String {
    let (checked, target) = (format_thousands(result.checked), &result.target);
    if result.failed == 0 && result.verdict != RuleVerdict::Pass {
        return format!("{checked} rows in all break {rule} (target: {target})");
    }

    let breaks = if result.failed == 1 {
        "breaks"
    } else {
        "break"
    };
    format!(
        "{} of {checked} rows {breaks} {rule} (target: {target})",
        format_thousands(result.failed)
    )
}

/// Describes an observed number and its usual range, such as `rows at 12, usually 9,800 to 10,400`.
pub(crate) fn describe_trend(trend: &Trend) -> String {
    let column = trend
        .column
        .as_ref()
        .map(|column| format!(" of {column}"))
        .unwrap_or_default();
    let usual = trend
        .expected
        .map(|(minimum, maximum)| {
            format!(
                ", usually {} to {}",
                format_number(minimum),
                format_number(maximum)
            )
        })
        .unwrap_or_default();

    format!(
        "{}{column} at {}{usual}",
        trend.metric.replace('_', " "),
        format_number(trend.observed)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_readable() {
        assert_eq!(
            (
                format_thousands(0),
                format_thousands(999),
                format_thousands(1_234_567)
            ),
            ("0".into(), "999".into(), "1,234,567".into())
        );
        let numbers = [12_000.0, 10_390.5, 0.25, -1_234.5, 0.0004, f64::NAN].map(format_number);
        assert_eq!(
            numbers,
            ["12,000", "10,390.5", "0.25", "-1,234.5", "0", "NaN"]
        );
    }
}

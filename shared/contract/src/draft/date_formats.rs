//! The formats of dates that sources write.

use std::sync::LazyLock;

use crate::format::{DateFormat, FormattedMoment, ShortYears};

/// Formats of dates that sources write, those of Britain before those of America.
pub(super) const DATE_FORMATS: [&str; 17] = [
    "iso",
    "DD/MM/YYYY",
    "DD/MM/YYYY HH:mm",
    "DD/MM/YYYY HH:mm:ss",
    "DD-MM-YYYY",
    "DD-MM-YYYY HH:mm",
    "DD.MM.YYYY",
    "DD MMM YYYY",
    "DD-MMM-YYYY",
    "DD-MMM-YYYY HH:mm",
    "YYYY/MM/DD",
    "MM/DD/YYYY",
    "MM/DD/YYYY HH:mm",
    "MM-DD-YYYY",
    "DD/MM/YY",
    "DD-MMM-YY",
    "MM/DD/YY",
];

/// The compiled formats.
pub(super) static COMPILED_FORMATS: LazyLock<Vec<DateFormat>> = LazyLock::new(|| {
    let formats = DATE_FORMATS.iter().map(|text| DateFormat::parse(text));
    formats.filter_map(Result::ok).collect()
});

/// Whether a text is a date in any of the formats.
pub(super) fn is_date(text: &str) -> bool {
    let mut formats = COMPILED_FORMATS.iter();
    formats.any(|format| {
        let read = format.read_text(text, ShortYears::Pivot(30));
        matches!(read, Some(FormattedMoment::Dated(_)))
    })
}

/// Whether no text is one date by the one format and another by the other.
pub(super) fn can_stand_together(set: &[usize]) -> bool {
    let [first, second] = set else { return true };
    let (first, second) = (&COMPILED_FORMATS[*first], &COMPILED_FORMATS[*second]);
    first.ambiguous_text(second).is_none() && second.ambiguous_text(first).is_none()
}

/// A format with day and month the other way round.
pub(super) fn swapped_format(format: &str) -> Option<String> {
    let rest = format
        .strip_prefix("DD/MM/")
        .map(|rest| format!("MM/DD/{rest}"));
    rest.or_else(|| {
        format
            .strip_prefix("DD-MM-")
            .map(|rest| format!("MM-DD-{rest}"))
    })
}

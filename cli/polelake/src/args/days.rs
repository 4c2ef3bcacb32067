//! Days in arguments.

use lake::Day;

/// The day that an argument names.
pub(super) fn parse_day(text: &str) -> Result<Day, String> {
    Day::parse(text).ok_or_else(|| format!("`{text}` is no day; write it as 2026-03-02"))
}

//! Keys of what a day's report leaves for machines, in the bucket of the site.

use crate::Day;

/// The prefix of all of it.
pub const REPORTS_PREFIX: &str = "data/";

/// The key of a day's report.
#[must_use]
pub fn report_key(day: Day) -> String {
    format!("{REPORTS_PREFIX}{day}.json")
}

/// The day of the report that has this key; none for another key.
#[must_use]
pub fn parse_report_day(key: &str) -> Option<Day> {
    key.strip_prefix(REPORTS_PREFIX)?
        .strip_suffix(".json")
        .and_then(Day::parse)
}

/// The key of a table's results of a day, in the shape of datacontract-cli's runs.
#[must_use]
pub fn datacontract_run_key(table: &str, day: Day) -> String {
    format!("{}{table}.run.json", report_day_prefix(day))
}

/// The key of a day's results as JUnit XML.
#[must_use]
pub fn junit_key(day: Day) -> String {
    format!("{}junit.xml", report_day_prefix(day))
}

/// The key of a day's OpenLineage events, a JSON document on each line.
#[must_use]
pub fn openlineage_key(day: Day) -> String {
    format!("{}openlineage.ndjson", report_day_prefix(day))
}

/// The key of the alert that was sent for a day, so that it is sent once.
#[must_use]
pub fn alert_key(day: Day) -> String {
    format!("{}alert.json", report_day_prefix(day))
}

/// The key of a day's page for people.
#[must_use]
pub fn day_page_key(day: Day) -> String {
    format!("day/{day}.html")
}

fn report_day_prefix(day: Day) -> String {
    format!("{REPORTS_PREFIX}{day}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_days_report_is_taken_for_one() {
        let day = Day::parse("2026-03-02").unwrap();
        assert_eq!(parse_report_day(&report_key(day)), Some(day));
        for other in [
            alert_key(day),
            datacontract_run_key("person", day),
            junit_key(day),
            day_page_key(day),
        ] {
            assert_eq!(parse_report_day(&other), None, "{other}");
        }
    }
}

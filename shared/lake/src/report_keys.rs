//! Keys of the site's pages and of a day's reports for machines, all in the bucket of the site.

use crate::Day;

/// The prefix of every report for machines.
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

/// The key of a table's results of a day, in the form of datacontract-cli's runs.
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

/// The key of a table's page for people.
#[must_use]
pub fn table_page_key(table: &str) -> String {
    format!("{TABLE_PAGES_PREFIX}{table}.html")
}

/// The key of a table's page for machines.
#[must_use]
pub fn table_export_key(table: &str) -> String {
    format!("{TABLE_PAGES_PREFIX}{table}.json")
}

/// The key of a source's page for people.
#[must_use]
pub fn source_page_key(source: &str) -> String {
    format!("{SOURCE_PAGES_PREFIX}{source}.html")
}

/// Whether a page is about a table or a source, and is deleted when its contract is.
#[must_use]
pub fn is_contract_page_key(key: &str) -> bool {
    key.starts_with(TABLE_PAGES_PREFIX) || key.starts_with(SOURCE_PAGES_PREFIX)
}

/// The prefix of tables' pages.
const TABLE_PAGES_PREFIX: &str = "table/";

/// The prefix of sources' pages.
const SOURCE_PAGES_PREFIX: &str = "source/";

/// The prefix of a day's reports for machines, but for the report itself.
#[must_use]
pub fn report_day_prefix(day: Day) -> String {
    format!("{REPORTS_PREFIX}{day}/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_place() {
        let day = Day::parse("2026-03-02").unwrap();
        for (key, expected) in [
            (report_key(day), "data/2026-03-02.json"),
            (
                datacontract_run_key("person", day),
                "data/2026-03-02/person.run.json",
            ),
            (junit_key(day), "data/2026-03-02/junit.xml"),
            (openlineage_key(day), "data/2026-03-02/openlineage.ndjson"),
            (alert_key(day), "data/2026-03-02/alert.json"),
            (day_page_key(day), "day/2026-03-02.html"),
            (table_page_key("person"), "table/person.html"),
            (table_export_key("person"), "table/person.json"),
            (
                source_page_key("housing-person"),
                "source/housing-person.html",
            ),
        ] {
            assert_eq!(key, expected);
        }
    }

    #[test]
    fn pages_of_contracts_are_known_by_their_keys() {
        for page in [
            table_page_key("person"),
            table_export_key("person"),
            source_page_key("s"),
        ] {
            assert!(is_contract_page_key(&page), "{page}");
        }
        let day = Day::parse("2026-03-02").unwrap();
        for page in [day_page_key(day), report_key(day), "tables.html".to_owned()] {
            assert!(!is_contract_page_key(&page), "{page}");
        }
    }

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

//! What earlier reports say: the day before, and when each table last passed.

use std::collections::BTreeMap;

use host::Failure;
use lake::{Day, report_key};
use store::ObjectStore;

use crate::report::Report;

/// Reports that are read to find when a table last passed: most days, only the one before.
const REPORTS_MAX: usize = 60;

/// What earlier reports say.
#[derive(Debug, Default)]
pub(crate) struct EarlierReports {
    /// The report of the reported day before.
    pub(crate) report: Option<Report>,
    /// The newest day on which each table passed.
    pub(crate) passing: BTreeMap<String, String>,
}

/// Reads the report of the reported day before `report`, and further back while a table that is
/// held back has not passed. `known` is an earlier report that the caller has read already: it is
/// not read again.
///
/// # Errors
/// When the storage does not answer.
pub(crate) async fn read_earlier_reports(
    report: &Report,
    mut known: Option<Report>,
    days: &[String],
    site: &dyn ObjectStore,
) -> Result<EarlierReports, Failure> {
    let mut earlier = EarlierReports::default();
    earlier.record_passing_tables(report);
    let before = days
        .iter()
        .filter(|day| **day < report.date)
        .take(REPORTS_MAX);
    for day in before {
        if earlier.report.is_some()
            && report
                .tables
                .keys()
                .all(|table| earlier.passing.contains_key(table))
        {
            break;
        }
        let found = match known.take_if(|known| known.date == *day) {
            Some(known) => Some(known),
            None => read_report_if_valid(day, site).await?,
        };
        if let Some(found) = found {
            earlier.record_passing_tables(&found);
            earlier.report.get_or_insert(found);
        }
    }
    Ok(earlier)
}

impl EarlierReports {
    fn record_passing_tables(&mut self, report: &Report) {
        for (table, manifest) in report.tables.iter().filter(|(_, manifest)| manifest.passed) {
            self.passing
                .entry(table.clone())
                .or_insert_with(|| manifest.date.clone());
        }
    }
}

/// A report that is no longer readable is none: an older version may have written it.
async fn read_report_if_valid(
    day: &str,
    site: &dyn ObjectStore,
) -> Result<Option<Report>, Failure> {
    let Some(day) = Day::parse(day) else {
        return Ok(None);
    };
    let object = site.get_if_within_limit(&report_key(day)).await?;

    Ok(object.and_then(|object| Report::from_json(&object.body).ok()))
}

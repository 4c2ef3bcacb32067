//! Refused records, counted.

use std::collections::BTreeMap;

use lake::Day;
use serde::Serialize;

use super::entries::QuarantineEntry;
use super::history::RedriveStatus;

/// Refused records of one source that broke one rule and have one status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RefusalGroup {
    /// The source.
    pub source: String,
    /// The rule that they broke last.
    pub rule: String,
    /// What has become of them.
    pub status: RedriveStatus,
    /// How many they are.
    pub records: usize,
    /// The day on which the first of them was appended, `YYYY-MM-DD`.
    pub first: String,
    /// The day on which the last of them was appended.
    pub last: String,
}

/// Counts the records by source, rule and status.
#[must_use]
pub fn group_entries(entries: &[QuarantineEntry]) -> Vec<RefusalGroup> {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&QuarantineEntry>> = BTreeMap::new();
    for entry in entries {
        let refused = &entry.refused;
        let name = (
            refused.source.as_str(),
            refused.rule.as_str(),
            entry.status.label(),
        );
        groups.entry(name).or_default().push(entry);
    }

    groups
        .values()
        .filter_map(|entries| summarise_group(entries))
        .collect()
}

/// How many records are open.
#[must_use]
pub fn count_open(entries: &[QuarantineEntry]) -> usize {
    let open = entries
        .iter()
        .filter(|entry| entry.status == RedriveStatus::Open);
    open.count()
}

fn summarise_group(entries: &[&QuarantineEntry]) -> Option<RefusalGroup> {
    let example = entries.first()?;
    let appended = entries.iter().map(|entry| entry.origin.timestamp);
    Some(RefusalGroup {
        source: example.refused.source.clone(),
        rule: example.refused.rule.clone(),
        status: example.status,
        records: entries.len(),
        first: format_date(appended.clone().min()?),
        last: format_date(appended.max()?),
    })
}

/// The day of an instant in milliseconds since 1970.
fn format_date(millis: i64) -> String {
    Day::from_micros(millis * 1_000).to_string()
}

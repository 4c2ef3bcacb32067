//! Iceberg's metadata: whether every file holds what its name says, and whether readers are shown
//! the days that passed. It is derived from the manifests, and can be written again from them.

use std::collections::BTreeSet;

use contract::TableContract;
use lake::iceberg::{IcebergDays, SnapshotEntry};
use lake::{
    Day, iceberg_hint_key, iceberg_metadata_key, iceberg_prefix, is_named_iceberg_content,
    parse_iceberg_content,
};
use store::StoredObject;

use super::finding_kind::FindingKind;
use super::report::AuditFinding;
use super::scope::AuditScope;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Checks the Iceberg metadata of a table. `passing` are the days whose manifests say that they
/// passed; none where a manifest cannot be read.
pub(super) async fn audit_iceberg_metadata(
    lake: &LakeHandle,
    table: &TableContract,
    passing: Option<&BTreeSet<Day>>,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    // Readers do not see records.
    if table.holds_records() {
        return Ok(());
    }
    let prefix = iceberg_prefix(&table.name);
    let listed = lake.curated.list(&prefix, None).await?;
    let keys: BTreeSet<String> = listed.into_iter().map(|entry| entry.key).collect();
    let hint = iceberg_hint_key(&table.name);

    for key in keys.iter().filter(|key| **key != hint) {
        check_content(lake, key, scope, findings).await?;
    }
    if let Some(passing) = passing.filter(|_| scope.is_whole())
        && !(keys.is_empty() && passing.is_empty())
    {
        check_shown_days(lake, &table.name, &keys, passing, findings).await?;
    }
    Ok(())
}

/// Checks that a file has a name of the platform's, and where the audit reads every byte, that it
/// holds what its name says.
pub(super) async fn check_content(
    lake: &LakeHandle,
    key: &str,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    if parse_iceberg_content(key).is_none() {
        let what = "has a name that the platform does not write, and is read by nothing";
        findings.push(AuditFinding::new(
            FindingKind::SnapshotFileAdded,
            key,
            None,
            what,
        ));
        return Ok(());
    }
    if !scope.deep {
        return Ok(());
    }
    if let Some(object) = read_noted(lake, key).await?
        && !is_named_iceberg_content(key, &object.body)
    {
        let what = "does not hold what its name says";
        findings.push(iceberg_finding(key, what));
    }
    Ok(())
}

/// Checks that the hint names metadata that are there, with the days that passed.
async fn check_shown_days(
    lake: &LakeHandle,
    table: &str,
    keys: &BTreeSet<String>,
    passing: &BTreeSet<Day>,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let (metadata, days) = match read_shown_days(lake, table, keys).await? {
        Ok(shown) => shown,
        Err(finding) => {
            findings.push(finding);
            return Ok(());
        }
    };

    let shown: BTreeSet<Day> = days.entries().map(|entry| entry.date).collect();
    if let Some(day) = shown.symmetric_difference(passing).next() {
        let what = if shown.contains(day) {
            format!("shows {day}, which has no snapshot that passed")
        } else {
            format!("does not show {day}, which passed")
        };
        findings.push(iceberg_finding(&metadata, what));
    }
    for named in days.entries().flat_map(SnapshotEntry::named_keys) {
        if !keys.contains(named) {
            let what = "is named by the table's metadata and is not there";
            findings.push(iceberg_finding(named, what));
        }
    }
    Ok(())
}

/// The key of the metadata that the hint names, and their days; the finding where readers would not
/// find them.
async fn read_shown_days(
    lake: &LakeHandle,
    table: &str,
    keys: &BTreeSet<String>,
) -> Result<Result<(String, IcebergDays), AuditFinding>, OperationError> {
    let hint = iceberg_hint_key(table);
    let Some(object) = read_noted(lake, &hint).await? else {
        let what = "is missing: readers find no days";
        return Ok(Err(iceberg_finding(&hint, what)));
    };
    let name = String::from_utf8_lossy(&object.body);
    let metadata = iceberg_metadata_key(table, name.trim());
    if !keys.contains(&metadata) {
        let what = "names metadata that are not there";
        return Ok(Err(iceberg_finding(&hint, what)));
    }

    let object = read_noted(lake, &metadata).await?;
    let days = object.map(|object| IcebergDays::from_metadata(&object.body));
    Ok(match days {
        Some(Ok(days)) => Ok((metadata, days)),
        _ => Err(iceberg_finding(&metadata, "is no table metadata")),
    })
}

/// An object of the curated zone; none where there is none, or where it cannot be read, which is
/// noted.
pub(super) async fn read_noted(
    lake: &LakeHandle,
    key: &str,
) -> Result<Option<StoredObject>, OperationError> {
    let object = lake.curated.get_if_present(key).await;
    Ok(lake.unreadable.note(object)?.flatten())
}

pub(super) fn iceberg_finding(key: &str, what: impl Into<String>) -> AuditFinding {
    AuditFinding::new(FindingKind::IcebergWrong, key, None, what)
}

//! The roots of the days: each names the manifests of its day as they were when the day was merged.

use std::collections::{BTreeMap, BTreeSet};

use lake::{Day, DayRoot, Sha256Digest, manifest_key, parse_manifest_day};
use store::replacements::{is_replaced_by, is_replaced_since};

use super::finding_kind::FindingKind;
use super::removed_days::is_dropped;
use super::report::AuditFinding;
use super::scope::AuditScope;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// The manifests that an audit has read: the digest of each, by day and table.
pub(super) type ManifestDigests = BTreeMap<Day, BTreeMap<String, Sha256Digest>>;

/// Compares the roots of the scope with the manifests that are there; gives the root of each day.
pub(super) async fn audit_day_roots(
    lake: &LakeHandle,
    scope: AuditScope,
    manifests: &ManifestDigests,
    findings: &mut Vec<AuditFinding>,
) -> Result<BTreeMap<String, Sha256Digest>, OperationError> {
    let mut roots = BTreeMap::new();
    let mut days: BTreeSet<Day> = manifests.keys().copied().collect();
    for entry in lake.curated.list(DayRoot::prefix(), None).await? {
        match parse_manifest_day(&entry.key) {
            Some(day) => {
                days.insert(day);
            }
            None => {
                let what = "is not the root of any day";
                findings.push(AuditFinding::new(
                    FindingKind::RootWrong,
                    entry.key,
                    None,
                    what,
                ));
            }
        }
    }

    let no_manifests = BTreeMap::new();
    for day in days
        .into_iter()
        .filter(|day| scope.contains_date(&day.to_string()))
    {
        let Some((root, sha256)) = read_root(lake, day, findings).await? else {
            continue;
        };
        let present = manifests.get(&day).unwrap_or(&no_manifests);
        let mut found = Vec::new();
        check_root(lake, day, &root, present, &mut found).await?;
        let date = day.to_string();
        findings.extend(found.into_iter().map(|finding| finding.of_day(&date)));
        roots.insert(day.to_string(), sha256);
    }
    Ok(roots)
}

/// A day's root, and the SHA-256 of its content; none when it is missing, or cannot be read.
async fn read_root(
    lake: &LakeHandle,
    day: Day,
    findings: &mut Vec<AuditFinding>,
) -> Result<Option<(DayRoot, Sha256Digest)>, OperationError> {
    let key = DayRoot::key(day);
    let object = lake.curated.get_if_present(&key).await;
    let Some(object) = lake.unreadable.note(object)? else {
        return Ok(None);
    };
    let Some(object) = object else {
        let what = "is missing: the day has manifests and no root";
        findings.push(AuditFinding::new(FindingKind::RootWrong, key, None, what));
        return Ok(None);
    };

    let root = DayRoot::from_json(&object.body);
    let root = lake.unreadable.note_decoded(&key, root);
    if let Some(other) = root.as_ref().filter(|root| root.date != day.to_string()) {
        let what = format!("is the root of {}", other.date);
        findings.push(AuditFinding::new(FindingKind::RootWrong, key, None, what));
        return Ok(None);
    }
    Ok(root.map(|root| (root, Sha256Digest::of_bytes(&object.body))))
}

async fn check_root(
    lake: &LakeHandle,
    day: Day,
    root: &DayRoot,
    present: &BTreeMap<String, Sha256Digest>,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    for (table, recorded) in &root.manifests {
        let key = manifest_key(table, day);
        let Some(found) = present.get(table) else {
            // One that is there and cannot be read is a finding already.
            if !lake.curated.object_exists(&key).await? && !is_dropped(lake, table, day).await? {
                let what = "is missing: the root of its day names it";
                findings.push(AuditFinding::new(
                    FindingKind::ManifestChanged,
                    key,
                    None,
                    what,
                ));
            }
            continue;
        };
        if is_replaced_since(&*lake.curated, *found).await? {
            let what = "is the manifest as it was before an erasure";
            findings.push(AuditFinding::new(
                FindingKind::ManifestChanged,
                key,
                None,
                what,
            ));
        } else if !is_replaced_by(&*lake.curated, *recorded, *found).await? {
            let what = format!(
                "is not the manifest that the root of its day names: its SHA-256 is {found}, and \
                 {recorded} was recorded"
            );
            findings.push(AuditFinding::new(
                FindingKind::ManifestChanged,
                key,
                None,
                what,
            ));
        }
    }

    for table in present
        .keys()
        .filter(|table| !root.manifests.contains_key(*table))
    {
        let what = "is not named by the root of its day";
        findings.push(AuditFinding::new(
            FindingKind::ManifestChanged,
            manifest_key(table, day),
            None,
            what,
        ));
    }
    Ok(())
}

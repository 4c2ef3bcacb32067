//! The Iceberg tables of raw objects: whether their files hold what their names say, and whether
//! readers are shown the objects that the receipts name. They are derived from the receipts.

use std::collections::BTreeSet;

use lake::iceberg::{RawDays, RawObjectFile, read_raw_manifest};
use lake::{
    REDRIVE_PARTITION, SnapshotManifest, iceberg_hint_key, iceberg_metadata_key, iceberg_prefix,
    raw_table_name,
};
use store::streams::{list_manifest_days, read_manifest};

use super::finding_kind::FindingKind;
use super::iceberg_metadata::{check_content, iceberg_finding, read_noted};
use super::report::AuditFinding;
use super::scope::AuditScope;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Checks the table of a topic's raw objects.
pub(super) async fn audit_raw_table(
    lake: &LakeHandle,
    topic: &str,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let table = raw_table_name(topic);
    let listed = lake.curated.list(&iceberg_prefix(&table), None).await?;
    let keys: BTreeSet<String> = listed.into_iter().map(|entry| entry.key).collect();
    let hint = iceberg_hint_key(&table);
    for key in keys.iter().filter(|key| **key != hint) {
        check_content(lake, key, scope, findings).await?;
    }
    if keys.is_empty() || !scope.is_whole() {
        return Ok(());
    }

    match read_shown_objects(lake, &table, &keys).await? {
        Ok((metadata, days)) => {
            check_shown_offsets(lake, topic, &metadata, &days, findings).await?;
            check_manifests(lake, &days, (&keys, scope), findings).await
        }
        Err(finding) => {
            findings.push(finding);
            Ok(())
        }
    }
}

/// The key of the metadata that the hint names, and what they show; the finding where readers would
/// not find it.
async fn read_shown_objects(
    lake: &LakeHandle,
    table: &str,
    keys: &BTreeSet<String>,
) -> Result<Result<(String, RawDays), AuditFinding>, OperationError> {
    let hint = iceberg_hint_key(table);
    let Some(object) = read_noted(lake, &hint).await? else {
        let what = "is missing: readers find no raw objects";
        return Ok(Err(iceberg_finding(&hint, what)));
    };
    let name = String::from_utf8_lossy(&object.body);
    let metadata = iceberg_metadata_key(table, name.trim());
    if !keys.contains(&metadata) {
        let what = "names metadata that are not there";
        return Ok(Err(iceberg_finding(&hint, what)));
    }

    let object = read_noted(lake, &metadata).await?;
    let parsed = object.map(|object| RawDays::from_metadata(&object.body));
    let Some(Ok((days, list))) = parsed else {
        return Ok(Err(iceberg_finding(&metadata, "is no table metadata")));
    };
    if !keys.contains(&list) {
        let what = "is named by the table's metadata and is not there";
        return Ok(Err(iceberg_finding(&list, what)));
    }
    let object = read_noted(lake, &list).await?;
    Ok(match object.map(|object| days.with_list(&object.body)) {
        Some(Ok(days)) => Ok((metadata, days)),
        _ => Err(iceberg_finding(&list, "is no list of manifests")),
    })
}

/// Checks that the table shows what the newest day has consumed: the merge of that day published
/// it.
async fn check_shown_offsets(
    lake: &LakeHandle,
    topic: &str,
    metadata: &str,
    days: &RawDays,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let Some(manifest) = read_newest_manifest(lake, topic).await? else {
        return Ok(());
    };
    let committed = manifest.committed_offsets.iter();
    let of_topic = committed.filter(|committed| committed.stream.topic == topic);
    for committed in of_topic {
        let stream = (committed.stream.epoch, committed.stream.partition);
        if days
            .next_offset(stream)
            .is_none_or(|next| next < committed.next)
        {
            let partition = match stream.1 {
                REDRIVE_PARTITION => "the redriven records".to_owned(),
                partition => format!("partition {partition}"),
            };
            let day = &manifest.date;
            let what = format!("does not show all records of {partition} that {day} consumed");
            findings.push(iceberg_finding(metadata, what));
        }
    }
    Ok(())
}

/// The newest manifest of a table that the topic fills; none where there is none, or it cannot be
/// read, which another check finds.
async fn read_newest_manifest(
    lake: &LakeHandle,
    topic: &str,
) -> Result<Option<SnapshotManifest>, OperationError> {
    for table in lake.catalogue.tables_of_topic(topic) {
        let days = list_manifest_days(table, &*lake.curated).await?;
        if let Some(newest) = days.last() {
            let manifest = read_manifest(table, *newest, &*lake.curated).await;
            return Ok(lake.unreadable.note(manifest)?.flatten());
        }
    }
    Ok(None)
}

/// Checks that the manifests are there; a deep audit compares the objects that they name with the
/// receipts.
async fn check_manifests(
    lake: &LakeHandle,
    days: &RawDays,
    (keys, scope): (&BTreeSet<String>, AuditScope),
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    for (_, entry) in days.entries() {
        let key = &entry.manifest;
        if !keys.contains(key) {
            let what = "is named by the table's metadata and is not there";
            findings.push(iceberg_finding(key, what));
        } else if scope.deep
            && let Some(finding) = find_other_object(lake, key).await?
        {
            findings.push(finding);
        }
    }
    Ok(())
}

/// The first object of a manifest that is not what its receipt says. What its receipt cannot say is found by another check.
async fn find_other_object(
    lake: &LakeHandle,
    key: &str,
) -> Result<Option<AuditFinding>, OperationError> {
    let Some(object) = read_noted(lake, key).await? else {
        return Ok(None);
    };
    let Ok(files) = read_raw_manifest(&object.body) else {
        let what = "is no manifest of raw objects";
        return Ok(Some(iceberg_finding(key, what)));
    };
    for file in files {
        let receipt = lake.read_receipt(&file.chunk).await?;
        if receipt
            .is_some_and(|receipt| RawObjectFile::from_receipt(&receipt).as_ref() != Some(&file))
        {
            let (kind, offset) = (FindingKind::IcebergWrong, Some(file.chunk.offset));
            let what = "says otherwise of a raw object than its receipt";
            return Ok(Some(AuditFinding::new(kind, key, offset, what)));
        }
    }
    Ok(None)
}

//! Records that no raw object holds any more, as the findings of an audit say.

use std::collections::BTreeMap;

use lake::Chunk;

use super::outcome::LostRecords;
use crate::audit::{AuditFinding, FindingKind};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// The lost records that findings name, each raw object once.
///
/// # Errors
/// When the storage does not answer.
pub(super) async fn find_lost_records(
    lake: &LakeHandle,
    findings: &[AuditFinding],
) -> Result<Vec<LostRecords>, OperationError> {
    let mut lost = BTreeMap::new();
    for finding in findings.iter().filter(|finding| !finding.is_added_object()) {
        let object = finding.object.as_str();
        let chunk = match finding.kind {
            FindingKind::RawGap => {
                lost.extend(gap_before(finding).map(|gap| (gap.first, gap)));
                continue;
            }
            FindingKind::RawMissing => Chunk::from_receipt_key(object),
            FindingKind::RawDamaged | FindingKind::Unreadable => Chunk::from_raw_key(object),
            _ => None,
        };
        if let Some(chunk) = chunk {
            let records = describe_raw_object(lake, &chunk, findings).await?;
            lost.insert(records.first, records);
        }
    }
    Ok(lost.into_values().collect())
}

/// The offsets between two raw objects.
fn gap_before(finding: &AuditFinding) -> Option<LostRecords> {
    let behind = Chunk::from_raw_key(&finding.object)?;
    Some(LostRecords {
        object: finding.object.clone(),
        first: finding.offset?,
        next: Some(behind.offset),
        records: None,
        rows_kept: false,
    })
}

/// What the receipt records of a raw object that is missing or damaged.
async fn describe_raw_object(
    lake: &LakeHandle,
    chunk: &Chunk,
    findings: &[AuditFinding],
) -> Result<LostRecords, OperationError> {
    let receipt = lake.read_receipt(chunk).await?;
    let is_damaged = |key: &str| findings.iter().any(|finding| finding.object == key);
    let rows_kept = receipt.as_ref().is_some_and(|receipt| {
        let refined = receipt.tables.values().map(|object| &object.key);
        let quarantine = receipt.quarantine.iter().map(|object| &object.key);
        !refined.chain(quarantine).any(|key| is_damaged(key))
    });

    Ok(LostRecords {
        object: chunk.raw_key(),
        first: chunk.offset,
        next: receipt.as_ref().map(|receipt| receipt.next),
        records: receipt.as_ref().map(|receipt| receipt.landed),
        rows_kept,
    })
}

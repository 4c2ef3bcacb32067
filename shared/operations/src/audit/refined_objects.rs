//! Objects of the refined zone that no receipt names: readers of the zone would read them too.

use lake::{Chunk, Receipt};

use super::finding_kind::FindingKind;
use super::named_objects::{NamedObjects, named_keys};
use super::report::AuditFinding;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Finds the objects that no receipt names. `named` is what the receipts of all sources name.
pub(super) async fn find_added_objects(
    lake: &LakeHandle,
    named: &NamedObjects,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    for table in lake.catalogue.stored_tables() {
        let prefix = Chunk::refined_prefix(&table.name);
        for entry in lake.refined.list(&prefix, None).await? {
            let chunk = Chunk::from_refined_key(&table.name, &entry.key);
            if !named.contains(&entry.key) && is_added(lake, &entry.key, chunk).await? {
                findings.push(added_object(entry.key));
            }
        }
    }

    for entry in lake.refined.list(Chunk::QUARANTINE_PREFIX, None).await? {
        let chunk = Chunk::from_quarantine_key(&entry.key);
        if !named.contains(&entry.key) && is_added(lake, &entry.key, chunk).await? {
            findings.push(added_object(entry.key));
        }
    }
    Ok(())
}

/// Whether an object that no receipt named when the audit began is named by none now. One of a raw
/// object that is still to be transformed is not.
async fn is_added(
    lake: &LakeHandle,
    key: &str,
    chunk: Option<Chunk>,
) -> Result<bool, OperationError> {
    let Some(chunk) = chunk else { return Ok(true) };
    let object = lake.refined.get_if_present(&chunk.receipt_key()).await;
    let Some(object) = lake.unreadable.note(object)? else {
        return Ok(false);
    };
    let is_quarantine = key.starts_with(Chunk::QUARANTINE_PREFIX);
    match object.map(|object| Receipt::from_json(&object.body)) {
        // Left by a transform before the last one, which refused no record: nothing reads it.
        Some(Ok(receipt)) if is_quarantine && receipt.quarantine.is_none() => Ok(false),
        Some(Ok(receipt)) => Ok(named_keys(&receipt).all(|named| named != key)),
        Some(Err(_)) => Ok(false),
        None => Ok(!lake.raw.object_exists(&chunk.raw_key()).await?),
    }
}

fn added_object(key: String) -> AuditFinding {
    let what = "is named by no receipt";
    AuditFinding::new(FindingKind::RefinedAdded, key, None, what)
}

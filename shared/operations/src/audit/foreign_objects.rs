//! Objects of a topic whose names the platform does not write: in the raw log, among the receipts,
//! and among the hints of log ends.

use lake::Chunk;
use store::ObjectStore;

use super::finding_kind::FindingKind;
use super::report::AuditFinding;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Finds the objects of a topic that have none of the platform's names.
pub(super) async fn find_foreign_objects(
    lake: &LakeHandle,
    topic: &str,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let raw = &*lake.raw;
    let prefix = Chunk::topic_raw_prefix(topic);
    find_unparsed(raw, &prefix, Chunk::from_raw_key, findings).await?;
    let prefix = Chunk::topic_hint_prefix(topic);
    find_unparsed(raw, &prefix, Chunk::from_log_end_hint_key, findings).await?;

    let prefix = Chunk::topic_receipt_prefix(topic);
    find_unparsed(&*lake.refined, &prefix, Chunk::from_receipt_key, findings).await
}

async fn find_unparsed(
    store: &dyn ObjectStore,
    prefix: &str,
    parse: fn(&str) -> Option<Chunk>,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    for entry in store.list(prefix, None).await? {
        // A console makes empty objects for folders.
        let is_folder = entry.key.ends_with('/') && entry.size == 0;
        if !is_folder && parse(&entry.key).is_none() {
            let what = "has a name that the platform does not write, and is read by nothing";
            let kind = FindingKind::RawForeign;
            findings.push(AuditFinding::new(kind, entry.key, None, what));
        }
    }
    Ok(())
}

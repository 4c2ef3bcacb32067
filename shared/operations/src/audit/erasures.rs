//! The list of erased subjects, beside the receipts of erasures: each erasure has its subjects in
//! the list, or a replay would bring them back.

use std::collections::{BTreeMap, BTreeSet};

use lake::{ERASURES_KEY, ErasedSubjects, ErasureReceipt, erasure_receipt_prefix};
use pole::Uuid;

use super::finding_kind::FindingKind;
use super::report::AuditFinding;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Compares the list with the receipts.
pub(crate) async fn audit_erasures(
    lake: &LakeHandle,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let Some(listed) = read_listed_erasures(lake).await? else {
        return Ok(());
    };
    let mut finished = BTreeSet::new();
    let mut newest = BTreeMap::new();
    for entry in lake.curated.list(erasure_receipt_prefix(), None).await? {
        let object = lake.unreadable.note(lake.curated.get(&entry.key).await)?;
        let Some(object) = object else { continue };
        let receipt = ErasureReceipt::from_json(&object.body);
        let Some(receipt) = lake.unreadable.note_decoded(&entry.key, receipt) else {
            continue;
        };
        if !entry.key.ends_with(&format!("-{}.json", receipt.erasure)) {
            let what = format!("is the receipt of the erasure {}", receipt.erasure);
            let kind = FindingKind::ErasureReceiptWrong;
            findings.push(AuditFinding::new(kind, &entry.key, None, what));
        }
        finished.insert(receipt.erasure);
        let of_moment: &mut Vec<Uuid> = newest.entry(receipt.erased_at).or_default();
        of_moment.push(receipt.erasure);
    }

    // A subject that is erased again belongs to one erasure alone: one of the newest must be listed.
    let (_, newest) = newest.pop_last().unwrap_or_default();
    let is_listed = newest.iter().any(|erasure| listed.contains(erasure));
    if let Some(erasure) = newest.first().filter(|_| !is_listed) {
        let what = format!("has no subject of the erasure {erasure}, which has a receipt");
        let kind = FindingKind::ErasureListWrong;
        findings.push(AuditFinding::new(kind, ERASURES_KEY, None, what));
    }
    for erasure in listed.difference(&finished) {
        let what = format!("has subjects of the erasure {erasure}, which has no receipt");
        let kind = FindingKind::ErasureUnfinished;
        findings.push(AuditFinding::new(kind, ERASURES_KEY, None, what));
    }
    Ok(())
}

/// The erasures of which the list has subjects; none when the list cannot be read, which is noted.
async fn read_listed_erasures(lake: &LakeHandle) -> Result<Option<BTreeSet<Uuid>>, OperationError> {
    let object = lake.refined.get_if_present(ERASURES_KEY).await;
    let Some(object) = lake.unreadable.note(object)? else {
        return Ok(None);
    };
    let Some(object) = object else {
        return Ok(Some(BTreeSet::new()));
    };

    let list = ErasedSubjects::from_json(&object.body);
    let list = lake.unreadable.note_decoded(ERASURES_KEY, list);
    Ok(list.map(|list| list.erasures().collect()))
}

//! One receipt: whether it accounts for every record, and whether the objects that it names are
//! what was written.

use lake::{ObjectDigest, Receipt, check_size};

use super::finding_kind::FindingKind;
use super::raw_log_object::RawLogObject;
use super::report::AuditFinding;
use super::scope::AuditScope;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Checks a raw object's receipt, and the objects that the receipt names.
pub(super) async fn check_receipt(
    lake: &LakeHandle,
    object: &RawLogObject,
    receipt: &Receipt,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let mut found = Vec::new();
    check_receipt_counts(object, receipt, &mut found);
    check_receipt_identity(object, receipt, scope, &mut found);
    for refined in receipt.tables.values() {
        let is_there = check_object(lake, &refined.key, refined.digest, scope).await?;
        if !is_there {
            let what = "is named by a receipt and is not there";
            let kind = FindingKind::RefinedWrong;
            found.push(AuditFinding::new(kind, &refined.key, None, what));
        }
    }
    check_quarantine(lake, object, receipt, scope, &mut found).await?;

    let first_day = receipt.days.first().map(|day| day.date.as_str());
    findings.extend(found.into_iter().map(|finding| match first_day {
        Some(day) => finding.of_day(day),
        None => finding,
    }));
    Ok(())
}

/// Checks that the refused records are there.
async fn check_quarantine(
    lake: &LakeHandle,
    object: &RawLogObject,
    receipt: &Receipt,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let kind = FindingKind::QuarantineWrong;

    let Some(quarantine) = &receipt.quarantine else {
        if receipt.quarantined_total() > 0 && receipt.lost.quarantine.is_none() {
            let what = "counts refused records, and names no object that holds them";
            let key = object.chunk.receipt_key();
            findings.push(AuditFinding::new(kind, key, None, what));
        }
        return Ok(());
    };
    if !check_object(lake, &quarantine.key, quarantine.digest, scope).await? {
        let what = "is missing: refused records are lost";
        findings.push(AuditFinding::new(kind, &quarantine.key, None, what));
    }
    Ok(())
}

/// Checks that the receipt is of this raw object, and of its content.
fn check_receipt_identity(
    object: &RawLogObject,
    receipt: &Receipt,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) {
    let chunk = &object.chunk;
    let stream = &receipt.stream;
    let named = (
        &stream.topic,
        stream.epoch,
        stream.partition,
        receipt.offset,
    );
    if named != (&chunk.topic, chunk.epoch, chunk.partition, chunk.offset) {
        let what = format!(
            "is the receipt of offset {} of {}-{}",
            receipt.offset, stream.topic, stream.partition
        );
        let kind = FindingKind::ReceiptWrong;
        findings.push(AuditFinding::new(kind, chunk.receipt_key(), None, what));
    }

    // Where the audit reads every object, other content than the metadata record is found there.
    let is_other = |digest: ObjectDigest| {
        let same_size = scope.deep || digest.bytes == receipt.raw.bytes;
        digest.sha256 != receipt.raw.sha256 || !same_size
    };
    if object.digest.is_some_and(is_other) {
        let what = "is not the object of which its receipt was written";
        let (kind, offset) = (FindingKind::RawDamaged, Some(chunk.offset));
        findings.push(AuditFinding::new(kind, chunk.raw_key(), offset, what));
    }
}

/// Checks an object in the refined zone: its size, and where the audit reads every object, its
/// content. Whether it is there; what it holds wrongly is noted.
async fn check_object(
    lake: &LakeHandle,
    key: &str,
    digest: ObjectDigest,
    scope: AuditScope,
) -> Result<bool, OperationError> {
    if scope.deep {
        let object = lake.refined.get_if_present(key).await;
        return Ok(match lake.unreadable.note(object)? {
            None => true,
            Some(None) => false,
            Some(Some(object)) => {
                let checked = digest.check(&object.body);
                lake.unreadable.note_decoded(key, checked);
                true
            }
        });
    }

    match lake.refined.head(key).await {
        Ok(head) => {
            let checked = check_size(digest.bytes, head.size);
            lake.unreadable.note_decoded(key, checked);
            Ok(true)
        }
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Checks that the receipt is of this raw object, and that it accounts for every record.
fn check_receipt_counts(
    object: &RawLogObject,
    receipt: &Receipt,
    findings: &mut Vec<AuditFinding>,
) {
    let key = object.chunk.receipt_key();
    let offset = Some(object.chunk.offset);
    if Some(receipt.next) != object.next || receipt.landed != object.count {
        let what = format!(
            "counts {} records up to {}, and the raw object has {} up to {:?}",
            receipt.landed, receipt.next, object.count, object.next
        );
        let kind = FindingKind::ReceiptWrong;
        findings.push(AuditFinding::new(kind, &key, offset, what));
    }

    let accounted = receipt.refined + receipt.ignored + receipt.quarantined_total();
    if receipt.landed != accounted {
        let what = format!("accounts for {accounted} of {} records", receipt.landed);
        let kind = FindingKind::ReceiptWrong;
        findings.push(AuditFinding::new(kind, &key, offset, what));
    }
}

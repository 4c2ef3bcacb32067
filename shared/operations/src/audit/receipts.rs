//! One receipt: whether it accounts for every record, and whether the objects that it names are
//! what was written.

use lake::{ObjectDigest, Receipt, check_size};

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
    check_receipt_counts(object, receipt, findings);
    check_receipt_identity(object, receipt, scope, findings);
    for refined in receipt.tables.values() {
        let missing = "is named by a receipt and is not there";
        check_object(lake, &refined.key, refined.digest, missing, scope, findings).await?;
    }

    match &receipt.quarantine {
        Some(quarantine) => {
            let missing = "is missing: refused records are lost";
            check_object(
                lake,
                &quarantine.key,
                quarantine.digest,
                missing,
                scope,
                findings,
            )
            .await
        }
        None => {
            if receipt.quarantined_total() > 0 {
                let what = "counts refused records, and names no object that holds them";
                findings.push(AuditFinding::new(object.chunk.receipt_key(), None, what));
            }
            Ok(())
        }
    }
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
        findings.push(AuditFinding::new(chunk.receipt_key(), None, what));
    }

    // Where the audit reads every object, other content than the metadata record is found there.
    let is_other = |digest: ObjectDigest| {
        let same_size = scope.deep || digest.bytes == receipt.raw.bytes;
        digest.sha256 != receipt.raw.sha256 || !same_size
    };
    if object.digest.is_some_and(is_other) {
        let what = "is not the object of which its receipt was written";
        findings.push(AuditFinding::new(chunk.raw_key(), Some(chunk.offset), what));
    }
}

/// Checks an object in the refined zone: its size, and where the audit reads every object, its
/// content.
async fn check_object(
    lake: &LakeHandle,
    key: &str,
    digest: ObjectDigest,
    missing: &str,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let checked = if scope.deep {
        let object = lake.refined.get_if_present(key).await;
        let Some(object) = lake.unreadable.note(object)? else {
            return Ok(());
        };
        object.map(|object| digest.check(&object.body))
    } else {
        match lake.refined.head(key).await {
            Ok(head) => Some(check_size(digest.bytes, head.size)),
            Err(error) if error.is_not_found() => None,
            Err(error) => return Err(error.into()),
        }
    };

    match checked {
        Some(checked) => {
            lake.unreadable.note_decoded(key, checked);
        }
        None => findings.push(AuditFinding::new(key, None, missing)),
    }
    Ok(())
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
        findings.push(AuditFinding::new(&key, offset, what));
    }

    let accounted = receipt.refined + receipt.ignored + receipt.quarantined_total();
    if receipt.landed != accounted {
        let what = format!("accounts for {accounted} of {} records", receipt.landed);
        findings.push(AuditFinding::new(&key, offset, what));
    }
}

//! One receipt: whether it accounts for every record, and whether the objects that it names are
//! there.

use std::collections::BTreeMap;

use lake::{Day, QuarantinedRecord, Receipt, RefinedObject};

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
    for refined in receipt.tables.values() {
        check_refined_object(lake, refined, scope, &mut found).await?;
    }

    let first_day = receipt.days.first().and_then(|day| Day::parse(&day.date));
    if let Some(day) = first_day
        && receipt.quarantined_total() > 0
    {
        check_quarantine(lake, &object.chunk.quarantine_key(day), receipt, &mut found).await?;
    }
    findings.extend(found.into_iter().map(|finding| match first_day {
        Some(day) => finding.of_day(&day.to_string()),
        None => finding,
    }));
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
        findings.push(AuditFinding::new(
            FindingKind::ReceiptWrong,
            &key,
            offset,
            what,
        ));
    }

    let accounted = receipt.refined + receipt.ignored + receipt.quarantined_total();
    if receipt.landed != accounted {
        let what = format!("accounts for {accounted} of {} records", receipt.landed);
        findings.push(AuditFinding::new(
            FindingKind::ReceiptWrong,
            &key,
            offset,
            what,
        ));
    }
}

async fn check_refined_object(
    lake: &LakeHandle,
    object: &RefinedObject,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let key = &object.key;
    if !scope.deep {
        if !lake.refined.object_exists(key).await? {
            findings.push(missing_object(key));
        }
        return Ok(());
    }

    let Some(found) = lake
        .unreadable
        .note(lake.refined.get_if_present(key).await)?
    else {
        return Ok(());
    };
    let Some(found) = found else {
        findings.push(missing_object(key));
        return Ok(());
    };

    let rows = lake::file::decode_all(found.body);
    let rows = lake.unreadable.note_decoded(key, rows);
    if let Some(rows) = rows.filter(|rows| *rows != object.rows) {
        let what = format!("has {rows} rows, and its receipt says {}", object.rows);
        findings.push(AuditFinding::new(
            FindingKind::RefinedWrong,
            key,
            None,
            what,
        ));
    }
    Ok(())
}

fn missing_object(key: &str) -> AuditFinding {
    AuditFinding::new(
        FindingKind::RefinedWrong,
        key,
        None,
        "is named by a receipt and is not there",
    )
}

/// Checks that the refused records are there, as many of each rule as the receipt says.
async fn check_quarantine(
    lake: &LakeHandle,
    key: &str,
    receipt: &Receipt,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    let Some(object) = lake
        .unreadable
        .note(lake.refined.get_if_present(key).await)?
    else {
        return Ok(());
    };
    let Some(object) = object else {
        let what = "is missing: refused records are lost";
        findings.push(AuditFinding::new(
            FindingKind::QuarantineWrong,
            key,
            None,
            what,
        ));
        return Ok(());
    };

    let refused = lake::decode_quarantine(object.body);
    if let Some(refused) = lake.unreadable.note_decoded(key, refused) {
        findings.extend(compare_refused(key, refused, receipt));
    }
    Ok(())
}

fn compare_refused(
    key: &str,
    refused: Vec<QuarantinedRecord>,
    receipt: &Receipt,
) -> Option<AuditFinding> {
    let mut counts: BTreeMap<String, u64> = BTreeMap::new();
    for record in refused {
        *counts.entry(record.rule).or_default() += 1;
    }
    if counts == receipt.quarantined {
        return None;
    }
    let expected = &receipt.quarantined;
    let what = format!("holds {counts:?}, and its receipt says {expected:?}");
    Some(AuditFinding::new(
        FindingKind::QuarantineWrong,
        key,
        None,
        what,
    ))
}

//! A declared loss in its stream: whether it declares exactly what is lost. Whatever else is damaged
//! stays a finding.

use lake::{DeclaredLoss, Receipt};

use super::finding_kind::FindingKind;
use super::raw_log_object::RawLogObject;
use super::report::AuditFinding;

/// What stands around a declared loss.
pub(super) struct LossSurroundings<'s> {
    /// The offset at which the raw object before it ends.
    pub(super) expected: i64,
    /// The offset at which the next raw object, or the next declared loss, begins.
    pub(super) behind: Option<i64>,
    /// The receipt of the lost raw object.
    pub(super) receipt: Option<&'s Receipt>,
    /// Whether that receipt cannot be read, which is a finding of its own.
    pub(super) is_receipt_unreadable: bool,
}

/// What is wrong with a declared loss; nothing where it declares exactly what is lost.
pub(super) fn check_declaration(
    loss: &DeclaredLoss,
    around: &LossSurroundings<'_>,
) -> Vec<AuditFinding> {
    let mut wrong = Vec::new();
    if loss.first < around.expected {
        let end = around.expected;
        wrong.push(format!(
            "declares offsets lost from {} on, and the raw object before it ends at {end}",
            loss.first
        ));
    }
    if let Some(behind) = around.behind.filter(|behind| *behind < loss.next) {
        wrong.push(format!(
            "declares offsets lost up to {}, and {behind} is not lost",
            loss.next - 1
        ));
    }
    wrong.extend(compare_with_receipt(loss, around));

    let key = DeclaredLoss::key_of(&loss.chunk());
    let kind = FindingKind::LossWrong;
    let findings = wrong.into_iter();
    findings
        .map(|what| AuditFinding::new(kind, &key, Some(loss.first), what))
        .collect()
}

fn compare_with_receipt(loss: &DeclaredLoss, around: &LossSurroundings<'_>) -> Option<String> {
    let Some(receipt) = around.receipt else {
        let is_missing = loss.records.is_some() && !around.is_receipt_unreadable;
        return is_missing.then(|| "was made of a receipt that is not there".to_owned());
    };

    if (Some(receipt.landed), receipt.next) != (loss.records, loss.next) {
        let declared = loss
            .records
            .map_or_else(|| "no".to_owned(), |records| records.to_string());
        return Some(format!(
            "declares {declared} records up to {} lost, and the receipt counts {} up to {}",
            loss.next, receipt.landed, receipt.next
        ));
    }
    (receipt.lost.is_empty() != loss.rows_kept)
        .then(|| "says otherwise than the receipt which rows are lost".to_owned())
}

/// The lost raw object as far as it is known. Nothing of its content is.
pub(super) fn describe_lost_object(
    loss: &DeclaredLoss,
    around: &LossSurroundings<'_>,
) -> RawLogObject {
    let known_end = around.receipt.map_or(loss.next, |receipt| receipt.next);
    RawLogObject {
        chunk: loss.chunk(),
        next: Some(around.behind.map_or(known_end, |end| end.min(known_end))),
        count: around.receipt.map_or(0, |receipt| receipt.landed),
        digest: None,
    }
}

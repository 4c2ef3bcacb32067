//! The index of each day's events: it is what was written, and says what the receipts say.
//!
//! A lost part is no finding: a search reads the receipts in its place. Neither is a receipt that
//! was written again since, for a search notices that by the receipt's entity tag.

use lake::{EventIndexPart, IndexedChunk};

use super::finding_kind::FindingKind;
use super::report::AuditFinding;
use super::scope::AuditScope;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Checks the index of every day of the scope; a deep audit compares it with the receipts.
pub(super) async fn audit_event_indexes(
    lake: &LakeHandle,
    scope: AuditScope,
    findings: &mut Vec<AuditFinding>,
) -> Result<(), OperationError> {
    for entry in lake.curated.list(EventIndexPart::prefix(), None).await? {
        let Some((_, day, _)) = EventIndexPart::parse_key(&entry.key) else {
            let what = "has a name that the platform does not write, and is read by nothing";
            let kind = FindingKind::EventIndexAdded;
            findings.push(AuditFinding::new(kind, entry.key, None, what));
            continue;
        };
        let date = day.to_string();
        if scope.contains_date(&date) {
            let wrong = find_wrong(lake, &entry.key, scope).await?;
            findings.extend(wrong.map(|(offset, what)| {
                let kind = FindingKind::EventIndexWrong;
                AuditFinding::new(kind, &entry.key, offset, what).of_day(&date)
            }));
        }
    }
    Ok(())
}

/// What is wrong with a part that can be read, with the offset of its raw object.
async fn find_wrong(
    lake: &LakeHandle,
    key: &str,
    scope: AuditScope,
) -> Result<Option<(Option<i64>, String)>, OperationError> {
    let object = lake.curated.get_if_present(key).await;
    let Some(object) = lake.unreadable.note(object)?.flatten() else {
        return Ok(None);
    };
    let part = EventIndexPart::decode(&object.body);
    let Some(part) = lake.unreadable.note_decoded(key, part) else {
        return Ok(None);
    };
    if part.key() != key {
        return Ok(Some((None, format!("is the index of {}", part.key()))));
    }

    if scope.deep {
        for indexed in &part.chunks {
            if is_otherwise(lake, indexed).await? {
                let what = "says other ids than the receipt of its raw object";
                return Ok(Some((Some(indexed.chunk.offset), what.to_owned())));
            }
        }
    }
    Ok(None)
}

/// Whether a receipt says other ids than the index. One that is missing or cannot be read is found
/// elsewhere.
async fn is_otherwise(lake: &LakeHandle, indexed: &IndexedChunk) -> Result<bool, OperationError> {
    let Some(receipt) = lake.read_receipt(&indexed.chunk).await? else {
        return Ok(false);
    };
    Ok(
        receipt.event_ids.as_ref() != Some(&indexed.event_ids)
            || receipt.first_day() != indexed.day,
    )
}

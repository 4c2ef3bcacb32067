//! The erasure's own receipt, in the curated zone.

use bytes::Bytes;
use lake::{Day, ErasedSubjects, ErasureReceipt, erasure_receipt_key, erasure_receipt_prefix};
use pole::Uuid;
use store::ObjectMetadata;

use super::outcome::ErasureOutcome;
use super::request::RequestedSubject;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Writes the receipt, or adds to the one that another run of the same day and of the same subjects
/// wrote; none when that one cannot be read, for it may hold what only a newer polelake reads.
///
/// # Errors
/// When the storage does not answer, or another erasure writes it at the same moment.
pub(super) async fn write_erasure_receipt(
    lake: &LakeHandle,
    erasure: Uuid,
    now: i64,
    outcome: &ErasureOutcome,
) -> Result<Option<String>, OperationError> {
    let curated = &*lake.curated;
    let key = erasure_receipt_key(Day::from_micros(now), &erasure);
    let mut receipt = ErasureReceipt {
        erased_at: now,
        erasure,
        objects: outcome.objects.clone(),
        versions_purged: outcome.versions_purged,
        by_hand: outcome.by_hand.len() as u64,
        unreadable: unreadable_keys(outcome),
        free_text: Some(outcome.free_text.for_receipt()),
    };
    let body = Bytes::from(receipt.to_json()?);
    if curated
        .put_if_absent(&key, body, ObjectMetadata::new())
        .await?
    {
        return Ok(Some(key));
    }

    let object = curated.get(&key).await?;
    let before = ErasureReceipt::from_json(&object.body);
    let Some(before) = lake.unreadable.note_decoded(&key, before) else {
        return Ok(None);
    };
    receipt.objects.splice(0..0, before.objects);
    if !outcome.free_text.searched {
        receipt.free_text = before.free_text.or(receipt.free_text);
    }
    receipt.versions_purged += before.versions_purged;
    let body = Bytes::from(receipt.to_json()?);
    if curated.put_if_match(&key, &object.etag, body).await? {
        return Ok(Some(key));
    }
    let why = format!("another erasure wrote {key} at the same moment; run the command again");
    Err(why.into())
}

fn unreadable_keys(outcome: &ErasureOutcome) -> Vec<String> {
    let objects = outcome.unreadable.iter();
    objects.map(|object| object.object.clone()).collect()
}

/// The erasure of an earlier run that added the subject to the list and is not finished: it left no
/// receipt, because it broke off, or its newest receipt names objects that it could not read.
///
/// # Errors
/// When the storage does not answer.
pub(super) async fn find_unfinished_erasure(
    lake: &LakeHandle,
    erasures: &ErasedSubjects,
    wanted: &RequestedSubject,
) -> Result<Option<Uuid>, OperationError> {
    let Some(erasure) = erasures.erasure_id(&wanted.erasure_hash()) else {
        return Ok(None);
    };

    let receipts = lake.curated.list(erasure_receipt_prefix(), None).await?;
    let name = erasure.to_string();
    // The keys begin with the day: the last one is the newest.
    let newest = receipts.iter().rfind(|entry| entry.key.contains(&name));
    let is_finished = match newest {
        Some(newest) => is_complete_receipt(lake, &newest.key).await?,
        None => false,
    };
    Ok((!is_finished).then_some(erasure))
}

/// Whether a receipt says that everything could be read. One that cannot be read itself does not.
async fn is_complete_receipt(lake: &LakeHandle, key: &str) -> Result<bool, OperationError> {
    let Some(object) = lake.unreadable.note(lake.curated.get(key).await)? else {
        return Ok(false);
    };

    let receipt = ErasureReceipt::from_json(&object.body);
    let receipt = lake.unreadable.note_decoded(key, receipt);
    Ok(receipt.is_some_and(|receipt| receipt.unreadable.is_empty()))
}

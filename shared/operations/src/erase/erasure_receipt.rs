//! The erasure's own receipt, in the curated zone.

use bytes::Bytes;
use lake::{Day, ErasedSubjects, ErasureReceipt, erasure_receipt_key, erasure_receipt_prefix};
use pole::Uuid;
use store::{ObjectMetadata, ObjectStore};

use super::outcome::ErasureOutcome;
use super::request::RequestedSubject;
use crate::error::OperationError;

/// Writes the receipt, or adds to the one that another run of the same day and of the same subjects
/// wrote.
///
/// # Errors
/// When the storage does not answer, or another erasure writes it at the same moment.
pub(super) async fn write_erasure_receipt(
    curated: &dyn ObjectStore,
    erasure: Uuid,
    now: i64,
    outcome: &ErasureOutcome,
) -> Result<String, OperationError> {
    let key = erasure_receipt_key(Day::from_micros(now), &erasure);
    let mut receipt = ErasureReceipt {
        erased_at: now,
        erasure,
        objects: outcome.objects.clone(),
        versions_purged: outcome.versions_purged,
        by_hand: outcome.by_hand.len() as u64,
    };
    let body = Bytes::from(receipt.to_json()?);
    if curated
        .put_if_absent(&key, body, ObjectMetadata::new())
        .await?
    {
        return Ok(key);
    }

    let object = curated.get(&key).await?;
    let before =
        ErasureReceipt::from_json(&object.body).map_err(|error| format!("{key}: {error}"))?;
    receipt.objects.splice(0..0, before.objects);
    receipt.versions_purged += before.versions_purged;
    let body = Bytes::from(receipt.to_json()?);
    if curated.put_if_match(&key, &object.etag, body).await? {
        return Ok(key);
    }
    let why = format!("another erasure wrote {key} at the same moment; run the command again");
    Err(why.into())
}

/// The erasure of an earlier run that added the subject to the list and left no receipt: it broke
/// off.
///
/// # Errors
/// When the storage does not answer.
pub(super) async fn find_unfinished_erasure(
    curated: &dyn ObjectStore,
    erasures: &ErasedSubjects,
    wanted: &RequestedSubject,
) -> Result<Option<Uuid>, OperationError> {
    let Some(erasure) = erasures.erasure_id(&wanted.erasure_hash()) else {
        return Ok(None);
    };

    let receipts = curated.list(erasure_receipt_prefix(), None).await?;
    let name = erasure.to_string();
    let is_finished = receipts.iter().any(|entry| entry.key.contains(&name));
    Ok((!is_finished).then_some(erasure))
}

//! The erasure's own receipt, in the curated zone.

use bytes::Bytes;
use lake::{Day, ErasureReceipt, Erasures, erasure_key, erasure_prefix};
use pole::Uuid;
use store::{Metadata, ObjectStore};

use super::outcome::Outcome;
use super::subject::Wanted;
use crate::Failed;

/// Writes the receipt; what another run of the same day and of the same people did is added to.
///
/// # Errors
/// When the storage does not answer, or others write it at the same moment.
pub(super) async fn write(
    curated: &dyn ObjectStore,
    erasure: Uuid,
    now: i64,
    outcome: &Outcome,
) -> Result<String, Failed> {
    let key = erasure_key(Day::of_micros(now), &erasure);
    let mut receipt = ErasureReceipt {
        erased_at: now,
        erasure,
        objects: outcome.objects.clone(),
        versions_purged: outcome.versions_purged,
        by_hand: outcome.by_hand.len() as u64,
    };
    if curated
        .put_new(&key, Bytes::from(receipt.encode()?), Metadata::new())
        .await?
    {
        return Ok(key);
    }
    let object = curated.get(&key).await?;
    let before = ErasureReceipt::decode(&object.body).map_err(|error| format!("{key}: {error}"))?;
    receipt.objects.splice(0..0, before.objects);
    receipt.versions_purged += before.versions_purged;
    if curated
        .put_over(&key, &object.etag, Bytes::from(receipt.encode()?))
        .await?
    {
        return Ok(key);
    }
    Err(
        format!("{key} was written by another erasure at the same moment; run the command again")
            .into(),
    )
}

/// The erasure of an earlier run that put `wanted` on the list and left no receipt: it broke off.
///
/// # Errors
/// When the storage does not answer.
pub(super) async fn unfinished(
    curated: &dyn ObjectStore,
    erasures: &Erasures,
    wanted: &Wanted,
) -> Result<Option<Uuid>, Failed> {
    let Some(erasure) = erasures.erasure_of(&wanted.hash()) else {
        return Ok(None);
    };
    let receipts = curated.list(erasure_prefix(), None).await?;
    let name = erasure.to_string();
    Ok((!receipts.iter().any(|entry| entry.key.contains(&name))).then_some(erasure))
}

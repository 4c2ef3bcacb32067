//! Writes what the plan found, in an order in which the next run finishes a run that breaks off.

use lake::{Replacement, Sha256Digest};
use store::replacements::record_replacement;
use store::{ObjectStore, UnreadableObject};

use super::curated::CuratedEraser;
use super::erasure_zone::ErasureZone;
use super::examine::{ObjectRewrite, examine_chunk};
use super::outcome::ErasureOutcome;
use super::plan::{AffectedChunk, LakeErasurePlan};
use super::{erasure_list, erasure_receipt};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Erases what the plan found.
///
/// # Errors
/// When the storage does not answer, the erasure list cannot be read, or another writer changed an
/// object at the same moment.
pub(super) async fn apply_plan(
    lake: &LakeHandle,
    plan: &LakeErasurePlan,
    curated: &dyn CuratedEraser,
    now: i64,
) -> Result<ErasureOutcome, OperationError> {
    let subjects = &plan.scope.subjects;
    let erasure = plan.unfinished.unwrap_or_else(|| subjects.combined_hash());
    // The list first: no replay brings the subjects back from now on.
    erasure_list::add_erased_subjects(&*lake.refined, subjects, erasure, now).await?;

    let mut outcome = ErasureOutcome {
        by_hand: plan.by_hand.clone(),
        free_text: plan.free_text.clone(),
        resumed: plan.unfinished.is_some(),
        ..ErasureOutcome::default()
    };
    rewrite_chunks(lake, plan, &mut outcome).await?;

    for object in curated
        .erase_rows(subjects, plan.scope.statement_redactor(), false)
        .await?
    {
        outcome.add_object(ErasureZone::Curated, &object.key, object.rows);
    }
    if plan.unfinished.is_some() {
        outcome.versions_purged += purge_all_versions(lake, plan).await?;
    }

    outcome.objects.sort();
    outcome.unreadable = unreadable_objects(lake, plan);
    let receipt = erasure_receipt::write_erasure_receipt(lake, erasure, now, &outcome).await?;
    outcome.unreadable.extend(lake.unreadable.take());
    outcome.receipt = receipt;
    Ok(outcome)
}

/// What the plan could not read, and what could not be read since.
fn unreadable_objects(lake: &LakeHandle, plan: &LakeErasurePlan) -> Vec<UnreadableObject> {
    for object in &plan.unreadable {
        lake.unreadable.add(object.clone());
    }
    lake.unreadable.take()
}

/// Which objects of a chunk one pass rewrites.
#[derive(Clone, Copy)]
enum RewritePass {
    /// Everything in the refined zone.
    Refined,
    /// The raw object.
    Raw,
}

impl RewritePass {
    fn covers(self, zone: ErasureZone) -> bool {
        match self {
            Self::Refined => zone != ErasureZone::Raw,
            Self::Raw => zone == ErasureZone::Raw,
        }
    }
}

/// Rewrites the objects of all chunks. Raw objects come last: while they are there, a later run can
/// find rows and receipts from them again. Of the raw objects, those that reveal a record's own key
/// come last: when an operator gives only an id, the next run finds the records of a run that broke
/// off by them.
async fn rewrite_chunks(
    lake: &LakeHandle,
    plan: &LakeErasurePlan,
    outcome: &mut ErasureOutcome,
) -> Result<(), OperationError> {
    let total = plan.affected.len();
    for (done, affected) in plan.affected.iter().enumerate() {
        lake.stage.tell("erasing from refined objects", done, total);
        rewrite_chunk(lake, plan, affected, RewritePass::Refined, outcome).await?;
    }

    let mut done = 0;
    for reveals_key in [false, true] {
        let last = plan.affected.iter();
        for affected in last.filter(|affected| affected.reveals_key == reveals_key) {
            lake.stage.tell("erasing from raw objects", done, total);
            rewrite_chunk(lake, plan, affected, RewritePass::Raw, outcome).await?;
            done += 1;
        }
    }
    Ok(())
}

async fn rewrite_chunk(
    lake: &LakeHandle,
    plan: &LakeErasurePlan,
    affected: &AffectedChunk,
    pass: RewritePass,
    outcome: &mut ErasureOutcome,
) -> Result<(), OperationError> {
    if !affected.changes.iter().any(|(zone, ..)| pass.covers(*zone)) {
        return Ok(());
    }
    let Some(objects) = plan.chunks.get(&affected.chunk) else {
        return Ok(());
    };

    let chunk = (&affected.chunk, objects);
    let examined = examine_chunk(lake, &plan.scope, chunk, &affected.hints).await?;
    let rewrites = examined.rewrites.into_iter();
    for rewrite in rewrites.filter(|rewrite| pass.covers(rewrite.zone)) {
        let store = match pass {
            RewritePass::Refined => &lake.refined,
            RewritePass::Raw => &lake.raw,
        };
        outcome.add_object(rewrite.zone, &rewrite.key, rewrite.count);
        outcome.versions_purged += replace_object(lake, &**store, rewrite).await?;
    }
    Ok(())
}

/// Replaces the object, and deletes its old versions for good; says how many versions that were.
async fn replace_object(
    lake: &LakeHandle,
    store: &dyn ObjectStore,
    rewrite: ObjectRewrite,
) -> Result<u64, OperationError> {
    let ObjectRewrite {
        key,
        etag,
        before,
        body,
        metadata,
        ..
    } = rewrite;
    let replacement = Replacement {
        object: key.clone(),
        before,
        after: Sha256Digest::of_bytes(&body),
    };
    record_replacement(&*lake.curated, &replacement).await?;

    let is_replaced = store.replace_if_match(&key, &etag, body, metadata).await?;
    // An object that was deleted meanwhile holds no subject any more; its old versions may.
    if !is_replaced && store.object_exists(&key).await? {
        let why = format!("{key} was changed while it was being erased; run the command again");
        return Err(why.into());
    }

    Ok(store.purge_versions(&key).await?)
}

/// Deletes the old versions of every object. After a run that broke off no list says which objects
/// that run replaced.
async fn purge_all_versions(
    lake: &LakeHandle,
    plan: &LakeErasurePlan,
) -> Result<u64, OperationError> {
    let mut purged = 0;
    for (chunk, objects) in &plan.chunks {
        for key in objects.refined_keys(chunk) {
            purged += lake.refined.purge_versions(&key).await?;
        }
        if objects.raw {
            purged += lake.raw.purge_versions(&chunk.raw_key()).await?;
        }
    }
    Ok(purged)
}

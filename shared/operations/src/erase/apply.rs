//! Writing what the survey found, in an order in which a run that breaks off is finished by the next one.

use store::ObjectStore;

use super::examine::{ObjectRewrite, examine_chunk};
use super::outcome::{ErasureOutcome, ErasureZone};
use super::plan::{AffectedChunk, LakeErasurePlan};
use super::{CuratedEraser, erasure_list, erasure_receipt};
use crate::LakeHandle;
use crate::OperationError;

/// Erases what was surveyed.
///
/// # Errors
/// When the storage does not answer, an object is damaged, or one was changed at the same moment.
pub(super) async fn apply_plan(
    zones: &LakeHandle,
    survey: &LakeErasurePlan,
    curated: &dyn CuratedEraser,
    now: i64,
) -> Result<ErasureOutcome, OperationError> {
    let subjects = &survey.scope.subjects;
    let erasure = survey
        .unfinished
        .unwrap_or_else(|| subjects.combined_hash());
    // First of all: what is replayed from now on stays away.
    erasure_list::add_erased_subjects(&*zones.refined, subjects, erasure, now).await?;
    let mut outcome = ErasureOutcome {
        by_hand: survey.by_hand.clone(),
        resumed: survey.unfinished.is_some(),
        ..ErasureOutcome::default()
    };
    // Raw records last of all chunks: while they are there, rows and books can be found from them again.
    for affected in &survey.affected {
        rewrite_chunk(
            zones,
            survey,
            affected,
            |zone| zone != ErasureZone::Raw,
            &mut outcome,
        )
        .await?;
    }
    // Of these last what tells its own key: by it a run that is given only an id, and breaks off, is taken up again.
    for tells in [false, true] {
        for affected in survey
            .affected
            .iter()
            .filter(|affected| affected.reveals_key == tells)
        {
            rewrite_chunk(
                zones,
                survey,
                affected,
                |zone| zone == ErasureZone::Raw,
                &mut outcome,
            )
            .await?;
        }
    }
    for touched in curated.erase_rows(subjects, false).await? {
        outcome.add_object(ErasureZone::Curated, &touched.key, touched.rows);
    }
    if survey.unfinished.is_some() {
        outcome.versions_purged += purge_all_versions(zones, survey).await?;
    }
    outcome.objects.sort();
    outcome.receipt = Some(
        erasure_receipt::write_erasure_receipt(&*zones.curated, erasure, now, &outcome).await?,
    );
    Ok(outcome)
}

async fn rewrite_chunk(
    zones: &LakeHandle,
    survey: &LakeErasurePlan,
    affected: &AffectedChunk,
    wanted: impl Fn(ErasureZone) -> bool,
    outcome: &mut ErasureOutcome,
) -> Result<(), OperationError> {
    if !affected.changes.iter().any(|(zone, ..)| wanted(*zone)) {
        return Ok(());
    }
    let Some(objects) = survey.chunks.get(&affected.chunk) else {
        return Ok(());
    };
    let examined = examine_chunk(
        zones,
        &survey.scope,
        (&affected.chunk, objects),
        &affected.hints,
    )
    .await?;
    for change in examined
        .rewrites
        .into_iter()
        .filter(|change| wanted(change.zone))
    {
        let store = if change.zone == ErasureZone::Raw {
            &zones.raw
        } else {
            &zones.refined
        };
        let (zone, key, count) = (change.zone, change.key.clone(), change.count);
        outcome.versions_purged += replace_object(&**store, change).await?;
        outcome.add_object(zone, &key, count);
    }
    Ok(())
}

/// Replaces the object, and deletes for good what it was before; says how many versions that were.
async fn replace_object(
    store: &dyn ObjectStore,
    change: ObjectRewrite,
) -> Result<u64, OperationError> {
    let ObjectRewrite {
        key,
        etag,
        body,
        metadata,
        ..
    } = change;
    if !store.replace_if_match(&key, &etag, body, metadata).await? {
        return Err(
            format!("{key} was changed while it was being erased; run the command again").into(),
        );
    }
    Ok(store.purge_versions(&key).await?)
}

/// After a run that broke off nobody knows which objects it replaced: no old version of any is kept.
async fn purge_all_versions(
    zones: &LakeHandle,
    survey: &LakeErasurePlan,
) -> Result<u64, OperationError> {
    let mut purged = 0;
    for (chunk, objects) in &survey.chunks {
        for key in objects.refined_keys(chunk) {
            purged += zones.refined.purge_versions(&key).await?;
        }
        if objects.raw {
            purged += zones.raw.purge_versions(&chunk.raw_key()).await?;
        }
    }
    Ok(purged)
}

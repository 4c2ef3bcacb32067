//! Writing what the survey found, in an order in which a run that breaks off is finished by the next one.

use store::ObjectStore;

use super::examine::{Change, examine};
use super::outcome::{Outcome, Zone};
use super::survey::{Affected, Survey};
use super::{Curated, list, receipt};
use crate::Failed;
use crate::Zones;

/// Erases what was surveyed.
///
/// # Errors
/// When the storage does not answer, an object is damaged, or one was changed at the same moment.
pub(super) async fn apply(
    zones: &Zones,
    survey: &Survey,
    curated: &dyn Curated,
    now: i64,
) -> Result<Outcome, Failed> {
    let subjects = &survey.sight.subjects;
    let erasure = survey.unfinished.unwrap_or_else(|| subjects.hash());
    // First of all: what is replayed from now on stays away.
    list::remember(&*zones.refined, subjects, erasure, now).await?;
    let mut outcome = Outcome {
        by_hand: survey.by_hand.clone(),
        resumed: survey.unfinished.is_some(),
        ..Outcome::default()
    };
    // Raw records last of all chunks: while they are there, rows and books can be found from them again.
    for affected in &survey.affected {
        chunk(
            zones,
            survey,
            affected,
            |zone| zone != Zone::Raw,
            &mut outcome,
        )
        .await?;
    }
    // Of these last what tells its own key: by it a run that is given only an id, and breaks off, is taken up again.
    for tells in [false, true] {
        for affected in survey
            .affected
            .iter()
            .filter(|affected| affected.tells_a_key == tells)
        {
            chunk(
                zones,
                survey,
                affected,
                |zone| zone == Zone::Raw,
                &mut outcome,
            )
            .await?;
        }
    }
    for touched in curated.erase(subjects, false).await? {
        outcome.add(Zone::Curated, &touched.key, touched.rows);
    }
    if survey.unfinished.is_some() {
        outcome.versions_purged += purge_everything(zones, survey).await?;
    }
    outcome.objects.sort();
    outcome.receipt = Some(receipt::write(&*zones.curated, erasure, now, &outcome).await?);
    Ok(outcome)
}

async fn chunk(
    zones: &Zones,
    survey: &Survey,
    affected: &Affected,
    wanted: impl Fn(Zone) -> bool,
    outcome: &mut Outcome,
) -> Result<(), Failed> {
    if !affected.changes.iter().any(|(zone, ..)| wanted(*zone)) {
        return Ok(());
    }
    let Some(objects) = survey.chunks.get(&affected.chunk) else {
        return Ok(());
    };
    let examined = examine(
        zones,
        &survey.sight,
        (&affected.chunk, objects),
        &affected.hints,
    )
    .await?;
    for change in examined
        .changes
        .into_iter()
        .filter(|change| wanted(change.zone))
    {
        let store = if change.zone == Zone::Raw {
            &zones.raw
        } else {
            &zones.refined
        };
        let (zone, key, count) = (change.zone, change.key.clone(), change.count);
        outcome.versions_purged += written(&**store, change).await?;
        outcome.add(zone, &key, count);
    }
    Ok(())
}

/// Replaces the object, and deletes for good what it was before; says how many versions that were.
async fn written(store: &dyn ObjectStore, change: Change) -> Result<u64, Failed> {
    let Change {
        key,
        etag,
        body,
        metadata,
        ..
    } = change;
    if !store.replace(&key, &etag, body, metadata).await? {
        return Err(
            format!("{key} was changed while it was being erased; run the command again").into(),
        );
    }
    Ok(store.purge_versions(&key).await?)
}

/// After a run that broke off nobody knows which objects it replaced: no old version of any is kept.
async fn purge_everything(zones: &Zones, survey: &Survey) -> Result<u64, Failed> {
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

//! Looking at everything, and changing nothing.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::Chunk;
use pole::Uuid;

use super::examine::{Examined, Hints, Sight, examine};
use super::inventory::{Objects, inventory};
use super::needles::Needles;
use super::outcome::{ByHand, Outcome, Zone};
use super::{Curated, Request, Touched, list, receipt, subject};
use crate::Failed;
use crate::Zones;

/// Chunks that are looked at at once: each is held in memory, some 10 MB.
const CHUNKS_AT_ONCE: usize = 4;

/// A chunk in which something must change.
pub(super) struct Affected {
    pub(super) chunk: Chunk,
    pub(super) hints: Hints,
    /// Whether a raw record of it tells whom it is about.
    pub(super) tells_a_key: bool,
    pub(super) changes: Vec<(Zone, String, u64)>,
}

/// What an erasure has to do.
pub(super) struct Survey {
    pub(super) sight: Sight,
    pub(super) chunks: BTreeMap<Chunk, Objects>,
    pub(super) affected: Vec<Affected>,
    pub(super) by_hand: Vec<ByHand>,
    pub(super) curated: Vec<Touched>,
    /// The erasure of an earlier run that broke off.
    pub(super) unfinished: Option<Uuid>,
}

impl Survey {
    /// Whether there is nothing to erase.
    pub(super) fn is_nothing(&self) -> bool {
        self.affected.is_empty() && self.curated.is_empty() && self.unfinished.is_none()
    }

    /// What would be done.
    pub(super) fn outcome(&self) -> Outcome {
        let mut outcome = Outcome {
            by_hand: self.by_hand.clone(),
            resumed: self.unfinished.is_some(),
            ..Outcome::default()
        };
        for (zone, key, count) in self.affected.iter().flat_map(|affected| &affected.changes) {
            outcome.add(*zone, key, *count);
        }
        for touched in &self.curated {
            outcome.add(Zone::Curated, &touched.key, touched.rows);
        }
        outcome.objects.sort();
        outcome
    }
}

/// Finds the subjects and looks at every chunk and at the curated zone.
///
/// # Errors
/// When the storage does not answer or an object is damaged.
pub(super) async fn survey(
    zones: &Zones,
    request: &Request,
    curated: &dyn Curated,
) -> Result<Survey, Failed> {
    let (erasures, _) = list::read(&*zones.refined).await?;
    let unfinished = receipt::unfinished(&*zones.curated, &erasures, &request.wanted).await?;
    let chunks = inventory(zones).await?;
    let subjects = subject::find(zones, &request.wanted, &erasures, &chunks).await?;
    let needles = Needles::of(&subjects);
    let sight = Sight {
        subjects,
        needles,
        whole_records: request.whole_records,
    };
    let (mut affected, mut by_hand) = (Vec::new(), Vec::new());
    let hints = Hints::default();
    let looks =
        chunks.iter().map(|(chunk, objects)| {
            let (sight, hints) = (&sight, &hints);
            async move {
                Ok::<_, Failed>((chunk, examine(zones, sight, (chunk, objects), hints).await?))
            }
        });
    let mut looks = stream::iter(looks).buffered(CHUNKS_AT_ONCE);
    while let Some((chunk, examined)) = looks.try_next().await? {
        let Examined {
            changes,
            hints,
            tells_a_key,
            by_hand: offsets,
        } = examined;
        by_hand.extend(offsets.into_iter().map(|offset| ByHand {
            object: chunk.raw_key(),
            offset,
        }));
        let changes: Vec<_> = changes
            .into_iter()
            .map(|change| (change.zone, change.key, change.count))
            .collect();
        if !changes.is_empty() {
            affected.push(Affected {
                chunk: chunk.clone(),
                hints,
                tells_a_key,
                changes,
            });
        }
    }
    drop(looks);
    let curated = curated.erase(&sight.subjects, true).await?;
    Ok(Survey {
        sight,
        chunks,
        affected,
        by_hand,
        curated,
        unfinished,
    })
}

//! Looking at everything, and changing nothing.

use std::collections::BTreeMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::Chunk;
use pole::Uuid;

use super::examine::{ErasureScope, ExaminedChunk, OffsetHints, examine_chunk};
use super::inventory::{ChunkObjects, list_chunk_objects};
use super::outcome::{ErasureOutcome, ErasureZone, ManualRedaction};
use super::search_terms::SearchTerms;
use super::{
    CuratedEraser, LakeErasureRequest, RedactedObject, erasure_list, erasure_receipt, subject,
};
use crate::LakeHandle;
use crate::OperationError;

/// Chunks that are looked at at once: each is held in memory, some 10 MB.
const CHUNKS_AT_ONCE: usize = 4;

/// A chunk in which something must change.
pub(super) struct AffectedChunk {
    pub(super) chunk: Chunk,
    pub(super) hints: OffsetHints,
    /// Whether a raw record of it tells whom it is about.
    pub(super) reveals_key: bool,
    pub(super) changes: Vec<(ErasureZone, String, u64)>,
}

/// What an erasure has to do.
pub(super) struct LakeErasurePlan {
    pub(super) scope: ErasureScope,
    pub(super) chunks: BTreeMap<Chunk, ChunkObjects>,
    pub(super) affected: Vec<AffectedChunk>,
    pub(super) by_hand: Vec<ManualRedaction>,
    pub(super) curated: Vec<RedactedObject>,
    /// The erasure of an earlier run that broke off.
    pub(super) unfinished: Option<Uuid>,
}

impl LakeErasurePlan {
    /// Whether there is nothing to erase.
    pub(super) fn is_empty(&self) -> bool {
        self.affected.is_empty() && self.curated.is_empty() && self.unfinished.is_none()
    }

    /// What would be done.
    pub(super) fn planned_outcome(&self) -> ErasureOutcome {
        let mut outcome = ErasureOutcome {
            by_hand: self.by_hand.clone(),
            resumed: self.unfinished.is_some(),
            ..ErasureOutcome::default()
        };
        for (zone, key, count) in self.affected.iter().flat_map(|affected| &affected.changes) {
            outcome.add_object(*zone, key, *count);
        }
        for touched in &self.curated {
            outcome.add_object(ErasureZone::Curated, &touched.key, touched.rows);
        }
        outcome.objects.sort();
        outcome
    }
}

/// Finds the subjects and looks at every chunk and at the curated zone.
///
/// # Errors
/// When the storage does not answer or an object is damaged.
pub(super) async fn plan_erasure(
    zones: &LakeHandle,
    request: &LakeErasureRequest,
    curated: &dyn CuratedEraser,
) -> Result<LakeErasurePlan, OperationError> {
    let (erasures, _) = erasure_list::read_erasure_list(&*zones.refined).await?;
    let unfinished =
        erasure_receipt::find_unfinished_erasure(&*zones.curated, &erasures, &request.subject)
            .await?;
    let chunks = list_chunk_objects(zones).await?;
    let subjects = subject::find_subjects(zones, &request.subject, &erasures, &chunks).await?;
    let needles = SearchTerms::from_subjects(&subjects);
    let sight = ErasureScope {
        subjects,
        search_terms: needles,
        full_records: request.full_records,
    };
    let (mut affected, mut by_hand) = (Vec::new(), Vec::new());
    let hints = OffsetHints::default();
    let looks = chunks.iter().map(|(chunk, objects)| {
        let (sight, hints) = (&sight, &hints);
        async move {
            Ok::<_, OperationError>((
                chunk,
                examine_chunk(zones, sight, (chunk, objects), hints).await?,
            ))
        }
    });
    let mut looks = stream::iter(looks).buffered(CHUNKS_AT_ONCE);
    while let Some((chunk, examined)) = looks.try_next().await? {
        let ExaminedChunk {
            rewrites: changes,
            hints,
            reveals_key: tells_a_key,
            by_hand: offsets,
        } = examined;
        by_hand.extend(offsets.into_iter().map(|offset| ManualRedaction {
            object: chunk.raw_key(),
            offset,
        }));
        let changes: Vec<_> = changes
            .into_iter()
            .map(|change| (change.zone, change.key, change.count))
            .collect();
        if !changes.is_empty() {
            affected.push(AffectedChunk {
                chunk: chunk.clone(),
                hints,
                reveals_key: tells_a_key,
                changes,
            });
        }
    }
    drop(looks);
    let curated = curated.erase_rows(&sight.subjects, true).await?;
    Ok(LakeErasurePlan {
        scope: sight,
        chunks,
        affected,
        by_hand,
        curated,
        unfinished,
    })
}

//! Examines everything that an erasure may have to change, and changes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use lake::Chunk;
use pole::Uuid;
use store::UnreadableObject;

use super::curated::{CuratedEraser, RedactedObject};
use super::erasure_zone::ErasureZone;
use super::examine::{ErasureScope, ExaminedChunk, OffsetHints, examine_chunk};
use super::free_text::{CandidateList, FreeTextSearch, derive_terms, search_curated};
use super::inventory::{ChunkObjects, list_chunk_objects};
use super::outcome::{ErasureOutcome, FreeTextOutcome, ManualRedaction};
use super::request::LakeErasureRequest;
use super::search_terms::SearchTerms;
use super::{erasure_list, erasure_receipt, subject_search};
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Chunks that are examined at once: each is held in memory, some 10 MB.
const CHUNKS_AT_ONCE: usize = 4;

/// A chunk in which something must change.
pub(super) struct AffectedChunk {
    pub(super) chunk: Chunk,
    pub(super) hints: OffsetHints,
    /// Whether a raw record of it reveals the key of the record that it is about.
    pub(super) reveals_key: bool,
    pub(super) changes: Vec<(ErasureZone, String, u64)>,
}

/// What an erasure has to do.
pub(super) struct LakeErasurePlan {
    pub(super) scope: ErasureScope,
    pub(super) chunks: BTreeMap<Chunk, ChunkObjects>,
    pub(super) affected: Vec<AffectedChunk>,
    pub(super) by_hand: Vec<ManualRedaction>,
    pub(super) free_text: FreeTextOutcome,
    pub(super) curated: Vec<RedactedObject>,
    /// The erasure of an earlier run that broke off.
    pub(super) unfinished: Option<Uuid>,
    /// The latest erasure that the subject was part of.
    pub(super) earlier: Option<Uuid>,
    pub(super) sources_with_key: BTreeSet<String>,
    /// What could not be read, and may hold the subjects.
    pub(super) unreadable: Vec<UnreadableObject>,
}

impl LakeErasurePlan {
    /// Whether there is nothing to erase. With an object that could not be read, that is unknown:
    /// the subjects then go onto the list, so that the object brings none back when it is repaired.
    pub(super) fn is_empty(&self) -> bool {
        self.affected.is_empty()
            && self.curated.is_empty()
            && self.unfinished.is_none()
            && self.unreadable.is_empty()
    }

    /// The outcome that the plan has when it is applied.
    pub(super) fn planned_outcome(&self) -> ErasureOutcome {
        let mut outcome = ErasureOutcome {
            by_hand: self.by_hand.clone(),
            resumed: self.unfinished.is_some(),
            erased_before: self.earlier.is_some(),
            free_text: self.free_text.clone(),
            sources_with_key: self.sources_with_key.iter().cloned().collect(),
            unreadable: self.unreadable.clone(),
            ..ErasureOutcome::default()
        };

        for (zone, key, count) in self.affected.iter().flat_map(|affected| &affected.changes) {
            outcome.add_object(*zone, key, *count);
        }
        for object in &self.curated {
            outcome.add_object(ErasureZone::Curated, &object.key, object.rows);
        }

        outcome.objects.sort();
        outcome
    }
}

/// Finds the subjects and examines every chunk and the curated zone.
///
/// # Errors
/// When the storage does not answer.
pub(super) async fn plan_erasure(
    lake: &LakeHandle,
    request: &LakeErasureRequest,
    curated: &dyn CuratedEraser,
) -> Result<LakeErasurePlan, OperationError> {
    let list = erasure_list::read_erasure_list(&*lake.refined).await;
    let (erasures, _) = lake.unreadable.note(list)?.unwrap_or_default();
    let unfinished =
        erasure_receipt::find_unfinished_erasure(lake, &erasures, &request.subject).await?;
    let chunks = list_chunk_objects(lake).await?;

    let found = subject_search::find_subjects(lake, &request.subject, &erasures, &chunks).await?;
    let subjects = found.subjects;
    let mut scope = ErasureScope {
        search_terms: Arc::new(SearchTerms::from_subjects(&subjects)?),
        subjects,
        mentions: request.mentions,
        free_text: None,
    };
    scope.free_text = prepare_search(lake, &scope, request, &chunks).await?;

    let (affected, by_hand, candidates) = examine_chunks(lake, &scope, &chunks).await?;
    let free_text = finish_search(lake, &mut scope, candidates).await?;
    let curated = curated
        .erase_rows(&scope.subjects, scope.statement_redactor(), true)
        .await?;
    Ok(LakeErasurePlan {
        scope,
        chunks,
        affected,
        by_hand,
        free_text,
        curated,
        unfinished,
        earlier: erasures.erasure_id(&request.subject.erasure_hash()),
        sources_with_key: found.sources_with_key,
        unreadable: lake.unreadable.take(),
    })
}

/// The search of free text that is asked for, with what it looks for.
async fn prepare_search(
    lake: &LakeHandle,
    scope: &ErasureScope,
    request: &LakeErasureRequest,
    chunks: &BTreeMap<Chunk, ChunkObjects>,
) -> Result<Option<FreeTextSearch>, OperationError> {
    let Some(wanted) = &request.free_text else {
        return Ok(None);
    };
    let terms = derive_terms(lake, chunks, (&scope.subjects, &scope.search_terms), wanted).await?;
    Ok(Some(FreeTextSearch::new(terms, wanted)))
}

/// Searches the curated zone, and ends the search: what is examined again while it is erased is not
/// searched again.
async fn finish_search(
    lake: &LakeHandle,
    scope: &mut ErasureScope,
    mut candidates: CandidateList,
) -> Result<FreeTextOutcome, OperationError> {
    let Some(search) = scope.free_text.take() else {
        return Ok(FreeTextOutcome::default());
    };

    let terms = search.terms.count();
    if terms > 0 {
        let statements = scope.statement_redactor();
        search_curated(lake, &search, &scope.subjects, &statements, &mut candidates).await?;
    }
    Ok(FreeTextOutcome::new(terms, candidates))
}

/// The chunks in which something must change, the records that only a person can redact, and the
/// texts that may name a subject.
async fn examine_chunks(
    lake: &LakeHandle,
    scope: &ErasureScope,
    chunks: &BTreeMap<Chunk, ChunkObjects>,
) -> Result<(Vec<AffectedChunk>, Vec<ManualRedaction>, CandidateList), OperationError> {
    let mut candidates = CandidateList::default();
    let mut affected = Vec::new();
    let mut by_hand = Vec::new();
    let no_hints = OffsetHints::default();
    let hints = &no_hints;
    let examinations = chunks.iter().map(|(chunk, objects)| async move {
        let examined = examine_chunk(lake, scope, (chunk, objects), hints).await?;
        Ok::<_, OperationError>((chunk, examined))
    });

    let mut done = 0;
    let mut examinations = stream::iter(examinations).buffered(CHUNKS_AT_ONCE);
    while let Some((chunk, mut examined)) = examinations.try_next().await? {
        done += 1;
        lake.stage
            .tell("looking through raw objects", done, chunks.len());
        let offsets = std::mem::take(&mut examined.by_hand);
        by_hand.extend(offsets.into_iter().map(|offset| ManualRedaction {
            object: chunk.raw_key(),
            offset,
        }));
        candidates.append(std::mem::take(&mut examined.candidates));
        affected.extend(affected_chunk(chunk, examined));
    }
    Ok((affected, by_hand, candidates))
}

/// The chunk, when something in it must change.
fn affected_chunk(chunk: &Chunk, examined: ExaminedChunk) -> Option<AffectedChunk> {
    if examined.rewrites.is_empty() {
        return None;
    }

    let rewrites = examined.rewrites.into_iter();
    Some(AffectedChunk {
        chunk: chunk.clone(),
        hints: examined.hints,
        reveals_key: examined.reveals_key,
        changes: rewrites
            .map(|rewrite| (rewrite.zone, rewrite.key, rewrite.count))
            .collect(),
    })
}

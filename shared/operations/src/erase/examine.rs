//! One chunk: its raw object, its refined rows, its refused records and its receipt, and what each of them must become.

use std::collections::BTreeSet;

use bytes::Bytes;
use lake::{Chunk, LakeError, RawBatch, Receipt};
use store::{ObjectMetadata, StoredObject};

use super::classify::{RecordClassification, RecordClassifier};
use super::inventory::ChunkObjects;
use super::outcome::ErasureZone;
use super::quarantine::{self, RedactedQuarantine};
use super::raw::{self, OffsetClassifications};
use super::reconciliation::{self, ExaminedCounts};
use super::refined::RefinedIncrement;
use super::search_terms::SearchTerms;
use super::subject::Subjects;
use crate::LakeHandle;
use crate::OperationError;

/// Who is searched for, and how far the search goes.
pub(super) struct ErasureScope {
    pub(super) subjects: Subjects,
    pub(super) search_terms: SearchTerms,
    pub(super) full_records: bool,
}

/// An object that must become another one.
pub(super) struct ObjectRewrite {
    pub(super) zone: ErasureZone,
    pub(super) key: String,
    /// What it was when it was looked at.
    pub(super) etag: String,
    pub(super) body: Bytes,
    pub(super) metadata: ObjectMetadata,
    /// Rows or records.
    pub(super) count: u64,
}

/// What rows told of a chunk's records, by offset. It is kept, for the rows go before the records.
#[derive(Clone, Default)]
pub(super) struct OffsetHints {
    naming: BTreeSet<i64>,
    about: BTreeSet<i64>,
}

/// A chunk, looked at.
#[derive(Default)]
pub(super) struct ExaminedChunk {
    /// In the order in which they are to be written: rows, refused records, receipt, raw records.
    pub(super) rewrites: Vec<ObjectRewrite>,
    pub(super) hints: OffsetHints,
    /// Whether a raw record of it tells whom it is about.
    pub(super) reveals_key: bool,
    /// The offsets of records that only a person can mend.
    pub(super) by_hand: BTreeSet<i64>,
}

/// Looks at a chunk. `hints` are of an earlier look.
///
/// # Errors
/// When the storage does not answer or an object is damaged.
pub(super) async fn examine_chunk(
    zones: &LakeHandle,
    sight: &ErasureScope,
    (chunk, objects): (&Chunk, &ChunkObjects),
    hints: &OffsetHints,
) -> Result<ExaminedChunk, OperationError> {
    let mut work = ChunkExamination {
        lake: zones,
        scope: sight,
        chunk,
        counts: ExaminedCounts::default(),
        examined: ExaminedChunk::default(),
    };
    work.examined.hints = hints.clone();
    let increments = work.read_increments(objects).await?;
    let judge = RecordClassifier {
        subjects: &sight.subjects,
        search_terms: &sight.search_terms,
        mapping: zones.catalogue.mapping_of_topic(&chunk.topic),
        full_records: sight.full_records,
    };
    let raw = match objects.raw {
        true => zones.raw.get_if_present(&chunk.raw_key()).await?,
        false => None,
    };
    let batches = match &raw {
        Some(raw) => lake::decode_raw(raw.body.clone())
            .map_err(|error| unreadable_object(&chunk.raw_key(), &error))?,
        None => Vec::new(),
    };
    let mut judgements = work.classify_records(&batches, &judge);
    if raw.is_some() {
        work.count_erased(&batches, &judgements);
        work.examined.reveals_key = raw::reveals_record_key(&batches, &judgements, judge.mapping);
    }
    work.redact_refused(objects, &judge, &mut judgements)
        .await?;
    work.remove_rows(increments, &judgements)?;
    if objects.receipt {
        work.correct_receipt().await?;
    }
    if let Some(raw) = raw {
        work.rewrite_raw_records(&raw, &batches, &judgements)?;
    }
    let by_hand = judgements
        .iter()
        .filter(|(_, one)| **one == RecordClassification::NeedsManualRedaction)
        .map(|(offset, _)| *offset);
    work.examined.by_hand = by_hand.collect();
    Ok(work.examined)
}

struct ChunkExamination<'w> {
    lake: &'w LakeHandle,
    scope: &'w ErasureScope,
    chunk: &'w Chunk,
    counts: ExaminedCounts,
    examined: ExaminedChunk,
}

impl<'w> ChunkExamination<'w> {
    /// The refined objects, and what they tell of the records.
    async fn read_increments(
        &mut self,
        objects: &ChunkObjects,
    ) -> Result<Vec<(String, StoredObject, RefinedIncrement<'w>)>, OperationError> {
        let mut increments = Vec::new();
        for (table, key) in &objects.refined {
            let Some(object) = self.lake.refined.get_if_present(key).await? else {
                continue;
            };
            let table = &self.lake.catalogue.tables[*table];
            let increment = RefinedIncrement::decode(table, object.body.clone())
                .map_err(|error| unreadable_object(key, &error))?;
            let (naming, about) = increment
                .find_subject_offsets(&self.scope.subjects)
                .map_err(|error| unreadable_object(key, &error))?;
            self.examined.hints.naming.extend(naming);
            self.examined.hints.about.extend(about);
            self.counts.rows.insert(key.clone(), increment.row_count());
            increments.push((key.clone(), object, increment));
        }
        Ok(increments)
    }

    /// The records' judgements. What rows say of a record outweighs what a mapping of today makes of it.
    fn classify_records(
        &mut self,
        batches: &[RawBatch],
        judge: &RecordClassifier<'_>,
    ) -> OffsetClassifications {
        let hints = &self.examined.hints;
        let located = |offset| hints.naming.contains(&offset) || hints.about.contains(&offset);
        let mut judgements = raw::classify_raw_records(batches, judge, located);
        let there = batches
            .iter()
            .flat_map(|batch| (0..batch.len()).map(|row| batch.offset(row)));
        for offset in there.filter(|offset| hints.about.contains(offset)) {
            let judgement = judgements
                .entry(offset)
                .or_insert(RecordClassification::Unrelated);
            if !matches!(
                judgement,
                RecordClassification::AlreadyErased | RecordClassification::AboutSubject { .. }
            ) {
                *judgement = RecordClassification::AboutSubject { ignored: false };
            }
        }
        judgements
    }

    fn count_erased(&mut self, batches: &[RawBatch], judgements: &OffsetClassifications) {
        let of = |wanted: fn(&RecordClassification) -> bool| {
            judgements.values().filter(|one| wanted(one)).count() as u64
        };
        self.counts.erased = Some(of(|one| {
            matches!(
                one,
                RecordClassification::AboutSubject { .. } | RecordClassification::AlreadyErased
            )
        }));
        self.counts.ignored =
            of(|one| *one == RecordClassification::AboutSubject { ignored: true });
        self.counts.origins = raw::redriven_origins(batches, judgements)
            .into_iter()
            .collect();
    }

    async fn redact_refused(
        &mut self,
        objects: &ChunkObjects,
        judge: &RecordClassifier<'_>,
        judgements: &mut OffsetClassifications,
    ) -> Result<(), OperationError> {
        let Some(key) = &objects.quarantine else {
            return Ok(());
        };
        let Some(object) = self.lake.refined.get_if_present(key).await? else {
            return Ok(());
        };
        let RedactedQuarantine {
            classifications: refused,
            remaining: left,
            rewritten,
        } = quarantine::redact_quarantine(self.chunk, object.body.clone(), judge)
            .map_err(|error| unreadable_object(key, &error))?;
        for (offset, judgement) in refused {
            judgements.entry(offset).or_insert(judgement);
        }
        self.counts.refused = Some(left);
        if let Some((body, count)) = rewritten {
            self.push_rewrite(ErasureZone::Quarantine, key, object, body, count);
        }
        Ok(())
    }

    fn remove_rows(
        &mut self,
        increments: Vec<(String, StoredObject, RefinedIncrement<'_>)>,
        judgements: &OffsetClassifications,
    ) -> Result<(), OperationError> {
        let whole = judgements.iter().filter(|(_, one)| {
            matches!(
                one,
                RecordClassification::AboutSubject { .. } | RecordClassification::AlreadyErased
            )
        });
        let mut about: BTreeSet<i64> = whole.map(|(offset, _)| *offset).collect();
        about.extend(&self.examined.hints.about);
        self.counts.seen = self.examined.hints.about.len() as u64;
        for (key, object, increment) in increments {
            let cut = increment
                .remove_subject_rows(&self.scope.subjects, &about)
                .map_err(|error| unreadable_object(&key, &error))?;
            if let Some((body, left, gone)) = cut {
                self.counts.rows.insert(key.clone(), left);
                self.push_rewrite(ErasureZone::Refined, &key, object, body, gone);
            }
        }
        Ok(())
    }

    async fn correct_receipt(&mut self) -> Result<(), OperationError> {
        let key = self.chunk.receipt_key();
        let Some(object) = self.lake.refined.get_if_present(&key).await? else {
            return Ok(());
        };
        let before =
            Receipt::from_json(&object.body).map_err(|error| unreadable_object(&key, &error))?;
        let after = reconciliation::reconcile_receipt(before.clone(), &self.counts);
        if after != before {
            let body = Bytes::from(after.to_json()?);
            self.push_rewrite(
                ErasureZone::Receipt,
                &key,
                object,
                body,
                after.erased - before.erased,
            );
        }
        Ok(())
    }

    fn rewrite_raw_records(
        &mut self,
        raw: &StoredObject,
        batches: &[RawBatch],
        judgements: &OffsetClassifications,
    ) -> Result<(), OperationError> {
        let key = self.chunk.raw_key();
        let next = raw.metadata.get("next").and_then(|text| text.parse().ok());
        let next = next.ok_or_else(|| {
            format!("{key} has no `next`: it is not part of the chain; move it away")
        })?;
        let rewritten = raw::rewrite_raw_object(self.chunk, next, batches, judgements)
            .map_err(|error| unreadable_object(&key, &error))?;
        if let Some((body, count)) = rewritten {
            self.push_rewrite(ErasureZone::Raw, &key, raw.clone(), body, count);
        }
        Ok(())
    }

    fn push_rewrite(
        &mut self,
        zone: ErasureZone,
        key: &str,
        object: StoredObject,
        body: Bytes,
        count: u64,
    ) {
        let StoredObject { etag, metadata, .. } = object;
        self.examined.rewrites.push(ObjectRewrite {
            zone,
            key: key.to_owned(),
            etag,
            body,
            metadata,
            count,
        });
    }
}

fn unreadable_object(key: &str, error: &LakeError) -> OperationError {
    format!("{key} cannot be read: {error}; `polelake audit --deep` tells what else is damaged")
        .into()
}

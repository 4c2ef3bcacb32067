//! Examines one chunk: its raw object, its refined rows, its refused records and its receipt, and
//! how each must change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use lake::{Chunk, ObjectDigest, QuarantinedRecord, RawBatch, Receipt, Sha256Digest};
use store::raw_log::{RawObject, record_content, recorded_next};
use store::replacements::is_replaced_by;
use store::{ObjectMetadata, ObjectStore, StoredObject};

use super::classify::{RecordClassification, RecordClassifier};
use super::erasure_zone::ErasureZone;
use super::free_text::{CandidateList, ChunkRemains, ChunkTextSearch, FreeTextSearch};
use super::inventory::ChunkObjects;
use super::quarantine;
use super::raw::{self, OffsetClassifications};
use super::reconciliation::{self, ExaminedCounts};
use super::refined::{RefinedIncrement, RowErasure};
use super::request::MentionPolicy;
use super::search_terms::SearchTerms;
use super::statement_redactor::StatementRedactor;
use super::subjects::Subjects;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// The subjects that are searched for, and how far the erasure goes.
pub(super) struct ErasureScope {
    pub(super) subjects: Subjects,
    pub(super) search_terms: Arc<SearchTerms>,
    pub(super) mentions: MentionPolicy,
    /// What free text is searched for, where it is.
    pub(super) free_text: Option<FreeTextSearch>,
}

impl ErasureScope {
    /// Redacts the subjects' mentions in statements.
    pub(super) fn statement_redactor(&self) -> StatementRedactor {
        StatementRedactor::new(Arc::clone(&self.search_terms), self.mentions.grain())
    }
}

/// An object with new content.
pub(super) struct ObjectRewrite {
    pub(super) zone: ErasureZone,
    pub(super) key: String,
    /// The object's tag when it was examined.
    pub(super) etag: String,
    /// The SHA-256 of its content when it was examined.
    pub(super) before: Sha256Digest,
    pub(super) body: Bytes,
    pub(super) metadata: ObjectMetadata,
    /// Rows or records that the rewrite erases or redacts.
    pub(super) count: u64,
}

/// What rows say of a chunk's records, by offset. It outlives an examination, for an erasure
/// removes the rows first.
#[derive(Clone, Default)]
pub(super) struct OffsetHints {
    naming: BTreeSet<i64>,
    about: BTreeSet<i64>,
}

impl OffsetHints {
    /// Whether rows of the record name a subject, or are about one.
    fn contains(&self, offset: i64) -> bool {
        self.naming.contains(&offset) || self.about.contains(&offset)
    }
}

/// The outcome of an examination.
#[derive(Default)]
pub(super) struct ExaminedChunk {
    /// In the order in which they are to be written: rows, refused records, receipt, raw records.
    pub(super) rewrites: Vec<ObjectRewrite>,
    pub(super) hints: OffsetHints,
    /// Whether a raw record of it reveals the key of the record that it is about.
    pub(super) reveals_key: bool,
    /// The offsets of records that only a person can redact.
    pub(super) by_hand: BTreeSet<i64>,
    /// Texts that may name a subject.
    pub(super) candidates: CandidateList,
}

/// A refined object of a chunk.
struct ChunkIncrement<'c> {
    key: String,
    object: StoredObject,
    increment: RefinedIncrement<'c>,
}

/// Examines a chunk. `hints` are those of an earlier examination. Objects of it that cannot be read
/// are noted, and the others are examined without them.
///
/// # Errors
/// When the storage does not answer.
pub(super) async fn examine_chunk(
    lake: &LakeHandle,
    scope: &ErasureScope,
    (chunk, objects): (&Chunk, &ChunkObjects),
    hints: &OffsetHints,
) -> Result<ExaminedChunk, OperationError> {
    let receipt = read_receipt(lake, chunk, objects).await?;
    let recorded = receipt.as_ref().map(|(_, receipt)| receipt);
    let mut examination = ChunkExamination {
        lake,
        scope,
        chunk,
        recorded: recorded.map(recorded_digests).unwrap_or_default(),
        counts: ExaminedCounts::default(),
        examined: ExaminedChunk {
            hints: hints.clone(),
            ..ExaminedChunk::default()
        },
    };
    let classifier = RecordClassifier {
        subjects: &scope.subjects,
        search_terms: &scope.search_terms,
        mapping: lake.catalogue.mapping_of_topic(&chunk.topic),
        identity_key: lake.require_identity_key()?,
        mentions: scope.mentions,
    };

    let increments = examination.read_increments(objects).await?;
    let raw = examination.read_raw(objects).await?;
    let batches = raw
        .as_ref()
        .map_or(&[][..], |(_, batches)| batches.as_slice());
    let mut classifications = examination.classify_records(batches, &classifier);
    if raw.is_some() {
        examination.count_erased(batches, &classifications);
        examination.examined.reveals_key =
            raw::reveals_record_key(batches, &classifications, classifier.mapping);
    }

    let refused = examination
        .redact_refused(objects, &classifier, &mut classifications)
        .await?;
    examination.search_free_text((batches, &refused, &increments), objects, &classifications);
    examination.remove_rows(increments, &classifications);
    // The receipt names the raw object's new content, and is written before it.
    let raw_rewrite = raw.as_ref().and_then(|(object, batches)| {
        examination.rewrite_raw_records(object, batches, &classifications)
    });
    if let Some((object, receipt)) = receipt {
        examination.correct_receipt(object, &receipt)?;
    }
    examination.examined.rewrites.extend(raw_rewrite);
    examination.examined.by_hand = manual_offsets(&classifications);
    Ok(examination.examined)
}

/// The chunk's receipt; none when it has none, or none that can be read, which is noted.
async fn read_receipt(
    lake: &LakeHandle,
    chunk: &Chunk,
    objects: &ChunkObjects,
) -> Result<Option<(StoredObject, Receipt)>, OperationError> {
    if !objects.receipt {
        return Ok(None);
    }
    let key = chunk.receipt_key();
    let object = lake.refined.get_if_present(&key).await;
    let Some(object) = lake.unreadable.note(object)?.flatten() else {
        return Ok(None);
    };

    let receipt = Receipt::from_json(&object.body);
    let receipt = lake.unreadable.note_decoded(&key, receipt);
    Ok(receipt.map(|receipt| (object, receipt)))
}

/// The content that a receipt records of each object in the refined zone, by key.
fn recorded_digests(receipt: &Receipt) -> BTreeMap<String, ObjectDigest> {
    let refined = receipt.tables.values();
    let refined = refined.map(|object| (object.key.clone(), object.digest));
    let quarantine = receipt.quarantine.iter();
    let quarantine = quarantine.map(|object| (object.key.clone(), object.digest));
    refined.chain(quarantine).collect()
}

/// The offsets of records that only a person can redact.
fn manual_offsets(classifications: &OffsetClassifications) -> BTreeSet<i64> {
    let manual = classifications
        .iter()
        .filter(|(_, class)| **class == RecordClassification::NeedsManualRedaction);
    manual.map(|(offset, _)| *offset).collect()
}

struct ChunkExamination<'w> {
    lake: &'w LakeHandle,
    scope: &'w ErasureScope,
    chunk: &'w Chunk,
    /// What the receipt records of the objects, by key.
    recorded: BTreeMap<String, ObjectDigest>,
    counts: ExaminedCounts,
    examined: ExaminedChunk,
}

impl<'w> ChunkExamination<'w> {
    /// Reads the refined objects, and notes what they say of the records.
    async fn read_increments(
        &mut self,
        objects: &ChunkObjects,
    ) -> Result<Vec<ChunkIncrement<'w>>, OperationError> {
        let mut increments = Vec::new();
        for (table, key) in &objects.refined {
            let Some(object) = self.read_refined_object(key).await? else {
                continue;
            };
            let Some(table) = self.lake.catalogue.stored_table(*table) else {
                continue;
            };
            let decoded =
                RefinedIncrement::decode(table, object.body.clone()).and_then(|increment| {
                    let offsets = increment.find_subject_offsets(&self.scope.subjects)?;
                    Ok((increment, offsets))
                });
            let Some((increment, (naming, about))) =
                self.lake.unreadable.note_decoded(key, decoded)
            else {
                continue;
            };

            self.examined.hints.naming.extend(naming);
            self.examined.hints.about.extend(about);
            self.counts.rows.insert(key.clone(), increment.row_count());
            increments.push(ChunkIncrement {
                key: key.clone(),
                object,
                increment,
            });
        }
        Ok(increments)
    }

    /// An object of the refined zone; none when it was deleted since it was listed, cannot be read,
    /// or is not what its receipt records. What an erasure that broke off wrote is.
    async fn read_refined_object(
        &mut self,
        key: &str,
    ) -> Result<Option<StoredObject>, OperationError> {
        let Some(object) = self.read_object(&*self.lake.refined, key).await? else {
            return Ok(None);
        };
        let found = ObjectDigest::of_content(&object.body);
        if let Some(recorded) = self.recorded.get(key)
            && !is_replaced_by(&*self.lake.curated, recorded.sha256, found.sha256).await?
        {
            let checked = recorded.check(&object.body);
            self.lake.unreadable.note_decoded(key, checked);
            return Ok(None);
        }
        self.counts.contents.insert(key.to_owned(), found);
        Ok(Some(object))
    }

    /// The object; none when it was deleted since it was listed, or cannot be read.
    async fn read_object(
        &self,
        store: &dyn ObjectStore,
        key: &str,
    ) -> Result<Option<StoredObject>, OperationError> {
        let read = self.lake.unreadable.note(store.get_if_present(key).await)?;
        Ok(read.flatten())
    }

    /// Reads the raw object and its records; none when it has expired or cannot be read.
    async fn read_raw(
        &mut self,
        objects: &ChunkObjects,
    ) -> Result<Option<(StoredObject, Vec<RawBatch>)>, OperationError> {
        if !objects.raw {
            return Ok(None);
        }
        let key = self.chunk.raw_key();
        let Some(object) = self.read_object(&*self.lake.raw, &key).await? else {
            return Ok(None);
        };

        let decoded = RawObject::check(&object).and_then(|raw| {
            self.counts.raw = Some(raw.digest);
            lake::decode_raw(raw.body)
        });
        let batches = self.lake.unreadable.note_decoded(&key, decoded);
        Ok(batches.map(|batches| (object, batches)))
    }

    /// Classifies the raw records. What the stored rows say of a record outweighs what today's
    /// mapping makes of it.
    fn classify_records(
        &self,
        batches: &[RawBatch],
        classifier: &RecordClassifier<'_>,
    ) -> OffsetClassifications {
        let hints = &self.examined.hints;
        let mut classifications =
            raw::classify_raw_records(batches, classifier, |offset| hints.contains(offset));

        let offsets = batches
            .iter()
            .flat_map(|batch| (0..batch.len()).map(|row| batch.offset(row)));
        for offset in offsets.filter(|offset| hints.about.contains(offset)) {
            let class = classifications
                .entry(offset)
                .or_insert(RecordClassification::Unrelated);
            if !class.is_erased() {
                *class = RecordClassification::AboutSubject { ignored: false };
            }
        }
        classifications
    }

    fn count_erased(&mut self, batches: &[RawBatch], classifications: &OffsetClassifications) {
        let about_ignored = RecordClassification::AboutSubject { ignored: true };
        let erased = classifications.values().filter(|class| class.is_erased());
        let ignored = classifications
            .values()
            .filter(|class| **class == about_ignored);
        let origins = raw::redriven_origins(batches, classifications);

        self.counts.erased = Some(erased.count() as u64);
        self.counts.ignored = ignored.count() as u64;
        self.counts.origins = origins.into_iter().collect();
    }

    async fn redact_refused(
        &mut self,
        objects: &ChunkObjects,
        classifier: &RecordClassifier<'_>,
        classifications: &mut OffsetClassifications,
    ) -> Result<Vec<QuarantinedRecord>, OperationError> {
        let Some(key) = &objects.quarantine else {
            return Ok(Vec::new());
        };
        let Some(object) = self.read_refined_object(key).await? else {
            return Ok(Vec::new());
        };

        let redacted = quarantine::redact_quarantine(self.chunk, object.body.clone(), classifier);
        let Some(redacted) = self.lake.unreadable.note_decoded(key, redacted) else {
            return Ok(Vec::new());
        };
        for (offset, class) in redacted.classifications {
            classifications.entry(offset).or_insert(class);
        }
        self.counts.refused = Some(redacted.remaining);
        if let Some((body, count)) = redacted.rewritten {
            self.push_rewrite(ErasureZone::Quarantine, key, object, body, count);
        }
        Ok(redacted.records)
    }

    /// Searches what the erasure leaves of the chunk for names of the subjects.
    fn search_free_text(
        &mut self,
        (batches, refused, increments): (&[RawBatch], &[QuarantinedRecord], &[ChunkIncrement<'_>]),
        objects: &ChunkObjects,
        classifications: &OffsetClassifications,
    ) {
        let Some(search) = &self.scope.free_text else {
            return;
        };
        let remains = ChunkRemains {
            chunk: self.chunk,
            mapping: self.lake.catalogue.mapping_of_topic(&self.chunk.topic),
            subjects: &self.scope.subjects,
            classifications,
            about: &self.examined.hints.about,
            statements: self.scope.statement_redactor(),
        };

        let mut texts = ChunkTextSearch::new(search, remains);
        texts.search_raw(batches);
        texts.search_refused(objects.quarantine.as_deref().unwrap_or_default(), refused);
        for ChunkIncrement { key, increment, .. } in increments {
            texts.search_rows(key, increment.table(), increment.batches());
        }
        self.examined.candidates = texts.into_candidates();
    }

    fn remove_rows(
        &mut self,
        increments: Vec<ChunkIncrement<'_>>,
        classifications: &OffsetClassifications,
    ) {
        let erased = classifications
            .iter()
            .filter(|(_, class)| class.is_erased());
        let mut about: BTreeSet<i64> = erased.map(|(offset, _)| *offset).collect();
        about.extend(&self.examined.hints.about);
        self.counts.seen = self.examined.hints.about.len() as u64;
        let erasure = RowErasure {
            subjects: &self.scope.subjects,
            about: &about,
            by_hand: manual_offsets(classifications),
            statements: self.scope.statement_redactor(),
        };

        for ChunkIncrement {
            key,
            object,
            increment,
        } in increments
        {
            let removal = increment.remove_subject_rows(&erasure);
            let removal = self.lake.unreadable.note_decoded(&key, removal);
            if let Some(removal) = removal.flatten() {
                self.counts.rows.insert(key.clone(), removal.retained);
                let removed = removal.removed;
                self.push_rewrite(ErasureZone::Refined, &key, object, removal.body, removed);
            }
        }
    }

    fn correct_receipt(
        &mut self,
        object: StoredObject,
        before: &Receipt,
    ) -> Result<(), OperationError> {
        let key = self.chunk.receipt_key();
        let after = reconciliation::reconcile_receipt(before.clone(), &self.counts);
        if after != *before {
            let body = Bytes::from(after.to_json()?);
            let erased = after.erased - before.erased;
            self.push_rewrite(ErasureZone::Receipt, &key, object, body, erased);
        }
        Ok(())
    }

    fn rewrite_raw_records(
        &mut self,
        object: &StoredObject,
        batches: &[RawBatch],
        classifications: &OffsetClassifications,
    ) -> Option<ObjectRewrite> {
        let key = self.chunk.raw_key();
        let next = recorded_next(&object.metadata)?;
        let rewritten = raw::rewrite_raw_object(self.chunk, next, batches, classifications);
        let rewritten = self.lake.unreadable.note_decoded(&key, rewritten);
        let (body, count) = rewritten.flatten()?;

        self.counts.raw = Some(ObjectDigest::of_content(&body));
        let mut rewrite = new_rewrite(ErasureZone::Raw, &key, object.clone(), body, count);
        rewrite.metadata = record_content(&rewrite.metadata, &rewrite.body);
        Some(rewrite)
    }

    fn push_rewrite(
        &mut self,
        zone: ErasureZone,
        key: &str,
        object: StoredObject,
        body: Bytes,
        count: u64,
    ) {
        let content = ObjectDigest::of_content(&body);
        self.counts.contents.insert(key.to_owned(), content);
        let rewrite = new_rewrite(zone, key, object, body, count);
        self.examined.rewrites.push(rewrite);
    }
}

fn new_rewrite(
    zone: ErasureZone,
    key: &str,
    object: StoredObject,
    body: Bytes,
    count: u64,
) -> ObjectRewrite {
    ObjectRewrite {
        zone,
        key: key.to_owned(),
        etag: object.etag,
        before: Sha256Digest::of_bytes(&object.body),
        body,
        metadata: object.metadata,
        count,
    }
}

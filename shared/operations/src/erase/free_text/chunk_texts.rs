//! The texts of what an erasure leaves of one chunk.

use std::collections::{BTreeSet, HashSet};

use arrow_array::RecordBatch;
use contract::{CompiledMapping, Event, TableContract};
use lake::{Chunk, QuarantinedRecord, RawBatch};

use super::FreeTextSearch;
use super::candidates::{CandidateList, RecordPlace};
use super::record_texts::{FoundText, TextWalk};
use super::row_texts::RowTexts;
use crate::erase::classify::RecordClassification;
use crate::erase::erasure_zone::ErasureZone;
use crate::erase::raw::{OffsetClassifications, iter_records};
use crate::erase::refined::names_subject;
use crate::erase::row_ids::IdColumns;
use crate::erase::statement_redactor::StatementRedactor;
use crate::erase::subjects::Subjects;

/// What an erasure knows of a chunk, and leaves of it.
pub(in crate::erase) struct ChunkRemains<'c> {
    pub(in crate::erase) chunk: &'c Chunk,
    pub(in crate::erase) mapping: Option<&'c CompiledMapping>,
    pub(in crate::erase) subjects: &'c Subjects,
    pub(in crate::erase) classifications: &'c OffsetClassifications,
    /// The offsets of records about a subject by their rows.
    pub(in crate::erase) about: &'c BTreeSet<i64>,
    pub(in crate::erase) statements: StatementRedactor,
}

impl ChunkRemains<'_> {
    fn class(&self, offset: i64) -> Option<&RecordClassification> {
        self.classifications.get(&offset)
    }

    fn is_erased(&self, offset: i64) -> bool {
        self.about.contains(&offset)
            || self
                .class(offset)
                .is_some_and(RecordClassification::is_erased)
    }

    /// What is left of a record's value.
    fn remaining_value<'v>(&'v self, offset: i64, value: Option<&'v [u8]>) -> Option<&'v [u8]> {
        match self.class(offset) {
            Some(RecordClassification::MentionsSubject(redacted)) => Some(redacted),
            _ => value,
        }
    }
}

/// A search through one chunk.
pub(in crate::erase) struct ChunkTextSearch<'s> {
    search: &'s FreeTextSearch,
    remains: ChunkRemains<'s>,
    candidates: CandidateList,
    /// Texts that are candidates, by the offset of their record.
    known: HashSet<(i64, u64)>,
}

impl<'s> ChunkTextSearch<'s> {
    pub(in crate::erase) fn new(search: &'s FreeTextSearch, remains: ChunkRemains<'s>) -> Self {
        Self {
            search,
            remains,
            candidates: CandidateList::default(),
            known: HashSet::new(),
        }
    }

    pub(in crate::erase) fn into_candidates(self) -> CandidateList {
        self.candidates
    }

    /// Searches the raw records.
    pub(in crate::erase) fn search_raw(&mut self, batches: &[RawBatch]) {
        let object = self.remains.chunk.raw_key();
        for (batch, row) in iter_records(batches) {
            let offset = batch.offset(row);
            let record = (batch.key(row), batch.value(row), batch.headers(row));
            self.search_record((ErasureZone::Raw, &object), offset, record);
        }
    }

    /// Searches refused records.
    pub(in crate::erase) fn search_refused(&mut self, object: &str, records: &[QuarantinedRecord]) {
        for refused in records {
            let record = (
                refused.key.as_deref(),
                refused.value.as_deref(),
                refused.headers.as_deref(),
            );
            self.search_record((ErasureZone::Quarantine, object), refused.offset, record);
        }
    }

    /// Searches the rows of a refined object.
    pub(in crate::erase) fn search_rows(
        &mut self,
        object: &str,
        table: &TableContract,
        batches: &[RecordBatch],
    ) {
        for batch in batches {
            let ids = IdColumns::from_batch(batch, table);
            let texts = RowTexts::from_batch(batch, table);
            for row in 0..batch.num_rows() {
                let identity = ids.row_identity(row);
                let offset = texts.offset(row);
                let subjects = self.remains.subjects;
                if self.remains.is_erased(offset)
                    || subjects.is_about(identity.source, identity.key)
                    || names_subject(&identity, subjects)
                {
                    continue;
                }

                let mut walk = TextWalk::new(self.search);
                let stays =
                    self.remains.class(offset) == Some(&RecordClassification::NeedsManualRedaction);
                texts.search_row(row, &mut walk, |text| {
                    let redacted = self.remains.statements.redact(text);
                    redacted.filter(|_| !stays)
                });
                let record = Some((identity.source, identity.key));
                let found = walk.into_found();
                self.add_found((ErasureZone::Refined, object), offset, record, found);
            }
        }
    }

    fn search_record(
        &mut self,
        place: (ErasureZone, &str),
        offset: i64,
        (key, value, headers): (Option<&[u8]>, Option<&[u8]>, Option<&str>),
    ) {
        if self.remains.is_erased(offset) {
            return;
        }

        let mut walk = TextWalk::new(self.search);
        let value = self.remains.remaining_value(offset, value);
        value.into_iter().for_each(|value| walk.search_value(value));
        key.into_iter().for_each(|key| walk.search_key(key));
        headers
            .into_iter()
            .for_each(|headers| walk.search_headers(headers));

        let mut found = walk.into_found().peekable();
        if found.peek().is_some() {
            let record = self.record_name(value.unwrap_or_default(), headers);
            let record = record.as_ref();
            let record = record.map(|(source, key)| (source.as_str(), key.as_str()));
            self.add_found(place, offset, record, found);
        }
    }

    /// The source and the key of a record; none when its contract cannot read it.
    fn record_name(&self, value: &[u8], headers: Option<&str>) -> Option<(String, String)> {
        let contract = &self.remains.mapping?.contract;
        let header_id = lake::find_header_text(headers, lake::EVENT_ID_HEADER);
        let event = Event::parse(contract, value, header_id.as_deref()).ok()?;
        Some((contract.name.clone(), event.key.clone()))
    }

    /// Adds the findings whose text was not found in this record before.
    fn add_found(
        &mut self,
        (zone, object): (ErasureZone, &str),
        offset: i64,
        record: Option<(&str, &str)>,
        found: impl Iterator<Item = FoundText>,
    ) {
        let mut fresh = Vec::new();
        for text in found {
            if self.known.contains(&(offset, text.digest)) {
                continue;
            }
            if let Some(record) = record {
                self.candidates.remember(record, text.digest);
            }
            fresh.push((offset, text.digest));
            let place = RecordPlace {
                zone: zone.name(),
                object,
                topic: None,
                offset,
            };
            self.candidates.add(&place, text);
        }
        // Only now: the same text at another path of this record is a candidate too.
        self.known.extend(fresh);
    }
}

//! Finds the subjects of an erasure: the ids that a person's rows have, and the records that make
//! these rows.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use contract::{Catalogue, CompiledMapping, EvaluatedEvent, Event};
use futures_util::{StreamExt, stream};
use lake::{Chunk, ErasedSubjects, RawBatch, state_prefix, table_prefix};
use pole::{IdentityKey, Uuid};
use store::raw_log::RawObject;
use store::{ObjectStore, StoreError, UnreadableObjects};

use super::inventory::ChunkObjects;
use super::raw::iter_records;
use super::request::RequestedSubject;
use super::row_ids::{self, RowIdentity};
use super::search_terms::{SearchTerms, is_distinctive_key};
use super::subjects::Subjects;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Objects that are fetched at once. One is decoded at a time.
const READS_AT_ONCE: usize = 8;

/// A record, by source and key.
type RecordName = (String, String);

/// A file of rows: the table's index in the catalogue, its store and its key.
pub(super) type RowsFile = (usize, Arc<dyn ObjectStore>, String);

/// What the search knows of a record: the ids of its own rows, and every id that its rows name.
#[derive(Default)]
struct RecordFacts {
    own: BTreeSet<Uuid>,
    nameable: BTreeSet<Uuid>,
    named: BTreeSet<Uuid>,
}

/// What the search found.
pub(super) struct FoundSubjects {
    pub(super) subjects: Subjects,
    /// The sources that have a record of the requested key, whatever the case of its letters.
    pub(super) sources_with_key: BTreeSet<String>,
}

struct SubjectSearch<'s> {
    catalogue: &'s Catalogue,
    identity_key: &'s IdentityKey,
    unreadable: &'s UnreadableObjects,
    /// The subjects of an earlier erasure that broke off, by hash.
    earlier: HashSet<Uuid>,
    /// The key that the operator names.
    requested_key: Option<&'s str>,
    sources_with_key: BTreeSet<String>,
    subjects: Subjects,
    facts: BTreeMap<RecordName, RecordFacts>,
}

/// Finds the subjects in the rows of the refined and the curated zone, and in raw records.
///
/// # Errors
/// When the storage does not answer.
pub(super) async fn find_subjects(
    lake: &LakeHandle,
    requested: &RequestedSubject,
    erasures: &ErasedSubjects,
    chunks: &BTreeMap<Chunk, ChunkObjects>,
) -> Result<FoundSubjects, OperationError> {
    let earlier = erasures.hashes_erased_together(&requested.erasure_hash());
    let mut search = SubjectSearch {
        catalogue: &lake.catalogue,
        identity_key: lake.require_identity_key()?,
        unreadable: &lake.unreadable,
        earlier: earlier.into_iter().collect(),
        requested_key: requested.key(),
        sources_with_key: BTreeSet::new(),
        subjects: Subjects::default(),
        facts: BTreeMap::new(),
    };
    let files = list_row_files(lake, chunks).await?;

    match requested {
        RequestedSubject::Record { source, key } => search.add_requested_record(source, key)?,
        RequestedSubject::PoleId(id) => {
            search.add_id(*id);
            search
                .scan_rows(&files, SubjectSearch::note_subject_record)
                .await?;
        }
    }

    search.scan_rows(&files, SubjectSearch::learn_row).await?;
    let by_id = matches!(requested, RequestedSubject::PoleId(_));
    search.scan_raw_records(lake, chunks, by_id).await?;

    let sources_with_key = std::mem::take(&mut search.sources_with_key);
    Ok(FoundSubjects {
        subjects: search.into_subjects(),
        sources_with_key,
    })
}

/// Every file of rows of the refined and the curated zone, with the state that merges keep.
pub(super) async fn list_row_files(
    lake: &LakeHandle,
    chunks: &BTreeMap<Chunk, ChunkObjects>,
) -> Result<Vec<RowsFile>, OperationError> {
    let refined = chunks.values().flat_map(|objects| &objects.refined);
    let mut files: Vec<RowsFile> = refined
        .map(|(table, key)| (*table, Arc::clone(&lake.refined), key.clone()))
        .collect();

    files.extend(list_curated_files(lake).await?);
    Ok(files)
}

/// Every file of rows of the curated zone, with the state that merges keep.
pub(super) async fn list_curated_files(lake: &LakeHandle) -> Result<Vec<RowsFile>, OperationError> {
    let mut files = Vec::new();
    for (index, table) in lake.catalogue.stored_tables().enumerate() {
        for prefix in [table_prefix(&table.name), state_prefix(&table.name)] {
            let listed = lake.curated.list(&prefix, None).await?;
            let rows = listed
                .into_iter()
                .filter(|entry| entry.key.ends_with(".parquet"));
            files.extend(rows.map(|entry| (index, Arc::clone(&lake.curated), entry.key)));
        }
    }
    Ok(files)
}

impl SubjectSearch<'_> {
    fn add_record(&mut self, source: &str, key: &str) {
        self.subjects
            .records
            .insert((source.to_owned(), key.to_owned()));
    }

    /// Adds the record that the operator names, with the ids that its key gives: other sources may
    /// know the person by them, also where the source itself has no such record.
    fn add_requested_record(&mut self, source: &str, key: &str) -> Result<(), OperationError> {
        self.add_record(source, key);
        if let Some(mapping) = self.catalogue.mapping_of_source(source) {
            for id in mapping.ids_of_record_key(key, self.identity_key)? {
                self.add_id(id);
            }
        }
        Ok(())
    }

    fn add_id(&mut self, id: Uuid) {
        self.subjects.ids.insert(id);
        self.subjects.nameable.insert(id);
    }

    /// Hands every row of the files to `visit`, with the table's index.
    async fn scan_rows(
        &mut self,
        files: &[RowsFile],
        mut visit: impl FnMut(&mut Self, usize, &RowIdentity<'_>),
    ) -> Result<(), OperationError> {
        let catalogue = self.catalogue;
        let fetches = files.iter().map(fetch_row_file);
        let mut fetched = stream::iter(fetches).buffer_unordered(READS_AT_ONCE);

        while let Some(file) = fetched.next().await {
            let Some((index, key, Some(body))) = self.unreadable.note(file)? else {
                continue;
            };
            let Some(table) = catalogue.stored_table(index) else {
                continue;
            };
            let visited = row_ids::for_each_row(table, body, |row| visit(self, index, row));
            self.unreadable.note_decoded(key, visited);
        }
        Ok(())
    }

    /// Notes the record that made a row of the subject's own.
    fn note_subject_record(&mut self, table: usize, row: &RowIdentity<'_>) {
        let is_subject = row
            .pole_id
            .is_some_and(|id| self.subjects.ids.contains(&id));
        if is_subject && row.is_aggregate_root() && !self.is_shared(table, row.source) {
            self.add_record(row.source, row.key);
        }
    }

    /// Notes the source of a record whose key the operator may have meant.
    fn note_requested_key(&mut self, source: &str, key: &str) {
        let is_meant = self
            .requested_key
            .is_some_and(|requested| requested.eq_ignore_ascii_case(key));
        if is_meant && !self.sources_with_key.contains(source) {
            self.sources_with_key.insert(source.to_owned());
        }
    }

    /// Notes what a row says of a record whose key is a subject's.
    fn learn_row(&mut self, table: usize, row: &RowIdentity<'_>) {
        self.note_requested_key(row.source, row.key);
        self.resume_earlier(row.source, row.key, &row.ids);
        if !self.subjects.has_key(row.key) {
            return;
        }

        let own = row
            .pole_id
            .filter(|_| row.is_aggregate_root() && !self.is_shared(table, row.source));
        let record = (row.source, row.key);
        self.learn_facts(record, table, own, row.ids.iter().copied());
    }

    /// Whether several records share the rows that a source makes of a table: such a row is no
    /// record's own. Where a table has both kinds its rows count as shared, for another erasure
    /// repairs too little, and nothing repairs too much.
    fn is_shared(&self, table: usize, source: &str) -> bool {
        self.catalogue
            .mapping_of_source(source)
            .is_some_and(|mapping| mapping.fills_as_shared(table))
    }

    fn learn_facts(
        &mut self,
        (source, key): (&str, &str),
        table: usize,
        own: Option<Uuid>,
        named: impl Iterator<Item = Uuid>,
    ) {
        let is_entity = self
            .catalogue
            .mapping_of_source(source)
            .is_none_or(|mapping| mapping.fills_as_entity(table));

        let facts = self.facts_of(source, key);
        facts.own.extend(own);
        facts.nameable.extend(own.filter(|_| is_entity));
        facts.named.extend(named);
    }

    fn facts_of(&mut self, source: &str, key: &str) -> &mut RecordFacts {
        let record = (source.to_owned(), key.to_owned());
        self.facts.entry(record).or_default()
    }

    /// Adds a record, or ids, that an earlier erasure was to remove when it broke off.
    fn resume_earlier(&mut self, source: &str, key: &str, ids: &[Uuid]) {
        if self.earlier.is_empty() {
            return;
        }

        let record = ErasedSubjects::hash_source_record(source, key);
        if self.earlier.contains(&record) {
            self.add_record(source, key);
        }
        for id in ids {
            if self.earlier.contains(&ErasedSubjects::hash_pole_id(id)) {
                self.add_id(*id);
            }
        }
    }

    /// Looks into the raw records that may be about a subject. With an id whose rows an earlier
    /// erasure has removed already, only hashes say which records are meant: then every record is
    /// looked into.
    async fn scan_raw_records(
        &mut self,
        lake: &LakeHandle,
        chunks: &BTreeMap<Chunk, ChunkObjects>,
        by_id: bool,
    ) -> Result<(), OperationError> {
        let search_all = by_id && !self.earlier.is_empty();
        let terms = SearchTerms::from_subjects(&self.subjects)?;
        let with_raw = chunks.iter().filter(|(_, objects)| objects.raw);
        let fetches = with_raw.map(|(chunk, _)| async move {
            let object = lake.raw.get_if_present(&chunk.raw_key()).await?;
            Ok::<_, StoreError>((chunk, object))
        });
        let mut fetched = stream::iter(fetches).buffer_unordered(READS_AT_ONCE);

        while let Some(object) = fetched.next().await {
            let Some((chunk, Some(object))) = self.unreadable.note(object)? else {
                continue;
            };
            let Some(mapping) = self.catalogue.mapping_of_topic(&chunk.topic) else {
                continue;
            };
            let raw = RawObject::check(&object);
            let decoded = raw.and_then(|raw| lake::decode_raw(raw.body));
            let Some(batches) = self.unreadable.note_decoded(&chunk.raw_key(), decoded) else {
                continue;
            };
            for (batch, row) in iter_records(&batches) {
                if search_all || terms.may_occur_in(batch.value(row)) {
                    self.learn_raw_record(mapping, batch, row);
                }
            }
        }
        Ok(())
    }

    fn learn_raw_record(&mut self, mapping: &CompiledMapping, batch: &RawBatch, row: usize) {
        let source = mapping.contract.name.as_str();
        let header_id = lake::find_header_text(batch.headers(row), lake::EVENT_ID_HEADER);
        let value = batch.value(row).unwrap_or_default();
        let Ok(event) = Event::parse(&mapping.contract, value, header_id.as_deref()) else {
            return;
        };

        self.note_requested_key(source, &event.key);
        self.resume_earlier(source, &event.key, &[]);
        if !self.subjects.has_key(&event.key) {
            return;
        }
        // The record is about a subject, also when it makes no rows.
        self.facts_of(source, &event.key);

        let Ok(EvaluatedEvent::Rows(rows)) = mapping.evaluate(&event, self.identity_key) else {
            return;
        };
        for row in &rows {
            let is_own = row.pole_id == row.owner_id && !mapping.fills_as_shared(row.table);
            let own = is_own.then_some(row.pole_id);
            let named = row_ids::mapped_row_ids(row);
            self.learn_facts((source, &event.key), row.table, own, named);
        }
    }

    /// The requested records give ids; a record of the same key that names one of these ids is
    /// about the same person.
    fn into_subjects(mut self) -> Subjects {
        let requested: Vec<RecordName> = self.subjects.records.iter().cloned().collect();
        for record in &requested {
            self.adopt_facts(record);
        }

        let known: Vec<RecordName> = self.facts.keys().cloned().collect();
        for record in &known {
            let same_person = is_distinctive_key(&record.1) || self.names_subject(record);
            if same_person && self.subjects.records.insert(record.clone()) {
                self.adopt_facts(record);
            }
        }
        self.subjects
    }

    fn names_subject(&self, record: &RecordName) -> bool {
        self.facts[record]
            .named
            .iter()
            .any(|id| self.subjects.ids.contains(id))
    }

    fn adopt_facts(&mut self, record: &RecordName) {
        if let Some(facts) = self.facts.get(record) {
            self.subjects.ids.extend(&facts.own);
            self.subjects.nameable.extend(&facts.nameable);
        }
    }
}

/// Fetches a file of rows; without content when it was deleted since it was listed.
async fn fetch_row_file(
    (table, store, key): &RowsFile,
) -> Result<(usize, &String, Option<Bytes>), StoreError> {
    Ok((*table, key, read_body(&**store, key).await?))
}

/// The object's content; none when it was deleted meanwhile.
async fn read_body(store: &dyn ObjectStore, key: &str) -> Result<Option<Bytes>, StoreError> {
    let object = store.get_if_present(key).await?;

    Ok(object.map(|object| object.body))
}

//! Who is meant: the ids that a person's rows have, and the records that make these rows.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use contract::{Catalogue, CompiledMapping, EvaluatedEvent, Event, TableContract};
use futures_util::{StreamExt, stream};
use lake::{Chunk, ErasedSubjects, RawBatch, state_prefix, table_prefix};
use pole::Uuid;
use store::ObjectStore;

use super::inventory::ChunkObjects;
use super::row_ids::{self, RowIdentity};
use super::search_terms::{SearchTerms, is_distinctive_key};
use crate::LakeHandle;
use crate::OperationError;

/// Objects that are fetched at once. One is decoded at a time.
const READS_AT_ONCE: usize = 8;

/// Whom an operator names.
pub enum RequestedSubject {
    /// A record of a source, by its key.
    Record {
        /// The source.
        source: String,
        /// The record's key, its parts joined by `/`.
        key: String,
    },
    /// A row, by its id.
    PoleId(Uuid),
}

impl RequestedSubject {
    /// The hash under which an erasure of it stands in the list.
    pub(super) fn erasure_hash(&self) -> Uuid {
        match self {
            Self::Record { source, key } => ErasedSubjects::hash_source_record(source, key),
            Self::PoleId(id) => ErasedSubjects::hash_pole_id(id),
        }
    }
}

/// The subjects of an erasure. It has no `Debug`: nothing of it belongs in a log.
#[derive(Clone, Default)]
pub struct Subjects {
    /// The ids: every row that names one goes.
    pub ids: BTreeSet<Uuid>,
    /// The records, by source and key: every row that one of them made goes.
    pub records: BTreeSet<(String, String)>,
    /// The ids that other records can name.
    nameable: BTreeSet<Uuid>,
}

impl Subjects {
    /// Whether a source's record of this key is about a subject.
    #[must_use]
    pub fn is_about(&self, source: &str, key: &str) -> bool {
        self.records
            .iter()
            .any(|(known, of)| known == source && of == key)
    }

    /// Whether a record of any source that is about a subject has this key.
    pub(super) fn has_key(&self, key: &str) -> bool {
        self.records.iter().any(|(_, known)| known == key)
    }

    /// The records' keys.
    pub(super) fn record_keys(&self) -> BTreeSet<&str> {
        self.records.iter().map(|(_, key)| key.as_str()).collect()
    }

    /// The hashes for the list: the records, and the ids that others can name.
    pub(super) fn erasure_hashes(&self) -> BTreeSet<Uuid> {
        let records = self
            .records
            .iter()
            .map(|(source, key)| ErasedSubjects::hash_source_record(source, key));
        records
            .chain(self.nameable.iter().map(ErasedSubjects::hash_pole_id))
            .collect()
    }

    /// A hash of all of them, by which the erasure is known.
    pub(super) fn combined_hash(&self) -> Uuid {
        let records = self
            .records
            .iter()
            .map(|(source, key)| ErasedSubjects::hash_source_record(source, key).to_string());
        let all: Vec<String> = self
            .ids
            .iter()
            .map(ToString::to_string)
            .chain(records)
            .collect();
        pole::content_id(all.join("\n").as_bytes())
    }
}

/// What was found of a record: the rows that are its own, and all that its rows name.
#[derive(Default)]
struct RecordFacts {
    own: BTreeSet<Uuid>,
    nameable: BTreeSet<Uuid>,
    named: BTreeSet<Uuid>,
}

struct SubjectSearch<'s> {
    catalogue: &'s Catalogue,
    /// What an earlier run that broke off was after, by hash.
    earlier: HashSet<Uuid>,
    subjects: Subjects,
    facts: BTreeMap<(String, String), RecordFacts>,
}

/// Finds the subjects in the rows of the refined and the curated zone, and in raw records.
///
/// # Errors
/// When the storage does not answer or an object is damaged.
pub(super) async fn find_subjects(
    zones: &LakeHandle,
    wanted: &RequestedSubject,
    erasures: &ErasedSubjects,
    chunks: &BTreeMap<Chunk, ChunkObjects>,
) -> Result<Subjects, OperationError> {
    let earlier = erasures
        .hashes_erased_together(&wanted.erasure_hash())
        .into_iter()
        .collect();
    let mut search = SubjectSearch {
        catalogue: &zones.catalogue,
        earlier,
        subjects: Subjects::default(),
        facts: BTreeMap::new(),
    };
    let files = list_row_files(zones, chunks).await?;
    match wanted {
        RequestedSubject::Record { source, key } => {
            search
                .subjects
                .records
                .insert((source.clone(), key.clone()));
        }
        RequestedSubject::PoleId(id) => {
            search.subjects.ids.insert(*id);
            search.subjects.nameable.insert(*id);
            search
                .scan_rows(&files, SubjectSearch::note_subject_record)
                .await?;
        }
    }
    search.scan_rows(&files, SubjectSearch::learn_row).await?;
    search
        .scan_raw_records(zones, chunks, matches!(wanted, RequestedSubject::PoleId(_)))
        .await?;
    Ok(search.into_subjects())
}

/// A file of rows: the table's place in the catalogue, its store and its key.
type RowsFile = (usize, Arc<dyn ObjectStore>, String);

/// Every file of rows of the refined and the curated zone, what merges remember among them.
async fn list_row_files(
    zones: &LakeHandle,
    chunks: &BTreeMap<Chunk, ChunkObjects>,
) -> Result<Vec<RowsFile>, OperationError> {
    let refined = chunks.values().flat_map(|objects| &objects.refined);
    let mut files: Vec<RowsFile> = refined
        .map(|(table, key)| (*table, Arc::clone(&zones.refined), key.clone()))
        .collect();
    for (place, table) in zones.catalogue.tables.iter().enumerate() {
        for prefix in [table_prefix(&table.name), state_prefix(&table.name)] {
            let listed = zones.curated.list(&prefix, None).await?;
            let rows = listed
                .into_iter()
                .filter(|entry| entry.key.ends_with(".parquet"));
            files.extend(rows.map(|entry| (place, Arc::clone(&zones.curated), entry.key)));
        }
    }
    Ok(files)
}

impl SubjectSearch<'_> {
    async fn scan_rows(
        &mut self,
        files: &[RowsFile],
        mut each: impl FnMut(&mut Self, usize, &RowIdentity<'_>),
    ) -> Result<(), OperationError> {
        let catalogue = self.catalogue;
        let fetched = files.iter().map(|(place, store, key)| async move {
            Ok::<(usize, &String, Option<Bytes>), OperationError>((
                *place,
                key,
                read_body(&**store, key).await?,
            ))
        });
        let mut fetched = stream::iter(fetched).buffer_unordered(READS_AT_ONCE);
        while let Some(file) = fetched.next().await {
            let (place, key, Some(body)) = file? else {
                continue;
            };
            let table: &TableContract = &catalogue.tables[place];
            row_ids::for_each_row(table, body, |named| each(self, place, named))
                .map_err(|error| format!("{key}: {error}"))?;
        }
        Ok(())
    }

    /// A row of the subject's own says which record made it.
    fn note_subject_record(&mut self, table: usize, named: &RowIdentity<'_>) {
        let subject = named
            .pole_id
            .is_some_and(|id| self.subjects.ids.contains(&id));
        if subject && named.is_aggregate_root() && !self.is_shared(table, named.source) {
            self.subjects
                .records
                .insert((named.source.to_owned(), named.key.to_owned()));
        }
    }

    fn learn_row(&mut self, table: usize, named: &RowIdentity<'_>) {
        self.resume_earlier(named.source, named.key, &named.ids);
        if self.subjects.has_key(named.key) {
            let own = named
                .pole_id
                .filter(|_| named.is_aggregate_root() && !self.is_shared(table, named.source));
            self.learn_facts(
                (named.source, named.key),
                table,
                own,
                named.ids.iter().copied(),
            );
        }
    }

    /// A row that several records share is no record's own. Where a table has both kinds it is taken for shared: too
    /// little is repaired by another erasure, too much by none.
    fn is_shared(&self, table: usize, source: &str) -> bool {
        self.catalogue
            .mapping_of_source(source)
            .is_some_and(|plan| plan.fills_as_shared(table))
    }

    fn learn_facts(
        &mut self,
        (source, key): (&str, &str),
        table: usize,
        own: Option<Uuid>,
        named: impl Iterator<Item = Uuid>,
    ) {
        let is_own = self
            .catalogue
            .mapping_of_source(source)
            .is_none_or(|plan| plan.fills_as_entity(table));
        let facts = self
            .facts
            .entry((source.to_owned(), key.to_owned()))
            .or_default();
        facts.own.extend(own);
        facts.nameable.extend(own.filter(|_| is_own));
        facts.named.extend(named);
    }

    /// Takes up what an earlier run that broke off was after.
    fn resume_earlier(&mut self, source: &str, key: &str, ids: &[Uuid]) {
        if self.earlier.is_empty() {
            return;
        }
        if self
            .earlier
            .contains(&ErasedSubjects::hash_source_record(source, key))
        {
            self.subjects
                .records
                .insert((source.to_owned(), key.to_owned()));
        }
        for id in ids
            .iter()
            .filter(|id| self.earlier.contains(&ErasedSubjects::hash_pole_id(id)))
        {
            self.subjects.ids.insert(*id);
            self.subjects.nameable.insert(*id);
        }
    }

    async fn scan_raw_records(
        &mut self,
        zones: &LakeHandle,
        chunks: &BTreeMap<Chunk, ChunkObjects>,
        by_id: bool,
    ) -> Result<(), OperationError> {
        // Who gives an id that an earlier run has taken out of every row names records that only hashes tell of.
        let all = by_id && !self.earlier.is_empty();
        let needles = SearchTerms::from_subjects(&self.subjects);
        let there = chunks
            .iter()
            .filter(|(_, objects)| objects.raw)
            .map(|(chunk, _)| chunk);
        let fetched = there.map(|chunk| async move {
            Ok::<_, OperationError>((chunk, read_body(&*zones.raw, &chunk.raw_key()).await?))
        });
        let mut fetched = stream::iter(fetched).buffer_unordered(READS_AT_ONCE);
        while let Some(object) = fetched.next().await {
            let (chunk, Some(body)) = object? else {
                continue;
            };
            let Some(plan) = self.catalogue.mapping_of_topic(&chunk.topic) else {
                continue;
            };
            let batches =
                lake::decode_raw(body).map_err(|error| format!("{}: {error}", chunk.raw_key()))?;
            for (batch, row) in batches
                .iter()
                .flat_map(|batch| (0..batch.len()).map(move |row| (batch, row)))
            {
                if all || needles.may_occur_in(batch.value(row)) {
                    self.learn_raw_record(plan, batch, row);
                }
            }
        }
        Ok(())
    }

    fn learn_raw_record(&mut self, plan: &CompiledMapping, batch: &RawBatch, row: usize) {
        let given = lake::find_header_text(batch.headers(row), "event-id");
        let value = batch.value(row).unwrap_or_default();
        let Ok(event) = Event::parse(&plan.contract, value, given.as_deref()) else {
            return;
        };
        let source = plan.contract.name.as_str();
        self.resume_earlier(source, &event.key, &[]);
        if !self.subjects.has_key(&event.key) {
            return;
        }
        self.facts
            .entry((source.to_owned(), event.key.clone()))
            .or_default();
        let Ok(EvaluatedEvent::Rows(rows)) = plan.evaluate(&event) else {
            return;
        };
        for row in &rows {
            let own = (row.pole_id == row.owner_id && !plan.fills_as_shared(row.table))
                .then_some(row.pole_id);
            self.learn_facts(
                (source, &event.key),
                row.table,
                own,
                row_ids::mapped_row_ids(row),
            );
        }
    }

    /// The records that were asked for give ids; those of the same key that name one of these are about the same.
    fn into_subjects(mut self) -> Subjects {
        let asked: Vec<(String, String)> = self.subjects.records.iter().cloned().collect();
        for record in &asked {
            self.adopt_facts(record);
        }
        let others: Vec<(String, String)> = self.facts.keys().cloned().collect();
        for record in &others {
            let same = is_distinctive_key(&record.1)
                || self.facts[record]
                    .named
                    .iter()
                    .any(|id| self.subjects.ids.contains(id));
            if same && self.subjects.records.insert(record.clone()) {
                self.adopt_facts(record);
            }
        }
        self.subjects
    }

    fn adopt_facts(&mut self, record: &(String, String)) {
        if let Some(facts) = self.facts.get(record) {
            self.subjects.ids.extend(&facts.own);
            self.subjects.nameable.extend(&facts.nameable);
        }
    }
}

/// The object's content; none when it went meanwhile.
async fn read_body(store: &dyn ObjectStore, key: &str) -> Result<Option<Bytes>, OperationError> {
    let object = store.get_if_present(key).await?;

    Ok(object.map(|object| object.body))
}

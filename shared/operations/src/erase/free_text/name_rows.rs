//! Derives what to search for from the subjects' own rows: their names and dates of birth, in the
//! columns that the table contracts declare (`naming`).

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::Date32Type;
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use contract::{Catalogue, Cell, CompiledMapping, EvaluatedEvent, Event, PersonNaming, PoleRow};
use lake::{Chunk, LakeError, RawBatch};
use pole::{IdentityKey, Uuid};
use store::raw_log::RawObject;

use super::terms::FreeTextTerms;
use crate::erase::free_text_request::FreeTextRequest;
use crate::erase::inventory::ChunkObjects;
use crate::erase::raw::iter_records;
use crate::erase::row_files::RowFiles;
use crate::erase::row_ids::parse_uuid;
use crate::erase::search_terms::SearchTerms;
use crate::erase::subjects::Subjects;
use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Derives the terms from rows of the refined and the curated zone, from the rows that raw records
/// of the subjects make, for a record may be in no snapshot yet, and from the operator's texts.
///
/// # Errors
/// When the storage does not answer.
pub(in crate::erase) async fn derive_terms(
    lake: &LakeHandle,
    chunks: &BTreeMap<Chunk, ChunkObjects>,
    (subjects, search_terms): (&Subjects, &SearchTerms),
    request: &FreeTextRequest,
) -> Result<FreeTextTerms, OperationError> {
    let mut names = NameRows {
        catalogue: &lake.catalogue,
        subjects,
        terms: FreeTextTerms::default(),
    };
    for text in &request.texts {
        names.terms.add_text(text);
    }

    names.read_row_files(lake, chunks).await?;
    names.read_raw_records(lake, chunks, search_terms).await?;
    Ok(names.terms)
}

/// What the rows of a person say of the person's names.
#[derive(Clone, Copy)]
enum NamePart {
    Given,
    Surname,
    Full,
}

struct NameRows<'n> {
    catalogue: &'n Catalogue,
    subjects: &'n Subjects,
    terms: FreeTextTerms,
}

impl NameRows<'_> {
    async fn read_row_files(
        &mut self,
        lake: &LakeHandle,
        chunks: &BTreeMap<Chunk, ChunkObjects>,
    ) -> Result<(), OperationError> {
        let files = RowFiles::list(lake, chunks).await?;
        let places = files.places();
        let total = places.len();
        for (done, (index, store, key)) in places.into_iter().enumerate() {
            lake.stage.tell("reading the subject's names", done, total);
            let table = lake.catalogue.stored_table(index);
            let Some(naming) = table.and_then(|table| table.naming.as_ref()) else {
                continue;
            };
            let object = lake.unreadable.note(store.get_if_present(key).await)?;
            if let Some(object) = object.flatten() {
                let read = self.read_rows(naming, object.body);
                lake.unreadable.note_decoded(key, read);
            }
        }
        Ok(())
    }

    fn read_rows(&mut self, naming: &PersonNaming, body: Bytes) -> Result<(), LakeError> {
        for batch in lake::file::read_columns(body, naming.columns())? {
            self.learn_batch(naming, &batch?);
        }
        Ok(())
    }

    fn learn_batch(&mut self, naming: &PersonNaming, batch: &RecordBatch) {
        let text_at = |name: &str, row: usize| {
            let column = batch.column_by_name(name)?.as_string_opt::<i32>()?;
            column.is_valid(row).then(|| column.value(row))
        };
        for row in 0..batch.num_rows() {
            let person = text_at(&naming.person, row).and_then(parse_uuid);
            if !self.is_subject(person) {
                continue;
            }

            for (part, name) in name_columns(naming) {
                self.learn_name(part, text_at(name, row).unwrap_or_default());
            }
            let born = naming.born.as_deref().and_then(|name| {
                let column = batch
                    .column_by_name(name)?
                    .as_primitive_opt::<Date32Type>()?;
                column.is_valid(row).then(|| column.value(row))
            });
            born.into_iter()
                .for_each(|days| self.terms.add_birth_date(days));
        }
    }

    async fn read_raw_records(
        &mut self,
        lake: &LakeHandle,
        chunks: &BTreeMap<Chunk, ChunkObjects>,
        search_terms: &SearchTerms,
    ) -> Result<(), OperationError> {
        let identity_key = lake.require_identity_key()?;
        for (chunk, _) in chunks.iter().filter(|(_, objects)| objects.raw) {
            let Some(mapping) = self.catalogue.mapping_of_topic(&chunk.topic) else {
                continue;
            };
            let key = chunk.raw_key();
            let object = lake.unreadable.note(lake.raw.get_if_present(&key).await)?;
            let Some(object) = object.flatten() else {
                continue;
            };
            let raw = RawObject::check(&object).and_then(|raw| lake::decode_raw(raw.body));
            let batches = lake.unreadable.note_decoded(&key, raw).unwrap_or_default();
            for (batch, row) in iter_records(&batches) {
                if search_terms.may_occur_in(batch.value(row)) {
                    self.learn_record(mapping, identity_key, batch, row);
                }
            }
        }
        Ok(())
    }

    fn learn_record(
        &mut self,
        mapping: &CompiledMapping,
        identity_key: &IdentityKey,
        batch: &RawBatch,
        row: usize,
    ) {
        let header_id = lake::find_header_text(batch.headers(row), lake::EVENT_ID_HEADER);
        let value = batch.value(row).unwrap_or_default();
        let Ok(mut event) = Event::parse(&mapping.contract, value, header_id.as_deref()) else {
            return;
        };
        event.arrived = Some(batch.arrived_at(row) * 1_000);

        if let Ok(EvaluatedEvent::Rows(rows)) = mapping.evaluate(&event, identity_key) {
            rows.iter().for_each(|row| self.learn_mapped_row(row));
        }
    }

    fn learn_mapped_row(&mut self, row: &PoleRow<'_>) {
        let Some(table) = self.catalogue.stored_table(row.table) else {
            return;
        };
        let Some(naming) = &table.naming else { return };
        let cell = |name: &str| {
            let index = table.column_index(name)?;
            row.cells.get(index)
        };
        let text = |name: &str| match cell(name) {
            Some(Cell::Text(text)) => Some(text.as_ref()),
            _ => None,
        };

        let person = match naming.person.as_str() {
            "pole_id" => Some(row.pole_id),
            name => text(name).and_then(parse_uuid),
        };
        if !self.is_subject(person) {
            return;
        }
        for (part, name) in name_columns(naming) {
            self.learn_name(part, text(name).unwrap_or_default());
        }
        if let Some(Cell::Date(days)) = naming.born.as_deref().and_then(cell) {
            self.terms.add_birth_date(*days);
        }
    }

    fn is_subject(&self, person: Option<Uuid>) -> bool {
        person.is_some_and(|id| self.subjects.ids.contains(&id))
    }

    fn learn_name(&mut self, part: NamePart, name: &str) {
        match part {
            NamePart::Given => self.terms.add_given(name),
            NamePart::Surname => self.terms.add_surname(name),
            NamePart::Full => self.terms.add_full_name(name),
        }
    }
}

fn name_columns(naming: &PersonNaming) -> impl Iterator<Item = (NamePart, &str)> {
    let given = naming.given.iter().map(|name| (NamePart::Given, name));
    let surnames = naming.surname.iter().map(|name| (NamePart::Surname, name));
    let full = naming.full.iter().map(|name| (NamePart::Full, name));
    let all = given.chain(surnames).chain(full);
    all.map(|(part, name)| (part, name.as_str()))
}

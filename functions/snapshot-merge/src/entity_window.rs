//! What a window of changes tells of entities: rows of tables, sightings by events, and what the
//! base remembers of entities without rows.

use arrow_array::{RecordBatch, StringArray};
use lake::LakeError;
use pole::RowOperation;

use crate::batch_columns::owner_ids;
use crate::change_columns::ChangeColumns;
use crate::change_merge::{BatchWindow, WindowPart};
use crate::entity_rows::remembered_sightings;
use crate::entity_sightings::{Sighting, hash_event, hash_record};
use crate::gathered_entity::{EntityColumns, GatheredEntity};
use crate::resolve::ChangeOrigin;

/// A row that tells of an entity.
pub(crate) struct FoundRow<'w> {
    pub(crate) id: &'w str,
    /// The part of the window, and the row in it.
    place: (usize, usize),
}

/// A part of the window by what its rows are.
enum EntityPart<'w> {
    /// Rows of a table.
    Table(&'w str, EntityColumns<'w>, &'w RecordBatch),
    /// Sightings by events.
    Sightings(&'w StringArray, ChangeColumns<'w>),
    /// What the base remembers of entities without rows.
    State(&'w StringArray, &'w RecordBatch),
}

/// A window's parts.
pub(crate) struct EntityWindow<'w>(Vec<EntityPart<'w>>);

impl<'w> EntityWindow<'w> {
    /// Reads the columns of the window's parts. `tables` are the names of the first sources.
    pub(crate) fn read(window: &'w BatchWindow, tables: &[&'w str]) -> Result<Self, LakeError> {
        let parts = window.parts.iter();
        let parts = parts.map(|part| EntityPart::read(part, tables));
        Ok(Self(parts.collect::<Result<_, _>>()?))
    }

    /// The rows that tell of entities, by id.
    pub(crate) fn find_entities(&self) -> Vec<FoundRow<'w>> {
        let mut found = Vec::new();
        for (index, part) in self.0.iter().enumerate() {
            part.find_entities(index, &mut found);
        }
        found.sort_unstable_by_key(|row| (row.id, row.place));
        found
    }

    /// What the rows of one entity tell of it.
    pub(crate) fn gather_entity(
        &self,
        rows: &[FoundRow<'w>],
    ) -> Result<GatheredEntity<'w>, LakeError> {
        let mut entity = GatheredEntity::default();
        for FoundRow { place, .. } in rows {
            let (part, row) = *place;
            match &self.0[part] {
                EntityPart::Table(table, columns, batch) => {
                    entity.add_table_row(table, columns, (batch, row));
                }
                EntityPart::Sightings(_, columns) => {
                    let (source, sighting) = read_sighting(columns, row);
                    entity.sightings.add(source, sighting);
                }
                EntityPart::State(_, batch) => {
                    entity
                        .sightings
                        .add_all(remembered_sightings((batch, row))?);
                }
            }
        }
        Ok(entity)
    }
}

impl<'w> EntityPart<'w> {
    fn read(part: &'w WindowPart, tables: &[&'w str]) -> Result<Self, LakeError> {
        let batch = &part.batch;
        if part.origin == ChangeOrigin::State {
            return Ok(Self::State(owner_ids(batch)?, batch));
        }
        match tables.get(part.source) {
            Some(table) => Ok(Self::Table(table, EntityColumns::from_batch(batch)?, batch)),
            None => {
                let columns = ChangeColumns::from_batch(batch)?;
                Ok(Self::Sightings(owner_ids(batch)?, columns))
            }
        }
    }

    fn find_entities(&self, part: usize, found: &mut Vec<FoundRow<'w>>) {
        match self {
            Self::Table(_, columns, _) => {
                let rows = columns.entity_rows();
                found.extend(rows.map(|row| FoundRow {
                    id: columns.id(row),
                    place: (part, row),
                }));
            }
            Self::Sightings(owners, _) | Self::State(owners, _) => {
                let ids = owners.iter().flatten().enumerate();
                found.extend(ids.map(|(row, id)| FoundRow {
                    id,
                    place: (part, row),
                }));
            }
        }
    }
}

/// The sighting that a row of an increment is, with its source.
fn read_sighting<'w>(columns: &ChangeColumns<'w>, row: usize) -> (&'w str, Sighting) {
    let change = columns.change_record(0, row, ChangeOrigin::Increment);
    let record_id = columns.event_place(row).record_id;
    let sighting = Sighting {
        precedence: change.precedence,
        event: hash_event(change.event_id),
        record: hash_record(change.source, record_id),
        is_deletion: matches!(change.op, RowOperation::Delete | RowOperation::RecordDelete),
    };
    (change.source, sighting)
}

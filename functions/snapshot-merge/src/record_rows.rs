//! The rows of a record: the mapping is applied to the state that its statements give.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::{Catalogue, Cell, CompiledMapping, Event, GroupedRecord, PoleRow};
use host::{Failure, FailureKind};
use lake::{ErasedSubjects, RowProvenance};
use pole::{IdentityKey, Uuid};

use crate::change_columns::EventPlace;
use crate::record_statements::{AppliedStatement, ResolvedRecord, resolve_statements};
use crate::resolve::{ChangeRecord, RowRef};

/// States that do not fit a record of the mapping, by rule: they have no rows.
pub(crate) type WithheldRecords = BTreeMap<String, u64>;

/// What turns the records of one table into rows.
#[derive(Clone)]
pub(crate) struct RecordResolver {
    /// The compiled contracts.
    pub(crate) catalogue: Arc<Catalogue>,
    /// The key of the lake's ids.
    pub(crate) identity_key: Arc<IdentityKey>,
    /// Subjects whose rows do not come back.
    pub(crate) erasures: Arc<ErasedSubjects>,
    /// The table's index in the catalogue.
    pub(crate) table: usize,
}

/// Takes the rows of records, each with all of its cells.
pub(crate) trait RecordRowSink {
    /// Takes a row: its id, the cells of the provenance, and those of the table's own columns.
    fn add_row(&mut self, row: (&Uuid, &str), provenance: &[Cell<'_>], cells: &[Cell<'_>]);

    /// The place in the log of the event that a row of a batch states.
    fn event_place(&self, row_ref: RowRef) -> Option<EventPlace<'_>>;
}

/// Every statement of one record of a source.
pub(crate) struct RecordStatements<'r, 's> {
    pub(crate) source: &'s str,
    pub(crate) owner_id: &'s str,
    /// Sorted by the group of records that they are for.
    pub(crate) changes: &'r [ChangeRecord<'s>],
}

impl RecordResolver {
    /// Gives the record's rows to `sink`. States that do not fit are counted.
    ///
    /// # Errors
    /// When a stored state or patch is damaged, or its source is not declared any more.
    pub(crate) fn resolve_record(
        &self,
        stated: &RecordStatements<'_, '_>,
        sink: &mut impl RecordRowSink,
        withheld: &mut WithheldRecords,
    ) -> Result<(), Failure> {
        let mapping = self
            .catalogue
            .require_mapping_of_source(stated.source)
            .map_err(|why| Failure::new(FailureKind::Configuration, why))?;
        let owner_id = Uuid::parse_str(stated.owner_id).map_err(|_| {
            let message = format!("a record of `{}` has no id", stated.source);
            Failure::new(FailureKind::Corrupt, message)
        })?;

        for changes in stated.changes.chunk_by(|a, b| a.set == b.set) {
            let group = changes.first().and_then(|change| change.set);
            // A group that the mapping does not have any more has no rows.
            let Some(group) = mapping.record_group(group) else {
                continue;
            };
            let of_table = group.records.iter();
            let mut of_table = of_table
                .filter(|record| record.table == self.table)
                .peekable();
            if of_table.peek().is_none() {
                continue;
            }
            let Some(record) = resolve_statements(changes)? else {
                continue;
            };
            for grouped in of_table {
                let rows = self.add_rows(mapping, grouped, owner_id, &record, sink);
                if let Err(rule) = rows {
                    *withheld.entry(rule).or_default() += 1;
                }
            }
        }
        Ok(())
    }

    /// Adds the rows of one record of the mapping, or says which rule the state breaks.
    fn add_rows(
        &self,
        mapping: &CompiledMapping,
        grouped: &GroupedRecord,
        owner_id: Uuid,
        record: &ResolvedRecord<'_>,
        sink: &mut impl RecordRowSink,
    ) -> Result<(), String> {
        let Some(latest) = latest_touch(record, grouped) else {
            return Ok(());
        };
        let precedence = latest.change.precedence;
        let nanos = i16::try_from(precedence.event_time_nanos).unwrap_or_default();
        let Some(place) = sink.event_place(latest.change.row_ref) else {
            return Ok(());
        };
        let event = Event::of_statement(
            &latest.statement,
            (precedence.event_time, nanos),
            place.appended,
        );
        let (record_id, topic) = (place.record_id.to_owned(), place.topic.to_owned());
        let provenance = RowProvenance {
            pole_id: "",
            record_id: &record_id,
            owner_id: "",
            owner_set: None,
            event_id: latest.change.event_id,
            version: precedence.version,
            event_time: precedence.event_time,
            event_time_nanos: precedence.event_time_nanos,
            appended: place.appended,
            mapping,
            topic: &topic,
            partition: place.partition,
            offset: place.offset,
        };
        let state = (&event, &record.body);
        let rows = mapping
            .evaluate_state(grouped, &self.identity_key, owner_id, state)
            .map_err(|fault| fault.rule)?;
        for row in rows {
            if !self.erasures.suppresses_row(&row, event.time) {
                add_row(&row, provenance, sink);
            }
        }
        Ok(())
    }
}

/// Adds a row with its provenance.
fn add_row(row: &PoleRow<'_>, provenance: RowProvenance<'_>, sink: &mut impl RecordRowSink) {
    let (mut pole_id, mut owner_id) = (Uuid::encode_buffer(), Uuid::encode_buffer());
    let cells = RowProvenance {
        pole_id: row.pole_id.hyphenated().encode_lower(&mut pole_id),
        owner_id: row.owner_id.hyphenated().encode_lower(&mut owner_id),
        owner_set: row.owner_set,
        ..provenance
    }
    .to_cells();

    // The row comes with empty cells in place of its provenance.
    let own_cells = row.cells.get(cells.len()..).unwrap_or_default();
    let source = &provenance.mapping.contract.name;
    sink.add_row((&row.pole_id, source), &cells, own_cells);
}

/// The change that last touched what a record of the mapping is made from, or else the last one.
fn latest_touch<'a, 's>(
    record: &'a ResolvedRecord<'s>,
    grouped: &GroupedRecord,
) -> Option<&'a AppliedStatement<'s>> {
    let mut latest_first = record.applied.iter().rev();
    latest_first
        .find(|applied| applied.touches(grouped))
        .or(record.applied.last())
}

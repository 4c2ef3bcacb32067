//! Maps one event to rows of POLE tables, or returns a fault that says why it cannot.

mod identity;
mod list_faults;
mod rows;
mod stated;
mod statements;

use pole::{IdentityKey, RowOperation, Uuid};
use serde_json::Value;

use self::rows::EventEvaluation;
pub use self::statements::EventStatement;
use crate::cell::Cell;
use crate::compile::CompiledMapping;
use crate::event::Event;
use crate::extension::EventOp;
use crate::fault::EventFault;
use crate::path::EventPath;
use crate::structure::ContractFindings;

/// What an event became.
#[derive(Debug)]
pub enum EvaluatedEvent<'v> {
    /// Rows for tables; perhaps none.
    Rows(Vec<PoleRow<'v>>),
    /// Its type is declared as `ignore`.
    Ignored,
}

/// A row for a table.
#[derive(Debug)]
pub struct PoleRow<'v> {
    /// The table's index in the catalogue.
    pub table: usize,
    /// What the row does.
    pub op: RowOperation,
    /// The row's id; the owner's for [`RowOperation::Replace`].
    pub pole_id: Uuid,
    /// The id of the record that it belongs to.
    pub owner_id: Uuid,
    /// The owner's set that it is part of.
    pub owner_set: Option<&'v str>,
    /// Whether the record's version ranks it; a row that several records share is ranked by time
    /// alone.
    pub versioned: bool,
    /// The columns that a patch changes, joined by commas.
    pub changed_columns: Option<String>,
    /// A cell for every column of the table; those of the provenance are null.
    pub cells: Vec<Cell<'v>>,
}

impl CompiledMapping {
    /// Counts what the event holds beyond what the contract declares.
    pub fn count_findings(&self, event: &Event, findings: &mut ContractFindings) {
        let contract = &self.contract;
        for (path, count) in &event.duplicates {
            *findings.duplicates.entry(path.clone()).or_default() += count;
        }
        contract
            .event_structure
            .count_findings(&event.value, "$", findings);

        let Some(structure) = &contract.record_structure else {
            return;
        };
        for path in contract.paths.records() {
            if let Some(record) = path.first_value(&event.value) {
                structure.count_findings(record, path.text(), findings);
            }
        }
    }

    /// The rows of an event. `identity_key` is the key of the lake's ids.
    ///
    /// # Errors
    /// A fault when the event's type is not declared, or a value does not fit its declared type or
    /// its column.
    pub fn evaluate<'v>(
        &'v self,
        event: &'v Event,
        identity_key: &'v IdentityKey,
    ) -> Result<EvaluatedEvent<'v>, EventFault> {
        self.evaluate_and_count(event, identity_key, &mut ContractFindings::default())
    }

    /// The rows of an event; counts the values that the mapping declares as null where their column
    /// cannot read them.
    ///
    /// # Errors
    /// As [`CompiledMapping::evaluate`].
    pub fn evaluate_and_count<'v>(
        &'v self,
        event: &'v Event,
        identity_key: &'v IdentityKey,
        findings: &mut ContractFindings,
    ) -> Result<EvaluatedEvent<'v>, EventFault> {
        Ok(match self.evaluate_event(event, identity_key)? {
            Some((evaluation, _)) => EvaluatedEvent::Rows(evaluation.into_rows(findings)),
            None => EvaluatedEvent::Ignored,
        })
    }

    /// The evaluation of an event, and what the event does to its record; none when its type is
    /// ignored.
    fn evaluate_event<'v>(
        &'v self,
        event: &'v Event,
        identity_key: &'v IdentityKey,
    ) -> Result<Option<(EventEvaluation<'v>, EventOp)>, EventFault> {
        let state = self.carried_state(event);
        let op = self.operation_of(event, state)?;
        if op == EventOp::Ignore {
            return Ok(None);
        }
        if let Some(fault) = &event.fault {
            return Err(fault.clone());
        }
        self.check_fetched_version(event)?;

        let body = self.record_body(event, state, op)?;
        self.check_record(event, body, op)?;

        let mut evaluation = EventEvaluation::new(self, identity_key, event, body, op);
        for record in &self.records {
            if record.events.is_empty() || record.events.contains(&event.kind) {
                evaluation.evaluate_record(record)?;
            }
        }
        Ok(Some((evaluation, op)))
    }

    /// Holds the event and its record to what the contract declares: types, and what is required.
    /// Of a deletion only the key is read, so its record may be anything.
    fn check_record(&self, event: &Event, body: &Value, op: EventOp) -> Result<(), EventFault> {
        let contract = &self.contract;
        contract.event_structure.check_types(&event.value, "$")?;
        if op == EventOp::Delete {
            return Ok(());
        }
        if let Some(structure) = &contract.record_structure {
            structure.check_types(body, contract.record_path(body, &event.value))?;
        }

        let record = contract.declared_record();
        if op == EventOp::Upsert {
            record.check_complete(body, "$")
        } else {
            record.check_stated(body, "$")
        }
    }

    /// The record's full state, where the relay or a backfill added it to the event.
    fn carried_state<'v>(&self, event: &'v Event) -> Option<&'v Value> {
        let path = self.contract.paths.state.as_ref()?;
        path.first_value(&event.value)
            .filter(|state| !state.is_null())
    }

    /// What the event does to its record. A full state turns a patch into an upsert, and a state
    /// that the source no longer has turns any event into a deletion.
    fn operation_of(&self, event: &Event, state: Option<&Value>) -> Result<EventOp, EventFault> {
        let declared = self.contract.event_op(&event.kind).map_err(|why| {
            let path = self
                .contract
                .paths
                .event_type
                .as_ref()
                .map_or("$", EventPath::text);
            EventFault::new("event.undeclared-type", path, &why)
        })?;

        Ok(match declared {
            EventOp::Ignore => EventOp::Ignore,
            _ if event.state_missing => EventOp::Delete,
            op if op.is_partial() && state.is_some() => EventOp::Upsert,
            op => op,
        })
    }

    /// A source whose versions come from fetched states needs one with every event: without it, the
    /// merge could not order the record's states.
    fn check_fetched_version(&self, event: &Event) -> Result<(), EventFault> {
        let fetch = self.contract.fetch.as_ref();
        let counts_versions = fetch.is_some_and(|fetch| fetch.version.is_some());
        if event.version.is_some() || !counts_versions {
            return Ok(());
        }
        let reason = "the fetched state has no version: its ETag was missing or not a whole number";
        Err(EventFault::new(
            "event.version",
            "$.fetched.version",
            reason,
        ))
    }

    /// The record that the event carries: its full state, or the first body that is not null. A
    /// deletion needs none.
    fn record_body<'v>(
        &self,
        event: &'v Event,
        state: Option<&'v Value>,
        op: EventOp,
    ) -> Result<&'v Value, EventFault> {
        if let Some(state) = state {
            return Ok(state);
        }

        let paths = &self.contract.paths;
        // Where a source writes the old record to another member than the new one, a deletion has
        // only the old.
        let bodies = if op == EventOp::Delete && !paths.delete_body.is_empty() {
            &paths.delete_body
        } else {
            &paths.body
        };
        let body = bodies
            .iter()
            .filter_map(|path| path.first_value(&event.value))
            .find(|body| !body.is_null());

        match body {
            Some(body) => Ok(body),
            None if op == EventOp::Delete => Ok(&Value::Null),
            None => {
                let path = paths.body.first().map_or("$", EventPath::text);
                Err(EventFault::new(
                    "event.body",
                    path,
                    "the event carries no record",
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! What an event states of its record, and the rows of a record that was resolved from statements.

use pole::{IdentityKey, RowOperation, Uuid};
use serde_json::Value;

use super::rows::EventEvaluation;
use super::{EvaluatedEvent, PoleRow};
use crate::compile::{CompiledMapping, GroupedRecord, RecordGroup};
use crate::event::Event;
use crate::extension::EventOp;
use crate::fault::EventFault;
use crate::statement::render_statement;
use crate::structure::ContractFindings;

/// What an event states of its record, for one group of the mapping's records.
#[derive(Debug)]
pub struct EventStatement<'v> {
    /// The records of the mapping.
    pub group: &'v RecordGroup,
    /// A whole state, a patch or a deletion.
    pub op: RowOperation,
    /// The `pole_id` of the record.
    pub owner_id: Uuid,
    /// What it states, as [`crate::Statement::parse`] reads it; none for a deletion.
    pub text: Option<String>,
}

impl CompiledMapping {
    /// Whether the merge makes the rows of the source's records from statements: the source sends
    /// patches.
    #[must_use]
    pub fn is_patched(&self) -> bool {
        !self.record_groups.is_empty()
    }

    /// The group of this name of the records that the merge makes; the one without
    /// a name is of the records that every event states.
    #[must_use]
    pub fn record_group(&self, name: Option<&str>) -> Option<&RecordGroup> {
        let mut groups = self.record_groups.iter();
        groups.find(|group| group.name.as_deref() == name)
    }

    /// Whether the merge makes rows of a table, by its index, from the source's statements.
    #[must_use]
    pub fn fills_from_statements(&self, table: usize) -> bool {
        self.is_patched() && self.fills_with_records(table)
    }

    /// The rows of an event as [`CompiledMapping::evaluate_and_count`] gives them, and its
    /// statements, from which the merge makes the rows of a source with patches: those rows are
    /// left out.
    ///
    /// # Errors
    /// As [`CompiledMapping::evaluate`].
    pub fn evaluate_with_statements<'v>(
        &'v self,
        event: &'v Event,
        identity_key: &'v IdentityKey,
        findings: &mut ContractFindings,
    ) -> Result<(EvaluatedEvent<'v>, Vec<EventStatement<'v>>), EventFault> {
        let Some((mut evaluation, op)) = self.evaluate_event(event, identity_key)? else {
            return Ok((EvaluatedEvent::Ignored, Vec::new()));
        };
        let mut statements = Vec::new();
        if self.is_patched() {
            let owner_id = evaluation.event_owner_id();
            let groups = self.record_groups.iter();
            statements.extend(
                groups
                    .filter(|group| group.is_stated_by(&event.kind))
                    .map(|group| state_group(group, event, op, evaluation.body, owner_id)),
            );
        }

        let mut rows = evaluation.into_rows(findings);
        if self.is_patched() {
            rows.retain(|row| !row.versioned);
        }
        Ok((EvaluatedEvent::Rows(rows), statements))
    }

    /// The rows of a record of a source with patches that one event makes where no other event
    /// states it. Of a record of the mapping that the event does not fit, `withheld` says why.
    ///
    /// # Errors
    /// As [`CompiledMapping::evaluate`].
    pub fn evaluate_lone_state<'v>(
        &'v self,
        event: &'v Event,
        identity_key: &'v IdentityKey,
        withheld: &mut Vec<EventFault>,
    ) -> Result<EvaluatedEvent<'v>, EventFault> {
        let Some((mut evaluation, op)) = self.evaluate_event(event, identity_key)? else {
            return Ok(EvaluatedEvent::Ignored);
        };
        let mut rows = Vec::new();
        if op == EventOp::Delete {
            return Ok(EvaluatedEvent::Rows(rows));
        }

        let (owner_id, state) = (evaluation.event_owner_id(), evaluation.body);
        let groups = self.record_groups.iter();
        let stated = groups.filter(|group| group.is_stated_by(&event.kind));
        for grouped in stated.flat_map(|group| &group.records) {
            match self.evaluate_state(grouped, identity_key, owner_id, (event, state)) {
                Ok(made) => rows.extend(made),
                Err(fault) => withheld.push(fault),
            }
        }
        Ok(EvaluatedEvent::Rows(rows))
    }

    /// The rows of one record of the mapping, made from the resolved state of the owner. The event
    /// is the one that touched the rows last: [`Event::of_statement`].
    ///
    /// # Errors
    /// A fault when the state does not fit the record of the mapping: then it has no rows.
    pub fn evaluate_state<'v>(
        &'v self,
        grouped: &GroupedRecord,
        identity_key: &'v IdentityKey,
        owner_id: Uuid,
        (event, state): (&'v Event, &'v Value),
    ) -> Result<Vec<PoleRow<'v>>, EventFault> {
        let Some(record) = self.records.get(grouped.index) else {
            return Ok(Vec::new());
        };
        let op = EventOp::Upsert;
        let mut evaluation = EventEvaluation::new(self, identity_key, event, state, op);
        evaluation.owner = Some(owner_id);
        evaluation.evaluate_record(record)?;

        let mut rows = evaluation.into_rows(&mut ContractFindings::default());
        rows.retain(|row| row.op == RowOperation::Upsert);
        for row in &mut rows {
            row.owner_id = owner_id;
        }
        Ok(rows)
    }
}

/// What an event states for a group.
fn state_group<'v>(
    group: &'v RecordGroup,
    event: &Event,
    op: EventOp,
    body: &Value,
    owner_id: Uuid,
) -> EventStatement<'v> {
    let text = (op != EventOp::Delete).then(|| {
        let mut of_event = String::new();
        group.event_tree.append_pruned(&event.value, &mut of_event);
        let kind = (event.kind.as_str(), event.is_time_stated);
        render_statement(kind, &of_event, |out| {
            group.body_tree.append_pruned(body, out);
        })
    });
    EventStatement {
        group,
        op: match op {
            EventOp::Delete => RowOperation::RecordDelete,
            EventOp::Patch => RowOperation::RecordPatch,
            EventOp::CreateOrPatch => RowOperation::RecordCreate,
            EventOp::Upsert | EventOp::Ignore => RowOperation::RecordState,
        },
        owner_id,
        text,
    }
}

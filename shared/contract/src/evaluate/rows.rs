//! The rows of one event, record by record of the mapping.

use std::borrow::Cow;

use pole::{IdentityKey, KeyCase, RowOperation, Uuid};
use serde_json::Value;

use super::PoleRow;
use super::list_faults::{check_item_key, has_repeated_id, no_list_fault, repeated_key_fault};
use super::stated::set_is_stated;
use crate::calendar::Calendar;
use crate::cell::Cell;
use crate::compile::{Assignment, CompiledIdentity, CompiledMapping, CompiledRecord};
use crate::event::Event;
use crate::expression::{CompiledExpression, RootedPath, ValueRoots, ValueRules};
use crate::extension::EventOp;
use crate::fault::EventFault;
use crate::mapping::{RecordKind, UnreadablePolicy};
use crate::namespace::KeyNamespace;
use crate::structure::ContractFindings;
use crate::walked_path::count_path;

/// The evaluation of one event.
pub(super) struct EventEvaluation<'v> {
    pub(super) mapping: &'v CompiledMapping,
    pub(super) event: &'v Event,
    pub(super) identity_key: &'v IdentityKey,
    pub(super) body: &'v Value,
    op: EventOp,
    /// The mapping's calendar, as of the event.
    pub(super) calendar: Calendar,
    /// The id of the event's own record: its entity row's, or one made from its key.
    pub(super) owner: Option<Uuid>,
    /// The last namespace and key with their id: the links of an event repeat one end many times.
    pub(super) last_id: Option<(&'v KeyNamespace, Vec<Cow<'v, str>>, Uuid)>,
    rows: Vec<PoleRow<'v>>,
    /// The paths of values that became null because their column could not read them.
    unreadable: Vec<String>,
}

/// What becomes of the row of one item.
enum RowAction {
    Write,
    Delete,
    Skip,
}

impl<'v> EventEvaluation<'v> {
    pub(super) fn new(
        mapping: &'v CompiledMapping,
        identity_key: &'v IdentityKey,
        event: &'v Event,
        body: &'v Value,
        op: EventOp,
    ) -> Self {
        Self {
            mapping,
            event,
            identity_key,
            body,
            // Both kinds of patches state the same of their rows.
            op: if op.is_partial() { EventOp::Patch } else { op },
            calendar: mapping.calendar.as_of(event.reference_time()),
            owner: None,
            last_id: None,
            rows: Vec::with_capacity(8),
            unreadable: Vec::new(),
        }
    }

    /// What values depend on besides the event.
    pub(super) fn value_rules(&self) -> ValueRules<'_> {
        ValueRules {
            calendar: &self.calendar,
            identity_key: Some(self.identity_key),
        }
    }

    /// The rows; the values that became null are counted.
    pub(super) fn into_rows(self, findings: &mut ContractFindings) -> Vec<PoleRow<'v>> {
        for path in self.unreadable {
            count_path(path, &mut findings.unreadable);
        }
        self.rows
    }

    /// The places that paths begin from, outside of lists.
    pub(super) fn body_scope(&self) -> ValueRoots<'v> {
        ValueRoots {
            event: &self.event.value,
            body: self.body,
            parent: self.body,
            here: self.body,
        }
    }

    /// Adds the rows of one record of the mapping.
    pub(super) fn evaluate_record(&mut self, record: &'v CompiledRecord) -> Result<(), EventFault> {
        let scope = self.body_scope();
        match (record.kind, self.op) {
            (RecordKind::Entity, EventOp::Delete) => self.push_deletion(record, scope),
            (RecordKind::Set, EventOp::Delete) => {
                self.push_set_replacement(record);
                Ok(())
            }
            (RecordKind::Shared, EventOp::Delete) => Ok(()),
            (RecordKind::Set, EventOp::Patch)
                if !set_is_stated(record, &scope, &self.value_rules()) =>
            {
                self.check_partial_set(record, scope)
            }
            (RecordKind::Set, _) => self.evaluate_set(record, scope),
            _ => self.evaluate_lists(record, scope),
        }
    }

    /// Judges the values of a set of which a patch states too little to make its rows.
    fn check_partial_set(
        &mut self,
        record: &'v CompiledRecord,
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        let rows_before = self.rows.len();
        self.evaluate_lists(record, scope)?;
        self.rows.truncate(rows_before);
        Ok(())
    }

    /// Whether the event is to be refused when an expression of the record has no value. Of the
    /// record's own rows a patch states some fields only: their other values are those of its
    /// state, which the merge knows.
    pub(super) fn is_judged(
        &self,
        record: &CompiledRecord,
        expression: &CompiledExpression,
        scope: &ValueRoots<'_>,
    ) -> bool {
        self.op != EventOp::Patch
            || !record.kind.is_of_record()
            || expression.is_judged_in_patch(scope, &self.value_rules(), record.for_each.len())
    }

    /// The parts of a key for which an item may be refused.
    fn judged_parts(
        &self,
        record: &CompiledRecord,
        mut parts: Vec<&'v CompiledExpression>,
        scope: &ValueRoots<'_>,
    ) -> Vec<&'v CompiledExpression> {
        parts.retain(|part| self.is_judged(record, part, scope));
        parts
    }

    /// Adds the rows of all items. Two items of one key are a fault, for one of them would be lost;
    /// a row that several records share may be named by several items too.
    fn evaluate_lists(
        &mut self,
        record: &'v CompiledRecord,
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        let rows_before = self.rows.len();
        self.evaluate_items(record, &record.for_each, scope)?;

        let is_list = !record.for_each.is_empty() && record.kind != RecordKind::Shared;
        if is_list && has_repeated_id(&self.rows[rows_before..]) {
            return Err(repeated_key_fault(record));
        }
        Ok(())
    }

    /// Adds the rows of a set. Each of them says when the set was stated; an empty set needs a
    /// marker that says so.
    fn evaluate_set(
        &mut self,
        record: &'v CompiledRecord,
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        let rows_before = self.rows.len();
        self.evaluate_lists(record, scope)?;

        if self.rows.len() == rows_before {
            self.push_set_replacement(record);
        }
        Ok(())
    }

    /// Adds a row for every item of the lists, each within an item of the one before; without
    /// lists, for the body.
    fn evaluate_items(
        &mut self,
        record: &'v CompiledRecord,
        lists: &'v [RootedPath],
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        let Some((list, inner_lists)) = lists.split_first() else {
            return self.evaluate_item(record, scope);
        };
        if list.is_no_list(&scope) {
            return Err(no_list_fault(list));
        }
        for here in list.all_values(&scope) {
            let parent = scope.here;
            self.evaluate_items(
                record,
                inner_lists,
                ValueRoots {
                    parent,
                    here,
                    ..scope
                },
            )?;
        }
        Ok(())
    }

    /// Adds the row of one item, if it has one.
    fn evaluate_item(
        &mut self,
        record: &'v CompiledRecord,
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        match self.row_action(record, &scope)? {
            RowAction::Write => {}
            RowAction::Delete => return self.push_deletion_if_keyed(record, scope),
            RowAction::Skip => return Ok(()),
        }

        let mut cells = vec![Cell::Null; record.column_count];
        let Some(pole_id) = self.identify_row(record, &scope, &mut cells)? else {
            let keys = self.judged_parts(record, record.identity.end_keys(), &scope);
            return check_item_key(record, keys, &scope);
        };

        let patch = self.op == EventOp::Patch
            && matches!(record.kind, RecordKind::Entity | RecordKind::Shared);
        // A patch that states nothing about a further row must not create that row.
        if patch && !self.is_own_record(record) && !states_own_value(record, &scope) {
            return Ok(());
        }

        let mut changed_columns = patch.then(String::new);
        if !self.fill_cells(record, &scope, &mut cells, &mut changed_columns)? {
            return Ok(());
        }

        let row = PoleRow {
            table: record.table,
            op: if patch {
                RowOperation::Patch
            } else {
                RowOperation::Upsert
            },
            pole_id,
            owner_id: self.row_owner_id(record, pole_id),
            owner_set: (record.kind == RecordKind::Set).then_some(record.name.as_str()),
            versioned: matches!(record.kind, RecordKind::Entity | RecordKind::Set),
            changed_columns,
            cells,
        };
        self.rows.push(row);
        Ok(())
    }

    /// What the record's condition makes of an item's row. Where it does not hold, an earlier event
    /// may have written the row, so an event that states the full record deletes it. A patch that
    /// states only a part of what the condition reads leaves the row, and changes the columns that
    /// it states.
    fn row_action(
        &self,
        record: &'v CompiledRecord,
        scope: &ValueRoots<'v>,
    ) -> Result<RowAction, EventFault> {
        let Some(when) = &record.when else {
            return Ok(RowAction::Write);
        };
        let value = match when.value.evaluate(scope, &self.value_rules()) {
            Ok(value) => value,
            Err(_) if !self.is_judged(record, &when.value, scope) => return Ok(RowAction::Skip),
            Err(reason) => return Err(mapping_fault(record, "when", &when.value, reason)),
        };
        if when.holds_for(&value) {
            return Ok(RowAction::Write);
        }

        let (states_any, states_all) = when.value.stated_any_and_all(scope);
        Ok(match (record.kind, self.op) {
            (RecordKind::Entity, EventOp::Upsert) => RowAction::Delete,
            (RecordKind::Entity, EventOp::Patch) if states_all => RowAction::Delete,
            (RecordKind::Entity, EventOp::Patch) if states_any => RowAction::Write,
            _ => RowAction::Skip,
        })
    }

    /// Fills the cells of a row; of a patch, those of the columns that it states. False when the
    /// row belongs to another record that the event does not name: there is no such row.
    fn fill_cells(
        &mut self,
        record: &'v CompiledRecord,
        scope: &ValueRoots<'v>,
        cells: &mut [Cell<'v>],
        changed_columns: &mut Option<String>,
    ) -> Result<bool, EventFault> {
        let mut raw_cells = Vec::new();
        for assignment in &record.columns {
            if let Some(names) = changed_columns {
                if !assignment.expression.is_stated(scope, &self.value_rules()) {
                    continue;
                }
                add_name(names, &assignment.name);
            }

            let (cell, raw) = self.evaluate_cell(record, assignment, scope)?;
            if cell == Cell::Null && names_absent_record(record, assignment) {
                let key = assignment.expression.identity_key().iter().collect();
                let key = self.judged_parts(record, key, scope);
                return check_item_key(record, key, scope).map(|()| false);
            }
            cells[assignment.column] = cell;
            if let Some(column) = &assignment.raw_column {
                raw_cells.push((column, raw));
            }
        }

        for (column, raw) in raw_cells {
            if let Some(names) = changed_columns {
                add_name(names, &column.name);
            }
            if raw != Cell::Null {
                cells[column.index] = raw;
            }
        }
        Ok(true)
    }

    /// The value of one column, in the column's type; and the text that it could not read, where
    /// the mapping declares such values as null.
    fn evaluate_cell(
        &mut self,
        record: &CompiledRecord,
        assignment: &'v Assignment,
        scope: &ValueRoots<'v>,
    ) -> Result<(Cell<'v>, Cell<'v>), EventFault> {
        let expression = &assignment.expression;
        let value = assignment.evaluate(scope, &self.value_rules());
        let needs_value = assignment.required && !names_absent_record(record, assignment);
        if !self.is_judged(record, expression, scope) {
            return Ok((value.unwrap_or(Cell::Null), Cell::Null));
        }
        match value {
            Ok(Cell::Null) if needs_value => {
                let reason = "a required value is missing";
                Err(mapping_fault(record, &assignment.name, expression, reason))
            }
            Ok(cell) => Ok((cell, Cell::Null)),
            Err(_) if assignment.unreadable == UnreadablePolicy::NullAndCount => {
                self.unreadable.push(expression.first_path());
                let raw = expression.raw_text(scope).map_or(Cell::Null, Cell::Text);
                Ok((Cell::Null, raw))
            }
            Err(reason) => Err(mapping_fault(record, &assignment.name, expression, reason)),
        }
    }

    /// Adds the marker that replaces the owner's set: rows of the set that are older than it are no
    /// longer part of it.
    fn push_set_replacement(&mut self, record: &'v CompiledRecord) {
        let owner = self.event_owner_id();
        self.rows.push(PoleRow {
            table: record.table,
            op: RowOperation::Replace,
            pole_id: owner,
            owner_id: owner,
            owner_set: Some(&record.name),
            versioned: true,
            changed_columns: None,
            cells: vec![Cell::Null; record.column_count],
        });
    }

    /// Adds the deletion of a row whose condition does not hold. A row without a key was never
    /// written.
    fn push_deletion_if_keyed(
        &mut self,
        record: &'v CompiledRecord,
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        match &record.identity {
            CompiledIdentity::Natural { key, .. }
                if self
                    .evaluate_key(key, KeyCase::Sensitive, record, &scope)?
                    .is_none() =>
            {
                Ok(())
            }
            _ => self.push_deletion(record, scope),
        }
    }

    /// Adds the deletion of an entity's row.
    fn push_deletion(
        &mut self,
        record: &'v CompiledRecord,
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        let mut cells = vec![Cell::Null; record.column_count];
        let Some(pole_id) = self.identify_row(record, &scope, &mut cells)? else {
            return Ok(());
        };

        self.rows.push(PoleRow {
            table: record.table,
            op: RowOperation::Delete,
            pole_id,
            owner_id: pole_id,
            owner_set: None,
            versioned: true,
            changed_columns: None,
            cells,
        });
        Ok(())
    }
}

/// Adds the name of a column that a patch changes, once.
fn add_name(names: &mut String, name: &str) {
    if names.split(',').any(|known| known == name) {
        return;
    }
    if !names.is_empty() {
        names.push(',');
    }
    names.push_str(name);
}

/// Whether the event states a value of any of the record's columns.
fn states_own_value(record: &CompiledRecord, scope: &ValueRoots<'_>) -> bool {
    record
        .columns
        .iter()
        .any(|assignment| assignment.expression.states_own_value(scope))
}

/// Whether a null in this column means that there is no row: it would belong to a record that the
/// event does not name. The event's own record is never absent, so its row must be complete.
fn names_absent_record(record: &CompiledRecord, assignment: &Assignment) -> bool {
    assignment.names_another_record() && record.kind != RecordKind::Entity
}

/// A fault of one part of a record's mapping.
pub(super) fn mapping_fault(
    record: &CompiledRecord,
    part: &str,
    expression: &CompiledExpression,
    reason: &str,
) -> EventFault {
    let rule = format!("mapping.{}.{part}", record.name);
    EventFault::new(&rule, &expression.first_path(), reason)
}

//! One event becomes rows, or a fault that says why not.

use std::borrow::Cow;

use pole::{RowOperation, Uuid};
use serde_json::Value;

use crate::cell::Cell;
use crate::compile::{
    Assignment, CompiledIdentity, CompiledLink, CompiledLinkEnd, CompiledMapping, CompiledRecord,
};
use crate::event::Event;
use crate::expression::{CompiledExpression, RootedPath, ValueRoots};
use crate::extension::EventOp;
use crate::fault::EventFault;
use crate::mapping::RecordKind;
use crate::structure::ContractFindings;

/// What an event became.
#[derive(Debug)]
pub enum EvaluatedEvent<'v> {
    /// Rows for tables; perhaps none.
    Rows(Vec<PoleRow<'v>>),
    /// Its type is declared as one to leave alone.
    Ignored,
}

/// A row for a table.
#[derive(Debug)]
pub struct PoleRow<'v> {
    /// The table's place in the catalogue.
    pub table: usize,
    /// What it does.
    pub op: RowOperation,
    /// The row's id; the owner's for [`Op::Replace`].
    pub pole_id: Uuid,
    /// The id of the record that it belongs to.
    pub owner_id: Uuid,
    /// The owner's set that it stands in.
    pub owner_set: Option<&'v str>,
    /// Whether the record's version ranks it; a row that several records share is ranked by time alone.
    pub versioned: bool,
    /// The columns that a patch carries, joined by commas.
    pub changed_columns: Option<String>,
    /// A cell for every column of the table; those of the provenance are nothing.
    pub cells: Vec<Cell<'v>>,
}

impl CompiledMapping {
    /// Counts what the event holds beyond what the contract declares.
    pub fn count_findings(&self, event: &Event, findings: &mut ContractFindings) {
        let contract = &self.contract;
        contract
            .event_structure
            .count_findings(&event.value, "$", findings);
        let Some(record) = &contract.record_structure else {
            return;
        };
        for path in contract
            .state
            .iter()
            .chain(&contract.body)
            .chain(&contract.delete_body)
        {
            if let Some(value) = path.first_value(&event.value) {
                record.count_findings(value, path.text(), findings);
            }
        }
    }

    /// The rows of an event.
    ///
    /// # Errors
    /// A fault when the event's type is not declared or a value does not fit its column.
    pub fn evaluate<'v>(&'v self, event: &'v Event) -> Result<EvaluatedEvent<'v>, EventFault> {
        let declared = self.contract.event_op(&event.kind).map_err(|why| {
            let path = self
                .contract
                .event_type
                .as_ref()
                .map_or("$", |path| path.text());
            EventFault::new("event.undeclared-type", path, &why)
        })?;
        let state = self
            .contract
            .state
            .as_ref()
            .and_then(|path| path.first_value(&event.value))
            .filter(|v| !v.is_null());
        let op = match (declared, state) {
            (EventOp::Ignore, _) => return Ok(EvaluatedEvent::Ignored),
            _ if event.state_missing => EventOp::Delete,
            (EventOp::Patch, Some(_)) => EventOp::Upsert,
            (op, _) => op,
        };
        if event.version.is_none()
            && self
                .contract
                .fetch
                .as_ref()
                .is_some_and(|fetch| fetch.version.is_some())
        {
            let reason =
                "the fetched state has no version: its ETag was missing or not a whole number";
            return Err(EventFault::new(
                "event.version",
                "$.fetched.version",
                reason,
            ));
        }
        let body = state.or_else(|| {
            // Where the old state stands elsewhere than the new one, a deletion has only the old.
            let old = op == EventOp::Delete && !self.contract.delete_body.is_empty();
            let paths = if old {
                &self.contract.delete_body
            } else {
                &self.contract.body
            };
            paths
                .iter()
                .filter_map(|path| path.first_value(&event.value))
                .find(|body| !body.is_null())
        });
        let body = match (body, op) {
            (Some(body), _) => body,
            (None, EventOp::Delete) => &Value::Null,
            (None, _) => {
                let path = self.contract.body.first().map_or("$", |path| path.text());
                return Err(EventFault::new(
                    "event.body",
                    path,
                    "the event carries no record",
                ));
            }
        };
        if op == EventOp::Upsert {
            self.contract.declared_record().check_complete(body, "$")?;
        }
        let mut work = EventEvaluation {
            mapping: self,
            event,
            body,
            op,
            owner: None,
            last_id: None,
            rows: Vec::with_capacity(8),
        };
        for record in &self.records {
            if record.events.is_empty() || record.events.contains(&event.kind) {
                work.evaluate_record(record)?;
            }
        }
        Ok(EvaluatedEvent::Rows(work.rows))
    }
}

/// The parts of a key, or none when one is absent.
type KeyParts<'v> = Option<Vec<Cow<'v, str>>>;

/// One event's evaluation.
struct EventEvaluation<'v> {
    mapping: &'v CompiledMapping,
    event: &'v Event,
    body: &'v Value,
    op: EventOp,
    /// The id of the event's own record: its entity row's, or one made from its key.
    owner: Option<Uuid>,
    /// The last id that was made of a namespace and key: links name the same end again and again.
    last_id: Option<(&'v str, Vec<Cow<'v, str>>, Uuid)>,
    rows: Vec<PoleRow<'v>>,
}

impl<'v> EventEvaluation<'v> {
    fn evaluate_record(&mut self, record: &'v CompiledRecord) -> Result<(), EventFault> {
        let scope = ValueRoots {
            event: &self.event.value,
            body: self.body,
            parent: self.body,
            here: self.body,
        };
        match (record.kind, self.op) {
            (RecordKind::Entity, EventOp::Delete) => self.push_deletion(record, scope),
            (RecordKind::Set, EventOp::Delete) => {
                self.push_set_replacement(record);
                Ok(())
            }
            (RecordKind::Shared, EventOp::Delete) => Ok(()),
            (RecordKind::Set, EventOp::Patch) if !set_is_stated(record, &scope) => Ok(()),
            (RecordKind::Set, _) => {
                let before = self.rows.len();
                self.evaluate_items(record, scope)?;
                // Rows of the set say by themselves when it was stated; a set without rows needs a marker.
                if self.rows.len() == before {
                    self.push_set_replacement(record);
                }
                Ok(())
            }
            _ => self.evaluate_items(record, scope),
        }
    }

    /// The items of a `for_each`, or the body itself.
    fn evaluate_items(
        &mut self,
        record: &'v CompiledRecord,
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        self.evaluate_nested_items(record, &record.for_each, scope)
    }

    fn evaluate_nested_items(
        &mut self,
        record: &'v CompiledRecord,
        each: &'v [RootedPath],
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        let Some((first, rest)) = each.split_first() else {
            return self.evaluate_item(record, scope);
        };
        for here in first.all_values(&scope) {
            self.evaluate_nested_items(
                record,
                rest,
                ValueRoots {
                    parent: scope.here,
                    here,
                    ..scope
                },
            )?;
        }
        Ok(())
    }

    fn evaluate_item(
        &mut self,
        record: &'v CompiledRecord,
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        if !self.condition_holds(record, &scope)? {
            // A statement under which the row is not to be: it may have been before. A patch that says only a part of what
            // decides leaves the row, and changes what it carries.
            let (stated, decided) = record
                .when
                .as_ref()
                .map_or((false, false), |when| when.value.stated_any_and_all(&scope));
            match (record.kind, self.op) {
                (RecordKind::Entity, EventOp::Patch) if stated && !decided => {}
                (RecordKind::Entity, EventOp::Upsert) => {
                    return self.push_deletion_if_keyed(record, scope);
                }
                (RecordKind::Entity, EventOp::Patch) if decided => {
                    return self.push_deletion_if_keyed(record, scope);
                }
                _ => return Ok(()),
            }
        }
        let mut cells = vec![Cell::Null; record.column_count];
        let Some(pole_id) = self.identify_row(record, &scope, &mut cells)? else {
            return Ok(());
        };
        let patch = self.op == EventOp::Patch
            && matches!(record.kind, RecordKind::Entity | RecordKind::Shared);
        // A patch that says nothing of a further row must not bring it into being.
        if patch
            && self.owner != Some(pole_id)
            && !record
                .columns
                .iter()
                .any(|c| c.expression.states_own_value(&scope))
        {
            return Ok(());
        }
        let mut carried = patch.then(String::new);
        for assignment in &record.columns {
            if let Some(names) = &mut carried {
                if !assignment.expression.is_stated(&scope) {
                    continue;
                }
                if !names.is_empty() {
                    names.push(',');
                }
                names.push_str(&assignment.name);
            }
            let cell = self.evaluate_cell(record, assignment, &scope)?;
            // A row that belongs to another record is none where that record is not told.
            if cell == Cell::Null
                && assignment.names_another_record()
                && record.kind != RecordKind::Entity
            {
                return Ok(());
            }
            cells[assignment.column] = cell;
        }
        let owner_id = self.row_owner_id(record, pole_id);
        self.rows.push(PoleRow {
            table: record.table,
            op: if patch {
                RowOperation::Patch
            } else {
                RowOperation::Upsert
            },
            pole_id,
            owner_id,
            owner_set: (record.kind == RecordKind::Set).then_some(record.name.as_str()),
            versioned: matches!(record.kind, RecordKind::Entity | RecordKind::Set),
            changed_columns: carried,
            cells,
        });
        Ok(())
    }

    /// Whether a record's condition holds. A null stands for what is not there.
    fn condition_holds(
        &self,
        record: &'v CompiledRecord,
        scope: &ValueRoots<'v>,
    ) -> Result<bool, EventFault> {
        let Some(when) = &record.when else {
            return Ok(true);
        };
        let value = when
            .value
            .evaluate(scope, &self.mapping.calendar)
            .map_err(|reason| {
                EventFault::new(
                    &format!("mapping.{}.when", record.name),
                    &when.value.first_path(),
                    reason,
                )
            })?;
        let listed = when.is.is_empty()
            || when
                .is
                .iter()
                .any(|wanted| Cell::from_json(wanted) == value);
        Ok(listed
            && when
                .present
                .is_none_or(|present| present == (value != Cell::Null)))
    }

    fn evaluate_cell(
        &self,
        record: &CompiledRecord,
        assignment: &'v Assignment,
        scope: &ValueRoots<'v>,
    ) -> Result<Cell<'v>, EventFault> {
        let calendar = &self.mapping.calendar;
        let fault = |reason: &str| {
            let rule = format!("mapping.{}.{}", record.name, assignment.name);
            EventFault::new(&rule, &assignment.expression.first_path(), reason)
        };
        let value = assignment
            .expression
            .evaluate(scope, calendar)
            .map_err(fault)?;
        let cell = value
            .coerce_to_type(assignment.kind, calendar)
            .map_err(fault)?;
        let whole = !assignment.names_another_record() || record.kind == RecordKind::Entity;
        if cell == Cell::Null && assignment.required && whole {
            return Err(fault("a required value is missing"));
        }
        Ok(cell)
    }

    /// The row's id; none when a part of the key is absent and the row is not the event's own record.
    fn identify_row(
        &mut self,
        record: &'v CompiledRecord,
        scope: &ValueRoots<'v>,
        cells: &mut [Cell<'v>],
    ) -> Result<Option<Uuid>, EventFault> {
        match &record.identity {
            CompiledIdentity::Natural { namespace, key } => {
                let Some(parts) = self.evaluate_key(key, record, scope)? else {
                    return if record.kind == RecordKind::Entity {
                        Err(missing_key_fault(record, key))
                    } else {
                        Ok(None)
                    };
                };
                let id = self.cached_pole_id(namespace, parts);
                if record.kind == RecordKind::Entity && self.owner.is_none() {
                    self.owner = Some(id);
                }
                Ok(Some(id))
            }
            CompiledIdentity::Owned { key } => {
                let Some(parts) = self.evaluate_key(key, record, scope)? else {
                    return Ok(None);
                };
                let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
                Ok(Some(pole::owned_id(
                    &self.event_owner_id(),
                    &record.name,
                    &parts,
                )))
            }
            CompiledIdentity::Link(link) => self.identify_link(link, record, scope, cells),
        }
    }

    fn identify_link(
        &mut self,
        link: &'v CompiledLink,
        record: &CompiledRecord,
        scope: &ValueRoots<'v>,
        cells: &mut [Cell<'v>],
    ) -> Result<Option<Uuid>, EventFault> {
        let ends = (
            self.identify_link_end(&link.from, record, scope)?,
            self.identify_link_end(&link.to, record, scope)?,
        );
        let (Some(from), Some(to)) = ends else {
            return Ok(None);
        };
        let calendar = &self.mapping.calendar;
        let text = |expression: &'v CompiledExpression,
                    column: &str|
         -> Result<Cow<'v, str>, EventFault> {
            let cell = expression.evaluate(scope, calendar).map_err(|reason| {
                EventFault::new(
                    &format!("mapping.{}.{column}", record.name),
                    &expression.first_path(),
                    reason,
                )
            })?;
            Ok(cell.into_text().unwrap_or_default())
        };
        let link_type = text(&link.link_type, "type")?;
        let role = link
            .role
            .as_ref()
            .map(|role| text(role, "role"))
            .transpose()?
            .unwrap_or_default();
        let id = pole::link_id(&self.event_owner_id(), &from, &to, &link_type, &role);
        let [from_id, from_table, to_id, to_table, type_at, role_at] = link.columns;
        cells[from_id] = Cell::Text(Cow::Owned(from.to_string()));
        cells[from_table] = Cell::Text(Cow::Borrowed(&link.from.table));
        cells[to_id] = Cell::Text(Cow::Owned(to.to_string()));
        cells[to_table] = Cell::Text(Cow::Borrowed(&link.to.table));
        cells[type_at] = Cell::Text(link_type);
        cells[role_at] = if role.is_empty() {
            Cell::Null
        } else {
            Cell::Text(role)
        };
        Ok(Some(id))
    }

    fn identify_link_end(
        &mut self,
        end: &'v CompiledLinkEnd,
        record: &CompiledRecord,
        scope: &ValueRoots<'v>,
    ) -> Result<Option<Uuid>, EventFault> {
        let key = self.evaluate_key(&end.key, record, scope)?;
        Ok(key.map(|parts| self.cached_pole_id(&end.namespace, parts)))
    }

    fn cached_pole_id(&mut self, namespace: &'v str, parts: Vec<Cow<'v, str>>) -> Uuid {
        if let Some((known, key, id)) = &self.last_id
            && *known == namespace
            && *key == parts
        {
            return *id;
        }
        let texts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        let id = pole::pole_id(namespace, &texts);
        self.last_id = Some((namespace, parts, id));
        id
    }

    /// The parts of a key as texts; none when one is absent.
    fn evaluate_key(
        &self,
        key: &'v [CompiledExpression],
        record: &CompiledRecord,
        scope: &ValueRoots<'v>,
    ) -> Result<KeyParts<'v>, EventFault> {
        let mut texts = Vec::with_capacity(key.len());
        for part in key {
            let cell = part
                .evaluate(scope, &self.mapping.calendar)
                .map_err(|reason| {
                    EventFault::new(
                        &format!("mapping.{}.id", record.name),
                        &part.first_path(),
                        reason,
                    )
                })?;
            let Some(text) = cell.into_text() else {
                return Ok(None);
            };
            texts.push(text);
        }
        Ok(Some(texts))
    }

    /// The event's own record: what its rows of `kind: set` belong to.
    fn event_owner_id(&mut self) -> Uuid {
        let source = &self.mapping.contract.name;
        *self
            .owner
            .get_or_insert_with(|| pole::pole_id(source, &[&self.event.key]))
    }

    fn row_owner_id(&mut self, record: &CompiledRecord, pole_id: Uuid) -> Uuid {
        if record.kind == RecordKind::Set {
            self.event_owner_id()
        } else {
            pole_id
        }
    }

    /// The owner's set is stated anew.
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

    /// A row that is not to be is deleted; one that has not even a key never was.
    fn push_deletion_if_keyed(
        &mut self,
        record: &'v CompiledRecord,
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        match &record.identity {
            CompiledIdentity::Natural { key, .. }
                if self.evaluate_key(key, record, &scope)?.is_none() =>
            {
                Ok(())
            }
            _ => self.push_deletion(record, scope),
        }
    }

    /// The event's own record is deleted.
    fn push_deletion(
        &mut self,
        record: &'v CompiledRecord,
        scope: ValueRoots<'v>,
    ) -> Result<(), EventFault> {
        let mut cells = vec![Cell::Null; record.column_count];
        if let Some(pole_id) = self.identify_row(record, &scope, &mut cells)? {
            let row = PoleRow {
                table: record.table,
                op: RowOperation::Delete,
                pole_id,
                owner_id: pole_id,
                owner_set: None,
                versioned: true,
                changed_columns: None,
                cells,
            };
            self.rows.push(row);
        }
        Ok(())
    }
}

fn missing_key_fault(record: &CompiledRecord, key: &[CompiledExpression]) -> EventFault {
    let path = key
        .first()
        .map(CompiledExpression::first_path)
        .unwrap_or_default();
    EventFault::new(
        &format!("mapping.{}.id", record.name),
        &path,
        "a part of the record's key is missing",
    )
}

/// Whether a patch says what it takes to state the set anew: a set that it does not mention stays as it is, and so does
/// one of which it says too little to tell.
fn set_is_stated(record: &CompiledRecord, scope: &ValueRoots<'_>) -> bool {
    let within =
        |expression: &CompiledExpression| expression.depends_on_body(!record.for_each.is_empty());
    let known =
        |expression: &CompiledExpression| !within(expression) || expression.is_stated(scope);
    let others = record
        .columns
        .iter()
        .filter(|column| column.names_another_record());
    if !others.map(|column| &column.expression).all(known) {
        return false;
    }
    if let Some(each) = record.for_each.first() {
        return each.is_stated(scope);
    }
    let when = record
        .when
        .as_ref()
        .map(|when| &when.value)
        .filter(|value| within(value));
    let keys: Vec<&CompiledExpression> = match &record.identity {
        CompiledIdentity::Link(link) => link.from.key.iter().chain(&link.to.key).collect(),
        CompiledIdentity::Natural { key, .. } | CompiledIdentity::Owned { key } => {
            key.iter().collect()
        }
    };
    let told = keys
        .iter()
        .filter(|key| within(key))
        .any(|key| key.is_stated(scope));
    // A key of constants says nothing: then the condition does.
    let told = told || (when.is_some() && !keys.iter().any(|key| within(key)));
    told && when.is_none_or(|value| value.is_stated(scope))
}

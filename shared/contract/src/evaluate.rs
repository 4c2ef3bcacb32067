//! One event becomes rows, or a fault that says why not.

use std::borrow::Cow;
use std::fmt;

use pole::{Op, Uuid};
use serde_json::Value;

use crate::cell::Cell;
use crate::compile::{Assignment, End, Identity, Link, Plan, Record};
use crate::event::Event;
use crate::expression::{Compiled, Place, Scope};
use crate::mapping::RecordKind;
use crate::shape::Findings;
use crate::source::EventOp;

/// Why an event could not be used. Holds no value of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The stable id of the rule that it broke.
    pub rule: String,
    /// The path in the event.
    pub path: String,
    /// What was expected.
    pub reason: String,
}

impl Fault {
    pub(crate) fn new(rule: &str, path: &str, reason: &str) -> Self {
        Self {
            rule: rule.to_owned(),
            path: path.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.rule, self.path, self.reason)
    }
}

impl std::error::Error for Fault {}

/// What an event became.
#[derive(Debug)]
pub enum Outcome<'v> {
    /// Rows for tables; perhaps none.
    Rows(Vec<Row<'v>>),
    /// Its type is declared as one to leave alone.
    Ignored,
}

/// A row for a table.
#[derive(Debug)]
pub struct Row<'v> {
    /// The table's place in the catalogue.
    pub table: usize,
    /// What it does.
    pub op: Op,
    /// The row's id; the owner's for [`Op::Replace`].
    pub pole_id: Uuid,
    /// The id of the record that it belongs to.
    pub owner_id: Uuid,
    /// The owner's set that it stands in.
    pub owner_set: Option<&'v str>,
    /// Whether the record's version ranks it; a row that several records share is ranked by time alone.
    pub versioned: bool,
    /// The columns that a patch carries, joined by commas.
    pub carried: Option<String>,
    /// A cell for every column of the table; those of the provenance are nothing.
    pub cells: Vec<Cell<'v>>,
}

impl Plan {
    /// Counts what the event holds beyond what the contract declares.
    pub fn observe(&self, event: &Event, findings: &mut Findings) {
        let contract = &self.contract;
        contract.event_shape.observe(&event.value, "$", findings);
        let Some(record) = &contract.record_shape else {
            return;
        };
        for path in contract
            .state
            .iter()
            .chain(&contract.body)
            .chain(&contract.delete_body)
        {
            if let Some(value) = path.first(&event.value) {
                record.observe(value, path.text(), findings);
            }
        }
    }

    /// The rows of an event.
    ///
    /// # Errors
    /// A fault when the event's type is not declared or a value does not fit its column.
    pub fn evaluate<'v>(&'v self, event: &'v Event) -> Result<Outcome<'v>, Fault> {
        let declared = self.contract.op(&event.kind).map_err(|why| {
            let path = self
                .contract
                .event_type
                .as_ref()
                .map_or("$", |path| path.text());
            Fault::new("event.undeclared-type", path, &why)
        })?;
        let state = self
            .contract
            .state
            .as_ref()
            .and_then(|path| path.first(&event.value))
            .filter(|v| !v.is_null());
        let op = match (declared, state) {
            (EventOp::Ignore, _) => return Ok(Outcome::Ignored),
            _ if event.gone => EventOp::Delete,
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
            return Err(Fault::new("event.version", "$.fetched.version", reason));
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
                .filter_map(|path| path.first(&event.value))
                .find(|body| !body.is_null())
        });
        let body = match (body, op) {
            (Some(body), _) => body,
            (None, EventOp::Delete) => &Value::Null,
            (None, _) => {
                let path = self.contract.body.first().map_or("$", |path| path.text());
                return Err(Fault::new(
                    "event.body",
                    path,
                    "the event carries no record",
                ));
            }
        };
        if op == EventOp::Upsert {
            self.contract.record().complete(body, "$")?;
        }
        let mut work = Work {
            plan: self,
            event,
            body,
            op,
            owner: None,
            last_id: None,
            rows: Vec::with_capacity(8),
        };
        for record in &self.records {
            if record.events.is_empty() || record.events.contains(&event.kind) {
                work.record(record)?;
            }
        }
        Ok(Outcome::Rows(work.rows))
    }
}

/// The parts of a key, or none when one is absent.
type Key<'v> = Option<Vec<Cow<'v, str>>>;

/// One event's evaluation.
struct Work<'v> {
    plan: &'v Plan,
    event: &'v Event,
    body: &'v Value,
    op: EventOp,
    /// The id of the event's own record: its entity row's, or one made from its key.
    owner: Option<Uuid>,
    /// The last id that was made of a namespace and key: links name the same end again and again.
    last_id: Option<(&'v str, Vec<Cow<'v, str>>, Uuid)>,
    rows: Vec<Row<'v>>,
}

impl<'v> Work<'v> {
    fn record(&mut self, record: &'v Record) -> Result<(), Fault> {
        let scope = Scope {
            event: &self.event.value,
            body: self.body,
            parent: self.body,
            here: self.body,
        };
        match (record.kind, self.op) {
            (RecordKind::Entity, EventOp::Delete) => self.gone(record, scope),
            (RecordKind::Set, EventOp::Delete) => {
                self.replace(record);
                Ok(())
            }
            (RecordKind::Shared, EventOp::Delete) => Ok(()),
            (RecordKind::Set, EventOp::Patch) if !set_is_stated(record, &scope) => Ok(()),
            (RecordKind::Set, _) => {
                let before = self.rows.len();
                self.items(record, scope)?;
                // Rows of the set say by themselves when it was stated; a set without rows needs a marker.
                if self.rows.len() == before {
                    self.replace(record);
                }
                Ok(())
            }
            _ => self.items(record, scope),
        }
    }

    /// The items of a `for_each`, or the body itself.
    fn items(&mut self, record: &'v Record, scope: Scope<'v>) -> Result<(), Fault> {
        self.within(record, &record.each, scope)
    }

    fn within(
        &mut self,
        record: &'v Record,
        each: &'v [Place],
        scope: Scope<'v>,
    ) -> Result<(), Fault> {
        let Some((first, rest)) = each.split_first() else {
            return self.item(record, scope);
        };
        for here in first.all(&scope) {
            self.within(
                record,
                rest,
                Scope {
                    parent: scope.here,
                    here,
                    ..scope
                },
            )?;
        }
        Ok(())
    }

    fn item(&mut self, record: &'v Record, scope: Scope<'v>) -> Result<(), Fault> {
        if !self.wanted(record, &scope)? {
            // A statement under which the row is not to be: it may have been before. A patch that says only a part of what
            // decides leaves the row, and changes what it carries.
            let (stated, decided) = record
                .when
                .as_ref()
                .map_or((false, false), |when| when.value.stated(&scope));
            match (record.kind, self.op) {
                (RecordKind::Entity, EventOp::Patch) if stated && !decided => {}
                (RecordKind::Entity, EventOp::Upsert) => return self.gone_if_known(record, scope),
                (RecordKind::Entity, EventOp::Patch) if decided => {
                    return self.gone_if_known(record, scope);
                }
                _ => return Ok(()),
            }
        }
        let mut cells = vec![Cell::Null; record.width];
        let Some(pole_id) = self.identify(record, &scope, &mut cells)? else {
            return Ok(());
        };
        let patch = self.op == EventOp::Patch
            && matches!(record.kind, RecordKind::Entity | RecordKind::Shared);
        // A patch that says nothing of a further row must not bring it into being.
        if patch
            && self.owner != Some(pole_id)
            && !record.columns.iter().any(|c| c.expression.tells(&scope))
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
            let cell = self.cell(record, assignment, &scope)?;
            // A row that belongs to another record is none where that record is not told.
            if cell == Cell::Null
                && assignment.is_another_record()
                && record.kind != RecordKind::Entity
            {
                return Ok(());
            }
            cells[assignment.column] = cell;
        }
        let owner_id = self.owner_of(record, pole_id);
        self.rows.push(Row {
            table: record.table,
            op: if patch { Op::Patch } else { Op::Upsert },
            pole_id,
            owner_id,
            owner_set: (record.kind == RecordKind::Set).then_some(record.name.as_str()),
            versioned: matches!(record.kind, RecordKind::Entity | RecordKind::Set),
            carried,
            cells,
        });
        Ok(())
    }

    /// Whether a record's condition holds. A null stands for what is not there.
    fn wanted(&self, record: &'v Record, scope: &Scope<'v>) -> Result<bool, Fault> {
        let Some(when) = &record.when else {
            return Ok(true);
        };
        let value = when
            .value
            .evaluate(scope, &self.plan.calendar)
            .map_err(|reason| {
                Fault::new(
                    &format!("mapping.{}.when", record.name),
                    &when.value.first_path(),
                    reason,
                )
            })?;
        let listed = when.is.is_empty() || when.is.iter().any(|wanted| Cell::of(wanted) == value);
        Ok(listed
            && when
                .present
                .is_none_or(|present| present == (value != Cell::Null)))
    }

    fn cell(
        &self,
        record: &Record,
        assignment: &'v Assignment,
        scope: &Scope<'v>,
    ) -> Result<Cell<'v>, Fault> {
        let calendar = &self.plan.calendar;
        let fault = |reason: &str| {
            let rule = format!("mapping.{}.{}", record.name, assignment.name);
            Fault::new(&rule, &assignment.expression.first_path(), reason)
        };
        let value = assignment
            .expression
            .evaluate(scope, calendar)
            .map_err(fault)?;
        let cell = value.coerce(assignment.kind, calendar).map_err(fault)?;
        let whole = !assignment.is_another_record() || record.kind == RecordKind::Entity;
        if cell == Cell::Null && assignment.required && whole {
            return Err(fault("a required value is missing"));
        }
        Ok(cell)
    }

    /// The row's id; none when a part of the key is absent and the row is not the event's own record.
    fn identify(
        &mut self,
        record: &'v Record,
        scope: &Scope<'v>,
        cells: &mut [Cell<'v>],
    ) -> Result<Option<Uuid>, Fault> {
        match &record.identity {
            Identity::Natural { namespace, key } => {
                let Some(parts) = self.key(key, record, scope)? else {
                    return if record.kind == RecordKind::Entity {
                        Err(missing_key(record, key))
                    } else {
                        Ok(None)
                    };
                };
                let id = self.natural(namespace, parts);
                if record.kind == RecordKind::Entity && self.owner.is_none() {
                    self.owner = Some(id);
                }
                Ok(Some(id))
            }
            Identity::Owned { key } => {
                let Some(parts) = self.key(key, record, scope)? else {
                    return Ok(None);
                };
                let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
                Ok(Some(pole::owned_id(&self.own(), &record.name, &parts)))
            }
            Identity::Link(link) => self.link(link, record, scope, cells),
        }
    }

    fn link(
        &mut self,
        link: &'v Link,
        record: &Record,
        scope: &Scope<'v>,
        cells: &mut [Cell<'v>],
    ) -> Result<Option<Uuid>, Fault> {
        let ends = (
            self.end(&link.from, record, scope)?,
            self.end(&link.to, record, scope)?,
        );
        let (Some(from), Some(to)) = ends else {
            return Ok(None);
        };
        let calendar = &self.plan.calendar;
        let text = |expression: &'v Compiled, column: &str| -> Result<Cow<'v, str>, Fault> {
            let cell = expression.evaluate(scope, calendar).map_err(|reason| {
                Fault::new(
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
        let id = pole::link_id(&self.own(), &from, &to, &link_type, &role);
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

    fn end(
        &mut self,
        end: &'v End,
        record: &Record,
        scope: &Scope<'v>,
    ) -> Result<Option<Uuid>, Fault> {
        let key = self.key(&end.key, record, scope)?;
        Ok(key.map(|parts| self.natural(&end.namespace, parts)))
    }

    fn natural(&mut self, namespace: &'v str, parts: Vec<Cow<'v, str>>) -> Uuid {
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
    fn key(
        &self,
        key: &'v [Compiled],
        record: &Record,
        scope: &Scope<'v>,
    ) -> Result<Key<'v>, Fault> {
        let mut texts = Vec::with_capacity(key.len());
        for part in key {
            let cell = part
                .evaluate(scope, &self.plan.calendar)
                .map_err(|reason| {
                    Fault::new(
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
    fn own(&mut self) -> Uuid {
        let source = &self.plan.contract.name;
        *self
            .owner
            .get_or_insert_with(|| pole::pole_id(source, &[&self.event.key]))
    }

    fn owner_of(&mut self, record: &Record, pole_id: Uuid) -> Uuid {
        if record.kind == RecordKind::Set {
            self.own()
        } else {
            pole_id
        }
    }

    /// The owner's set is stated anew.
    fn replace(&mut self, record: &'v Record) {
        let owner = self.own();
        self.rows.push(Row {
            table: record.table,
            op: Op::Replace,
            pole_id: owner,
            owner_id: owner,
            owner_set: Some(&record.name),
            versioned: true,
            carried: None,
            cells: vec![Cell::Null; record.width],
        });
    }

    /// A row that is not to be is deleted; one that has not even a key never was.
    fn gone_if_known(&mut self, record: &'v Record, scope: Scope<'v>) -> Result<(), Fault> {
        match &record.identity {
            Identity::Natural { key, .. } if self.key(key, record, &scope)?.is_none() => Ok(()),
            _ => self.gone(record, scope),
        }
    }

    /// The event's own record is deleted.
    fn gone(&mut self, record: &'v Record, scope: Scope<'v>) -> Result<(), Fault> {
        let mut cells = vec![Cell::Null; record.width];
        if let Some(pole_id) = self.identify(record, &scope, &mut cells)? {
            let row = Row {
                table: record.table,
                op: Op::Delete,
                pole_id,
                owner_id: pole_id,
                owner_set: None,
                versioned: true,
                carried: None,
                cells,
            };
            self.rows.push(row);
        }
        Ok(())
    }
}

fn missing_key(record: &Record, key: &[Compiled]) -> Fault {
    let path = key.first().map(Compiled::first_path).unwrap_or_default();
    Fault::new(
        &format!("mapping.{}.id", record.name),
        &path,
        "a part of the record's key is missing",
    )
}

/// Whether a patch says what it takes to state the set anew: a set that it does not mention stays as it is, and so does
/// one of which it says too little to tell.
fn set_is_stated(record: &Record, scope: &Scope<'_>) -> bool {
    let within = |expression: &Compiled| expression.depends_on_body(!record.each.is_empty());
    let known = |expression: &Compiled| !within(expression) || expression.is_stated(scope);
    let others = record
        .columns
        .iter()
        .filter(|column| column.is_another_record());
    if !others.map(|column| &column.expression).all(known) {
        return false;
    }
    if let Some(each) = record.each.first() {
        return each.is_stated(scope);
    }
    let when = record
        .when
        .as_ref()
        .map(|when| &when.value)
        .filter(|value| within(value));
    let keys: Vec<&Compiled> = match &record.identity {
        Identity::Link(link) => link.from.key.iter().chain(&link.to.key).collect(),
        Identity::Natural { key, .. } | Identity::Owned { key } => key.iter().collect(),
    };
    let told = keys
        .iter()
        .filter(|key| within(key))
        .any(|key| key.is_stated(scope));
    // A key of constants says nothing: then the condition does.
    let told = told || (when.is_some() && !keys.iter().any(|key| within(key)));
    told && when.is_none_or(|value| value.is_stated(scope))
}

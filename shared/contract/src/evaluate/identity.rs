//! The ids of an event's rows: by natural key, within their owner, or by the two ends of a link.

use std::borrow::Cow;

use pole::{KeyCase, Uuid};

use super::rows::{EventEvaluation, mapping_fault};
use crate::cell::Cell;
use crate::compile::{CompiledIdentity, CompiledLink, CompiledLinkEnd, CompiledRecord};
use crate::expression::{CompiledExpression, ValueRoots};
use crate::fault::EventFault;
use crate::mapping::RecordKind;
use crate::namespace::{KeyNamespace, canonical_part};

/// The parts of a key, or none when one is absent.
type KeyParts<'v> = Option<Vec<Cow<'v, str>>>;

impl<'v> EventEvaluation<'v> {
    /// The row's id; none when a part of the key is absent and the row is not the event's own
    /// record. The columns of a link are filled on the way.
    pub(super) fn identify_row(
        &mut self,
        record: &'v CompiledRecord,
        scope: &ValueRoots<'v>,
        cells: &mut [Cell<'v>],
    ) -> Result<Option<Uuid>, EventFault> {
        match &record.identity {
            CompiledIdentity::Natural { namespace, key } => {
                self.identify_by_natural_key(namespace, key, record, scope)
            }
            CompiledIdentity::Owned { key } => self.identify_within_owner(key, record, scope),
            CompiledIdentity::Link(link) => self.identify_link(link, record, scope, cells),
        }
    }

    /// The id of a row whose key sources may share. The first entity row is the event's own record.
    fn identify_by_natural_key(
        &mut self,
        namespace: &'v KeyNamespace,
        key: &'v [CompiledExpression],
        record: &'v CompiledRecord,
        scope: &ValueRoots<'v>,
    ) -> Result<Option<Uuid>, EventFault> {
        let is_entity = record.kind == RecordKind::Entity;
        let is_own_record = self.is_own_record(record);
        let Some(parts) = self.evaluate_key(key, namespace.case(), record, scope)? else {
            let is_missing =
                is_entity && key.iter().all(|part| self.is_judged(record, part, scope));
            return if is_missing || is_own_record {
                Err(missing_key_fault(record, key))
            } else {
                Ok(None)
            };
        };

        let id = self.cached_pole_id(namespace, parts);
        if is_own_record {
            self.owner.get_or_insert(id);
        }
        Ok(Some(id))
    }

    /// The id of a row whose key is unique only within its owner's set.
    fn identify_within_owner(
        &mut self,
        key: &'v [CompiledExpression],
        record: &'v CompiledRecord,
        scope: &ValueRoots<'v>,
    ) -> Result<Option<Uuid>, EventFault> {
        let Some(parts) = self.evaluate_key(key, KeyCase::Sensitive, record, scope)? else {
            return Ok(None);
        };
        let parts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        Ok(Some(self.identity_key.owned_id(
            &self.event_owner_id(),
            &record.name,
            &parts,
        )))
    }

    /// The id of a link between two rows, and the link's columns; none when one of its ends is
    /// absent.
    fn identify_link(
        &mut self,
        link: &'v CompiledLink,
        record: &CompiledRecord,
        scope: &ValueRoots<'v>,
        cells: &mut [Cell<'v>],
    ) -> Result<Option<Uuid>, EventFault> {
        let from = self.identify_link_end(&link.from, record, scope)?;
        let to = self.identify_link_end(&link.to, record, scope)?;
        let (Some(from), Some(to)) = (from, to) else {
            return Ok(None);
        };

        let link_type = self.evaluate_link_text(&link.link_type, "type", record, scope)?;
        let role = match &link.role {
            Some(role) => self.evaluate_link_text(role, "role", record, scope)?,
            None => Cow::Borrowed(""),
        };
        let id = {
            let owner = self.event_owner_id();
            self.identity_key
                .link_id(&owner, &from, &to, &link_type, &role)
        };

        let values = link_cells(link, (from, to), link_type, role);
        for (column, value) in link.columns.into_iter().zip(values) {
            cells[column] = value;
        }
        Ok(Some(id))
    }

    fn identify_link_end(
        &mut self,
        end: &'v CompiledLinkEnd,
        record: &CompiledRecord,
        scope: &ValueRoots<'v>,
    ) -> Result<Option<Uuid>, EventFault> {
        let key = self.evaluate_key(&end.key, end.namespace.case(), record, scope)?;
        Ok(key.map(|parts| self.cached_pole_id(&end.namespace, parts)))
    }

    /// The type or role of a link; empty where the event holds none.
    fn evaluate_link_text(
        &self,
        expression: &'v CompiledExpression,
        part: &str,
        record: &CompiledRecord,
        scope: &ValueRoots<'v>,
    ) -> Result<Cow<'v, str>, EventFault> {
        match expression.evaluate(scope, &self.value_rules()) {
            Ok(cell) => Ok(cell.into_text().unwrap_or_default()),
            Err(_) if !self.is_judged(record, expression, scope) => Ok(Cow::Borrowed("")),
            Err(reason) => Err(mapping_fault(record, part, expression, reason)),
        }
    }

    /// The id of a namespace and key. The last one is remembered: deriving it hashes the whole key.
    fn cached_pole_id(&mut self, namespace: &'v KeyNamespace, parts: Vec<Cow<'v, str>>) -> Uuid {
        if let Some((known, key, id)) = &self.last_id
            && known.name() == namespace.name()
            && *key == parts
        {
            return *id;
        }

        let id = namespace.derive_id(self.identity_key, &parts);
        self.last_id = Some((namespace, parts, id));
        id
    }

    /// The parts of a key in their canonical form; none when one is absent.
    pub(super) fn evaluate_key(
        &self,
        key: &'v [CompiledExpression],
        case: KeyCase,
        record: &CompiledRecord,
        scope: &ValueRoots<'v>,
    ) -> Result<KeyParts<'v>, EventFault> {
        let mut texts = Vec::with_capacity(key.len());
        for part in key {
            let cell = match part.evaluate(scope, &self.value_rules()) {
                Ok(cell) => cell,
                Err(_) if !self.is_judged(record, part, scope) => return Ok(None),
                Err(reason) => return Err(mapping_fault(record, "id", part, reason)),
            };
            let Some(text) = cell.into_text() else {
                return Ok(None);
            };
            texts.push(canonical_part(text, case));
        }
        Ok(Some(texts))
    }

    /// The id of the event's own record, which owns the event's rows of `kind: set`.
    pub(super) fn event_owner_id(&mut self) -> Uuid {
        if let Some(owner) = self.owner {
            return owner;
        }
        let owner = self.own_record_id().unwrap_or_else(|| {
            let source = &self.mapping.contract.name;
            self.identity_key.pole_id(source, &[&self.event.key])
        });
        self.owner = Some(owner);
        owner
    }

    /// Whether a record of the mapping is the event's own record: the first entity that is no item
    /// of a list.
    pub(super) fn is_own_record(&self, record: &CompiledRecord) -> bool {
        self.mapping
            .own_record()
            .is_some_and(|own| std::ptr::eq(own, record))
    }

    /// The id of the event's own record, also where the event does not give its row.
    fn own_record_id(&mut self) -> Option<Uuid> {
        let record = self.mapping.own_record()?;
        let CompiledIdentity::Natural { namespace, key } = &record.identity else {
            return None;
        };
        let scope = self.body_scope();
        let parts = self.evaluate_key(key, namespace.case(), record, &scope);
        let parts = parts.ok().flatten()?;
        Some(self.cached_pole_id(namespace, parts))
    }

    /// The id of the record that a row belongs to: the event's own for a set, otherwise the row
    /// itself.
    pub(super) fn row_owner_id(&mut self, record: &CompiledRecord, pole_id: Uuid) -> Uuid {
        if record.kind == RecordKind::Set {
            self.event_owner_id()
        } else {
            pole_id
        }
    }
}

/// The cells of a link's columns, in the order of [`CompiledLink::columns`].
fn link_cells<'v>(
    link: &'v CompiledLink,
    (from, to): (Uuid, Uuid),
    link_type: Cow<'v, str>,
    role: Cow<'v, str>,
) -> [Cell<'v>; 6] {
    [
        Cell::Text(Cow::Owned(from.to_string())),
        Cell::Text(Cow::Borrowed(&link.from.table)),
        Cell::Text(Cow::Owned(to.to_string())),
        Cell::Text(Cow::Borrowed(&link.to.table)),
        Cell::Text(link_type),
        if role.is_empty() {
            Cell::Null
        } else {
            Cell::Text(role)
        },
    ]
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

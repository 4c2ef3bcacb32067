//! A mapping as the generator makes it and the oracle reads it: types of their own, which share
//! nothing with the product's.

use serde_json::{Map, Value, json};

/// Where a path begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum PathStart {
    Item,
    Parent,
    Body,
    Event,
}

/// A step of a path.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum PathHop {
    Member(&'static str),
    Nth(usize),
    /// `[?@.name == 'x']`.
    Named(&'static str),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct MappedPath {
    pub(super) start: PathStart,
    pub(super) hops: Vec<PathHop>,
}

impl MappedPath {
    /// A path of members, written `a.b`.
    pub(super) fn of(start: PathStart, members: &'static str) -> Self {
        let hops = members.split('.').map(PathHop::Member).collect();
        Self { start, hops }
    }

    pub(super) fn text(&self) -> String {
        let mut text = match self.start {
            PathStart::Item => "$",
            PathStart::Parent => "parent:$",
            PathStart::Body => "body:$",
            PathStart::Event => "event:$",
        }
        .to_owned();
        for hop in &self.hops {
            text.push_str(&match hop {
                PathHop::Member(name) => format!(".{name}"),
                PathHop::Nth(place) => format!("[{place}]"),
                PathHop::Named(name) => format!("[?@.name == '{name}']"),
            });
        }
        text
    }
}

/// What gives a value.
#[derive(Clone, Debug)]
pub(super) enum Formula {
    Copy(MappedPath),
    Constant(String),
    Concat(Vec<Formula>),
    Coalesce(Vec<Formula>),
    Uprn(Box<Formula>),
    Plate(Box<Formula>),
    /// A date of the form `DD/MM/YYYY`.
    BritishDate(Box<Formula>),
    /// A number of which 0 is none.
    Amount(Box<Formula>),
    /// The raw text of a date that stands for no date.
    Placeholder(MappedPath),
    IdOf(String, Vec<Formula>),
}

impl Formula {
    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::Copy(path) => json!(path.text()),
            Self::Constant(text) => json!({"constant": text}),
            Self::Concat(parts) => {
                json!({"concat": {"parts": list_json(parts), "separator": " "}})
            }
            Self::Coalesce(parts) => json!({"coalesce": list_json(parts)}),
            Self::Uprn(from) => json!({"normalise": {"from": from.to_json(), "as": "uprn"}}),
            Self::Plate(from) => json!({"normalise": {"from": from.to_json(), "as": "vrm"}}),
            Self::BritishDate(from) => {
                json!({"parse": {"from": from.to_json(), "as": "date", "formats": ["DD/MM/YYYY"]}})
            }
            Self::Amount(from) => json!({"parse": {
                "from": from.to_json(), "as": "decimal", "formats": ["1,234.56"], "sentinels": ["0"]
            }}),
            Self::Placeholder(path) => json!({"sentinel": path.text()}),
            Self::IdOf(namespace, key) => {
                json!({"identity": {"namespace": namespace, "key": list_json(key)}})
            }
        }
    }

    /// Every path that it reads.
    pub(super) fn paths(&self) -> Vec<&MappedPath> {
        match self {
            Self::Copy(path) | Self::Placeholder(path) => vec![path],
            Self::Constant(_) => Vec::new(),
            Self::Concat(parts) | Self::Coalesce(parts) | Self::IdOf(_, parts) => {
                parts.iter().flat_map(Self::paths).collect()
            }
            Self::Uprn(from) | Self::Plate(from) | Self::BritishDate(from) | Self::Amount(from) => {
                from.paths()
            }
        }
    }
}

fn list_json(parts: &[Formula]) -> Vec<Value> {
    parts.iter().map(Formula::to_json).collect()
}

/// When an item has a row.
#[derive(Clone, Debug)]
pub(super) struct RowCondition {
    pub(super) value: Formula,
    pub(super) is: Vec<Value>,
    pub(super) present: Option<bool>,
}

impl RowCondition {
    fn to_json(&self) -> Value {
        let mut members = Map::new();
        match &self.value {
            Formula::Copy(path) => members.insert("path".into(), json!(path.text())),
            value => members.insert("value".into(), value.to_json()),
        };
        if !self.is.is_empty() {
            members.insert("is".into(), json!(self.is));
        }
        if let Some(present) = self.present {
            members.insert("present".into(), json!(present));
        }
        Value::Object(members)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum RowKind {
    Entity,
    Set,
    Shared,
    Log,
}

/// One end of a link.
#[derive(Clone, Debug)]
pub(super) struct EndShape {
    pub(super) table: &'static str,
    pub(super) namespace: String,
    pub(super) key: Vec<Formula>,
}

impl EndShape {
    fn to_json(&self) -> Value {
        json!({
            "table": self.table, "namespace": self.namespace, "key": list_json(&self.key)
        })
    }
}

/// What identifies a row.
#[derive(Clone, Debug)]
pub(super) enum IdentityShape {
    Natural(String, Vec<Formula>),
    Owned(Vec<Formula>),
    Link {
        from: EndShape,
        to: EndShape,
        kind: String,
        role: Option<Formula>,
    },
}

impl IdentityShape {
    /// The parts without one of which there is no row.
    pub(super) fn key_parts(&self) -> Vec<&Formula> {
        match self {
            Self::Natural(_, key) | Self::Owned(key) => key.iter().collect(),
            Self::Link { from, to, .. } => from.key.iter().chain(&to.key).collect(),
        }
    }
}

/// What fills a column.
#[derive(Clone, Debug)]
pub(super) struct ColumnShape {
    pub(super) column: &'static str,
    pub(super) formula: Formula,
    /// The column that keeps what this one cannot read.
    pub(super) keep_raw: Option<&'static str>,
}

/// A record of a mapping.
#[derive(Clone, Debug)]
pub(super) struct RecordShape {
    pub(super) name: String,
    pub(super) table: &'static str,
    pub(super) kind: RowKind,
    pub(super) events: Vec<&'static str>,
    pub(super) lists: Vec<&'static str>,
    pub(super) when: Option<RowCondition>,
    pub(super) id: IdentityShape,
    pub(super) columns: Vec<ColumnShape>,
}

impl RecordShape {
    pub(super) fn hears(&self, event_type: &str) -> bool {
        self.events.is_empty() || self.events.contains(&event_type)
    }

    /// Every formula of the record.
    pub(super) fn formulas(&self) -> Vec<&Formula> {
        let mut formulas = self.id.key_parts();
        if let IdentityShape::Link { role, .. } = &self.id {
            formulas.extend(role);
        }
        formulas.extend(self.when.as_ref().map(|when| &when.value));
        formulas.extend(self.columns.iter().map(|column| &column.formula));
        formulas
    }

    /// The fields that the record's condition reads.
    pub(super) fn condition_fields(&self) -> Vec<&'static str> {
        let when = self.when.iter();
        when.flat_map(|when| self.fields_of(&when.value)).collect()
    }

    /// The list that gives the record's rows, and the fields of which one value is joined.
    pub(super) fn shaping_fields(&self) -> Vec<&'static str> {
        let mut fields: Vec<&'static str> = self.lists.first().copied().into_iter().collect();
        for column in &self.columns {
            let parts = self.fields_of(&column.formula);
            if parts.len() > 1 {
                fields.extend(parts);
            }
        }
        fields
    }

    /// The fields of the record's body that a formula reads, beside those of items.
    fn fields_of(&self, formula: &Formula) -> Vec<&'static str> {
        let is_of_body = |path: &&MappedPath| match path.start {
            PathStart::Body => true,
            PathStart::Item => self.lists.is_empty(),
            PathStart::Parent => self.lists.len() < 2,
            PathStart::Event => false,
        };
        let paths = formula.paths().into_iter().filter(is_of_body);
        paths
            .filter_map(|path| match path.hops.first() {
                Some(PathHop::Member(name)) => Some(*name),
                _ => None,
            })
            .collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let mut record = json!({"name": self.name, "table": self.table});
        record["kind"] = json!(match self.kind {
            RowKind::Entity => "entity",
            RowKind::Set => "set",
            RowKind::Shared => "shared",
            RowKind::Log => "log",
        });
        if !self.events.is_empty() {
            record["events"] = json!(self.events);
        }
        match self.lists.as_slice() {
            [] => {}
            [list] => record["for_each"] = json!(format!("$.{list}[*]")),
            lists => {
                let paths: Vec<String> = lists.iter().map(|list| format!("$.{list}[*]")).collect();
                record["for_each"] = json!(paths);
            }
        }
        if let Some(when) = &self.when {
            record["when"] = when.to_json();
        }
        self.write_identity(&mut record);
        let columns: Map<String, Value> = self.columns.iter().map(column_json).collect();
        if !columns.is_empty() {
            record["columns"] = Value::Object(columns);
        }
        record
    }

    fn write_identity(&self, record: &mut Value) {
        match &self.id {
            IdentityShape::Natural(namespace, key) => {
                record["id"] = json!({"namespace": namespace, "key": list_json(key)});
            }
            IdentityShape::Owned(key) => record["id"] = json!({"key": list_json(key)}),
            IdentityShape::Link {
                from,
                to,
                kind,
                role,
            } => {
                record["link"] = json!({
                    "from": from.to_json(), "to": to.to_json(), "type": {"constant": kind}
                });
                if let Some(role) = role {
                    record["link"]["role"] = role.to_json();
                }
            }
        }
    }
}

fn column_json(column: &ColumnShape) -> (String, Value) {
    let value = match column.keep_raw {
        None => column.formula.to_json(),
        Some(raw) => json!({
            "value": column.formula.to_json(), "unreadable": "null-and-count", "keep_raw": raw
        }),
    };
    (column.column.to_owned(), value)
}

//! From a mapping's text to a plan: every name resolved, every required column filled, once, at cold start.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::cell::Calendar;
use crate::expression::{Compiled, Place, Shapes};
use crate::fault::{Problem, Spot, nearest};
use crate::file::File;
use crate::list::Lists;
use crate::mapping::{
    EndDocument, Expression, LinkDocument, MappingDocument, RecordDocument, RecordKind,
    WhenDocument,
};
use crate::source::SourceContract;
use crate::table::{ColumnType, TableContract};
use crate::time::parse_date;
use crate::yaml;

/// A compiled mapping with its contract.
#[derive(Debug)]
pub struct Plan {
    /// The source's contract.
    pub contract: Arc<SourceContract>,
    /// The mapping's version.
    pub version: String,
    pub(crate) records: Vec<Record>,
    pub(crate) calendar: Calendar,
}

/// One kind of row that an event gives.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) name: String,
    /// The table's place in the catalogue.
    pub(crate) table: usize,
    pub(crate) kind: RecordKind,
    pub(crate) events: Vec<String>,
    /// The lists that it has a row for every item of, each within an item of the one before.
    pub(crate) each: Vec<Place>,
    pub(crate) when: Option<When>,
    pub(crate) identity: Identity,
    /// (column's place, its type, whether it is required, expression)
    pub(crate) columns: Vec<Assignment>,
    pub(crate) width: usize,
}

#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) column: usize,
    pub(crate) name: String,
    pub(crate) kind: ColumnType,
    pub(crate) required: bool,
    pub(crate) expression: Compiled,
}

impl Assignment {
    /// Whether the column names another record without which there is no row, such as `person_id`.
    pub(crate) fn is_another_record(&self) -> bool {
        self.required && matches!(self.expression, Compiled::Identity { .. })
    }
}

#[derive(Debug)]
pub(crate) struct When {
    pub(crate) value: Compiled,
    pub(crate) is: Vec<Value>,
    pub(crate) present: Option<bool>,
}

/// How a row gets its id.
#[derive(Debug)]
pub(crate) enum Identity {
    /// By a key in a namespace that other sources may share.
    Natural {
        namespace: String,
        key: Vec<Compiled>,
    },
    /// By its owner and a key within the owner's set.
    Owned { key: Vec<Compiled> },
    /// By its ends, type and role, within its owner.
    Link(Box<Link>),
}

impl Identity {
    /// Every expression that the identity is made of.
    pub(crate) fn expressions(&self) -> Vec<&Compiled> {
        match self {
            Self::Natural { key, .. } | Self::Owned { key } => key.iter().collect(),
            Self::Link(link) => {
                let ends = link.from.key.iter().chain(&link.to.key);
                ends.chain(std::iter::once(&link.link_type))
                    .chain(&link.role)
                    .collect()
            }
        }
    }
}

#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) from: End,
    pub(crate) to: End,
    pub(crate) link_type: Compiled,
    pub(crate) role: Option<Compiled>,
    /// Places of from_id, from_table, to_id, to_table, link_type, role.
    pub(crate) columns: [usize; 6],
}

#[derive(Debug)]
pub(crate) struct End {
    pub(crate) table: String,
    pub(crate) namespace: String,
    pub(crate) key: Vec<Compiled>,
}

/// What a mapping is compiled against.
pub(crate) struct Against<'c> {
    pub(crate) tables: &'c [TableContract],
    pub(crate) lists: &'c Lists,
}

impl Plan {
    /// Compiles the mapping in `file` for `contract`.
    pub(crate) fn compile(
        file: &File,
        contract: Arc<SourceContract>,
        against: &Against<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let problem = |needle: &str, from: usize, message: String| {
            Problem::error(&file.path, Spot::of(file.text(), needle, from), message)
        };
        let document: MappingDocument = yaml::read(file).map_err(|problem| vec![problem])?;
        if document.source != contract.name {
            let message = format!(
                "the mapping is for `{}`, the contract beside it is `{}`",
                document.source, contract.name
            );
            return Err(vec![problem("source:", 1, message)]);
        }
        let calendar =
            calendar(&document).map_err(|(needle, why)| vec![problem(&needle, 1, why)])?;
        let (mut records, mut problems) = (Vec::<Record>::new(), Vec::new());
        let mut begins = 1;
        for record in &document.records {
            begins = Spot::of(file.text(), &format!("name: {}", record.name), begins).line;
            if records.iter().any(|known| known.name == record.name) {
                problems.push(problem(
                    &record.name,
                    begins,
                    format!("two records are called `{}`", record.name),
                ));
            }
            match compile_record(record, &contract, against) {
                Ok(record) => records.push(record),
                Err(faults) => problems.extend(
                    faults
                        .into_iter()
                        .map(|(needle, message)| problem(&needle, begins, message)),
                ),
            }
        }
        if document.records.is_empty() {
            problems.push(problem(
                "records",
                1,
                "the mapping gives no rows; `records` needs at least one".into(),
            ));
        }
        if problems.is_empty() {
            Ok(Self {
                contract,
                version: document.version,
                records,
                calendar,
            })
        } else {
            Err(problems)
        }
    }

    /// The places in the catalogue of the tables that the mapping fills.
    #[must_use]
    pub fn tables(&self) -> Vec<usize> {
        let mut tables: Vec<usize> = self.records.iter().map(|record| record.table).collect();
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// Whether rows of this table can be ones that several records share: such a row is not the record's own, though it
    /// belongs to no other.
    #[must_use]
    pub fn shares(&self, table: usize) -> bool {
        self.fills(table, RecordKind::Shared)
    }

    /// Whether rows of this table can be the record itself: others may name it.
    #[must_use]
    pub fn is_own(&self, table: usize) -> bool {
        self.fills(table, RecordKind::Entity)
    }

    fn fills(&self, table: usize, kind: RecordKind) -> bool {
        self.records
            .iter()
            .any(|record| record.table == table && record.kind == kind)
    }

    /// Lineage: which source paths fill which column, as (table's place, column, paths).
    #[must_use]
    pub fn lineage(&self) -> Vec<(usize, String, Vec<String>)> {
        let mut lines = Vec::new();
        for record in &self.records {
            for assignment in &record.columns {
                let mut places = Vec::new();
                assignment.expression.places(&mut places);
                let paths = places.iter().map(|place| place.text().to_owned()).collect();
                lines.push((record.table, assignment.name.clone(), paths));
            }
        }
        lines
    }
}

fn calendar(document: &MappingDocument) -> Result<Calendar, Finding> {
    let day = |text: &String| {
        parse_date(text).ok_or_else(|| {
            (
                text.clone(),
                format!("the sentinel `{text}` is not a date such as 1900-01-01"),
            )
        })
    };
    let zone = |name: &String| {
        TimeZone::get(name).map_err(|_| {
            (
                name.clone(),
                format!("`{name}` is not a time zone of the IANA database"),
            )
        })
    };
    Ok(Calendar {
        sentinels: document
            .sentinels
            .iter()
            .map(day)
            .collect::<Result<_, _>>()?,
        zone: document.timezone.as_ref().map(zone).transpose()?,
    })
}

/// (a text that stands on the line that is meant, what is wrong)
type Finding = (String, String);

fn compile_record(
    document: &RecordDocument,
    contract: &SourceContract,
    against: &Against<'_>,
) -> Result<Record, Vec<Finding>> {
    let one = |needle: &str, message: String| vec![(needle.to_owned(), message)];
    let Some(table) = against
        .tables
        .iter()
        .position(|table| table.name == document.table)
    else {
        let known = against.tables.iter().map(|table| table.name.as_str());
        let message = format!(
            "there is no table `{}`{}",
            document.table,
            nearest(&document.table, known)
        );
        return Err(one("table:", message));
    };
    let target = &against.tables[table];
    let unknown = document
        .events
        .iter()
        .find(|event| !contract.events.contains_key(*event));
    if let Some(event) = unknown {
        let near = nearest(event, contract.events.keys().map(String::as_str));
        return Err(one(
            event,
            format!("the contract declares no event type `{event}`{near}"),
        ));
    }
    let identity = identity(document, target, against).map_err(|why| one("id:", why))?;
    let columns = assignments(document, target, against)?;
    let record = Record {
        name: document.name.clone(),
        table,
        kind: document.kind,
        events: document.events.clone(),
        each: each(document).map_err(|why| one("for_each", why))?,
        when: document
            .when
            .as_ref()
            .map(|document| when(document, against))
            .transpose()
            .map_err(|why| one("when", why))?,
        identity,
        columns,
        width: target.columns.len(),
    };
    if !record.each.is_empty() && matches!(record.kind, RecordKind::Entity) && record.when.is_some()
    {
        return Err(one(
            "when",
            "a record of `kind: entity` with `for_each` cannot have `when`: use `kind: set`".into(),
        ));
    }
    undeclared(&record, contract)?;
    unfilled(&record, target).map_or(Ok(record), |column| {
        Err(one(
            &document.name,
            format!(
                "the required column `{column}` of `{}` is not filled",
                target.name
            ),
        ))
    })
}

fn each(document: &RecordDocument) -> Result<Vec<Place>, String> {
    let paths = document
        .for_each
        .as_ref()
        .map(crate::mapping::OneOrMany::paths)
        .unwrap_or_default();
    paths.iter().map(|path| Place::parse(path)).collect()
}

fn when(document: &WhenDocument, against: &Against<'_>) -> Result<When, String> {
    let value = match (&document.path, &document.value) {
        (Some(path), None) => Compiled::Copy(Place::parse(path)?),
        (None, Some(value)) => Compiled::compile(value, against.lists)?,
        _ => return Err("`when` needs `path` or `value`, and not both".into()),
    };
    if document.is.is_empty() && document.present.is_none() {
        return Err("`when` needs `is` or `present`".into());
    }
    Ok(When {
        value,
        is: document.is.clone(),
        present: document.present,
    })
}

/// Paths that lead nowhere in the shape that the contract declares: most are misspelt, and would give nulls for ever.
fn undeclared(record: &Record, contract: &SourceContract) -> Result<(), Vec<Finding>> {
    let (event, body) = (&contract.event_shape, contract.record());
    let mut shapes = Shapes {
        event,
        body,
        parent: body,
        here: body,
    };
    for place in &record.each {
        let at = |why: String| vec![("for_each".to_owned(), why)];
        let here = place.shape(&shapes).map_err(at)?;
        shapes = Shapes {
            parent: shapes.here,
            here,
            ..shapes
        };
    }
    let when = record
        .when
        .iter()
        .map(|when| ("when".to_owned(), &when.value));
    let keys = record
        .identity
        .expressions()
        .into_iter()
        .map(|key| ("key".to_owned(), key));
    let columns = record
        .columns
        .iter()
        .map(|column| (format!("{}:", column.name), &column.expression));
    let mut faults: Vec<Finding> = Vec::new();
    for (needle, expression) in when.chain(keys).chain(columns) {
        let mut places = Vec::new();
        expression.places(&mut places);
        let wrong = places
            .into_iter()
            .filter_map(|place| place.shape(&shapes).err());
        faults.extend(wrong.map(|why| (needle.clone(), why)));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn keys(key: &[Expression], against: &Against<'_>) -> Result<Vec<Compiled>, String> {
    key.iter()
        .map(|part| Compiled::compile(part, against.lists))
        .collect()
}

fn identity(
    document: &RecordDocument,
    table: &TableContract,
    against: &Against<'_>,
) -> Result<Identity, String> {
    match (&document.link, &document.id, document.kind) {
        (Some(link), None, RecordKind::Set) => link_identity(link, table, against),
        (Some(_), _, _) => {
            Err("a link has `kind: set` and no `id`: its ends, type and role make it".into())
        }
        (None, Some(id), RecordKind::Set) => match &id.namespace {
            None => Ok(Identity::Owned {
                key: keys(&id.key, against)?,
            }),
            Some(_) => {
                Err("a record of `kind: set` belongs to its owner and has no namespace".into())
            }
        },
        (None, Some(id), _) => match &id.namespace {
            Some(namespace) => Ok(Identity::Natural {
                namespace: namespace.clone(),
                key: keys(&id.key, against)?,
            }),
            None => Err("the id needs a `namespace`".into()),
        },
        (None, None, _) => Err("the record needs an `id` or a `link`".into()),
    }
}

fn link_identity(
    link: &LinkDocument,
    table: &TableContract,
    against: &Against<'_>,
) -> Result<Identity, String> {
    let place = |name| {
        table
            .position(name)
            .ok_or_else(|| format!("`{}` is not a table of links", table.name))
    };
    Ok(Identity::Link(Box::new(Link {
        from: end(&link.from, against)?,
        to: end(&link.to, against)?,
        link_type: Compiled::compile(&link.link_type, against.lists)?,
        role: link
            .role
            .as_ref()
            .map(|role| Compiled::compile(role, against.lists))
            .transpose()?,
        columns: [
            place("from_id")?,
            place("from_table")?,
            place("to_id")?,
            place("to_table")?,
            place("link_type")?,
            place("role")?,
        ],
    })))
}

fn end(document: &EndDocument, against: &Against<'_>) -> Result<End, String> {
    let known = || against.tables.iter().map(|table| table.name.as_str());
    if !known().any(|name| name == document.table) {
        return Err(format!(
            "there is no table `{}`{}",
            document.table,
            nearest(&document.table, known())
        ));
    }
    Ok(End {
        table: document.table.clone(),
        namespace: document.namespace.clone(),
        key: keys(&document.key, against)?,
    })
}

fn assignments(
    document: &RecordDocument,
    table: &TableContract,
    against: &Against<'_>,
) -> Result<Vec<Assignment>, Vec<Finding>> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (name, expression) in &document.columns {
        let own = table.own().iter().any(|column| column.name == *name);
        let compiled = Compiled::compile(expression, against.lists);
        match (table.position(name).filter(|_| own), compiled) {
            (Some(place), Ok(expression)) => {
                let column = &table.columns[place];
                found.push(Assignment {
                    column: place,
                    name: name.clone(),
                    kind: column.kind,
                    required: column.required,
                    expression,
                });
            }
            (None, _) => faults.push((
                format!("{name}:"),
                format!(
                    "`{}` has no column `{name}`{}",
                    table.name,
                    table.nearest(name)
                ),
            )),
            (_, Err(why)) => faults.push((format!("{name}:"), format!("column `{name}`: {why}"))),
        }
    }
    if faults.is_empty() {
        Ok(found)
    } else {
        Err(faults)
    }
}

/// A required column of the table's own that nothing fills.
fn unfilled(record: &Record, table: &TableContract) -> Option<String> {
    let linked: &[usize] = match &record.identity {
        Identity::Link(link) => &link.columns,
        _ => &[],
    };
    let filled = |place: usize| {
        linked.contains(&place) || record.columns.iter().any(|known| known.column == place)
    };
    let own = pole::PROVENANCE.len();
    let mut required = table
        .columns
        .iter()
        .enumerate()
        .skip(own)
        .filter(|(_, column)| column.required);
    required
        .find(|(place, _)| !filled(*place))
        .map(|(_, column)| column.name.clone())
}

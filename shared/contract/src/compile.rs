//! From a mapping's text to a plan: every name resolved, every required column filled, once, at cold start.

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

use crate::cell::Calendar;
use crate::column::ColumnType;
use crate::expression::{CompiledExpression, RootedPath, StructureRoots};
use crate::file::DeclaredFile;
use crate::list::ReferenceLists;
use crate::mapping::{
    EndDocument, Expression, LinkDocument, MappingDocument, RecordDocument, RecordKind,
    WhenDocument,
};
use crate::problem::{Location, Problem, nearest_name_hint};
use crate::source::SourceContract;
use crate::table::TableContract;
use crate::time::parse_date;
use crate::yaml;

/// A compiled mapping with its contract.
#[derive(Debug)]
pub struct CompiledMapping {
    /// The source's contract.
    pub contract: Arc<SourceContract>,
    /// The mapping's version.
    pub version: String,
    pub(crate) records: Vec<CompiledRecord>,
    pub(crate) calendar: Calendar,
}

/// One kind of row that an event gives.
#[derive(Debug)]
pub(crate) struct CompiledRecord {
    pub(crate) name: String,
    /// The table's place in the catalogue.
    pub(crate) table: usize,
    pub(crate) kind: RecordKind,
    pub(crate) events: Vec<String>,
    /// The lists that it has a row for every item of, each within an item of the one before.
    pub(crate) for_each: Vec<RootedPath>,
    pub(crate) when: Option<RecordCondition>,
    pub(crate) identity: CompiledIdentity,
    /// (column's place, its type, whether it is required, expression)
    pub(crate) columns: Vec<Assignment>,
    pub(crate) column_count: usize,
}

#[derive(Debug)]
pub(crate) struct Assignment {
    pub(crate) column: usize,
    pub(crate) name: String,
    pub(crate) kind: ColumnType,
    pub(crate) required: bool,
    pub(crate) expression: CompiledExpression,
}

impl Assignment {
    /// Whether the column names another record without which there is no row, such as `person_id`.
    pub(crate) fn names_another_record(&self) -> bool {
        self.required && matches!(self.expression, CompiledExpression::Identity { .. })
    }
}

#[derive(Debug)]
pub(crate) struct RecordCondition {
    pub(crate) value: CompiledExpression,
    pub(crate) is: Vec<Value>,
    pub(crate) present: Option<bool>,
}

/// How a row gets its id.
#[derive(Debug)]
pub(crate) enum CompiledIdentity {
    /// By a key in a namespace that other sources may share.
    Natural {
        namespace: String,
        key: Vec<CompiledExpression>,
    },
    /// By its owner and a key within the owner's set.
    Owned { key: Vec<CompiledExpression> },
    /// By its ends, type and role, within its owner.
    Link(Box<CompiledLink>),
}

impl CompiledIdentity {
    /// Every expression that the identity is made of.
    pub(crate) fn key_expressions(&self) -> Vec<&CompiledExpression> {
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
pub(crate) struct CompiledLink {
    pub(crate) from: CompiledLinkEnd,
    pub(crate) to: CompiledLinkEnd,
    pub(crate) link_type: CompiledExpression,
    pub(crate) role: Option<CompiledExpression>,
    /// Places of from_id, from_table, to_id, to_table, link_type, role.
    pub(crate) columns: [usize; 6],
}

#[derive(Debug)]
pub(crate) struct CompiledLinkEnd {
    pub(crate) table: String,
    pub(crate) namespace: String,
    pub(crate) key: Vec<CompiledExpression>,
}

/// What a mapping is compiled against.
pub(crate) struct MappingContext<'c> {
    pub(crate) tables: &'c [TableContract],
    pub(crate) lists: &'c ReferenceLists,
}

impl CompiledMapping {
    /// Compiles the mapping in `file` for `contract`.
    pub(crate) fn compile(
        file: &DeclaredFile,
        contract: Arc<SourceContract>,
        against: &MappingContext<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let problem = |needle: &str, from: usize, message: String| {
            Problem::error(
                &file.path,
                Location::find_word(file.text(), needle, from),
                message,
            )
        };
        let document: MappingDocument =
            yaml::read_document(file).map_err(|problem| vec![problem])?;
        if document.source != contract.name {
            let message = format!(
                "the mapping is for `{}`, the contract beside it is `{}`",
                document.source, contract.name
            );
            return Err(vec![problem("source:", 1, message)]);
        }
        let calendar =
            compile_calendar(&document).map_err(|(needle, why)| vec![problem(&needle, 1, why)])?;
        let (mut records, mut problems) = (Vec::<CompiledRecord>::new(), Vec::new());
        let mut begins = 1;
        for record in &document.records {
            begins =
                Location::find_word(file.text(), &format!("name: {}", record.name), begins).line;
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
    pub fn table_indices(&self) -> Vec<usize> {
        let mut tables: Vec<usize> = self.records.iter().map(|record| record.table).collect();
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// Whether rows of this table can be ones that several records share: such a row is not the record's own, though it
    /// belongs to no other.
    #[must_use]
    pub fn fills_as_shared(&self, table: usize) -> bool {
        self.fills_table_as(table, RecordKind::Shared)
    }

    /// Whether rows of this table can be the record itself: others may name it.
    #[must_use]
    pub fn fills_as_entity(&self, table: usize) -> bool {
        self.fills_table_as(table, RecordKind::Entity)
    }

    fn fills_table_as(&self, table: usize, kind: RecordKind) -> bool {
        self.records
            .iter()
            .any(|record| record.table == table && record.kind == kind)
    }

    /// Lineage: which source paths fill which column, as (table's place, column, paths).
    #[must_use]
    pub fn column_lineage(&self) -> Vec<(usize, String, Vec<String>)> {
        let mut lines = Vec::new();
        for record in &self.records {
            for assignment in &record.columns {
                let mut places = Vec::new();
                assignment.expression.collect_paths(&mut places);
                let paths = places.iter().map(|place| place.text().to_owned()).collect();
                lines.push((record.table, assignment.name.clone(), paths));
            }
        }
        lines
    }
}

fn compile_calendar(document: &MappingDocument) -> Result<Calendar, MappingFinding> {
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
type MappingFinding = (String, String);

fn compile_record(
    document: &RecordDocument,
    contract: &SourceContract,
    against: &MappingContext<'_>,
) -> Result<CompiledRecord, Vec<MappingFinding>> {
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
            nearest_name_hint(&document.table, known)
        );
        return Err(one("table:", message));
    };
    let target = &against.tables[table];
    let unknown = document
        .events
        .iter()
        .find(|event| !contract.events.contains_key(*event));
    if let Some(event) = unknown {
        let near = nearest_name_hint(event, contract.events.keys().map(String::as_str));
        return Err(one(
            event,
            format!("the contract declares no event type `{event}`{near}"),
        ));
    }
    let identity = compile_identity(document, target, against).map_err(|why| one("id:", why))?;
    let columns = compile_assignments(document, target, against)?;
    let record = CompiledRecord {
        name: document.name.clone(),
        table,
        kind: document.kind,
        events: document.events.clone(),
        for_each: compile_for_each(document).map_err(|why| one("for_each", why))?,
        when: document
            .when
            .as_ref()
            .map(|document| compile_condition(document, against))
            .transpose()
            .map_err(|why| one("when", why))?,
        identity,
        columns,
        column_count: target.columns.len(),
    };
    if !record.for_each.is_empty()
        && matches!(record.kind, RecordKind::Entity)
        && record.when.is_some()
    {
        return Err(one(
            "when",
            "a record of `kind: entity` with `for_each` cannot have `when`: use `kind: set`".into(),
        ));
    }
    check_mapped_paths(&record, contract)?;
    find_unfilled_column(&record, target).map_or(Ok(record), |column| {
        Err(one(
            &document.name,
            format!(
                "the required column `{column}` of `{}` is not filled",
                target.name
            ),
        ))
    })
}

fn compile_for_each(document: &RecordDocument) -> Result<Vec<RootedPath>, String> {
    let paths = document
        .for_each
        .as_ref()
        .map(crate::mapping::OneOrMany::paths)
        .unwrap_or_default();
    paths.iter().map(|path| RootedPath::parse(path)).collect()
}

fn compile_condition(
    document: &WhenDocument,
    against: &MappingContext<'_>,
) -> Result<RecordCondition, String> {
    let value = match (&document.path, &document.value) {
        (Some(path), None) => CompiledExpression::Copy(RootedPath::parse(path)?),
        (None, Some(value)) => CompiledExpression::compile(value, against.lists)?,
        _ => return Err("`when` needs `path` or `value`, and not both".into()),
    };
    if document.is.is_empty() && document.present.is_none() {
        return Err("`when` needs `is` or `present`".into());
    }
    Ok(RecordCondition {
        value,
        is: document.is.clone(),
        present: document.present,
    })
}

/// Paths that lead nowhere in the shape that the contract declares: most are misspelt, and would give nulls for ever.
fn check_mapped_paths(
    record: &CompiledRecord,
    contract: &SourceContract,
) -> Result<(), Vec<MappingFinding>> {
    let (event, body) = (&contract.event_structure, contract.declared_record());
    let mut shapes = StructureRoots {
        event,
        body,
        parent: body,
        here: body,
    };
    for place in &record.for_each {
        let at = |why: String| vec![("for_each".to_owned(), why)];
        let here = place.declared_structure(&shapes).map_err(at)?;
        shapes = StructureRoots {
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
        .key_expressions()
        .into_iter()
        .map(|key| ("key".to_owned(), key));
    let columns = record
        .columns
        .iter()
        .map(|column| (format!("{}:", column.name), &column.expression));
    let mut faults: Vec<MappingFinding> = Vec::new();
    for (needle, expression) in when.chain(keys).chain(columns) {
        let mut places = Vec::new();
        expression.collect_paths(&mut places);
        let wrong = places
            .into_iter()
            .filter_map(|place| place.declared_structure(&shapes).err());
        faults.extend(wrong.map(|why| (needle.clone(), why)));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

fn compile_key(
    key: &[Expression],
    against: &MappingContext<'_>,
) -> Result<Vec<CompiledExpression>, String> {
    key.iter()
        .map(|part| CompiledExpression::compile(part, against.lists))
        .collect()
}

fn compile_identity(
    document: &RecordDocument,
    table: &TableContract,
    against: &MappingContext<'_>,
) -> Result<CompiledIdentity, String> {
    match (&document.link, &document.id, document.kind) {
        (Some(link), None, RecordKind::Set) => compile_link(link, table, against),
        (Some(_), _, _) => {
            Err("a link has `kind: set` and no `id`: its ends, type and role make it".into())
        }
        (None, Some(id), RecordKind::Set) => match &id.namespace {
            None => Ok(CompiledIdentity::Owned {
                key: compile_key(&id.key, against)?,
            }),
            Some(_) => {
                Err("a record of `kind: set` belongs to its owner and has no namespace".into())
            }
        },
        (None, Some(id), _) => match &id.namespace {
            Some(namespace) => Ok(CompiledIdentity::Natural {
                namespace: namespace.clone(),
                key: compile_key(&id.key, against)?,
            }),
            None => Err("the id needs a `namespace`".into()),
        },
        (None, None, _) => Err("the record needs an `id` or a `link`".into()),
    }
}

fn compile_link(
    link: &LinkDocument,
    table: &TableContract,
    against: &MappingContext<'_>,
) -> Result<CompiledIdentity, String> {
    let place = |name| {
        table
            .column_index(name)
            .ok_or_else(|| format!("`{}` is not a table of links", table.name))
    };
    Ok(CompiledIdentity::Link(Box::new(CompiledLink {
        from: compile_link_end(&link.from, against)?,
        to: compile_link_end(&link.to, against)?,
        link_type: CompiledExpression::compile(&link.link_type, against.lists)?,
        role: link
            .role
            .as_ref()
            .map(|role| CompiledExpression::compile(role, against.lists))
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

fn compile_link_end(
    document: &EndDocument,
    against: &MappingContext<'_>,
) -> Result<CompiledLinkEnd, String> {
    let known = || against.tables.iter().map(|table| table.name.as_str());
    if !known().any(|name| name == document.table) {
        return Err(format!(
            "there is no table `{}`{}",
            document.table,
            nearest_name_hint(&document.table, known())
        ));
    }
    Ok(CompiledLinkEnd {
        table: document.table.clone(),
        namespace: document.namespace.clone(),
        key: compile_key(&document.key, against)?,
    })
}

fn compile_assignments(
    document: &RecordDocument,
    table: &TableContract,
    against: &MappingContext<'_>,
) -> Result<Vec<Assignment>, Vec<MappingFinding>> {
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    for (name, expression) in &document.columns {
        let own = table
            .own_columns()
            .iter()
            .any(|column| column.name == *name);
        let compiled = CompiledExpression::compile(expression, against.lists);
        match (table.column_index(name).filter(|_| own), compiled) {
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
                    table.nearest_column_hint(name)
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
fn find_unfilled_column(record: &CompiledRecord, table: &TableContract) -> Option<String> {
    let linked: &[usize] = match &record.identity {
        CompiledIdentity::Link(link) => &link.columns,
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

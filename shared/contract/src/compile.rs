//! Compiles a mapping once, at cold start: every name is resolved, and every required column is
//! filled.

mod further_rows;
mod groups;
mod record;

use std::sync::Arc;

use jiff::tz::TimeZone;
use serde_json::Value;

pub use self::groups::{GroupedRecord, RecordGroup};

use self::further_rows::find_rows_of_two_records;
use self::groups::group_records;
use self::record::compile_record;
use crate::absent_day::describe_absent_day;
use crate::calendar::Calendar;
use crate::cell::Cell;
use crate::column::ColumnType;
use crate::expression::{CompiledExpression, RootedPath, ValueRoots, ValueRules};
use crate::file::DeclaredFile;
use crate::locator::problem_at;
use crate::mapping::{MappingDocument, RecordKind, UnreadablePolicy};
use crate::namespace::{KeyNamespace, NamedReferences};
use crate::number::Rounding;
use crate::place::DocumentPlace;
use crate::problem::Problem;
use crate::source::SourceContract;
use crate::table::TableContract;
use crate::time::parse_date;
use crate::yaml;

/// A place of the mapping, and what is wrong there.
type MappingFinding = (DocumentPlace, String);

/// A compiled mapping with its contract.
#[derive(Debug)]
pub struct CompiledMapping {
    /// The source's contract.
    pub contract: Arc<SourceContract>,
    /// The mapping's version.
    pub version: String,
    pub(crate) records: Vec<CompiledRecord>,
    pub(crate) calendar: Calendar,
    /// The records whose rows the merge makes from statements; empty for a source without patches.
    pub(crate) record_groups: Vec<RecordGroup>,
}

/// One kind of row that an event gives.
#[derive(Debug)]
pub(crate) struct CompiledRecord {
    pub(crate) name: String,
    /// The table's index in the catalogue.
    pub(crate) table: usize,
    pub(crate) kind: RecordKind,
    /// The event types that give this row; all of them when empty.
    pub(crate) events: Vec<String>,
    /// The lists that give a row for every item, each within an item of the one before.
    pub(crate) for_each: Vec<RootedPath>,
    pub(crate) when: Option<RecordCondition>,
    pub(crate) identity: CompiledIdentity,
    /// What fills the columns.
    pub(crate) columns: Vec<Assignment>,
    /// The number of the table's columns, with the provenance.
    pub(crate) column_count: usize,
}

/// An expression that fills a column.
#[derive(Debug)]
pub(crate) struct Assignment {
    /// The column's index in the table.
    pub(crate) column: usize,
    pub(crate) name: String,
    pub(crate) kind: ColumnType,
    pub(crate) required: bool,
    pub(crate) expression: CompiledExpression,
    /// How a number with more places than the column is rounded, if it is.
    pub(crate) round: Option<Rounding>,
    pub(crate) unreadable: UnreadablePolicy,
    /// The column that keeps the text of a value that could not be read.
    pub(crate) raw_column: Option<RawColumn>,
}

/// The column that keeps the text of a value that another column could not read.
#[derive(Debug)]
pub(crate) struct RawColumn {
    /// The column's index in the table.
    pub(crate) index: usize,
    pub(crate) name: String,
}

impl Assignment {
    /// Whether the column names another record without which there is no row, such as `person_id`.
    pub(crate) fn names_another_record(&self) -> bool {
        self.required && matches!(self.expression, CompiledExpression::Identity { .. })
    }

    /// The value in the column's type, or why there is none.
    pub(crate) fn evaluate<'v>(
        &'v self,
        scope: &ValueRoots<'v>,
        rules: &ValueRules<'_>,
    ) -> Result<Cell<'v>, &'static str> {
        let cell = self.expression.evaluate(scope, rules)?;
        let cell = match self.round {
            Some(rounding) => cell.round_to_places(self.kind, rounding),
            None => cell,
        };
        cell.coerce_to_type(self.kind, rules.calendar)
    }
}

/// The condition under which an item has a row.
#[derive(Debug)]
pub(crate) struct RecordCondition {
    pub(crate) value: CompiledExpression,
    /// The values of which it must be one; empty where any will do.
    pub(crate) is: Vec<Value>,
    /// Whether it must be present, or must be absent.
    pub(crate) present: Option<bool>,
}

impl RecordCondition {
    /// Whether the condition holds for a value. A null means that the value is absent.
    pub(crate) fn holds_for(&self, value: &Cell<'_>) -> bool {
        let listed = self.is.is_empty()
            || self
                .is
                .iter()
                .any(|wanted| Cell::from_json(wanted) == *value);
        let is_present = *value != Cell::Null;
        listed && self.present.is_none_or(|wanted| wanted == is_present)
    }
}

/// How a row gets its id.
#[derive(Debug)]
pub(crate) enum CompiledIdentity {
    /// By a key in a namespace that other sources may share.
    Natural {
        namespace: KeyNamespace,
        key: Vec<CompiledExpression>,
    },
    /// By its owner and a key within the owner's set.
    Owned { key: Vec<CompiledExpression> },
    /// By its ends, type and role, within its owner.
    Link(Box<CompiledLink>),
}

impl CompiledIdentity {
    /// The expressions of the key, or of the keys of a link's ends: without one there is no row.
    pub(crate) fn end_keys(&self) -> Vec<&CompiledExpression> {
        match self {
            Self::Natural { key, .. } | Self::Owned { key } => key.iter().collect(),
            Self::Link(link) => link.from.key.iter().chain(&link.to.key).collect(),
        }
    }

    /// Every expression that the identity is made of.
    pub(crate) fn key_expressions(&self) -> Vec<&CompiledExpression> {
        match self {
            Self::Natural { key, .. } | Self::Owned { key } => key.iter().collect(),
            Self::Link(link) => {
                let mut expressions: Vec<&CompiledExpression> =
                    link.from.key.iter().chain(&link.to.key).collect();
                expressions.push(&link.link_type);
                expressions.extend(&link.role);
                expressions
            }
        }
    }
}

/// A link between two rows.
#[derive(Debug)]
pub(crate) struct CompiledLink {
    pub(crate) from: CompiledLinkEnd,
    pub(crate) to: CompiledLinkEnd,
    pub(crate) link_type: CompiledExpression,
    pub(crate) role: Option<CompiledExpression>,
    /// Indices of from_id, from_table, to_id, to_table, link_type, role.
    pub(crate) columns: [usize; 6],
}

/// One end of a link.
#[derive(Debug)]
pub(crate) struct CompiledLinkEnd {
    pub(crate) table: String,
    pub(crate) namespace: KeyNamespace,
    pub(crate) key: Vec<CompiledExpression>,
}

/// What a mapping is compiled against.
pub(crate) struct MappingContext<'c> {
    pub(crate) tables: &'c [TableContract],
    /// What expressions name.
    pub(crate) references: NamedReferences<'c>,
}

impl CompiledMapping {
    /// Compiles the mapping in `file` for `contract`.
    pub(crate) fn compile(
        file: &DeclaredFile,
        mut contract: SourceContract,
        context: &MappingContext<'_>,
    ) -> Result<Self, Vec<Problem>> {
        let document: MappingDocument =
            yaml::read_document(file).map_err(|problem| vec![problem])?;
        check_source(file, &document, &contract).map_err(|problem| vec![problem])?;

        let calendar = compile_calendar(&document)
            .map_err(|(place, why)| vec![problem_at(file, &place, why)])?;
        let records = compile_records(file, &document, &contract, context)?;
        check_further_rows(file, &records, &contract)?;
        let record_groups = group_records(&records, &contract);

        contract.use_calendar(&calendar);
        Ok(Self {
            contract: Arc::new(contract),
            version: document.version,
            records,
            calendar,
            record_groups,
        })
    }

    /// The indices in the catalogue of the tables that the mapping fills.
    #[must_use]
    pub fn table_indices(&self) -> Vec<usize> {
        let mut tables: Vec<usize> = self.records.iter().map(|record| record.table).collect();
        tables.sort_unstable();
        tables.dedup();
        tables
    }

    /// The record of the mapping that gives the row of the event's own record: the first entity
    /// that is no item of a list.
    pub(crate) fn own_record(&self) -> Option<&CompiledRecord> {
        self.records
            .iter()
            .find(|record| record.kind == RecordKind::Entity && record.for_each.is_empty())
    }

    /// Whether rows of this table can be ones that several records share. Such a row has no owner,
    /// so deleting one of the records leaves it.
    #[must_use]
    pub fn fills_as_shared(&self, table: usize) -> bool {
        self.fills_table_as(table, RecordKind::Shared)
    }

    /// Whether rows of this table can be the record itself: others may name it.
    #[must_use]
    pub fn fills_as_entity(&self, table: usize) -> bool {
        self.fills_table_as(table, RecordKind::Entity)
    }

    /// Whether rows of this table can be rows of records, and not only shared ones or events.
    #[must_use]
    pub fn fills_with_records(&self, table: usize) -> bool {
        self.records
            .iter()
            .any(|record| record.table == table && record.kind.is_of_record())
    }

    fn fills_table_as(&self, table: usize, kind: RecordKind) -> bool {
        self.records
            .iter()
            .any(|record| record.table == table && record.kind == kind)
    }

    /// The rules that an event can break by this mapping: one for each part of each record.
    pub fn rule_names(&self) -> impl Iterator<Item = String> {
        self.records.iter().flat_map(|record| {
            let columns = record.columns.iter().map(|column| column.name.as_str());
            let parts = ["id", "when", "link_type", "role"]
                .into_iter()
                .chain(columns);
            parts.map(move |part| format!("mapping.{}.{part}", record.name))
        })
    }

    /// Lineage: which source paths fill which column, as (table's index, column, paths).
    #[must_use]
    pub fn column_lineage(&self) -> Vec<(usize, String, Vec<String>)> {
        let mut lineage = Vec::new();
        for record in &self.records {
            for assignment in &record.columns {
                let paths = assignment.expression.paths();
                let texts = paths.iter().map(|path| path.text().to_owned()).collect();
                lineage.push((record.table, assignment.name.clone(), texts));
            }
        }
        lineage
    }
}

/// The mapping must name the contract beside it: a copied file would otherwise map another source's
/// events.
fn check_source(
    file: &DeclaredFile,
    document: &MappingDocument,
    contract: &SourceContract,
) -> Result<(), Problem> {
    if document.source == contract.name {
        return Ok(());
    }
    let message = format!(
        "the mapping is for `{}`, the contract beside it is `{}`",
        document.source, contract.name
    );
    Err(problem_at(
        file,
        &DocumentPlace::root().name("source"),
        message,
    ))
}

/// Compiles the records in their order, or says everything that is wrong with them.
fn compile_records(
    file: &DeclaredFile,
    document: &MappingDocument,
    contract: &SourceContract,
    context: &MappingContext<'_>,
) -> Result<Vec<CompiledRecord>, Vec<Problem>> {
    if document.records.is_empty() {
        let message = "the mapping gives no rows; `records` needs at least one";
        let place = DocumentPlace::root().name("records");
        return Err(vec![problem_at(file, &place, message)]);
    }

    let mut records = Vec::<CompiledRecord>::new();
    let mut problems = Vec::new();
    for (index, record) in document.records.iter().enumerate() {
        let place = DocumentPlace::root().name("records").item(index);
        if records.iter().any(|known| known.name == record.name) {
            let message = format!("two records are called `{}`", record.name);
            problems.push(problem_at(
                file,
                &place.clone().name("name").mention(&record.name),
                message,
            ));
        }
        match compile_record(record, contract, context) {
            Ok(record) => records.push(record),
            Err(findings) => {
                let found = findings.into_iter();
                problems.extend(
                    found.map(|(below, why)| problem_at(file, &place.clone().join(below), why)),
                );
            }
        }
    }

    if problems.is_empty() {
        Ok(records)
    } else {
        Err(problems)
    }
}

/// Refuses further rows of a source with patches that two of its records can both give.
fn check_further_rows(
    file: &DeclaredFile,
    records: &[CompiledRecord],
    contract: &SourceContract,
) -> Result<(), Vec<Problem>> {
    let shareable = find_rows_of_two_records(records, contract);
    if shareable.is_empty() {
        return Ok(());
    }
    let problems = shareable.into_iter().map(|name| {
        let index = records.iter().position(|record| record.name == name);
        let record = DocumentPlace::root()
            .name("records")
            .item(index.unwrap_or_default());
        let message = format!(
            "the key of `{name}` does not hold the key of the record, so two records of `{}` could \
             give one row; add the record's key, or write `kind: shared`",
            contract.name
        );
        problem_at(file, &record.name("id"), message)
    });
    Err(problems.collect())
}

fn compile_calendar(document: &MappingDocument) -> Result<Calendar, MappingFinding> {
    let mut sentinels = Vec::new();
    for (index, text) in document.sentinels.iter().enumerate() {
        let day = parse_date(text).ok_or_else(|| {
            let why = format!("a sentinel is not a date: {}", describe_absent_day(text));
            (DocumentPlace::root().name("sentinels").item(index), why)
        })?;
        sentinels.push(day);
    }

    let zone = match &document.timezone {
        Some(name) => Some(TimeZone::get(name).map_err(|_| {
            let why = format!("`{name}` is not a time zone of the IANA database");
            (DocumentPlace::root().name("timezone"), why)
        })?),
        None => None,
    };
    Ok(Calendar::new(sentinels, zone))
}

//! The kinds of rules: their names in YAML, what each looks at, and what exports call it.
//!
//! A file of this folder holds a family of kinds: the fields that they are written with, and how
//! these compile.

mod across_rows;
mod across_tables;
mod comparison;
mod condition;
mod presence;
mod time;
mod value;

use std::collections::BTreeSet;

use pole::ConformanceCheck;
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;

use super::context::RuleContext;
use super::tolerance::TolerateDocument;
pub use across_tables::ReferenceTarget;
use across_tables::{LinkedDocument, ReferencesDocument};
use comparison::CompareDocument;
pub(super) use comparison::parse_literal;
pub use comparison::{Operand, Operator};
use condition::ConditionDocument;
use presence::AtLeastDocument;
use value::{CheckDocument, OneOfDocument};
pub(super) use value::{compile_anchored, plain_text};

use KindCompiler::{Anywhere, OfColumn, OfTable};

/// What a rule with `type: custom` and `engine: polelake` demands. All that is given must hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Implementation {
    /// The value has a form: on a column its name, on a table `{column, as}`.
    #[serde(default)]
    pub(crate) check: Option<CheckDocument>,
    /// The value is a code of this reference list; on a column.
    #[serde(default)]
    pub(crate) list: Option<String>,
    /// The date is not later than the event's append to the log; on a column.
    #[serde(default)]
    pub(crate) not_future: Option<bool>,
    /// The date is not before that of the named column; on a column.
    #[serde(default)]
    pub(crate) not_before: Option<String>,
    /// The date is no longer ago than this; on a column.
    #[serde(default)]
    pub(crate) max_age_years: Option<i32>,
    /// The value is the `pole_id` of a row of a table; on a column. Looks into other tables.
    #[serde(default)]
    pub(crate) references: Option<ReferencesDocument>,
    /// These columns are filled; on a table.
    #[serde(default)]
    pub(crate) filled: Option<Vec<String>>,
    /// So many of the columns are filled; on a table.
    #[serde(default)]
    pub(crate) at_least: Option<AtLeastDocument>,
    /// One of the columns is filled, and no other; on a table.
    #[serde(default)]
    pub(crate) exactly_one: Option<Vec<String>>,
    /// The column's value is one of these; on a table.
    #[serde(default)]
    pub(crate) one_of: Option<OneOfDocument>,
    /// Only for rows of which this holds; with `then`, on a table.
    #[serde(default, rename = "if")]
    pub(crate) condition: Option<ConditionDocument>,
    /// What is demanded of rows of which `if` holds.
    #[serde(default)]
    pub(crate) then: Option<Box<Implementation>>,
    /// The value compares so with another column or a value; on a column `{is: ">=", value: 0}` or
    /// `{is: "<=", column: other}`, on a table with `left: column`.
    #[serde(default)]
    pub(crate) compare: Option<CompareDocument>,
    /// No two rows have the same values in these columns; on a table. Exact.
    #[serde(default)]
    pub(crate) unique: Option<Vec<String>>,
    /// Rows that several sources have of one thing say the same in the column; on a column. After
    /// publication.
    #[serde(default)]
    pub(crate) agrees: Option<bool>,
    /// The newest event is at most so many hours before the end of the day; on a table. After
    /// publication.
    #[serde(default)]
    pub(crate) fresh_within_hours: Option<f64>,
    /// The row stands at an end of a link; on a table. Looks into other tables.
    #[serde(default)]
    pub(crate) linked: Option<LinkedDocument>,
    /// How much may fall short; nothing where it is not said.
    #[serde(default)]
    pub(crate) tolerate: Option<TolerateDocument>,
}

/// What a kind's field compiles to; none where the rule does not give the field.
type CompiledKind = Result<Option<Expectation>, String>;

/// A kind of rule that `implementation` can name.
struct RuleKind {
    /// Its name in YAML.
    name: &'static str,
    /// Whether a rule gives its field.
    is_given: fn(&Implementation) -> bool,
    /// Where it is written, and how it compiles there.
    compile: KindCompiler,
}

/// Where a kind is written: in the `quality` of a column, of the table, or of either.
enum KindCompiler {
    OfColumn(fn(&Implementation, &str, RuleContext<'_>) -> CompiledKind),
    OfTable(fn(&Implementation, RuleContext<'_>) -> CompiledKind),
    Anywhere(fn(&Implementation, Option<&str>, RuleContext<'_>) -> CompiledKind),
}

/// Every kind of rule that `implementation` can name, in the order in which they compile.
const RULE_KINDS: [RuleKind; 17] = [
    kind(
        "filled",
        |fields| fields.filled.is_some(),
        OfTable(presence::compile_filled),
    ),
    kind(
        "at_least",
        |fields| fields.at_least.is_some(),
        OfTable(presence::compile_at_least),
    ),
    kind(
        "exactly_one",
        |fields| fields.exactly_one.is_some(),
        OfTable(presence::compile_exactly_one),
    ),
    kind(
        "one_of",
        |fields| fields.one_of.is_some(),
        OfTable(value::compile_one_of),
    ),
    kind(
        "check",
        |fields| fields.check.is_some(),
        Anywhere(value::compile_check),
    ),
    kind(
        "list",
        |fields| fields.list.is_some(),
        OfColumn(value::compile_list),
    ),
    kind(
        "compare",
        |fields| fields.compare.is_some(),
        Anywhere(comparison::compile_compare),
    ),
    kind(
        "agrees",
        |fields| fields.agrees.is_some(),
        OfColumn(across_rows::compile_agrees),
    ),
    kind(
        "not_future",
        |fields| fields.not_future.is_some(),
        OfColumn(time::compile_not_future),
    ),
    kind(
        "not_before",
        |fields| fields.not_before.is_some(),
        OfColumn(time::compile_not_before),
    ),
    kind(
        "max_age_years",
        |fields| fields.max_age_years.is_some(),
        OfColumn(time::compile_max_age),
    ),
    kind(
        "references",
        |fields| fields.references.is_some(),
        OfColumn(across_tables::compile_references),
    ),
    kind(
        "unique",
        |fields| fields.unique.is_some(),
        OfTable(across_rows::compile_unique),
    ),
    kind(
        "fresh_within_hours",
        |fields| fields.fresh_within_hours.is_some(),
        OfTable(time::compile_fresh),
    ),
    kind(
        "linked",
        |fields| fields.linked.is_some(),
        OfTable(across_tables::compile_linked),
    ),
    kind(
        "if",
        |fields| fields.condition.is_some(),
        OfTable(condition::compile_condition),
    ),
    kind(
        "then",
        |fields| fields.then.is_some(),
        OfTable(condition::require_condition),
    ),
];

const fn kind(
    name: &'static str,
    is_given: fn(&Implementation) -> bool,
    compile: KindCompiler,
) -> RuleKind {
    RuleKind {
        name,
        is_given,
        compile,
    }
}

impl RuleKind {
    /// What the rule expects by this kind; none where the kind is not given, or does not belong
    /// where the rule stands.
    fn compile(
        &self,
        fields: &Implementation,
        column: Option<&str>,
        context: RuleContext<'_>,
    ) -> CompiledKind {
        match (&self.compile, column) {
            (OfColumn(compile), Some(column)) => compile(fields, column, context),
            (OfTable(compile), None) => compile(fields, context),
            (Anywhere(compile), column) => compile(fields, column, context),
            (OfColumn(_), None) | (OfTable(_), Some(_)) => Ok(None),
        }
    }

    /// Why the kind does not belong where the rule stands; none where it does.
    fn misplacement(&self, column: Option<&str>) -> Option<String> {
        let name = self.name;
        match (&self.compile, column) {
            (OfTable(_), Some(_)) => Some(format!(
                "`{name}` is about a whole row; put it into the table's own `quality`"
            )),
            (OfColumn(_), None) => Some(format!(
                "`{name}` is about one column; put it into that column's `quality`"
            )),
            _ => None,
        }
    }
}

/// All that an implementation expects of a column, or of the table where no column is given.
pub(super) fn compile_expectation(
    fields: &Implementation,
    column: Option<&str>,
    context: RuleContext<'_>,
) -> Result<Expectation, String> {
    let mut expectations = Vec::new();
    for kind in &RULE_KINDS {
        expectations.extend(kind.compile(fields, column, context)?);
    }

    let mut given = RULE_KINDS.iter().filter(|kind| (kind.is_given)(fields));
    if let Some(why) = given.find_map(|kind| kind.misplacement(column)) {
        return Err(why);
    }
    if expectations.len() > 1 && expectations.iter().any(Expectation::stands_alone) {
        return Err(
            "`unique`, `agrees` and `fresh_within_hours` stand in a rule of their own".into(),
        );
    }

    match (expectations.len(), column) {
        (0, Some(_)) => Err("`implementation` demands nothing that a column can give".into()),
        (0, None) => Err("`implementation` demands nothing that a table can give".into()),
        (1, _) => Ok(expectations.remove(0)),
        _ => Ok(Expectation::All(expectations)),
    }
}

/// What a rule expects of a row or of the table. A row without a value in the named column is not
/// checked, except by the expectations that are about its absence.
#[derive(Clone, Debug)]
pub enum Expectation {
    /// These columns have values.
    Filled(Vec<String>),
    /// At least this number of the columns have values.
    AtLeast(usize, Vec<String>),
    /// One of these columns has a value, and no other.
    ExactlyOne(Vec<String>),
    /// The value is one of these.
    OneOf(String, BTreeSet<String>),
    /// The whole value fits the expression.
    Pattern(String, Regex),
    /// The text has at least and at most this number of characters.
    Length(String, usize, usize),
    /// The value has the form.
    Check(String, ConformanceCheck),
    /// The date or instant is not later than the row's append to the log.
    NotFuture(String),
    /// The first column's date is not before the second's.
    NotBefore(String, String),
    /// The date is at most this number of years before the row's append to the log.
    AgeAtMost(String, i32),
    /// Where the column has one of these values (any, when none is named), this is expected.
    If(String, Option<BTreeSet<String>>, Box<Expectation>),
    /// All of these.
    All(Vec<Expectation>),
    /// The value is the `pole_id` of a row of a table.
    References(String, ReferenceTarget),
    /// The row's `pole_id` stands in a link, opposite a row of one of these tables; of any, when
    /// none is named.
    Linked(Vec<String>),
    /// The value compares so with another column's, or with a value.
    Compare(String, Operator, Operand),
    /// No two rows have the same values in these columns; a row in which one is missing is not
    /// checked.
    Unique(Vec<String>),
    /// Rows that several sources have of one thing have the same value in the column.
    Agrees(String),
    /// The newest event of the table is at most this number of hours before the end of the day.
    Fresh(f64),
    /// No two rows have the same key (`pole_id`, `source`).
    UniqueKey,
    /// The table has the number of rows that the tolerance gives.
    RowCount,
}

impl Expectation {
    /// Whether other tables must be looked at.
    #[must_use]
    pub fn is_cross_table_check(&self) -> bool {
        match self {
            Self::References(..) | Self::Linked(_) | Self::Agrees(_) | Self::Fresh(_) => true,
            Self::If(_, _, then) => then.is_cross_table_check(),
            Self::All(all) => all.iter().any(Self::is_cross_table_check),
            _ => false,
        }
    }

    /// Whether it is about the table as a whole, so that no other expectation can stand in its
    /// rule.
    fn stands_alone(&self) -> bool {
        matches!(self, Self::Unique(_) | Self::Fresh(_) | Self::Agrees(_))
    }

    /// The column whose value is looked up in other tables; the first, where there could be
    /// several.
    #[must_use]
    pub fn looked_up_column(&self) -> Option<&str> {
        match self {
            Self::References(column, _) => Some(column),
            Self::Linked(_) | Self::Agrees(_) => Some("pole_id"),
            Self::If(_, _, then) => then.looked_up_column(),
            Self::All(all) => all.iter().find_map(Self::looked_up_column),
            _ => None,
        }
    }

    /// Adds the columns that it reads.
    pub fn collect_columns(&self, columns: &mut BTreeSet<String>) {
        match self {
            Self::If(_, _, then) => then.collect_columns(columns),
            Self::All(all) => all.iter().for_each(|one| one.collect_columns(columns)),
            _ => {}
        }
        columns.extend(self.own_columns().into_iter().map(str::to_owned));
    }

    /// The columns that it reads itself, without those of the expectations within it.
    fn own_columns(&self) -> Vec<&str> {
        match self {
            Self::Filled(columns)
            | Self::AtLeast(_, columns)
            | Self::ExactlyOne(columns)
            | Self::Unique(columns) => columns.iter().map(String::as_str).collect(),
            Self::OneOf(column, _)
            | Self::Pattern(column, _)
            | Self::Length(column, ..)
            | Self::Check(column, _)
            | Self::If(column, ..)
            | Self::References(column, ReferenceTarget::Table(_))
            | Self::Compare(column, _, Operand::Whole(_) | Operand::Real(_) | Operand::Text(_)) => {
                vec![column]
            }
            Self::NotBefore(column, other)
            | Self::References(column, ReferenceTarget::InColumn(other))
            | Self::Compare(column, _, Operand::Column(other)) => vec![column, other],
            Self::NotFuture(column) | Self::AgeAtMost(column, _) => vec![column, "ingested_at"],
            Self::Agrees(column) => vec![column, "pole_id"],
            Self::Linked(_) | Self::UniqueKey => vec!["pole_id", "source"],
            Self::All(_) | Self::Fresh(_) | Self::RowCount => Vec::new(),
        }
    }

    /// What exports call the check.
    pub(super) fn check_type(&self, is_on_column: bool) -> &'static str {
        match self {
            Self::Filled(_) if is_on_column => "field_required",
            Self::Filled(_) => "row_required",
            Self::OneOf(..) => "field_enum",
            Self::Pattern(..) => "field_regex",
            Self::Length(..) => "field_length",
            Self::Check(..) => "field_check",
            Self::NotFuture(_) => "field_not_future",
            Self::NotBefore(..) => "field_not_before",
            Self::AgeAtMost(..) => "field_age",
            Self::References(..) => "field_reference",
            Self::Compare(..) => "field_comparison",
            Self::Agrees(_) => "field_reconciliation",
            Self::Unique(_) if is_on_column => "field_unique",
            Self::Unique(_) => "model_duplicate_values",
            Self::Fresh(_) => "servicelevel_freshness",
            Self::AtLeast(..) => "row_at_least",
            Self::ExactlyOne(_) => "row_exactly_one",
            Self::If(..) => "row_condition",
            Self::All(_) => "row_all",
            Self::Linked(_) => "row_linked",
            Self::UniqueKey => "primary_key_unique",
            Self::RowCount => "row_count",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_of_an_implementation_is_a_kind() {
        let schema = schemars::schema_for!(Implementation);
        let fields = schema.as_value()["properties"].as_object().unwrap();
        let fields: BTreeSet<&str> = fields.keys().map(String::as_str).collect();

        let kinds = RULE_KINDS.iter().map(|kind| kind.name);
        assert_eq!(fields, kinds.chain(["tolerate"]).collect());
    }
}

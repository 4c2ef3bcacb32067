//! Rules: what a table's contract demands of its rows, with every name resolved.
//!
//! A rule that names what is not there, or that nothing would run, does not compile. `quality` evaluates them.

mod compile;
mod document;
mod library;
mod operand;

use std::cmp::Ordering;
use std::collections::BTreeSet;

use pole::ConformanceCheck;
use regex::Regex;

pub(crate) use compile::{RuleContext, compile_rules};
pub(crate) use document::Implementation;

/// What becomes of a snapshot whose rule does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It is reported.
    Warn,
    /// It is kept, but not made current.
    Block,
}

impl Severity {
    /// The word that contracts have for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warn => "warn",
            Self::Block => "block",
        }
    }
}

/// How much a rule tolerates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// So many rows may fall short.
    Rows(f64),
    /// So many in a hundred of those that were looked at may.
    Percent(f64),
    /// The table has at least and at most so many rows.
    TableRows(f64, f64),
}

/// A compiled rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its stable id.
    pub id: String,
    /// What it demands, in words.
    pub description: String,
    /// One of the standard's dimensions.
    pub dimension: String,
    /// The column it is about; none for the whole row or table.
    pub column: Option<String>,
    /// What becomes of the snapshot.
    pub severity: Severity,
    /// How much it tolerates.
    pub tolerance: Tolerance,
    /// What it demands.
    pub expectation: Expectation,
}

impl Rule {
    /// What is tolerated, in words.
    #[must_use]
    pub fn tolerance_text(&self) -> String {
        match self.tolerance {
            Tolerance::Rows(rows) => format!("at most {rows} rows"),
            Tolerance::Percent(percent) => format!("at most {percent} %"),
            Tolerance::TableRows(least, most) if most.is_infinite() => {
                format!("at least {least} rows")
            }
            Tolerance::TableRows(least, most) => format!("{least} to {most} rows"),
        }
    }

    /// Who runs it, and when.
    #[must_use]
    pub fn enforced_by(&self) -> &'static str {
        if self.expectation.is_cross_table_check() {
            "quality-report, over the day's snapshots"
        } else {
            "snapshot-merge, in the pass that writes the snapshot"
        }
    }
}

/// What a rule demands of a row or of the table. A row without a value in the named column is not looked at, but by
/// the demands that are about its absence.
#[derive(Clone, Debug)]
pub enum Expectation {
    /// These columns have values.
    Filled(Vec<String>),
    /// So many of these columns have values.
    AtLeast(usize, Vec<String>),
    /// One of these columns has a value, and no other.
    ExactlyOne(Vec<String>),
    /// The value is one of these.
    OneOf(String, BTreeSet<String>),
    /// The whole value fits the expression.
    Pattern(String, Regex),
    /// The text has at least and at most so many characters.
    Length(String, usize, usize),
    /// The value has the form.
    Check(String, ConformanceCheck),
    /// The date or instant is not later than the row's append to the log.
    NotFuture(String),
    /// The first column's date is not before the second's.
    NotBefore(String, String),
    /// The date is at most so many years before the row's append to the log.
    AgeAtMost(String, i32),
    /// Where the column has one of these values (any, when none is named), this is demanded.
    If(String, Option<BTreeSet<String>>, Box<Expectation>),
    /// All of these.
    All(Vec<Expectation>),
    /// The value is the `pole_id` of a row of a table.
    References(String, ReferenceTarget),
    /// The row's `pole_id` stands in a link, opposite a row of one of these tables; of any, when none is named.
    Linked(Vec<String>),
    /// The value compares so with another column's, or with a value.
    Compare(String, Operator, Operand),
    /// No two rows have the same values in these columns; a row in which one is missing is not looked at.
    Unique(Vec<String>),
    /// Rows that several sources have of one thing say the same in the column.
    Agrees(String),
    /// The newest event of the table is at most so many hours before the end of the day.
    Fresh(f64),
    /// No two rows have the same key (`pole_id`, `source`).
    UniqueKey,
    /// The table has rows enough.
    RowCount,
}

/// How two values compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `>=`
    AtLeast,
    /// `>`
    Greater,
}

impl Operator {
    /// Its signs, as they are written.
    pub const ALL: [(&'static str, Self); 6] = [
        ("<", Self::Less),
        ("<=", Self::AtMost),
        ("=", Self::Equal),
        ("!=", Self::NotEqual),
        (">=", Self::AtLeast),
        (">", Self::Greater),
    ];

    /// Whether an ordering is what it asks for.
    #[must_use]
    pub fn accepts_ordering(self, ordering: Ordering) -> bool {
        match self {
            Self::Less => ordering.is_lt(),
            Self::AtMost => ordering.is_le(),
            Self::Equal => ordering.is_eq(),
            Self::NotEqual => ordering.is_ne(),
            Self::AtLeast => ordering.is_ge(),
            Self::Greater => ordering.is_gt(),
        }
    }
}

/// What a value is compared with.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// The value of another column, of the same type.
    Column(String),
    /// Days, microseconds, a whole number, or a decimal without its point, as the column has them.
    Whole(i128),
    /// A number of a column of floating point.
    Real(f64),
    /// A text.
    Text(String),
}

/// The table that a reference leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceTarget {
    /// This table.
    Table(String),
    /// The table that another column names.
    InColumn(String),
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

    /// The column whose value is looked up in other tables; the first, where there could be several.
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

    /// The columns that it reads.
    pub fn collect_columns(&self, found: &mut BTreeSet<String>) {
        match self {
            Self::Filled(columns) | Self::AtLeast(_, columns) | Self::ExactlyOne(columns) => {
                found.extend(columns.iter().cloned());
            }
            Self::OneOf(column, _)
            | Self::Pattern(column, _)
            | Self::Length(column, ..)
            | Self::Check(column, _) => {
                found.insert(column.clone());
            }
            Self::NotFuture(column) | Self::AgeAtMost(column, _) => {
                found.extend([column.clone(), "ingested_at".to_owned()]);
            }
            Self::NotBefore(column, other) => found.extend([column.clone(), other.clone()]),
            Self::If(column, _, then) => {
                found.insert(column.clone());
                then.collect_columns(found);
            }
            Self::All(all) => all.iter().for_each(|demand| demand.collect_columns(found)),
            Self::References(column, target) => {
                found.insert(column.clone());
                if let ReferenceTarget::InColumn(other) = target {
                    found.insert(other.clone());
                }
            }
            Self::Linked(_) | Self::UniqueKey => {
                found.extend(["pole_id".to_owned(), "source".to_owned()])
            }
            Self::Compare(column, _, operand) => {
                found.insert(column.clone());
                if let Operand::Column(other) = operand {
                    found.insert(other.clone());
                }
            }
            Self::Unique(columns) => found.extend(columns.iter().cloned()),
            Self::Agrees(column) => found.extend([column.clone(), "pole_id".to_owned()]),
            Self::Fresh(_) | Self::RowCount => {}
        }
    }
}

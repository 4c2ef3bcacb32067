//! Rules: what a table's contract expects of its rows, with every name resolved.
//!
//! A rule that names an absent column, or that nothing would run, does not compile. `quality`
//! evaluates the rules.
//!
//! # How to add a kind of rule
//!
//! Three files change:
//!
//! 1. `kinds/mod.rs`: the kind's name in YAML (a field of `Implementation` and a row of
//!    `RULE_KINDS`), its variant of [`Expectation`], and the match arms that say which columns and
//!    tables it looks at and what exports call it.
//! 2. The file of its family beside it, such as `kinds/time.rs`: the fields that it is written
//!    with, and how they compile.
//! 3. `shared/quality/src/expectation.rs`: the verdict on each row.
//!
//! Afterwards `polelake contract schema` writes the published schema again, and `docs/quality.md`
//! gets a line.

mod compile;
mod context;
mod implied;
mod kinds;
mod library;
mod tolerance;

pub(crate) use compile::compile_rules;
pub(crate) use context::RuleContext;
pub(crate) use kinds::Implementation;
pub use kinds::{Expectation, Operand, Operator, ReferenceTarget};
pub use tolerance::Tolerance;

/// What becomes of a snapshot whose rule does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The failure is reported.
    Warn,
    /// The snapshot is written, but does not become the current one.
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

/// A compiled rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its stable id.
    pub id: String,
    /// What it expects, in words.
    pub description: String,
    /// One of the standard's dimensions.
    pub dimension: String,
    /// The column that it is about; none where it is about the row or the table.
    pub column: Option<String>,
    /// What becomes of a snapshot that fails it.
    pub severity: Severity,
    /// How many rows may fail it.
    pub tolerance: Tolerance,
    /// What it expects.
    pub expectation: Expectation,
}

impl Rule {
    /// What is tolerated, in words.
    #[must_use]
    pub fn tolerance_text(&self) -> String {
        self.tolerance.describe()
    }

    /// Which function runs it, and when.
    #[must_use]
    pub fn enforced_by(&self) -> &'static str {
        if self.expectation.is_cross_table_check() {
            "quality-report, over the day's snapshots"
        } else {
            "snapshot-merge, in the pass that writes the snapshot"
        }
    }

    /// The name of the check in exports: datacontract-cli's own name, where it has such a check.
    #[must_use]
    pub fn check_type(&self) -> &'static str {
        self.expectation.check_type(self.column.is_some())
    }
}

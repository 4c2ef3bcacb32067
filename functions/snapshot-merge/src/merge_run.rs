//! The results of a run: for the caller's JSON, and for metrics.

use host::{Failure, FailureKind, emit_metric};
use lake::Sha256Digest;
use serde::{Deserialize, Serialize};

use crate::derived_steps::StepWarning;

/// The results of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MergeRun {
    /// The logical day.
    pub date: String,
    /// The tables, by name.
    pub tables: Vec<TableRun>,
    /// The tables of the records of sources with patches, which only merges read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<TableRun>,
    /// The digest of the day's root, which names every manifest of the day; none before all tables
    /// are merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub root: Option<Sha256Digest>,
    /// The steps derived from the whole day that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<StepWarning>,
    /// Raw objects that the transform has not processed yet. Their records are consumed by the next
    /// run.
    pub behind: u64,
}

impl MergeRun {
    /// Every derived step that failed, of the tables and of the day.
    pub fn all_warnings(&self) -> impl Iterator<Item = &StepWarning> {
        let tables = self.tables.iter().flat_map(|table| &table.warnings);
        tables.chain(&self.warnings)
    }
}

/// A table that was not merged, and why.
#[derive(Clone, Debug)]
pub struct TableFailure {
    /// The table.
    pub table: String,
    /// Why.
    pub failure: Failure,
}

/// A day's merge: the tables that were merged, and those that were not.
#[derive(Clone, Debug)]
pub struct MergedDay {
    /// The results of the tables that were merged.
    pub run: MergeRun,
    /// The tables that were not merged. They stopped no other.
    pub failures: Vec<TableFailure>,
}

impl MergedDay {
    /// The run.
    ///
    /// # Errors
    /// When a table was not merged, so that an operator is alerted. A failure that may pass by
    /// itself is reported before one that an operator has to fix.
    pub fn into_run(self) -> Result<MergeRun, Failure> {
        let failures = self.failures.into_iter().map(|failed| failed.failure);
        let reported = failures.reduce(|known, failure| {
            if known.kind == FailureKind::Configuration {
                failure
            } else {
                known
            }
        });
        reported.map_or(Ok(self.run), Err)
    }
}

/// The result of a table's merge.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableRun {
    /// The table.
    pub table: String,
    /// Rows that readers see.
    pub rows: u64,
    /// Rows that are new since the day before.
    pub inserted: u64,
    /// Rows that differ from the day before.
    pub updated: u64,
    /// Rows of the day before that this day no longer has.
    pub deleted: u64,
    /// Row groups of the day before that were copied undecoded.
    #[serde(default)]
    pub copied: u64,
    /// Whether the snapshot was made current.
    pub passed: bool,
    /// Whether this run wrote the manifest; false when the same manifest was stored already.
    pub written: bool,
    /// The steps derived from the table that failed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<StepWarning>,
}

/// Emits the metrics of a table's merge.
pub(crate) fn emit_table_metrics(run: &TableRun) {
    let values = [
        ("rows", run.rows),
        ("rows_inserted", run.inserted),
        ("rows_deleted", run.deleted),
    ];
    emit_metric(
        &[("function", "snapshot-merge"), ("table", &run.table)],
        &values,
    );
}

/// Emits how many tables were merged; nothing when none was. The alarm of a missing day waits for
/// this metric, which a run must not write in which every table failed.
pub(crate) fn emit_merged_tables(tables: usize) {
    if tables > 0 {
        let values = [("tables_merged", u64::try_from(tables).unwrap_or(u64::MAX))];
        emit_metric(&[("function", "snapshot-merge")], &values);
    }
}

//! One invocation: a logical day, for every table or for some.

use contract::TableContract;
use host::{Budget, Failure, FailureKind, metric};
use lake::{Day, Manifest};
use serde::{Deserialize, Serialize};
use trigger::Schedule;

use crate::context::Context;
use crate::streams::Streams;
use crate::table::{self, Known};
use crate::zones;

/// What a run came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The logical day.
    pub date: String,
    /// The tables, by name.
    pub tables: Vec<TableRun>,
    /// Raw objects that the transform has not done yet. Their records are taken by the next run.
    pub behind: u64,
}

/// What a table's merge came to.
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
    /// Rows of the day before that are gone.
    pub deleted: u64,
    /// Whether the snapshot was made current.
    pub passed: bool,
    /// Whether this run wrote the manifest; false when it was there already, the same.
    pub written: bool,
}

/// Merges the day. Every table commits alone: a run that breaks off is finished by the next.
///
/// # Errors
/// When a table cannot be merged; the ones before it are committed.
pub async fn handle(schedule: &Schedule, context: &Context, budget: Budget) -> Result<Run, Failure> {
    let day = schedule.day().map_err(|why| Failure::new(FailureKind::BadRequest, why))?;
    let unknown = schedule.tables.iter().find(|name| context.catalogue.table(name).is_none());
    if let Some(name) = unknown {
        return Err(Failure::new(FailureKind::BadRequest, format!("there is no table `{name}`")));
    }
    let wanted = |name: &str| schedule.tables.is_empty() || schedule.tables.iter().any(|table| table == name);
    // A table that no source fills has no snapshots: it is declared, and waits.
    let filled = |name: &str| !context.catalogue.topics_of(name).is_empty();
    let tables: Vec<_> =
        context.catalogue.tables.iter().filter(|table| wanted(&table.name) && filled(&table.name)).collect();
    let mut known = Vec::with_capacity(tables.len());
    for contract in &tables {
        known.push(table::known_of(&contract.name, day, &*context.curated).await?);
    }
    let streams = streams(day, &tables, &known, context).await?;
    let mut run = Run { date: day.to_string(), tables: Vec::new(), behind: streams.behind() };
    let mut failed = None;
    for (contract, known) in tables.into_iter().zip(&known) {
        if budget.is_spent() {
            let message = format!("no time is left before `{}`; the next run goes on there", contract.name);
            return Err(Failure::new(FailureKind::Unavailable, message));
        }
        // A table that is refused stops no other; the run fails in the end, so that somebody looks.
        let done = match table::merge_day(contract, day, &streams, known, context).await {
            Ok(done) => done,
            Err(failure) if failure.kind == FailureKind::Configuration => {
                tracing::error!(%failure, table = contract.name, "not published");
                failed.get_or_insert(failure);
                continue;
            }
            Err(failure) => return Err(failure),
        };
        let values = [("rows", done.rows), ("rows_inserted", done.inserted), ("rows_deleted", done.deleted)];
        metric(&[("function", "snapshot-merge"), ("table", &done.table)], &values);
        run.tables.push(done);
    }
    zones::publish(context).await?;
    metric(&[("function", "snapshot-merge")], &[("raw_objects_behind", run.behind)]);
    failed.map_or(Ok(run), Err)
}

/// The receipts of every topic that fills one of the tables, read once.
async fn streams(
    day: Day,
    tables: &[&TableContract],
    known: &[Known],
    context: &Context,
) -> Result<Streams, Failure> {
    let mut topics: Vec<&str> =
        tables.iter().flat_map(|table| context.catalogue.topics_of(&table.name)).collect();
    topics.sort_unstable();
    topics.dedup();
    let mut streams = Streams::new(day);
    // One table without a base needs every stream from its beginning.
    let bases: Vec<Manifest> = known.iter().filter_map(|known| known.base.clone()).collect();
    let bases = if bases.len() == known.len() { bases } else { Vec::new() };
    streams.read(&topics, &bases, &*context.raw, &*context.refined).await?;
    Ok(streams)
}

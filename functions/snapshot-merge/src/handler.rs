//! One invocation: a logical day, for every table or for some.

use std::collections::BTreeMap;

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use host::{Failure, FailureKind, TimeBudget, emit_metric};
use lake::{Day, SnapshotManifest};
use serde::{Deserialize, Serialize};
use trigger::ScheduleRequest;

use crate::commit::{ManifestLookup, look_up_manifests};
use crate::context::Context;
use crate::entity;
use crate::glue_databases;
use crate::plan::{PlannedMerge, plan_table};
use crate::streams::StreamReceipts;
use crate::table;

/// Small tables that are merged at once.
const TABLES_AT_ONCE: usize = 8;

/// Rows of a small table with its increments: eight of them are some 300 MB at the very most, and mostly 10.
const SMALL_ROWS: u64 = 100_000;

/// What a run came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MergeRun {
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
    /// Row groups of the day before that were copied undecoded.
    #[serde(default)]
    pub copied: u64,
    /// Whether the snapshot was made current.
    pub passed: bool,
    /// Whether this run wrote the manifest; false when it was there already, the same.
    pub written: bool,
}

/// Merges the day. Every table commits alone: a run that breaks off is finished by the next.
///
/// # Errors
/// When a table cannot be merged; the ones before it are committed.
pub async fn handle(
    schedule: &ScheduleRequest,
    context: &Context,
    budget: TimeBudget,
) -> Result<MergeRun, Failure> {
    let run = for_each_planned_table(schedule, context, budget, async |table, planned| {
        table::merge_table(table, planned, context, budget)
            .await
            .map(Some)
    });
    let mut run = run.await?;
    if schedule.tables.is_empty() || schedule.tables.iter().any(|table| table == entity::ENTITY) {
        run.tables.extend(
            entity::merge_entities(schedule_day(schedule)?, context)
                .await?
                .inspect(emit_table_metrics),
        );
    }
    Ok(run)
}

fn schedule_day(schedule: &ScheduleRequest) -> Result<Day, Failure> {
    schedule
        .logical_day()
        .map_err(|why| Failure::new(FailureKind::BadRequest, why))
}

/// Plans every wanted table of the day and lets `done` deal with the plan: small tables some at once, for they mostly wait
/// for answers, the others one after the other, for they need the memory.
pub(crate) async fn for_each_planned_table(
    schedule: &ScheduleRequest,
    context: &Context,
    budget: TimeBudget,
    done: impl AsyncFn(&TableContract, &PlannedMerge) -> Result<Option<TableRun>, Failure>,
) -> Result<MergeRun, Failure> {
    let day = schedule_day(schedule)?;
    let tables = requested_tables(schedule, context)?;
    let looked_up = tables
        .iter()
        .map(|table| look_up_manifests(&table.name, day, &*context.curated));
    let known: Vec<ManifestLookup> = stream::iter(looked_up)
        .buffered(TABLES_AT_ONCE)
        .try_collect()
        .await?;
    let streams = read_stream_receipts(day, &tables, &known, context).await?;
    let is_small =
        |place: &usize| is_small_table(&tables[*place].name, &known[*place], &streams, context);
    let (small, large): (Vec<usize>, Vec<usize>) = (0..tables.len()).partition(is_small);
    let one = async |place: usize| {
        let (table, known) = (tables[place], &known[place]);
        if budget.is_spent() {
            let message = format!(
                "no time is left before `{}`; the next run goes on there",
                table.name
            );
            return Err(Failure::new(FailureKind::Unavailable, message));
        }
        let planned = plan_table(table, day, &streams, known, context).await?;
        done(table, &planned)
            .await
            .inspect(|run| run.iter().for_each(emit_table_metrics))
    };
    let at_once = stream::iter(small.iter().map(|place| one(*place))).buffered(TABLES_AT_ONCE);
    let mut answers: BTreeMap<usize, _> = small
        .iter()
        .copied()
        .zip(at_once.collect::<Vec<_>>().await)
        .collect();
    for place in large {
        answers.insert(place, one(place).await);
    }
    let run = MergeRun {
        date: day.to_string(),
        tables: Vec::new(),
        behind: streams.untransformed_objects(),
    };
    let run = collect_table_runs(run, answers.into_values())?;
    glue_databases::publish_zone_tables(context).await?;
    Ok(run)
}

/// Whether a table is small with all that it takes.
fn is_small_table(
    table: &str,
    known: &ManifestLookup,
    streams: &StreamReceipts,
    context: &Context,
) -> bool {
    let topics = context.catalogue.topics_of_table(table);
    let rows = known.base.as_ref().map_or(0, |base| base.rows);
    rows + streams
        .plan_inputs(table, &topics, known.base.as_ref(), None)
        .row_count()
        <= SMALL_ROWS
}

/// The run with what became of its tables. A table that is refused stops no other; the run fails in the end, so that
/// somebody looks.
fn collect_table_runs(
    mut run: MergeRun,
    answers: impl Iterator<Item = Result<Option<TableRun>, Failure>>,
) -> Result<MergeRun, Failure> {
    let mut failed: Option<Failure> = None;
    for answer in answers {
        match answer {
            Ok(table) => run.tables.extend(table),
            Err(failure) => {
                tracing::error!(%failure, "a table is not merged or not published");
                // What may go away by itself is said before what somebody has to mend.
                let worse = failed
                    .as_ref()
                    .is_none_or(|known| known.kind == FailureKind::Configuration);
                failed = if worse { Some(failure) } else { failed };
            }
        }
    }
    emit_metric(
        &[("function", "snapshot-merge")],
        &[("raw_objects_behind", run.behind)],
    );
    failed.map_or(Ok(run), Err)
}

/// The tables that are asked for. One that no source fills has no snapshots: it is declared, and waits.
pub(crate) fn requested_tables<'c>(
    schedule: &ScheduleRequest,
    context: &'c Context,
) -> Result<Vec<&'c TableContract>, Failure> {
    let catalogue = &context.catalogue;
    if let Some(name) = schedule
        .tables
        .iter()
        .find(|name| catalogue.table_contract(name).is_none())
    {
        return Err(Failure::new(
            FailureKind::BadRequest,
            format!("there is no table `{name}`"),
        ));
    }
    let asked = |name: &str| {
        schedule.tables.is_empty() || schedule.tables.iter().any(|table| table == name)
    };
    let filled = |name: &str| !catalogue.topics_of_table(name).is_empty();
    Ok(catalogue
        .tables
        .iter()
        .filter(|table| asked(&table.name) && filled(&table.name))
        .collect())
}

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

/// The receipts of every topic that fills one of the tables, read once.
async fn read_stream_receipts(
    day: Day,
    tables: &[&TableContract],
    known: &[ManifestLookup],
    context: &Context,
) -> Result<StreamReceipts, Failure> {
    let mut topics: Vec<&str> = tables
        .iter()
        .flat_map(|table| context.catalogue.topics_of_table(&table.name))
        .collect();
    topics.sort_unstable();
    topics.dedup();
    let mut streams = StreamReceipts::new(day);
    // One table without a base needs every stream from its beginning.
    let bases: Vec<SnapshotManifest> = known
        .iter()
        .filter_map(|known| known.base.clone())
        .collect();
    let bases = if bases.len() == known.len() {
        bases
    } else {
        Vec::new()
    };
    streams
        .read_receipts(&topics, &bases, &*context.raw, &*context.refined)
        .await?;
    Ok(streams)
}

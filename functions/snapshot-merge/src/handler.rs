//! One invocation: a logical day, for every table or for some.

use std::collections::BTreeMap;

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use host::{Budget, Failure, FailureKind, metric};
use lake::{Day, Manifest};
use serde::{Deserialize, Serialize};
use trigger::Schedule;

use crate::commit::{Known, known_of};
use crate::context::Context;
use crate::entity;
use crate::plan::{Planned, plan};
use crate::streams::Streams;
use crate::table;
use crate::zones;

/// Small tables that are merged at once.
const TABLES_AT_ONCE: usize = 8;

/// Rows of a small table with its increments: eight of them are some 300 MB at the very most, and mostly 10.
const SMALL_ROWS: u64 = 100_000;

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
    schedule: &Schedule,
    context: &Context,
    budget: Budget,
) -> Result<Run, Failure> {
    let run = each_table(schedule, context, budget, async |table, planned| {
        table::merge_table(table, planned, context, budget)
            .await
            .map(Some)
    });
    let mut run = run.await?;
    if schedule.tables.is_empty() || schedule.tables.iter().any(|table| table == entity::ENTITY) {
        run.tables.extend(
            entity::merge(day_of(schedule)?, context)
                .await?
                .inspect(told),
        );
    }
    Ok(run)
}

fn day_of(schedule: &Schedule) -> Result<Day, Failure> {
    schedule
        .day()
        .map_err(|why| Failure::new(FailureKind::BadRequest, why))
}

/// Plans every wanted table of the day and lets `done` deal with the plan: small tables some at once, for they mostly wait
/// for answers, the others one after the other, for they need the memory.
pub(crate) async fn each_table(
    schedule: &Schedule,
    context: &Context,
    budget: Budget,
    done: impl AsyncFn(&TableContract, &Planned) -> Result<Option<TableRun>, Failure>,
) -> Result<Run, Failure> {
    let day = day_of(schedule)?;
    let tables = wanted(schedule, context)?;
    let looked_up = tables
        .iter()
        .map(|table| known_of(&table.name, day, &*context.curated));
    let known: Vec<Known> = stream::iter(looked_up)
        .buffered(TABLES_AT_ONCE)
        .try_collect()
        .await?;
    let streams = streams(day, &tables, &known, context).await?;
    let is_small =
        |place: &usize| is_small(&tables[*place].name, &known[*place], &streams, context);
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
        let planned = plan(table, day, &streams, known, context).await?;
        done(table, &planned)
            .await
            .inspect(|run| run.iter().for_each(told))
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
    let run = Run {
        date: day.to_string(),
        tables: Vec::new(),
        behind: streams.behind(),
    };
    let run = gathered(run, answers.into_values())?;
    zones::publish(context).await?;
    Ok(run)
}

/// Whether a table is small with all that it takes.
fn is_small(table: &str, known: &Known, streams: &Streams, context: &Context) -> bool {
    let topics = context.catalogue.topics_of(table);
    let rows = known.base.as_ref().map_or(0, |base| base.rows);
    rows + streams
        .taking(table, &topics, known.base.as_ref(), None)
        .rows()
        <= SMALL_ROWS
}

/// The run with what became of its tables. A table that is refused stops no other; the run fails in the end, so that
/// somebody looks.
fn gathered(
    mut run: Run,
    answers: impl Iterator<Item = Result<Option<TableRun>, Failure>>,
) -> Result<Run, Failure> {
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
    metric(
        &[("function", "snapshot-merge")],
        &[("raw_objects_behind", run.behind)],
    );
    failed.map_or(Ok(run), Err)
}

/// The tables that are asked for. One that no source fills has no snapshots: it is declared, and waits.
pub(crate) fn wanted<'c>(
    schedule: &Schedule,
    context: &'c Context,
) -> Result<Vec<&'c TableContract>, Failure> {
    let catalogue = &context.catalogue;
    if let Some(name) = schedule
        .tables
        .iter()
        .find(|name| catalogue.table(name).is_none())
    {
        return Err(Failure::new(
            FailureKind::BadRequest,
            format!("there is no table `{name}`"),
        ));
    }
    let asked = |name: &str| {
        schedule.tables.is_empty() || schedule.tables.iter().any(|table| table == name)
    };
    let filled = |name: &str| !catalogue.topics_of(name).is_empty();
    Ok(catalogue
        .tables
        .iter()
        .filter(|table| asked(&table.name) && filled(&table.name))
        .collect())
}

pub(crate) fn told(run: &TableRun) {
    let values = [
        ("rows", run.rows),
        ("rows_inserted", run.inserted),
        ("rows_deleted", run.deleted),
    ];
    metric(
        &[("function", "snapshot-merge"), ("table", &run.table)],
        &values,
    );
}

/// The receipts of every topic that fills one of the tables, read once.
async fn streams(
    day: Day,
    tables: &[&TableContract],
    known: &[Known],
    context: &Context,
) -> Result<Streams, Failure> {
    let mut topics: Vec<&str> = tables
        .iter()
        .flat_map(|table| context.catalogue.topics_of(&table.name))
        .collect();
    topics.sort_unstable();
    topics.dedup();
    let mut streams = Streams::new(day);
    // One table without a base needs every stream from its beginning.
    let bases: Vec<Manifest> = known
        .iter()
        .filter_map(|known| known.base.clone())
        .collect();
    let bases = if bases.len() == known.len() {
        bases
    } else {
        Vec::new()
    };
    streams
        .read(&topics, &bases, &*context.raw, &*context.refined)
        .await?;
    Ok(streams)
}

//! One invocation: a logical day, for every table or for some.

use std::collections::BTreeMap;

use contract::TableContract;
use futures_util::{StreamExt, TryStreamExt, stream};
use host::{Failure, FailureKind, TimeBudget, emit_metric};
use lake::{Day, SnapshotManifest};
use trigger::ScheduleRequest;

use crate::context::Context;
use crate::entity;
use crate::glue_databases;
use crate::manifest_lookup::{ManifestLookup, look_up_manifests};
use crate::merge_run::{MergeRun, MergedDay, TableFailure, TableRun, emit_table_metrics};
use crate::plan::{PlannedMerge, plan_table};
use crate::streams::StreamReceipts;
use crate::table;

/// Small tables that are merged at once.
const TABLES_AT_ONCE: usize = 8;

/// Rows of a small table with its increments: eight of them take 300 MB at most, and mostly 10.
const SMALL_ROWS: u64 = 100_000;

/// Merges the day. Every table commits alone: a run that breaks off is finished by the next.
///
/// # Errors
/// When a table cannot be merged; the others are committed.
pub async fn handle(
    schedule: &ScheduleRequest,
    context: &Context,
    budget: TimeBudget,
) -> Result<MergeRun, Failure> {
    merge_day(schedule, context, budget).await?.into_run()
}

/// The same, with every table that cannot be merged.
///
/// # Errors
/// When no table can be merged: the schedule is wrong, or the storage does not answer.
pub async fn merge_day(
    schedule: &ScheduleRequest,
    context: &Context,
    budget: TimeBudget,
) -> Result<MergedDay, Failure> {
    let merged = for_each_planned_table(schedule, context, budget, async |table, planned| {
        table::merge_table(table, planned, context, budget)
            .await
            .map(Some)
    });
    let mut merged = merged.await?;

    if is_requested(schedule, entity::ENTITY) {
        merge_entities_of(schedule_day(schedule)?, &mut merged, context).await;
    }
    Ok(merged)
}

/// Makes the day's `entity`, unless a table that it is made from was not merged: it would lack that
/// table's rows.
async fn merge_entities_of(day: Day, merged: &mut MergedDay, context: &Context) {
    let missing = entity::entity_source_tables(&context.catalogue).find_map(|table| {
        merged
            .failures
            .iter()
            .find(|failed| failed.table == table.name)
    });
    let entities = match missing {
        Some(missing) => Err(Failure {
            message: format!(
                "`{}` is made from `{}`, which was not merged: {}",
                entity::ENTITY,
                missing.table,
                missing.failure.message
            ),
            ..missing.failure.clone()
        }),
        None => entity::merge_entities(day, context).await,
    };

    match entities {
        Ok(entities) => merged
            .run
            .tables
            .extend(entities.inspect(emit_table_metrics)),
        Err(failure) => merged.failures.push(TableFailure {
            table: entity::ENTITY.to_owned(),
            failure,
        }),
    }
}

fn schedule_day(schedule: &ScheduleRequest) -> Result<Day, Failure> {
    schedule
        .logical_day()
        .map_err(|why| Failure::new(FailureKind::BadRequest, why))
}

/// Whether a schedule asks for a table; one without tables asks for all of them.
fn is_requested(schedule: &ScheduleRequest, table: &str) -> bool {
    schedule.tables.is_empty() || schedule.tables.iter().any(|name| name == table)
}

/// The tables of a run, each with its manifests, and the streams' receipts.
struct TableQueue<'q> {
    day: Day,
    tables: Vec<&'q TableContract>,
    /// A table whose manifests cannot be read is not merged, and stops no other.
    lookups: Vec<Result<ManifestLookup, Failure>>,
    streams: StreamReceipts,
    context: &'q Context,
    budget: TimeBudget,
}

/// Plans every requested table of the day and passes the plan to `process`. Small tables are
/// processed some at once, because they mostly wait for answers; the others one after the other,
/// because they need the memory.
pub(crate) async fn for_each_planned_table(
    schedule: &ScheduleRequest,
    context: &Context,
    budget: TimeBudget,
    process: impl AsyncFn(&TableContract, &PlannedMerge) -> Result<Option<TableRun>, Failure>,
) -> Result<MergedDay, Failure> {
    let queue = TableQueue::open(schedule, context, budget).await?;
    let (small, large): (Vec<usize>, Vec<usize>) =
        (0..queue.tables.len()).partition(|index| queue.is_small_table(*index));
    let process_table = async |index: usize| {
        let planned = queue.plan_next(index).await?;
        let processed = process(queue.tables[index], &planned).await?;
        Ok(processed.inspect(emit_table_metrics))
    };

    let at_once = stream::iter(small.iter().map(|index| process_table(*index)));
    let small_results: Vec<_> = at_once.buffered(TABLES_AT_ONCE).collect().await;
    let mut results: BTreeMap<usize, _> = small.iter().copied().zip(small_results).collect();
    for index in large {
        results.insert(index, process_table(index).await);
    }

    let run = MergeRun {
        date: queue.day.to_string(),
        tables: Vec::new(),
        behind: queue.streams.untransformed_objects(),
    };
    let merged = queue.collect_table_runs(run, results);
    if merged.failures.is_empty() {
        glue_databases::publish_zone_tables(context).await?;
    }
    Ok(merged)
}

impl<'q> TableQueue<'q> {
    async fn open(
        schedule: &ScheduleRequest,
        context: &'q Context,
        budget: TimeBudget,
    ) -> Result<Self, Failure> {
        let day = schedule_day(schedule)?;
        let tables = requested_tables(schedule, context)?;
        let lookups = tables
            .iter()
            .map(|table| look_up_manifests(&table.name, day, &*context.curated));
        let lookups: Vec<_> = stream::iter(lookups)
            .buffered(TABLES_AT_ONCE)
            .map(allow_unreadable)
            .try_collect()
            .await?;
        let streams = read_stream_receipts(day, &tables, &lookups, context).await?;
        Ok(Self {
            day,
            tables,
            lookups,
            streams,
            context,
            budget,
        })
    }

    /// Whether a table is small with all that it consumes.
    fn is_small_table(&self, index: usize) -> bool {
        let table = &self.tables[index].name;
        let Ok(lookup) = &self.lookups[index] else {
            return true;
        };
        let base = lookup.base.as_ref();
        let topics = self.context.catalogue.topics_of_table(table);
        let inputs = self.streams.plan_inputs(table, &topics, base, None);
        let rows = inputs.map_or(0, |inputs| inputs.row_count());
        base.map_or(0, |base| base.rows) + rows <= SMALL_ROWS
    }

    /// Plans a table, when there is time for it.
    async fn plan_next(&self, index: usize) -> Result<PlannedMerge, Failure> {
        let table = self.tables[index];
        if self.budget.is_spent() {
            let message = format!(
                "no time is left before `{}`; the next run goes on there",
                table.name
            );
            return Err(Failure::new(FailureKind::Unavailable, message));
        }
        let lookup = self.lookups[index].as_ref().map_err(Failure::clone)?;
        plan_table(table, self.day, &self.streams, lookup, self.context).await
    }

    /// The run with the results of its tables. A table that is refused stops no other.
    fn collect_table_runs(
        &self,
        run: MergeRun,
        results: BTreeMap<usize, Result<Option<TableRun>, Failure>>,
    ) -> MergedDay {
        let mut merged = MergedDay {
            run,
            failures: Vec::new(),
        };
        for (index, result) in results {
            match result {
                Ok(table) => merged.run.tables.extend(table),
                Err(failure) => {
                    tracing::error!(%failure, "a table is not merged or not published");
                    merged.failures.push(TableFailure {
                        table: self.tables[index].name.clone(),
                        failure,
                    });
                }
            }
        }
        emit_metric(
            &[("function", "snapshot-merge")],
            &[("raw_objects_behind", merged.run.behind)],
        );
        merged
    }
}

/// A failure that is about one object stays with its table; any other ends the run.
fn allow_unreadable<T>(result: Result<T, Failure>) -> Result<Result<T, Failure>, Failure> {
    match result {
        Err(failure) if failure.object.is_none() => Err(failure),
        result => Ok(result),
    }
}

/// The tables that a schedule asks for. A table that no source fills has no snapshots yet.
pub(crate) fn requested_tables<'c>(
    schedule: &ScheduleRequest,
    context: &'c Context,
) -> Result<Vec<&'c TableContract>, Failure> {
    let catalogue = &context.catalogue;
    for name in &schedule.tables {
        if catalogue.table_contract(name).is_none() {
            let message = format!("there is no table `{name}`");
            return Err(Failure::new(FailureKind::BadRequest, message));
        }
    }
    Ok(catalogue
        .tables
        .iter()
        .filter(|table| is_requested(schedule, &table.name))
        .filter(|table| !catalogue.topics_of_table(&table.name).is_empty())
        .collect())
}

/// The receipts of every topic that fills one of the tables, read once.
async fn read_stream_receipts(
    day: Day,
    tables: &[&TableContract],
    lookups: &[Result<ManifestLookup, Failure>],
    context: &Context,
) -> Result<StreamReceipts, Failure> {
    let mut topics: Vec<&str> = tables
        .iter()
        .flat_map(|table| context.catalogue.topics_of_table(&table.name))
        .collect();
    topics.sort_unstable();
    topics.dedup();

    // One table without a base needs every stream from its beginning.
    let readable = lookups.iter().filter_map(|lookup| lookup.as_ref().ok());
    let bases: Option<Vec<SnapshotManifest>> = readable.map(|lookup| lookup.base.clone()).collect();
    let mut streams = StreamReceipts::new(day);
    streams
        .read_receipts(
            &topics,
            &bases.unwrap_or_default(),
            &*context.raw,
            &*context.refined,
        )
        .await?;
    Ok(streams)
}

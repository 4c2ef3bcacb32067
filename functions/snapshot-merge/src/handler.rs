//! One invocation: a logical day, for every table or for some.

use std::collections::{BTreeMap, BTreeSet};

use contract::{TableContract, record_table_name};
use futures_util::{StreamExt, TryStreamExt, stream};
use host::{Failure, FailureKind, TimeBudget, emit_metric};
use lake::{Day, SnapshotManifest};
use trigger::ScheduleRequest;

use crate::context::Context;
use crate::day_bounds::check_day;
use crate::day_events::write_day_events;
use crate::day_roots::write_day_root;
use crate::derived_steps::{DerivedStep, warn_of_failure};
use crate::entity;
use crate::glue_databases;
use crate::input_request::InputRequest;
use crate::manifest_lookup::{ManifestLookup, look_up_manifests};
use crate::merge_run::{
    MergeRun, MergedDay, TableFailure, TableRun, emit_merged_tables, emit_table_metrics,
};
use crate::plan::{PlannedMerge, plan_table};
use crate::raw_tables::publish_raw_tables;
use crate::streams::StreamReceipts;
use crate::table;

/// What the failures of a run call the tables that show raw and refined objects.
const ZONE_TABLES: &str = "the tables of raw and refined objects";

/// Small tables that are merged at once.
const TABLES_AT_ONCE: usize = 8;

/// Rows of a small table with its increments: eight of them take 300 MB at most, and mostly 10.
const SMALL_ROWS: u64 = 100_000;

/// Merges the day. Every table commits alone: a run that breaks off is finished by the next.
///
/// # Errors
/// When the day has not begun or is before all data; when a table cannot be merged: the others are
/// committed.
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
    let merge = async |table: &TableContract, planned: &PlannedMerge| {
        table::merge_table(table, planned, context, budget)
            .await
            .map(Some)
    };
    let queue = TableQueue::open(schedule, context, budget).await?;
    let mut merged = queue.begin_run();
    for phase in MergePhase::ALL {
        queue.process_phase(phase, &mut merged, &merge).await;
    }
    queue.finish_run(&mut merged).await;

    if is_requested(schedule, entity::ENTITY) {
        merge_entities_of(schedule_day(schedule)?, &mut merged, context).await;
    }
    let day = schedule_day(schedule)?;
    merged.run.root = write_day_root(day, context).await?;
    // The day is whole without the index and the tables of raw objects, which the next day's merge
    // then covers.
    if !budget.is_spent() {
        let warnings = &mut merged.run.warnings;
        warnings.extend(write_day_events(day, context).await);
        warnings.extend(publish_raw_tables(context).await);
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
        Some(missing) => Err(lacks_table(entity::ENTITY, missing)),
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

/// Adds the failure of the zones' tables, which stops nothing: what the catalogue refuses an operator
/// must correct, and any other failure is a warning.
fn add_zone_failure(failure: Failure, merged: &mut MergedDay) {
    if failure.kind == FailureKind::Configuration {
        merged.failures.push(TableFailure {
            table: ZONE_TABLES.to_owned(),
            failure,
        });
    } else {
        let warning = warn_of_failure(DerivedStep::ZoneTables, None, &failure);
        merged.run.warnings.push(warning);
    }
}

/// The failure of a table that is made from one that was not merged.
fn lacks_table(table: &str, missing: &TableFailure) -> Failure {
    Failure {
        message: format!(
            "`{table}` is made from `{}`, which was not merged: {}",
            missing.table, missing.failure.message
        ),
        ..missing.failure.clone()
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
pub(crate) struct TableQueue<'q> {
    day: Day,
    tables: Vec<&'q TableContract>,
    /// A table whose manifests cannot be read is not merged, and stops no other.
    lookups: Vec<Result<ManifestLookup, Failure>>,
    streams: StreamReceipts,
    context: &'q Context,
    budget: TimeBudget,
}

/// The record tables are merged before the tables that are made from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MergePhase {
    /// The record tables.
    Records,
    /// The tables that readers see.
    Tables,
}

impl MergePhase {
    /// The phases in their order.
    pub(crate) const ALL: [Self; 2] = [Self::Records, Self::Tables];

    fn includes(self, table: &TableContract) -> bool {
        table.holds_records() == (self == Self::Records)
    }
}

impl<'q> TableQueue<'q> {
    pub(crate) async fn open(
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
        check_day(day, &lookups, &streams, host::now_micros())?;
        Ok(Self {
            day,
            tables,
            lookups,
            streams,
            context,
            budget,
        })
    }

    /// The run before any table of it is merged.
    pub(crate) fn begin_run(&self) -> MergedDay {
        MergedDay {
            run: MergeRun {
                date: self.day.to_string(),
                tables: Vec::new(),
                records: Vec::new(),
                root: None,
                warnings: Vec::new(),
                behind: self.streams.untransformed_objects(),
            },
            failures: Vec::new(),
        }
    }

    /// Plans every table of a phase and passes the plan to `process`. Small tables are processed
    /// some at once, because they mostly wait for answers; the others one after the other, because
    /// they need the memory. A table that is refused stops no other.
    pub(crate) async fn process_phase(
        &self,
        phase: MergePhase,
        merged: &mut MergedDay,
        process: &impl AsyncFn(&TableContract, &PlannedMerge) -> Result<Option<TableRun>, Failure>,
    ) {
        let of_phase = (0..self.tables.len()).filter(|index| phase.includes(self.tables[*index]));
        let (small, large): (Vec<usize>, Vec<usize>) =
            of_phase.partition(|index| self.is_small_table(*index));
        let failed_before = std::mem::take(&mut merged.failures);
        let process_table = async |index: usize| {
            self.check_records_merged(index, &failed_before)?;
            let planned = self.plan_next(index).await?;
            let processed = process(self.tables[index], &planned).await?;
            Ok(processed.inspect(emit_table_metrics))
        };

        let at_once = stream::iter(small.iter().map(|index| process_table(*index)));
        let small_results: Vec<_> = at_once.buffered(TABLES_AT_ONCE).collect().await;
        let mut results: BTreeMap<usize, _> = small.iter().copied().zip(small_results).collect();
        for index in large {
            results.insert(index, process_table(index).await);
        }
        merged.failures = failed_before;
        self.add_results(results, merged);
    }

    /// Refuses a table that is made from records of which the merge failed in this run.
    fn check_records_merged(&self, index: usize, failed: &[TableFailure]) -> Result<(), Failure> {
        let table = &self.tables[index].name;
        let mut sources = self.context.catalogue.record_mappings_of_table(table);
        let missing = sources.find_map(|mapping| {
            let records = record_table_name(&mapping.contract.name);
            failed.iter().find(|failure| failure.table == records)
        });
        missing.map_or(Ok(()), |missing| Err(lacks_table(table, missing)))
    }

    /// Ends the run: the zones' tables are published when every table was merged.
    pub(crate) async fn finish_run(&self, merged: &mut MergedDay) {
        emit_metric(
            &[("function", "snapshot-merge")],
            &[("raw_objects_behind", merged.run.behind)],
        );
        emit_merged_tables(merged.run.tables.len() + merged.run.records.len());
        let newest = self.streams.data_days().map(|(_, newest)| newest);
        let zones = glue_databases::publish_zone_tables(self.day, newest, self.context);
        if merged.failures.is_empty()
            && let Err(failure) = zones.await
        {
            add_zone_failure(failure, merged);
        }
    }

    /// Whether a table is small with all that it consumes.
    fn is_small_table(&self, index: usize) -> bool {
        let table = &self.tables[index].name;
        let Ok(lookup) = &self.lookups[index] else {
            return true;
        };
        let base = lookup.base.as_ref();
        let catalogue = &self.context.catalogue;
        let records = catalogue.record_mappings_of_table(table);
        let records = records.map(|mapping| record_table_name(&mapping.contract.name));
        let read_tables = std::iter::once(table.clone()).chain(records);
        let rows: u64 = read_tables
            .map(|name| self.count_increment_rows(&name, base))
            .sum();
        base.map_or(0, |base| base.rows) + rows <= SMALL_ROWS
    }

    /// The rows of a table's refined objects behind a base.
    fn count_increment_rows(&self, table: &str, base: Option<&SnapshotManifest>) -> u64 {
        let topics = self.context.catalogue.topics_of_table(table);
        let inputs = self.streams.plan_inputs(InputRequest {
            table,
            topics: &topics,
            records: &[],
            base,
            sealed: None,
        });
        inputs.map_or(0, |inputs| inputs.row_count())
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

    fn add_results(
        &self,
        results: BTreeMap<usize, Result<Option<TableRun>, Failure>>,
        merged: &mut MergedDay,
    ) {
        for (index, result) in results {
            let table = self.tables[index];
            match result {
                Ok(run) if table.holds_records() => merged.run.records.extend(run),
                Ok(run) => merged.run.tables.extend(run),
                Err(failure) => {
                    let name = &table.name;
                    let what = "a table is not merged or not published";
                    tracing::error!(table = name, %failure, "{what}");
                    merged.failures.push(TableFailure {
                        table: table.name.clone(),
                        failure,
                    });
                }
            }
        }
    }
}

/// A failure that is about one object stays with its table; any other ends the run.
fn allow_unreadable<T>(result: Result<T, Failure>) -> Result<Result<T, Failure>, Failure> {
    match result {
        Err(failure) if failure.object.is_none() => Err(failure),
        result => Ok(result),
    }
}

/// The tables that a schedule asks for, and those of the records that they are made from. A table
/// that no source fills has no snapshots yet.
fn requested_tables<'c>(
    schedule: &ScheduleRequest,
    context: &'c Context,
) -> Result<Vec<&'c TableContract>, Failure> {
    let catalogue = &context.catalogue;
    for name in &schedule.tables {
        find_table(name, context)?;
    }

    let mut tables: Vec<&TableContract> = catalogue
        .tables
        .iter()
        .filter(|table| is_requested(schedule, &table.name))
        .filter(|table| !catalogue.topics_of_table(&table.name).is_empty())
        .collect();
    let sources: BTreeSet<&str> = tables
        .iter()
        .flat_map(|table| catalogue.record_mappings_of_table(&table.name))
        .map(|mapping| mapping.contract.name.as_str())
        .collect();
    let records = sources.into_iter();
    tables.extend(records.filter_map(|source| catalogue.record_table_of_source(source)));
    Ok(tables)
}

/// The table of a name that a request gives.
pub(crate) fn find_table<'c>(
    name: &str,
    context: &'c Context,
) -> Result<&'c TableContract, Failure> {
    let missing = || {
        let message = format!("there is no table `{name}`");
        Failure::new(FailureKind::BadRequest, message)
    };
    context.catalogue.table_contract(name).ok_or_else(missing)
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

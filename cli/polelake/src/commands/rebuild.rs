//! `polelake rebuild`: merges days again, with the merge's and the transform's own code.

use std::time::Duration;

use async_trait::async_trait;
use host::{Failure, TimeBudget};
use indicatif::ProgressBar;
use lake::{Chunk, Day};
use operations::rebuild::{
    DayRebuilder, RebuildOutcome, RebuildProgress, RebuildRequest, RebuiltDay, SkippedDay,
    rebuild_days,
};
use pole_transform::Context as TransformContext;
use snapshot_merge::Context as MergeContext;
use trigger::ScheduleRequest;

use super::progress::styled_bar;
use super::unreadable::print_unreadable;
use crate::args::lake::RebuildArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;

/// The time that the merge of one day may take; on a machine of our own no deadline is near.
const DAY_BUDGET: Duration = Duration::from_secs(24 * 3_600);

pub(crate) async fn run(args: &RebuildArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.lake).await?;
    let rebuilder = FunctionRebuilder {
        transform: TransformContext {
            raw: lake.handle.raw.clone(),
            refined: lake.handle.refined.clone(),
            catalogue: lake.handle.catalogue.clone(),
        },
        merge: lake.merge_context().await?,
    };
    let request = RebuildRequest {
        from: args.from,
        to: args.to,
        tables: args.tables.clone(),
        raw: args.raw,
    };

    let bar = styled_bar(0, "{bar:30} {pos}/{len} {msg}");
    let outcome = rebuild_days(&lake.handle, &request, &rebuilder, &|progress| {
        show_progress(&bar, progress);
    })
    .await?;
    bar.finish_and_clear();

    if args.json {
        println!("{}", serde_json::to_string(&outcome)?);
    } else {
        print_outcome(&outcome);
    }
    Ok(outcome.is_complete())
}

fn show_progress(bar: &ProgressBar, progress: RebuildProgress) {
    let (done, total, what) = match progress {
        RebuildProgress::RawObjects { done, total } => (done, total, "raw objects"),
        RebuildProgress::Days { done, total } => (done, total, "days"),
    };
    bar.set_length(total as u64);
    bar.set_position(done as u64);
    bar.set_message(what);
}

fn print_outcome(outcome: &RebuildOutcome) {
    let RebuildOutcome {
        from,
        to,
        raw_objects,
        manifests_written,
        later_days_until,
        skipped,
        unreadable,
    } = outcome;
    println!(
        "{from} to {to}: {raw_objects} raw objects transformed again, {manifests_written} \
         manifests changed"
    );
    if let Some(later) = later_days_until {
        println!(
            "the days after {to}, up to {later}, are still built on the old state; rebuild without \
             --to to renew them too"
        );
    }

    for SkippedDay {
        table,
        date,
        object,
    } in skipped
    {
        println!("{date} of {table} stays as it was: it needs {object}");
    }
    print_unreadable(unreadable);
}

/// The functions' own code.
struct FunctionRebuilder {
    transform: TransformContext,
    merge: MergeContext,
}

#[async_trait(?Send)]
impl DayRebuilder for FunctionRebuilder {
    async fn retransform_chunk(&self, chunk: &Chunk) -> Result<(), Failure> {
        pole_transform::retransform_chunk(chunk, &self.transform).await
    }

    async fn merge_day(&self, day: Day, tables: &[String]) -> Result<RebuiltDay, Failure> {
        let schedule = ScheduleRequest {
            date: Some(day.to_string()),
            tables: tables.to_vec(),
            ..ScheduleRequest::default()
        };
        let budget = TimeBudget::lasting_for(DAY_BUDGET);
        let merged = snapshot_merge::merge_day(&schedule, &self.merge, budget).await?;

        let tables = merged.run.tables.iter();
        let failures = merged.failures.into_iter();
        Ok(RebuiltDay {
            manifests_written: tables.filter(|table| table.written).count(),
            failures: failures
                .map(|failed| (failed.table, failed.failure))
                .collect(),
        })
    }
}

//! `polelake snapshot sweep`.

use serde_json::json;
use snapshot_merge::{RetentionPolicy, SweepResult, SweptTables, steps};
use store::{ObjectError, UnreadableObject, UnreadableObjects};

use super::unreadable::{print_unreadable, with_unreadable};
use crate::args::snapshot::SweepArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::work_progress::WorkProgress;

pub(crate) async fn run(args: &SweepArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let retention = RetentionPolicy {
        daily: args.daily,
        monthly: args.monthly,
        yearly: args.yearly,
    };
    let lake = OpenLake::open(&args.lake).await?;
    let context = lake.merge_context().await?;
    progress.begin_stage("sweeping the days of all tables");
    let result = steps::sweep_tables(retention, &args.tables, args.dry_run, &context).await?;
    progress.end_stage();
    let unreadable = unreadable_objects(&result);

    if args.json {
        let swept = json!({"dry_run": args.dry_run, "tables": result.swept});
        println!("{}", with_unreadable(swept, &unreadable));
    } else {
        print_sweep(&result.swept, args.dry_run);
        for failed in &result.failures {
            println!("{:18} is not swept", failed.table);
        }
        print_unreadable(&unreadable);
    }
    Ok(result.failures.is_empty())
}

/// The objects because of which tables were not swept.
fn unreadable_objects(result: &SweptTables) -> Vec<UnreadableObject> {
    let objects = UnreadableObjects::default();
    for failed in &result.failures {
        failed
            .failure
            .unreadable_object()
            .into_iter()
            .for_each(|object| objects.add(object));
    }
    objects.take()
}

fn print_sweep(swept: &[SweepResult], dry_run: bool) {
    let verb = if dry_run {
        "would be deleted"
    } else {
        "are deleted"
    };
    let changed: Vec<&SweepResult> = swept
        .iter()
        .filter(|table| !table.dropped.is_empty() || table.files > 0)
        .collect();
    if changed.is_empty() {
        println!("nothing to sweep: the retention keeps every day that there is");
    }

    for result in changed {
        let SweepResult {
            table,
            retained,
            dropped,
            files,
            bytes,
        } = result;
        let days = dropped.len();
        println!(
            "{table:18} {retained} days retained; {days} days and {files} files of {bytes} bytes \
             {verb}"
        );
    }
}

//! `polelake snapshot sweep`.

use serde_json::json;
use snapshot_merge::{RetentionPolicy, SweepResult, steps};

use crate::args::snapshot::SweepArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;

pub(crate) async fn run(args: &SweepArgs) -> Result<bool, CliError> {
    let retention = RetentionPolicy {
        daily: args.daily,
        monthly: args.monthly,
        yearly: args.yearly,
    };
    let lake = OpenLake::open(&args.lake).await?;
    let context = lake.merge_context().await?;
    let swept = steps::run_sweep_step(retention, &args.tables, args.dry_run, &context).await?;

    if args.json {
        println!("{}", json!({"dry_run": args.dry_run, "tables": swept}));
    } else {
        print_sweep(&swept, args.dry_run);
    }
    Ok(true)
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
        println!("nothing to sweep");
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

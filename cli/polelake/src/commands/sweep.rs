//! `polelake snapshot sweep`.

use serde_json::json;
use snapshot_merge::{RetentionPolicy, SweepResult, steps};

use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::place::LakeArgs;

pub(crate) async fn run(
    lake: &LakeArgs,
    keep: RetentionPolicy,
    tables: &[String],
    dry_run: bool,
    as_json: bool,
) -> Result<bool, CliError> {
    let lake = OpenLake::open(lake).await?;
    let context = lake.merge_context().await?;
    let swept = steps::run_sweep_step(keep, tables, dry_run, &context).await?;
    if as_json {
        println!("{}", json!({"dry_run": dry_run, "tables": swept}));
    } else {
        print_sweep(&swept, dry_run);
    }
    Ok(true)
}

fn print_sweep(swept: &[SweepResult], dry_run: bool) {
    let done = if dry_run { "would go" } else { "are gone" };
    let touched = |table: &&SweepResult| !table.dropped.is_empty() || table.files > 0;
    for table in swept.iter().filter(touched) {
        let (name, kept, dropped) = (&table.table, table.retained, table.dropped.len());
        let (files, bytes) = (table.files, table.bytes);
        println!(
            "{name:18} {kept} days kept; {dropped} days and {files} files of {bytes} bytes {done}"
        );
    }
    if !swept.iter().any(|table| touched(&table)) {
        println!("nothing to sweep");
    }
}

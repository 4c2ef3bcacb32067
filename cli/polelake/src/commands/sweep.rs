//! `polelake snapshot sweep`.

use serde_json::json;
use snapshot_merge::{Keep, Swept, steps};

use crate::error::Failed;
use crate::lake_handle::OpenLake;
use crate::place::Lake;

pub(crate) async fn run(
    lake: &Lake,
    keep: Keep,
    tables: &[String],
    dry_run: bool,
    as_json: bool,
) -> Result<bool, Failed> {
    let lake = OpenLake::open(lake).await?;
    let context = lake.merge_context().await?;
    let swept = steps::sweep(keep, tables, dry_run, &context).await?;
    if as_json {
        println!("{}", json!({"dry_run": dry_run, "tables": swept}));
    } else {
        print(&swept, dry_run);
    }
    Ok(true)
}

fn print(swept: &[Swept], dry_run: bool) {
    let done = if dry_run { "would go" } else { "are gone" };
    let touched = |table: &&Swept| !table.dropped.is_empty() || table.files > 0;
    for table in swept.iter().filter(touched) {
        let (name, kept, dropped) = (&table.table, table.kept, table.dropped.len());
        let (files, bytes) = (table.files, table.bytes);
        println!(
            "{name:18} {kept} days kept; {dropped} days and {files} files of {bytes} bytes {done}"
        );
    }
    if !swept.iter().any(|table| touched(&table)) {
        println!("nothing to sweep");
    }
}

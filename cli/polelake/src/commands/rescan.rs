//! `polelake quality rescan`.

use operations::snapshots::days;
use snapshot_merge::{RescanReport, rescan_snapshot};

use crate::args::quality::RescanArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::work_progress::WorkProgress;

pub(crate) async fn run(args: &RescanArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let opened = OpenLake::open(&args.lake).await?;
    let lake = &opened.handle;
    let mut reports = Vec::new();
    for (table, manifest) in days::read_manifests_of_day(lake, &args.tables, args.date).await? {
        progress.begin_stage(&format!("measuring {table}", table = table.name));
        reports.push(rescan_snapshot(table, &manifest, &lake.curated).await?);
    }

    progress.end_stage();

    if args.json {
        println!("{}", serde_json::to_string_pretty(&reports)?);
    } else {
        reports.iter().for_each(print_rescan);
    }
    Ok(reports.iter().all(|report| report.differences.is_empty()))
}

fn print_rescan(report: &RescanReport) {
    let outcome = match (report.comparable, report.differences.len()) {
        (false, _) => {
            "measured under another contract: there is nothing to compare with".to_owned()
        }
        (true, 0) => "as the merge measured it".to_owned(),
        (true, count) => format!("{count} differences"),
    };
    println!(
        "{:20} {:>10} rows {:>4} groups  {outcome}",
        report.table, report.rows, report.groups
    );
    for difference in &report.differences {
        println!("  {difference}");
    }
}

//! `polelake snapshot drop-day`.

use operations::reports::delete_reports_of_day;
use serde_json::json;
use snapshot_merge::{DroppedDay, drop_day};

use crate::args::snapshot::DropDayArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;

pub(crate) async fn run(args: &DropDayArgs) -> Result<bool, CliError> {
    if !args.dry_run && !args.yes {
        let why = format!(
            "a day is deleted in every table: look at what goes with --dry-run first, then give \
             --yes, as in `polelake snapshot drop-day {} --yes`",
            args.date
        );
        return Err(why.into());
    }
    let lake = OpenLake::open(&args.lake).await?;
    let context = lake.merge_context().await?;
    let dropped = drop_day(args.date, args.dry_run, &context).await?;
    let reports = delete_reports_of_day(&lake.handle, args.date, args.dry_run).await?;

    if dropped.is_empty() && reports == 0 {
        let why = format!(
            "no table has a snapshot of {}; `polelake snapshot ls` lists the days",
            args.date
        );
        return Err(why.into());
    }
    if args.json {
        let outcome = json!({
            "date": args.date.to_string(),
            "dry_run": args.dry_run,
            "tables": dropped,
            "reports": reports,
        });
        println!("{outcome}");
    } else {
        print_dropped(args, &dropped, reports);
    }
    Ok(true)
}

fn print_dropped(args: &DropDayArgs, dropped: &[DroppedDay], reports: usize) {
    let verb = if args.dry_run {
        "would be deleted"
    } else {
        "are deleted"
    };
    for result in dropped {
        let DroppedDay {
            table,
            files,
            bytes,
            ..
        } = result;
        println!(
            "{table:18} {}; its {files} files of {bytes} bytes {verb}",
            args.date
        );
    }

    println!("{reports} objects of the day's reports {verb}");
    if !args.dry_run {
        println!("the pages follow when the newest day is reported again: `polelake run-day DATE`");
    }
}

//! `polelake repair --declare-lost` and `polelake repair --withdraw`.

use lake::DeclaredLoss;
use operations::repair::{LossRequest, WrittenLoss, declare_losses, withdraw_losses};
use serde_json::json;

use crate::args::lake::RepairArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::terminal::escape_line;
use crate::work_progress::WorkProgress;

/// Declared losses that are printed; `--json` has all of them.
const LOSSES_SHOWN: usize = 20;

/// Declares losses: exit code 0, or 2 when one of them is not lost.
pub(crate) async fn declare(args: &RepairArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let mut lake = OpenLake::open(&args.lake).await?;
    lake.handle.stage = progress.stage_listener();
    let request = LossRequest {
        objects: args.declare_lost.clone(),
        next: args.next,
        reason: args.reason.clone().unwrap_or_default(),
        dry_run: args.dry_run,
    };
    let written = declare_losses(&lake.handle, &request).await?;
    progress.end_stage();

    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&json!({"declared": written}))?
        );
        return Ok(true);
    }
    let verb = if args.dry_run {
        "would be declared"
    } else {
        "declared"
    };
    println!("{} {verb} lost:", written.len());
    written.iter().for_each(print_written);
    if !args.dry_run {
        println!(
            "The audit prints them as declared lost, and `polelake rebuild --raw` goes over them. \
             Where a raw object comes back, `polelake repair --withdraw` deletes its declaration."
        );
    }
    Ok(true)
}

/// Withdraws declarations: exit code 0, or 2 when there is no such declaration.
pub(crate) async fn withdraw(args: &RepairArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.lake).await?;
    let withdrawn = withdraw_losses(&lake.handle, &args.withdraw, args.dry_run).await?;

    if args.json {
        println!(
            "{}",
            serde_json::to_string_pretty(&json!({"withdrawn": withdrawn}))?
        );
        return Ok(true);
    }
    let verb = if args.dry_run {
        "would be withdrawn"
    } else {
        "withdrawn"
    };
    println!("{} {verb}:", withdrawn.len());
    for document in &withdrawn {
        println!("  {}", escape_line(document));
    }
    if !args.dry_run {
        println!(
            "`polelake repair` makes again what was lost with the raw objects, and says what is \
             still lost."
        );
    }
    Ok(true)
}

fn print_written(written: &WrittenLoss) {
    println!("  {}", escape_line(&describe_declared(&written.loss)));
    println!("    {}", escape_line(&written.document));
    for object in &written.lost_objects {
        println!("    with it is lost {}", escape_line(object));
    }
}

/// Prints the declared losses of a lake.
pub(super) fn print_declared(losses: &[DeclaredLoss]) {
    if losses.is_empty() {
        return;
    }
    println!("{} declared lost:", losses.len());
    for loss in losses.iter().take(LOSSES_SHOWN) {
        println!("  {}", escape_line(&describe_declared(loss)));
    }
    if losses.len() > LOSSES_SHOWN {
        let more = losses.len() - LOSSES_SHOWN;
        println!("  and {more} more; --json has all of them");
    }
}

fn describe_declared(loss: &DeclaredLoss) -> String {
    let records = loss.records.map_or_else(
        || "an unknown number of".to_owned(),
        |count| count.to_string(),
    );
    let rows = if loss.rows_kept {
        "their rows are kept"
    } else {
        "rows are lost with them"
    };
    format!(
        "{}: offsets {} to {}, {records} records; {rows}; {}",
        loss.object,
        loss.first,
        loss.next - 1,
        loss.reason
    )
}

#[cfg(test)]
mod tests {
    use lake::StreamKey;

    use super::*;

    #[test]
    fn a_declared_loss_is_told_with_its_offsets_count_and_reason() {
        let mut loss = DeclaredLoss {
            stream: StreamKey::default(),
            first: 7,
            next: 9,
            object: "raw/t/x".into(),
            records: Some(2),
            rows_kept: true,
            reason: "a disk burnt".into(),
            declared_at: 0,
        };
        assert_eq!(
            describe_declared(&loss),
            "raw/t/x: offsets 7 to 8, 2 records; their rows are kept; a disk burnt"
        );
        loss.records = None;
        assert!(describe_declared(&loss).contains("an unknown number of records"));
    }
}

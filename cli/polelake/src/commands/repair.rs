//! `polelake repair`.

use operations::repair::{
    LostRecords, RepairLayers, RepairOutcome, RepairRequest, RepairedObject, UnrepairedObject,
    repair_lake,
};

use super::audit::print_finding;
use super::declare_lost::{self, print_declared};
use crate::args::lake::RepairArgs;
use crate::error::CliError;
use crate::function_rebuilder::FunctionRebuilder;
use crate::open_lake::OpenLake;
use crate::terminal::escape_line;
use crate::work_progress::WorkProgress;

/// Lines of one kind that are printed; `--json` has all of them.
const LINES_SHOWN: usize = 20;

pub(crate) async fn run(args: &RepairArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    if !args.declare_lost.is_empty() {
        return declare_lost::declare(args, progress).await;
    }
    if !args.withdraw.is_empty() {
        return declare_lost::withdraw(args).await;
    }

    let mut lake = OpenLake::open_with_identity_key(&args.lake).await?;
    lake.handle.stage = progress.stage_listener();
    let layers = RepairLayers::over(&lake.handle)?;
    let rebuilder = FunctionRebuilder::over_layers(&lake, &layers).await?;
    let request = RepairRequest {
        dry_run: args.dry_run,
        delete_added: args.delete_added,
    };
    let outcome = repair_lake(&lake.handle, &layers, &rebuilder, request).await?;
    progress.end_stage();

    if args.json {
        println!("{}", serde_json::to_string_pretty(&outcome)?);
    } else {
        print_outcome(&outcome, args.dry_run);
    }
    Ok(outcome.is_whole())
}

fn print_outcome(outcome: &RepairOutcome, dry_run: bool) {
    let verb = if dry_run { "would be " } else { "" };
    let repaired = outcome.repaired.iter().map(describe_repaired);
    print_lines(&format!("{verb}repaired"), repaired);
    let deleted = outcome.deleted.iter().cloned();
    print_lines(&format!("{verb}deleted"), deleted);
    print_lines("lost", outcome.lost.iter().map(describe_lost));
    print_declared(&outcome.declared_lost);
    print_lines(
        "not repaired",
        outcome.unrepaired.iter().map(describe_unrepaired),
    );

    if !outcome.lost.is_empty() {
        println!(
            "What is lost for good is declared by its key: `polelake repair --declare-lost` \
             (docs/runbook.md, Records that are lost)."
        );
    }

    for (day, root) in &outcome.roots {
        println!("root of {day}: {root}");
    }
    outcome
        .findings
        .iter()
        .take(LINES_SHOWN)
        .for_each(print_finding);
    let changed = outcome.repaired.len() + outcome.deleted.len();
    match outcome.findings.len() {
        0 if changed == 0 => println!("Nothing is damaged: every byte is what was recorded."),
        0 => println!("The reconciliation balances: every byte is what was recorded."),
        count => println!("The audit still has {count} findings; --json has all of them."),
    }
}

/// Prints a line for each object, and how many there are.
fn print_lines(what: &str, lines: impl ExactSizeIterator<Item = String>) {
    let count = lines.len();
    if count == 0 {
        return;
    }
    println!("{count} {what}:");
    for line in lines.take(LINES_SHOWN) {
        println!("  {}", escape_line(&line));
    }
    if count > LINES_SHOWN {
        println!("  and {} more; --json has all of them", count - LINES_SHOWN);
    }
}

fn describe_repaired(repaired: &RepairedObject) -> String {
    format!("{}, from {}", repaired.object, repaired.from)
}

fn describe_unrepaired(unrepaired: &UnrepairedObject) -> String {
    format!("{}: {}", unrepaired.object, unrepaired.cause)
}

fn describe_lost(lost: &LostRecords) -> String {
    let offsets = match lost.next {
        Some(next) => format!("offsets {} to {}", lost.first, next - 1),
        None => format!("offsets from {} on", lost.first),
    };
    let records = lost
        .records
        .map_or_else(String::new, |records| format!(", {records} records"));
    let rows = if lost.rows_kept {
        "; the refined zone has their rows"
    } else {
        "; the refined zone has not all of their rows"
    };
    format!("{}: {offsets}{records}{rows}", lost.object)
}

//! The entry point of the command line: it parses the arguments, runs the command and gives the
//! exit code.

use std::path::Path;
use std::process::ExitCode;

use clap::Parser;

use crate::args::contract::ContractCommand;
use crate::args::quality::QualityCommand;
use crate::args::quarantine::QuarantineCommand;
use crate::args::snapshot::SnapshotCommand;
use crate::args::{Cli, CliCommand};
use crate::commands;
use crate::error::CliError;
use crate::exit_code::{report_usage, run_to_exit_code};
use crate::full_disk::{name_full_disk, until_disk_full};
use crate::interruption::{describe_untouched, run_until_stopped};
use crate::one_heap::restart_with_one_heap;
use crate::work_progress::WorkProgress;

/// Runs the command line. Exit code 0: done; 1: done, and a check failed; 2: not done;
/// 130: interrupted.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => {
            restart_with_one_heap(&cli.command);
            run_to_exit_code("polelake", run_on_disk(cli.command))
        }
        Err(error) => report_usage(&error),
    }
}

/// Runs a command; where it fails because a disk is full, the error says so.
async fn run_on_disk(command: CliCommand) -> Result<bool, CliError> {
    let folder = command.platform_folder().map(Path::to_owned);
    let untouched = describe_untouched(&command);
    let progress = WorkProgress::new(untouched.clone().unwrap_or_default());
    let outcome = match untouched {
        Some(_) => {
            let running = run_with_room(command, folder.as_deref(), &progress);
            run_until_stopped(&progress, running).await
        }
        None => run_command(command, &progress).await,
    };
    outcome.map_err(|error| name_full_disk(error, folder.as_deref()))
}

async fn run_with_room(
    command: CliCommand,
    folder: Option<&Path>,
    progress: &WorkProgress,
) -> Result<bool, CliError> {
    match folder {
        Some(folder) if command.waits_for_writes() => {
            until_disk_full(folder, run_command(command, progress)).await
        }
        _ => run_command(command, progress).await,
    }
}

async fn run_command(command: CliCommand, progress: &WorkProgress) -> Result<bool, CliError> {
    match command {
        CliCommand::Demo(args) => commands::demo::run(&args, progress).await,
        CliCommand::Up(args) => commands::up::run(&args).await,
        CliCommand::Push(args) => commands::push::run(&args, progress).await,
        CliCommand::Backfill(args) => commands::backfill::run(&args, progress).await,
        CliCommand::RunDay(args) => commands::run_day::run(&args, progress).await,
        CliCommand::Status(args) => commands::status::run(&args).await,
        CliCommand::Trace(args) => commands::trace::run(&args).await,
        CliCommand::Audit(args) => commands::audit::run(&args, progress).await,
        CliCommand::Repair(args) => commands::repair::run(&args, progress).await,
        CliCommand::Quarantine(command) => run_quarantine_command(command, progress).await,
        CliCommand::Rebuild(args) => commands::rebuild::run(&args, progress).await,
        CliCommand::Erase(args) => commands::erase::run(&args, progress).await,
        CliCommand::Snapshot(command) => run_snapshot_command(command, progress).await,
        CliCommand::Quality(command) => run_quality_command(command, progress).await,
        CliCommand::Smoke(args) => commands::smoke::run(&args, progress).await,
        CliCommand::Package(args) => commands::package::run(&args),
        CliCommand::Contract(command) => run_contract_command(command),
        CliCommand::Completions(args) => commands::completions::run(&args),
        CliCommand::Man(args) => commands::man::run(&args),
        CliCommand::Function(args) => commands::function::run(&args.name).await,
    }
}

async fn run_quarantine_command(
    command: QuarantineCommand,
    progress: &WorkProgress,
) -> Result<bool, CliError> {
    match command {
        QuarantineCommand::Ls(args) => commands::quarantine::list_refused(&args).await,
        QuarantineCommand::Show(args) => commands::quarantine::show_refused(&args).await,
        QuarantineCommand::Redrive(args) => {
            commands::quarantine::redrive_refused(&args, progress).await
        }
    }
}

async fn run_snapshot_command(
    command: SnapshotCommand,
    progress: &WorkProgress,
) -> Result<bool, CliError> {
    match command {
        SnapshotCommand::Ls(args) => commands::snapshot::list_snapshots(&args).await,
        SnapshotCommand::Show(args) => commands::snapshot::show_snapshot(&args).await,
        SnapshotCommand::Diff(args) => commands::snapshot_diff::run(&args, progress).await,
        SnapshotCommand::Sweep(args) => commands::sweep::run(&args, progress).await,
        SnapshotCommand::DropDay(args) => commands::drop_day::run(&args).await,
    }
}

async fn run_quality_command(
    command: QualityCommand,
    progress: &WorkProgress,
) -> Result<bool, CliError> {
    match command {
        QualityCommand::Report(args) => commands::quality::show_report(&args).await,
        QualityCommand::Rescan(args) => commands::rescan::run(&args, progress).await,
    }
}

fn run_contract_command(command: ContractCommand) -> Result<bool, CliError> {
    use commands::contract;

    match command {
        ContractCommand::New(args) => contract::new::run(&args.contracts, &args.name, &args.from),
        ContractCommand::Lint(args) => contract::lint::run(&args.contracts, args.json),
        ContractCommand::Diff(args) => contract::diff::run(&args.old, &args.new, args.json),
        ContractCommand::Test(args) => {
            contract::test::run(&args.contracts, args.source.as_deref(), args.update)
        }
        ContractCommand::Try(args) => contract::try_events::run(&args),
        ContractCommand::Docs(args) => contract::docs::run(&args.contracts, &args.out),
        ContractCommand::Pack(args) => contract::pack::run(&args.contracts, &args.out),
        ContractCommand::Schema(args) => contract::schema::run(args.out.as_deref()),
    }
}

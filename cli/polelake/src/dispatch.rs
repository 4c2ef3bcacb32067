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

/// Runs the command line. Exit code 0: done; 1: done, and a check failed; 2: not done.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::try_parse() {
        Ok(cli) => run_to_exit_code("polelake", run_on_disk(cli.command)),
        Err(error) => report_usage(&error),
    }
}

/// Runs a command; where it fails because a disk is full, the error says so.
async fn run_on_disk(command: CliCommand) -> Result<bool, CliError> {
    let folder = command.platform_folder().map(Path::to_owned);
    let outcome = match &folder {
        Some(folder) if command.waits_for_writes() => {
            until_disk_full(folder, run_command(command)).await
        }
        _ => run_command(command).await,
    };
    outcome.map_err(|error| name_full_disk(error, folder.as_deref()))
}

async fn run_command(command: CliCommand) -> Result<bool, CliError> {
    match command {
        CliCommand::Demo(args) => commands::demo::run(&args).await,
        CliCommand::Up(args) => commands::up::run(&args).await,
        CliCommand::Push(args) => commands::push::run(&args).await,
        CliCommand::Backfill(args) => commands::backfill::run(&args).await,
        CliCommand::RunDay(args) => commands::run_day::run(&args).await,
        CliCommand::Status(args) => commands::status::run(&args).await,
        CliCommand::Trace(args) => commands::trace::run(&args).await,
        CliCommand::Audit(args) => commands::audit::run(&args).await,
        CliCommand::Quarantine(command) => run_quarantine_command(command).await,
        CliCommand::Rebuild(args) => commands::rebuild::run(&args).await,
        CliCommand::Erase(args) => commands::erase::run(&args).await,
        CliCommand::Snapshot(command) => run_snapshot_command(command).await,
        CliCommand::Quality(command) => run_quality_command(command).await,
        CliCommand::Smoke(args) => commands::smoke::run(&args).await,
        CliCommand::Package(args) => commands::package::run(&args),
        CliCommand::Contract(command) => run_contract_command(command),
        CliCommand::Function(args) => commands::function::run(&args.name).await,
    }
}

async fn run_quarantine_command(command: QuarantineCommand) -> Result<bool, CliError> {
    match command {
        QuarantineCommand::Ls(args) => commands::quarantine::list_refused(&args).await,
        QuarantineCommand::Show(args) => commands::quarantine::show_refused(&args).await,
        QuarantineCommand::Redrive(args) => commands::quarantine::redrive_refused(&args).await,
    }
}

async fn run_snapshot_command(command: SnapshotCommand) -> Result<bool, CliError> {
    match command {
        SnapshotCommand::Ls(args) => commands::snapshot::list_snapshots(&args).await,
        SnapshotCommand::Show(args) => commands::snapshot::show_snapshot(&args).await,
        SnapshotCommand::Diff(args) => commands::snapshot_diff::run(&args).await,
        SnapshotCommand::Sweep(args) => commands::sweep::run(&args).await,
        SnapshotCommand::DropDay(args) => commands::drop_day::run(&args).await,
    }
}

async fn run_quality_command(command: QualityCommand) -> Result<bool, CliError> {
    match command {
        QualityCommand::Report(args) => commands::quality::show_report(&args).await,
        QualityCommand::Rescan(args) => commands::rescan::run(&args).await,
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

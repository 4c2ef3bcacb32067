//! The entry point of the command line: it parses the arguments, runs the command and gives the exit code.

use std::process::ExitCode;

use clap::Parser;
use snapshot_merge::RetentionPolicy;

use crate::args::quality::QualityCommand;
use crate::args::snapshot::SnapshotCommand;
use crate::args::{Cli, CliCommand, ContractCommand, QuarantineCommand};
use crate::commands;
use crate::commands::rebuild::RebuildCommand;
use crate::error::CliError;
use crate::exit_code::run_to_exit_code;

/// Runs the command line. Exit code 0: done; 1: done, and something does not hold; 2: not done.
#[must_use]
pub fn main() -> ExitCode {
    run_to_exit_code("polelake", run_command(Cli::parse().command))
}

fn run_contract_command(command: ContractCommand) -> Result<bool, CliError> {
    use commands::contract;
    match command {
        ContractCommand::New {
            name,
            from,
            contracts,
        } => contract::new::run(&contracts, &name, &from),
        ContractCommand::Lint { contracts, json } => contract::lint::run(&contracts, json),
        ContractCommand::Diff { old, new, json } => contract::diff::run(&old, &new, json),
        ContractCommand::Test {
            source,
            update,
            contracts,
        } => contract::test::run(&contracts, source.as_deref(), update),
        ContractCommand::Docs { out, contracts } => contract::docs::run(&contracts, &out),
        ContractCommand::Pack { out, contracts } => contract::pack::run(&contracts, &out),
        ContractCommand::Schema { out } => contract::schema::run(out.as_deref()),
    }
}

async fn run_command(command: CliCommand) -> Result<bool, CliError> {
    match command {
        CliCommand::Demo {
            place,
            data,
            days,
            people,
            json,
        } => commands::demo::run(&place, data.as_deref(), days, people, json).await,
        CliCommand::Up { place, port } => commands::up::run(&place, port).await,
        CliCommand::Push {
            place,
            source,
            file,
            json,
        } => commands::push::run(&place, &source, &file, json).await,
        CliCommand::Backfill { backfill } => commands::backfill::run(&backfill).await,
        CliCommand::RunDay { place, date, json } => {
            commands::run_day::run(&place, &date, json).await
        }
        CliCommand::Audit {
            lake,
            date,
            from,
            to,
            deep,
            json,
        } => {
            let (from, to) = (from.or_else(|| date.clone()), to.or(date));
            commands::audit::run(&lake, from.as_deref(), to.as_deref(), deep, json).await
        }
        CliCommand::Quarantine { command } => match command {
            QuarantineCommand::Ls { refusals } => {
                commands::quarantine::list_refused(&refusals).await
            }
            QuarantineCommand::Show {
                refusals,
                limit,
                values,
            } => commands::quarantine::show_refused(&refusals, limit, values).await,
            QuarantineCommand::Redrive {
                refusals,
                dry_run,
                wait,
            } => commands::quarantine::redrive_refused(&refusals, dry_run, wait).await,
        },
        CliCommand::Rebuild {
            lake,
            from,
            to,
            tables,
            raw,
            json,
        } => {
            RebuildCommand {
                lake,
                from,
                to,
                tables,
                raw,
            }
            .run(json)
            .await
        }
        CliCommand::Erase { erase } => commands::erase::run(&erase).await,
        CliCommand::Snapshot { command } => run_snapshot_command(command).await,
        CliCommand::Quality { command } => run_quality_command(command).await,
        CliCommand::Smoke { smoke } => commands::smoke::run(&smoke).await,
        CliCommand::Package {
            binaries,
            out,
            contracts,
            json,
        } => commands::package::run(&binaries, &contracts, &out, json),
        CliCommand::Contract { command } => run_contract_command(command),
        CliCommand::Function { name } => commands::function::run(&name).await,
    }
}

/// Looks at snapshots.
async fn run_snapshot_command(command: SnapshotCommand) -> Result<bool, CliError> {
    match command {
        SnapshotCommand::Ls { lake, table, json } => {
            commands::snapshot::print_snapshots(&lake, table.as_deref(), json).await
        }
        SnapshotCommand::Show {
            lake,
            table,
            date,
            json,
        } => commands::snapshot::show_snapshot(&lake, &table, &date, json).await,
        SnapshotCommand::Sweep {
            lake,
            daily,
            monthly,
            yearly,
            tables,
            dry_run,
            json,
        } => {
            commands::sweep::run(
                &lake,
                RetentionPolicy {
                    daily,
                    monthly,
                    yearly,
                },
                &tables,
                dry_run,
                json,
            )
            .await
        }
        SnapshotCommand::Diff(wanted) => commands::snapshot::diff_snapshots(&wanted).await,
    }
}

async fn run_quality_command(command: QualityCommand) -> Result<bool, CliError> {
    match command {
        QualityCommand::Report {
            lake,
            date,
            junit,
            json,
        } => commands::quality::show_report(&lake, &date, junit.as_deref(), json).await,
        QualityCommand::Rescan {
            lake,
            date,
            tables,
            json,
        } => commands::rescan::run(&lake, &date, &tables, json).await,
    }
}

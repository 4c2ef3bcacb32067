//! The entry point of the command line: it parses the arguments, runs the command and gives the exit code.

use std::process::ExitCode;

use clap::Parser;
use snapshot_merge::Keep;

use crate::args::quality::QualityCommand;
use crate::args::snapshot::SnapshotCommand;
use crate::args::{Cli, Command, ContractCommand, QuarantineCommand};
use crate::commands;
use crate::commands::rebuild::Rebuild;
use crate::error::Failed;
use crate::exit_code::run_to_exit_code;

/// Runs the command line. Exit code 0: done; 1: done, and something does not hold; 2: not done.
#[must_use]
pub fn main() -> ExitCode {
    run_to_exit_code("polelake", run(Cli::parse().command))
}

fn contract(command: ContractCommand) -> Result<bool, Failed> {
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

async fn run(command: Command) -> Result<bool, Failed> {
    match command {
        Command::Demo {
            place,
            data,
            days,
            people,
            json,
        } => commands::demo::run(&place, data.as_deref(), days, people, json).await,
        Command::Up { place, port } => commands::up::run(&place, port).await,
        Command::Push {
            place,
            source,
            file,
            json,
        } => commands::push::run(&place, &source, &file, json).await,
        Command::Backfill { backfill } => commands::backfill::run(&backfill).await,
        Command::RunDay { place, date, json } => commands::run_day::run(&place, &date, json).await,
        Command::Audit {
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
        Command::Quarantine { command } => match command {
            QuarantineCommand::Ls { refusals } => commands::quarantine::ls(&refusals).await,
            QuarantineCommand::Show {
                refusals,
                limit,
                values,
            } => commands::quarantine::show(&refusals, limit, values).await,
            QuarantineCommand::Redrive {
                refusals,
                dry_run,
                wait,
            } => commands::quarantine::redrive(&refusals, dry_run, wait).await,
        },
        Command::Rebuild {
            lake,
            from,
            to,
            tables,
            raw,
            json,
        } => {
            Rebuild {
                lake,
                from,
                to,
                tables,
                raw,
            }
            .run(json)
            .await
        }
        Command::Erase { erase } => commands::erase::run(&erase).await,
        Command::Snapshot { command } => snapshot(command).await,
        Command::Quality { command } => quality(command).await,
        Command::Smoke { smoke } => commands::smoke::run(&smoke).await,
        Command::Package {
            binaries,
            out,
            contracts,
            json,
        } => commands::package::run(&binaries, &contracts, &out, json),
        Command::Contract { command } => contract(command),
        Command::Function { name } => commands::function::run(&name).await,
    }
}

/// Looks at snapshots.
async fn snapshot(command: SnapshotCommand) -> Result<bool, Failed> {
    match command {
        SnapshotCommand::Ls { lake, table, json } => {
            commands::snapshot::ls(&lake, table.as_deref(), json).await
        }
        SnapshotCommand::Show {
            lake,
            table,
            date,
            json,
        } => commands::snapshot::show(&lake, &table, &date, json).await,
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
                Keep {
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
        SnapshotCommand::Diff(wanted) => commands::snapshot::diff(&wanted).await,
    }
}

async fn quality(command: QualityCommand) -> Result<bool, Failed> {
    match command {
        QualityCommand::Report {
            lake,
            date,
            junit,
            json,
        } => commands::quality::report(&lake, &date, junit.as_deref(), json).await,
        QualityCommand::Rescan {
            lake,
            date,
            tables,
            json,
        } => commands::rescan::run(&lake, &date, &tables, json).await,
    }
}

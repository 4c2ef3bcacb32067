//! The arguments of `polelake-bench`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands;
use crate::cost::CostBench;
use crate::quality_bench::{self, QualityBench};
use crate::snapshot_bench::{self, SnapshotBench};
use polelake::error::CliError;
use polelake::place::PlatformArgs;

/// Measure the platform on this machine, beside its peers.
#[derive(Parser)]
#[command(
    name = "polelake-bench",
    version,
    after_help = "Example: polelake-bench transform --events 500000"
)]
struct BenchCli {
    #[command(subcommand)]
    command: BenchCommand,
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Land batches of 1 KB events into memory, on one core.
    #[command(after_help = "Example: polelake-bench land --events 1000000")]
    Land {
        /// Events to land.
        #[arg(long, default_value_t = 1_000_000)]
        events: usize,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Transform raw objects of 1 KB tenure events to all their tables, on one core.
    #[command(after_help = "Example: polelake-bench transform --events 500000")]
    Transform {
        /// Events to transform.
        #[arg(long, default_value_t = 500_000)]
        events: usize,
        /// The folder of contracts and mappings.
        #[arg(long, default_value = "contracts")]
        contracts: PathBuf,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Push 1 KB events through HTTP as fast as they are taken, merge, and audit the books.
    #[command(after_help = "Example: polelake-bench load --events 2000000 --dir /tmp/load")]
    Load {
        #[command(flatten)]
        place: PlatformArgs,
        /// Events to push.
        #[arg(long, default_value_t = 2_000_000)]
        events: usize,
        /// Clients that push at once.
        #[arg(long, default_value_t = 6)]
        clients: usize,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure process start to first answer, and the size of each function's binary.
    #[command(
        after_help = "Example: cargo build --release --workspace && polelake-bench cold-start"
    )]
    ColdStart {
        #[command(flatten)]
        place: PlatformArgs,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Merge days of a large table: a first load, changes spread over it, changes that lie together, none; beside DuckDB
    /// and Spark.
    #[command(after_help = "Example: polelake-bench snapshot --rows 4000000 --dir /tmp/bench")]
    Snapshot {
        /// Rows of the table.
        #[arg(long, default_value_t = 4_000_000)]
        rows: u64,
        /// Changed keys in a million.
        #[arg(long, default_value_t = 10_000)]
        changed: u64,
        /// A new folder for the files: 100 bytes a row, three times.
        #[arg(long)]
        dir: PathBuf,
        /// Who else merges the day with the changes spread: duckdb, pyspark, or none.
        #[arg(long, value_delimiter = ',', default_value = "duckdb,pyspark")]
        peers: Vec<String>,
        /// The folder of contracts and mappings.
        #[arg(long, default_value = "contracts")]
        contracts: PathBuf,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Merge and publish many small tables in one invocation, as a small council has them.
    #[command(after_help = "Example: polelake-bench tables --tables 48 --dir /tmp/bench-tables")]
    Tables {
        /// Tables, of 300 to 100,000 rows.
        #[arg(long, default_value_t = 48)]
        tables: u32,
        /// A new folder for the files.
        #[arg(long)]
        dir: PathBuf,
        /// The folder of contracts and mappings.
        #[arg(long, default_value = "contracts")]
        contracts: PathBuf,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure what measuring costs beside writing, a snapshot read again, and exact uniqueness; beside Great Expectations
    /// over a tenth of the rows.
    #[command(
        after_help = "Example: polelake-bench quality --rows 40000000 --dir /tmp/bench-quality"
    )]
    Quality {
        /// Rows of the table, in groups of 131,072.
        #[arg(long, default_value_t = 4_000_000)]
        rows: u64,
        /// A new folder for the files: 60 bytes a row.
        #[arg(long)]
        dir: PathBuf,
        /// Who else checks a tenth of the rows: great_expectations, or none.
        #[arg(long, value_delimiter = ',', default_value = "great_expectations")]
        peers: Vec<String>,
        /// The folder of contracts and mappings.
        #[arg(long, default_value = "contracts")]
        contracts: PathBuf,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure what events take, and say what a month of 1, 70 and 700 million costs on AWS, beside others.
    #[command(
        after_help = "Example: polelake-bench cost --dir /tmp/cost\n         polelake-bench cost --measured docs/cost-measured.json --per-request 1"
    )]
    Cost {
        #[command(flatten)]
        place: PlatformArgs,
        /// People of the town whose day is measured: three events for each.
        #[arg(long, default_value_t = 20_000)]
        people: usize,
        /// What an earlier run has measured: the file of its `--json`.
        #[arg(long)]
        measured: Option<PathBuf>,
        /// Seconds for which Lambda gathers a batch, 1 to 300.
        #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=300))]
        window: u16,
        /// Events that applications send in one request, 1 to 500.
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
        per_request: u16,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// One measurement of `polelake-bench quality`; it starts these itself.
    #[command(hide = true)]
    QualityWorker {
        what: String,
        #[arg(long)]
        groups: u64,
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        contracts: PathBuf,
    },
    /// Be one of the five functions; the platform starts these itself.
    #[command(hide = true)]
    Function { name: String },
    /// One day of `polelake-bench snapshot`; it starts these itself.
    #[command(hide = true)]
    SnapshotWorker {
        date: String,
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        contracts: PathBuf,
        #[arg(long)]
        tables: Option<u32>,
    },
}

/// Runs the command line. Exit code 0: measured; 2: not measured.
#[must_use]
pub fn main() -> ExitCode {
    run_arguments(std::env::args_os())
}

/// Runs the command line of these arguments, the program's name first.
#[must_use]
pub fn run_arguments(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let command = BenchCli::parse_from(arguments).command;
    polelake::run_to_exit_code("polelake-bench", run_bench_command(command))
}

async fn run_bench_command(command: BenchCommand) -> Result<bool, CliError> {
    match command {
        BenchCommand::Land { events, json } => commands::bench::bench_landing(events, json).await,
        BenchCommand::Transform {
            events,
            contracts,
            json,
        } => commands::bench::bench_transform(events, &contracts, json),
        BenchCommand::Load {
            place,
            events,
            clients,
            json,
        } => commands::load::run(&place, events, clients, json).await,
        BenchCommand::Snapshot {
            rows,
            changed,
            dir,
            peers,
            contracts,
            json,
        } => {
            SnapshotBench {
                rows,
                changed,
                dir,
                contracts,
                peers,
            }
            .run(json)
            .await
        }
        BenchCommand::Tables {
            tables,
            dir,
            contracts,
            json,
        } => snapshot_bench::bench_small_tables(&dir, &contracts, tables, json).await,
        BenchCommand::Quality {
            rows,
            dir,
            peers,
            contracts,
            json,
        } => {
            QualityBench {
                rows,
                dir,
                contracts,
                peers,
            }
            .run(json)
            .await
        }
        BenchCommand::QualityWorker {
            what,
            groups,
            dir,
            contracts,
        } => quality_bench::run_worker(&what, groups, &dir, &contracts).await,
        BenchCommand::Cost {
            place,
            people,
            measured,
            window,
            per_request,
            json,
        } => {
            let (window, per_request) = (f64::from(window), f64::from(per_request));
            CostBench {
                place,
                people,
                measured,
                window,
                per_request,
            }
            .run(json)
            .await
        }
        BenchCommand::SnapshotWorker {
            date,
            dir,
            contracts,
            tables,
        } => snapshot_bench::run_worker(&dir, &contracts, &date, tables).await,
        BenchCommand::Function { name } => polelake::commands::function::run(&name).await,
        BenchCommand::ColdStart { place, json } => {
            commands::bench::bench_cold_start(&place, json).await
        }
    }
}

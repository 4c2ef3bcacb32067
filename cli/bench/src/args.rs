//! The arguments of `polelake-bench`.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use contract::Transport;

use crate::commands;
use crate::commands::load::LoadOptions;
use crate::cost::CostBench;
use crate::land_peers::{self, LandPeers, TopicLanding};
use crate::memory_bench::{MemoryBench, MemoryWorker};
use crate::patches_bench::{PatchesBench, PatchesWorker};
use crate::quality_bench::{self, QualityBench};
use crate::snapshot_bench::{self, SnapshotBench, TraceBench};
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
    /// Measure raw-landing: batches of 1 KB events into memory, in events per CPU-second and
    /// CPU-seconds per million events; with `--peers connect` also from a topic of Apache Kafka to
    /// an S3, beside Kafka Connect with Apache Iceberg's sink.
    #[command(
        after_help = "Example: polelake-bench land --events 1000000\n         \
            polelake-bench land --peers connect"
    )]
    Land {
        /// Events to land.
        #[arg(long, default_value_t = 1_000_000)]
        events: usize,
        #[command(flatten)]
        peers: LandPeers,
        /// Print the measurements as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Measure pole-transform: raw objects of 1 KB tenure events to all their tables, in events per
    /// CPU-second and CPU-seconds per million events.
    #[command(after_help = "Example: polelake-bench transform --events 500000")]
    Transform {
        /// Events to transform.
        #[arg(long, default_value_t = 500_000)]
        events: usize,
        /// The folder of contracts and mappings.
        #[arg(long, default_value = "contracts")]
        contracts: PathBuf,
        /// Print the measurement as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure the whole platform under load: push 1 KB events through HTTP as fast as they are
    /// accepted, merge, and audit the reconciliation; in events per second, megabytes of memory per
    /// process, and requests to S3 and SQS by operation.
    #[command(after_help = "Example: polelake-bench load --events 2000000 --dir /tmp/load")]
    Load {
        #[command(flatten)]
        place: PlatformArgs,
        /// Events to push.
        #[arg(long, default_value_t = 2_000_000)]
        events: usize,
        /// Clients that push at the same time.
        #[arg(long, default_value_t = 6)]
        clients: usize,
        /// `queue` or `kafka`; both, one after the other, where it is left out.
        #[arg(long)]
        transport: Option<Transport>,
        /// Print the measurement as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure the cold start of each function: milliseconds from process start to first answer,
    /// and megabytes of its binary.
    #[command(
        after_help = "Example: cargo build --release --workspace && polelake-bench cold-start"
    )]
    ColdStart {
        #[command(flatten)]
        place: PlatformArgs,
        /// Print the measurement as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Measure merges of a large table, in CPU-seconds, seconds and megabytes: a first load,
    /// changes spread over the table, changes close together, and no changes; beside DuckDB and
    /// Spark for the spread changes.
    #[command(after_help = "Example: polelake-bench snapshot --rows 4000000 --dir /tmp/bench")]
    Snapshot {
        #[command(flatten)]
        bench: SnapshotBench,
        /// Print the measurements as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Measure days of patches, in CPU-seconds, seconds and megabytes of the transform and of the
    /// merge, and in bytes kept: a first day of whole states, patches spread over the records, and
    /// as many patches of records that lie together.
    #[command(
        after_help = "Example: polelake-bench patches --records 1000000 --dir /tmp/bench-patches"
    )]
    Patches {
        #[command(flatten)]
        bench: PatchesBench,
        /// Print the measurements as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Measure the search of one event among those of many days, in seconds, requests and
    /// megabytes: of the newest day, of the oldest, and one that is not there; by the index, by the
    /// receipts alone, and without filters of ids.
    #[command(after_help = "Example: polelake-bench trace --events 12000000 --dir /tmp/trace")]
    Trace {
        #[command(flatten)]
        bench: TraceBench,
        /// Print the measurements as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Measure the merge and publication of many small tables in one invocation, in CPU-seconds,
    /// seconds and megabytes.
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
        /// Print the measurements as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Measure quality checks, in CPU-seconds, seconds and megabytes: while a snapshot is written,
    /// when it is read again, and with exact uniqueness; beside Great Expectations for a tenth of
    /// the rows.
    #[command(
        after_help = "Example: polelake-bench quality --rows 40000000 --dir /tmp/bench-quality"
    )]
    Quality {
        #[command(flatten)]
        bench: QualityBench,
        /// Print the measurements as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Measure the peak memory of every operation whose work grows with the tables, in megabytes,
    /// CPU-seconds, seconds, and megabytes that are read and written: merges, `entity`, report,
    /// audit, rebuild and erasure. Each one runs in a process of its own, over days of one lake.
    #[command(after_help = "Example: polelake-bench memory --rows 3000000 --dir /tmp/bench-memory")]
    Memory {
        #[command(flatten)]
        bench: MemoryBench,
        /// Print the measurements as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Measure the CPU-seconds of a day's events and estimate the US dollars of a month with 1, 70
    /// and 700 million events on AWS; beside Glue, MSK Connect and Firehose.
    #[command(after_help = "Example: polelake-bench cost --dir /tmp/cost\n         \
            polelake-bench cost --measured docs/cost-measured.json --per-request 1")]
    Cost {
        #[command(flatten)]
        bench: CostBench,
        /// Print the measurements and the bills as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Be one of the five functions; the platform starts these itself.
    #[command(hide = true)]
    Function { name: String },
    /// The events of `polelake-bench land --peers`; it starts this itself.
    #[command(hide = true)]
    LandEvents {
        #[arg(long)]
        events: usize,
    },
    /// Our part of `polelake-bench land --peers`; it starts this itself.
    #[command(hide = true)]
    LandTopic {
        #[command(flatten)]
        landing: TopicLanding,
    },
    /// One operation of `polelake-bench memory`; it starts these itself.
    #[command(hide = true)]
    MemoryWorker {
        #[command(flatten)]
        worker: MemoryWorker,
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
    /// One step of a day of `polelake-bench patches`; it starts these itself.
    #[command(hide = true)]
    PatchesWorker {
        #[command(flatten)]
        worker: PatchesWorker,
    },
    /// One day of `polelake-bench snapshot` or `polelake-bench tables`; they start these
    /// themselves.
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
    /// The audit of the days of `polelake-bench snapshot`; it starts this itself.
    #[command(hide = true)]
    SnapshotAuditWorker {
        #[arg(long)]
        dir: PathBuf,
        #[arg(long)]
        contracts: PathBuf,
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
        BenchCommand::Land {
            events,
            peers,
            json,
        } => {
            commands::bench::bench_landing(events, json).await?;
            peers.run(json).await?;
            Ok(true)
        }
        BenchCommand::LandEvents { events } => land_peers::print_events(events),
        BenchCommand::LandTopic { landing } => landing.run().await,
        BenchCommand::Transform {
            events,
            contracts,
            json,
        } => commands::bench::bench_transform(events, &contracts, json),
        BenchCommand::Load {
            place,
            events,
            clients,
            transport,
            json,
        } => {
            let options = LoadOptions {
                events,
                clients,
                transport,
                as_json: json,
            };
            commands::load::run(&place, options).await
        }
        BenchCommand::ColdStart { place, json } => {
            commands::cold_start::bench_cold_start(&place, json).await
        }
        BenchCommand::Snapshot { bench, json } => bench.run(json).await,
        BenchCommand::Patches { bench, json } => bench.run(json).await,
        BenchCommand::Trace { bench, json } => bench.run(json).await,
        BenchCommand::PatchesWorker { worker } => worker.run().await,
        BenchCommand::Tables {
            tables,
            dir,
            contracts,
            json,
        } => snapshot_bench::bench_small_tables(&dir, &contracts, tables, json).await,
        BenchCommand::Quality { bench, json } => bench.run(json).await,
        BenchCommand::Memory { bench, json } => bench.run(json).await,
        BenchCommand::MemoryWorker { worker } => worker.run().await,
        BenchCommand::Cost { bench, json } => bench.run(json).await,
        BenchCommand::Function { name } => polelake::commands::function::run(&name).await,
        BenchCommand::QualityWorker {
            what,
            groups,
            dir,
            contracts,
        } => quality_bench::run_worker(&what, groups, &dir, &contracts).await,
        BenchCommand::SnapshotWorker {
            date,
            dir,
            contracts,
            tables,
        } => snapshot_bench::run_worker(&dir, &contracts, &date, tables).await,
        BenchCommand::SnapshotAuditWorker { dir, contracts } => {
            snapshot_bench::run_audit_worker(&dir, &contracts).await
        }
    }
}

//! The arguments of every command. Nothing is run here.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use crate::place::{LakeArgs, PlatformArgs};

pub(crate) mod backfill;
pub(crate) mod erase;
pub(crate) mod quality;
pub(crate) mod smoke;
pub(crate) mod snapshot;

use backfill::BackfillArgs;
use erase::EraseArgs;
use quality::QualityCommand;
use smoke::SmokeArgs;
use snapshot::SnapshotCommand;

/// Turn application events into POLE tables: on AWS, or on this machine.
#[derive(Parser)]
#[command(name = "polelake", version, after_help = "Example: polelake demo")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: CliCommand,
}

#[derive(Subcommand)]
pub(crate) enum CliCommand {
    /// Send three days of an invented town through the whole platform and say what happened.
    #[command(
        after_help = "Example: polelake demo\n         polelake demo --data ../shared/data/manchester-pole"
    )]
    Demo {
        #[command(flatten)]
        place: PlatformArgs,
        /// A folder with the Manchester POLE data set, instead of the town.
        #[arg(long)]
        data: Option<PathBuf>,
        /// How many days; three in a new folder, one more in a used one.
        #[arg(long)]
        days: Option<u32>,
        /// People in the town.
        #[arg(long, default_value_t = 10_000)]
        people: usize,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Run the platform until Ctrl-C: HTTP API, Kafka, S3, Glue and the five functions.
    #[command(after_help = "Example: polelake up --port 8470")]
    Up {
        #[command(flatten)]
        place: PlatformArgs,
        /// The port of the HTTP API.
        #[arg(long, default_value_t = 8470)]
        port: u16,
    },
    /// Push events from a file of JSON lines, or from standard input, over the HTTP API.
    #[command(after_help = "Example: polelake push housing-tenure events.jsonl")]
    Push {
        #[command(flatten)]
        place: PlatformArgs,
        /// The source, as its contract calls it.
        source: String,
        /// The file; `-` is standard input.
        file: PathBuf,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send the records of old systems the way of every event. A run that broke off goes on; repeats do no harm.
    #[command(
        after_help = "Example: polelake backfill housing-tenure export/*.json.gz --rate 2000\n         polelake backfill planning-register --api https://planning.example.org/applications --items /results --cursor /next --page-param cursor"
    )]
    Backfill {
        #[command(flatten)]
        backfill: BackfillArgs,
    },
    /// Merge a logical day and report it. Any date again at any time.
    #[command(after_help = "Example: polelake run-day 2026-03-02")]
    RunDay {
        #[command(flatten)]
        place: PlatformArgs,
        /// The day, YYYY-MM-DD.
        date: String,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Prove from the data alone that nothing is lost and nothing doubled; exit code 1 when the books do not close.
    #[command(
        after_help = "Example: polelake audit\n         polelake audit --from 2026-03-02 --to 2026-03-03 --json"
    )]
    Audit {
        #[command(flatten)]
        lake: LakeArgs,
        /// One day, YYYY-MM-DD.
        #[arg(long, conflicts_with_all = ["from", "to"])]
        date: Option<String>,
        /// The first day; from the beginning without one.
        #[arg(long)]
        from: Option<String>,
        /// The last day; up to now without one, and Kafka is asked for what is not landed yet.
        #[arg(long)]
        to: Option<String>,
        /// Read every object, not only its metadata.
        #[arg(long)]
        deep: bool,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Refused records: find them, look at them, and send them on their way again.
    Quarantine {
        #[command(subcommand)]
        command: QuarantineCommand,
    },
    /// Forget a person, or any record: in every zone and every kept version, and for every replay.
    #[command(
        after_help = "Example: polelake erase --source housing-person --key 3c1d2e4f-5a6b-4c7d-8e9f-a0b1c2d3e4f5 --dry-run"
    )]
    Erase {
        #[command(flatten)]
        erase: EraseArgs,
    },
    /// Merge days again, one after the other, from the refined zone or from raw.
    #[command(
        after_help = "Example: polelake rebuild --from 2026-03-02\n         polelake rebuild --from 2026-03-02 --to 2026-03-09 --tables person,link --raw"
    )]
    Rebuild {
        #[command(flatten)]
        lake: LakeArgs,
        /// The first day, YYYY-MM-DD.
        #[arg(long)]
        from: String,
        /// The last day; the newest that there is without one.
        #[arg(long)]
        to: Option<String>,
        /// Only these tables.
        #[arg(long, value_delimiter = ',')]
        tables: Vec<String>,
        /// Transform the days' raw objects again first, under the contracts and mappings of today.
        #[arg(long)]
        raw: bool,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// The days of the tables: list them, look at one, compare two, drop those that are not kept.
    Snapshot {
        #[command(subcommand)]
        command: SnapshotCommand,
    },
    /// What the rules say of a day.
    Quality {
        #[command(subcommand)]
        command: QualityCommand,
    },
    /// Follow one invented event through every hop of a stack, say how long each took, and take it away again; exit code 1
    /// when a hop does not happen, with where to look.
    #[command(
        after_help = "Example: polelake smoke --snapshot\n         polelake smoke --aws --url https://abc123.execute-api.eu-west-2.amazonaws.com"
    )]
    Smoke {
        #[command(flatten)]
        smoke: SmokeArgs,
    },
    /// Zip built functions with their contracts, the same bytes wherever it is done; `infra/package` builds them first.
    #[command(
        after_help = "Example: polelake package --binaries target/lambda --out target/packages"
    )]
    Package {
        /// The folder of binaries: `<function>/bootstrap` as cargo-lambda leaves them, or `<function>` as Cargo does.
        #[arg(long, default_value = "target/lambda")]
        binaries: PathBuf,
        /// The folder of the zips.
        #[arg(long, default_value = "target/packages")]
        out: PathBuf,
        /// The folder of contracts and mappings.
        #[arg(long, default_value = "contracts")]
        contracts: PathBuf,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look at contracts and mappings.
    Contract {
        #[command(subcommand)]
        command: ContractCommand,
    },
    /// Be one of the five functions; the platform starts these itself.
    #[command(hide = true)]
    Function {
        /// The function's name.
        name: String,
    },
}

/// Which refused records.
#[derive(Args, Clone, Debug)]
pub(crate) struct RefusedRecordArgs {
    #[command(flatten)]
    pub(crate) lake: LakeArgs,
    /// Only this source.
    #[arg(long)]
    pub(crate) source: Option<String>,
    /// Only records that broke this rule last.
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// Only records that were appended on this day or later, YYYY-MM-DD.
    #[arg(long)]
    pub(crate) since: Option<String>,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Subcommand)]
pub(crate) enum QuarantineCommand {
    /// Count refused records by source, rule and what became of them.
    #[command(after_help = "Example: polelake quarantine ls --source housing-person")]
    Ls {
        #[command(flatten)]
        refusals: RefusedRecordArgs,
    },
    /// Show each refused record: where it is, the rule, the field and the reason.
    #[command(after_help = "Example: polelake quarantine show --rule event.json")]
    Show {
        #[command(flatten)]
        refusals: RefusedRecordArgs,
        /// Records to show at most.
        #[arg(long, default_value_t = 20)]
        limit: usize,
        /// Show the records' own bytes too. They can hold personal data.
        #[arg(long)]
        values: bool,
    },
    /// Process the open ones again, after the contract or the mapping was mended, and tell each one's outcome.
    #[command(
        after_help = "Example: polelake quarantine redrive --rule mapping.person.date_of_birth"
    )]
    Redrive {
        #[command(flatten)]
        refusals: RefusedRecordArgs,
        /// Say what would be processed, and process nothing.
        #[arg(long)]
        dry_run: bool,
        /// Seconds to wait for the outcomes.
        #[arg(long, default_value_t = 60)]
        wait: u64,
    },
}

#[derive(Subcommand)]
pub(crate) enum ContractCommand {
    /// Draft a contract and a mapping from samples; what a person must decide is marked.
    #[command(after_help = "Example: polelake contract new library/loans --from samples.jsonl")]
    New {
        /// `<team>/<dataset>`: the folder below contracts/sources.
        name: String,
        /// Files of samples: a JSON document each, or one on each line.
        #[arg(long, required = true, num_args = 1..)]
        from: Vec<PathBuf>,
        /// The folder of contracts and mappings.
        #[arg(long, default_value = "contracts")]
        contracts: PathBuf,
    },
    /// Compile everything: each problem with file, line and column, and for every rule what enforces it.
    #[command(after_help = "Example: polelake contract lint --contracts contracts")]
    Lint {
        /// The folder of contracts and mappings.
        #[arg(long, default_value = "contracts")]
        contracts: PathBuf,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Say what a change does to those who push and read; exit code 1 when it breaks somebody.
    #[command(
        after_help = "Example: git worktree add /tmp/main main && polelake contract diff /tmp/main/contracts contracts"
    )]
    Diff {
        /// The old contract, mapping or list, or a folder of them.
        old: PathBuf,
        /// The new one.
        new: PathBuf,
        /// Print the outcome as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Compare what golden samples become with what is expected; with a source, show its rows.
    #[command(
        after_help = "Example: polelake contract test housing-tenure\n         polelake contract test --update"
    )]
    Test {
        /// Only this source, with its rows.
        source: Option<String>,
        /// Write the expected rows anew.
        #[arg(long)]
        update: bool,
        /// The folder of contracts and mappings.
        #[arg(long, default_value = "contracts")]
        contracts: PathBuf,
    },
    /// Write what is declared as Markdown.
    #[command(after_help = "Example: polelake contract docs --out contract-docs")]
    Docs {
        /// The folder of the pages.
        #[arg(long, default_value = "contract-docs")]
        out: PathBuf,
        /// The folder of contracts and mappings.
        #[arg(long, default_value = "contracts")]
        contracts: PathBuf,
    },
    /// Lint, and write everything into the one file that travels with the functions.
    #[command(after_help = "Example: polelake contract pack --out contracts.json")]
    Pack {
        /// The file.
        #[arg(long, default_value = "contracts.json")]
        out: PathBuf,
        /// The folder of contracts and mappings.
        #[arg(long, default_value = "contracts")]
        contracts: PathBuf,
    },
    /// Print the JSON Schemas of contracts, mappings and lists, by which editors complete.
    #[command(after_help = "Example: polelake contract schema --out contracts/schemas")]
    Schema {
        /// Write them into this folder.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

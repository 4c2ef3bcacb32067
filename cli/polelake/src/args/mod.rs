//! The arguments of every command. Nothing is run here.

mod address;
pub(crate) mod backfill;
pub(crate) mod contract;
pub(crate) mod erase;
pub(crate) mod lake;
pub(crate) mod parts;
pub(crate) mod platform;
pub(crate) mod quality;
pub(crate) mod quarantine;
pub(crate) mod shell;
pub(crate) mod smoke;
pub(crate) mod snapshot;

use std::path::Path;

use clap::{Args, Parser, Subcommand};

use self::contract::ContractCommand;
use self::lake::{AuditArgs, RebuildArgs, RepairArgs, StatusArgs, TraceArgs};
use crate::place::LakeArgs;
use backfill::BackfillArgs;
use erase::EraseArgs;
use platform::{DemoArgs, PackageArgs, PushArgs, RunDayArgs, UpArgs};
use quality::QualityCommand;
use quarantine::QuarantineCommand;
use shell::{CompletionsArgs, ManArgs};
use smoke::SmokeArgs;
use snapshot::SnapshotCommand;

/// Turn application events into POLE tables: on AWS, or on this machine.
#[derive(Parser)]
#[command(
    name = "polelake",
    version,
    after_help = "Example: polelake demo\n\n\
        Exit code 0: done. 1: done, and a check failed or something was refused. 2: not done.\n\
        130: interrupted, with what was done and how it goes on.\n\
        With --json, the outcome is JSON on standard output, and an error is one line of JSON on\n\
        standard error: {\"error\": TEXT, \"exit_code\": 2}."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: CliCommand,
}

#[derive(Subcommand)]
pub(crate) enum CliCommand {
    /// Send three days of a synthetic council's events through the full platform, and print what
    /// became of them.
    #[command(after_help = "Example: polelake demo\n         \
            polelake demo --data ../shared/data/manchester-pole")]
    Demo(DemoArgs),
    /// Run the platform until Ctrl-C: HTTP API, Kafka, S3, Glue and the five functions. It answers
    /// programs of this machine, and no web page.
    #[command(after_help = "Example: polelake up --port 8470\n         \
            polelake up --kafka 127.0.0.1:9092 --s3 http://127.0.0.1:9000 --dir lake")]
    Up(UpArgs),
    /// Push events from a file of JSON lines, or from standard input, over the HTTP API.
    #[command(after_help = "Example: polelake push housing-tenure events.jsonl")]
    Push(PushArgs),
    /// Send the records of old systems as events, over the same API as every event. A run that
    /// broke off continues where it stopped; an event that is sent twice counts once.
    #[command(
        after_help = "Example: polelake backfill housing-tenure export/*.json.gz --rate 2000\n         \
            polelake backfill planning-register --api https://planning.example.org/applications \
            --items /results --cursor /next --page-param cursor"
    )]
    Backfill(BackfillArgs),
    /// Merge a logical day and report it. Any day that has begun can be merged again at any time;
    /// one that has not, or that is before all data, is refused.
    #[command(after_help = "Example: polelake run-day 2026-03-02")]
    RunDay(RunDayArgs),
    /// Show how far every table and source is, what the events queue holds, and what needs
    /// attention, each with the command to run; exit code 1 when something does. It reads listings,
    /// receipts, the manifests of the newest days and the quarantine objects, counts messages and
    /// receives none, and prints no value of a record.
    #[command(after_help = "Example: polelake status\n         \
            polelake status --aws --json")]
    Status(StatusArgs),
    /// Find one event: its raw object and offset, the rows that it gave by table or why it was
    /// refused, and the first day whose snapshot holds it; exit code 1 when it is not found. No
    /// value and no key is printed.
    ///
    /// An index of each day, and where it is missing or old the receipts, say which raw objects may
    /// hold the event. Of those the refined and the quarantine objects are opened, the newest
    /// first, and the headers of raw objects with ignored records. A caller who may not read them
    /// is told where the event probably is; the exit code is then 1. An event that was erased is
    /// not found.
    #[command(
        after_help = "Example: polelake trace 0b5e7a4c-1d2f-4e3a-9b8c-7d6e5f4a3b2c \
            --source housing-person --from 2026-03-02"
    )]
    Trace(TraceArgs),
    /// Prove from the data alone that no record is lost and none is counted twice; exit code 1 when
    /// the reconciliation does not balance. Each finding names its object, the cause and the next
    /// step.
    #[command(after_help = "Example: polelake audit\n         \
            polelake audit --from 2026-03-02 --to 2026-03-03 --json")]
    Audit(AuditArgs),
    /// Audit every byte, and make what is damaged or missing again from the zone before it: receipts
    /// and rows from raw objects, days from those and the day before. An object is kept only when it
    /// is the one that was recorded; what cannot be made again is named, lost records with their
    /// offsets. Exit code 1 when the audit still finds something. No erasure, rebuild or merge may
    /// run meanwhile.
    #[command(after_help = "Example: polelake repair --dry-run\n         \
            polelake repair --aws --contracts contracts-of-march --json\n         \
            polelake repair --declare-lost \
            raw/housing-person/epoch=1/partition=0/00000000000000000017.parquet --reason \
            'the bucket of March was deleted'")]
    Repair(RepairArgs),
    /// Find refused records, look at them, and process them again.
    #[command(subcommand)]
    Quarantine(QuarantineCommand),
    /// Erase a person, or any record: in every zone and every kept version, and for every replay;
    /// exit code 1 when a record needs a decision by hand or an object cannot be read. On the local
    /// platform the landed records are cut out of its Kafka log too.
    #[command(after_help = "Example: polelake erase --source housing-person --key \
            3c1d2e4f-5a6b-4c7d-8e9f-a0b1c2d3e4f5 --dry-run")]
    Erase(EraseArgs),
    /// Merge the retained days again, one after the other, from the refined zone or from the raw
    /// zone, and make their reports and pages again; exit code 1 when a table's day stays as it
    /// was, because an object that it needs cannot be read. Ctrl-C says which days are done and how
    /// to go on.
    #[command(after_help = "Example: polelake rebuild --from 2026-03-02\n         \
            polelake rebuild --from 2026-03-02 --to 2026-03-09 --tables person,link --raw")]
    Rebuild(RebuildArgs),
    /// List the days of the tables, show one, compare two, drop one, and drop the days that the
    /// retention does not keep.
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Show how a day met its rules.
    #[command(subcommand)]
    Quality(QualityCommand),
    /// Follow one synthetic event through every hop of a stack, print how long each hop took, and
    /// remove the event again; exit code 1 when a hop does not happen, with where to look.
    #[command(after_help = "Example: polelake smoke --snapshot\n         \
            polelake smoke --aws --url https://abc123.execute-api.eu-west-2.amazonaws.com")]
    Smoke(SmokeArgs),
    /// Zip built functions with their contracts; the bytes are the same on every machine.
    /// `infra/package` builds the functions first.
    #[command(
        after_help = "Example: polelake package --binaries target/lambda --out target/packages"
    )]
    Package(PackageArgs),
    /// Draft, check, test, compare and document contracts and mappings.
    #[command(subcommand)]
    Contract(ContractCommand),
    /// Print the script with which a shell completes the commands and options of `polelake`.
    #[command(
        after_help = "Example: polelake completions bash > ~/.local/share/bash-completion/completions/polelake"
    )]
    Completions(CompletionsArgs),
    /// Print the manual page, or write one page for each command.
    #[command(after_help = "Example: polelake man --out ~/.local/share/man/man1")]
    Man(ManArgs),
    /// Run as one of the five functions; the platform starts these processes itself.
    #[command(hide = true)]
    Function(FunctionArgs),
}

impl CliCommand {
    /// The folder of the local platform that the command works on; none of commands that need none,
    /// or that work on an account.
    pub(crate) fn platform_folder(&self) -> Option<&Path> {
        let place = match self {
            Self::Demo(args) => &args.place,
            Self::Up(args) => &args.place,
            Self::Push(args) => &args.place,
            Self::Backfill(args) => &args.place,
            Self::RunDay(args) => &args.place,
            _ => {
                return self
                    .lake()
                    .filter(|lake| !lake.aws)
                    .map(|lake| &*lake.place.dir);
            }
        };
        Some(&place.dir)
    }

    /// The lake of an operators' command.
    fn lake(&self) -> Option<&LakeArgs> {
        match self {
            Self::Status(args) => Some(&args.lake),
            Self::Trace(args) => Some(&args.lake),
            Self::Audit(args) => Some(&args.lake),
            Self::Repair(args) => Some(&args.lake),
            Self::Quarantine(command) => Some(command.lake()),
            Self::Rebuild(args) => Some(&args.lake),
            Self::Erase(args) => Some(&args.lake),
            Self::Snapshot(command) => Some(command.lake()),
            Self::Quality(command) => Some(command.lake()),
            Self::Smoke(args) => Some(&args.lake),
            _ => None,
        }
    }

    /// Whether the command waits until the local platform has written what it sent: on a full disk
    /// that wait has no end. `push` looks itself, to say how far it came.
    pub(crate) fn waits_for_writes(&self) -> bool {
        matches!(self, Self::Demo(_) | Self::Backfill(_) | Self::RunDay(_))
    }
}

/// Which function this process is.
#[derive(Args)]
pub(crate) struct FunctionArgs {
    /// The function's name.
    pub(crate) name: String,
}

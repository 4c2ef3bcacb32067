//! `polelake-bench memory`: the peak memory of every operation whose work grows with the tables.
//! The days are made once, from events; each operation then runs in a process of its own, so that
//! its peak is the process's.

mod worker;

use std::path::PathBuf;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::person_events::PersonSelection;
use crate::require_new_folder;
use crate::snapshot_bench::{number_field, run_json_process};
use polelake::error::CliError;
pub(crate) use worker::MemoryWorker;

/// Rows of all tables that one record of the synthetic people has.
const RECORD_ROWS: u64 = 5;

/// The days, in their order: which people have an event.
const DAYS: [(&str, PersonSelection); 3] = [
    ("all records", PersonSelection::All),
    ("changes close together", PersonSelection::Together),
    ("as many changes, spread", PersonSelection::Spread),
];

/// The arguments of `polelake-bench memory`.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct MemoryBench {
    /// Rows of all tables together, without those of `entity`.
    #[arg(long, default_value_t = 3_000_000)]
    rows: u64,
    /// Changed records in a million, on the second day and on the third.
    #[arg(long, default_value_t = 1_000)]
    changed: u64,
    /// A new folder for the files: about 300 bytes a row.
    #[arg(long)]
    dir: PathBuf,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    contracts: PathBuf,
}

/// An operation that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Operation {
    /// Lands and transforms the events of a day.
    Transform,
    /// Merges the tables of a day, but for `entity`.
    Merge,
    /// Makes the `entity` of a day.
    Entity,
    /// Reports the last day.
    Report,
    /// Audits everything, byte for byte.
    Audit,
    /// Builds every day again from raw objects.
    Rebuild,
    /// Erases a person.
    Erase,
}

impl MemoryBench {
    fn records(&self) -> u64 {
        self.rows.div_ceil(RECORD_ROWS)
    }

    /// Makes the days, runs each operation, and prints the measurements.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, CliError> {
        require_new_folder(&self.dir)?;
        for (day, (title, _)) in DAYS.iter().enumerate() {
            for (operation, name) in [
                (Operation::Transform, "transform"),
                (Operation::Merge, "merge"),
                (Operation::Entity, "entity"),
            ] {
                let measured = self.run_operation(operation, day).await?;
                print_operation(&format!("{name}, {title}"), &measured, as_json);
            }
        }

        for (operation, name) in [
            (Operation::Report, "report"),
            (Operation::Audit, "audit --deep of the three days"),
            (Operation::Erase, "erase one person"),
            (Operation::Rebuild, "rebuild --raw of the three days"),
        ] {
            let measured = self.run_operation(operation, DAYS.len() - 1).await?;
            print_operation(name, &measured, as_json);
        }
        Ok(true)
    }

    /// Runs an operation in a process of its own.
    async fn run_operation(&self, operation: Operation, day: usize) -> Result<Value, CliError> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .env("MALLOC_ARENA_MAX", operation.heaps())
            .args(["memory-worker", operation.name(), &day.to_string()])
            .args(["--rows", &self.rows.to_string()])
            .args(["--changed", &self.changed.to_string()])
            .arg("--dir")
            .arg(&self.dir)
            .arg("--contracts")
            .arg(&self.contracts);
        run_json_process(command, "polelake").await
    }
}

impl Operation {
    /// The heaps that glibc may have. A function has two threads that allocate; here files are read
    /// by dozens, each with a heap of its own, whose free memory no other uses. Operators' commands
    /// start with one.
    fn heaps(self) -> &'static str {
        match self {
            Self::Audit | Self::Erase | Self::Rebuild => "1",
            Self::Transform | Self::Merge | Self::Entity | Self::Report => "2",
        }
    }

    /// Its name among the arguments of a worker.
    fn name(self) -> &'static str {
        match self {
            Self::Transform => "transform",
            Self::Merge => "merge",
            Self::Entity => "entity",
            Self::Report => "report",
            Self::Audit => "audit",
            Self::Rebuild => "rebuild",
            Self::Erase => "erase",
        }
    }
}

/// Prints what an operation took.
fn print_operation(title: &str, measured: &Value, as_json: bool) {
    if as_json {
        let mut line = measured.clone();
        line["bench"] = json!(title);
        return println!("{line}");
    }
    println!(
        "{title}: {:.0} MB at most, {:.1} CPU-s, {:.1} s wall, {:.1} MB read, {:.1} MB written, {}",
        number_field(measured, "peak_mb"),
        number_field(measured, "cpu"),
        number_field(measured, "wall"),
        number_field(measured, "read_mb"),
        number_field(measured, "written_mb"),
        measured["what"].as_str().unwrap_or_default(),
    );
}

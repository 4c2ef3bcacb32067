//! `polelake contract`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(crate) enum ContractCommand {
    /// Draft a contract and a mapping from samples: CSV, a workbook, Parquet, JSON, a DynamoDB export;
    /// the draft marks every decision that a person must make.
    #[command(
        after_help = "Example: polelake contract new library/loans --from samples.jsonl\n         \
            polelake contract new waste/missed-bins --from missed.csv"
    )]
    New(NewContractArgs),
    /// Compile all contracts and mappings: print each problem with file, line and column, and what
    /// enforces each rule.
    #[command(after_help = "Example: polelake contract lint --contracts contracts")]
    Lint(LintArgs),
    /// Print what a change means for the applications that push events and for the readers of
    /// tables; exit code 1 when it breaks one of them.
    #[command(
        after_help = "Example: git worktree add /tmp/main main && polelake contract diff \
            /tmp/main/contracts contracts"
    )]
    Diff(ContractDiffArgs),
    /// Compare the rows that golden samples become with the expected rows; with a source, show its
    /// rows.
    #[command(
        after_help = "Example: polelake contract test housing-tenure\n         \
            polelake contract test --update"
    )]
    Test(ContractTestArgs),
    /// Show what events become without sending them: whether the API accepts each, whether it is
    /// quarantined and why, and its rows; exit code 2 when one is refused or quarantined.
    #[command(
        after_help = "Example: polelake contract try housing-person event.json\n         \
            polelake contract try library-loans loans.csv --json"
    )]
    Try(ContractTryArgs),
    /// Write the contracts, mappings and lists as Markdown.
    #[command(after_help = "Example: polelake contract docs --out contract-docs")]
    Docs(ContractDocsArgs),
    /// Compile the contracts, and write them into the one file that is deployed with the functions.
    #[command(after_help = "Example: polelake contract pack --out contracts.json")]
    Pack(PackArgs),
    /// Print the JSON Schemas of contracts, mappings and lists, from which editors complete.
    #[command(after_help = "Example: polelake contract schema --out contracts/schemas")]
    Schema(SchemaArgs),
}

/// What is drafted, and from which samples.
#[derive(Args, Clone, Debug)]
pub(crate) struct NewContractArgs {
    /// `<team>/<dataset>`: the folder below contracts/sources.
    pub(crate) name: String,
    /// Files of samples: `.csv`, `.tsv`, `.xlsx`, `.parquet`, or JSON; how a table is written is found
    /// out, and written into the contract.
    #[arg(long, required = true, num_args = 1..)]
    pub(crate) from: Vec<PathBuf>,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    pub(crate) contracts: PathBuf,
}

/// Which contracts are compiled.
#[derive(Args, Clone, Debug)]
pub(crate) struct LintArgs {
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    pub(crate) contracts: PathBuf,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which contracts are compared.
#[derive(Args, Clone, Debug)]
pub(crate) struct ContractDiffArgs {
    /// The old contract, mapping or list, or a folder of them.
    pub(crate) old: PathBuf,
    /// The new one.
    pub(crate) new: PathBuf,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which samples are tested.
#[derive(Args, Clone, Debug)]
pub(crate) struct ContractTestArgs {
    /// Only this source, with its rows.
    pub(crate) source: Option<String>,
    /// Overwrite the expected rows with those that the samples become.
    #[arg(long)]
    pub(crate) update: bool,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    pub(crate) contracts: PathBuf,
}

/// Which events are tried.
#[derive(Args, Clone, Debug)]
pub(crate) struct ContractTryArgs {
    /// The source, as its contract calls it.
    pub(crate) source: String,
    /// The file, `-` for standard input: events in JSON as `push` sends them, or a table as
    /// `backfill` reads it.
    pub(crate) file: PathBuf,
    /// Read JSON as records too, as `backfill` does.
    #[arg(long)]
    pub(crate) records: bool,
    /// A JSON file with the record's state, for a source whose relay fetches it from an API: a trial
    /// requests nothing.
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Print the outcome as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    pub(crate) contracts: PathBuf,
}

/// Which contracts are documented.
#[derive(Args, Clone, Debug)]
pub(crate) struct ContractDocsArgs {
    /// The folder of the pages.
    #[arg(long, default_value = "contract-docs")]
    pub(crate) out: PathBuf,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    pub(crate) contracts: PathBuf,
}

/// Which contracts are packed.
#[derive(Args, Clone, Debug)]
pub(crate) struct PackArgs {
    /// The file.
    #[arg(long, default_value = "contracts.json")]
    pub(crate) out: PathBuf,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    pub(crate) contracts: PathBuf,
}

/// Where the schemas are written.
#[derive(Args, Clone, Debug)]
pub(crate) struct SchemaArgs {
    /// Write the schemas into this folder instead of standard output.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

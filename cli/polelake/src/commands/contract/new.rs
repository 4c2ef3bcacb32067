//! `polelake contract new`: a draft from samples.

use std::path::{Path, PathBuf};

use crate::drafting::draft_from_files;
use crate::error::CliError;

pub(crate) fn run(contracts: &Path, name: &str, from: &[PathBuf]) -> Result<bool, CliError> {
    let draft = draft_from_files(contracts, name, from)?;
    println!(
        "{}/{{contract.odcs.yaml,mapping.yaml,samples/}}",
        draft.folder.display()
    );
    println!(
        "{} samples read. {} decisions are marked TODO: make them, remove the marks, then",
        draft.samples, draft.decisions
    );
    println!(
        "  polelake contract lint\n  polelake contract test --update {}",
        draft.source
    );
    Ok(true)
}

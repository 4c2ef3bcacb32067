//! `polelake contract diff OLD NEW`: what a change does to those who push and to those who read.

use std::collections::BTreeSet;
use std::path::Path;

use contract::{ChangeImpact, ContractChange, DeclaredFile, compare_files};
use serde_json::json;

use super::read_contract_files;
use crate::error::CliError;

pub(crate) fn run(old: &Path, new: &Path, as_json: bool) -> Result<bool, CliError> {
    let (old, new) = (read_declared(old)?, read_declared(new)?);
    // Two files are the same one in two versions, whatever they are called.
    let single = old.len() == 1 && new.len() == 1;
    let mut changes = Vec::new();
    if single {
        changes.extend(compare_files(old.first(), new.first())?);
    } else {
        let paths: BTreeSet<&String> = old.iter().chain(&new).map(|file| &file.path).collect();
        for path in paths {
            let find =
                |files: &'_ [DeclaredFile]| files.iter().find(|file| file.path == *path).cloned();
            changes.extend(compare_files(find(&old).as_ref(), find(&new).as_ref())?);
        }
    }
    let breaking = changes
        .iter()
        .filter(|change| change.impact == ChangeImpact::Breaking)
        .count();
    if as_json {
        println!(
            "{:#}",
            json!(changes.iter().map(change_json).collect::<Vec<_>>())
        );
    } else {
        for change in &changes {
            println!(
                "{:9} {} {}: {}",
                change.impact.name(),
                change.file,
                change.element,
                change.description
            );
        }
        println!("{} changes, {breaking} of them breaking", changes.len());
    }
    Ok(breaking == 0)
}

fn change_json(change: &ContractChange) -> serde_json::Value {
    let verdict = change.impact.name().to_lowercase();
    json!({"file": change.file, "place": change.element, "what": change.description, "verdict": verdict})
}

/// A declared file, or every one of a folder.
fn read_declared(path: &Path) -> Result<Vec<DeclaredFile>, CliError> {
    if path.is_dir() {
        return read_contract_files(path);
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(vec![DeclaredFile::new(path.to_string_lossy(), text)])
}

//! `polelake contract diff OLD NEW`: what a change means for the applications that push events and
//! the readers of tables.

use std::collections::BTreeSet;
use std::path::Path;

use contract::{ChangeImpact, ContractChange, DeclaredFile, compare_files};
use lake::limits::DOCUMENT_BYTES_MAX;
use serde_json::{Value, json};

use super::read_contract_files;
use crate::error::CliError;
use crate::named_file::unreadable_file;

pub(crate) fn run(old: &Path, new: &Path, as_json: bool) -> Result<bool, CliError> {
    let changes = compare_versions(&read_declared(old)?, &read_declared(new)?)?;
    let breaking = changes
        .iter()
        .filter(|change| change.impact == ChangeImpact::Breaking)
        .count();

    if as_json {
        let lines: Vec<Value> = changes.iter().map(change_json).collect();
        println!("{:#}", json!(lines));
    } else {
        changes.iter().for_each(print_change);
        println!("{} changes, {breaking} of them breaking", changes.len());
    }
    Ok(breaking == 0)
}

/// The changes from one version of the files to another. Two single files are versions of the same
/// one, whatever their names are; files of folders are the same one when their paths are.
fn compare_versions(
    old: &[DeclaredFile],
    new: &[DeclaredFile],
) -> Result<Vec<ContractChange>, CliError> {
    if let ([old], [new]) = (old, new) {
        return Ok(compare_files(Some(old), Some(new))?);
    }

    let mut changes = Vec::new();
    let paths: BTreeSet<&str> = old
        .iter()
        .chain(new)
        .map(|file| file.path.as_str())
        .collect();
    for path in paths {
        changes.extend(compare_files(find_file(old, path), find_file(new, path))?);
    }
    Ok(changes)
}

fn find_file<'f>(files: &'f [DeclaredFile], path: &str) -> Option<&'f DeclaredFile> {
    files.iter().find(|file| file.path == path)
}

fn print_change(change: &ContractChange) {
    println!(
        "{:9} {} {}: {}",
        change.impact.name(),
        change.file,
        change.element,
        change.description
    );
}

fn change_json(change: &ContractChange) -> Value {
    json!({
        "file": change.file,
        "place": change.element,
        "what": change.description,
        "verdict": change.impact.name().to_lowercase(),
    })
}

/// Reads a declared file, or every one of a folder.
fn read_declared(path: &Path) -> Result<Vec<DeclaredFile>, CliError> {
    if path.is_dir() {
        return read_contract_files(path);
    }
    let text = host::read_bounded_text(path, DOCUMENT_BYTES_MAX)
        .map_err(|error| unreadable_file(path, &error))?;
    Ok(vec![DeclaredFile::new(path.to_string_lossy(), text)])
}

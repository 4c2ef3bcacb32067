//! `polelake contract diff OLD NEW`: what a change does to those who push and to those who read.

use std::collections::BTreeSet;
use std::path::Path;

use contract::{Change, File, Verdict, compare};
use serde_json::json;

use super::files;
use crate::error::Failed;

pub(crate) fn run(old: &Path, new: &Path, as_json: bool) -> Result<bool, Failed> {
    let (old, new) = (declared(old)?, declared(new)?);
    // Two files are the same one in two versions, whatever they are called.
    let single = old.len() == 1 && new.len() == 1;
    let mut changes = Vec::new();
    if single {
        changes.extend(compare(old.first(), new.first())?);
    } else {
        let paths: BTreeSet<&String> = old.iter().chain(&new).map(|file| &file.path).collect();
        for path in paths {
            let find = |files: &'_ [File]| files.iter().find(|file| file.path == *path).cloned();
            changes.extend(compare(find(&old).as_ref(), find(&new).as_ref())?);
        }
    }
    let breaking = changes
        .iter()
        .filter(|change| change.verdict == Verdict::Breaking)
        .count();
    if as_json {
        println!(
            "{:#}",
            json!(changes.iter().map(to_json).collect::<Vec<_>>())
        );
    } else {
        for change in &changes {
            println!(
                "{:9} {} {}: {}",
                change.verdict.name(),
                change.file,
                change.place,
                change.what
            );
        }
        println!("{} changes, {breaking} of them breaking", changes.len());
    }
    Ok(breaking == 0)
}

fn to_json(change: &Change) -> serde_json::Value {
    let verdict = change.verdict.name().to_lowercase();
    json!({"file": change.file, "place": change.place, "what": change.what, "verdict": verdict})
}

/// A declared file, or every one of a folder.
fn declared(path: &Path) -> Result<Vec<File>, Failed> {
    if path.is_dir() {
        return files(path);
    }
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(vec![File::new(path.to_string_lossy(), text)])
}

//! No command mixes two states of the contracts: those that a running platform began with, and
//! those of the folder now.

use std::path::{Path, PathBuf};

use local_platform::run_contracts::{ChangedContractFile, ContractDigests, ContractUse};
use serde_json::Value;

use crate::error::CliError;
use crate::place::PlatformArgs;

/// Files that a message names.
const FILES_SHOWN: usize = 5;

/// Refuses when the platform of this status runs other contracts than the folder has now.
///
/// # Errors
/// The files that differ, and the command that restarts the platform.
pub(crate) fn require_same_contracts(
    status: &Value,
    place: &PlatformArgs,
    used: ContractUse<'_>,
) -> Result<(), CliError> {
    let known = &status["contracts"];
    // A platform of an earlier build says nothing of its contracts.
    let Ok(run) = serde_json::from_value::<ContractDigests>(known["digests"].clone()) else {
        return Ok(());
    };
    let run_folder = PathBuf::from(known["folder"].as_str().unwrap_or_default());
    // Whoever pushes from somewhere else names no contracts: the platform's own folder counts.
    let folder = match place.contracts.is_dir() {
        true => place.contracts.as_path(),
        false => run_folder.as_path(),
    };
    let now = ContractDigests::read(folder).map_err(|failure| failure.message)?;
    let changes = now.changes_since(&run, used);
    if changes.is_empty() {
        return Ok(());
    }

    let restart = PlatformArgs {
        contracts: folder.to_owned(),
        ..place.clone()
    };
    let why = format!(
        "the platform that runs on {} has other contracts than {}: {}. It runs those that {} had \
         when it started, and nothing was done. Restart it: Ctrl-C where it runs, then `{}`",
        place.dir.display(),
        folder.display(),
        list_changes(&changes),
        run_folder.display(),
        restart_command(&restart, None),
    );
    Err(why.into())
}

fn list_changes(changes: &[ChangedContractFile]) -> String {
    let shown: Vec<String> = changes
        .iter()
        .take(FILES_SHOWN)
        .map(ToString::to_string)
        .collect();
    match changes.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The command that starts the platform of this place, on this port where it was given one.
pub(crate) fn restart_command(place: &PlatformArgs, port: Option<u16>) -> String {
    let mut command = "polelake up".to_owned();
    for (option, path, default) in [
        ("--dir", Some(&place.dir), "polelake-data"),
        ("--contracts", Some(&place.contracts), "contracts"),
        ("--functions", place.functions.as_ref(), ""),
    ] {
        if let Some(path) = path.filter(|path| *path != Path::new(default)) {
            command += &format!(" {option} {}", shell_word(&path.to_string_lossy()));
        }
    }
    if let Some(port) = port {
        command += &format!(" --port {port}");
    }
    command
}

/// A text as a shell takes it for one word.
fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:@,".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(dir: &str, contracts: &str) -> PlatformArgs {
        PlatformArgs {
            dir: dir.into(),
            contracts: contracts.into(),
            functions: None,
        }
    }

    #[test]
    fn the_command_that_restarts_names_what_is_not_usual_and_can_be_pasted() {
        let usual = place("polelake-data", "contracts");
        assert_eq!(restart_command(&usual, None), "polelake up");
        let other = place("my lake", "it's/contracts");
        assert_eq!(
            restart_command(&other, Some(8471)),
            "polelake up --dir 'my lake' --contracts 'it'\\''s/contracts' --port 8471"
        );
    }
}

//! A full disk, named: what fails because of it says so only sometimes. A function's process ends,
//! Kafka does not acknowledge, a connection closes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use local_platform::disk::is_disk_full;

use crate::error::{CliError, put_before};

/// How often a command that writes looks whether the disk has room.
const LOOK_INTERVAL: Duration = Duration::from_secs(3);

/// Runs a command that writes to the platform in `folder`; ends it when the disk is full, for its
/// requests would wait until their time is over.
pub(crate) async fn until_disk_full<T>(
    folder: &Path,
    command: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    tokio::select! {
        outcome = command => outcome,
        error = wait_for_full_disk(folder) => Err(error),
    }
}

async fn wait_for_full_disk(folder: &Path) -> CliError {
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        if let Some(full) = find_full_disk(Some(folder)) {
            return describe_full_disk(&full).into();
        }
    }
}

/// Says on the error output when the platform's disk becomes full, and when it has room again.
pub(crate) async fn tell_full_disk(folder: PathBuf) {
    let mut was_full = false;
    loop {
        let is_full = is_disk_full(&folder);
        match (was_full, is_full) {
            (false, true) => eprintln!("{}", describe_full_disk(&folder)),
            (true, false) => eprintln!("the disk of {} has room again", folder.display()),
            _ => {}
        }
        was_full = is_full;
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
}

/// The error with the full disk that it comes from, where one is full: that of the platform's
/// folder, or that of temporary files.
pub(crate) fn name_full_disk(error: CliError, folder: Option<&Path>) -> CliError {
    let Some(full) = find_full_disk(folder) else {
        return error;
    };
    let sentence = describe_full_disk(&full);
    if error.to_string().contains(&sentence) {
        return error;
    }
    put_before(&error, &sentence)
}

fn find_full_disk(folder: Option<&Path>) -> Option<PathBuf> {
    let temporary = std::env::temp_dir();
    let mut folders = folder.into_iter().chain([temporary.as_path()]);
    folders
        .find(|folder| is_disk_full(folder))
        .map(Path::to_owned)
}

fn describe_full_disk(folder: &Path) -> String {
    format!(
        "the disk that holds {} is full: free some space and run the command again; what was \
         accepted is kept, and an event that is sent twice counts once",
        folder.display()
    )
}

//! The folder of a benchmark: a new one, for what another run left behind would be measured too.

use std::path::Path;

use polelake::error::CliError;

/// Refuses a folder that exists already.
pub(crate) fn require_new_folder(folder: &Path) -> Result<(), CliError> {
    if folder.exists() {
        let message = format!(
            "{} exists already; a benchmark starts in a new folder, give --dir another one",
            folder.display()
        );
        return Err(message.into());
    }
    Ok(())
}

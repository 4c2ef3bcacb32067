//! `polelake completions` and `man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// For which shell the script is.
#[derive(Args, Clone, Debug)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    pub(crate) shell: Shell,
}

/// Where the manual pages go.
#[derive(Args, Clone, Debug)]
pub(crate) struct ManArgs {
    /// Write a page for each command into this folder, such as
    /// ~/.local/share/man/man1, in place of printing the first page.
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}

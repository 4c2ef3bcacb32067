//! Errors of commands.

/// What went wrong, in words for the person at the terminal: exit code 2.
pub type CliError = Box<dyn std::error::Error + Send + Sync>;

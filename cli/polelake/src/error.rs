//! Errors of commands.

/// What went wrong, in words for the person at the terminal: exit code 2.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

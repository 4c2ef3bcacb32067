//! Errors of an operator's work.

/// What went wrong, in words for the operator.
pub type OperationError = Box<dyn std::error::Error + Send + Sync>;

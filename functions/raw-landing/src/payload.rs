//! What is said of a payload that cannot be read.

use host::{Failure, FailureKind};

/// The failure of a payload that cannot be read. It gives the position alone: the parser's own text
/// could quote a record.
pub(crate) fn unreadable_payload(error: &serde_json::Error) -> Failure {
    let message = format!(
        "the payload is neither a Kafka batch nor SQS messages: line {}, column {}",
        error.line(),
        error.column()
    );
    Failure::new(FailureKind::BadRequest, message)
}

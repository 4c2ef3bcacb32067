//! Problem details as RFC 9457 has them.

use serde_json::{Value, json};

/// What is wrong with a request or an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProblemDetails {
    /// The HTTP status.
    pub(crate) status: u16,
    /// The stable id of the rule.
    pub(crate) rule: String,
    /// What is wrong and what would be right; never a value of the event.
    pub(crate) detail: String,
}

impl ProblemDetails {
    pub(crate) fn new(status: u16, rule: &str, detail: impl Into<String>) -> Self {
        Self {
            status,
            rule: rule.to_owned(),
            detail: detail.into(),
        }
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "type": format!("https://polelake.example/problems/{}", self.rule),
            "title": status_title(self.status),
            "status": self.status,
            "rule": self.rule,
            "detail": self.detail,
        })
    }
}

fn status_title(status: u16) -> &'static str {
    match status {
        400 => "Bad request",
        401 => "Unauthorised",
        403 => "Forbidden",
        404 => "Not found",
        405 => "Method not allowed",
        413 => "Too large",
        415 => "Not a type that is read",
        422 => "Event refused",
        502 => "The record's state was not given",
        503 => "Try again",
        _ => "Error",
    }
}

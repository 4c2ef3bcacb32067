//! Why an event could not be used: what reading, checking and mapping an event all answer with.

use std::fmt;

/// Why an event could not be used. Holds no value of the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFault {
    /// The stable id of the rule that it broke.
    pub rule: String,
    /// The path in the event.
    pub path: String,
    /// What was expected.
    pub reason: String,
}

impl EventFault {
    pub(crate) fn new(rule: &str, path: &str, reason: &str) -> Self {
        Self {
            rule: rule.to_owned(),
            path: path.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

impl fmt::Display for EventFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}: {}", self.rule, self.path, self.reason)
    }
}

impl std::error::Error for EventFault {}

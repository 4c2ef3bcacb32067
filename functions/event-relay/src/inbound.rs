//! The ways for events to come in: each trigger of the function is one [`InboundEvents`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use host::{Failure, FailureKind, TimeBudget};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::context::Context;

/// A trigger that brings events.
///
/// # Adding a connector
/// A new connector (for files that an application puts into a bucket, or for pulls from an API on a
/// schedule) is one file and one line:
///
/// 1. The file has a type that implements this trait. [`relay_events`](Self::relay_events) makes a
///    [`PreparedEvent`](crate::relay::PreparedEvent) of each event that the payload brings or
///    points to, gives them to [`deliver_events`](crate::relay::deliver_events), and answers as the
///    trigger demands: what Kafka did not acknowledge must come again.
/// 2. The line adds the type to the list `TRIGGERS` in `handler.rs`, behind the triggers that
///    recognise less.
#[async_trait]
pub(crate) trait InboundEvents: Send + Sync {
    /// What the trigger's payloads are, for the failure of a payload that no trigger recognises.
    fn payload_name(&self) -> &'static str;

    /// Whether a payload with these members comes from this trigger. Lenient: a member that the
    /// trigger may add one day, or leave out, must not make a payload unknown.
    fn recognises_payload(&self, members: &PayloadMembers<'_>) -> bool;

    /// Relays the events of a payload; the answer is the trigger's own.
    ///
    /// # Errors
    /// When the payload cannot be read as the trigger promises.
    async fn relay_events(
        &self,
        payload: &str,
        context: &Context,
        budget: TimeBudget,
    ) -> Result<Value, Failure>;
}

/// The members of a payload by their names; their values are not parsed.
#[derive(Deserialize)]
pub(crate) struct PayloadMembers<'p>(#[serde(borrow)] BTreeMap<String, Option<&'p RawValue>>);

impl<'p> PayloadMembers<'p> {
    /// Reads the members of a payload.
    ///
    /// # Errors
    /// When the payload is not a JSON object.
    pub(crate) fn parse(payload: &'p str) -> Result<Self, Failure> {
        serde_json::from_str(payload).map_err(|error| unreadable_payload(&error))
    }

    /// Whether there is such a member, and it is not null.
    pub(crate) fn has(&self, name: &str) -> bool {
        matches!(self.0.get(name), Some(Some(_)))
    }
}

/// The failure of a payload that cannot be read. It gives the position alone: the parser's own text
/// could quote a header or a body.
pub(crate) fn unreadable_payload(error: &serde_json::Error) -> Failure {
    let message = format!(
        "the payload is not what the trigger promises: line {}, column {}",
        error.line(),
        error.column()
    );
    Failure::new(FailureKind::BadRequest, message)
}

//! One invocation: the trigger that sent the payload is recognised, and relays its events.

use host::{Failure, FailureKind, TimeBudget};
use serde_json::Value;

use crate::context::Context;
use crate::http_api::HttpApi;
use crate::inbound::{InboundEvents, PayloadMembers};
use crate::sqs::SqsTrigger;

/// The triggers, in the order in which they are tried. A new connector is one more line.
static TRIGGERS: [&dyn InboundEvents; 2] = [&HttpApi, &SqsTrigger];

/// Relays what the payload brings; the answer is the trigger's own.
///
/// # Errors
/// When no trigger recognises the payload, or it cannot be read as its trigger promises.
pub async fn handle(
    payload: &str,
    context: &Context,
    budget: TimeBudget,
) -> Result<Value, Failure> {
    let trigger = recognise_trigger(payload)?;
    trigger.relay_events(payload, context, budget).await
}

/// The first trigger that recognises the payload.
fn recognise_trigger(payload: &str) -> Result<&'static dyn InboundEvents, Failure> {
    let members = PayloadMembers::parse(payload)?;
    let trigger = TRIGGERS
        .into_iter()
        .find(|trigger| trigger.recognises_payload(&members));

    trigger.ok_or_else(|| {
        let names = TRIGGERS.map(InboundEvents::payload_name);
        let message = format!("the payload is neither {}", names.join(" nor "));
        Failure::new(FailureKind::BadRequest, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recognised(payload: &str) -> Result<&'static str, String> {
        recognise_trigger(payload)
            .map(InboundEvents::payload_name)
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn a_trigger_is_recognised_by_one_member_whatever_else_the_payload_has() {
        let http = Ok("an HTTP request");
        let sqs = Ok("SQS messages");
        assert_eq!(recognised(r#"{"requestContext":{}}"#), http);
        assert_eq!(
            recognised(r#"{"version":"9","new":[1],"requestContext":{"odd":1},"Records":null}"#),
            http
        );
        assert_eq!(recognised(r#"{"Records":[]}"#), sqs);
        assert_eq!(
            recognised(r#"{"requestContext":null,"Records":[{"odd":1}],"new":{}}"#),
            sqs
        );
        // A payload of both is a request: its answer goes to a caller who waits.
        assert_eq!(recognised(r#"{"Records":[],"requestContext":{}}"#), http);
    }

    #[test]
    fn another_payload_is_refused_without_a_word_of_it() {
        let neither =
            "BadRequest: the payload is neither an HTTP request nor SQS messages".to_owned();
        assert_eq!(recognised("{}"), Err(neither.clone()));
        assert_eq!(
            recognised(r#"{"Records":null,"records":[],"request":"Ada"}"#),
            Err(neither)
        );
        for payload in ["", "Ada", "[1, 2]", "\"Ada\"", r#"{"Records": Ada}"#] {
            let failure = recognised(payload).unwrap_err();
            assert!(
                failure.starts_with(
                    "BadRequest: the payload is not what the trigger promises: line 1"
                ),
                "{failure}"
            );
            assert!(!failure.contains("Ada"), "{failure}");
        }
    }
}

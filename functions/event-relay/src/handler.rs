//! One invocation: a request over HTTP, or messages of a queue.

use host::{Failure, FailureKind, TimeBudget};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use trigger::{HttpRequest, SqsEvent};

use crate::context::Context;
use crate::{http, queue};

/// What tells the two triggers apart.
#[derive(Deserialize)]
struct TriggerMarkers<'p> {
    #[serde(borrow, rename = "requestContext")]
    request: Option<&'p RawValue>,
    #[serde(borrow, rename = "Records")]
    records: Option<&'p RawValue>,
}

/// Relays what the payload brings; the answer is the trigger's own.
///
/// # Errors
/// When the payload is of neither trigger.
pub async fn handle(
    payload: &str,
    context: &Context,
    budget: TimeBudget,
) -> Result<Value, Failure> {
    // The parser's own text could quote a header or a body.
    let unreadable = |error: serde_json::Error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        Failure::new(
            FailureKind::BadRequest,
            format!("the payload is not what the trigger promises: {place}"),
        )
    };
    let shape: TriggerMarkers<'_> = serde_json::from_str(payload).map_err(unreadable)?;
    if shape.request.is_some() {
        let request: HttpRequest = serde_json::from_str(payload).map_err(unreadable)?;
        return Ok(http::answer_request(request, context, budget).await);
    }
    if shape.records.is_some() {
        let event: SqsEvent = serde_json::from_str(payload).map_err(unreadable)?;
        let failures = queue::relay_messages(event, context, budget).await;
        return serde_json::to_value(failures).map_err(unreadable);
    }
    Err(Failure::new(
        FailureKind::BadRequest,
        "the payload is neither an HTTP request nor SQS messages",
    ))
}

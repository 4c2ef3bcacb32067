//! Problem details (RFC 9457) of what the platform itself refuses.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// An answer with this status: `rule` is the stable id of what was broken, `detail` says what was
/// refused and what to do.
pub(crate) fn problem_response(status: StatusCode, rule: &str, detail: &str) -> Response {
    let body = json!({
        "type": "about:blank",
        "status": status.as_u16(),
        "rule": rule,
        "detail": detail,
    });
    let kind = [("content-type", "application/problem+json")];
    (status, kind, body.to_string()).into_response()
}

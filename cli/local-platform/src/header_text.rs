//! The text of a request's header.

use axum::http::HeaderMap;

/// The header of AWS's JSON protocols that names the operation.
pub(super) const TARGET_HEADER: &str = "x-amz-target";

/// The header's text; empty where there is none, or where it is no text.
pub(super) fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> &'h str {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default()
}

//! What an HTTP request says of all its events: their form, the trace, the client's name for the
//! request.

use trigger::HttpRequest;

use crate::body::BodyKind;
use crate::file_places::{FILE_HEADER, FilePlaces};
use crate::problem::{ProblemDetails, RefusalReason};

/// Characters of an `Idempotency-Key` at most.
const IDEMPOTENCY_KEY_CHARS_MAX: usize = 255;

/// What the request says of all its events.
pub(crate) struct RequestMetadata {
    /// What the body is.
    pub(crate) kind: BodyKind,
    /// The W3C `traceparent`; empty when there is none, or it is not one.
    pub(crate) traceparent: String,
    /// The request's name: the client's `Idempotency-Key`, which stays the same when the client
    /// sends the request again; otherwise the gateway's id of the request, or a random one.
    pub(crate) name: String,
}

impl RequestMetadata {
    /// Reads the headers.
    ///
    /// # Errors
    /// A problem for a body that the relay does not read, and for an unusable `Idempotency-Key`.
    pub(crate) fn from_request(request: &HttpRequest) -> Result<Self, ProblemDetails> {
        if request.headers.contains_key("ce-specversion") {
            return Err(ProblemDetails::new(
                RefusalReason::UnsupportedType,
                "CloudEvents in binary mode are not read; send application/cloudevents+json",
            ));
        }

        let trace = header_value(request, "traceparent");
        Ok(Self {
            kind: BodyKind::from_content_type(header_value(request, "content-type"))?,
            traceparent: if is_traceparent(trace) { trace } else { "" }.to_owned(),
            name: match read_idempotency_key(request)? {
                Some(key) => key,
                None => request_name(request),
            },
        })
    }
}

/// The text of a header; empty when there is none.
pub(crate) fn header_value<'r>(request: &'r HttpRequest, name: &str) -> &'r str {
    request
        .headers
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
}

/// The places that the events have in a file; none where the request names no file.
///
/// # Errors
/// A problem when the header is not one that names a place for each event.
pub(crate) fn read_file_places(
    request: &HttpRequest,
    events: usize,
) -> Result<Option<FilePlaces>, ProblemDetails> {
    let Some(value) = request.headers.get(FILE_HEADER) else {
        return Ok(None);
    };

    let places = value
        .to_str()
        .ok()
        .and_then(|text| FilePlaces::parse(text, events));
    places.map(Some).ok_or_else(|| {
        ProblemDetails::new(
            RefusalReason::FilePlaces,
            format!(
                "{FILE_HEADER} names a file and a place for each of the request's {events} events, \
                 as in `name=bins.csv; row=2-400,402`"
            ),
        )
    })
}

/// The bytes of the body; the gateway may have sent them as base64.
///
/// # Errors
/// A problem when the body is not the base64 that the gateway announces.
pub(crate) fn decode_body(request: &HttpRequest) -> Result<Vec<u8>, ProblemDetails> {
    let body = request.body.as_deref().unwrap_or_default().as_bytes();
    if !request.is_base64_encoded {
        return Ok(body.to_vec());
    }

    base64_simd::STANDARD.decode_to_vec(body).map_err(|_| {
        ProblemDetails::new(
            RefusalReason::BodyDamaged,
            "the body is not base64 as the gateway says",
        )
    })
}

/// As W3C Trace Context writes it: `00-` 32 digits `-` 16 digits `-` 2 digits. Anything else is
/// left out.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let widths: Vec<usize> = parts.iter().map(|part| part.len()).collect();

    widths == [2, 32, 16, 2]
        && parts
            .iter()
            .all(|part| part.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// A name that no other request has. A client that sends its request again without an
/// `Idempotency-Key` sends new events: the relay cannot tell a repeat from an equal event.
fn request_name(request: &HttpRequest) -> String {
    let gateway_id = request.request_context.request_id.as_deref();
    match gateway_id.filter(|id| !id.is_empty()) {
        Some(id) => format!("request {id}"),
        None => format!("random {:032x}", fastrand::u128(..)),
    }
}

fn read_idempotency_key(request: &HttpRequest) -> Result<Option<String>, ProblemDetails> {
    let Some(value) = request.headers.get("idempotency-key") else {
        return Ok(None);
    };

    let key = value.to_str().unwrap_or_default().trim_matches('"');
    let has_valid_length = (1..=IDEMPOTENCY_KEY_CHARS_MAX).contains(&key.len());
    if has_valid_length && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(Some(key.to_owned()));
    }

    Err(ProblemDetails::new(
        RefusalReason::IdempotencyKey,
        format!("an Idempotency-Key has 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_that_is_none_is_left_out() {
        assert!(is_traceparent(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
        ));
        assert!(!is_traceparent(
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nevent-id: x"
        ));
        assert!(!is_traceparent("Root=1-5759e988-bd862e3fe1be46a994272793"));
    }
}

//! The HTTP API for one machine, as far as the relay needs it.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::lambda::{LambdaFunction, PAYLOAD_BYTES_MAX};
use super::problem::problem_response;
use super::running::RunningPlatform;
use super::try_page::{TryPage, page_router};
use crate::operator_api;

/// The largest request that API Gateway accepts.
const REQUEST_BYTES_MAX: usize = 10 * 1024 * 1024;

/// The caller of a request with neither a bearer token nor `x-local-caller`. On AWS, the authoriser
/// names the caller.
const LOCAL_CALLER: &str = "arn:aws:iam::000000000000:role/local-developer";

/// The API: `/v1/…` goes to `event-relay`, `/_local/…` to the platform itself, `/try` to its page
/// for trials where it has one.
pub(crate) fn api_router(running: Arc<RunningPlatform>, page: Option<Arc<TryPage>>) -> Router {
    let pages = page.map_or_else(Router::new, |page| {
        Router::new().nest("/try", page_router(page))
    });
    Router::new()
        .nest(
            "/_local",
            operator_api::operator_router(Arc::clone(&running)),
        )
        .fallback(handle_event_request)
        .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX))
        .with_state(running)
        .merge(pages)
}

/// The authoriser's claims about the caller; none when it refuses the request.
fn authorise_caller(headers: &HeaderMap, running: &RunningPlatform) -> Option<Value> {
    if let Some(authorization) = header_text(headers, "authorization") {
        let token = authorization.strip_prefix("Bearer ")?;
        let claims = running.tokens.verify_token(token)?;
        return Some(json!({"jwt": {"claims": claims, "scopes": null}}));
    }

    match header_text(headers, "x-local-caller") {
        Some("") => None,
        caller => {
            let arn = caller.unwrap_or(LOCAL_CALLER);
            Some(json!({"iam": {"accountId": "000000000000", "userArn": arn}}))
        }
    }
}

fn header_text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    let value = headers.get(name)?;
    Some(value.to_str().unwrap_or_default())
}

async fn handle_event_request(
    State(running): State<Arc<RunningPlatform>>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, REQUEST_BYTES_MAX).await else {
        return problem_response(
            StatusCode::PAYLOAD_TOO_LARGE,
            "gateway.too-large",
            &format!("the request has more than {REQUEST_BYTES_MAX} bytes; send smaller batches"),
        );
    };

    // As on API Gateway, an unsigned request does not reach the function.
    let Some(authorizer) = authorise_caller(&parts.headers, &running) else {
        return problem_response(
            StatusCode::UNAUTHORIZED,
            "gateway.unauthorised",
            "the token is not valid or has expired, or the request is not signed; get a new token, \
             or sign the request",
        );
    };

    let payload = gateway_payload(&parts, &authorizer, &body);
    if payload.len() > PAYLOAD_BYTES_MAX {
        return problem_response(
            StatusCode::PAYLOAD_TOO_LARGE,
            "gateway.too-large",
            "the request is larger than a function accepts; send smaller batches",
        );
    }
    invoke_relay(&running.relay, payload).await
}

async fn invoke_relay(function: &LambdaFunction, payload: String) -> Response {
    let answer = match function.invoke(Bytes::from(payload)).await {
        Ok(answer) => answer,
        Err(error) => {
            let why = function.describe_error(&error);
            tracing::warn!(why, "a request got no answer");
            return problem_response(
                StatusCode::BAD_GATEWAY,
                "gateway.no-answer",
                &format!("the request got no answer: {why}. Send it again: a repeat does no harm"),
            );
        }
    };
    let Ok(answer) = serde_json::from_slice::<Value>(&answer) else {
        return problem_response(
            StatusCode::BAD_GATEWAY,
            "gateway.no-answer",
            "the answer of event-relay is not JSON: `--functions` names other programs than its \
             own",
        );
    };
    function_response(&answer)
}

/// The HTTP response that a function's answer describes.
fn function_response(answer: &Value) -> Response {
    let status = answer["statusCode"].as_u64();
    let status = status.and_then(|status| StatusCode::from_u16(u16::try_from(status).ok()?).ok());

    let mut headers = HeaderMap::new();
    for (name, value) in answer["headers"].as_object().into_iter().flatten() {
        let name = name.parse::<HeaderName>().ok();
        let value = value.as_str().map(HeaderValue::from_str);
        headers.extend(name.zip(value.and_then(Result::ok)));
    }

    let body = answer["body"].as_str().unwrap_or_default().to_owned();
    (status.unwrap_or(StatusCode::BAD_GATEWAY), headers, body).into_response()
}

/// API Gateway's payload of version 2.0.
fn gateway_payload(parts: &Parts, authorizer: &Value, body: &[u8]) -> String {
    let method = parts.method.as_str();
    let path = parts.uri.path();
    let headers: BTreeMap<&str, &str> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()))
        .collect();

    // A body that is not UTF-8 is sent as base64, as API Gateway does.
    let (body, encoded) = match std::str::from_utf8(body) {
        Ok(body) => (body.to_owned(), false),
        Err(_) => (base64_simd::STANDARD.encode_to_string(body), true),
    };
    json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": parts.uri.query().unwrap_or_default(),
        "headers": headers,
        "requestContext": {
            "accountId": "000000000000",
            "apiId": "local",
            "authorizer": authorizer,
            "http": {
                "method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                "userAgent": ""
            },
            "requestId": request_id(),
            "stage": "$default",
            "timeEpoch": 0,
        },
        "body": body,
        "isBase64Encoded": encoded,
    })
    .to_string()
}

/// The id of a request, which no other request has.
fn request_id() -> String {
    format!("{:032x}", fastrand::u128(..))
}

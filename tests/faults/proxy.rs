//! A proxy before the S3 endpoint: it loses, delays, denies and repeats what passes through it.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Method, Request, Response, StatusCode};
use futures_util::stream;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::fault_injector::FaultInjector;

/// What the proxy does to a request.
#[derive(Clone, Copy, PartialEq, Eq)]
enum S3Fault {
    Error(u16),
    ErrorAfter,
    LostBefore,
    LostAfter,
    Slow,
    SlowBody,
    BodyCut,
    Conflict,
    Stale,
}

/// What can happen to any request, with its share of a thousand.
const ANY_FAULTS: [(&str, usize, S3Fault); 7] = [
    ("S3 500", 10, S3Fault::Error(500)),
    ("S3 503 SlowDown", 10, S3Fault::Error(503)),
    ("S3 500 after the effect", 8, S3Fault::ErrorAfter),
    (
        "S3 connection lost before the effect",
        10,
        S3Fault::LostBefore,
    ),
    (
        "S3 connection lost after the effect",
        12,
        S3Fault::LostAfter,
    ),
    ("S3 slow answer", 10, S3Fault::Slow),
    ("S3 slow body", 5, S3Fault::SlowBody),
];

/// What can happen to a read besides.
const READ_FAULTS: [(&str, usize, S3Fault); 2] = [
    ("S3 body cut off", 10, S3Fault::BodyCut),
    ("S3 stale answer, tried", 40, S3Fault::Stale),
];

/// What can happen to a conditional write besides.
const CONDITIONAL_WRITE_FAULTS: [(&str, usize, S3Fault); 1] = [("S3 409", 30, S3Fault::Conflict)];

pub(crate) struct FaultProxy {
    upstream: Router,
    injector: Arc<FaultInjector>,
    /// The first answer to each read that may be stale.
    first_answers: Mutex<HashMap<String, (StatusCode, axum::http::HeaderMap, Bytes)>>,
}

impl FaultProxy {
    pub(crate) fn new(upstream: Router, chance: Arc<FaultInjector>) -> Arc<Self> {
        Arc::new(Self {
            upstream,
            injector: chance,
            first_answers: Mutex::default(),
        })
    }

    /// Serves until the seed ends.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let proxy = Arc::clone(&self);
            connections.spawn(async move {
                let service = service_fn(move |request| Arc::clone(&proxy).handle_request(request));
                drop(
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await,
                );
            });
        }
    }

    /// An error ends the connection without an answer.
    async fn handle_request(
        self: Arc<Self>,
        request: Request<Incoming>,
    ) -> io::Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let key = format!("{} {}", parts.method, parts.uri);
        let fault = self.choose_fault(
            &parts.method,
            &key,
            parts.headers.contains_key("if-none-match") || parts.headers.contains_key("if-match"),
        );
        let lost = || io::Error::new(io::ErrorKind::ConnectionReset, "lost");
        match fault {
            Some(S3Fault::Error(status)) => return Ok(error_response(status)),
            Some(S3Fault::Conflict) => return Ok(error_response(409)),
            Some(S3Fault::LostBefore) => return Err(lost()),
            Some(S3Fault::Slow) => tokio::time::sleep(Duration::from_secs(2)).await,
            Some(S3Fault::Stale) => {
                if let Some((status, headers, body)) =
                    self.first_answers.lock().unwrap().get(&key).cloned()
                {
                    self.injector.count_fault("S3 stale answer");
                    return Ok(build_response(status, headers, Body::from(body)));
                }
            }
            _ => {}
        }
        let (status, headers, body) = self
            .forward_request(Request::from_parts(parts, Body::from(body)))
            .await?;
        if may_be_stale(&key) {
            self.first_answers
                .lock()
                .unwrap()
                .entry(key)
                .or_insert_with(|| (status, headers.clone(), body.clone()));
        }
        if status == StatusCode::PRECONDITION_FAILED {
            self.injector.count_fault("S3 412, as it came");
        }
        match fault {
            Some(S3Fault::LostAfter) => Err(lost()),
            Some(S3Fault::ErrorAfter) => Ok(error_response(500)),
            Some(S3Fault::BodyCut) => Ok(build_response(status, headers, split_body(&body, None))),
            Some(S3Fault::SlowBody) => Ok(build_response(
                status,
                headers,
                split_body(&body, Some(Duration::from_secs(1))),
            )),
            _ => Ok(build_response(status, headers, Body::from(body))),
        }
    }

    fn choose_fault(&self, method: &Method, key: &str, conditional: bool) -> Option<S3Fault> {
        let read = *method == Method::GET && (may_be_stale(key) || !key.contains("list-type"));
        let special = if conditional {
            self.injector.draw_fault(&CONDITIONAL_WRITE_FAULTS)
        } else if read {
            self.injector
                .draw_fault(&READ_FAULTS)
                .filter(|fault| *fault != S3Fault::Stale || may_be_stale(key))
        } else {
            None
        };
        special.or_else(|| self.injector.draw_fault(&ANY_FAULTS))
    }

    async fn forward_request(
        &self,
        request: Request<Body>,
    ) -> io::Result<(StatusCode, axum::http::HeaderMap, Bytes)> {
        let Ok(answer) = self.upstream.clone().oneshot(request).await;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        Ok((parts.status, parts.headers, body))
    }
}

/// Listings of the raw zone and of receipts, and hints of chains: what is only ever too old there
/// must do no harm. S3 itself has been consistent since 2020; a cache between may not be.
fn may_be_stale(key: &str) -> bool {
    key.starts_with("GET /raw/raw/_log")
        || (key.contains("list-type=2") && !key.starts_with("GET /curated"))
}

fn error_response(status: u16) -> Response<Body> {
    let code = match status {
        409 => "ConditionalRequestConflict",
        503 => "SlowDown",
        _ => "InternalError",
    };
    let body = format!(
        "<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>injected</Message></Error>"
    );
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer
}

fn build_response(
    status: StatusCode,
    headers: axum::http::HeaderMap,
    body: Body,
) -> Response<Body> {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    *answer.headers_mut() = headers;
    answer
}

/// A body in two parts: the second one late, or never.
fn split_body(body: &Bytes, pause: Option<Duration>) -> Body {
    let middle = body.len() / 2;
    let (first, second) = (body.slice(..middle), body.slice(middle..));
    let second = async move {
        match pause {
            Some(pause) => {
                tokio::time::sleep(pause).await;
                Ok(second)
            }
            None => Err(io::Error::new(io::ErrorKind::ConnectionReset, "cut off")),
        }
    };
    Body::from_stream(futures_util::StreamExt::chain(
        stream::iter([Ok(first)]),
        stream::once(second),
    ))
}

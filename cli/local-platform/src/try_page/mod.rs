//! The page on which a developer pastes an event and sees what becomes of it.
//!
//! The page itself holds nothing, and everything that it asks for needs the key of the platform's
//! start: `polelake up` prints it as the fragment of the page's address, which no browser sends to
//! a server or to another page. The key opens these paths and nothing else. What is pasted is held
//! as long as its request takes, and stored nowhere.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use super::lambda::PAYLOAD_BYTES_MAX;
use super::private_files::random_hex_text;
use super::problem::problem_response;
use super::run_contracts::RunContracts;

/// Random bytes of a page's key.
const KEY_BYTES: usize = 16;

/// The header with the name of the file that is tried, as base64 of its UTF-8.
const FILE_NAME_HEADER: &str = "x-file-name";

/// The header that says what JSON is read as: `records`, or else events.
const READ_AS_HEADER: &str = "x-read-as";

/// What every answer says to the browser: load nothing from other hosts, run no script but the
/// page's own, be shown in no frame, keep nothing.
const HEADERS: [(&str, &str); 6] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cache-control", "no-store"),
];

/// What is tried.
#[derive(Debug)]
pub struct TrialRequest {
    /// The source.
    pub source: String,
    /// The name of the file that was chosen; none of what was pasted.
    pub file_name: Option<String>,
    /// Whether JSON is read as records of a file, and not as events.
    pub as_records: bool,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// What the page asks of the program that carries it. Both read the contracts as they are now.
pub trait EventTrial: Send + Sync {
    /// The sources: `{"sources": [{"name", "title"}]}`, or `{"error"}`.
    fn list_sources(&self) -> Value;

    /// What events become, as `polelake contract try --json` prints it, or `{"error"}`.
    fn try_events(&self, request: TrialRequest) -> Value;
}

/// The page of a platform.
pub(crate) struct TryPage {
    key: String,
    trial: Arc<dyn EventTrial>,
    contracts: Arc<RunContracts>,
}

impl TryPage {
    /// A page with a key of its own.
    ///
    /// # Errors
    /// When there is no source of random bytes.
    pub(crate) fn new(
        trial: Arc<dyn EventTrial>,
        contracts: Arc<RunContracts>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            key: random_hex_text::<KEY_BYTES>()?,
            trial,
            contracts,
        })
    }

    /// The page's address, with its key.
    pub(crate) fn address(&self, api: &str) -> String {
        format!("{api}/try#{}", self.key)
    }

    /// Adds what the platform runs that the folder has otherwise by now.
    fn add_contract_changes(&self, mut answer: Value) -> Value {
        let changes = match self.contracts.changes() {
            Ok(changes) => changes.iter().map(ToString::to_string).collect(),
            Err(failure) => vec![failure.to_string()],
        };
        answer["contracts_changed"] = json!(changes);
        answer
    }
}

/// The paths of the page.
pub(crate) fn page_router(page: Arc<TryPage>) -> Router {
    let guard = middleware::from_fn_with_state(Arc::clone(&page), require_page_key);
    let guarded = Router::new()
        .route("/sources", get(handle_sources))
        .route("/events/{source}", post(handle_events))
        .layer(guard);
    Router::new()
        .route(
            "/",
            get(|| async { asset("text/html; charset=utf-8", include_str!("page.html")) }),
        )
        .route(
            "/page.js",
            get(|| async { asset("text/javascript", include_str!("page.js")) }),
        )
        .route(
            "/page.css",
            get(|| async { asset("text/css", include_str!("page.css")) }),
        )
        .merge(guarded)
        .layer(DefaultBodyLimit::max(PAYLOAD_BYTES_MAX))
        .layer(middleware::map_response(add_headers))
        .with_state(page)
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([("content-type", kind)], text).into_response()
}

async fn add_headers(mut response: Response) -> Response {
    for (name, value) in HEADERS {
        let name = HeaderName::from_static(name);
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn require_page_key(
    State(page): State<Arc<TryPage>>,
    request: Request,
    next: Next,
) -> Response {
    let authorization = request.headers().get(AUTHORIZATION);
    let text = authorization.and_then(|value| value.to_str().ok());
    let key = text
        .and_then(|text| text.strip_prefix("Bearer "))
        .unwrap_or_default();
    if bool::from(page.key.as_bytes().ct_eq(key.as_bytes())) {
        return next.run(request).await;
    }
    problem_response(
        StatusCode::UNAUTHORIZED,
        "trial.key",
        "open the page by the address that `polelake up` printed: it has the key of this start",
    )
}

async fn handle_sources(State(page): State<Arc<TryPage>>) -> Response {
    let trial = Arc::clone(&page.trial);
    answer_trial(&page, move || trial.list_sources()).await
}

async fn handle_events(
    State(page): State<Arc<TryPage>>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let Ok(body) = body else {
        return problem_response(
            StatusCode::PAYLOAD_TOO_LARGE,
            "trial.too-large",
            "a trial takes 6 MiB; in a terminal `polelake contract try SOURCE FILE` takes any file",
        );
    };
    let request = TrialRequest {
        source,
        file_name: read_file_name(&headers),
        as_records: headers
            .get(READ_AS_HEADER)
            .is_some_and(|what| what == "records"),
        bytes: body.to_vec(),
    };
    let trial = Arc::clone(&page.trial);
    answer_trial(&page, move || trial.try_events(request)).await
}

fn read_file_name(headers: &HeaderMap) -> Option<String> {
    let encoded = headers.get(FILE_NAME_HEADER)?;
    let name = base64_simd::STANDARD
        .decode_to_vec(encoded.as_bytes())
        .ok()?;
    String::from_utf8(name).ok().filter(|name| !name.is_empty())
}

/// Answers with what a trial gives, which takes a thread of its own: it compiles the contracts.
async fn answer_trial(page: &TryPage, run: impl FnOnce() -> Value + Send + 'static) -> Response {
    match tokio::task::spawn_blocking(run).await {
        Ok(answer) => Json(page.add_contract_changes(answer)).into_response(),
        Err(_) => problem_response(
            StatusCode::INTERNAL_SERVER_ERROR,
            "trial.broken-off",
            "the trial broke off, which is a fault of polelake",
        ),
    }
}

//! The platform's own API for operators, below `/_local`: whoever can read the folder may use it.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::http::header::AUTHORIZATION;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use serde_json::Value;

use super::problem::problem_response;
use super::running::RunningPlatform;

/// The operators' API. Every path of it, known or not, asks for the folder's token.
pub(super) fn operator_router(running: Arc<RunningPlatform>) -> Router<Arc<RunningPlatform>> {
    let guard = middleware::from_fn_with_state(running, require_operator_token);
    Router::new()
        .route("/status", get(handle_status))
        .route("/functions/{name}", post(handle_invoke))
        .route("/queues/{name}", post(handle_send))
        .route("/tokens", post(handle_token))
        .route("/kafka/truncate", post(handle_truncate))
        .fallback(handle_unknown)
        .layer(guard)
}

async fn require_operator_token(
    State(running): State<Arc<RunningPlatform>>,
    request: Request,
    next: Next,
) -> Response {
    let authorization = request.headers().get(AUTHORIZATION);
    let text = authorization.and_then(|value| value.to_str().ok());
    let token = text.and_then(|text| text.strip_prefix("Bearer "));
    if token.is_some_and(|token| running.operator.equals(token)) {
        return next.run(request).await;
    }

    let detail = format!(
        "an operator's request carries the folder's token; send `Authorization: Bearer` with the \
         text of {}",
        running.operator.file().display()
    );
    problem_response(StatusCode::UNAUTHORIZED, "operator.token", &detail)
}

async fn handle_unknown() -> Response {
    problem_response(
        StatusCode::NOT_FOUND,
        "operator.path",
        "the paths are /_local/status, functions/{name}, queues/{name}, tokens and kafka/truncate",
    )
}

/// Cuts the records that are landed out of Kafka's log; answers how many, and how many are left.
async fn handle_truncate(State(running): State<Arc<RunningPlatform>>) -> Response {
    let Some(landed) = &running.landed else {
        let detail = "Kafka is external: its topics' retention deletes their records";
        return problem_response(StatusCode::CONFLICT, "kafka.external", detail);
    };
    match landed.truncate() {
        Ok(truncation) => Json(truncation).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn handle_status(State(running): State<Arc<RunningPlatform>>) -> Json<Value> {
    Json(running.status_json().await)
}

async fn handle_invoke(
    State(running): State<Arc<RunningPlatform>>,
    Path(name): Path<String>,
    payload: Bytes,
) -> Response {
    let Some(function) = running.find_function(&name) else {
        return (
            StatusCode::NOT_FOUND,
            format!("there is no function `{name}`"),
        )
            .into_response();
    };
    match function.invoke(payload).await {
        Ok(answer) => answer.into_response(),
        Err(error) => {
            let why = function.describe_error(&error);
            (StatusCode::BAD_GATEWAY, why).into_response()
        }
    }
}

async fn handle_send(
    State(running): State<Arc<RunningPlatform>>,
    Path(name): Path<String>,
    body: String,
) -> Response {
    let sent = running
        .find_queue(&name)
        .map(|queue| queue.send_message(body));
    match sent {
        None => (StatusCode::NOT_FOUND, format!("there is no queue `{name}`")).into_response(),
        Some(Ok(_)) => StatusCode::ACCEPTED.into_response(),
        Some(Err(error)) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn handle_token(
    State(running): State<Arc<RunningPlatform>>,
    Json(claims): Json<Value>,
) -> Response {
    match running.tokens.issue_token(claims) {
        Ok(token) => token.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

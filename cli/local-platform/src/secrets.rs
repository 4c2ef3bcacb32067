//! A Secrets Manager endpoint for one machine: `GetSecretValue` over `secrets.json` in the
//! platform's folder.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::private_files::protect_key_file;

/// The endpoint. The file, `{"name": "text"}`, is read at every request, so a secret can be rotated
/// while it runs.
pub fn endpoint_router(file: PathBuf) -> Router {
    Router::new()
        .route("/", post(handle_request))
        .with_state(Arc::new(file))
}

async fn handle_request(
    State(file): State<Arc<PathBuf>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if target != "secretsmanager.GetSecretValue" {
        return exception_response(
            "InvalidRequestException",
            &format!("{target} is not answered here"),
        );
    }
    // Users write the file by hand, with the mode that their umask gives.
    if let Err(error) = protect_key_file(&file) {
        return exception_response("InternalServiceError", &error.to_string());
    }
    let input: Value = serde_json::from_slice(&body).unwrap_or_default();
    let name = input["SecretId"].as_str().unwrap_or_default();
    let secrets: BTreeMap<String, String> = std::fs::read(&*file)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    match secrets.get(name) {
        Some(text) => {
            let arn = format!("arn:aws:secretsmanager:eu-west-2:000000000000:secret:{name}");
            Json(json!({"ARN": arn, "Name": name, "VersionId": "local", "SecretString": text}))
                .into_response()
        }
        None => exception_response(
            "ResourceNotFoundException",
            &format!("there is no `{name}` in {}", file.display()),
        ),
    }
}

fn exception_response(exception: &str, message: &str) -> Response {
    (
        StatusCode::BAD_REQUEST,
        Json(json!({"__type": exception, "message": message})),
    )
        .into_response()
}

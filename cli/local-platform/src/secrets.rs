//! A Secrets Manager endpoint for one machine: `GetSecretValue` over `secrets.json` and the
//! identity key in the platform's folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::header_text::{TARGET_HEADER, header_text};
use super::private_files::protect_key_file;
use crate::identity_key::{IDENTITY_KEY_SECRET, identity_key_file};

/// The texts of the emulated Secrets Manager, which a user writes.
pub(crate) const SECRETS_FILE: &str = "secrets.json";

/// The endpoint of a folder. Its `secrets.json`, `{"name": "text"}`, is read at every request, so a
/// secret can be rotated while it runs.
pub fn endpoint_router(folder: &Path) -> Router {
    Router::new()
        .route("/", post(handle_request))
        .with_state(Arc::new(folder.to_owned()))
}

/// The text of a secret, where the folder has it.
fn read_secret(folder: &Path, name: &str) -> Option<String> {
    if name == IDENTITY_KEY_SECRET {
        return std::fs::read_to_string(identity_key_file(folder)).ok();
    }
    let bytes = std::fs::read(folder.join(SECRETS_FILE)).ok()?;
    let mut secrets: BTreeMap<String, String> = serde_json::from_slice(&bytes).ok()?;
    secrets.remove(name)
}

async fn handle_request(
    State(folder): State<Arc<PathBuf>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let target = header_text(&headers, TARGET_HEADER);
    if target != "secretsmanager.GetSecretValue" {
        return exception_response(
            "InvalidRequestException",
            &format!("{target} is not answered here"),
        );
    }
    // Users write the file by hand, with the mode that their umask gives.
    if let Err(error) = protect_key_file(&folder.join(SECRETS_FILE)) {
        return exception_response("InternalServiceError", &error.to_string());
    }
    let input: Value = serde_json::from_slice(&body).unwrap_or_default();
    let name = input["SecretId"].as_str().unwrap_or_default();
    match read_secret(&folder, name) {
        Some(text) => {
            let arn = format!("arn:aws:secretsmanager:eu-west-2:000000000000:secret:{name}");
            Json(json!({"ARN": arn, "Name": name, "VersionId": "local", "SecretString": text}))
                .into_response()
        }
        None => exception_response(
            "ResourceNotFoundException",
            &format!(
                "there is no `{name}` in {}",
                folder.join(SECRETS_FILE).display()
            ),
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

//! What requests are for IAM, and the endpoints that write them down.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use serde_json::Value;

use super::calls::{ACCOUNT, Call, served};

/// The calls that were written down.
pub(super) type Seen = Arc<Mutex<BTreeSet<Call>>>;

/// What a request is, for IAM.
type AsCall = fn(&axum::http::request::Parts, &[u8]) -> Vec<Call>;

/// Serves a router that writes down the calls of a function; gives the address.
pub(super) async fn recorded(router: Router, seen: &Seen, as_call: AsCall) -> String {
    let recorder = (Arc::clone(seen), as_call);
    served(router.layer(middleware::from_fn_with_state(recorder, record))).await
}

async fn record(
    State((seen, as_call)): State<(Seen, AsCall)>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    seen.lock().unwrap().extend(as_call(&parts, &body));
    next.run(Request::from_parts(parts, Body::from(body))).await
}

pub(super) fn s3_call(parts: &axum::http::request::Parts, _body: &[u8]) -> Vec<Call> {
    let path = decoded(parts.uri.path());
    let (bucket, key) = path
        .trim_start_matches('/')
        .split_once('/')
        .unwrap_or((path.trim_start_matches('/'), ""));
    let query = parts.uri.query().unwrap_or_default();
    let field = |name: &str| {
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(found, _)| *found == name)
            .map(|(_, value)| decoded(value))
    };
    let action = match (parts.method.as_str(), key) {
        ("GET" | "HEAD", "") => "s3:ListBucket",
        ("GET" | "HEAD", _) => "s3:GetObject",
        ("PUT", _) => "s3:PutObject",
        ("DELETE", _) => "s3:DeleteObject",
        (method, _) => unreachable!("{method} {path} is not known here"),
    };
    let resource = if key.is_empty() {
        format!("arn:aws:s3:::{bucket}")
    } else {
        format!("arn:aws:s3:::{bucket}/{key}")
    };
    vec![Call {
        action: action.to_owned(),
        resource,
        prefix: field("prefix"),
    }]
}

pub(super) fn glue_call(parts: &axum::http::request::Parts, body: &[u8]) -> Vec<Call> {
    let target = parts.headers["x-amz-target"].to_str().unwrap();
    let action = target.replace("AWSGlue.", "glue:");
    let input: Value = serde_json::from_slice(body).unwrap();
    let database = input["DatabaseName"].as_str().unwrap();
    let table = [
        &input["TableName"],
        &input["TableInput"]["Name"],
        &input["Name"],
    ]
    .into_iter()
    .find_map(|name| name.as_str());
    let mut resources = vec!["catalog".to_owned(), format!("database/{database}")];
    resources.extend(table.map(|table| format!("table/{database}/{table}")));
    let account = format!("arn:aws:glue:eu-west-2:{ACCOUNT}");
    let call = |resource: String| Call {
        action: action.clone(),
        resource: format!("{account}:{resource}"),
        prefix: None,
    };
    resources.into_iter().map(call).collect()
}

/// A batch needs the right of a single message.
pub(super) fn sqs_call(parts: &axum::http::request::Parts, body: &[u8]) -> Vec<Call> {
    let target = parts.headers["x-amz-target"].to_str().unwrap();
    let operation = target.strip_prefix("AmazonSQS.").unwrap();
    let action = operation.strip_suffix("Batch").unwrap_or(operation);
    let input: Value = serde_json::from_slice(body).unwrap();
    let url = input["QueueUrl"].as_str().unwrap();
    let name = url.rsplit('/').next().unwrap();
    vec![Call::on_queue(format!("sqs:{action}"), name)]
}

pub(super) fn secret_call(parts: &axum::http::request::Parts, body: &[u8]) -> Vec<Call> {
    let target = parts.headers["x-amz-target"].to_str().unwrap();
    let input: Value = serde_json::from_slice(body).unwrap();
    let name = input["SecretId"].as_str().unwrap();
    vec![Call {
        action: target.replace("secretsmanager.", "secretsmanager:"),
        resource: format!("arn:aws:secretsmanager:eu-west-2:{ACCOUNT}:secret:{name}"),
        prefix: None,
    }]
}

pub(super) fn sns_call(_parts: &axum::http::request::Parts, body: &[u8]) -> Vec<Call> {
    let text = String::from_utf8_lossy(body);
    let topic = text
        .split('&')
        .find_map(|pair| pair.strip_prefix("TopicArn="))
        .map(decoded);
    vec![Call {
        action: "sns:Publish".into(),
        resource: topic.unwrap_or_default(),
        prefix: None,
    }]
}

/// What `%3D` and the like stand for.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => {
                let digits: String = rest.by_ref().take(2).map(char::from).collect();
                bytes.push(u8::from_str_radix(&digits, 16).unwrap());
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).unwrap()
}

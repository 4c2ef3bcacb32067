//! Web pages against the local platform: a page that a developer has open must neither change nor
//! read anything.
//!
//! The browser's test needs node with the packages of `tests/site`, and chromium; where they are
//! missing it says so.

use std::process::Command;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::lake_under_test::{LakeUnderTest, MONDAY, person_event, repository_root};
use crate::rust_source::read_sources;
use crate::site::missing_for_browser;

/// The events and functions that a page would like to use.
const EVENTS_PATH: &str = "/v1/housing-person/events";

/// What a request of a page carries: a foreign `Host`, `Origin` or `Sec-Fetch-Site`.
const PAGE_HEADERS: [(&str, &str); 7] = [
    ("host", "evil.example"),
    ("host", "localhost.evil.example:80"),
    ("origin", "http://evil.example"),
    ("origin", "http://127.0.0.1:3000"),
    ("origin", "null"),
    ("sec-fetch-site", "cross-site"),
    ("sec-fetch-site", "same-site"),
];

fn ada(minute: u32) -> String {
    person_event(
        "PersonCreatedEvent",
        "p1",
        minute,
        json!({"firstName": "Ada"}),
    )
    .to_string()
}

/// A lake with a published Monday, and a relay and other functions that run.
async fn lake_with_a_day() -> LakeUnderTest {
    let lake = LakeUnderTest::start().await;
    let (status, answer) = lake
        .post_events("housing-person", "application/json", ada(1))
        .await;
    assert_eq!(status, 202, "{answer}");
    lake.run_day(MONDAY).await;
    lake
}

/// The environment of a function's process of this lake: it has the addresses that no file has.
fn function_environment(lake: &LakeUnderTest) -> Vec<(String, String)> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let mut environments = processes.filter_map(|entry| {
        let bytes = std::fs::read(entry.path().join("environ")).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    });
    let own = environments
        .find(|text| {
            text.contains(&lake.platform.kafka) && text.contains("AWS_LAMBDA_RUNTIME_API=")
        })
        .unwrap();
    own.split('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The base address of every HTTP listener, with its name.
fn listeners(lake: &LakeUnderTest) -> Vec<(&'static str, String)> {
    let environment = function_environment(lake);
    let variable = |name: &str| {
        let mut pairs = environment.iter();
        pairs.find(|(known, _)| known == name).unwrap().1.clone()
    };
    vec![
        ("api", lake.platform.api.clone()),
        ("s3", variable("AWS_ENDPOINT_URL_S3")),
        ("glue", variable("AWS_ENDPOINT_URL_GLUE")),
        ("secrets", variable("AWS_ENDPOINT_URL_SECRETS_MANAGER")),
        (
            "runtime",
            format!("http://{}", variable("AWS_LAMBDA_RUNTIME_API")),
        ),
    ]
}

fn address_of(listeners: &[(&str, String)], name: &str) -> String {
    let mut known = listeners.iter();
    known.find(|(own, _)| *own == name).unwrap().1.clone()
}

/// A request that a page of another site could send: name, method, address and body.
type PageRequest = (&'static str, &'static str, String, String);

/// What a page would do to each listener.
fn page_requests(lake: &LakeUnderTest) -> Vec<PageRequest> {
    let listeners = listeners(lake);
    let mut requests = api_page_requests(&address_of(&listeners, "api"));
    requests.extend(aws_page_requests(&listeners));
    requests.extend(runtime_page_requests(&address_of(&listeners, "runtime")));
    requests
}

/// What a page would do to the relay's API and to the operator's part of it.
fn api_page_requests(api: &str) -> Vec<PageRequest> {
    let post = |name, path: &str, body| (name, "POST", format!("{api}{path}"), body);
    let get = |name, path: &str| (name, "GET", format!("{api}{path}"), String::new());
    let sweep = json!({"step": "sweep", "keep": {"daily": 0, "monthly": 0, "yearly": 0}});
    let client = json!({"client_id": "housing"});
    vec![
        post(
            "sweep",
            "/_local/functions/snapshot-merge",
            sweep.to_string(),
        ),
        post("queue", "/_local/queues/relay-housing-person", ada(2)),
        post("token", "/_local/tokens", client.to_string()),
        post("cut", "/_local/kafka/truncate", "{}".to_owned()),
        get("status", "/_local/status"),
        post("events", EVENTS_PATH, ada(3)),
        get("contract", "/v1/housing-person/contract"),
    ]
}

/// What a page would do to the local S3, Glue and Secrets Manager.
fn aws_page_requests(listeners: &[(&str, String)]) -> Vec<PageRequest> {
    let at = |name: &str, path: &str| format!("{}{path}", address_of(listeners, name));
    let object = "{\"evil\": \"\"}".to_owned();
    let database = "{\"Name\": \"evil\"}".to_owned();
    let secret = "{\"SecretId\": \"x\"}".to_owned();
    vec![
        ("object", "POST", at("s3", "/site/evil.html"), object),
        ("list", "GET", at("s3", "/raw"), String::new()),
        ("catalogue", "POST", at("glue", "/"), database),
        ("secret", "POST", at("secrets", "/"), secret),
    ]
}

/// What a page would do to the listener that gives functions their events.
fn runtime_page_requests(runtime: &str) -> Vec<PageRequest> {
    let invocation = format!("{runtime}/2018-06-01/runtime/invocation");
    let answer = format!("{invocation}/event-relay-1/response");
    vec![
        ("answer", "POST", answer, "{}".to_owned()),
        ("next", "GET", format!("{invocation}/next"), String::new()),
    ]
}

/// Fails when the platform took, lost or has anything on its way: a page had an effect.
async fn assert_untouched(lake: &LakeUnderTest, kept: &[u8]) {
    let (records, messages) = lake.platform.running.pending_counts().await.unwrap();
    assert_eq!(
        (records, messages),
        (0, 0),
        "a page put something on its way"
    );
    assert_eq!(monday_manifest(lake), kept, "the day is what it was");
    assert_eq!(
        lake.read_objects("raw", "raw/housing-person").len(),
        1,
        "nothing new is landed"
    );
    assert!(!lake.object_path("site", "evil.html").exists());
}

fn monday_manifest(lake: &LakeUnderTest) -> Vec<u8> {
    let key = lake::manifest_key("person", lake::Day::parse(MONDAY).unwrap());
    std::fs::read(lake.object_path("curated", &key)).unwrap()
}

/// A request as a program sends it.
fn request(method: &str, url: &str, body: String) -> RequestBuilder {
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let request = reqwest::Client::new().request(method, url);
    request.body(body).timeout(Duration::from_secs(5))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_listener_refuses_foreign_hosts_and_origins_and_says_why() {
    let lake = lake_with_a_day().await;
    let kept = monday_manifest(&lake);
    for (name, method, url, body) in page_requests(&lake) {
        for (header, value) in PAGE_HEADERS {
            // Even a page that knew the token would get nothing.
            let sent = request(method, &url, body.clone())
                .bearer_auth(lake.operator_token())
                .header("content-type", "application/json")
                .header(header, value)
                .send();
            let answer = sent.await.unwrap();
            let allowed = answer.headers().get("access-control-allow-origin").cloned();
            let (status, text) = (answer.status(), answer.text().await.unwrap());
            assert_eq!(status, 403, "{name} with {header}: {value}: {text}");
            assert_eq!(allowed, None);
            let cause = format!("the request's {header} is");
            assert!(text.to_lowercase().contains(&cause), "{name}: {text}");
        }
    }
    assert_untouched(&lake, &kept).await;
    // The same requests of a program are answered.
    for name in ["127.0.0.1", "localhost"] {
        let port = lake.platform.api.rsplit(':').next().unwrap();
        let sent = request(
            "GET",
            &format!("{}/_local/status", lake.platform.api),
            String::new(),
        )
        .bearer_auth(lake.operator_token())
        .header("host", format!("{name}:{port}"))
        .send();
        assert_eq!(sent.await.unwrap().status(), 200, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_paths_ask_for_the_secret_of_the_folder_and_name_its_file() {
    let lake = lake_with_a_day().await;
    let other = LakeUnderTest::start().await;
    let kept = monday_manifest(&lake);
    let token = lake.operator_token();
    let wrong = [
        String::new(),
        token.clone(),
        format!("Bearer {}", other.operator_token()),
        format!("Bearer {}", &token[1..]),
        format!("Bearer {token}0"),
        format!("Bearer {}", token.to_uppercase()),
        format!("Basic {token}"),
        "Bearer ".to_owned(),
    ];
    let paths = page_requests(&lake).into_iter();
    let mut paths: Vec<_> = paths
        .filter(|(_, _, url, _)| url.contains("/_local/"))
        .collect();
    let unknown = format!("{}/_local/unknown", lake.platform.api);
    paths.push(("unknown", "GET", unknown, String::new()));
    for (name, method, url, body) in &paths {
        for authorization in &wrong {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", authorization.parse().unwrap());
            let sent = request(method, url, body.clone()).headers(headers).send();
            let answer = sent.await.unwrap();
            assert_eq!(answer.status(), 401, "{name} with {authorization:?}");
            let problem: Value = answer.json().await.unwrap();
            let file = lake.folder.join("operator-token").display().to_string();
            assert!(
                problem["detail"].as_str().unwrap().contains(&file),
                "{problem}"
            );
        }
        let bare = request(method, url, body.clone()).send().await.unwrap();
        assert_eq!(bare.status(), 401, "{name} without a token");
    }
    assert_untouched(&lake, &kept).await;

    let status = format!("{}/_local/status", lake.platform.api);
    let own = request("GET", &status, String::new())
        .bearer_auth(&token)
        .send();
    assert_eq!(own.await.unwrap().status(), 200);
    // The token stays that of the folder, and one platform has one.
    assert_ne!(token, other.operator_token());
    let lake = lake.restart(MONDAY).await;
    assert_eq!(lake.operator_token(), token);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_need_a_type_that_no_form_sends() {
    let lake = lake_with_a_day().await;
    let kept = monday_manifest(&lake);
    let url = format!("{}{EVENTS_PATH}", lake.platform.api);
    let types = [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ];
    for content_type in types.into_iter().map(Some).chain([None]) {
        let mut headers = HeaderMap::new();
        if let Some(content_type) = content_type {
            headers.insert("content-type", content_type.parse().unwrap());
        }
        let answer = request("POST", &url, ada(4))
            .headers(headers)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 415, "{content_type:?}");
        let problem: Value = answer.json().await.unwrap();
        assert_eq!(problem["rule"], "body.type");
        let detail = problem["detail"].as_str().unwrap();
        for accepted in [
            "application/json",
            "application/x-ndjson",
            "application/cloudevents+json",
        ] {
            assert!(detail.contains(accepted), "{detail}");
        }
    }
    assert_untouched(&lake, &kept).await;
}

/// Kafka's port speaks no HTTP: the length that a request's first bytes mean is impossible.
#[tokio::test(flavor = "multi_thread")]
async fn the_broker_drops_what_a_browser_sends() {
    let lake = LakeUnderTest::start().await;
    let tls = [0x16, 0x03, 0x01, 0x02, 0x00, 0x01];
    let requests: [&[u8]; 5] = [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n\0\0\0\0",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"OPTIONS / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        &tls,
    ];
    for bytes in requests {
        let mut stream = tokio::net::TcpStream::connect(&lake.platform.kafka)
            .await
            .unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut answer));
        // The broker closes with bytes unread: the end may come as a reset.
        drop(read.await.unwrap());
        assert_eq!(answer, [] as [u8; 0], "{bytes:?}");
    }
    lake.push_events("housing-person", &[serde_json::from_str(&ada(1)).unwrap()])
        .await;
}

#[test]
fn every_listener_is_served_by_the_one_that_refuses_pages() {
    let serving: Vec<String> = read_sources(&["cli/local-platform"])
        .into_iter()
        .filter(|source| source.code().contains("axum::serve("))
        .map(|source| source.path)
        .collect();
    assert_eq!(serving, ["cli/local-platform/src/listener.rs"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_in_a_browser_changes_nothing_and_reads_nothing() {
    if let Some(what) = missing_for_browser() {
        assert!(std::env::var_os("CI").is_none(), "CI must have {what}");
        eprintln!("SKIPPED: there is no {what}");
        return;
    }
    let lake = lake_with_a_day().await;
    let kept = monday_manifest(&lake);
    let attempts: Vec<Value> = page_requests(&lake)
        .into_iter()
        .map(|(name, method, url, body)| json!({"name": name, "method": method, "url": url, "body": body}))
        .collect();
    let outcomes = act_as_page(&attempts);

    assert!(outcomes.len() >= 4 * attempts.len(), "{outcomes:?}");
    for outcome in &outcomes {
        assert_eq!(outcome["status"], 403, "{outcome}");
        let read = outcome["read"].as_str().unwrap();
        let is_harmless =
            ["", "sent"].contains(&read) || read.contains("the request's Host is none of");
        assert!(is_harmless, "a page read an answer: {outcome}");
    }
    assert_untouched(&lake, &kept).await;
    // A program of this machine still gets through.
    let (status, answer) = lake
        .post_events("housing-person", "application/json", ada(9))
        .await;
    assert_eq!(status, 202, "{answer}");
}

/// Sends the requests from pages in a browser; gives what became of each.
fn act_as_page(attempts: &[Value]) -> Vec<Value> {
    let output = Command::new("node")
        .arg(repository_root().join("tests/site/foreign_page.mjs"))
        .arg(Value::from(attempts).to_string())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

//! Fetches that a contract or a key sends to another place than the one that a reviewer reads.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use local_platform::lambda::{FunctionConfig, LambdaFunction};
use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, TempFolder, contracts_with, person_event};

const PERSON: &str = "sources/housing/person/contract.odcs.yaml";

const SECRET: &str = "polelake/housing-person/api";

const PROGRAM: &str = env!("CARGO_BIN_EXE_polelake-under-test");

/// The requests that reached a server: path and query as they were sent, and the secret.
type SeenRequests = Arc<Mutex<Vec<(String, String)>>>;

/// A server that answers every request the same.
struct OtherSystem {
    address: String,
    seen: SeenRequests,
}

impl OtherSystem {
    /// A server that gives a state.
    async fn with_state() -> Self {
        Self::start(None).await
    }

    /// A server that sends its callers to another.
    async fn redirecting_to(other: &Self) -> Self {
        Self::start(Some(format!("http://{}/stolen", other.address))).await
    }

    async fn start(location: Option<String>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let seen = SeenRequests::default();
        let router = Router::new()
            .fallback(answer)
            .with_state((Arc::clone(&seen), location));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, seen }
    }

    fn requests(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(
    State((seen, location)): State<(SeenRequests, Option<String>)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let secret = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap().to_owned());
    seen.lock()
        .unwrap()
        .push((uri.to_string(), secret.unwrap_or_default()));
    match location {
        Some(location) => (StatusCode::FOUND, [("location", location)]).into_response(),
        None => (
            [("etag", "\"1\"")],
            json!({"firstName": "Ada", "surname": "Sample"}).to_string(),
        )
            .into_response(),
    }
}

/// Contracts in which the source of persons fetches its states so.
fn contracts_that_fetch(name: &str, fetch: &Value) -> TempFolder {
    contracts_with(name, PERSON, |text| {
        let fetch = format!("state: $.entity\n      fetch: {fetch}");
        text.replace("state: $.entity", &fetch)
    })
}

fn polelake(arguments: &[&str], contracts: &Path) -> Output {
    Command::new(PROGRAM)
        .args(arguments)
        .arg("--contracts")
        .arg(contracts)
        .output()
        .unwrap()
}

/// What lint says of a declaration, if it refuses it.
fn lint_fault(fetch: &Value) -> Option<String> {
    let contracts = contracts_that_fetch("attack-lint", fetch);
    let output = polelake(&["contract", "lint"], &contracts);
    let said = String::from_utf8(output.stdout).unwrap();
    if output.status.success() {
        return None;
    }

    assert_eq!(output.status.code(), Some(1), "{said}");
    let fault = said.lines().find(|line| line.ends_with("[error]"));
    Some(fault.unwrap().to_owned())
}

#[test]
fn lint_refuses_an_address_that_leads_elsewhere_by_line_part_and_rule() {
    let place = regex::Regex::new(r"person/contract\.odcs\.yaml:\d+:\d+: `fetch\.url`, ").unwrap();
    for (url, part) in [
        ("http://127.0.0.1:80@127.0.0.2:9999/{key}", "user info"),
        ("https://api.example@evil.example/{key}", "user info"),
        ("https://169.254.169.254/latest/{key}", "host"),
        ("https://169.254.170.2/{key}", "host"),
        ("https://[fd00:ec2::254]/{key}", "host"),
        ("https://[fe80::1]/{key}", "host"),
        ("https://[::ffff:a9fe:a9fe]/{key}", "host"),
        ("https://10.1.2.3/{key}", "host"),
        ("https:///{key}", "host"),
        ("https://{key}.example/x", "host"),
        ("https://api.example:{key}/x", "port"),
        ("https://api.example/x?id={key}", "query"),
        ("https://api.example/x#{key}", "fragment"),
        ("https://api.example/{key}/{key}", "path"),
        ("https://api.example/x", "path"),
        ("http://2130706433/{key}", "host"),
        ("http://0x7f.1/{key}", "host"),
        ("http://api.example/{key}", "scheme"),
        ("https://api.example./{key}", "host"),
        ("https://API.example/{key}", "host"),
        ("https://bücher.example/{key}", "host"),
        ("https://[fe80::1%25eth0]/{key}", "host"),
        ("https://api.example\\@evil.example/{key}", "host"),
        ("https://api.exa\tmple/{key}", "host"),
        ("https://api.example%40evil.example/{key}", "host"),
    ] {
        let fault = lint_fault(&json!({"url": url})).unwrap_or_else(|| panic!("{url} passes"));
        assert!(place.is_match(&fault), "{url}: {fault}");
        assert!(
            fault.contains(&format!("`fetch.url`, {part}: ")),
            "{url}: {fault}"
        );
    }
    for fetch in [
        json!({"url": "https://api.example/people/{key}?expand=all"}),
        json!({"url": "https://10.1.2.3/{key}", "private_network": true}),
    ] {
        assert_eq!(lint_fault(&fetch), None, "{fetch}");
    }
}

#[test]
fn an_api_of_this_machine_passes_with_advice() {
    let fetch = json!({"url": "http://127.0.0.1:8080/{key}"});
    let contracts = contracts_that_fetch("attack-advice", &fetch);
    let output = polelake(&["contract", "lint"], &contracts);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("only the local platform fetches from there [advice]"),
        "{said}"
    );
}

#[test]
fn lint_refuses_the_secret_of_another_source() {
    let fetch = |secret: &str| json!({"url": "https://api.example/{key}", "secret": secret});
    assert_eq!(lint_fault(&fetch(SECRET)), None);
    for secret in [
        "polelake/housing-tenure/api",
        "housing-person/api",
        "tenure-api",
        "polelake/housing-person/../housing-tenure/api",
    ] {
        let fault = lint_fault(&fetch(secret)).unwrap();
        assert!(fault.contains("`fetch.secret` is not a secret"), "{fault}");
    }
}

#[test]
fn commands_send_a_secret_to_no_address_that_a_contract_could_not_name() {
    let commands: [&[&str]; 3] = [
        &["backfill", "planning-register", "--api"],
        &["backfill", "planning-register", "x.csv", "--to"],
        &["smoke", "--aws", "--url"],
    ];
    for arguments in commands {
        for (url, part) in [
            ("https://api.example:80@evil.example/", "user info: "),
            ("http://api.example/", "scheme: "),
            ("https:///api.example", "host: "),
            ("http://0x7f.1:9/", "host: "),
        ] {
            let output = polelake(&[arguments, &[url]].concat(), Path::new("none"));
            assert_eq!(output.status.code(), Some(2), "{arguments:?} {url}");
            let said = String::from_utf8(output.stderr).unwrap();
            assert!(said.contains(part), "{arguments:?} {url}: {said}");
        }
    }
}

/// The environment of a relay whose Kafka does not answer.
fn relay_environment(contracts: &Path, secrets: &str) -> BTreeMap<String, String> {
    let pairs = [
        ("CONTRACTS", contracts.to_string_lossy().into_owned()),
        ("KAFKA_BOOTSTRAP", "127.0.0.1:9".to_owned()),
        ("KAFKA_AUTH", "none".to_owned()),
        ("AWS_REGION", "eu-west-2".to_owned()),
        ("AWS_ACCESS_KEY_ID", "local".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "local".to_owned()),
        (
            "AWS_ENDPOINT_URL_SECRETS_MANAGER",
            format!("http://{secrets}"),
        ),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[test]
fn no_function_starts_with_such_a_contract_or_origin() {
    let start = |contracts: &Path, setting: (&str, &str)| {
        let output = Command::new(PROGRAM)
            .args(["function", "event-relay"])
            .env_clear()
            .envs(relay_environment(contracts, "127.0.0.1:9"))
            .env(setting.0, setting.1)
            .output()
            .unwrap();
        assert!(!output.status.success());
        let said = [output.stdout, output.stderr].concat();
        String::from_utf8(said).unwrap()
    };

    let hostile = json!({"url": "http://127.0.0.1:80@127.0.0.2:9999/{key}"});
    let contracts = contracts_that_fetch("attack-start", &hostile);
    let said = start(&contracts, ("FETCH_ORIGINS", ""));
    assert!(said.contains("`fetch.url`, user info: "), "{said}");

    let foreign =
        json!({"url": "https://api.example/{key}", "secret": "polelake/housing-tenure/api"});
    let contracts = contracts_that_fetch("attack-start", &foreign);
    let said = start(&contracts, ("FETCH_ORIGINS", ""));
    assert!(said.contains("`fetch.secret`"), "{said}");

    let fine = json!({"url": "https://api.example/{key}"});
    let contracts = contracts_that_fetch("attack-start", &fine);
    for origin in [
        "https://a.example@evil.example",
        "http://a.example",
        "https://a.example/path",
        "https://127.1",
    ] {
        let origins = format!("housing-person={origin}");
        let said = start(&contracts, ("FETCH_ORIGINS", &origins));
        assert!(said.contains("FETCH_ORIGINS"), "{origin}: {said}");
    }
    let said = start(&contracts, ("FETCH_LOOPBACK", "yes"));
    assert!(said.contains("FETCH_LOOPBACK"), "{said}");
}

/// A relay as on AWS: it may not fetch from its own machine.
fn relay_as_on_aws(folder: &Path, secrets: &OtherSystem) -> LambdaFunction {
    LambdaFunction::new(FunctionConfig {
        name: "event-relay",
        program: (
            PROGRAM.into(),
            vec!["function".to_owned(), "event-relay".to_owned()],
        ),
        environment: relay_environment(folder, &secrets.address),
        timeout: Duration::from_secs(20),
        concurrency: 1,
        log: folder.join("relay.log"),
    })
}

fn signed_request(event: &Value) -> Bytes {
    let payload = json!({
        "version": "2.0", "rawPath": "/v1/housing-person/events",
        "headers": {"content-type": "application/json"},
        "body": event.to_string(), "isBase64Encoded": false,
        "requestContext": {
            "http": {
                "method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "",
                "userAgent": ""
            },
            "timeEpoch": 0,
            "authorizer": {"iam": {"userArn": "arn:aws:iam::000000000000:role/local-developer"}},
        },
    });
    Bytes::from(payload.to_string())
}

fn changed(key: &str) -> Value {
    person_event(
        "PersonUpdatedEvent",
        key,
        1,
        json!({"firstName": "Changed"}),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn on_aws_a_host_that_is_or_resolves_to_the_machine_itself_gets_no_request_and_no_secret() {
    let (api, secrets) = (
        OtherSystem::with_state().await,
        OtherSystem::with_state().await,
    );
    let port = api.address.rsplit_once(':').unwrap().1;
    for (number, host) in ["http://127.0.0.1", "http://localhost", "https://localhost"]
        .into_iter()
        .enumerate()
    {
        let fetch = json!({"url": format!("{host}:{port}/{{key}}"), "secret": SECRET});
        let contracts = contracts_that_fetch(&format!("attack-aws-{number}"), &fetch);
        let relay = relay_as_on_aws(&contracts, &secrets);

        let answer = relay.invoke(signed_request(&changed("p1"))).await.unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["statusCode"], 502, "{host}: {answer}");
        assert!(
            answer["body"]
                .as_str()
                .unwrap()
                .contains("event.state-refused")
        );
    }
    assert_eq!((api.requests(), secrets.requests()), (vec![], vec![]));
}

async fn start_fetching_lake(name: &str, api: &OtherSystem) -> (LakeUnderTest, TempFolder) {
    let url = format!("http://{}/people/{{key}}", api.address);
    let fetch = json!({"url": url, "secret": SECRET, "version": "etag", "timeout_ms": 2000});
    let contracts = contracts_that_fetch(name, &fetch);
    let lake = LakeUnderTest::with_contracts(&contracts).await;
    let secrets = json!({SECRET: "Bearer planted"}).to_string();
    std::fs::write(lake.folder.join("secrets.json"), secrets).unwrap();
    (lake, contracts)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_moved_takes_no_secret_with_it() {
    let elsewhere = OtherSystem::with_state().await;
    let api = OtherSystem::redirecting_to(&elsewhere).await;
    let (lake, _contracts) = start_fetching_lake("attack-redirect", &api).await;

    let body = changed("p1").to_string();
    let (status, answer) = lake
        .post_events("housing-person", "application/json", body)
        .await;
    assert_eq!(
        (status, &answer["rule"]),
        (502, &json!("event.state-refused"))
    );
    assert_eq!(
        api.requests(),
        [("/people/p1".to_owned(), "Bearer planted".to_owned())]
    );
    assert_eq!(elsewhere.requests(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_stays_within_its_part_of_the_path() {
    let api = OtherSystem::with_state().await;
    let (lake, _contracts) = start_fetching_lake("attack-keys", &api).await;

    for (key, path) in [
        ("a/b", "/people/a%2Fb"),
        ("?q", "/people/%3Fq"),
        ("#f", "/people/%23f"),
        ("%2e%2e", "/people/%252e%252e"),
        ("@evil.example", "/people/%40evil.example"),
        ("a\\..\\b", "/people/a%5C..%5Cb"),
        ("é", "/people/%C3%A9"),
    ] {
        lake.push_events("housing-person", &[changed(key)]).await;
        assert_eq!(api.requests().last().unwrap().0, path, "{key}");
    }
    let count = api.requests().len();
    for key in [".", "..", "../x", "a/../../x", "//evil.example"] {
        let body = changed(key).to_string();
        let (status, answer) = lake
            .post_events("housing-person", "application/json", body)
            .await;
        assert_eq!(
            (status, &answer["rule"]),
            (422, &json!("event.key")),
            "{key}"
        );
    }
    assert_eq!(api.requests().len(), count, "no such key was fetched");
}

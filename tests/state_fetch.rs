//! The record's whole state, fetched by the relay from an API of the test's own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, MONDAY, TempFolder, contracts_with, person_event};

const PERSON: &str = "sources/housing/person/contract.odcs.yaml";

/// What the API answers by key, in this order; the last answer stays.
type Answers = Arc<Mutex<BTreeMap<String, Vec<(u16, &'static str, Value)>>>>;

struct PersonApi {
    answers: Answers,
    asked: Arc<Mutex<Vec<(String, String)>>>,
    address: String,
}

impl PersonApi {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (answers, asked) = (Answers::default(), Arc::default());
        let router = Router::new()
            .route("/persons/{key}", get(answer))
            .with_state((Arc::clone(&answers), Arc::clone(&asked)));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            answers,
            asked,
            address,
        }
    }

    fn says(&self, key: &str, answers: &[(u16, &'static str, Value)]) {
        self.answers
            .lock()
            .unwrap()
            .insert(key.to_owned(), answers.to_vec());
    }

    fn asked(&self, key: &str) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|(known, _)| known == key)
            .map(|(_, secret)| secret.clone())
            .collect()
    }

    /// Contracts that ask this API for persons.
    fn contracts(&self, name: &str) -> TempFolder {
        contracts_with(name, PERSON, |text| {
            let fetch = format!(
                "state: $.entity\n      fetch: {{url: \"http://{}/persons/{{key}}\", \
                 secret: polelake/housing-person/api, version: etag, timeout_ms: 1000}}",
                self.address
            );
            text.replace("state: $.entity", &fetch)
        })
    }
}

#[expect(clippy::type_complexity, reason = "what axum hands over")]
async fn answer(
    State((answers, asked)): State<(Answers, Arc<Mutex<Vec<(String, String)>>>)>,
    Path(key): Path<String>,
    headers: HeaderMap,
) -> Response {
    let secret = headers
        .get("authorization")
        .map(|value| value.to_str().unwrap().to_owned());
    asked
        .lock()
        .unwrap()
        .push((key.clone(), secret.unwrap_or_default()));
    let (status, etag, body) = {
        let mut answers = answers.lock().unwrap();
        let mine = answers.get_mut(&key).unwrap();
        if mine.len() > 1 {
            mine.remove(0)
        } else {
            mine[0].clone()
        }
    };
    if status == 0 {
        tokio::time::sleep(Duration::from_secs(20)).await;
    }
    (
        StatusCode::from_u16(status).unwrap(),
        [("etag", etag)],
        body.to_string(),
    )
        .into_response()
}

async fn started(api: &PersonApi, name: &str) -> (LakeUnderTest, TempFolder) {
    let contracts = api.contracts(name);
    let lake = LakeUnderTest::with_contracts(&contracts).await;
    std::fs::write(
        lake.folder.join("secrets.json"),
        r#"{"polelake/housing-person/api": "Bearer old"}"#,
    )
    .unwrap();
    (lake, contracts)
}

fn changed(key: &str, minute: u32) -> Value {
    person_event(
        "PersonUpdatedEvent",
        key,
        minute,
        json!({"firstName": "Changed"}),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_state_is_what_counts_and_its_version_ranks_it() {
    let api = PersonApi::start().await;
    let (lake, _contracts) = started(&api, "state").await;
    let state =
        |name: &str| json!({"firstName": name, "surname": "Sample", "dateOfBirth": "1990-01-02"});
    api.says(
        "p1",
        &[
            (200, "\"2\"", state("Second")),
            (200, "\"1\"", state("First")),
        ],
    );
    lake.push_events("housing-person", &[changed("p1", 1)])
        .await;
    // An older state that comes later, as from a slow replica.
    lake.push_events("housing-person", &[changed("p1", 2)])
        .await;
    // One that is gone: it stays away, whatever was on its way before.
    api.says(
        "p2",
        &[
            (200, "\"1\"", state("Gone")),
            (404, "", Value::Null),
            (404, "", Value::Null),
            (200, "\"1\"", state("Late")),
        ],
    );
    for minute in 1..=3 {
        lake.push_events("housing-person", &[changed("p2", minute)])
            .await;
    }
    let (_, report) = lake.run_day(MONDAY).await;
    assert_eq!(report["sources"]["housing-person"]["refined"], 5);
    let rows = lake.table_rows("person", MONDAY);
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (
            rows[0]["given_name"].as_str(),
            rows[0]["entity_version"].as_str()
        ),
        ("Second", "2")
    );
    assert_eq!(
        rows[0]["date_of_birth"], "1990-01-02",
        "an update has the whole state"
    );
    assert_eq!(api.asked("p1"), ["Bearer old", "Bearer old"]);
    assert_eq!(
        api.asked("p2").len(),
        4,
        "one that is not found is asked for twice"
    );
    // Both the event and the state lie in the raw zone.
    let raw: Vec<_> = lake
        .read_objects("raw", "raw/housing-person")
        .into_values()
        .flat_map(|bytes| crate::lake_under_test::parquet_rows(bytes.into()))
        .collect();
    let kept = raw
        .iter()
        .filter(|row| row["value"].contains("eventData") || !row["value"].is_empty())
        .count();
    assert_eq!(kept, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_falters_is_asked_again_and_nothing_is_accepted_without_its_state() {
    let api = PersonApi::start().await;
    let (lake, _contracts) = started(&api, "falters").await;
    let state = json!({"firstName": "Ada", "surname": "Sample"});

    assert_asked_again(&lake, &api, &state).await;
    assert_secret_is_read_again(&lake, &api, &state).await;
    assert_not_accepted(&lake, &api).await;
    assert_unversioned_is_quarantined(&lake, &api, &state).await;
}

/// An API that is unavailable once, and one that then does not find the record at once.
async fn assert_asked_again(lake: &LakeUnderTest, api: &PersonApi, state: &Value) {
    api.says(
        "flaky",
        &[(503, "", Value::Null), (200, "\"1\"", state.clone())],
    );
    lake.push_events("housing-person", &[changed("flaky", 1)])
        .await;
    assert_eq!(api.asked("flaky").len(), 2);

    api.says(
        "late",
        &[
            (503, "", Value::Null),
            (404, "", Value::Null),
            (200, "\"1\"", state.clone()),
        ],
    );
    lake.push_events("housing-person", &[changed("late", 1)])
        .await;
}

/// A rotated secret is requested again.
async fn assert_secret_is_read_again(lake: &LakeUnderTest, api: &PersonApi, state: &Value) {
    std::fs::write(
        lake.folder.join("secrets.json"),
        r#"{"polelake/housing-person/api": "Bearer new"}"#,
    )
    .unwrap();
    api.says(
        "rotated",
        &[(401, "", Value::Null), (200, "\"1\"", state.clone())],
    );
    lake.push_events("housing-person", &[changed("rotated", 1)])
        .await;
    assert_eq!(api.asked("rotated").last().unwrap(), "Bearer new");
}

/// An API that says no, and a key that would walk to another address: neither is accepted.
async fn assert_not_accepted(lake: &LakeUnderTest, api: &PersonApi) {
    api.says("refuses", &[(400, "", Value::Null)]);
    for (key, status, rule) in [
        ("refuses", 502, "event.state-refused"),
        ("../admin", 422, "event.key"),
    ] {
        let body = changed(key, 1).to_string();
        let (found, answer) = lake
            .post_events("housing-person", "application/json", body)
            .await;
        assert_eq!(
            (found, answer["rule"].as_str()),
            (status, Some(rule)),
            "{answer}"
        );
    }
}

/// A state without a version cannot be ranked: quarantined, not guessed.
async fn assert_unversioned_is_quarantined(lake: &LakeUnderTest, api: &PersonApi, state: &Value) {
    api.says("unversioned", &[(200, "\"abc\"", state.clone())]);
    lake.push_events("housing-person", &[changed("unversioned", 1)])
        .await;

    let (_, report) = lake.run_day(MONDAY).await;
    let reconciliation = &report["sources"]["housing-person"];
    assert_eq!(
        (&reconciliation["landed"], &reconciliation["refined"]),
        (&json!(4), &json!(3))
    );
    assert_eq!(
        lake.table_rows("person", MONDAY).len(),
        3,
        "none was taken for gone"
    );
    assert_eq!(reconciliation["quarantined"], json!({"event.version": 1}));
}

/// Sends a change of a record; gives the answer's status and the rule that it broke.
async fn post_change(lake: &LakeUnderTest, key: &str) -> (u16, Option<String>) {
    let body = changed(key, 1).to_string();
    let (status, answer) = lake
        .post_events("housing-person", "application/json", body)
        .await;
    (status, answer["rule"].as_str().map(str::to_owned))
}

/// An API that hangs accepts nothing, and after some requests it is not asked again for a while:
/// other sources need the sandboxes that would wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_hangs_is_left_alone_for_a_while() {
    let api = PersonApi::start().await;
    let (lake, _contracts) = started(&api, "hangs").await;
    let state = json!({"firstName": "Ada", "surname": "Sample", "dateOfBirth": "1990-01-02"});
    api.says("slow", &[(0, "", Value::Null)]);
    api.says("quick", &[(200, "\"1\"", state)]);

    let refused = (503, Some("event.state".to_owned()));
    assert_eq!(post_change(&lake, "slow").await, refused);
    let asked = api.asked("slow").len();
    assert!((1..=3).contains(&asked), "{asked}");
    assert_eq!(post_change(&lake, "quick").await, refused);
    assert_eq!(api.asked("quick").len(), 0, "the API is left alone");

    // The first pause has five seconds.
    let mut answer = refused;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        answer = post_change(&lake, "quick").await;
        if answer.0 == 202 {
            break;
        }
    }
    assert_eq!(answer, (202, None), "it is asked again");
    assert_eq!(api.asked("quick").len(), 1);
}

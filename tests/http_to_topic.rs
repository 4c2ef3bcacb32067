//! HTTP to topic: what is accepted, what is refused, and how it is said.

mod hostile;

use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, contracts_with, parquet_rows, person_event};

fn rule(answer: &Value) -> &str {
    answer["rule"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_a_status_a_rule_and_a_remedy() {
    let lake = LakeUnderTest::start().await;
    let good = person_event("PersonCreatedEvent", "p1", 1, json!({"firstName": "Ada"}));
    let mut keyless = good.clone();
    keyless["entityId"] = Value::Null;
    let mut timeless = good.clone();
    timeless["dateTime"] = json!("yesterday");
    let large = json!({"id": "x".repeat(2 * 1024 * 1024)}).to_string();
    let bomb = "[".repeat(200_000);
    let nested = format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100));
    let text = |value: &Value| value.to_string().into_bytes();
    let cases: [(&str, Vec<u8>, u16, &str); 9] = [
        ("housing-person", b"{\"id\": ".to_vec(), 400, "event.json"),
        (
            "housing-person",
            vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}'],
            400,
            "event.json",
        ),
        ("housing-person", Vec::new(), 400, "body.empty"),
        ("housing-person", text(&keyless), 422, "event.key"),
        ("housing-person", text(&timeless), 422, "event.time"),
        ("housing-person", large.into_bytes(), 413, "event.too-large"),
        ("housing-person", bomb.into_bytes(), 422, "event.nesting"),
        ("housing-person", nested.into_bytes(), 422, "event.nesting"),
        ("housing-persons", text(&good), 404, "request.source"),
    ];
    for (source, body, status, expected) in cases {
        let (found, answer) = lake.post_events(source, "application/json", body).await;
        assert_eq!((found, rule(&answer)), (status, expected), "{answer}");
        assert!(!answer["detail"].as_str().unwrap_or_default().is_empty());
        assert!(
            !answer.to_string().contains("Ada"),
            "no value of the event is in the answer"
        );
    }
    // 7 MB is more than a function takes: the gateway says so.
    let (status, _) = lake
        .post_events(
            "housing-person",
            "application/json",
            vec![b' '; 7 * 1024 * 1024],
        )
        .await;
    assert_eq!(status, 413);
    // After all of that the function still works.
    let (status, answer) = lake
        .post_events("housing-person", "application/json", good.to_string())
        .await;
    assert_eq!((status, answer["accepted"].as_u64()), (202, Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_held_to_the_contract() {
    let lake = LakeUnderTest::start().await;
    let url = |source: &str, path: &str| format!("{}/v1/{source}/{path}", lake.platform.api);
    let client = reqwest::Client::new();
    let caller = "arn:aws:iam::000000000000:role/immigration-casework";
    let event =
        person_event("PersonCreatedEvent", "p1", 1, json!({"firstName": "Ada"})).to_string();
    let foreign = client
        .post(url("housing-person", "events"))
        .header("x-local-caller", caller)
        .header("content-type", "application/json")
        .body(event)
        .send();
    let foreign = foreign.await.unwrap();
    assert_eq!(foreign.status(), 403);
    assert_eq!(
        foreign.headers()["content-type"],
        "application/problem+json"
    );
    let own = client
        .get(url("immigration-case", "contract"))
        .header("x-local-caller", caller)
        .send()
        .await
        .unwrap();
    assert_eq!(own.status(), 200);
    assert!(
        own.text()
            .await
            .unwrap()
            .contains("topic: immigration-case")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_batch_tells_each_event_its_own() {
    let lake = LakeUnderTest::start().await;
    let good = |n: u32| {
        person_event("PersonCreatedEvent", "p1", n, json!({"firstName": "Ada"})).to_string()
    };
    let body = format!("{}\nnot json\n{}\n", good(1), good(2));
    let (status, answer) = lake
        .post_events("housing-person", "application/x-ndjson", body)
        .await;
    assert_eq!(status, 207);
    let statuses: Vec<u64> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [202, 400, 202]);
    assert_eq!(answer["results"][1]["problem"]["rule"], "event.json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_of_which_every_event_is_refused_is_no_success() {
    let lake = LakeUnderTest::start().await;
    let good = person_event("PersonCreatedEvent", "p1", 1, json!({"firstName": "Ada"}));
    let mut timeless = good.clone();
    timeless.as_object_mut().unwrap().remove("dateTime");
    for (lines, expected) in [
        (vec![timeless.to_string(), timeless.to_string()], 422),
        (vec!["{".to_owned(), "not json".to_owned()], 400),
        (vec!["{".to_owned(), timeless.to_string()], 422),
    ] {
        let (status, answer) = lake
            .post_events("housing-person", "application/x-ndjson", lines.join("\n"))
            .await;
        assert_eq!(
            (status, &answer["status"]),
            (expected, &json!(expected)),
            "{answer}"
        );
        assert_eq!(answer["rule"], "body.all-refused");
        assert_eq!(
            (&answer["accepted"], &answer["refused"]),
            (&json!(0), &json!(2))
        );
        let results = answer["results"].as_array().unwrap();
        let indexes: Vec<&Value> = results.iter().map(|result| &result["index"]).collect();
        assert_eq!(indexes, [0, 1]);
        assert!(
            results
                .iter()
                .all(|result| result["problem"]["rule"].is_string())
        );
    }

    // One that fits, and the events differ again.
    let lines = [good.to_string(), timeless.to_string()].join("\n");
    let (status, answer) = lake
        .post_events("housing-person", "application/x-ndjson", lines)
        .await;
    assert_eq!((status, &answer["accepted"]), (207, &json!(1)), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_request_has_a_place_for_each_event() {
    let lake = LakeUnderTest::start().await;
    let event = person_event("PersonCreatedEvent", "p1", 1, json!({"firstName": "Ada"}));
    let url = format!("{}/v1/housing-person/events", lake.platform.api);
    for (places, expected) in [
        ("name=people.csv; row=2", 202),
        ("name=people.csv; row=2-3", 400),
        ("people.csv", 400),
    ] {
        let request = reqwest::Client::new()
            .post(&url)
            .header("content-type", "application/json")
            .header("polelake-file", places)
            .body(event.to_string());
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status().as_u16(), expected, "{places}");
        let answer: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
        let rule = (expected == 400).then_some("request.file");
        assert_eq!(answer["rule"].as_str(), rule, "{answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_brings_events_too_and_what_cannot_be_read_is_quarantined() {
    let lake = LakeUnderTest::start().await;
    let event = person_event(
        "PersonCreatedEvent",
        "p1",
        1,
        json!({"firstName": "Ada", "surname": "Sample"}),
    )
    .to_string();
    let wrapped = json!({
        "Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-2:0:person.fifo", "Message": event
    });
    let url = format!("{}/_local/queues/relay-housing-person", lake.platform.api);
    for body in [wrapped.to_string(), "not an event".to_owned()] {
        let answer = reqwest::Client::new()
            .post(&url)
            .bearer_auth(lake.operator_token())
            .body(body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 202);
    }
    let (_, report) = lake.run_day("2026-03-02").await;
    let reconciliation = &report["sources"]["housing-person"];
    assert_eq!(
        (&reconciliation["landed"], &reconciliation["refined"]),
        (&json!(2), &json!(1)),
        "{reconciliation}"
    );
    assert_eq!(reconciliation["quarantined"], json!({"event.json": 1}));
}

async fn token(lake: &LakeUnderTest, claims: Value) -> String {
    let url = format!("{}/_local/tokens", lake.platform.api);
    reqwest::Client::new()
        .post(url)
        .bearer_auth(lake.operator_token())
        .json(&claims)
        .send()
        .await
        .unwrap()
        .text()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_held_to_the_contract_and_to_their_time() {
    let contracts = contracts_with(
        "tokens",
        "sources/housing/person/contract.odcs.yaml",
        |text| {
            text.replace(
            "      push:\n",
            "      push:\n        \
             claims: [{iss: \"https://issuer.polelake.local\", client_id: \"housing-api\", scope: events/write}]\n",
        )
        },
    );
    let lake = LakeUnderTest::with_contracts(&contracts).await;
    let event =
        person_event("PersonCreatedEvent", "p1", 1, json!({"firstName": "Ada"})).to_string();
    let send = async |header: (&'static str, String), source: &str| {
        let url = format!("{}/v1/{source}/events", lake.platform.api);
        let request = reqwest::Client::new()
            .post(url)
            .header(header.0, header.1)
            .header("content-type", "application/json")
            .body(event.clone());
        request.send().await.unwrap().status().as_u16()
    };
    let late = 4_102_444_800u64;
    let good =
        json!({"client_id": "housing-api", "scope": "events/read events/write", "exp": late});
    let bearer = async |claims: Value| {
        (
            "authorization",
            format!("Bearer {}", token(&lake, claims).await),
        )
    };
    assert_eq!(
        send(bearer(good.clone()).await, "housing-person").await,
        202
    );
    assert_eq!(
        send(bearer(good.clone()).await, "housing-tenure").await,
        403,
        "another team's source"
    );
    let mut other = good.clone();
    other["client_id"] = json!("planning-api");
    assert_eq!(send(bearer(other).await, "housing-person").await, 403);
    let mut scope = good.clone();
    scope["scope"] = json!("events/read");
    assert_eq!(send(bearer(scope).await, "housing-person").await, 403);
    let mut expired = good.clone();
    expired["exp"] = json!(1_700_000_000);
    assert_eq!(
        send(bearer(expired).await, "housing-person").await,
        401,
        "expired"
    );
    assert_eq!(
        send(
            ("authorization", "Bearer eyJhbGciOiJub25lIn0.e30.".into()),
            "housing-person"
        )
        .await,
        401
    );
    assert_eq!(
        send(("x-local-caller", String::new()), "housing-person").await,
        401,
        "unsigned"
    );
    // A subject that looks like a role is no role.
    let sly = json!({"sub": "arn:aws:iam::1:role/housing-api", "exp": late});
    assert_eq!(send(bearer(sly).await, "housing-person").await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_relay_itself_refuses_what_a_gateway_might_let_through() {
    let lake = LakeUnderTest::start().await;
    let request = |authorizer: Value| {
        json!({
            "version": "2.0", "rawPath": "/v1/housing-person/events", "headers": {}, "body": "{}",
            "isBase64Encoded": false,
            "requestContext": {
                "http": {
                    "method": "POST", "path": "/", "protocol": "HTTP/1.1", "sourceIp": "",
                    "userAgent": ""
                },
                "timeEpoch": 0, "authorizer": authorizer
            },
        })
    };
    let answer = lake
        .invoke_function("event-relay", request(Value::Null))
        .await;
    assert_eq!(answer["statusCode"], 401, "{answer}");
    let expired = json!({"jwt": {"claims": {"exp": "1700000000", "iss": "x"}, "scopes": null}});
    let answer = lake.invoke_function("event-relay", request(expired)).await;
    assert_eq!(answer["statusCode"], 401, "{answer}");
    assert!(answer["body"].as_str().unwrap().contains("request.expired"));
    let early = json!({"exp": "4102444800", "nbf": "4102444700", "iss": "x"});
    let early = json!({"jwt": {"claims": early, "scopes": null}});
    let answer = lake.invoke_function("event-relay", request(early)).await;
    assert_eq!(answer["statusCode"], 401, "{answer}");
    assert!(
        answer["body"]
            .as_str()
            .unwrap()
            .contains("request.not-yet-valid")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn cloud_events_come_alone_or_in_batches() {
    let lake = LakeUnderTest::start().await;
    let event = |number: u32| {
        json!({
            "specversion": "1.0", "source": "/immigration/casework",
            "subject": format!("IMM-{number}"),
            "id": format!("ce-{number}"), "type": "uk.gov.example.case.received",
            "time": "2026-02-25T16:30:00Z",
            "sequence": "1", "data": {"status": "received"},
        })
    };
    let (single, batch) = (
        "application/cloudevents+json",
        "application/cloudevents-batch+json; charset=utf-8",
    );
    let (status, answer) = lake
        .post_events("immigration-case", single, event(1).to_string())
        .await;
    assert_eq!(
        (status, &answer["results"][0]["id"]),
        // A producer's ids are its own: the source is part of the event's id.
        (202, &json!("~1immigration~1casework/ce-1")),
        "{answer}"
    );
    let (status, answer) = lake
        .post_events(
            "immigration-case",
            batch,
            json!([event(2), event(3)]).to_string(),
        )
        .await;
    assert_eq!((status, &answer["accepted"]), (202, &json!(2)), "{answer}");
    let mut old = event(4);
    old["specversion"] = json!("0.3");
    let (status, answer) = lake
        .post_events("immigration-case", single, old.to_string())
        .await;
    assert_eq!((status, rule(&answer)), (422, "event.cloudevent"));
    let (status, answer) = lake
        .post_events("immigration-case", batch, event(5).to_string())
        .await;
    assert_eq!((status, rule(&answer)), (400, "body.batch"));
    let (_, report) = lake.run_day("2026-03-02").await;
    assert_eq!(report["sources"]["immigration-case"]["refined"], 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_under_its_name_is_the_same_request_and_another_is_not() {
    // The source gives its events no ids: only the request's name tells a repeat from an equal
    // event.
    let lake = LakeUnderTest::start().await;
    let url = format!("{}/v1/police-manchester/events", lake.platform.api);
    let call =
        json!({"label": "OCCURRED_AT", "key": "1-OCCURRED_AT-2", ":START_ID": "1", ":END_ID": "2"})
            .to_string();
    let send = async |key: Option<&str>| {
        let body = format!("{call}\n{call}\n");
        let request = reqwest::Client::new()
            .post(&url)
            .header("content-type", "application/x-ndjson")
            .body(body);
        let request = match key {
            Some(key) => request.header("idempotency-key", key),
            None => request,
        };
        let answer: Value = request.send().await.unwrap().json().await.unwrap();
        let ids: Vec<String> = answer["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["id"].as_str().unwrap_or_default().to_owned())
            .collect();
        ids
    };
    let first = send(Some("request-1")).await;
    assert_ne!(
        first[0], first[1],
        "two equal events of one request are two"
    );
    assert_eq!(
        send(Some("\"request-1\"")).await,
        first,
        "the same request again"
    );
    assert!(
        send(Some("request-2"))
            .await
            .iter()
            .all(|id| !first.contains(id)),
        "another request"
    );
    let bare = send(None).await;
    assert_ne!(bare[0], bare[1], "without a name, two equal events are two");
    assert!(
        send(None).await.iter().all(|id| !bare.contains(id)),
        "and so are those of another request"
    );
    // What Kafka carries is what was answered.
    lake.platform.running.wait_until_settled().await.unwrap();
    let raw = lake
        .read_objects("raw", "raw/police-manchester")
        .into_values();
    let headers: Vec<String> = raw
        .flat_map(|bytes| parquet_rows(bytes.into()))
        .map(|row| row["headers"].replace('\\', ""))
        .collect();
    let known = |id: &String| {
        headers
            .iter()
            .filter(|headers| {
                lake::find_header_text(Some(headers), "event-id").as_ref() == Some(id)
            })
            .count()
    };
    assert_eq!(first.iter().map(known).collect::<Vec<_>>(), [2, 2]);
}

//! HTTP to topic: what is accepted, what is refused, and how it is said.

use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, person};

fn rule(answer: &Value) -> &str {
    answer["rule"].as_str().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_input_is_refused_with_a_status_a_rule_and_a_remedy() {
    let lake = LakeUnderTest::start().await;
    let good = person("PersonCreatedEvent", "p1", 1, json!({"firstName": "Ada"}));
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
        ("housing-person", vec![b'{', b'"', 0xff, b'"', b':', b'1', b'}'], 400, "event.json"),
        ("housing-person", Vec::new(), 400, "body.empty"),
        ("housing-person", text(&keyless), 422, "event.key"),
        ("housing-person", text(&timeless), 422, "event.time"),
        ("housing-person", large.into_bytes(), 413, "event.too-large"),
        ("housing-person", bomb.into_bytes(), 422, "event.nesting"),
        ("housing-person", nested.into_bytes(), 422, "event.nesting"),
        ("housing-persons", text(&good), 404, "request.source"),
    ];
    for (source, body, status, expected) in cases {
        let (found, answer) = lake.post(source, "application/json", body).await;
        assert_eq!((found, rule(&answer)), (status, expected), "{answer}");
        assert!(!answer["detail"].as_str().unwrap_or_default().is_empty());
        assert!(!answer.to_string().contains("Ada"), "no value of the event is in the answer");
    }
    // 7 MB is more than a function takes: the gateway says so.
    let (status, _) = lake.post("housing-person", "application/json", vec![b' '; 7 * 1024 * 1024]).await;
    assert_eq!(status, 413);
    // After all of that the function still works.
    let (status, answer) = lake.post("housing-person", "application/json", good.to_string()).await;
    assert_eq!((status, answer["accepted"].as_u64()), (202, Some(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_are_held_to_the_contract() {
    let lake = LakeUnderTest::start().await;
    let url = |source: &str, path: &str| format!("{}/v1/{source}/{path}", lake.platform.api);
    let client = reqwest::Client::new();
    let caller = "arn:aws:iam::123456789012:role/immigration-casework";
    let event = person("PersonCreatedEvent", "p1", 1, json!({"firstName": "Ada"})).to_string();
    let foreign =
        client.post(url("housing-person", "events")).header("x-local-caller", caller).body(event).send();
    let foreign = foreign.await.unwrap();
    assert_eq!(foreign.status(), 403);
    assert_eq!(foreign.headers()["content-type"], "application/problem+json");
    let own = client
        .get(url("immigration-case", "contract"))
        .header("x-local-caller", caller)
        .send()
        .await
        .unwrap();
    assert_eq!(own.status(), 200);
    assert!(own.text().await.unwrap().contains("topic: immigration-case"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mixed_batch_tells_each_event_its_own() {
    let lake = LakeUnderTest::start().await;
    let good = |n: u32| person("PersonCreatedEvent", "p1", n, json!({"firstName": "Ada"})).to_string();
    let body = format!("{}\nnot json\n{}\n", good(1), good(2));
    let (status, answer) = lake.post("housing-person", "application/x-ndjson", body).await;
    assert_eq!(status, 207);
    let statuses: Vec<u64> =
        answer["results"].as_array().unwrap().iter().map(|r| r["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [202, 400, 202]);
    assert_eq!(answer["results"][1]["problem"]["rule"], "event.json");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_brings_events_too_and_what_cannot_be_read_is_quarantined() {
    let lake = LakeUnderTest::start().await;
    let event =
        person("PersonCreatedEvent", "p1", 1, json!({"firstName": "Ada", "surname": "Sample"})).to_string();
    let wrapped =
        json!({"Type": "Notification", "TopicArn": "arn:aws:sns:eu-west-2:0:person.fifo", "Message": event});
    let url = format!("{}/_local/queues/relay-housing-person", lake.platform.api);
    for body in [wrapped.to_string(), "not an event".to_owned()] {
        let answer = reqwest::Client::new().post(&url).body(body).send().await.unwrap();
        assert_eq!(answer.status(), 202);
    }
    let (_, report) = lake.run_day("2026-03-02").await;
    let books = &report["sources"]["housing-person"];
    assert_eq!((&books["landed"], &books["refined"]), (&json!(2), &json!(1)), "{books}");
    assert_eq!(books["quarantined"], json!({"event.json": 1}));
}

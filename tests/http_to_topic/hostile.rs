//! Requests that are made to do harm: paths, bodies, headers and ids.

use serde_json::json;

use super::rule;
use crate::lake_under_test::{LakeUnderTest, parquet_rows, person_event};

#[tokio::test(flavor = "multi_thread")]
async fn paths_that_walk_bombs_and_smuggled_headers_get_nowhere() {
    let lake = LakeUnderTest::start().await;
    assert_paths_are_refused(&lake).await;
    assert_bodies_are_refused(&lake).await;
    assert_traces_are_accepted(&lake).await;
    assert_smuggled_id_is_refused(&lake).await;

    lake.platform.running.wait_until_settled().await.unwrap();
    assert_one_trace_landed(&lake);
}

/// What is no name of a source is not found, and not repeated in the answer.
async fn assert_paths_are_refused(lake: &LakeUnderTest) {
    for source in [
        "..%2f..%2fetc",
        "%2e%2e",
        "housing-person%00",
        "housing-person%0d%0aevent-id:%20x",
        "HOUSING-PERSON",
    ] {
        let (status, answer) = lake.post_events(source, "application/json", "{}").await;
        assert_eq!(status, 404, "{source}: {answer}");
        assert!(
            !answer.to_string().contains(source),
            "what is no name is not repeated"
        );
    }
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    std::io::Write::write_all(&mut encoder, bytes).unwrap();
    encoder.finish().unwrap()
}

/// The bytes of a person's event at a minute.
fn ada(minute: u32) -> Vec<u8> {
    let new = json!({"firstName": "Ada"});
    person_event("PersonCreatedEvent", "p1", minute, new)
        .to_string()
        .into_bytes()
}

/// Posts a JSON body with one more header, or another content type; gives the status.
async fn post_with_header(lake: &LakeUnderTest, body: Vec<u8>, name: &str, value: &[u8]) -> u16 {
    let value = reqwest::header::HeaderValue::from_bytes(value).unwrap();
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    headers.insert(reqwest::header::HeaderName::try_from(name).unwrap(), value);

    let url = format!("{}/v1/housing-person/events", lake.platform.api);
    let request = reqwest::Client::new().post(url).headers(headers).body(body);
    request.send().await.unwrap().status().as_u16()
}

/// A bomb and headers of other protocols are refused; a body that is only compressed is accepted.
async fn assert_bodies_are_refused(lake: &LakeUnderTest) {
    let bomb = compress(&vec![b' '; 512 * 1024 * 1024]);
    let form: &[u8] = b"application/x-www-form-urlencoded";
    let cases: [(Vec<u8>, &str, &[u8], u16); 5] = [
        (bomb, "content-encoding", b"gzip", 413),
        (compress(&ada(1)), "content-encoding", b"gzip", 202),
        (ada(2), "content-type", form, 415),
        (ada(2), "ce-specversion", b"1.0", 415),
        (ada(2), "idempotency-key", b"a b\xff", 400),
    ];
    for (body, name, value, status) in cases {
        let found = post_with_header(lake, body, name, value).await;
        assert_eq!(found, status, "{name}");
    }
}

/// A trace that is none is left out, one that is goes along.
async fn assert_traces_are_accepted(lake: &LakeUnderTest) {
    let evil = b"00-evil\tevent-id: x";
    let trace = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    assert_eq!(
        post_with_header(lake, ada(3), "traceparent", evil).await,
        202
    );
    assert_eq!(
        post_with_header(lake, ada(4), "traceparent", trace).await,
        202
    );
}

/// An id that would end its header and begin another.
async fn assert_smuggled_id_is_refused(lake: &LakeUnderTest) {
    let mut smuggled = person_event("PersonCreatedEvent", "p1", 5, json!({"firstName": "Ada"}));
    smuggled["id"] = json!("x\r\nevent-id: y");
    let (status, answer) = lake
        .post_events("housing-person", "application/json", smuggled.to_string())
        .await;
    assert_eq!((status, rule(&answer)), (422, "event.id"));
}

/// Three events landed, one of them with its trace.
fn assert_one_trace_landed(lake: &LakeUnderTest) {
    let raw = lake.read_objects("raw", "raw/housing-person").into_values();
    let headers: Vec<String> = raw
        .flat_map(|bytes| parquet_rows(bytes.into()))
        .map(|row| row["headers"].clone())
        .collect();
    assert_eq!(headers.len(), 3);
    assert_eq!(
        headers
            .iter()
            .filter(|headers| headers.contains("traceparent"))
            .count(),
        1
    );
}

//! Versions, states in events, and when an API is left alone.

use contract::FetchUrl;

use super::*;

const SOURCE: &str = "housing-person";

fn fetch(url: &str, timeout_ms: u64) -> Fetch {
    Fetch {
        url: FetchUrl::parse(url).unwrap(),
        secret: None,
        header: "authorization".to_owned(),
        version: None,
        timeout_ms,
        private_network: false,
    }
}

/// Asks for a record's state; whether the API is left alone since then.
async fn is_paused_after(fetcher: &StateFetcher, fetch: &Fetch, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    let state = fetcher.fetch_state(SOURCE, fetch, "p1", deadline).await;
    assert!(state.is_err(), "{state:?}");
    !fetcher.pauses.admit_request(SOURCE, Instant::now())
}

/// A listener that takes connections and answers none.
async fn start_silent_api() -> (tokio::net::TcpListener, String) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, format!("http://{address}/persons/{{key}}"))
}

#[tokio::test]
async fn an_api_that_keeps_requests_waiting_is_left_alone() {
    let (_listener, url) = start_silent_api().await;
    let fetcher = StateFetcher::new(BTreeMap::new(), true);
    let minute = Duration::from_secs(60);
    assert!(is_paused_after(&fetcher, &fetch(&url, 20), minute).await);
}

#[tokio::test]
async fn a_request_without_time_says_nothing_of_the_api() {
    let (_listener, url) = start_silent_api().await;
    let fetcher = StateFetcher::new(BTreeMap::new(), true);
    let patient = fetch(&url, 25_000);
    for _ in 0..4 {
        assert!(!is_paused_after(&fetcher, &patient, Duration::from_millis(30)).await);
    }

    // Nor does it take back what is known of the API.
    fetcher.pauses.note_timeout(SOURCE, Instant::now());
    fetcher.pauses.note_timeout(SOURCE, Instant::now());
    assert!(!is_paused_after(&fetcher, &patient, Duration::ZERO).await);
    let pause = fetcher.pauses.note_timeout(SOURCE, Instant::now());
    assert!(pause.is_some(), "the third in a row");
}

#[test]
fn a_long_wait_is_half_of_the_contracts_or_five_seconds() {
    for (timeout_ms, waited_ms, expected) in [
        (1_000, 500, true),
        (1_000, 499, false),
        (25_000, 5_000, true),
        (25_000, 4_999, false),
    ] {
        let fetch = fetch("https://api.example.org/persons/{key}", timeout_ms);
        let request = StateRequest {
            source: SOURCE,
            url: fetch.url.for_key("p1").unwrap(),
            fetch: &fetch,
            allowed: AllowedNetworks::default(),
            deadline: Instant::now(),
        };
        let waited = Duration::from_millis(waited_ms);
        assert_eq!(
            request.is_long_wait(waited),
            expected,
            "{timeout_ms} {waited_ms}"
        );
    }
}

#[test]
fn etags_count_versions() {
    assert_eq!(parse_etag_version("W/\"12\""), Some(12));
    assert_eq!(parse_etag_version("\"3\""), Some(3));
    assert_eq!(parse_etag_version("\"abc\""), None);
}

#[test]
fn a_state_is_added_and_the_event_keeps_its_bytes() {
    let state = FetchedState {
        status: 200,
        version: Some(3),
        body: Some(br#"{"a": 1.0}"#.to_vec()),
        fetched_at: 5,
    };
    let whole = append_state(br#" {"id" : 1.10} "#, "entity", &state);
    let expected =
        r#"{"id" : 1.10,"entity":{"a": 1.0},"fetched":{"at":5,"status":200,"version":3}}"#;
    assert_eq!(String::from_utf8(whole).unwrap(), expected);
    let gone = FetchedState {
        status: 404,
        version: None,
        body: None,
        fetched_at: 5,
    };
    let whole = append_state(b"{}", "entity", &gone);
    let expected = r#"{"entity":null,"fetched":{"at":5,"status":404,"version":null}}"#;
    assert_eq!(String::from_utf8(whole).unwrap(), expected);
}

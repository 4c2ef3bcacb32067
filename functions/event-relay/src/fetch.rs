//! A record's whole state, asked of the API that knows it.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use contract::{EVENT_BYTES_MAX, FETCHED_MEMBER, Fetch, NESTING_MAX, depth_exceeds, key_is_safe};
use reqwest::{Response, StatusCode, Url};
use serde_json::json;
use serde_json::value::RawValue;

use crate::problem::ProblemDetails;
use crate::secret::SecretCache;

/// Requests for one state at most.
const ATTEMPTS_MAX: u32 = 3;

/// The pause before the second request is between half of this and all, before the third twice as long.
const RETRY_PAUSE: Duration = Duration::from_millis(300);

/// A record's state as the API gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedState {
    /// The answer's status: 200, or 404 or 410 for a record that is gone.
    status: u16,
    /// The version that the `ETag` counts.
    version: Option<i64>,
    /// The state, byte for byte; none when it is gone.
    body: Option<Vec<u8>>,
    /// When it was fetched, in milliseconds since 1970.
    fetched_at: u128,
}

/// Fetches states.
pub struct StateFetcher {
    /// Made with the first request: loading the system's certificates takes longer than a cold start.
    http: OnceLock<reqwest::Client>,
    secrets: SecretCache,
    /// Origins that stand in for those of the contracts, by source: another environment's API.
    origins: BTreeMap<String, Url>,
}

/// Why a request gave no state.
enum FetchAttemptError {
    /// Another request may get it.
    Retryable(String),
    /// The secret was refused: it may have been rotated.
    SecretRefused(StatusCode),
    /// Another request would get the same.
    Permanent(String),
}

impl StateFetcher {
    /// A fetcher that asks these origins instead of the contracts' own.
    #[must_use]
    pub fn new(origins: BTreeMap<String, Url>) -> Self {
        Self {
            http: OnceLock::new(),
            secrets: SecretCache::default(),
            origins,
        }
    }

    /// A client that follows no redirect: an API that moved must not send the secret elsewhere.
    fn http_client(&self) -> Result<&reqwest::Client, FetchAttemptError> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(Duration::from_secs(3))
            .user_agent("polelake-event-relay")
            .build()
            .map_err(|error| FetchAttemptError::Retryable(error.to_string()))?;
        Ok(self.http.get_or_init(|| http))
    }

    /// The state of the record `key`; asks again, with jitter, until the deadline.
    ///
    /// A record that is not found is asked for twice: one that was created a moment ago may not be readable yet.
    pub(crate) async fn fetch_state(
        &self,
        source: &str,
        fetch: &Fetch,
        key: &str,
        deadline: Instant,
    ) -> Result<FetchedState, ProblemDetails> {
        let url = self.record_url(source, fetch, key)?;
        let (mut why, mut missing, mut refused) = ("no time was left".to_owned(), 0, false);
        for attempt in 1..=ATTEMPTS_MAX {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout = Duration::from_millis(fetch.timeout_ms).min(left);
            if timeout.is_zero() {
                break;
            }
            match self.request_state(fetch, &url, timeout).await {
                Ok(state) if state.status == 404 && missing == 0 => {
                    missing += 1;
                    why = "the record was not found once".to_owned();
                }
                Ok(state) => return Ok(state),
                Err(FetchAttemptError::Retryable(error)) => why = error,
                Err(FetchAttemptError::SecretRefused(status)) => {
                    why = format!("the API answered {status}: the secret does not fit");
                    self.secrets.invalidate_secret(fetch.secret.as_deref());
                }
                Err(FetchAttemptError::Permanent(error)) => {
                    (why, refused) = (error, true);
                    break;
                }
            }
            let pause = RETRY_PAUSE * attempt;
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0).min(left)).await;
        }
        tracing::error!(source, error = why, "a state was not fetched");
        if refused {
            let detail = "the record's API does not give its state; sending the event again will not help by itself";
            return Err(ProblemDetails::new(502, "event.state-refused", detail));
        }
        Err(ProblemDetails::new(
            503,
            "event.state",
            "the record's state could not be fetched; send the event again",
        ))
    }

    fn record_url(&self, source: &str, fetch: &Fetch, key: &str) -> Result<Url, ProblemDetails> {
        let refused = |detail: &str| ProblemDetails::new(422, "event.key", detail);
        if !key_is_safe(key) {
            return Err(refused("the record's key cannot stand in an address"));
        }
        let mut url = Url::parse(&fetch.url_for_key(key))
            .map_err(|_| refused("the record's key gives no address"))?;
        if let Some(origin) = self.origins.get(source) {
            let moved = url.set_scheme(origin.scheme()).is_ok()
                && url.set_host(origin.host_str()).is_ok()
                && url.set_port(origin.port()).is_ok();
            if !moved {
                return Err(ProblemDetails::new(
                    503,
                    "event.state",
                    "FETCH_ORIGINS does not fit the contract",
                ));
            }
        }
        Ok(url)
    }

    async fn request_state(
        &self,
        fetch: &Fetch,
        url: &Url,
        timeout: Duration,
    ) -> Result<FetchedState, FetchAttemptError> {
        let begun = Instant::now();
        let mut request = self
            .http_client()?
            .get(url.clone())
            .header("accept", "application/json");
        if let Some(secret) = &fetch.secret {
            let secret = tokio::time::timeout(timeout, self.secrets.get(secret)).await;
            let secret =
                secret.unwrap_or_else(|_| Err("the secret did not come in time".to_owned()));
            request = request.header(&fetch.header, secret.map_err(FetchAttemptError::Retryable)?);
        }
        let request = request.timeout(timeout.saturating_sub(begun.elapsed()));
        // The error's own text has the address, and the address the record's key.
        let answer = request
            .send()
            .await
            .map_err(|error| FetchAttemptError::Retryable(error.without_url().to_string()))?;
        let status = answer.status();
        match status.as_u16() {
            200 => read_state_body(answer).await,
            404 | 410 => Ok(FetchedState {
                status: status.as_u16(),
                version: None,
                body: None,
                fetched_at: now_millis(),
            }),
            401 | 403 if fetch.secret.is_some() => Err(FetchAttemptError::SecretRefused(status)),
            408 | 429 | 500.. => Err(FetchAttemptError::Retryable(format!(
                "the API answered {status}"
            ))),
            _ => Err(FetchAttemptError::Permanent(format!(
                "the API answered {status}"
            ))),
        }
    }
}

fn now_millis() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis()
}

async fn read_state_body(mut answer: Response) -> Result<FetchedState, FetchAttemptError> {
    let etag = answer
        .headers()
        .get("etag")
        .and_then(|etag| etag.to_str().ok())
        .and_then(parse_etag_version);
    let mut body = Vec::new();
    while let Some(chunk) = answer
        .chunk()
        .await
        .map_err(|error| FetchAttemptError::Retryable(error.without_url().to_string()))?
    {
        body.extend_from_slice(&chunk);
        if body.len() > EVENT_BYTES_MAX {
            return Err(FetchAttemptError::Permanent(format!(
                "the state has more than {EVENT_BYTES_MAX} bytes"
            )));
        }
    }
    let is_object = body.trim_ascii().starts_with(b"{")
        && !depth_exceeds(&body, NESTING_MAX - 1)
        && serde_json::from_slice::<&RawValue>(&body).is_ok();
    if !is_object {
        return Err(FetchAttemptError::Permanent(
            "the state is no JSON object, or is nested too deep".to_owned(),
        ));
    }
    Ok(FetchedState {
        status: 200,
        version: etag,
        body: Some(body.trim_ascii().to_vec()),
        fetched_at: now_millis(),
    })
}

/// The number that an `ETag` holds: `3`, `"3"` or `W/"3"`.
fn parse_etag_version(etag: &str) -> Option<i64> {
    etag.trim()
        .trim_start_matches("W/")
        .trim_matches('"')
        .parse()
        .ok()
}

/// The event with the state and how it was fetched as its last members; every byte of its own stays.
pub(crate) fn append_state(event: &[u8], member: &str, state: &FetchedState) -> Vec<u8> {
    let Some(open) = event.trim_ascii().strip_suffix(b"}") else {
        return event.to_vec();
    };
    let mut whole = open.to_vec();
    if !open.trim_ascii().ends_with(b"{") {
        whole.push(b',');
    }
    let fetched = json!({"status": state.status, "version": state.version, "at": u64::try_from(state.fetched_at).ok()});
    whole.extend_from_slice(format!("\"{member}\":").as_bytes());
    whole.extend_from_slice(state.body.as_deref().unwrap_or(b"null"));
    whole.extend_from_slice(format!(",\"{FETCHED_MEMBER}\":{fetched}}}").as_bytes());
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

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
}

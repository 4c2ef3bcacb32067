//! A record's full state, fetched from the API that has it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use backon::RetryableWithContext;
use contract::{
    AllowedNetworks, EVENT_BYTES_MAX, FETCHED_MEMBER, Fetch, NESTING_MAX, OutboundUrl,
    SourceSecret, depth_exceeds,
};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde_json::json;
use serde_json::value::RawValue;

use crate::fetch_pause::FetchPauses;
use crate::outbound::{OutboundClients, find_refused_address};
use crate::problem::{ProblemDetails, RefusalReason};
use crate::retry::{DeadlineRetry, time_left};
use crate::secret::SecretCache;

/// The pause before the second request is between half of 300 ms and all, before the third twice as
/// long.
const RETRY_POLICY: DeadlineRetry = DeadlineRetry {
    attempts_max: 3,
    pause: Duration::from_millis(300),
    jitter_floor: 0.5,
};

/// A wait after which an API counts as slow, where half of what its contract allows is longer. A
/// contract may allow 25 s, and a request's deadline often leaves less.
const LONG_WAIT: Duration = Duration::from_secs(5);

/// A record's state as the API gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchedState {
    /// The answer's status: 200, or 404 or 410 for a record that was deleted.
    status: u16,
    /// The version that the `ETag` counts.
    version: Option<i64>,
    /// The state, byte for byte; none when the record was deleted.
    body: Option<Vec<u8>>,
    /// When it was fetched, in milliseconds since 1970.
    fetched_at: u128,
}

impl FetchedState {
    /// A state that a person gives for a trial, as if the API had answered with it now; none where
    /// the API would not be believed.
    pub(crate) fn of_trial(body: &[u8], version: Option<i64>) -> Option<Self> {
        is_json_object(body).then(|| Self {
            status: 200,
            version,
            body: Some(body.trim_ascii().to_vec()),
            fetched_at: now_millis(),
        })
    }
}

/// Fetches states.
pub struct StateFetcher {
    clients: OutboundClients,
    secrets: SecretCache,
    pauses: FetchPauses,
    /// Origins that replace those of the contracts, by source: another environment's API.
    origins: BTreeMap<String, OutboundUrl>,
    /// Whether states may come from this machine.
    loopback: bool,
}

/// Why a request gave no state.
#[derive(Debug, thiserror::Error)]
enum FetchAttemptError {
    /// Another request may get it.
    #[error("{0}")]
    Retryable(String),
    /// The API did not answer within the time that its contract gives it.
    #[error("the API did not answer in time")]
    TimedOut,
    /// The API did not answer several requests in time, and is left alone for a while.
    #[error("the API did not answer in time, and is left alone for a while")]
    Paused,
    /// The secret may have been rotated: another request, with the secret of now, may get it.
    #[error("the API answered {0}: the secret does not fit")]
    SecretRefused(StatusCode),
    /// Another request would get the same.
    #[error("{0}")]
    Permanent(String),
}

impl FetchAttemptError {
    fn is_retryable(&self) -> bool {
        !matches!(self, Self::Permanent(_))
    }

    /// Whether another request can be sent at once.
    fn is_retryable_now(&self) -> bool {
        self.is_retryable() && !matches!(self, Self::Paused)
    }
}

/// The error's own text has the address, and the address has the record's key: it is left out.
impl From<reqwest::Error> for FetchAttemptError {
    fn from(error: reqwest::Error) -> Self {
        match find_refused_address(&error) {
            Some(refused) => Self::Permanent(refused.to_string()),
            None if error.is_timeout() => Self::TimedOut,
            None => Self::Retryable(error.without_url().to_string()),
        }
    }
}

impl From<FetchAttemptError> for ProblemDetails {
    fn from(error: FetchAttemptError) -> Self {
        if error.is_retryable() {
            return Self::new(
                RefusalReason::StateUnavailable,
                "the record's state could not be fetched; send the event again",
            );
        }
        Self::new(
            RefusalReason::StateRefused,
            "the record's API does not give its state; sending the event again will not help by \
             itself",
        )
    }
}

/// One record's state to fetch.
struct StateRequest<'f> {
    source: &'f str,
    fetch: &'f Fetch,
    url: OutboundUrl,
    allowed: AllowedNetworks,
    deadline: Instant,
}

impl StateRequest<'_> {
    /// The time that one request may take: that of the contract, or what the deadline leaves.
    fn timeout(&self) -> Duration {
        let declared = Duration::from_millis(self.fetch.timeout_ms);
        declared.min(time_left(self.deadline))
    }

    /// Whether a request that waited for so long says something of the API: a deadline, or a secret
    /// that came late, may have left it no time to answer.
    fn is_long_wait(&self, waited: Duration) -> bool {
        waited >= LONG_WAIT.min(Duration::from_millis(self.fetch.timeout_ms) / 2)
    }
}

impl StateFetcher {
    /// A fetcher that requests states from these origins instead of the contracts' own; `loopback`
    /// says whether it may request them from this machine.
    #[must_use]
    pub fn new(origins: BTreeMap<String, OutboundUrl>, loopback: bool) -> Self {
        Self {
            clients: OutboundClients::default(),
            secrets: SecretCache::default(),
            pauses: FetchPauses::default(),
            origins,
            loopback,
        }
    }

    /// The state of the record `key`; requested again, with jitter, until the deadline.
    pub(crate) async fn fetch_state(
        &self,
        source: &str,
        fetch: &Fetch,
        key: &str,
        deadline: Instant,
    ) -> Result<FetchedState, ProblemDetails> {
        let request = &StateRequest {
            source,
            fetch,
            url: self.record_url(source, fetch, key)?,
            allowed: AllowedNetworks {
                private: fetch.private_network,
                loopback: self.loopback,
            },
            deadline,
        };

        let attempt = |was_missing| self.attempt_fetch(request, was_missing);
        let (_, outcome) = attempt
            .retry(RETRY_POLICY.pauses_until(deadline))
            .context(false)
            .when(FetchAttemptError::is_retryable_now)
            .await;

        outcome.map_err(|error| {
            tracing::error!(source, %error, "a state was not fetched");
            error.into()
        })
    }

    /// One attempt. `was_missing` travels from attempt to attempt: a record that is not found is
    /// requested twice, as one that was created a moment ago may not be readable yet.
    async fn attempt_fetch(
        &self,
        request: &StateRequest<'_>,
        was_missing: bool,
    ) -> (bool, Result<FetchedState, FetchAttemptError>) {
        if !self.pauses.admit_request(request.source, Instant::now()) {
            return (was_missing, Err(FetchAttemptError::Paused));
        }
        match self.request_state(request).await {
            Ok(state) if state.status == 404 && !was_missing => {
                let error =
                    FetchAttemptError::Retryable("the record was not found once".to_owned());
                (true, Err(error))
            }
            Err(FetchAttemptError::SecretRefused(status)) => {
                let secret = request.fetch.secret.as_ref().map(SourceSecret::name);
                self.secrets.invalidate_secret(secret);
                (was_missing, Err(FetchAttemptError::SecretRefused(status)))
            }
            outcome => (was_missing, outcome),
        }
    }

    /// Notes whether a request that was sent kept its sandbox waiting. A refused connection does
    /// not: it comes back at once.
    fn note_outcome(
        &self,
        request: &StateRequest<'_>,
        waited: Duration,
        outcome: &Result<FetchedState, FetchAttemptError>,
    ) {
        let source = request.source;
        if !matches!(outcome, Err(FetchAttemptError::TimedOut)) {
            self.pauses.note_answer(source);
        } else if request.is_long_wait(waited)
            && let Some(pause) = self.pauses.note_timeout(source, Instant::now())
        {
            let seconds = pause.as_secs();
            tracing::warn!(source, seconds, "the API does not answer and is left alone");
        }
    }

    /// The address of the record's state, at the origin that replaces the contract's own, if there
    /// is one.
    fn record_url(
        &self,
        source: &str,
        fetch: &Fetch,
        key: &str,
    ) -> Result<OutboundUrl, ProblemDetails> {
        let url = fetch.url.for_key(key).ok_or_else(|| {
            ProblemDetails::new(
                RefusalReason::EventKey,
                "the record's key cannot be part of an address: between its `/` it is empty, `.` or `..`",
            )
        })?;
        let Some(origin) = self.origins.get(source) else {
            return Ok(url);
        };

        url.at_origin(origin).map_err(|_| {
            ProblemDetails::new(
                RefusalReason::StateUnavailable,
                "FETCH_ORIGINS does not fit the contract; deploy both together",
            )
        })
    }

    /// One request: an answer of the API, as far as it says what the record's state is.
    async fn request_state(
        &self,
        state_request: &StateRequest<'_>,
    ) -> Result<FetchedState, FetchAttemptError> {
        let StateRequest {
            fetch,
            url,
            allowed,
            ..
        } = state_request;
        // Before the secret is read: it must not be at hand for a request that may not be sent.
        if let Some(fault) = url.refusal(*allowed) {
            let error = format!("the API's address is refused, {fault}");
            return Err(FetchAttemptError::Permanent(error));
        }
        let timeout = state_request.timeout();
        if timeout.is_zero() {
            return Err(FetchAttemptError::Retryable("no time was left".to_owned()));
        }

        let started_at = Instant::now();
        let mut request = self
            .clients
            .client_for(*allowed)?
            .get(url.as_url().clone())
            .header("accept", "application/json");
        if let Some(secret) = &fetch.secret {
            let text = self.read_secret(secret.name(), timeout).await?;
            request = request.header(&fetch.header, text);
        }

        let time_left = timeout.saturating_sub(started_at.elapsed());
        let sent_at = Instant::now();
        let outcome = send_request(request.timeout(time_left), fetch.secret.is_some()).await;
        self.note_outcome(state_request, sent_at.elapsed(), &outcome);
        outcome
    }

    /// The text of the secret, within the time of one request.
    async fn read_secret(
        &self,
        name: &str,
        timeout: Duration,
    ) -> Result<String, FetchAttemptError> {
        tokio::time::timeout(timeout, self.secrets.get(name))
            .await
            .unwrap_or_else(|_| Err("the secret did not come in time".to_owned()))
            .map_err(FetchAttemptError::Retryable)
    }
}

/// Sends a request, and reads its answer to the end.
async fn send_request(
    request: RequestBuilder,
    sent_secret: bool,
) -> Result<FetchedState, FetchAttemptError> {
    let answer = request.send().await?;
    read_answer(answer, sent_secret).await
}

/// What the API's answer says of the record's state.
async fn read_answer(
    answer: Response,
    sent_secret: bool,
) -> Result<FetchedState, FetchAttemptError> {
    let status = answer.status();
    match status.as_u16() {
        200 => read_state_body(answer).await,
        404 | 410 => Ok(FetchedState {
            status: status.as_u16(),
            version: None,
            body: None,
            fetched_at: now_millis(),
        }),
        401 | 403 if sent_secret => Err(FetchAttemptError::SecretRefused(status)),
        408 | 429 | 500.. => {
            let error = format!("the API answered {status}");
            Err(FetchAttemptError::Retryable(error))
        }
        _ => {
            let error = format!("the API answered {status}");
            Err(FetchAttemptError::Permanent(error))
        }
    }
}

async fn read_state_body(mut answer: Response) -> Result<FetchedState, FetchAttemptError> {
    let version = answer
        .headers()
        .get("etag")
        .and_then(|etag| etag.to_str().ok())
        .and_then(parse_etag_version);

    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await? {
        body.extend_from_slice(&part);
        if body.len() > EVENT_BYTES_MAX {
            return Err(FetchAttemptError::Permanent(format!(
                "the state has more than {EVENT_BYTES_MAX} bytes"
            )));
        }
    }
    if !is_json_object(&body) {
        return Err(FetchAttemptError::Permanent(
            "the state is no JSON object, or is nested too deep".to_owned(),
        ));
    }

    Ok(FetchedState {
        status: 200,
        version,
        body: Some(body.trim_ascii().to_vec()),
        fetched_at: now_millis(),
    })
}

/// Whether the bytes are a JSON object that is nested no deeper than an event's member may be.
fn is_json_object(body: &[u8]) -> bool {
    body.trim_ascii().starts_with(b"{")
        && !depth_exceeds(body, NESTING_MAX - 1)
        && serde_json::from_slice::<&RawValue>(body).is_ok()
}

fn now_millis() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_millis()
}

/// The number that an `ETag` holds: `3`, `"3"` or `W/"3"`.
fn parse_etag_version(etag: &str) -> Option<i64> {
    etag.trim()
        .trim_start_matches("W/")
        .trim_matches('"')
        .parse()
        .ok()
}

/// The event with the state and how it was fetched as its last members; every byte of its own
/// stays.
pub(crate) fn append_state(event: &[u8], member: &str, state: &FetchedState) -> Vec<u8> {
    let Some(open_object) = event.trim_ascii().strip_suffix(b"}") else {
        return event.to_vec();
    };

    let mut enriched = open_object.to_vec();
    if !open_object.trim_ascii().ends_with(b"{") {
        enriched.push(b',');
    }
    enriched.extend_from_slice(format!("\"{member}\":").as_bytes());
    enriched.extend_from_slice(state.body.as_deref().unwrap_or(b"null"));

    let fetched_at = u64::try_from(state.fetched_at).ok();
    let fetched = json!({"status": state.status, "version": state.version, "at": fetched_at});
    enriched.extend_from_slice(format!(",\"{FETCHED_MEMBER}\":{fetched}}}").as_bytes());
    enriched
}

#[cfg(test)]
mod tests;

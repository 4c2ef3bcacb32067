//! A client of a platform: the one that runs on the folder, or one that is started for the time of a command.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::error::CliError;
use crate::place::PlatformArgs;
use crate::signature::RequestSigner;
use local_platform::{LocalPlatform, PlatformOptions};

/// Events of one request: what the relay takes.
const REQUEST_EVENTS_MAX: usize = 500;

/// Bytes of one request: well within what the relay takes.
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The type of a request with many events.
const EVENTS_CONTENT_TYPE: &str = "application/x-ndjson";

/// How often a request that got no answer is sent again.
const ATTEMPTS_MAX: u32 = 5;

/// A door to a platform.
pub struct PlatformClient {
    api: String,
    http: reqwest::Client,
    token: Option<String>,
    signer: Option<RequestSigner>,
    /// The platform that was started for this command, if none was running.
    _started: Option<LocalPlatform>,
}

/// What became of pushed events.
#[derive(Clone, Debug, Default)]
pub struct PushCounts {
    /// Events that were accepted.
    pub accepted: u64,
    /// Events that were refused.
    pub refused: u64,
    /// Why events were refused, by rule and reason; never a value.
    pub reasons: BTreeMap<String, u64>,
}

impl PlatformClient {
    /// Finds the platform that runs on the folder, or starts one.
    pub async fn connect_or_start(place: &PlatformArgs) -> Result<Self, CliError> {
        let known = find_running_api(&place.dir).await;
        match known {
            Some(api) => Ok(Self::for_api(&api)),
            None => {
                let platform = LocalPlatform::start(platform_options(place, 0)?).await?;
                let client = Self::for_api(&platform.api);
                Ok(Self {
                    _started: Some(platform),
                    ..client
                })
            }
        }
    }

    /// A client of the API at this address.
    pub fn for_api(api: &str) -> Self {
        Self {
            api: api.to_owned(),
            http: reqwest::Client::new(),
            token: None,
            signer: None,
            _started: None,
        }
    }

    /// The client with a bearer token.
    pub fn with_token(self, token: Option<String>) -> Self {
        Self { token, ..self }
    }

    /// The client with requests that are signed as IAM asks for it.
    pub(crate) fn with_signer(self, signer: RequestSigner) -> Self {
        Self {
            signer: Some(signer),
            ..self
        }
    }

    /// Pushes events, in their order, in as few requests as may be.
    pub async fn push_events(
        &self,
        source: &str,
        events: &[Vec<u8>],
        progress: impl Fn(usize),
    ) -> Result<PushCounts, CliError> {
        let (mut pushed, mut from) = (PushCounts::default(), 0);
        while from < events.len() {
            let mut body = Vec::new();
            let mut to = from;
            while to < events.len()
                && to - from < REQUEST_EVENTS_MAX
                && (to == from || body.len() + events[to].len() < REQUEST_BYTES_MAX)
            {
                body.extend_from_slice(&events[to]);
                body.push(b'\n');
                to += 1;
            }
            let answer = self.post_events(source, body).await?;
            let accepted = answer["accepted"].as_u64().unwrap_or_default();
            pushed.accepted += accepted;
            pushed.refused += (to - from) as u64 - accepted;
            for reason in refusal_reasons(&answer) {
                *pushed.reasons.entry(reason).or_default() += 1;
            }
            progress(to - from);
            from = to;
        }
        Ok(pushed)
    }

    async fn post_events(&self, source: &str, body: Vec<u8>) -> Result<Value, CliError> {
        let url = format!("{}/v1/{source}/events", self.api);
        for attempt in 1.. {
            let answer = self.events_request(&url, body.clone())?.send().await?;
            let status = answer.status();
            let text = answer.text().await?;
            let json: Value = serde_json::from_str(&text).unwrap_or_default();
            // Repeats do no harm: the event's id tells them.
            if (status.is_server_error() || has_unanswered_event(&json)) && attempt < ATTEMPTS_MAX {
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
                continue;
            }
            let whole = json["accepted"].is_null()
                && json["rule"]
                    .as_str()
                    .is_none_or(|rule| !rule.starts_with("event."));
            if whole && !status.is_success() {
                return Err(format!(
                    "{url} answered {status}: {}",
                    json["detail"].as_str().unwrap_or(&text)
                )
                .into());
            }
            return Ok(json);
        }
        Err("the platform does not answer".into())
    }

    /// A POST of events, with what says who we are.
    fn events_request(
        &self,
        url: &str,
        body: Vec<u8>,
    ) -> Result<reqwest::RequestBuilder, CliError> {
        let mut request = self
            .http
            .post(url)
            .header("content-type", EVENTS_CONTENT_TYPE);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(signer) = &self.signer {
            for (name, value) in
                signer.signed_headers(url, EVENTS_CONTENT_TYPE, &body, SystemTime::now())?
            {
                request = request.header(name, value);
            }
        }
        Ok(request.body(body))
    }

    /// Invokes a function through the platform's own door.
    pub async fn invoke_function(
        &self,
        function: &str,
        payload: &Value,
    ) -> Result<Value, CliError> {
        let url = format!("{}/_local/functions/{function}", self.api);
        let answer = self.http.post(url).body(payload.to_string()).send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            return Err(format!("{function}: {text}").into());
        }
        Ok(serde_json::from_str(&text)?)
    }

    /// What the platform says of itself.
    pub async fn platform_status(&self) -> Result<Value, CliError> {
        Ok(self
            .http
            .get(format!("{}/_local/status", self.api))
            .send()
            .await?
            .json()
            .await?)
    }

    /// Waits until everything that was accepted is landed and transformed.
    pub async fn wait_until_settled(&self) -> Result<(), CliError> {
        loop {
            let status = self.platform_status().await?;
            if status["records_to_land"] == 0 && status["messages_waiting"] == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Whether some event was not taken for want of an answer.
fn has_unanswered_event(answer: &Value) -> bool {
    answer["results"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|result| result["status"] == 503)
}

/// Rule and reason of every refused event.
fn refusal_reasons(answer: &Value) -> Vec<String> {
    let each = answer["results"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|result| &result["problem"]);
    let refused = each.chain(std::iter::once(answer));
    let reason = |result: &Value| {
        Some(format!(
            "{}: {}",
            result["rule"].as_str()?,
            result["detail"].as_str().unwrap_or_default()
        ))
    };
    refused.filter_map(reason).collect()
}

/// The API of the platform that runs on the folder, if one does.
async fn find_running_api(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("platform.json")).ok()?;
    let known = serde_json::from_str::<Value>(&text).ok()?;
    let api = known["api"].as_str()?.to_owned();
    let status: Value = reqwest::get(format!("{api}/_local/status"))
        .await
        .ok()?
        .json()
        .await
        .ok()?;
    // The file of a platform that was killed stays, and another folder's may have its port by now.
    (status["places"]["s3"] == known["s3"]).then_some(api)
}

/// Whether there is a folder of contracts; a wrong one has a remedy.
pub fn require_contracts(contracts: &Path) -> Result<(), CliError> {
    if contracts.is_dir() {
        return Ok(());
    }
    let message = format!(
        "there are no contracts in {}; run from the repository or give --contracts",
        contracts.display()
    );
    Err(message.into())
}

/// The platform's options for a place.
pub fn platform_options(place: &PlatformArgs, port: u16) -> Result<PlatformOptions, CliError> {
    require_contracts(&place.contracts)?;
    Ok(PlatformOptions {
        folder: place.dir.clone(),
        contracts: place.contracts.clone(),
        port,
        program: std::env::current_exe()?,
        binaries: place.functions.clone(),
    })
}

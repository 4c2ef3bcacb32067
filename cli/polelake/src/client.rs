//! A client of a platform: the one that runs on the folder, or one that is started for the time of a command.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::error::Failed;
use crate::place::Place;
use crate::signature::Signer;
use local_platform::{Options, Platform};

/// Events of one request: what the relay takes.
const EVENTS: usize = 500;

/// Bytes of one request: well within what the relay takes.
const BYTES: usize = 4 * 1024 * 1024;

/// The type of a request with many events.
const EVENTS_TYPE: &str = "application/x-ndjson";

/// How often a request that got no answer is sent again.
const TRIES: u32 = 5;

/// A door to a platform.
pub struct Client {
    api: String,
    http: reqwest::Client,
    token: Option<String>,
    signer: Option<Signer>,
    /// The platform that was started for this command, if none was running.
    _own: Option<Platform>,
}

/// What became of pushed events.
#[derive(Clone, Debug, Default)]
pub struct Pushed {
    /// Events that were accepted.
    pub accepted: u64,
    /// Events that were refused.
    pub refused: u64,
    /// Why events were refused, by rule and reason; never a value.
    pub reasons: BTreeMap<String, u64>,
}

impl Client {
    /// Finds the platform that runs on the folder, or starts one.
    pub async fn open(place: &Place) -> Result<Self, Failed> {
        let known = running(&place.dir).await;
        match known {
            Some(api) => Ok(Self::of(&api)),
            None => {
                let platform = Platform::start(options(place, 0)?).await?;
                let client = Self::of(&platform.api);
                Ok(Self {
                    _own: Some(platform),
                    ..client
                })
            }
        }
    }

    /// A client of the API at this address.
    pub fn of(api: &str) -> Self {
        Self {
            api: api.to_owned(),
            http: reqwest::Client::new(),
            token: None,
            signer: None,
            _own: None,
        }
    }

    /// The client with a bearer token.
    pub fn with_token(self, token: Option<String>) -> Self {
        Self { token, ..self }
    }

    /// The client with requests that are signed as IAM asks for it.
    pub(crate) fn signed_by(self, signer: Signer) -> Self {
        Self {
            signer: Some(signer),
            ..self
        }
    }

    /// Pushes events, in their order, in as few requests as may be.
    pub async fn push(
        &self,
        source: &str,
        events: &[Vec<u8>],
        progress: impl Fn(usize),
    ) -> Result<Pushed, Failed> {
        let (mut pushed, mut from) = (Pushed::default(), 0);
        while from < events.len() {
            let mut body = Vec::new();
            let mut to = from;
            while to < events.len()
                && to - from < EVENTS
                && (to == from || body.len() + events[to].len() < BYTES)
            {
                body.extend_from_slice(&events[to]);
                body.push(b'\n');
                to += 1;
            }
            let answer = self.post(source, body).await?;
            let accepted = answer["accepted"].as_u64().unwrap_or_default();
            pushed.accepted += accepted;
            pushed.refused += (to - from) as u64 - accepted;
            for reason in reasons(&answer) {
                *pushed.reasons.entry(reason).or_default() += 1;
            }
            progress(to - from);
            from = to;
        }
        Ok(pushed)
    }

    async fn post(&self, source: &str, body: Vec<u8>) -> Result<Value, Failed> {
        let url = format!("{}/v1/{source}/events", self.api);
        for attempt in 1.. {
            let answer = self.request(&url, body.clone())?.send().await?;
            let status = answer.status();
            let text = answer.text().await?;
            let json: Value = serde_json::from_str(&text).unwrap_or_default();
            // Repeats do no harm: the event's id tells them.
            if (status.is_server_error() || unanswered(&json)) && attempt < TRIES {
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
    fn request(&self, url: &str, body: Vec<u8>) -> Result<reqwest::RequestBuilder, Failed> {
        let mut request = self.http.post(url).header("content-type", EVENTS_TYPE);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(signer) = &self.signer {
            for (name, value) in signer.headers(url, EVENTS_TYPE, &body, SystemTime::now())? {
                request = request.header(name, value);
            }
        }
        Ok(request.body(body))
    }

    /// Invokes a function through the platform's own door.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Value, Failed> {
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
    pub async fn status(&self) -> Result<Value, Failed> {
        Ok(self
            .http
            .get(format!("{}/_local/status", self.api))
            .send()
            .await?
            .json()
            .await?)
    }

    /// Waits until everything that was accepted is landed and transformed.
    pub async fn settled(&self) -> Result<(), Failed> {
        loop {
            let status = self.status().await?;
            if status["records_to_land"] == 0 && status["messages_waiting"] == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Whether some event was not taken for want of an answer.
fn unanswered(answer: &Value) -> bool {
    answer["results"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|result| result["status"] == 503)
}

/// Rule and reason of every refused event.
fn reasons(answer: &Value) -> Vec<String> {
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
async fn running(folder: &Path) -> Option<String> {
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
pub fn contracts_are_there(contracts: &Path) -> Result<(), Failed> {
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
pub fn options(place: &Place, port: u16) -> Result<Options, Failed> {
    contracts_are_there(&place.contracts)?;
    Ok(Options {
        folder: place.dir.clone(),
        contracts: place.contracts.clone(),
        port,
        program: std::env::current_exe()?,
        binaries: place.functions.clone(),
    })
}

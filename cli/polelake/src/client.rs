//! A client of a platform: of the one that runs on the folder, or of one that a command starts for
//! itself.

use std::path::Path;
use std::time::{Duration, SystemTime};

use lake::limits::ANSWER_BYTES_MAX;
use serde_json::Value;

use crate::bounded_answer::read_answer;
use crate::contract_mix::require_same_contracts;
use crate::error::{CliError, describe_causes};
use crate::exit_code::print_note;
use crate::place::PlatformArgs;
pub use crate::push_answer::{PushCounts, RefusedEvents};
use crate::push_answer::{RequestRefused, has_unanswered_event, is_request_refused};
use crate::signature::RequestSigner;
use event_relay::file_places::{FILE_HEADER, FilePlaces};
use local_platform::parts::read_parts;
use local_platform::run_contracts::ContractUse;
use local_platform::startup::is_running;
use local_platform::{ExternalParts, LocalPlatform, OperatorToken, PlatformOptions, QueueLanding};

/// Events of one request: the relay's limit.
const REQUEST_EVENTS_MAX: usize = 500;

/// Bytes of one request: well within the relay's limit.
const REQUEST_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The type of a request with many events.
const EVENTS_CONTENT_TYPE: &str = "application/x-ndjson";

/// How often a request is sent that gets no answer.
const ATTEMPTS_MAX: u32 = 5;

/// Events under a name: those without an id of their own have the same ids when the same events are
/// pushed under the same name again.
#[derive(Clone, Copy)]
pub(crate) struct NamedBatch<'b> {
    /// The name.
    pub(crate) name: &'b str,
    /// The events, in their order.
    pub(crate) events: &'b [Vec<u8>],
    /// The file of which they are records, and their places in it.
    pub(crate) places: Option<&'b FilePlaces>,
}

/// What a request of events says of them in its headers.
struct RequestHeaders {
    name: String,
    file: Option<String>,
}

/// A client of a platform's HTTP API.
pub struct PlatformClient {
    api: String,
    http: reqwest::Client,
    token: Option<String>,
    signer: Option<RequestSigner>,
    /// The token of the platform's folder, for the platform's own API.
    operator_token: Option<String>,
    /// The platform that was started for this command, if none was running.
    started: Option<LocalPlatform>,
    /// The external parts of the platform.
    parts: ExternalParts,
}

impl PlatformClient {
    /// Finds the platform that runs on the folder, or starts one.
    pub async fn connect_or_start(place: &PlatformArgs) -> Result<Self, CliError> {
        if let Some(client) = Self::connect_to_running(&place.dir).await {
            return Ok(client);
        }

        let is_new = !has_lake(&place.dir)?;
        let platform = LocalPlatform::start(platform_options(place, 0)?).await?;
        if is_new {
            tell_new_platform(&place.dir);
        }
        let client = Self::for_platform(&platform);
        Ok(Self {
            started: Some(platform),
            ..client
        })
    }

    /// The same, for a command that this use of the contracts makes.
    ///
    /// # Errors
    /// When a platform runs on the folder with other contracts than those of the arguments now: the
    /// command would mix the two.
    pub(crate) async fn connect_with_contracts(
        place: &PlatformArgs,
        used: ContractUse<'_>,
    ) -> Result<Self, CliError> {
        let client = Self::connect_or_start(place).await?;
        client.require_same_contracts(place, used).await?;
        Ok(client)
    }

    /// Checks that the platform runs the contracts of the arguments, as far as this use reads them.
    ///
    /// # Errors
    /// The files that differ, and what to do.
    pub(crate) async fn require_same_contracts(
        &self,
        place: &PlatformArgs,
        used: ContractUse<'_>,
    ) -> Result<(), CliError> {
        match self.started {
            Some(_) => Ok(()),
            None => require_same_contracts(&self.platform_status().await?, place, used),
        }
    }

    /// A client of the platform that runs on the folder, if one is running.
    async fn connect_to_running(folder: &Path) -> Option<Self> {
        // Whoever listens at the address of a platform that ended must not get the folder's token.
        if !is_running(folder) {
            return None;
        }

        let text = std::fs::read_to_string(folder.join("platform.json")).ok()?;
        let known = serde_json::from_str::<Value>(&text).ok()?;
        let token = OperatorToken::read(folder).ok()?;
        let client = Self {
            operator_token: Some(token.text().to_owned()),
            parts: read_parts(folder).ok()?.unwrap_or_default(),
            ..Self::for_api(known["api"].as_str()?)
        };
        // The file of an earlier platform is there until the new one has its addresses.
        let status = client.platform_status().await.ok()?;
        (status["places"]["s3"] == known["s3"]).then_some(client)
    }

    /// A client of a platform of this process.
    pub fn for_platform(platform: &LocalPlatform) -> Self {
        let token = platform.running.operator_token().text().to_owned();
        Self {
            operator_token: Some(token),
            parts: platform.parts.clone(),
            ..Self::for_api(&platform.api)
        }
    }

    /// The external parts of the platform.
    pub(crate) fn parts(&self) -> &ExternalParts {
        &self.parts
    }

    /// A client of the API at this address.
    pub fn for_api(api: &str) -> Self {
        Self {
            api: api.to_owned(),
            http: reqwest::Client::new(),
            token: None,
            signer: None,
            operator_token: None,
            started: None,
            parts: ExternalParts::default(),
        }
    }

    /// A client of the API at an address: of a deployed one, or of a platform of this machine, which
    /// asks for no signature.
    ///
    /// # Errors
    /// As [`Self::for_deployed_api`].
    pub(crate) async fn for_address(api: &str) -> Result<Self, CliError> {
        match api.starts_with("https://") {
            true => Self::for_deployed_api(api).await,
            false => Ok(Self::for_api(api.trim_end_matches('/')).with_token(environment_token())),
        }
    }

    /// A client of a deployed API, with the environment's bearer token, or with requests that are
    /// signed with the credentials of AWS that are found.
    ///
    /// # Errors
    /// When there is neither a token nor credentials.
    pub(crate) async fn for_deployed_api(api: &str) -> Result<Self, CliError> {
        let client = Self::for_api(api.trim_end_matches('/'));
        match environment_token() {
            Some(token) => Ok(client.with_token(Some(token))),
            None => Ok(client.with_signer(RequestSigner::from_env().await?)),
        }
    }

    /// The client with a bearer token.
    pub fn with_token(self, token: Option<String>) -> Self {
        Self { token, ..self }
    }

    /// The client with requests that are signed for IAM.
    pub(crate) fn with_signer(self, signer: RequestSigner) -> Self {
        Self {
            signer: Some(signer),
            ..self
        }
    }

    /// Pushes events, in their order, in as few requests as the API allows. Calls `progress` with
    /// the number of events after each request.
    pub async fn push_events(
        &self,
        source: &str,
        events: &[Vec<u8>],
        progress: impl Fn(usize),
    ) -> Result<PushCounts, CliError> {
        let batch = NamedBatch {
            name: &format!("{:032x}", fastrand::u128(..)),
            events,
            places: None,
        };
        self.push_named_batch(source, batch, progress).await
    }

    /// The same for events under a name.
    pub(crate) async fn push_named_batch(
        &self,
        source: &str,
        batch: NamedBatch<'_>,
        progress: impl Fn(usize),
    ) -> Result<PushCounts, CliError> {
        let NamedBatch {
            name,
            events,
            places,
        } = batch;
        let mut counts = PushCounts::default();
        let mut remaining = events;
        while !remaining.is_empty() {
            let (batch, rest) = remaining.split_at(request_length(remaining));
            let first = events.len() - remaining.len();
            let headers = RequestHeaders {
                name: format!("{name}-{first}"),
                file: places.map(|places| places.slice(first, batch.len()).header_text()),
            };
            let answer = self
                .post_events(source, &headers, join_lines(batch))
                .await?;
            counts.add_answer(&answer, batch.len(), first);
            progress(batch.len());
            remaining = rest;
        }
        Ok(counts)
    }

    /// Sends a request until it is answered. An event that is sent twice has the same id, and
    /// counts once: its own, or the one that the relay makes of the request's name.
    async fn post_events(
        &self,
        source: &str,
        headers: &RequestHeaders,
        body: Vec<u8>,
    ) -> Result<Value, CliError> {
        let url = format!("{}/v1/{source}/events", self.api);
        for attempt in 1.. {
            let request = self.events_request(&url, headers, body.clone())?;
            let answer = request
                .send()
                .await
                .map_err(|error| unanswered(&url, error))?;
            let status = answer.status();
            let text = read_text(answer).await?;
            let json: Value = serde_json::from_str(&text).unwrap_or_default();

            let is_unanswered = status.is_server_error() || has_unanswered_event(&json);
            if is_unanswered && attempt < ATTEMPTS_MAX {
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
                continue;
            }
            if is_request_refused(&json) && !status.is_success() {
                return Err(Box::new(RequestRefused::from_answer(
                    &url, status, &json, &text,
                )));
            }
            return Ok(json);
        }
        Err(format!("{url} does not answer; run the command again").into())
    }

    /// A POST of events, with the token or the signature of the caller.
    fn events_request(
        &self,
        url: &str,
        headers: &RequestHeaders,
        body: Vec<u8>,
    ) -> Result<reqwest::RequestBuilder, CliError> {
        let mut request = self
            .http
            .post(url)
            .header("idempotency-key", &headers.name)
            .header("content-type", EVENTS_CONTENT_TYPE);
        if let Some(file) = &headers.file {
            request = request.header(FILE_HEADER, file);
        }
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

    /// Invokes a function through the local platform's own API.
    pub async fn invoke_function(
        &self,
        function: &str,
        payload: &Value,
    ) -> Result<Value, CliError> {
        let request = self
            .http
            .post(self.operator_url(&format!("functions/{function}")));
        let request = request.body(payload.to_string());
        self.send_operation(request, function).await
    }

    /// The local platform's status: its endpoints, its clock, and how much is waiting.
    pub async fn platform_status(&self) -> Result<Value, CliError> {
        let request = self.http.get(self.operator_url("status"));
        self.send_operation(request, "the platform's status").await
    }

    /// Cuts the records that the raw zone holds out of the local platform's Kafka log; gives how
    /// many, and how many are left.
    pub async fn truncate_landed_records(&self) -> Result<Value, CliError> {
        let request = self.http.post(self.operator_url("kafka/truncate"));
        self.send_operation(request, "cutting the local Kafka log")
            .await
    }

    fn operator_url(&self, path: &str) -> String {
        format!("{}/_local/{path}", self.api)
    }

    /// Sends a request to the platform's own API, with the folder's token; `what` names it in an
    /// error.
    async fn send_operation(
        &self,
        request: reqwest::RequestBuilder,
        what: &str,
    ) -> Result<Value, CliError> {
        let request = match &self.operator_token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let sent = request.send().await;
        let answer = sent.map_err(|error| unanswered(what, error))?;
        let status = answer.status();
        let text = read_text(answer).await?;
        if !status.is_success() {
            return Err(format!("{what}: {text}").into());
        }
        serde_json::from_str(&text)
            .map_err(|error| format!("{what}: the answer is not JSON: {error}").into())
    }

    /// Waits until everything that was accepted is transformed.
    pub async fn wait_until_settled(&self) -> Result<(), CliError> {
        loop {
            let status = self.platform_status().await?;
            if let Some(why) = status["unknown"].as_str() {
                return Err(format!(
                    "what is on its way cannot be counted: {why}; run the command again when that \
                     part answers"
                )
                .into());
            }
            if status["records_to_land"] == 0 && status["messages_waiting"] == 0 {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Whether a folder has a lake: in its own S3, or in an external one.
///
/// # Errors
/// When the record of the folder's parts cannot be read.
pub(crate) fn has_lake(folder: &Path) -> Result<bool, CliError> {
    Ok(folder.join("s3").is_dir() || read_parts(folder)?.is_some())
}

/// Names the folder of a platform that a command began. Whoever meant another folder would miss the
/// events there.
fn tell_new_platform(folder: &Path) {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    print_note(&format!(
        "There was no lake in {}: this command has begun a new one there. Where another one is \
         meant, name its folder with --dir; `polelake up` keeps a platform running.",
        absolute.display()
    ));
}

async fn read_text(answer: reqwest::Response) -> Result<String, CliError> {
    let body = read_answer(answer, ANSWER_BYTES_MAX, "an answer").await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// How many of the events go into one request; at least one.
fn request_length(events: &[Vec<u8>]) -> usize {
    let mut bytes = 0;
    let fitting = events.iter().take(REQUEST_EVENTS_MAX).take_while(|event| {
        bytes += event.len() + 1;
        bytes <= REQUEST_BYTES_MAX
    });
    fitting.count().max(1)
}

/// The events as JSON lines.
fn join_lines(events: &[Vec<u8>]) -> Vec<u8> {
    let mut body = Vec::new();
    for event in events {
        body.extend_from_slice(event);
        body.push(b'\n');
    }
    body
}

/// That a request got no answer, why, and what to do. `what` is its address, or what it was for.
fn unanswered(what: &str, error: reqwest::Error) -> CliError {
    let next = if error.is_connect() {
        "check the address, and that the service runs; `polelake up` runs the local one"
    } else {
        "run the command again: what was accepted is kept"
    };
    let cause = describe_causes(&error.without_url());
    format!("{what} got no answer: {cause}; {next}").into()
}

/// Checks that there is a folder of contracts; the error says what to do.
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

/// The bearer token for a deployed API.
fn environment_token() -> Option<String> {
    let token = std::env::var("POLELAKE_TOKEN").ok();
    token.filter(|token| !token.is_empty())
}

/// The platform's options for the folders of a command.
pub fn platform_options(place: &PlatformArgs, port: u16) -> Result<PlatformOptions, CliError> {
    require_contracts(&place.contracts)?;
    Ok(PlatformOptions {
        folder: place.dir.clone(),
        contracts: place.contracts.clone(),
        port,
        program: std::env::current_exe()?,
        binaries: place.functions.clone(),
        parts: ExternalParts::default(),
        transport: None,
        queue_landing: QueueLanding::default(),
    })
}

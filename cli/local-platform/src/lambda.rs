//! The Lambda service for one machine: each sandbox is a process of its own that speaks the Runtime
//! API over HTTP.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::{Mutex as AsyncMutex, Semaphore, mpsc, oneshot};

use super::listener::serve_router;
use super::private_files::private_options;

/// The largest payload and the largest answer that Lambda allows.
pub const PAYLOAD_BYTES_MAX: usize = 6 * 1024 * 1024;

/// Why an invocation gave no answer.
#[derive(Debug, Error)]
pub enum InvokeError {
    /// The function reported an error.
    #[error("the function failed: {0}")]
    Function(String),
    /// The process ended during the invocation.
    #[error("the process ended during the invocation")]
    Crashed,
    /// The function reached its timeout, and its process was ended.
    #[error("the function timed out after {0:?}")]
    TimedOut(Duration),
    /// The process could not be started.
    #[error("the process could not be started: {0}")]
    Start(#[from] io::Error),
}

/// How a function is configured; on AWS, Terraform sets the same.
#[derive(Clone, Debug)]
pub struct FunctionConfig {
    /// Its name.
    pub name: &'static str,
    /// The program and its first arguments.
    pub program: (PathBuf, Vec<String>),
    /// Its environment.
    pub environment: BTreeMap<String, String>,
    /// How long an invocation may take.
    pub timeout: Duration,
    /// Invocations that may run at the same time.
    pub concurrency: usize,
    /// The file of its log.
    pub log: PathBuf,
}

/// A function with its sandboxes.
pub struct LambdaFunction {
    config: FunctionConfig,
    idle: Mutex<Vec<FunctionSandbox>>,
    running: Mutex<BTreeMap<u64, u32>>,
    slots: Semaphore,
    counter: AtomicU64,
}

/// One process, and the listener from which it fetches invocations.
struct FunctionSandbox {
    child: Child,
    jobs: mpsc::Sender<PendingInvocation>,
    server: tokio::task::JoinHandle<()>,
}

impl Drop for FunctionSandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Where the answer goes.
type AnswerSender = oneshot::Sender<Result<Bytes, InvokeError>>;

/// One invocation on its way to the process.
struct PendingInvocation {
    id: String,
    payload: Bytes,
    deadline_millis: u128,
    answer: AnswerSender,
}

fn lock_unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl LambdaFunction {
    /// A function without sandboxes: the first invocation starts one.
    #[must_use]
    pub fn new(config: FunctionConfig) -> Self {
        let slots = Semaphore::new(config.concurrency);
        let counter = AtomicU64::new(0);
        Self {
            config,
            idle: Mutex::default(),
            running: Mutex::default(),
            slots,
            counter,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.config.name
    }

    /// An invocation's error, with the log that says more where the process could say nothing.
    #[must_use]
    pub fn describe_error(&self, error: &InvokeError) -> String {
        match error {
            InvokeError::Crashed | InvokeError::TimedOut(_) => {
                let log = self.config.log.display();
                format!("{error}; the end of {log} says why")
            }
            InvokeError::Start(_) => format!("{error}: {}", self.config.program.0.display()),
            InvokeError::Function(_) => error.to_string(),
        }
    }

    /// The processes with an invocation at the moment.
    #[must_use]
    pub fn busy_pids(&self) -> Vec<u32> {
        let running = lock_unpoisoned(&self.running);
        running.values().copied().collect()
    }

    /// Invokes the function and waits for its answer.
    ///
    /// # Errors
    /// As [`InvokeError`]; whether to retry is the trigger's rule.
    pub async fn invoke(&self, payload: Bytes) -> Result<Bytes, InvokeError> {
        let slot = self.slots.acquire().await;
        let _slot = slot.map_err(|_| InvokeError::Crashed)?;
        let idle = lock_unpoisoned(&self.idle).pop();
        let mut sandbox = match idle {
            Some(sandbox) => sandbox,
            None => self.start_sandbox().await?,
        };

        let number = self.counter.fetch_add(1, Ordering::Relaxed);
        if let Some(pid) = sandbox.child.id() {
            lock_unpoisoned(&self.running).insert(number, pid);
        }
        let outcome = self.run_in_sandbox(&mut sandbox, number, payload).await;
        lock_unpoisoned(&self.running).remove(&number);

        let ended = matches!(
            outcome,
            Err(InvokeError::Crashed | InvokeError::TimedOut(_))
        );
        if !ended {
            lock_unpoisoned(&self.idle).push(sandbox);
        }
        outcome
    }

    async fn run_in_sandbox(
        &self,
        sandbox: &mut FunctionSandbox,
        number: u64,
        payload: Bytes,
    ) -> Result<Bytes, InvokeError> {
        let (answer, answered) = oneshot::channel();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let deadline = now.unwrap_or_default() + self.config.timeout;
        let job = PendingInvocation {
            id: format!("{}-{number}", self.config.name),
            payload,
            deadline_millis: deadline.as_millis(),
            answer,
        };
        let sent = sandbox.jobs.send(job).await;
        sent.map_err(|_| InvokeError::Crashed)?;

        tokio::select! {
            answer = answered => answer.unwrap_or(Err(InvokeError::Crashed)),
            _ = sandbox.child.wait() => Err(InvokeError::Crashed),
            () = tokio::time::sleep(self.config.timeout) => {
                // As on Lambda, a timeout ends the sandbox.
                drop(sandbox.child.kill().await);
                Err(InvokeError::TimedOut(self.config.timeout))
            }
        }
    }

    async fn start_sandbox(&self) -> io::Result<FunctionSandbox> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let (jobs, receiver) = mpsc::channel(1);

        let slot = Arc::new(RuntimeSlot {
            jobs: AsyncMutex::new(receiver),
            current: Mutex::default(),
        });
        let server = tokio::spawn(async move {
            drop(serve_router(listener, runtime_api_router(slot)).await);
        });
        let child = self.spawn_process(address)?;
        Ok(FunctionSandbox {
            child,
            jobs,
            server,
        })
    }

    /// Starts the process, with the variables that Lambda sets besides the function's own.
    fn spawn_process(&self, runtime_api: String) -> io::Result<Child> {
        let log = private_options()
            .create(true)
            .append(true)
            .open(&self.config.log)?;
        let (program, arguments) = &self.config.program;

        Command::new(program)
            .args(arguments)
            .env_clear()
            .envs(&self.config.environment)
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api)
            .env("AWS_LAMBDA_FUNCTION_NAME", self.config.name)
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "2048")
            .env("AWS_LAMBDA_LOG_STREAM_NAME", "local")
            .env("AWS_LAMBDA_LOG_GROUP_NAME", self.config.name)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            // Ctrl-C at the terminal is the command's own: it stops in order, and ends these.
            .process_group(0)
            .spawn()
    }
}

/// The invocations that wait for a process, and the one that it works on.
struct RuntimeSlot {
    jobs: AsyncMutex<mpsc::Receiver<PendingInvocation>>,
    current: Mutex<Option<(String, AnswerSender)>>,
}

impl RuntimeSlot {
    fn complete_invocation(
        &self,
        id: Option<&str>,
        answer: Result<Bytes, InvokeError>,
    ) -> StatusCode {
        let mut current = lock_unpoisoned(&self.current);
        let fits = current
            .as_ref()
            .is_some_and(|(known, _)| id.is_none_or(|id| id == known));
        match current.take_if(|_| fits) {
            Some((_, sender)) => {
                drop(sender.send(answer));
                StatusCode::ACCEPTED
            }
            None => StatusCode::BAD_REQUEST,
        }
    }
}

fn runtime_api_router(slot: Arc<RuntimeSlot>) -> Router {
    const BASE: &str = "/2018-06-01/runtime";
    Router::new()
        .route(&format!("{BASE}/invocation/next"), get(next_invocation))
        .route(
            &format!("{BASE}/invocation/{{id}}/response"),
            post(invocation_response),
        )
        .route(
            &format!("{BASE}/invocation/{{id}}/error"),
            post(invocation_error),
        )
        .route(&format!("{BASE}/init/error"), post(init_error))
        .layer(DefaultBodyLimit::max(PAYLOAD_BYTES_MAX * 2))
        .with_state(slot)
}

async fn next_invocation(State(slot): State<Arc<RuntimeSlot>>) -> Response {
    let Some(job) = slot.jobs.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };

    let mut headers = HeaderMap::new();
    let values = [
        ("lambda-runtime-aws-request-id", job.id.clone()),
        (
            "lambda-runtime-deadline-ms",
            job.deadline_millis.to_string(),
        ),
        (
            "lambda-runtime-invoked-function-arn",
            "arn:aws:lambda:eu-west-2:000000000000:function:local".to_owned(),
        ),
        (
            "lambda-runtime-trace-id",
            "Root=1-00000000-000000000000000000000000".to_owned(),
        ),
    ];
    for (name, value) in values {
        let value = HeaderValue::from_str(&value).ok();
        headers.extend(value.map(|value| (HeaderName::from_static(name), value)));
    }

    *lock_unpoisoned(&slot.current) = Some((job.id, job.answer));
    (headers, job.payload).into_response()
}

async fn invocation_response(
    State(slot): State<Arc<RuntimeSlot>>,
    Path(id): Path<String>,
    body: Bytes,
) -> StatusCode {
    slot.complete_invocation(Some(&id), Ok(body))
}

async fn invocation_error(
    State(slot): State<Arc<RuntimeSlot>>,
    Path(id): Path<String>,
    body: String,
) -> StatusCode {
    let why = InvokeError::Function(describe_diagnostic(body));
    slot.complete_invocation(Some(&id), Err(why))
}

async fn init_error(State(slot): State<Arc<RuntimeSlot>>, body: String) -> StatusCode {
    let why = InvokeError::Function(describe_diagnostic(body));
    slot.complete_invocation(None, Err(why))
}

/// What a function reported: its error's type and message, without the JSON around them.
fn describe_diagnostic(body: String) -> String {
    let diagnostic: Value = serde_json::from_str(&body).unwrap_or_default();
    match (&diagnostic["errorType"], &diagnostic["errorMessage"]) {
        (Value::String(kind), Value::String(message)) => format!("{kind}: {message}"),
        _ => body,
    }
}

/// Measures a cold start: from the process's start to its first answer, whatever the answer is.
///
/// # Errors
/// When the process cannot be started or does not answer.
pub async fn measure_cold_start(
    config: &FunctionConfig,
    payload: Bytes,
) -> Result<Duration, InvokeError> {
    let function = LambdaFunction::new(config.clone());
    let start = Instant::now();
    match function.invoke(payload).await {
        Ok(_) | Err(InvokeError::Function(_)) => Ok(start.elapsed()),
        Err(error) => Err(error),
    }
}

//! Starting everything, and what can be asked of it while it runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::glue::{self, DATABASES, Glue};
use super::kafka::{self, Topics};
use super::lambda::{Function, FunctionConfig, InvokeError};
use super::queue::{Queue, map_queue};
use super::s3::{self, ACCESS_KEY, Files, SECRET_KEY};
use super::source::KafkaMapping;
use super::tokens::Tokens;
use super::{BUCKETS, gateway, secrets};

/// How the platform is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder that holds all of its state.
    pub folder: PathBuf,
    /// The folder of the contracts.
    pub contracts: PathBuf,
    /// The port of the HTTP API; any free one when it is 0.
    pub port: u16,
    /// The program that carries the functions, called as `<program> function <name>`.
    pub program: PathBuf,
    /// A folder of stand-alone function binaries to use instead.
    pub binaries: Option<PathBuf>,
}

/// What runs.
pub struct Running {
    /// The clock that stamps records.
    pub clock: Arc<Clock>,
    pub(super) relay: Arc<Function>,
    pub(super) tokens: Tokens,
    functions: Vec<Arc<Function>>,
    queues: BTreeMap<String, Arc<Queue>>,
    mappings: Vec<Arc<KafkaMapping>>,
    places: Value,
}

/// The platform; it ends when this is dropped.
pub struct Platform {
    /// What runs.
    pub running: Arc<Running>,
    /// The HTTP API's address, such as `http://127.0.0.1:8470`.
    pub api: String,
    /// The S3 endpoint.
    pub s3: String,
    /// The Kafka broker, `host:port`.
    pub kafka: String,
    tasks: Vec<JoinHandle<()>>,
    file: PathBuf,
    /// Held as long as the platform runs: one platform for one folder.
    _lock: File,
}

impl Drop for Platform {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        drop(std::fs::remove_file(&self.file));
    }
}

/// The queue that tells the transform of raw objects.
const RAW_OBJECTS: &str = "raw-objects";

impl Platform {
    /// Starts servers, functions and mappings.
    ///
    /// # Errors
    /// When the folder is in use, a port is taken, or a contract does not compile.
    pub async fn start(options: Options) -> io::Result<Self> {
        let folder = &options.folder;
        std::fs::create_dir_all(folder.join("logs"))?;
        let lock = lock(folder)?;
        let contracts = options.contracts.to_string_lossy();
        let pack = std::fs::canonicalize(folder)?.join("contracts.json");
        let catalogue = host::pack_contracts(&contracts, &pack)
            .map_err(|failure| io::Error::other(failure.to_string()))?;
        let (clock, mut tasks) = (Arc::new(Clock::default()), Vec::new());

        let topics = Arc::new(Topics::open(&folder.join("kafka"), Arc::clone(&clock))?);
        let raw_objects = Arc::new(Queue::open(&folder.join("queues"), RAW_OBJECTS)?);
        let files = Arc::new(Files::open(
            &folder.join("s3"),
            &BUCKETS,
            notify(Arc::clone(&raw_objects)),
        )?);
        let s3 = serve(s3::router(files), 0, &mut tasks).await?;
        let glue = Glue::open(&folder.join("glue.json"))?;
        glue.make_databases(snapshot_merge::zones::databases(DATABASES, &catalogue));
        let glue = serve(glue::router(Arc::new(glue)), 0, &mut tasks).await?;
        let secrets = serve(secrets::router(folder.join("secrets.json")), 0, &mut tasks).await?;
        let broker = TcpListener::bind("127.0.0.1:0").await?;
        let kafka = broker.local_addr()?.to_string();
        tasks.push(spawn_broker(broker, Arc::clone(&topics), folder)?);

        let sources: Vec<&str> = catalogue
            .plans
            .iter()
            .map(|plan| plan.contract.name.as_str())
            .collect();
        let environment = environment(&pack, [&s3, &glue, &secrets, &kafka], &sources);
        let functions = functions(&options, &environment);
        let [relay, landing, transform, ..] = functions.as_slice() else {
            return Err(io::Error::other("no functions"));
        };
        let mut queues = BTreeMap::from([(RAW_OBJECTS.to_owned(), Arc::clone(&raw_objects))]);
        // Two pollers: one object's download overlaps with another's work.
        for _ in 0..2 {
            tasks.push(tokio::spawn(map_queue(
                Arc::clone(&raw_objects),
                Arc::clone(transform),
            )));
        }
        for source in &sources {
            let queue = Arc::new(Queue::open(
                &folder.join("queues"),
                &format!("relay-{source}"),
            )?);
            tasks.push(tokio::spawn(map_queue(
                Arc::clone(&queue),
                Arc::clone(relay),
            )));
            queues.insert(format!("relay-{source}"), queue);
        }
        let mut mappings = Vec::new();
        for plan in &catalogue.plans {
            let topic = &plan.contract.topic;
            let offsets = folder.join("offsets");
            let mapping =
                KafkaMapping::open(&offsets, topic, Arc::clone(&topics), Arc::clone(landing))?;
            mappings.push(Arc::new(mapping));
        }
        tasks.extend(
            mappings
                .iter()
                .map(|mapping| tokio::spawn(Arc::clone(mapping).run())),
        );

        let tokens = Tokens::open(folder)?;
        let places = json!({"s3": s3, "kafka": kafka, "glue": glue, "pid": std::process::id()});
        let running = Arc::new(Running {
            clock,
            relay: Arc::clone(relay),
            tokens,
            functions,
            queues,
            mappings,
            places,
        });
        let api = serve(
            gateway::router(Arc::clone(&running)),
            options.port,
            &mut tasks,
        )
        .await?;
        let file = folder.join("platform.json");
        std::fs::write(
            &file,
            json!({"api": api, "s3": s3, "kafka": kafka, "glue": glue}).to_string(),
        )?;
        Ok(Self {
            running,
            api,
            s3,
            kafka,
            tasks,
            file,
            _lock: lock,
        })
    }
}

impl Running {
    /// The function of that name.
    #[must_use]
    pub fn function(&self, name: &str) -> Option<&Arc<Function>> {
        self.functions
            .iter()
            .find(|function| function.name() == name)
    }

    /// The queue of that name.
    #[must_use]
    pub fn queue(&self, name: &str) -> Option<&Arc<Queue>> {
        self.queues.get(name)
    }

    /// Invokes a function with a payload.
    ///
    /// # Errors
    /// As the function's; an unknown name is one too.
    pub async fn invoke(&self, name: &str, payload: &Value) -> Result<Value, InvokeError> {
        let unknown = || InvokeError::Function(format!("there is no function `{name}`"));
        let answer = self
            .function(name)
            .ok_or_else(unknown)?
            .invoke(Bytes::from(payload.to_string()))
            .await?;
        serde_json::from_slice(&answer).map_err(|error| InvokeError::Function(error.to_string()))
    }

    /// Records that are not landed, and messages that are not done.
    #[must_use]
    pub fn pending(&self) -> (u64, u64) {
        let lag: i64 = self.mappings.iter().map(|mapping| mapping.lag()).sum();
        let waiting: usize = self.queues.values().map(|queue| queue.waiting()).sum();
        (lag.unsigned_abs(), waiting as u64)
    }

    /// Waits until everything that was accepted is landed and transformed.
    pub async fn settled(&self) {
        while self.pending() != (0, 0) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) fn status(&self) -> Value {
        let (records, messages) = self.pending();
        let dead: usize = self.queues.values().map(|queue| queue.dead()).sum();
        let working: BTreeMap<&str, Vec<u32>> = self
            .functions
            .iter()
            .map(|function| (function.name(), function.working()))
            .collect();
        json!({
            "records_to_land": records,
            "messages_waiting": messages,
            "dead_letters": dead,
            "clock_millis": self.clock.millis(),
            "working": working,
            "places": self.places,
        })
    }
}

fn lock(folder: &Path) -> io::Result<File> {
    let file = File::create(folder.join(".lock"))?;
    file.try_lock().map_err(|_| {
        let message = format!(
            "another polelake runs on {}; stop it, or give another --dir",
            folder.display()
        );
        io::Error::new(io::ErrorKind::WouldBlock, message)
    })?;
    Ok(file)
}

async fn serve(router: Router, port: u16, tasks: &mut Vec<JoinHandle<()>>) -> io::Result<String> {
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    let address = listener.local_addr()?;
    tasks.push(tokio::spawn(async move {
        drop(axum::serve(listener, router).await);
    }));
    Ok(format!("http://{address}"))
}

/// Producer ids must be new in every life of the broker: the log remembers those of the last.
fn spawn_broker(
    listener: TcpListener,
    topics: Arc<Topics>,
    folder: &Path,
) -> io::Result<JoinHandle<()>> {
    let file = folder.join("kafka-lives");
    let life = std::fs::read_to_string(&file)
        .ok()
        .and_then(|text| text.parse::<i64>().ok())
        .unwrap_or_default()
        + 1;
    std::fs::write(file, life.to_string())?;
    Ok(tokio::spawn(async move {
        drop(kafka::serve(listener, topics, life * 1_000_000, kafka::weather::calm()).await);
    }))
}

/// Tells the queue of every raw object, in the form of an S3 notification.
fn notify(queue: Arc<Queue>) -> s3::Watch {
    Arc::new(move |bucket, key| {
        if bucket != "raw" || !key.ends_with(".parquet") {
            return Ok(());
        }
        // Keys are form-encoded in notifications; ours need it for `=` only.
        let key = key
            .replace('%', "%25")
            .replace('=', "%3D")
            .replace('+', "%2B")
            .replace(' ', "+");
        let record = json!({
            "eventVersion": "2.6",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
        });
        queue.send(json!({"Records": [record]}).to_string())
    })
}

fn environment(
    pack: &Path,
    [s3, glue, secrets, kafka]: [&str; 4],
    sources: &[&str],
) -> BTreeMap<String, String> {
    let queues: Vec<String> = sources
        .iter()
        .map(|source| format!("relay-{source}={source}"))
        .collect();
    let pairs = [
        ("AWS_ENDPOINT_URL_S3", s3.to_owned()),
        ("AWS_ENDPOINT_URL_GLUE", glue.to_owned()),
        ("AWS_ENDPOINT_URL_SECRETS_MANAGER", secrets.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_REGION", "eu-west-2".to_owned()),
        ("AWS_LAMBDA_LOG_LEVEL", "warn".to_owned()),
        ("RAW_BUCKET", "raw".to_owned()),
        ("REFINED_BUCKET", "refined".to_owned()),
        ("CURATED_BUCKET", "curated".to_owned()),
        ("SITE_BUCKET", "site".to_owned()),
        ("GLUE_DATABASES", DATABASES.to_owned()),
        ("CONTRACTS", pack.to_string_lossy().into_owned()),
        ("KAFKA_BOOTSTRAP", kafka.to_owned()),
        ("KAFKA_AUTH", "none".to_owned()),
        ("QUEUE_SOURCES", queues.join(",")),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// The five functions: name, timeout in seconds, invocations at once.
pub const FUNCTIONS: [(&str, u64, usize); 5] = [
    ("event-relay", 30, 4),
    ("raw-landing", 60, 2),
    ("pole-transform", 300, 2),
    ("snapshot-merge", 840, 1),
    ("quality-report", 300, 1),
];

fn functions(options: &Options, environment: &BTreeMap<String, String>) -> Vec<Arc<Function>> {
    let function = |(name, seconds, concurrency): (&'static str, u64, usize)| {
        let program = match &options.binaries {
            Some(folder) => (folder.join(name), Vec::new()),
            None => (
                options.program.clone(),
                vec!["function".to_owned(), name.to_owned()],
            ),
        };
        Arc::new(Function::new(FunctionConfig {
            name,
            program,
            environment: environment.clone(),
            timeout: Duration::from_secs(seconds),
            concurrency,
            log: options.folder.join(format!("logs/{name}.log")),
        }))
    };
    FUNCTIONS.into_iter().map(function).collect()
}

//! Starting everything, and what can be asked of it while it runs.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::glue::{self, LOCAL_DATABASE_PREFIX, LocalGlue};
use super::kafka::{self, TopicLogs};
use super::kafka_mapping::KafkaMapping;
use super::lambda::{FunctionConfig, LambdaFunction};
use super::platform_state::RunningPlatform;
use super::queue::{LocalQueue, run_queue_mapping};
use super::s3::{self, ACCESS_KEY, BucketFiles, SECRET_KEY};
use super::tokens::TokenIssuer;
use super::{BUCKETS, gateway, secrets};

/// How the platform is started.
#[derive(Clone, Debug)]
pub struct PlatformOptions {
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

/// The platform; it ends when this is dropped.
pub struct LocalPlatform {
    /// What runs.
    pub running: Arc<RunningPlatform>,
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

impl Drop for LocalPlatform {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        drop(std::fs::remove_file(&self.file));
    }
}

/// The queue that tells the transform of raw objects.
const RAW_OBJECTS_QUEUE: &str = "raw-objects";

impl LocalPlatform {
    /// Starts servers, functions and mappings.
    ///
    /// # Errors
    /// When the folder is in use, a port is taken, or a contract does not compile.
    pub async fn start(options: PlatformOptions) -> io::Result<Self> {
        let folder = &options.folder;
        std::fs::create_dir_all(folder.join("logs"))?;
        let lock = lock_folder(folder)?;
        let contracts = options.contracts.to_string_lossy();
        let pack = std::fs::canonicalize(folder)?.join("contracts.json");
        let catalogue = host::pack_contracts(&contracts, &pack)
            .map_err(|failure| io::Error::other(failure.to_string()))?;
        let (clock, mut tasks) = (Arc::new(Clock::default()), Vec::new());

        let topics = Arc::new(TopicLogs::open(&folder.join("kafka"), Arc::clone(&clock))?);
        let raw_objects = Arc::new(LocalQueue::open(&folder.join("queues"), RAW_OBJECTS_QUEUE)?);
        let files = Arc::new(BucketFiles::open(
            &folder.join("s3"),
            &BUCKETS,
            notify_queue(Arc::clone(&raw_objects)),
        )?);
        let s3 = serve_http(s3::endpoint_router(files), 0, &mut tasks).await?;
        let glue = LocalGlue::open(&folder.join("glue.json"))?;
        glue.create_databases(snapshot_merge::glue_databases::required_databases(
            LOCAL_DATABASE_PREFIX,
            &catalogue,
        ));
        let glue = serve_http(glue::endpoint_router(Arc::new(glue)), 0, &mut tasks).await?;
        let secrets = serve_http(
            secrets::endpoint_router(folder.join("secrets.json")),
            0,
            &mut tasks,
        )
        .await?;
        let broker = TcpListener::bind("127.0.0.1:0").await?;
        let kafka = broker.local_addr()?.to_string();
        tasks.push(spawn_broker(broker, Arc::clone(&topics), folder)?);

        let sources: Vec<&str> = catalogue
            .mappings
            .iter()
            .map(|plan| plan.contract.name.as_str())
            .collect();
        let environment = function_environment(&pack, [&s3, &glue, &secrets, &kafka], &sources);
        let functions = create_functions(&options, &environment);
        let [relay, landing, transform, ..] = functions.as_slice() else {
            return Err(io::Error::other("no functions"));
        };
        let mut queues = BTreeMap::from([(RAW_OBJECTS_QUEUE.to_owned(), Arc::clone(&raw_objects))]);
        // Two pollers: one object's download overlaps with another's work.
        for _ in 0..2 {
            tasks.push(tokio::spawn(run_queue_mapping(
                Arc::clone(&raw_objects),
                Arc::clone(transform),
            )));
        }
        for source in &sources {
            let queue = Arc::new(LocalQueue::open(
                &folder.join("queues"),
                &format!("relay-{source}"),
            )?);
            tasks.push(tokio::spawn(run_queue_mapping(
                Arc::clone(&queue),
                Arc::clone(relay),
            )));
            queues.insert(format!("relay-{source}"), queue);
        }
        let mut mappings = Vec::new();
        for plan in &catalogue.mappings {
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

        let tokens = TokenIssuer::open(folder)?;
        let places = json!({"s3": s3, "kafka": kafka, "glue": glue, "pid": std::process::id()});
        let running = Arc::new(RunningPlatform {
            clock,
            relay: Arc::clone(relay),
            tokens,
            functions,
            queues,
            mappings,
            endpoints: places,
        });
        let api = serve_http(
            gateway::api_router(Arc::clone(&running)),
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

fn lock_folder(folder: &Path) -> io::Result<File> {
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

async fn serve_http(
    router: Router,
    port: u16,
    tasks: &mut Vec<JoinHandle<()>>,
) -> io::Result<String> {
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
    topics: Arc<TopicLogs>,
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
        drop(
            kafka::serve_broker(
                listener,
                topics,
                life * 1_000_000,
                kafka::fault_injection::no_faults(),
            )
            .await,
        );
    }))
}

/// Tells the queue of every raw object, in the form of an S3 notification.
fn notify_queue(queue: Arc<LocalQueue>) -> s3::ObjectWatcher {
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
        queue.send_message(json!({"Records": [record]}).to_string())
    })
}

fn function_environment(
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
        ("GLUE_DATABASES", LOCAL_DATABASE_PREFIX.to_owned()),
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

fn create_functions(
    options: &PlatformOptions,
    environment: &BTreeMap<String, String>,
) -> Vec<Arc<LambdaFunction>> {
    let function = |(name, seconds, concurrency): (&'static str, u64, usize)| {
        let program = match &options.binaries {
            Some(folder) => (folder.join(name), Vec::new()),
            None => (
                options.program.clone(),
                vec!["function".to_owned(), name.to_owned()],
            ),
        };
        Arc::new(LambdaFunction::new(FunctionConfig {
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

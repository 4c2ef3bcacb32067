//! Starts the platform: its servers, functions and mappings.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use contract::Catalogue;
use serde_json::{Value, json};
use snapshot_merge::glue_databases::required_databases;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::clock::Clock;
use super::file_error::name_path;
use super::glue::{self, LOCAL_DATABASE_PREFIX, LocalGlue};
use super::identity_key::{IDENTITY_KEY_SECRET, create_identity_key};
use super::kafka::{self, TopicLogs};
use super::kafka_mapping::KafkaMapping;
use super::lambda::{FunctionConfig, LambdaFunction};
use super::landed_records::LandedRecords;
use super::listener::serve_router;
use super::operator_token::OperatorToken;
use super::ports::{LocalServer, PlatformPorts};
use super::private_files::{
    create_private_folder, open_platform_folder, private_options, protect_key_file,
    replace_private_file, write_private_file,
};
use super::queue::{LocalQueue, run_queue_mapping};
use super::run_contracts::RunContracts;
use super::running::RunningPlatform;
use super::s3::{self, ACCESS_KEY, BucketFiles, SECRET_KEY};
use super::secrets::{self, SECRETS_FILE};
use super::tokens::TokenIssuer;
use super::try_page::{EventTrial, TryPage};
use super::{BUCKETS, gateway};

/// How the platform is started.
#[derive(Clone, Debug)]
pub struct PlatformOptions {
    /// The folder that holds all of its state.
    pub folder: PathBuf,
    /// The folder of the contracts.
    pub contracts: PathBuf,
    /// The port of the HTTP API, which those of Kafka, S3, Glue and Secrets Manager follow; any
    /// free ones when it is 0.
    pub port: u16,
    /// The program that carries the functions, called as `<program> function <name>`.
    pub program: PathBuf,
    /// A folder of stand-alone function binaries to use instead.
    pub binaries: Option<PathBuf>,
}

/// The platform; it ends when this is dropped.
pub struct LocalPlatform {
    /// The parts that requests reach.
    pub running: Arc<RunningPlatform>,
    /// The HTTP API's address, such as `http://127.0.0.1:8470`.
    pub api: String,
    /// The address of the page on which events are tried, with its key, where there is one.
    pub try_page: Option<String>,
    /// The S3 endpoint.
    pub s3: String,
    /// The Kafka broker, `host:port`.
    pub kafka: String,
    /// What every function has in its environment.
    pub function_environment: BTreeMap<String, String>,
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

/// The file that a running platform holds locked.
const LOCK_FILE: &str = ".lock";

/// The folder of committed offsets, a file for each topic.
const OFFSETS_FOLDER: &str = "offsets";

/// The queue that notifies the transform of raw objects.
const RAW_OBJECTS_QUEUE: &str = "raw-objects";

/// Pollers of that queue: while one downloads an object, the other transforms.
const RAW_OBJECTS_POLLERS: usize = 2;

impl LocalPlatform {
    /// Starts servers, functions and mappings.
    ///
    /// # Errors
    /// When the folder is in use, a port is taken, or a contract does not compile.
    pub async fn start(options: PlatformOptions) -> io::Result<Self> {
        Self::start_with_page(options, None).await
    }

    /// The same with a page on which a developer tries events.
    ///
    /// # Errors
    /// As [`LocalPlatform::start`].
    pub async fn start_with_page(
        options: PlatformOptions,
        trial: Option<Arc<dyn EventTrial>>,
    ) -> io::Result<Self> {
        let folder = &options.folder;
        let ports = PlatformPorts::from_first(options.port)?;
        check_programs(&options)?;
        open_platform_folder(folder)?;
        create_private_folder(&folder.join("logs"))?;
        let lock = lock_folder(folder)?;
        protect_key_file(&folder.join(SECRETS_FILE))?;
        let pack = std::fs::canonicalize(folder)?.join("contracts.json");
        write_private_file(&pack, b"")?;
        // Before they are packed: a change in between counts as one.
        let contracts = RunContracts::read(&options.contracts).map_err(io::Error::other)?;
        let contracts = Arc::new(contracts);
        let catalogue = host::pack_contracts(&options.contracts.to_string_lossy(), &pack)
            .map_err(|failure| io::Error::other(failure.to_string()))?;

        let mut tasks = Vec::new();
        let services = LocalServices::start(folder, &catalogue, ports, &mut tasks).await?;
        let function_environment = services.environment(&pack, &catalogue);
        let functions = create_functions(&options, &function_environment);
        let [relay, landing, transform, ..] = functions.as_slice() else {
            return Err(io::Error::other("no functions"));
        };
        let queues = services.start_queues(folder, &catalogue, relay, transform, &mut tasks)?;
        let mappings = services.start_mappings(folder, &catalogue, landing, &mut tasks)?;

        let running = Arc::new(RunningPlatform {
            relay: Arc::clone(relay),
            tokens: TokenIssuer::open(folder)?,
            operator: OperatorToken::open(&std::path::absolute(folder)?)?,
            landed: LandedRecords::new(Arc::clone(&services.topics), folder.join(OFFSETS_FOLDER)),
            functions,
            queues,
            mappings,
            contracts: Arc::clone(&contracts),
            endpoints: services.endpoints_json(),
            clock: services.clock,
        });
        let page = trial
            .map(|trial| TryPage::new(trial, contracts))
            .transpose()?;
        let page = page.map(Arc::new);
        let router = gateway::api_router(Arc::clone(&running), page.clone());
        let api = serve_http(router, ports, LocalServer::Api, &mut tasks).await?;
        ports.remember(folder)?;

        let file = folder.join("platform.json");
        let addresses = json!({
            "api": api, "s3": services.s3, "kafka": services.kafka, "glue": services.glue,
        });
        replace_private_file(&file, addresses.to_string().as_bytes())?;
        Ok(Self {
            running,
            try_page: page.map(|page| page.address(&api)),
            api,
            s3: services.s3,
            kafka: services.kafka,
            function_environment,
            tasks,
            file,
            _lock: lock,
        })
    }
}

/// The servers that the functions find on AWS, with the addresses that they listen on.
struct LocalServices {
    clock: Arc<Clock>,
    topics: Arc<TopicLogs>,
    raw_objects: Arc<LocalQueue>,
    s3: String,
    glue: String,
    secrets: String,
    kafka: String,
}

impl LocalServices {
    async fn start(
        folder: &Path,
        catalogue: &Catalogue,
        ports: PlatformPorts,
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> io::Result<Self> {
        let clock = Arc::new(Clock::default());
        let topics = Arc::new(TopicLogs::open(&folder.join("kafka"), Arc::clone(&clock))?);
        let raw_objects = LocalQueue::open(&folder.join("queues"), RAW_OBJECTS_QUEUE)?;
        let raw_objects = Arc::new(raw_objects);

        let watcher = notify_queue(Arc::clone(&raw_objects));
        let files = BucketFiles::open(&folder.join("s3"), &BUCKETS, watcher)?;
        let s3 = s3::endpoint_router(Arc::new(files));
        let s3 = serve_http(s3, ports, LocalServer::S3, tasks).await?;

        let glue = LocalGlue::open(&folder.join("glue.json"))?;
        glue.create_databases(required_databases(LOCAL_DATABASE_PREFIX, catalogue));
        let glue = glue::endpoint_router(Arc::new(glue));
        let glue = serve_http(glue, ports, LocalServer::Glue, tasks).await?;

        create_identity_key(folder)?;
        let secrets = secrets::endpoint_router(folder);
        let secrets = serve_http(secrets, ports, LocalServer::Secrets, tasks).await?;

        let listener = ports.listen(LocalServer::Kafka).await?;
        let kafka = listener.local_addr()?.to_string();
        tasks.push(spawn_broker(listener, Arc::clone(&topics), folder)?);
        Ok(Self {
            clock,
            topics,
            raw_objects,
            s3,
            glue,
            secrets,
            kafka,
        })
    }

    /// The environment of every function.
    fn environment(&self, pack: &Path, catalogue: &Catalogue) -> BTreeMap<String, String> {
        let queue_sources: Vec<String> = source_names(catalogue)
            .map(|source| format!("relay-{source}={source}"))
            .collect();
        let pairs = [
            ("AWS_ENDPOINT_URL_S3", self.s3.clone()),
            ("AWS_ENDPOINT_URL_GLUE", self.glue.clone()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets.clone()),
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
            ("KAFKA_BOOTSTRAP", self.kafka.clone()),
            ("KAFKA_AUTH", "none".to_owned()),
            ("IDENTITY_KEY_SECRET", IDENTITY_KEY_SECRET.to_owned()),
            ("QUEUE_SOURCES", queue_sources.join(",")),
            ("FETCH_LOOPBACK", "allowed".to_owned()),
        ];
        pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Starts the pollers of every queue: raw objects to the transform, each source's events to the
    /// relay.
    fn start_queues(
        &self,
        folder: &Path,
        catalogue: &Catalogue,
        relay: &Arc<LambdaFunction>,
        transform: &Arc<LambdaFunction>,
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> io::Result<BTreeMap<String, Arc<LocalQueue>>> {
        let raw_objects = &self.raw_objects;
        for _ in 0..RAW_OBJECTS_POLLERS {
            let poller = run_queue_mapping(Arc::clone(raw_objects), Arc::clone(transform));
            tasks.push(tokio::spawn(poller));
        }

        let mut queues = BTreeMap::from([(RAW_OBJECTS_QUEUE.to_owned(), Arc::clone(raw_objects))]);
        for source in source_names(catalogue) {
            let name = format!("relay-{source}");
            let queue = Arc::new(LocalQueue::open(&folder.join("queues"), &name)?);
            let poller = run_queue_mapping(Arc::clone(&queue), Arc::clone(relay));
            tasks.push(tokio::spawn(poller));
            queues.insert(name, queue);
        }
        Ok(queues)
    }

    /// Starts an event source mapping from every topic to the landing.
    fn start_mappings(
        &self,
        folder: &Path,
        catalogue: &Catalogue,
        landing: &Arc<LambdaFunction>,
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> io::Result<Vec<Arc<KafkaMapping>>> {
        let offsets = folder.join(OFFSETS_FOLDER);
        let mut mappings = Vec::new();
        for compiled in &catalogue.mappings {
            let topics = Arc::clone(&self.topics);
            let topic = &compiled.contract.topic;
            let mapping = KafkaMapping::open(&offsets, topic, topics, Arc::clone(landing))?;
            mappings.push(Arc::new(mapping));
        }

        for mapping in &mappings {
            tasks.push(tokio::spawn(Arc::clone(mapping).run()));
        }
        Ok(mappings)
    }

    /// The addresses that `/_local/status` answers with.
    fn endpoints_json(&self) -> Value {
        json!({"s3": self.s3, "kafka": self.kafka, "glue": self.glue, "pid": std::process::id()})
    }
}

/// Whether a platform runs on the folder: only then do the addresses in its `platform.json` mean
/// that platform. After a crash, another program may listen there.
#[must_use]
pub fn is_running(folder: &Path) -> bool {
    let file = File::open(folder.join(LOCK_FILE));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

fn source_names(catalogue: &Catalogue) -> impl Iterator<Item = &str> {
    let mappings = catalogue.mappings.iter();
    mappings.map(|compiled| compiled.contract.name.as_str())
}

fn lock_folder(folder: &Path) -> io::Result<File> {
    let mut options = private_options();
    let options = options.write(true).create(true).truncate(true);
    let path = folder.join(LOCK_FILE);
    let file = options
        .open(&path)
        .map_err(|error| name_path(&path, &error))?;
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
    ports: PlatformPorts,
    server: LocalServer,
    tasks: &mut Vec<JoinHandle<()>>,
) -> io::Result<String> {
    let listener = ports.listen(server).await?;
    let address = listener.local_addr()?;
    tasks.push(tokio::spawn(async move {
        drop(serve_router(listener, router).await);
    }));
    Ok(format!("http://{address}"))
}

/// Producer ids of one start of the broker: the next start begins behind them.
const PRODUCER_IDS_PER_START: i64 = 1_000_000;

/// Starts the broker. Its producer ids are new at every start, for the log remembers the producers
/// of earlier ones.
fn spawn_broker(
    listener: TcpListener,
    topics: Arc<TopicLogs>,
    folder: &Path,
) -> io::Result<JoinHandle<()>> {
    let file = folder.join("kafka-lives");
    let earlier_starts = std::fs::read_to_string(&file)
        .ok()
        .and_then(|text| text.parse::<i64>().ok())
        .unwrap_or_default();
    let starts = earlier_starts + 1;
    write_private_file(&file, starts.to_string().as_bytes())?;

    let first_producer = starts * PRODUCER_IDS_PER_START;
    let faults = kafka::fault_injection::no_faults();
    Ok(tokio::spawn(async move {
        drop(kafka::serve_broker(listener, topics, first_producer, faults).await);
    }))
}

/// Sends an S3 notification of every raw object to the queue.
fn notify_queue(queue: Arc<LocalQueue>) -> s3::ObjectWatcher {
    Arc::new(move |bucket, key| {
        if bucket != "raw" || !key.ends_with(".parquet") {
            return Ok(());
        }
        // Keys are form-encoded in notifications; of these characters, polelake's keys contain only
        // `=`.
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
    let mut functions = Vec::new();
    for (name, seconds, concurrency) in FUNCTIONS {
        let config = FunctionConfig {
            name,
            program: function_program(options, name),
            environment: environment.clone(),
            timeout: Duration::from_secs(seconds),
            concurrency,
            log: options.folder.join(format!("logs/{name}.log")),
        };
        functions.push(Arc::new(LambdaFunction::new(config)));
    }
    functions
}

/// Refuses a folder of programs that lacks one: every request would end without an answer.
fn check_programs(options: &PlatformOptions) -> io::Result<()> {
    let Some(folder) = &options.binaries else {
        return Ok(());
    };
    for (name, ..) in FUNCTIONS {
        let program = folder.join(name);
        if !is_program(&program) {
            let message = format!(
                "there is no program {}: `--functions` names the folder of the five functions, \
                 such as target/release after `cargo build --release --workspace`",
                program.display()
            );
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
    }
    Ok(())
}

/// Whether a file can be started.
fn is_program(file: &Path) -> bool {
    let metadata = std::fs::metadata(file);
    metadata.is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

/// A function's program with its first arguments: a binary of its own, or the program that carries
/// all functions.
fn function_program(options: &PlatformOptions, name: &str) -> (PathBuf, Vec<String>) {
    match &options.binaries {
        Some(folder) => (folder.join(name), Vec::new()),
        None => {
            let arguments = vec!["function".to_owned(), name.to_owned()];
            (options.program.clone(), arguments)
        }
    }
}

//! Starts the platform: its servers, functions and mappings.

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use contract::{Catalogue, Transport};
use serde_json::json;
use snapshot_merge::glue_databases::required_databases;
use tokio::task::JoinHandle;

use super::file_error::name_path;
use super::gateway;
use super::glue::LOCAL_DATABASE_PREFIX;
use super::kafka_mapping::OFFSETS_FOLDER;
use super::lambda::{FunctionConfig, LambdaFunction};
use super::landed_records::LandedRecords;
use super::landing_schedule::QueueLanding;
use super::operator_token::OperatorToken;
use super::parts::{ExternalParts, settle_parts, write_parts};
use super::ports::{LocalServer, PlatformPorts};
use super::private_files::{
    create_private_folder, open_platform_folder, private_options, protect_key_file,
    replace_private_file, write_private_file,
};
use super::run_contracts::RunContracts;
use super::running::RunningPlatform;
use super::secrets::SECRETS_FILE;
use super::services::{LocalServices, ServicesPlace, serve_http, topic_names};
use super::tokens::TokenIssuer;
use super::transport::{remember_transport, settle_transport};
use super::try_page::{EventTrial, TryPage};

/// How the platform is started.
#[derive(Clone, Debug)]
pub struct PlatformOptions {
    /// The folder that holds all of its state.
    pub folder: PathBuf,
    /// The folder of the contracts.
    pub contracts: PathBuf,
    /// The port of the HTTP API, which those of Kafka, S3, Glue, Secrets Manager and SQS follow; any
    /// free ones when it is 0.
    pub port: u16,
    /// The program that carries the functions, called as `<program> function <name>`.
    pub program: PathBuf,
    /// A folder of stand-alone function binaries to use instead.
    pub binaries: Option<PathBuf>,
    /// The parts that are asked for in place of embedded ones. Without any, a folder has those that
    /// it had at its first start.
    pub parts: ExternalParts,
    /// What is to carry the events of sources whose contracts do not say it. Without any, a folder
    /// has the transport that it had at its last start.
    pub transport: Option<Transport>,
    /// What starts the landing of the events queue.
    pub queue_landing: QueueLanding,
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
    /// The SQS endpoint.
    pub sqs: String,
    /// What carries the events of sources whose contracts do not say it.
    pub transport: Transport,
    /// The external parts.
    pub parts: ExternalParts,
    /// The topics of the contracts that an external Kafka did not have at the start.
    pub missing_topics: Vec<String>,
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

impl LocalPlatform {
    /// Starts servers, functions and mappings.
    ///
    /// # Errors
    /// When the folder is in use, a port is taken, or a contract does not compile.
    pub async fn start(options: PlatformOptions) -> io::Result<Self> {
        // On the heap: a future that holds this one would be too deep for the compiler.
        Box::pin(Self::start_with_page(options, None)).await
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
        let parts = settle_parts(folder, &options.parts)?;
        let transport = settle_transport(folder, options.transport, &parts)?;
        protect_key_file(&folder.join(SECRETS_FILE))?;
        let pack = std::fs::canonicalize(folder)?.join("contracts.json");
        write_private_file(&pack, b"")?;
        // Before they are packed: a change in between counts as one.
        let contracts = RunContracts::read(&options.contracts).map_err(io::Error::other)?;
        let contracts = Arc::new(contracts);
        let catalogue = host::pack_contracts(&options.contracts.to_string_lossy(), &pack)
            .map_err(|failure| io::Error::other(failure.to_string()))?;
        let missing_topics = Box::pin(prepare_parts(&parts, folder, &catalogue)).await?;

        let mut tasks = Vec::new();
        let place = ServicesPlace {
            folder,
            catalogue: &catalogue,
            parts: &parts,
            ports,
            transport,
            queue_landing: options.queue_landing,
        };
        let services = Box::pin(LocalServices::start(place, &mut tasks)).await?;
        let function_environment = services.environment(&pack, place).await;
        let functions = create_functions(&options, &function_environment);
        let running = run_services(&services, place, functions, &contracts, &mut tasks).await?;
        let page = trial
            .map(|trial| TryPage::new(trial, contracts))
            .transpose()?;
        let page = page.map(Arc::new);
        let router = gateway::api_router(Arc::clone(&running), page.clone());
        let api = serve_http(router, ports, LocalServer::Api, &mut tasks).await?;
        ports.remember(folder)?;
        remember_transport(folder, transport)?;

        let file = folder.join("platform.json");
        let endpoints = &running.endpoints;
        let addresses = json!({
            "api": api, "s3": services.s3, "kafka": services.kafka, "glue": endpoints["glue"],
            "sqs": services.sqs,
        });
        replace_private_file(&file, addresses.to_string().as_bytes())?;
        Ok(Self {
            running,
            try_page: page.map(|page| page.address(&api)),
            api,
            s3: services.s3,
            kafka: services.kafka,
            sqs: services.sqs,
            transport,
            parts,
            missing_topics,
            function_environment,
            tasks,
            file,
            _lock: lock,
        })
    }
}

/// Checks the external parts before anything starts, and records that the folder has
/// them. Gives the topics that are missing.
async fn prepare_parts(
    parts: &ExternalParts,
    folder: &Path,
    catalogue: &Catalogue,
) -> io::Result<Vec<String>> {
    parts.check().map_err(io::Error::other)?;
    parts.check_buckets().await?;
    let missing = parts.missing_topics(&topic_names(catalogue)).await?;
    let databases = required_databases(LOCAL_DATABASE_PREFIX, catalogue);
    parts.create_databases(databases).await?;
    write_parts(folder, parts)?;
    Ok(missing)
}

/// Starts what carries events from one function to the next.
async fn run_services(
    services: &LocalServices,
    place: ServicesPlace<'_>,
    functions: Vec<Arc<LambdaFunction>>,
    contracts: &Arc<RunContracts>,
    tasks: &mut Vec<JoinHandle<()>>,
) -> io::Result<Arc<RunningPlatform>> {
    let folder = place.folder;
    let [relay, landing, transform, ..] = functions.as_slice() else {
        return Err(io::Error::other("no functions"));
    };
    let queues = services.start_queues(place, [relay, landing, transform], tasks);
    let mappings = services.start_mappings(place, landing, tasks)?;
    let watch = services.start_watch(place, tasks).await?;
    let landed = services
        .topics
        .clone()
        .map(|topics| LandedRecords::new(topics, folder.join(OFFSETS_FOLDER)));

    Ok(Arc::new(RunningPlatform {
        relay: Arc::clone(relay),
        tokens: TokenIssuer::open(folder)?,
        operator: OperatorToken::open(&std::path::absolute(folder)?)?,
        landed,
        functions,
        queues,
        mappings,
        watch,
        contracts: Arc::clone(contracts),
        endpoints: services.endpoints_json(),
        requests: services.requests.clone(),
        clock: Arc::clone(&services.clock),
    }))
}

/// Whether a platform runs on the folder: only then do the addresses in its `platform.json` mean
/// that platform. After a crash, another program may listen there.
#[must_use]
pub fn is_running(folder: &Path) -> bool {
    let file = File::open(folder.join(LOCK_FILE));
    file.is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
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

//! What the functions find on AWS: the embedded servers, and the external parts.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use contract::{Catalogue, Transport};
use event_relay::kafka::OffsetsClient;
use serde_json::{Value, json};
use snapshot_merge::glue_databases::required_databases;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::BUCKETS;
use super::clock::Clock;
use super::external_topic::ExternalTopic;
use super::glue::{self, LOCAL_DATABASE_PREFIX, LocalGlue};
use super::identity_key::{
    IDENTITY_KEY_SECRET, create_identity_key, identity_key_file, read_identity_key,
};
use super::kafka::{self, TopicLogs};
use super::kafka_mapping::{KafkaMapping, OFFSETS_FOLDER};
use super::lambda::LambdaFunction;
use super::landing_schedule::{QueueLanding, run_landing_schedule};
use super::listener::serve_router;
use super::parts::{ExternalKafka, ExternalParts};
use super::ports::{LocalServer, PlatformPorts};
use super::private_files::write_private_file;
use super::queue::LocalQueue;
use super::queue_mapping::{QueueMappingOptions, run_queue_mapping};
use super::raw_object_watch::{RawObjectWatch, notification};
use super::record_source::{EmbeddedTopic, RecordSource};
use super::request_counts::RequestCounters;
use super::s3::{self, BucketFiles};
use super::secrets;
use super::sqs::{self, LocalQueues, queue_path};
use super::transport::BROKER_FOLDER;

/// The queue that notifies the transform of raw objects.
pub(super) const RAW_OBJECTS_QUEUE: &str = "raw-objects";

/// The queue that carries events from the relay to the landing.
pub(super) const EVENTS_QUEUE: &str = "events";

/// How long the notice of a message is held back: here a message lands within a second.
const NOTICE_DELAY_SECONDS: u32 = 5;

/// Pollers of the events queue: Lambda has at least two.
const EVENTS_POLLERS: usize = 2;

/// Pollers of the queue of raw objects: while one downloads an object, the other transforms.
const RAW_OBJECTS_POLLERS: usize = 2;

/// Where the services keep their state, what they serve, and where they listen.
#[derive(Clone, Copy)]
pub(super) struct ServicesPlace<'p> {
    pub(super) folder: &'p Path,
    pub(super) catalogue: &'p Catalogue,
    pub(super) parts: &'p ExternalParts,
    pub(super) ports: PlatformPorts,
    /// What carries the events of sources whose contracts do not say it.
    pub(super) transport: Transport,
    /// What starts the landing of the events queue.
    pub(super) queue_landing: QueueLanding,
}

/// The services that the functions find on AWS, with their addresses.
pub(super) struct LocalServices {
    pub(super) clock: Arc<Clock>,
    /// The embedded broker's logs; none where Kafka is external.
    pub(super) topics: Option<Arc<TopicLogs>>,
    pub(super) s3: String,
    pub(super) kafka: String,
    glue: String,
    secrets: String,
    pub(super) sqs: String,
    queues: LocalQueues,
    /// How many requests S3 and SQS were sent.
    pub(super) requests: RequestCounters,
    /// Told when raw objects were written.
    landed: Arc<Notify>,
}

impl LocalServices {
    pub(super) async fn start(
        place: ServicesPlace<'_>,
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> io::Result<Self> {
        let ServicesPlace {
            folder,
            parts,
            ports,
            ..
        } = place;
        let clock = Arc::new(Clock::default());
        let queues = open_queues(place, &clock)?;
        let raw_objects = find_queue(&queues, RAW_OBJECTS_QUEUE)?;
        let requests = RequestCounters::default();
        let s3 = match &parts.s3 {
            Some(s3) => s3.endpoint.clone(),
            None => start_s3(place, Arc::clone(&raw_objects), &requests, tasks).await?,
        };
        let glue = match &parts.glue {
            Some(glue) => glue.clone(),
            None => start_glue(place, tasks).await?,
        };

        create_identity_key(folder)?;
        check_identity_key(folder, parts).await?;
        let secrets = secrets::endpoint_router(folder);
        let secrets = serve_http(secrets, ports, LocalServer::Secrets, tasks).await?;
        let sqs = requests.count_sqs(sqs::endpoint_router(queues.clone()));
        let sqs = serve_http(sqs, ports, LocalServer::Sqs, tasks).await?;

        let (kafka, topics) = match &parts.kafka {
            Some(kafka) => (kafka.bootstrap.clone(), None),
            None => {
                let topics = TopicLogs::open(&folder.join(BROKER_FOLDER), Arc::clone(&clock))?;
                let topics = Arc::new(topics);
                let kafka = start_broker(place, Arc::clone(&topics), tasks).await?;
                (kafka, Some(topics))
            }
        };
        Ok(Self {
            clock,
            topics,
            queues,
            requests,
            s3,
            glue,
            secrets,
            sqs,
            kafka,
            landed: Arc::default(),
        })
    }

    /// The environment of every function.
    pub(super) async fn environment(
        &self,
        pack: &Path,
        place: ServicesPlace<'_>,
    ) -> BTreeMap<String, String> {
        let parts = place.parts;
        let queue_sources: Vec<String> = source_names(place.catalogue)
            .map(|source| format!("relay-{source}={source}"))
            .collect();
        let kafka_auth = parts.kafka.as_ref().map(ExternalKafka::security_setting);
        let [raw, refined, curated, site] = BUCKETS.map(|zone| parts.bucket_of(zone));
        let pairs = [
            ("AWS_ENDPOINT_URL_S3", self.s3.clone()),
            ("AWS_ENDPOINT_URL_GLUE", self.glue.clone()),
            ("AWS_ENDPOINT_URL_SECRETS_MANAGER", self.secrets.clone()),
            ("AWS_ENDPOINT_URL_SQS", self.sqs.clone()),
            (
                "EVENTS_QUEUE_URL",
                format!("{}{}", self.sqs, queue_path(EVENTS_QUEUE)),
            ),
            ("NOTICE_DELAY_SECONDS", NOTICE_DELAY_SECONDS.to_string()),
            ("TRANSPORT", place.transport.name().to_owned()),
            ("AWS_LAMBDA_LOG_LEVEL", "warn".to_owned()),
            ("RAW_BUCKET", raw),
            ("REFINED_BUCKET", refined),
            ("CURATED_BUCKET", curated),
            ("SITE_BUCKET", site),
            ("GLUE_DATABASES", LOCAL_DATABASE_PREFIX.to_owned()),
            ("CONTRACTS", pack.to_string_lossy().into_owned()),
            ("KAFKA_BOOTSTRAP", self.kafka.clone()),
            (
                "KAFKA_AUTH",
                kafka_auth.unwrap_or_else(|| "none".to_owned()),
            ),
            ("IDENTITY_KEY_SECRET", IDENTITY_KEY_SECRET.to_owned()),
            ("QUEUE_SOURCES", queue_sources.join(",")),
            ("FETCH_LOOPBACK", "allowed".to_owned()),
        ];
        let mut environment = parts.credential_environment().await;
        environment.extend(
            pairs
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value)),
        );
        environment
    }

    /// Starts the pollers of every queue: each source's messages to the relay, the relay's to the
    /// landing, raw objects to the transform.
    pub(super) fn start_queues(
        &self,
        place: ServicesPlace<'_>,
        [relay, landing, transform]: [&Arc<LambdaFunction>; 3],
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> LocalQueues {
        for (name, queue) in &self.queues {
            if name == EVENTS_QUEUE && place.queue_landing == QueueLanding::Schedule {
                let (queue, landing) = (Arc::clone(queue), Arc::clone(landing));
                let schedule = run_landing_schedule(queue, landing, Arc::clone(&self.landed));
                tasks.push(tokio::spawn(schedule));
                continue;
            }
            let at_once = QueueMappingOptions::AT_ONCE;
            let (function, options, pollers, done) = match name.as_str() {
                RAW_OBJECTS_QUEUE => (transform, at_once, RAW_OBJECTS_POLLERS, Arc::default()),
                EVENTS_QUEUE => {
                    let landed = Arc::clone(&self.landed);
                    (landing, QueueMappingOptions::EVENTS, EVENTS_POLLERS, landed)
                }
                _ => (relay, at_once, 1, Arc::default()),
            };
            for _ in 0..pollers {
                let (queue, function) = (Arc::clone(queue), Arc::clone(function));
                let poller = run_queue_mapping(queue, function, options, Arc::clone(&done));
                tasks.push(tokio::spawn(poller));
            }
        }
        self.queues.clone()
    }

    /// Starts an event source mapping from every topic to the landing.
    pub(super) fn start_mappings(
        &self,
        place: ServicesPlace<'_>,
        landing: &Arc<LambdaFunction>,
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> io::Result<Vec<Arc<KafkaMapping>>> {
        let offsets = place.folder.join(OFFSETS_FOLDER);
        let sources = self.open_topics(place)?;
        let mut mappings = Vec::new();
        for (topic, source) in sources {
            let landed = Arc::clone(&self.landed);
            let mapping =
                KafkaMapping::open(&offsets, &topic, source, Arc::clone(landing), landed)?;
            mappings.push(Arc::new(mapping));
        }

        for mapping in &mappings {
            tasks.push(tokio::spawn(Arc::clone(mapping).run()));
        }
        Ok(mappings)
    }

    /// Every topic of the contracts, in the embedded broker or in the external Kafka.
    fn open_topics(
        &self,
        place: ServicesPlace<'_>,
    ) -> io::Result<Vec<(String, Box<dyn RecordSource>)>> {
        let settings = place.parts.kafka.as_ref().map(ExternalKafka::settings);
        let settings = settings.transpose().map_err(io::Error::other)?;
        let offsets = settings.clone().map(OffsetsClient::new).map(Arc::new);

        let mut sources: Vec<(String, Box<dyn RecordSource>)> = Vec::new();
        for topic in topic_names(place.catalogue) {
            let source: Box<dyn RecordSource> = match (&self.topics, &settings, &offsets) {
                (Some(topics), ..) => Box::new(EmbeddedTopic {
                    topic: topic.clone(),
                    topics: Arc::clone(topics),
                }),
                (None, Some(settings), Some(offsets)) => {
                    let (settings, offsets) = (settings.clone(), Arc::clone(offsets));
                    Box::new(ExternalTopic::new(&topic, settings, offsets))
                }
                _ => return Err(io::Error::other("there is no Kafka")),
            };
            sources.push((topic, source));
        }
        Ok(sources)
    }

    /// Starts to look for raw objects of an external S3.
    pub(super) async fn start_watch(
        &self,
        place: ServicesPlace<'_>,
        tasks: &mut Vec<JoinHandle<()>>,
    ) -> io::Result<Option<Arc<RawObjectWatch>>> {
        let Some([raw, _]) = place.parts.open_zones().await else {
            return Ok(None);
        };
        let watch = RawObjectWatch::open(
            place.folder,
            (raw, place.parts.bucket_of("raw")),
            topic_names(place.catalogue),
            find_queue(&self.queues, RAW_OBJECTS_QUEUE)?,
            Arc::clone(&self.landed),
        )?;
        let watch = Arc::new(watch);
        tasks.push(tokio::spawn(Arc::clone(&watch).run()));
        Ok(Some(watch))
    }

    /// The addresses that `/_local/status` answers with.
    pub(super) fn endpoints_json(&self) -> Value {
        json!({
            "s3": self.s3, "kafka": self.kafka, "glue": self.glue, "sqs": self.sqs,
            "pid": std::process::id(),
        })
    }
}

/// Opens the queue of raw objects, that of events, and one for each source's messages.
fn open_queues(place: ServicesPlace<'_>, clock: &Arc<Clock>) -> io::Result<LocalQueues> {
    let own = [RAW_OBJECTS_QUEUE, EVENTS_QUEUE].map(str::to_owned);
    let relays = source_names(place.catalogue).map(|source| format!("relay-{source}"));

    let folder = place.folder.join("queues");
    let mut queues = LocalQueues::new();
    for name in own.into_iter().chain(relays) {
        let queue = LocalQueue::open(&folder, &name, Arc::clone(clock))?;
        queues.insert(name, Arc::new(queue));
    }
    Ok(queues)
}

fn find_queue(queues: &LocalQueues, name: &str) -> io::Result<Arc<LocalQueue>> {
    let missing = || io::Error::other(format!("there is no queue `{name}`"));
    queues.get(name).cloned().ok_or_else(missing)
}

async fn start_s3(
    place: ServicesPlace<'_>,
    raw_objects: Arc<LocalQueue>,
    requests: &RequestCounters,
    tasks: &mut Vec<JoinHandle<()>>,
) -> io::Result<String> {
    let watcher = notify_queue(raw_objects);
    let files = BucketFiles::open(&place.folder.join("s3"), &BUCKETS, watcher)?;
    let keys = place.parts.embedded_s3_key()?;
    let router = requests.count_s3(s3::endpoint_router_with_key(Arc::new(files), keys));
    serve_http(router, place.ports, LocalServer::S3, tasks).await
}

async fn start_glue(
    place: ServicesPlace<'_>,
    tasks: &mut Vec<JoinHandle<()>>,
) -> io::Result<String> {
    let glue = LocalGlue::open(&place.folder.join("glue.json"))?;
    glue.create_databases(required_databases(LOCAL_DATABASE_PREFIX, place.catalogue));
    let router = glue::endpoint_router(Arc::new(glue));
    serve_http(router, place.ports, LocalServer::Glue, tasks).await
}

async fn start_broker(
    place: ServicesPlace<'_>,
    topics: Arc<TopicLogs>,
    tasks: &mut Vec<JoinHandle<()>>,
) -> io::Result<String> {
    let listener = place.ports.listen(LocalServer::Kafka).await?;
    let kafka = listener.local_addr()?.to_string();
    tasks.push(spawn_broker(listener, topics, place.folder)?);
    Ok(kafka)
}

/// Refuses an external S3 that holds a lake of another key: every function would.
async fn check_identity_key(folder: &Path, parts: &ExternalParts) -> io::Result<()> {
    let Some([_, refined]) = parts.open_zones().await else {
        return Ok(());
    };
    let key = read_identity_key(folder)?;
    let known = host::check_known_identity_key(&*refined, &key).await;
    known.map_err(|failure| {
        let file = identity_key_file(folder);
        io::Error::other(format!(
            "{}; the key of this folder is in {}",
            failure.message,
            file.display()
        ))
    })
}

fn source_names(catalogue: &Catalogue) -> impl Iterator<Item = &str> {
    let mappings = catalogue.mappings.iter();
    mappings.map(|compiled| compiled.contract.name.as_str())
}

/// The topics of the contracts.
pub(super) fn topic_names(catalogue: &Catalogue) -> Vec<String> {
    let mappings = catalogue.mappings.iter();
    mappings
        .map(|compiled| compiled.contract.topic.clone())
        .collect()
}

pub(super) async fn serve_http(
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
        queue.send_message(notification(bucket, key)).map(drop)
    })
}

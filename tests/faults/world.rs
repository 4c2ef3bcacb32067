//! One seed's world: the broker, the S3 endpoint behind its proxy, and the functions' contexts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::config::{Credentials, Region};
use contract::Catalogue;
use event_relay::kafka::{EventSink, KafkaSettings, KafkaSink, OutgoingRecord, SendError};
use lake::Day;
use local_platform::clock::Clock;
use local_platform::kafka::fault_injection::{
    FaultInjection, INVALID_PRODUCER_EPOCH, MESSAGE_TOO_LARGE, NOT_ENOUGH_REPLICAS, ProduceFault,
};
use local_platform::kafka::{self, TopicLogs};
use local_platform::s3::{self, ACCESS_KEY, BucketFiles, SECRET_KEY};
use operations::LakeHandle;
use store::{MemoryCatalogue, ObjectStore, S3Store};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::fault_injector::FaultInjector;
use crate::guards::{EagerSink, Guard, GuardedStore};
use crate::proxy::FaultProxy;

pub(crate) const SOURCE: &str = "housing-person";

/// The first day of every seed.
pub(crate) const FIRST_DAY: Day = Day(20_514);

pub(crate) struct World {
    pub(crate) injector: Arc<FaultInjector>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) topics: Arc<TopicLogs>,
    pub(crate) folder: PathBuf,
    pub(crate) broken: Option<Guard>,
    /// Keys of raw objects, as S3's notifications tell of them: at least once, in no order.
    pub(crate) notified_keys: Arc<Mutex<Vec<String>>>,
    /// The broker and its clients live in real time: krafka's engine has loops that virtual time
    /// never ends.
    real_time: Option<Runtime>,
    s3: aws_sdk_s3::Client,
    glue: Arc<MemoryCatalogue>,
    kafka: String,
    broker: Mutex<Option<JoinHandle<()>>>,
    held_socket: Mutex<Option<TcpSocket>>,
    broker_epochs: Mutex<i64>,
    proxy: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.proxy.abort();
        if let Some(real) = self.real_time.take() {
            real.shutdown_background();
        }
        if !std::thread::panicking() {
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}

impl World {
    pub(crate) async fn new(
        seed: u64,
        folder: &Path,
        catalogue: Arc<Catalogue>,
        broken: Option<Guard>,
    ) -> Self {
        drop(std::fs::remove_dir_all(folder));
        std::fs::create_dir_all(folder).unwrap();
        let chance = Arc::new(FaultInjector::new(seed));
        let clock = Arc::new(Clock::default());
        clock.set_millis(FIRST_DAY.start_micros() / 1_000 + 8 * 3_600_000);
        let topics = Arc::new(TopicLogs::open(&folder.join("kafka"), Arc::clone(&clock)).unwrap());
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let watch: s3::ObjectWatcher = Arc::new({
            let told = Arc::clone(&told);
            move |bucket: &str, key: &str| {
                if bucket == "raw" && key.ends_with(".parquet") {
                    told.lock().unwrap().push(key.to_owned());
                }
                Ok(())
            }
        });
        let files = Arc::new(
            BucketFiles::open(&folder.join("s3"), &["raw", "refined", "curated"], watch).unwrap(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let proxy = tokio::spawn(
            FaultProxy::new(s3::endpoint_router(files), Arc::clone(&chance)).serve(listener),
        );
        let real = real_time_runtime();
        let broker = real
            .spawn(TcpListener::bind("127.0.0.1:0"))
            .await
            .unwrap()
            .unwrap();
        let kafka = broker.local_addr().unwrap().to_string();
        let world = Self {
            injector: chance,
            catalogue,
            clock,
            topics,
            folder: folder.to_owned(),
            broken,
            notified_keys: told,
            real_time: Some(real),
            s3: s3_client(&endpoint),
            glue: Arc::default(),
            kafka,
            broker: Mutex::new(None),
            held_socket: Mutex::new(None),
            broker_epochs: Mutex::new(0),
            proxy,
        };
        world.start_broker(broker);
        world
    }

    fn start_broker(&self, listener: TcpListener) {
        let mut lives = self.broker_epochs.lock().unwrap();
        *lives += 1;
        let (topics, forecast, first) = (
            Arc::clone(&self.topics),
            self.fault_injection(),
            *lives * 1_000,
        );
        let real = self.real_time.as_ref().unwrap();
        let task = real.spawn(async move {
            drop(kafka::serve_broker(listener, topics, first, forecast).await);
        });
        *self.broker.lock().unwrap() = Some(task);
    }

    fn fault_injection(&self) -> FaultInjection {
        let chance = Arc::clone(&self.injector);
        Arc::new(move || {
            let weather = chance.draw_fault(&[
                (
                    "Kafka retriable error",
                    40,
                    ProduceFault::Refused(NOT_ENOUGH_REPLICAS),
                ),
                (
                    "Kafka fatal error",
                    30,
                    ProduceFault::Refused(INVALID_PRODUCER_EPOCH),
                ),
                (
                    "Kafka message too large",
                    20,
                    ProduceFault::Refused(MESSAGE_TOO_LARGE),
                ),
                (
                    "Kafka error after the append",
                    30,
                    ProduceFault::RefusedAfterAppend(NOT_ENOUGH_REPLICAS),
                ),
                (
                    "Kafka connection lost before the append",
                    40,
                    ProduceFault::LostBeforeAppend,
                ),
                (
                    "Kafka connection lost after the append",
                    40,
                    ProduceFault::LostAfterAppend,
                ),
            ]);
            weather.unwrap_or(ProduceFault::NoFault)
        })
    }

    /// The broker ends, and its connections with it.
    pub(crate) async fn stop_broker(&self) {
        let task = self.broker.lock().unwrap().take();
        if let Some(task) = task {
            task.abort();
            drop(task.await);
            // The address is held, without an ear: else another seed's broker might get it.
            *self.held_socket.lock().unwrap() = Some(hold_address(&self.kafka));
        }
    }

    /// The broker is there again, at the same address.
    pub(crate) async fn restart_broker(&self) {
        if self.broker.lock().unwrap().is_some() {
            return;
        }
        let held = self.held_socket.lock().unwrap().take().unwrap();
        let listening = self
            .real_time
            .as_ref()
            .unwrap()
            .spawn(async move { held.listen(128) });
        self.start_broker(listening.await.unwrap().unwrap());
    }

    pub(crate) fn zone_store(&self, bucket: &str) -> Arc<dyn ObjectStore> {
        let inner = Arc::new(S3Store::new(self.s3.clone(), bucket));
        Arc::new(GuardedStore {
            inner,
            broken: self.broken,
        })
    }

    /// A new sandbox of the relay.
    pub(crate) fn relay_context(&self) -> event_relay::Context {
        let settings = KafkaSettings::open(&self.kafka);
        let sink: Arc<dyn EventSink> = Arc::new(RealTimeSink {
            sink: Arc::new(KafkaSink::new(settings)),
            real_time: Some(real_time_runtime()),
        });
        let sink = if self.broken == Some(Guard::AckBeforeProduce) {
            Arc::new(EagerSink(sink))
        } else {
            sink
        };
        event_relay::Context {
            catalogue: Arc::clone(&self.catalogue),
            sink,
            fetcher: event_relay::fetch::StateFetcher::new(BTreeMap::new(), false),
            queue_sources: BTreeMap::from([("events".to_owned(), SOURCE.to_owned())]),
        }
    }

    /// A new sandbox of the landing.
    pub(crate) fn landing_context(&self) -> raw_landing::Context {
        raw_landing::Context::new(self.zone_store("raw"), 1)
    }

    /// A new sandbox of the transform.
    pub(crate) fn transform_context(&self) -> pole_transform::Context {
        pole_transform::Context {
            raw: self.zone_store("raw"),
            refined: self.zone_store("refined"),
            catalogue: Arc::clone(&self.catalogue),
            identity_key: pole::IdentityKey::for_tests(),
        }
    }

    /// A new sandbox of the merge.
    pub(crate) fn merge_context(&self) -> snapshot_merge::Context {
        let glue: Arc<dyn store::TableCatalogue> = Arc::clone(&self.glue) as _;
        snapshot_merge::Context {
            raw: self.zone_store("raw"),
            refined: self.zone_store("refined"),
            curated: self.zone_store("curated"),
            buckets: snapshot_merge::ZoneBuckets {
                raw: "raw".to_owned(),
                refined: "refined".to_owned(),
                curated: "curated".to_owned(),
            },
            database_prefix: "polelake".to_owned(),
            glue,
            catalogue: Arc::clone(&self.catalogue),
            identity_key: Some(Arc::new(pole::IdentityKey::for_tests())),
            // Small, so that a seed's few rows make runs, groups and shards.
            sizes: snapshot_merge::MergeSizes {
                sort_bytes: 20_000,
                shard_bytes: 20_000,
                group_rows: 16,
                batch_rows: 4,
                run_group_rows: 8,
                run_group_bytes: 4_000,
                max_merged_runs: 2,
            },
        }
    }

    /// The zones as the audit has them. Kafka's ends are compared by the suite itself.
    pub(crate) fn lake_handle(&self) -> LakeHandle {
        let zone = |name: &str| self.zone_store(name);
        LakeHandle::from_stores(
            zone("raw"),
            zone("refined"),
            zone("curated"),
            Arc::clone(&self.catalogue),
        )
    }

    /// Every object but the chains' hints, by bucket and key.
    pub(crate) fn read_objects(&self) -> BTreeMap<String, Vec<u8>> {
        let base = self.folder.join("s3");
        let mut found = BTreeMap::new();
        for bucket in ["raw", "refined", "curated"] {
            visit_files(&base.join(bucket), &mut |path| {
                let key = path
                    .strip_prefix(&base)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                if !key.contains("/_log/") {
                    found.insert(key, std::fs::read(path).unwrap());
                }
            });
        }
        found
    }
}

fn hold_address(address: &str) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    // The broker's own ear may be closing yet.
    while socket.bind(address.parse().unwrap()).is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
    socket
}

fn real_time_runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// A Kafka client in a process of its own, as far as time goes: it ends with its sandbox.
struct RealTimeSink {
    sink: Arc<KafkaSink>,
    real_time: Option<Runtime>,
}

impl Drop for RealTimeSink {
    fn drop(&mut self) {
        if let Some(real) = self.real_time.take() {
            real.shutdown_background();
        }
    }
}

#[async_trait]
impl EventSink for RealTimeSink {
    async fn send_records(
        &self,
        records: Vec<OutgoingRecord>,
        within: Duration,
    ) -> Vec<Result<(), SendError>> {
        let sink = Arc::clone(&self.sink);
        let sent = self
            .real_time
            .as_ref()
            .unwrap()
            .spawn(async move { sink.send_records(records, within).await });
        sent.await.unwrap()
    }
}

fn s3_client(endpoint: &str) -> aws_sdk_s3::Client {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "suite");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
        .region(Region::new("eu-west-2"))
        .credentials_provider(credentials)
        .force_path_style(true)
        .endpoint_url(endpoint)
        .build();
    aws_sdk_s3::Client::from_conf(config)
}

fn visit_files(folder: &Path, found: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            visit_files(&entry.path(), found);
        } else {
            found(&entry.path());
        }
    }
}

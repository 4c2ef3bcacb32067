//! One seed's world: the broker, the S3 endpoint behind its proxy, and the functions' contexts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::config::{Credentials, Region};
use contract::Catalogue;
use event_relay::producer::{EventSink, KafkaSettings, KafkaSink, Outgoing, SendError};
use lake::Day;
use local_platform::clock::Clock;
use local_platform::kafka::weather::{
    Forecast, INVALID_PRODUCER_EPOCH, MESSAGE_TOO_LARGE, NOT_ENOUGH_REPLICAS, Weather,
};
use local_platform::kafka::{self, Topics};
use local_platform::s3::{self, ACCESS_KEY, Files, SECRET_KEY};
use operations::Zones;
use store::{MemoryCatalogue, ObjectStore, S3Store};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::chance::Chance;
use crate::guards::{Guard, Guarded, Hasty};
use crate::proxy::Proxy;

pub(crate) const SOURCE: &str = "housing-person";

/// The first day of every seed.
pub(crate) const FIRST_DAY: Day = Day(20_514);

pub(crate) struct World {
    pub(crate) chance: Arc<Chance>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) topics: Arc<Topics>,
    pub(crate) folder: PathBuf,
    pub(crate) broken: Option<Guard>,
    /// Keys of raw objects, as S3's notifications tell of them: at least once, in no order.
    pub(crate) told: Arc<Mutex<Vec<String>>>,
    /// The broker and its clients live in real time: krafka's engine has loops that virtual time never ends.
    real: Option<Runtime>,
    s3: aws_sdk_s3::Client,
    glue: Arc<MemoryCatalogue>,
    kafka: String,
    broker: Mutex<Option<JoinHandle<()>>>,
    held: Mutex<Option<TcpSocket>>,
    lives: Mutex<i64>,
    proxy: JoinHandle<()>,
}

impl Drop for World {
    fn drop(&mut self) {
        self.proxy.abort();
        if let Some(real) = self.real.take() {
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
        let chance = Arc::new(Chance::new(seed));
        let clock = Arc::new(Clock::default());
        clock.set(FIRST_DAY.begins() / 1_000 + 8 * 3_600_000);
        let topics = Arc::new(Topics::open(&folder.join("kafka"), Arc::clone(&clock)).unwrap());
        let told: Arc<Mutex<Vec<String>>> = Arc::default();
        let watch: s3::Watch = Arc::new({
            let told = Arc::clone(&told);
            move |bucket: &str, key: &str| {
                if bucket == "raw" && key.ends_with(".parquet") {
                    told.lock().unwrap().push(key.to_owned());
                }
                Ok(())
            }
        });
        let files = Arc::new(
            Files::open(&folder.join("s3"), &["raw", "refined", "curated"], watch).unwrap(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let proxy =
            tokio::spawn(Proxy::new(s3::router(files), Arc::clone(&chance)).serve(listener));
        let real = real();
        let broker = real
            .spawn(TcpListener::bind("127.0.0.1:0"))
            .await
            .unwrap()
            .unwrap();
        let kafka = broker.local_addr().unwrap().to_string();
        let world = Self {
            chance,
            catalogue,
            clock,
            topics,
            folder: folder.to_owned(),
            broken,
            told,
            real: Some(real),
            s3: client(&endpoint),
            glue: Arc::default(),
            kafka,
            broker: Mutex::new(None),
            held: Mutex::new(None),
            lives: Mutex::new(0),
            proxy,
        };
        world.broker_up(broker);
        world
    }

    fn broker_up(&self, listener: TcpListener) {
        let mut lives = self.lives.lock().unwrap();
        *lives += 1;
        let (topics, forecast, first) = (Arc::clone(&self.topics), self.forecast(), *lives * 1_000);
        let real = self.real.as_ref().unwrap();
        let task =
            real.spawn(async move { drop(kafka::serve(listener, topics, first, forecast).await) });
        *self.broker.lock().unwrap() = Some(task);
    }

    fn forecast(&self) -> Forecast {
        let chance = Arc::clone(&self.chance);
        Arc::new(move || {
            let weather = chance.fault(&[
                (
                    "Kafka retriable error",
                    40,
                    Weather::Refused(NOT_ENOUGH_REPLICAS),
                ),
                (
                    "Kafka fatal error",
                    30,
                    Weather::Refused(INVALID_PRODUCER_EPOCH),
                ),
                (
                    "Kafka message too large",
                    20,
                    Weather::Refused(MESSAGE_TOO_LARGE),
                ),
                (
                    "Kafka error after the append",
                    30,
                    Weather::Denied(NOT_ENOUGH_REPLICAS),
                ),
                (
                    "Kafka connection lost before the append",
                    40,
                    Weather::LostBefore,
                ),
                (
                    "Kafka connection lost after the append",
                    40,
                    Weather::LostAfter,
                ),
            ]);
            weather.unwrap_or(Weather::Calm)
        })
    }

    /// The broker ends, and its connections with it.
    pub(crate) async fn broker_down(&self) {
        let task = self.broker.lock().unwrap().take();
        if let Some(task) = task {
            task.abort();
            drop(task.await);
            // The address is held, without an ear: else another seed's broker might get it.
            *self.held.lock().unwrap() = Some(held(&self.kafka));
        }
    }

    /// The broker is there again, at the same address.
    pub(crate) async fn broker_back(&self) {
        if self.broker.lock().unwrap().is_some() {
            return;
        }
        let held = self.held.lock().unwrap().take().unwrap();
        let listening = self
            .real
            .as_ref()
            .unwrap()
            .spawn(async move { held.listen(128) });
        self.broker_up(listening.await.unwrap().unwrap());
    }

    pub(crate) fn zone(&self, bucket: &str) -> Arc<dyn ObjectStore> {
        let inner = Arc::new(S3Store::new(self.s3.clone(), bucket));
        Arc::new(Guarded {
            inner,
            broken: self.broken,
        })
    }

    /// A new sandbox of the relay.
    pub(crate) fn relay(&self) -> event_relay::Context {
        let settings = KafkaSettings {
            bootstrap: self.kafka.clone(),
            region: String::new(),
            iam: false,
        };
        let sink: Arc<dyn EventSink> = Arc::new(Remote {
            sink: Arc::new(KafkaSink::new(settings)),
            real: Some(real()),
        });
        let sink = if self.broken == Some(Guard::AckBeforeProduce) {
            Arc::new(Hasty(sink))
        } else {
            sink
        };
        event_relay::Context {
            catalogue: Arc::clone(&self.catalogue),
            sink,
            fetcher: event_relay::fetch::Fetcher::new(BTreeMap::new()),
            queues: BTreeMap::from([("events".to_owned(), SOURCE.to_owned())]),
        }
    }

    /// A new sandbox of the landing.
    pub(crate) fn landing(&self) -> raw_landing::Context {
        raw_landing::Context::new(self.zone("raw"), 1)
    }

    /// A new sandbox of the transform.
    pub(crate) fn transform(&self) -> pole_transform::Context {
        pole_transform::Context {
            raw: self.zone("raw"),
            refined: self.zone("refined"),
            catalogue: Arc::clone(&self.catalogue),
        }
    }

    /// A new sandbox of the merge.
    pub(crate) fn merge(&self) -> snapshot_merge::Context {
        let glue: Arc<dyn store::Catalogue> = Arc::clone(&self.glue) as _;
        snapshot_merge::Context {
            raw: self.zone("raw"),
            refined: self.zone("refined"),
            curated: self.zone("curated"),
            buckets: snapshot_merge::Buckets {
                raw: "raw".to_owned(),
                refined: "refined".to_owned(),
                curated: "curated".to_owned(),
            },
            databases: "polelake".to_owned(),
            glue,
            catalogue: Arc::clone(&self.catalogue),
            // Small, so that a seed's few rows make runs, groups and shards.
            sizes: snapshot_merge::Sizes {
                sort_bytes: 20_000,
                shard_bytes: 20_000,
                group_rows: 16,
                batch_rows: 4,
                run_group_rows: 8,
                runs_most: 2,
            },
        }
    }

    /// The zones as the audit has them. Kafka's ends are compared by the suite itself.
    pub(crate) fn zones(&self) -> Zones {
        let zone = |name: &str| self.zone(name);
        Zones::of(
            zone("raw"),
            zone("refined"),
            zone("curated"),
            Arc::clone(&self.catalogue),
        )
    }

    /// Every object but the chains' hints, by bucket and key.
    pub(crate) fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let base = self.folder.join("s3");
        let mut found = BTreeMap::new();
        for bucket in ["raw", "refined", "curated"] {
            collect(&base.join(bucket), &mut |path| {
                let key = path
                    .strip_prefix(&base)
                    .unwrap()
                    .to_string_lossy()
                    .into_owned();
                if !key.contains("/_chain/") {
                    found.insert(key, std::fs::read(path).unwrap());
                }
            });
        }
        found
    }
}

fn held(address: &str) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    // The broker's own ear may be closing yet.
    while socket.bind(address.parse().unwrap()).is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
    socket
}

fn real() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap()
}

/// A Kafka client in a process of its own, as far as time goes: it ends with its sandbox.
struct Remote {
    sink: Arc<KafkaSink>,
    real: Option<Runtime>,
}

impl Drop for Remote {
    fn drop(&mut self) {
        if let Some(real) = self.real.take() {
            real.shutdown_background();
        }
    }
}

#[async_trait]
impl EventSink for Remote {
    async fn send(&self, records: Vec<Outgoing>, within: Duration) -> Vec<Result<(), SendError>> {
        let sink = Arc::clone(&self.sink);
        let sent = self
            .real
            .as_ref()
            .unwrap()
            .spawn(async move { sink.send(records, within).await });
        sent.await.unwrap()
    }
}

fn client(endpoint: &str) -> aws_sdk_s3::Client {
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

fn collect(folder: &Path, found: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), found);
        } else {
            found(&entry.path());
        }
    }
}

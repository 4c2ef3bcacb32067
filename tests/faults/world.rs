//! One seed's world: its transport, its zones, and the functions' contexts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use contract::{Catalogue, Transport};
use event_relay::kafka::EventSink;
use event_relay::queue::{QueueSink, QueueSinkOptions};
use lake::Day;
use local_platform::clock::Clock;
use operations::LakeHandle;
use store::{MemoryCatalogue, ObjectStore};

use crate::fault_injector::FaultInjector;
use crate::fault_queue::FaultQueue;
use crate::guards::{EagerSink, Guard, GuardedStore};
use crate::kafka_parts::KafkaParts;
use crate::zones::{NotifiedKeys, Zones};

pub(crate) const SOURCE: &str = "housing-person";

/// The first day of every seed.
pub(crate) const FIRST_DAY: Day = Day(20_514);

/// Lanes of the events queue: more than consumers, so that one may be left.
const LANES: u32 = 3;

/// What a seed runs with.
#[derive(Clone)]
pub(crate) struct SeedOptions {
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) transport: Transport,
    pub(crate) broken: Option<Guard>,
}

/// What carries the events.
pub(crate) enum WorldTransport {
    Kafka(KafkaParts),
    Queue(Arc<FaultQueue>),
}

pub(crate) struct World {
    pub(crate) injector: Arc<FaultInjector>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) folder: PathBuf,
    pub(crate) broken: Option<Guard>,
    pub(crate) notified_keys: NotifiedKeys,
    pub(crate) transport: WorldTransport,
    zones: Zones,
    glue: Arc<MemoryCatalogue>,
}

impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}

impl World {
    pub(crate) async fn new(seed: u64, folder: &Path, options: &SeedOptions) -> Self {
        drop(std::fs::remove_dir_all(folder));
        std::fs::create_dir_all(folder).unwrap();
        let injector = Arc::new(FaultInjector::new(seed));
        let clock = Arc::new(Clock::default());
        clock.set_millis(FIRST_DAY.start_micros() / 1_000 + 8 * 3_600_000);
        let notified_keys = NotifiedKeys::default();

        let (transport, zones) = match options.transport {
            Transport::Kafka => {
                let (clock, faults) = (Arc::clone(&clock), Arc::clone(&injector));
                let kafka = KafkaParts::start(folder, clock, faults).await;
                let (faults, notified) = (Arc::clone(&injector), Arc::clone(&notified_keys));
                let zones = Zones::serve(folder, faults, notified).await;
                (WorldTransport::Kafka(kafka), zones)
            }
            Transport::Queue => {
                let (faults, clock) = (Arc::clone(&injector), Arc::clone(&clock));
                let queue = FaultQueue::new(faults, clock, options.broken);
                let zones = Zones::in_memory(&injector, &notified_keys);
                (WorldTransport::Queue(Arc::new(queue)), zones)
            }
        };
        Self {
            injector,
            catalogue: Arc::clone(&options.catalogue),
            clock,
            folder: folder.to_owned(),
            broken: options.broken,
            notified_keys,
            transport,
            zones,
            glue: Arc::default(),
        }
    }

    pub(crate) fn zone_store(&self, bucket: &str) -> Arc<dyn ObjectStore> {
        Arc::new(GuardedStore {
            inner: self.zones.store(bucket),
            broken: self.broken,
        })
    }

    /// Every object but the chains' hints and the lanes' states, by bucket and key.
    pub(crate) fn read_objects(&self) -> BTreeMap<String, Vec<u8>> {
        self.zones.read_objects()
    }

    /// Stops or starts the broker, as it is drawn; a queue has none.
    pub(crate) async fn change_broker(&self) {
        let WorldTransport::Kafka(kafka) = &self.transport else {
            return;
        };
        if self.injector.inject_fault("broker down", 30) {
            kafka.stop_broker().await;
        } else {
            kafka.restart_broker().await;
        }
    }

    fn new_sink(&self) -> Arc<dyn EventSink> {
        match &self.transport {
            WorldTransport::Kafka(kafka) => kafka.new_sink(),
            WorldTransport::Queue(queue) => Arc::new(QueueSink::new(QueueSinkOptions {
                queue: Arc::clone(queue) as _,
                message_bytes_max: 256 * 1024,
                notice_delay: Duration::from_secs(900),
                raw: self.zone_store("raw"),
            })),
        }
    }

    /// A new sandbox of the relay.
    pub(crate) fn relay_context(&self) -> event_relay::Context {
        let sink = self.new_sink();
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
        let context = raw_landing::Context::new(self.zone_store("raw"), 1).with_lanes(LANES);
        match &self.transport {
            WorldTransport::Kafka(_) => context,
            WorldTransport::Queue(queue) => context.with_events_queue(Arc::clone(queue) as _),
        }
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
}

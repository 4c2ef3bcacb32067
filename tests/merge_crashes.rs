//! The crash matrix: a merge that ends before or after each of its writes, to storage and to the
//! catalogue, and is run again leaves the same bytes as one that was never disturbed. Until then
//! yesterday's snapshot is whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use host::{Failure, TimeBudget};
use lake::{Day, SnapshotManifest, manifest_key};
use serde_json::json;
use snapshot_merge::{Context, MergeSizes, steps};
use store::{
    ColumnStatistics, ListedObject, MemoryCatalogue, MemoryStore, ObjectHead, ObjectMetadata,
    ObjectStore, PartitionSpec, StoreError, StoreErrorKind, StoredObject, TableCatalogue,
    TableSpec,
};
use trigger::ScheduleRequest;

use crate::days_in_memory::{Days, objects};
use crate::lake_under_test::{MONDAY, person_event};

const TUESDAY: &str = "2026-03-03";
const TABLES: [&str; 1] = ["person"];

/// What is left to be written until the process ends, and whether the last write is still done.
struct Fuse {
    left: AtomicI64,
    after: bool,
    /// Writes of what no failure ends a day of: the index of events and the tables of raw objects.
    derived: AtomicI64,
}

/// Whether a key or a table is part of what is derived when the day is done.
fn is_derived(written: &str) -> bool {
    let is_raw_table = written.contains("_raw_") && written.ends_with("_iceberg");
    is_raw_table || written.contains("/_events/") || written.starts_with("curated/_raw/")
}

/// The name by which a test knows a table.
fn full_name(table: &TableSpec) -> String {
    format!("{}.{}", table.database, table.name)
}

impl Fuse {
    fn of_writes(left: i64, after: bool) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicI64::new(left),
            after,
            derived: AtomicI64::new(0),
        })
    }

    /// Whether the next write is done, and whether its writer lives to see it.
    fn burn(&self, written: &str) -> (bool, bool) {
        if is_derived(written) {
            self.derived.fetch_add(1, Ordering::SeqCst);
        }
        let left = self.left.fetch_sub(1, Ordering::SeqCst);
        (left > 0 || (left == 0 && self.after), left > 0)
    }

    fn dead(&self) -> bool {
        self.left.load(Ordering::SeqCst) < 0
    }
}

fn ended(key: &str) -> StoreError {
    StoreError::new(
        StoreErrorKind::Unavailable,
        "reach",
        key,
        "the process has ended",
    )
}

/// Storage or a catalogue that is lost when the fuse has burnt.
struct Dying<S> {
    inner: Arc<S>,
    fuse: Arc<Fuse>,
}

/// Does a write if the fuse allows it.
macro_rules! write {
    ($self:ident, $key:expr, $write:expr) => {{
        let (done, lived) = $self.fuse.burn($key);
        let answer = if done { Some($write.await?) } else { None };
        answer.filter(|_| lived).ok_or_else(|| ended($key))
    }};
}

/// Does a read if the process is alive.
macro_rules! read {
    ($self:ident, $key:expr, $read:expr) => {
        if $self.fuse.dead() {
            Err(ended($key))
        } else {
            $read.await
        }
    };
}

#[async_trait]
impl ObjectStore for Dying<MemoryStore> {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        read!(self, key, self.inner.get(key))
    }
    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        read!(self, key, self.inner.head(key))
    }
    async fn put(&self, key: &str, body: Bytes, kind: &str) -> Result<(), StoreError> {
        write!(self, key, self.inner.put(key, body, kind))
    }
    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        write!(self, key, self.inner.put_if_absent(key, body, metadata))
    }
    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        write!(self, key, self.inner.put_if_match(key, etag, body))
    }
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        read!(self, prefix, self.inner.list(prefix, after))
    }
    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        read!(self, prefix, self.inner.find_first(prefix, after))
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        write!(self, key, self.inner.delete(key))
    }
}

#[async_trait]
impl TableCatalogue for Dying<MemoryCatalogue> {
    async fn put_table(&self, table: &TableSpec) -> Result<(), StoreError> {
        write!(self, &full_name(table), self.inner.put_table(table))
    }
    async fn put_statistics(
        &self,
        table: &TableSpec,
        partition: Option<&[String]>,
        columns: &[ColumnStatistics],
    ) -> Result<(), StoreError> {
        let written = self.inner.put_statistics(table, partition, columns);
        write!(self, &full_name(table), written)
    }
    async fn put_partitions(
        &self,
        table: &TableSpec,
        partitions: &[PartitionSpec],
    ) -> Result<(), StoreError> {
        write!(
            self,
            &full_name(table),
            self.inner.put_partitions(table, partitions)
        )
    }
    async fn list_partitions(&self, table: &TableSpec) -> Result<Vec<PartitionSpec>, StoreError> {
        read!(self, &table.name, self.inner.list_partitions(table))
    }
    async fn delete_partitions(
        &self,
        table: &TableSpec,
        values: &[Vec<String>],
    ) -> Result<(), StoreError> {
        write!(
            self,
            &full_name(table),
            self.inner.delete_partitions(table, values)
        )
    }
}

/// A lake with Monday merged and Tuesday landed: people change, come and go, some in patches.
async fn lake(sizes: MergeSizes) -> Days {
    let mut lake = Days::new();
    lake.sizes = sizes;
    let born = |n: u32| {
        person_event(
            "PersonCreatedEvent",
            &format!("p{n}"),
            n,
            json!({"firstName": "Ada", "surname": "Sample"}),
        )
    };
    lake.push(
        "housing-person",
        MONDAY,
        &(0..16).map(born).collect::<Vec<_>>(),
    )
    .await;
    lake.merge_tables(MONDAY, &TABLES).await.unwrap();
    let mut events: Vec<_> = (16..20).map(born).collect();
    events.extend((0..4).map(|n| {
        person_event(
            "PersonUpdatedEvent",
            &format!("p{n}"),
            50,
            json!({"surname": "Specimen"}),
        )
    }));
    events.extend(
        (4..6).map(|n| person_event("PersonDeletedEvent", &format!("p{n}"), 51, json!({}))),
    );
    lake.push("housing-person", TUESDAY, &events).await;
    lake
}

/// Tuesday, in one invocation or in steps.
async fn run(context: &Context, stepwise: bool) -> Result<(), Failure> {
    let budget = TimeBudget::lasting_for(Duration::from_secs(600));
    let tables = TABLES.map(str::to_owned).to_vec();
    let schedule = ScheduleRequest {
        date: Some(TUESDAY.to_owned()),
        tables,
        ..ScheduleRequest::default()
    };
    if !stepwise {
        return snapshot_merge::handle(&schedule, context, budget)
            .await
            .map(drop);
    }
    let request = steps::PlanRequest::from(schedule);
    let mut planned = steps::run_plan_step(&request, context, budget).await?;
    loop {
        for table in &planned.fan_out {
            for shard in 0..table.shards {
                steps::run_merge_step(&table.table, &table.date, shard, context).await?;
            }
            steps::run_publish_step(&table.table, &table.date, context).await?;
        }
        if planned.then.is_none() {
            return Ok(());
        }
        planned = steps::run_plan_tables_step(&request, context, budget).await?;
    }
}

async fn shown(lake: &Days) -> Vec<Vec<PartitionSpec>> {
    let mut shown = Vec::new();
    for name in TABLES
        .iter()
        .flat_map(|table| [(*table).to_owned(), format!("{table}_history")])
    {
        let database = format!(
            "polelake_curated_{}",
            lake.catalogue
                .table_contract("person")
                .unwrap()
                .domain
                .replace('-', "_")
        );
        let mut partitions = lake
            .glue
            .list_partitions(&spec(&database, &name))
            .await
            .unwrap();
        partitions.sort();
        shown.push(partitions);
    }
    shown
}

fn spec(database: &str, name: &str) -> TableSpec {
    TableSpec {
        database: database.to_owned(),
        name: name.to_owned(),
        description: String::new(),
        location: String::new(),
        columns: Vec::new(),
        partition_keys: Vec::new(),
        parameters: BTreeMap::new(),
    }
}

/// Every file that a manifest or the catalogue names is there.
async fn is_whole(lake: &Days, stage: &str) {
    for table in TABLES {
        for date in [MONDAY, TUESDAY] {
            let key = manifest_key(table, Day::parse(date).unwrap());
            let Ok(object) = lake.curated.get(&key).await else {
                assert_eq!(date, TUESDAY, "{stage}: Monday stays");
                continue;
            };
            for shard in SnapshotManifest::from_json(&object.body).unwrap().shards {
                let profile = shard.profile.as_ref().map(|object| &object.key);
                for key in shard.files().map(|file| &file.key).chain(profile) {
                    assert!(
                        lake.curated.object_exists(key).await.unwrap(),
                        "{stage}: {key} is named and not there"
                    );
                }
            }
        }
    }
    for partition in shown(lake).await.into_iter().flatten() {
        let key = partition
            .location
            .trim_start_matches("s3://curated/")
            .to_owned();
        assert!(
            !lake.curated.list(&key, None).await.unwrap().is_empty(),
            "{stage}: {key} is shown and empty"
        );
    }
}

async fn matrix(sizes: MergeSizes, stepwise: bool) {
    let undisturbed = lake(sizes).await;
    let fuse = Fuse::of_writes(i64::MAX, false);
    run(&dying(&undisturbed, &fuse), stepwise).await.unwrap();
    let writes = i64::MAX - fuse.left.load(Ordering::SeqCst);
    assert!(writes > 8, "{writes} writes are no merge");
    let (right, shown_right) = (
        objects(&undisturbed.curated).await,
        shown(&undisturbed).await,
    );
    assert!(
        right.keys().all(|key| !key.contains("/_work/")),
        "nothing of the work is left"
    );
    // The last writes are derived. The steps of this test end before the one that does them.
    let derived = fuse.derived.load(Ordering::SeqCst);
    assert_eq!(derived == 0, stepwise);
    for (write, after) in (0..writes).flat_map(|write| [(write, false), (write, true)]) {
        let stage = format!(
            "ended {} write {write}",
            if after { "after" } else { "before" }
        );
        let lake = lake(sizes).await;
        let fuse = Fuse::of_writes(write, after);
        let ended = run(&dying(&lake, &fuse), stepwise).await.is_err();
        assert_eq!(ended, write < writes - derived, "{stage}");
        is_whole(&lake, &stage).await;
        run(&lake.context(), stepwise).await.unwrap();
        assert!(
            objects(&lake.curated).await == right,
            "{stage}: other bytes"
        );
        assert_eq!(shown(&lake).await, shown_right, "{stage}");
    }
}

fn dying(lake: &Days, fuse: &Arc<Fuse>) -> Context {
    Context {
        curated: Arc::new(Dying {
            inner: Arc::clone(&lake.curated),
            fuse: Arc::clone(fuse),
        }),
        glue: Arc::new(Dying {
            inner: Arc::clone(&lake.glue),
            fuse: Arc::clone(fuse),
        }),
        ..lake.context()
    }
}

#[tokio::test]
async fn a_day_in_one_invocation() {
    matrix(MergeSizes::default(), false).await;
}

#[tokio::test]
async fn a_day_in_steps_over_many_shards_and_runs() {
    let sizes = MergeSizes {
        sort_bytes: 1,
        shard_bytes: 10_000,
        group_rows: 8,
        batch_rows: 4,
        run_group_rows: 3,
        run_group_bytes: 1 << 20,
        max_merged_runs: 2,
    };
    matrix(sizes, true).await;
}

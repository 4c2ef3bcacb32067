//! A platform in a folder of its own, and what tests ask of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use contract::{Catalogue, TableContract, Transport};
use lake::{Day, SnapshotManifest};
use local_platform::identity_key::identity_key_file;
use local_platform::private_files::{create_private_folder, write_private_file};
use local_platform::{ExternalParts, LocalPlatform, PlatformOptions, QueueLanding};
use operations::LakeHandle;
use operations::audit::{AuditScope, LakeAudit, audit_lake};
use serde_json::{Value, json};

pub(crate) use polelake::samples::SampleRow;

/// The first day of the tests.
pub(crate) const MONDAY: &str = "2026-03-02";

/// The columns that tell where a row came from in the log, and change when it is sent again.
const POSITION_COLUMNS: [&str; 3] = ["ingested_at", "partition", "offset"];

/// The repository's root.
pub(crate) fn repository_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn shipped_catalogue() -> Catalogue {
    host::load_contracts(&repository_root().join("contracts").to_string_lossy()).unwrap()
}

/// A folder that goes with its test.
pub(crate) struct TempFolder(PathBuf);

impl TempFolder {
    /// The folder at a path, whether it is there yet or not.
    pub(crate) fn at(folder: PathBuf) -> Self {
        Self(folder)
    }
}

impl std::ops::Deref for TempFolder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFolder {
    fn drop(&mut self) {
        // A test that failed leaves its folder to be looked at.
        if !std::thread::panicking() {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}

/// The files of a platform that has ended. Tests that begin with the same days each start from a
/// copy, for building the days costs more than most of them do.
pub(crate) struct LakeImage(Vec<(PathBuf, Vec<u8>)>);

impl LakeImage {
    /// Ends the platform, and holds what its folder has.
    pub(crate) async fn take(lake: LakeUnderTest) -> Self {
        lake.platform.running.wait_until_settled().await.unwrap();
        let folder = lake.end_platform().await;

        let mut files = Vec::new();
        visit_files(&folder, &mut |path| {
            let below_folder = path.strip_prefix(&*folder).unwrap();
            files.push((below_folder.to_owned(), std::fs::read(path).unwrap()));
        });
        Self(files)
    }

    /// A platform of its own over a copy of the files.
    pub(crate) async fn start_copy(&self, date: &str) -> LakeUnderTest {
        let folder = new_lake_folder();
        for (path, content) in &self.0 {
            let path = folder.join(path);
            create_private_folder(path.parent().unwrap()).unwrap();
            write_private_file(&path, content).unwrap();
        }
        LakeUnderTest::start_over(folder, date, &repository_root().join("contracts")).await
    }
}

pub(crate) struct LakeUnderTest {
    // The order matters: the platform ends before its folder goes.
    pub(crate) platform: LocalPlatform,
    pub(crate) folder: TempFolder,
}

impl LakeUnderTest {
    /// A platform in an empty folder, late on Monday: no event of the day is ahead of its arrival.
    pub(crate) async fn start() -> Self {
        Self::with_contracts(&repository_root().join("contracts")).await
    }

    /// The same with other contracts.
    pub(crate) async fn with_contracts(contracts: &Path) -> Self {
        Self::start_over(new_lake_folder(), MONDAY, contracts).await
    }

    /// A platform in an empty folder, with another transport than Kafka.
    pub(crate) async fn start_with_transport(transport: Transport) -> Self {
        let contracts = repository_root().join("contracts");
        let landing = QueueLanding::Mapping;
        Self::start_by(new_lake_folder(), MONDAY, &contracts, (transport, landing)).await
    }

    /// A platform in an empty folder, with the events queue, which a schedule empties.
    pub(crate) async fn start_with_schedule() -> Self {
        let contracts = repository_root().join("contracts");
        let carried = (Transport::Queue, QueueLanding::Schedule);
        Self::start_by(new_lake_folder(), MONDAY, &contracts, carried).await
    }

    /// The same folder with a new platform, and with a transport.
    pub(crate) async fn restart_by(self, date: &str, transport: Transport) -> Self {
        let contracts = repository_root().join("contracts");
        let carried = (transport, QueueLanding::Mapping);
        Self::start_by(self.end_platform().await, date, &contracts, carried).await
    }

    async fn start_over(folder: TempFolder, date: &str, contracts: &Path) -> Self {
        let carried = (Transport::Kafka, QueueLanding::Mapping);
        Self::start_by(folder, date, contracts, carried).await
    }

    async fn start_by(
        folder: TempFolder,
        date: &str,
        contracts: &Path,
        carried: (Transport, QueueLanding),
    ) -> Self {
        let lake = Self {
            platform: start_platform(&folder, contracts, carried).await,
            folder,
        };
        lake.set_date(date);
        lake
    }

    /// The same folder with a new platform, as after a crash of the old one.
    pub(crate) async fn restart(self, date: &str) -> Self {
        self.restart_with(date, &repository_root().join("contracts"))
            .await
    }

    /// The same lake with other contracts: the application team fixed them.
    pub(crate) async fn restart_with(self, date: &str, contracts: &Path) -> Self {
        Self::start_over(self.end_platform().await, date, contracts).await
    }

    /// Ends the platform; gives its folder.
    async fn end_platform(self) -> TempFolder {
        let Self { platform, folder } = self;
        drop(platform);
        // Its tasks end when the runtime next looks at them.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        folder
    }

    /// Records are stamped with this day from now on.
    pub(crate) fn set_date(&self, date: &str) {
        self.platform
            .running
            .clock
            .set_millis(Day::parse(date).unwrap().next().start_micros() / 1_000 - 1_800_000);
    }

    pub(crate) async fn post_events(
        &self,
        source: &str,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> (u16, Value) {
        let url = format!("{}/v1/{source}/events", self.platform.api);
        let request = reqwest::Client::new()
            .post(url)
            .header("content-type", content_type)
            .body(body);
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        (
            status,
            serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null),
        )
    }

    /// Pushes events in one request and checks that all of them are accepted.
    pub(crate) async fn push_events(&self, source: &str, events: &[Value]) {
        for events in events.chunks(400) {
            let body = Value::Array(events.to_vec()).to_string();
            let (status, answer) = self.post_events(source, "application/json", body).await;
            assert_eq!(status, 202, "{answer}");
        }
    }

    /// The folder's secret, as an operator reads it.
    pub(crate) fn operator_token(&self) -> String {
        std::fs::read_to_string(self.folder.join("operator-token")).unwrap()
    }

    pub(crate) async fn invoke_function(&self, function: &str, payload: Value) -> Value {
        self.platform
            .running
            .invoke_function(function, &payload)
            .await
            .unwrap()
    }

    /// The zones, as operators' commands have them.
    pub(crate) async fn lake_handle(&self, contracts: &Path) -> LakeHandle {
        let catalogue = host::load_contracts(&contracts.to_string_lossy()).unwrap();
        polelake::open_lake::connect_local_lake(&self.platform.s3, &self.platform.kafka, catalogue)
            .await
    }

    /// Audits everything; the reconciliation must balance.
    pub(crate) async fn assert_reconciled(&self) -> LakeAudit {
        let zones = self.lake_handle(&repository_root().join("contracts")).await;
        let audit = audit_lake(
            &zones,
            AuditScope {
                deep: true,
                ..AuditScope::default()
            },
        )
        .await
        .unwrap();
        assert_eq!(audit.findings, [], "the reconciliation balances");
        audit
    }

    /// Merges and reports a day, after everything is landed and transformed; gives the run and the
    /// report.
    pub(crate) async fn run_day(&self, date: &str) -> (Value, Value) {
        self.platform.running.wait_until_settled().await.unwrap();
        let run = self
            .invoke_function("snapshot-merge", json!({"date": date}))
            .await;
        let summary = self
            .invoke_function("quality-report", json!({"date": date}))
            .await;
        let report = self.object_path("site", summary["report"].as_str().unwrap());
        let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap()).unwrap();
        assert_eq!(summary["date"], report["date"]);
        (run, report)
    }

    pub(crate) fn read_manifest(&self, table: &str, date: &str) -> SnapshotManifest {
        let key = lake::manifest_key(table, Day::parse(date).unwrap());
        SnapshotManifest::from_json(&std::fs::read(self.object_path("curated", &key)).unwrap())
            .unwrap()
    }

    pub(crate) fn object_path(&self, bucket: &str, key: &str) -> PathBuf {
        self.folder.join("s3").join(bucket).join(key)
    }

    /// The tables with snapshots that readers see: those that a source fills, and `entity`.
    pub(crate) fn count_merged_tables(&self) -> usize {
        let catalogue = shipped_catalogue();
        let filled = |table: &&TableContract| !catalogue.topics_of_table(&table.name).is_empty();
        catalogue.tables.iter().filter(filled).count() + 1
    }

    /// The same with the tables that only merges read.
    pub(crate) fn count_stored_tables(&self) -> usize {
        self.count_merged_tables() + shipped_catalogue().record_tables.len()
    }

    /// A table's rows on a day.
    pub(crate) fn table_rows(&self, table: &str, date: &str) -> Vec<SampleRow> {
        let shards = self.read_manifest(table, date).shards;
        shards
            .iter()
            .flat_map(|shard| {
                parquet_rows(
                    std::fs::read(self.object_path("curated", &shard.rows_file.key))
                        .unwrap()
                        .into(),
                )
            })
            .collect()
    }

    /// What all tables say on a day, without the places in the log.
    pub(crate) fn rows_by_table(&self, date: &str) -> BTreeMap<String, Vec<SampleRow>> {
        let mut said = BTreeMap::new();
        for table in [
            "event",
            "link",
            "location",
            "object_case",
            "object_contact",
            "object_document",
            "object_tenancy",
            "person",
        ] {
            let mut rows = self.table_rows(table, date);
            rows.iter_mut().for_each(|row| {
                POSITION_COLUMNS
                    .iter()
                    .for_each(|column| drop(row.remove(*column)));
            });
            said.insert(table.to_owned(), rows);
        }
        said
    }

    /// Every object of a bucket below a prefix, by key.
    pub(crate) fn read_objects(&self, bucket: &str, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let base = self.folder.join("s3").join(bucket);
        let mut found = BTreeMap::new();
        visit_files(&base.join(prefix), &mut |path| {
            let key = path
                .strip_prefix(&base)
                .unwrap()
                .to_string_lossy()
                .into_owned();
            found.insert(key, std::fs::read(path).unwrap());
        });
        found
    }
}

/// A copy of the shipped contracts.
pub(crate) fn copy_contracts(folder: &Path) {
    let contracts = repository_root().join("contracts");
    visit_files(&contracts, &mut |path| {
        let copy = folder.join(path.strip_prefix(&contracts).unwrap());
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(path, copy).unwrap();
    });
}

/// A copy of the contracts beside the test's folder, with one file changed. Tests of the same name
/// run at the same time: each copy has a folder of its own.
pub(crate) fn contracts_with(
    name: &str,
    file: &str,
    change: impl Fn(&str) -> String,
) -> TempFolder {
    static COPIES: AtomicU32 = AtomicU32::new(0);
    let number = COPIES.fetch_add(1, Ordering::SeqCst);
    let process = std::process::id();
    let folder = std::env::temp_dir().join(format!("polelake-contracts-{process}-{number}-{name}"));
    drop(std::fs::remove_dir_all(&folder));
    copy_contracts(&folder);
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed, "the change must change something");
    std::fs::write(folder.join(file), changed).unwrap();
    TempFolder(folder)
}

/// A folder of a lake that no other test has.
pub(crate) fn new_lake_folder() -> TempFolder {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::SeqCst);
    let folder =
        std::env::temp_dir().join(format!("polelake-test-{}-{number}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    TempFolder(folder)
}

async fn start_platform(
    folder: &Path,
    contracts: &Path,
    (transport, queue_landing): (Transport, QueueLanding),
) -> LocalPlatform {
    let options = PlatformOptions {
        folder: folder.to_owned(),
        contracts: contracts.to_owned(),
        port: 0,
        program: env!("CARGO_BIN_EXE_polelake-under-test").into(),
        binaries: None,
        parts: ExternalParts::default(),
        transport: Some(transport),
        queue_landing,
    };
    create_private_folder(folder).unwrap();
    write_private_file(&identity_key_file(folder), &pole::TEST_IDENTITY_SECRET).unwrap();
    // A child that another test starts just now has this process's files until it runs its own
    // program: the lock of a folder may outlive its platform by that long.
    for _ in 0..100 {
        match LocalPlatform::start(options.clone()).await {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            }
            started => return started.unwrap(),
        }
    }
    LocalPlatform::start(options).await.unwrap()
}

pub(crate) fn visit_files(folder: &Path, found: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            visit_files(&entry.path(), found);
        } else {
            found(&entry.path());
        }
    }
}

/// The rows of a Parquet file.
pub(crate) fn parquet_rows(bytes: Bytes) -> Vec<SampleRow> {
    polelake::samples::read_parquet_rows(bytes).unwrap()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests read better with the value in place"
)]
/// A person's event, with an id of its own for every name, kind and minute.
pub(crate) fn person_event(kind: &str, entity: &str, minute: u32, new: Value) -> Value {
    json!({
        "id": format!("{kind}-{entity}-{minute}-{}", new["firstName"].as_str().unwrap_or_default()),
        "eventType": kind,
        "dateTime": format!("2026-03-02T08:{minute:02}:00Z"),
        "user": {"name": "Sam Specimen", "email": "sam.specimen@example.org"},
        "entityId": entity,
        "eventData": {"oldData": null, "newData": new},
    })
}

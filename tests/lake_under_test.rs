//! A platform in a folder of its own, and what tests ask of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use lake::{Day, Manifest};
use local_platform::{Options, Platform};
use operations::Zones;
use operations::audit::{Audit, Scope, audit};
use serde_json::{Value, json};

pub(crate) use polelake::samples::Row;

/// The first day of the tests.
pub(crate) const MONDAY: &str = "2026-03-02";

/// The columns that tell where a row came from in the log, and change when it is sent again.
const PLACE: [&str; 3] = ["ingested_at", "partition", "offset"];

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A folder that goes with its test.
pub(crate) struct Folder(PathBuf);

impl std::ops::Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A test that failed leaves its folder to be looked at.
        if !std::thread::panicking() {
            drop(std::fs::remove_dir_all(&self.0));
        }
    }
}

pub(crate) struct LakeUnderTest {
    // The order matters: the platform ends before its folder goes.
    pub(crate) platform: Platform,
    pub(crate) folder: Folder,
}

impl LakeUnderTest {
    /// A platform in an empty folder, at eight o'clock on Monday.
    pub(crate) async fn start() -> Self {
        Self::with_contracts(&root().join("contracts")).await
    }

    /// The same with other contracts.
    pub(crate) async fn with_contracts(contracts: &Path) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::SeqCst);
        let folder =
            std::env::temp_dir().join(format!("polelake-test-{}-{number}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        let lake = Self {
            platform: platform(&folder, contracts).await,
            folder: Folder(folder),
        };
        lake.at(MONDAY);
        lake
    }

    /// The same folder with a new platform, as after a crash of the old one.
    pub(crate) async fn restart(self, date: &str) -> Self {
        self.restart_with(date, &root().join("contracts")).await
    }

    /// The same with other contracts: they were mended.
    pub(crate) async fn restart_with(self, date: &str, contracts: &Path) -> Self {
        let Self {
            platform: old,
            folder,
        } = self;
        drop(old);
        // The old one's tasks end when the runtime next looks at them.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let lake = Self {
            platform: platform(&folder, contracts).await,
            folder,
        };
        lake.at(date);
        lake
    }

    /// Records are stamped with this day from now on.
    pub(crate) fn at(&self, date: &str) {
        self.platform
            .running
            .clock
            .set(Day::parse(date).unwrap().begins() / 1_000 + 8 * 3_600_000);
    }

    pub(crate) async fn post(
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
    pub(crate) async fn push(&self, source: &str, events: &[Value]) {
        for events in events.chunks(400) {
            let body = Value::Array(events.to_vec()).to_string();
            let (status, answer) = self.post(source, "application/json", body).await;
            assert_eq!(status, 202, "{answer}");
        }
    }

    pub(crate) async fn invoke(&self, function: &str, payload: Value) -> Value {
        self.platform
            .running
            .invoke(function, &payload)
            .await
            .unwrap()
    }

    /// The zones, as operators' commands have them.
    pub(crate) async fn zones(&self, contracts: &Path) -> Zones {
        let catalogue = host::load_contracts(&contracts.to_string_lossy()).unwrap();
        polelake::lake_handle::local_zones(&self.platform.s3, &self.platform.kafka, catalogue).await
    }

    /// The books of everything; they must close.
    pub(crate) async fn books_close(&self) -> Audit {
        let zones = self.zones(&root().join("contracts")).await;
        let audit = audit(
            &zones,
            Scope {
                deep: true,
                ..Scope::default()
            },
        )
        .await
        .unwrap();
        assert_eq!(audit.findings, [], "the books close");
        audit
    }

    /// Merges and reports a day, after everything is landed and transformed; gives the run and the report.
    pub(crate) async fn run_day(&self, date: &str) -> (Value, Value) {
        self.platform.running.settled().await;
        let run = self.invoke("snapshot-merge", json!({"date": date})).await;
        let report = self.invoke("quality-report", json!({"date": date})).await;
        (run, report)
    }

    pub(crate) fn manifest(&self, table: &str, date: &str) -> Manifest {
        let key = lake::manifest_key(table, Day::parse(date).unwrap());
        Manifest::decode(&std::fs::read(self.object("curated", &key)).unwrap()).unwrap()
    }

    pub(crate) fn object(&self, bucket: &str, key: &str) -> PathBuf {
        self.folder.join("s3").join(bucket).join(key)
    }

    /// How many tables have snapshots: those that some shipped source fills, and the one that is made of them.
    pub(crate) fn merged_tables(&self) -> usize {
        let catalogue = host::load_contracts(&root().join("contracts").to_string_lossy()).unwrap();
        catalogue
            .tables
            .iter()
            .filter(|table| !catalogue.topics_of(&table.name).is_empty())
            .count()
            + 1
    }

    /// A table's rows on a day.
    pub(crate) fn rows(&self, table: &str, date: &str) -> Vec<Row> {
        let shards = self.manifest(table, date).shards;
        shards
            .iter()
            .flat_map(|shard| {
                rows(
                    std::fs::read(self.object("curated", &shard.rows_key))
                        .unwrap()
                        .into(),
                )
            })
            .collect()
    }

    /// What all tables say on a day, without the places in the log.
    pub(crate) fn said(&self, date: &str) -> BTreeMap<String, Vec<Row>> {
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
            let mut rows = self.rows(table, date);
            rows.iter_mut()
                .for_each(|row| PLACE.iter().for_each(|column| drop(row.remove(*column))));
            said.insert(table.to_owned(), rows);
        }
        said
    }

    /// Every object of a bucket below a prefix, by key.
    pub(crate) fn objects(&self, bucket: &str, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let base = self.folder.join("s3").join(bucket);
        let mut found = BTreeMap::new();
        collect(&base.join(prefix), &mut |path| {
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
    let contracts = root().join("contracts");
    collect(&contracts, &mut |path| {
        let copy = folder.join(path.strip_prefix(&contracts).unwrap());
        std::fs::create_dir_all(copy.parent().unwrap()).unwrap();
        std::fs::copy(path, copy).unwrap();
    });
}

/// A copy of the contracts beside the test's folder, with one file changed.
pub(crate) fn contracts_with(name: &str, file: &str, change: impl Fn(&str) -> String) -> Folder {
    let folder =
        std::env::temp_dir().join(format!("polelake-contracts-{}-{name}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    copy_contracts(&folder);
    let text = std::fs::read_to_string(folder.join(file)).unwrap();
    let changed = change(&text);
    assert_ne!(text, changed, "the change must change something");
    std::fs::write(folder.join(file), changed).unwrap();
    Folder(folder)
}

async fn platform(folder: &Path, contracts: &Path) -> Platform {
    let options = Options {
        folder: folder.to_owned(),
        contracts: contracts.to_owned(),
        port: 0,
        program: env!("CARGO_BIN_EXE_polelake-under-test").into(),
        binaries: None,
    };
    Platform::start(options).await.unwrap()
}

pub(crate) fn collect(folder: &Path, found: &mut dyn FnMut(&Path)) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            collect(&entry.path(), found);
        } else {
            found(&entry.path());
        }
    }
}

/// The rows of a Parquet file.
pub(crate) fn rows(bytes: Bytes) -> Vec<Row> {
    polelake::samples::rows(bytes).unwrap()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests read better with the value in place"
)]
/// A person's event, with an id of its own for every name, kind and minute.
pub(crate) fn person(kind: &str, entity: &str, minute: u32, new: Value) -> Value {
    json!({
        "id": format!("{kind}-{entity}-{minute}-{}", new["firstName"].as_str().unwrap_or_default()),
        "eventType": kind,
        "dateTime": format!("2026-03-02T08:{minute:02}:00Z"),
        "user": {"name": "Sam Specimen", "email": "sam.specimen@example.org"},
        "entityId": entity,
        "eventData": {"oldData": null, "newData": new},
    })
}

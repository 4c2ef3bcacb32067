//! Days of a lake in memory: the real transform and the real merge, without processes, for tests of
//! meaning.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use contract::{Catalogue, DeclaredFile};
use host::TimeBudget;
use lake::{Chunk, Day, RawRecord, Receipt, SnapshotManifest, encode_raw, manifest_key};
use pole::IdentityKey;
use pole_transform::LandedObject;
use serde_json::Value;
use snapshot_merge::{Context, MergeSizes, ZoneBuckets};
use store::raw_log::record_content;
use store::{MemoryCatalogue, MemoryStore, ObjectMetadata, ObjectStore};
use trigger::ScheduleRequest;

use crate::lake_under_test::{SampleRow, parquet_rows, repository_root};

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

pub(crate) struct Days {
    pub(crate) raw: Arc<MemoryStore>,
    pub(crate) refined: Arc<MemoryStore>,
    pub(crate) curated: Arc<MemoryStore>,
    pub(crate) glue: Arc<MemoryCatalogue>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) sizes: MergeSizes,
    offsets: BTreeMap<String, i64>,
}

/// Merges some tables of a day, all of them when none is named, in a context.
pub(crate) async fn merge_with(
    context: &Context,
    date: &str,
    tables: &[&str],
) -> Result<snapshot_merge::MergeRun, host::Failure> {
    let tables = tables.iter().map(|table| (*table).to_owned()).collect();
    let schedule = ScheduleRequest {
        date: Some(date.to_owned()),
        tables,
        ..ScheduleRequest::default()
    };
    let budget = TimeBudget::lasting_for(Duration::from_secs(600));
    snapshot_merge::handle(&schedule, context, budget).await
}

impl Days {
    /// An empty lake under the shipped contracts.
    pub(crate) fn new() -> Self {
        static SHIPPED: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
            Arc::new(
                host::load_contracts(&repository_root().join("contracts").to_string_lossy())
                    .unwrap(),
            )
        });
        Self::of(Arc::clone(&SHIPPED))
    }

    pub(crate) fn under(catalogue: Catalogue) -> Self {
        Self::of(Arc::new(catalogue))
    }

    fn of(catalogue: Arc<Catalogue>) -> Self {
        Self {
            raw: Arc::default(),
            refined: Arc::default(),
            curated: Arc::default(),
            glue: Arc::default(),
            catalogue,
            sizes: MergeSizes::default(),
            offsets: BTreeMap::new(),
        }
    }

    /// The same lake, after its contracts were changed.
    pub(crate) fn changed(self, catalogue: Catalogue) -> Self {
        Self {
            catalogue: Arc::new(catalogue),
            ..self
        }
    }

    /// Lands and transforms events of a source on a day, one raw object for all of them; gives the
    /// receipt.
    pub(crate) async fn push(&mut self, source: &str, date: &str, events: &[Value]) -> Receipt {
        let values: Vec<String> = events.iter().map(Value::to_string).collect();
        self.land(
            source,
            date,
            &values.iter().map(String::as_bytes).collect::<Vec<_>>(),
        )
        .await
    }

    pub(crate) async fn land(&mut self, source: &str, date: &str, values: &[&[u8]]) -> Receipt {
        let plan = self.catalogue.mapping_of_source(source).unwrap();
        let topic = plan.contract.topic.clone();
        let offset = self.offsets.entry(topic.clone()).or_default();
        let chunk = Chunk {
            topic,
            epoch: 1,
            partition: 0,
            offset: *offset,
        };
        // In the evening: no event of the day is ahead of its arrival.
        let begins = Day::parse(date).unwrap().start_micros() + 20 * 3_600 * SECOND;
        let record = |(place, value): (usize, &&[u8])| {
            let timestamp = (begins + (*offset + place as i64) * SECOND) / 1_000;
            RawRecord {
                offset: *offset + place as i64,
                timestamp,
                timestamp_type: None,
                landed_at: Some(timestamp),
                key: None,
                value: Some(Bytes::copy_from_slice(value)),
                headers: None,
            }
        };
        let records: Vec<RawRecord<'_>> = values.iter().enumerate().map(record).collect();
        let next = *offset + values.len() as i64;
        *offset = next;
        let raw = encode_raw(&chunk, &records, next).unwrap();
        let metadata = ObjectMetadata::from([
            ("next".to_owned(), next.to_string()),
            ("count".to_owned(), values.len().to_string()),
        ]);
        let metadata = record_content(&metadata, &raw);
        assert!(
            self.raw
                .put_if_absent(&chunk.raw_key(), raw.clone(), metadata)
                .await
                .unwrap()
        );
        let batches = lake::decode_raw(raw.clone()).unwrap();
        let done = pole_transform::transform_chunk(
            &self.catalogue,
            &IdentityKey::for_tests(),
            plan,
            LandedObject::of_content(&chunk, next, &raw),
            &batches,
        )
        .unwrap();
        for (key, body) in done.objects {
            self.refined.put(&key, body, "").await.unwrap();
        }
        let receipt = Bytes::from(done.receipt.to_json().unwrap());
        self.refined
            .put(&chunk.receipt_key(), receipt, "")
            .await
            .unwrap();
        done.receipt
    }

    pub(crate) fn context(&self) -> Context {
        let bucket = |name: &str| name.to_owned();
        Context {
            raw: Arc::clone(&self.raw) as _,
            refined: Arc::clone(&self.refined) as _,
            curated: Arc::clone(&self.curated) as _,
            buckets: ZoneBuckets {
                raw: bucket("raw"),
                refined: bucket("refined"),
                curated: bucket("curated"),
            },
            database_prefix: "polelake".to_owned(),
            glue: Arc::clone(&self.glue) as _,
            catalogue: Arc::clone(&self.catalogue),
            identity_key: Some(Arc::new(pole::IdentityKey::for_tests())),
            sizes: self.sizes,
        }
    }

    /// What a report of these days needs, with its site.
    pub(crate) fn report_context(&self, site: &Arc<MemoryStore>) -> quality_report::Context {
        quality_report::Context {
            raw: Arc::clone(&self.raw) as _,
            refined: Arc::clone(&self.refined) as _,
            curated: Arc::clone(&self.curated) as _,
            site: Arc::clone(site) as _,
            catalogue: Arc::clone(&self.catalogue),
            query_location: quality_report::QueryLocation {
                bucket: "curated".into(),
                database_prefix: "polelake".into(),
            },
            output_settings: quality_report::ReportOutputSettings::default(),
        }
    }

    pub(crate) async fn merge(
        &self,
        date: &str,
    ) -> Result<snapshot_merge::MergeRun, host::Failure> {
        self.merge_tables(date, &[]).await
    }

    /// Merges some tables of a day; all of them, when none is named.
    pub(crate) async fn merge_tables(
        &self,
        date: &str,
        tables: &[&str],
    ) -> Result<snapshot_merge::MergeRun, host::Failure> {
        merge_with(&self.context(), date, tables).await
    }

    pub(crate) async fn manifest(&self, table: &str, date: &str) -> SnapshotManifest {
        let key = manifest_key(table, Day::parse(date).unwrap());
        SnapshotManifest::from_json(&self.curated.get(&key).await.unwrap().body).unwrap()
    }

    /// A table's rows on a day, after it was merged.
    pub(crate) async fn rows(&self, table: &str, date: &str) -> Vec<SampleRow> {
        let mut all = Vec::new();
        for shard in self.manifest(table, date).await.shards {
            all.extend(parquet_rows(
                self.curated.get(&shard.rows_file.key).await.unwrap().body,
            ));
        }
        all
    }

    /// The one row of a table whose source record has this key.
    pub(crate) async fn row(&self, table: &str, date: &str, key: &str) -> Option<SampleRow> {
        let mut found = self.rows(table, date).await;
        found.retain(|row| row["source_record_id"] == key);
        assert!(found.len() < 2, "{key} has {} rows in {table}", found.len());
        found.pop()
    }
}

/// Every object of a store.
pub(crate) async fn objects(store: &MemoryStore) -> BTreeMap<String, Bytes> {
    let mut objects = BTreeMap::new();
    for entry in store.list("", None).await.unwrap() {
        objects.insert(entry.key.clone(), store.get(&entry.key).await.unwrap().body);
    }
    objects
}

/// The shipped contracts with some files changed, compiled.
pub(crate) fn contracts(change: impl Fn(&mut Vec<DeclaredFile>)) -> Catalogue {
    let mut files =
        host::read_contract_files(&repository_root().join("contracts").to_string_lossy()).unwrap();
    change(&mut files);
    Catalogue::compile(&files).unwrap()
}

/// What is wrong with the shipped contracts when these files are beside them, as text.
pub(crate) fn problems_of(more: Vec<DeclaredFile>) -> String {
    let mut files =
        host::read_contract_files(&repository_root().join("contracts").to_string_lossy()).unwrap();
    files.extend(more);
    let problems = Catalogue::compile(&files).err().unwrap_or_default();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Replaces a text of one file; it must stand there.
pub(crate) fn replace(files: &mut [DeclaredFile], path: &str, from: &str, to: &str) {
    let file = files.iter_mut().find(|file| file.path == path).unwrap();
    assert!(file.text().contains(from), "{path} has no `{from}`");
    *file = DeclaredFile::new(path, file.text().replace(from, to));
}

//! Days of snapshots in memory, each written as a merge writes them: sorted, in shards and row
//! groups, with digests.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int64Type, TimestampMicrosecondType};
use arrow_array::{
    ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::{Field, Schema, SchemaRef};
use arrow_select::concat::concat_batches;
use async_trait::async_trait;
use bytes::Bytes;
use contract::{Catalogue, DeclaredFile};
use lake::limits::TABLE_FILE;
use lake::{
    BoundedBatches, Day, ManifestShard, NamedFile, OwnerRange, RowGroupWriter, ShardVersion,
    SnapshotManifest, file, manifest_key, schema, version_name,
};
use store::{
    ListedObject, MemoryCatalogue, MemoryStore, ObjectHead, ObjectMetadata, ObjectStore,
    StoreError, StoredObject,
};

use super::super::{ENTITY, merge_entities};
use crate::context::{Context, ZoneBuckets};
use crate::merge_run::TableRun;
use crate::sizes::MergeSizes;

/// The tables of the days: three whose rows are entities.
pub(super) const TABLES: [&str; 3] = ["location", "object_vehicle", "person"];

/// What names a row: its owner, which of the owner's rows it is (0 is the owner itself), and its
/// source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RowKey {
    pub(super) owner: u8,
    pub(super) part: u8,
    pub(super) source: u8,
}

/// The last event of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RowValue {
    pub(super) event_time: i64,
    pub(super) offset: i64,
}

pub(super) type TableRows = BTreeMap<RowKey, RowValue>;

/// What `entity` says of a thing.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct EntityFact {
    pub(super) tables: String,
    pub(super) sources: String,
    pub(super) source_count: i64,
    pub(super) first_seen: i64,
    pub(super) last_seen: i64,
    pub(super) offset: i64,
}

/// The contracts that a day is merged under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ContractsVariant {
    Shipped,
    /// `entity` has a later version and one more column.
    LaterVersion,
    /// `entity` has another rule.
    OtherRules,
}

const ENTITY_CONTRACT: &str = "pole/entity.odcs.yaml";

fn compile(changes: &[(&str, &str)]) -> Arc<Catalogue> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts");
    let mut files = host::read_contract_files(folder).unwrap();
    let file = files
        .iter_mut()
        .find(|file| file.path == ENTITY_CONTRACT)
        .unwrap();
    let mut text = file.text().to_owned();
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    *file = DeclaredFile::new(ENTITY_CONTRACT, text);
    Arc::new(Catalogue::compile(&files).unwrap())
}

impl ContractsVariant {
    fn catalogue(self) -> Arc<Catalogue> {
        static SHIPPED: LazyLock<Arc<Catalogue>> = LazyLock::new(|| compile(&[]));
        static LATER: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
            compile(&[
                ("version: 1.1.0", "version: 1.2.0"),
                (
                    "      - name: last_seen\n",
                    "      - {name: note, logicalType: string, physicalType: string, \
                     classification: internal, description: 'A new column'}\n      \
                     - name: last_seen\n",
                ),
            ])
        });
        static OTHER: LazyLock<Arc<Catalogue>> = LazyLock::new(|| {
            compile(&[("id: entity-last_seen-order", "id: entity-last_seen-second")])
        });
        Arc::clone(match self {
            Self::Shipped => &SHIPPED,
            Self::LaterVersion => &LATER,
            Self::OtherRules => &OTHER,
        })
    }
}

/// A store in memory that notes which parts of objects are read.
#[derive(Default)]
pub(super) struct WatchedStore {
    objects: MemoryStore,
    pub(super) reads: Mutex<Vec<(String, Range<u64>)>>,
}

#[async_trait]
impl ObjectStore for WatchedStore {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        self.objects.get(key).await
    }

    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        let read = (key.to_owned(), range.clone());
        self.reads.lock().unwrap().push(read);
        self.objects.get_range(key, range).await
    }

    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        self.objects.head(key).await
    }

    async fn put(&self, key: &str, body: Bytes, kind: &str) -> Result<(), StoreError> {
        self.objects.put(key, body, kind).await
    }

    async fn put_file(&self, key: &str, file: &Path, kind: &str) -> Result<(), StoreError> {
        self.objects.put_file(key, file, kind).await
    }

    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        self.objects.put_if_absent(key, body, metadata).await
    }

    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        self.objects.put_if_match(key, etag, body).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        self.objects.list(prefix, after).await
    }

    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        self.objects.find_first(prefix, after).await
    }

    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.objects.delete(key).await
    }
}

/// A curated zone with days of snapshots.
pub(super) struct SnapshotDays {
    pub(super) store: Arc<WatchedStore>,
}

/// An id whose place among all ids is spread by the owner.
fn id_of(owner: u8, part: u8) -> String {
    let head = u32::from(owner).wrapping_mul(0x9e37_79b1);
    format!("{head:08x}-00{part:02x}-5000-8000-0000000000{owner:02x}")
}

/// The columns of a table's file: as many as `entity` reads, and one of the table's own.
fn table_schema() -> SchemaRef {
    let catalogue = ContractsVariant::Shipped.catalogue();
    let entity = catalogue.table_contract(ENTITY).unwrap();
    let curated = schema::curated_schema(entity);
    let mut fields: Vec<_> = curated.fields()[..pole::PROVENANCE.len()].to_vec();
    fields.push(Arc::new(Field::new(
        "own",
        arrow_schema::DataType::Utf8,
        true,
    )));
    Arc::new(Schema::new(fields))
}

fn row_batch(rows: &[(&RowKey, &RowValue)]) -> RecordBatch {
    let texts = |value: &dyn Fn(&RowKey) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(
            rows.iter().map(|(key, _)| value(key)),
        ))
    };
    let integers = |value: &dyn Fn(&RowValue) -> i64| -> ArrayRef {
        Arc::new(Int64Array::from_iter_values(
            rows.iter().map(|(_, row)| value(row)),
        ))
    };
    let times = |value: &dyn Fn(&RowValue) -> i64| -> ArrayRef {
        let times = rows.iter().map(|(_, row)| value(row));
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC"))
    };
    let schema = table_schema();
    let columns = schema
        .fields()
        .iter()
        .map(|field| match field.name().as_str() {
            "pole_id" => texts(&|key| id_of(key.owner, key.part)),
            "owner_id" => texts(&|key| id_of(key.owner, 0)),
            "source" => texts(&|key| format!("source-{}", key.source)),
            "source_event_id" => {
                let events = rows.iter().map(|(_, row)| format!("event-{}", row.offset));
                Arc::new(StringArray::from_iter_values(events))
            }
            "partition" => integers(&|_| 0),
            "offset" => integers(&|row| row.offset),
            "event_time" => times(&|row| row.event_time),
            "ingested_at" => times(&|row| row.offset),
            "entity_version" | "event_time_nanos" | "owner_set" | "own" => {
                new_null_array(field.data_type(), rows.len())
            }
            _ => texts(&|_| "1.0.0".to_owned()),
        });
    let columns = columns.collect();
    RecordBatch::try_new(schema, columns).unwrap()
}

/// Whether a group ends behind a row. It depends on the row alone: where nothing changes, groups
/// stay as they are, and some end within an owner.
fn ends_group(key: &RowKey, rows: u64) -> bool {
    let mark = u64::from(key.owner) * 131 + u64::from(key.part) * 17 + u64::from(key.source) * 7;
    mark.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(20) % rows == 0
}

impl SnapshotDays {
    pub(super) fn new() -> Self {
        Self {
            store: Arc::default(),
        }
    }

    /// Writes a table's snapshot of a day, in so many shards and groups of about so many rows.
    pub(super) async fn put_snapshot(
        &mut self,
        day: Day,
        table: usize,
        rows: &TableRows,
        (shards, group_rows): (u32, u64),
    ) {
        let mut sorted: Vec<_> = rows.iter().collect();
        sorted
            .sort_by_key(|(key, _)| (id_of(key.owner, 0), id_of(key.owner, key.part), key.source));
        let mut manifest = SnapshotManifest {
            table: TABLES[table].to_owned(),
            date: day.to_string(),
            rows: rows.len() as u64,
            ..SnapshotManifest::default()
        };
        for shard in 0..shards {
            let owners = OwnerRange::of_shard(shard, shards);
            let of_shard = sorted.iter().copied();
            let of_shard: Vec<_> = of_shard
                .filter(|(key, _)| owners.contains(&id_of(key.owner, 0)))
                .collect();
            let shard = self
                .put_shard(day, (table, shard), &of_shard, group_rows)
                .await;
            manifest.shards.push(shard);
        }
        let key = manifest_key(TABLES[table], day);
        let body = manifest.to_json().unwrap().into();
        self.store.put(&key, body, "").await.unwrap();
    }

    async fn put_shard(
        &self,
        day: Day,
        (table, shard): (usize, u32),
        rows: &[(&RowKey, &RowValue)],
        group_rows: u64,
    ) -> ManifestShard {
        let properties = file::curated_properties();
        let mut writer = RowGroupWriter::new(Vec::new(), &table_schema(), properties).unwrap();
        for row in rows {
            writer.write_batch(&row_batch(&[*row])).unwrap();
            if ends_group(row.0, group_rows) {
                writer.close_group().unwrap();
            }
        }
        let (bytes, digest) = writer.finish_file().unwrap();
        let version = version_name(day, &digest.content_name());
        let key = ShardVersion {
            table: TABLES[table],
            shard,
            version: &version,
        }
        .rows_key();
        self.store.put(&key, bytes.into(), "").await.unwrap();
        ManifestShard {
            shard,
            rows: rows.len() as u64,
            rows_file: NamedFile { key, digest },
            version,
            ..ManifestShard::default()
        }
    }

    /// Makes the day's `entity`.
    pub(super) async fn merge(
        &mut self,
        day: Day,
        sizes: MergeSizes,
        contracts: ContractsVariant,
    ) -> TableRun {
        let context = Context {
            raw: Arc::new(MemoryStore::default()),
            refined: Arc::new(MemoryStore::default()),
            curated: Arc::clone(&self.store) as _,
            buckets: ZoneBuckets {
                raw: "raw".to_owned(),
                refined: "refined".to_owned(),
                curated: "curated".to_owned(),
            },
            database_prefix: "test".to_owned(),
            glue: Arc::new(MemoryCatalogue::default()),
            catalogue: contracts.catalogue(),
            identity_key: None,
            sizes,
        };
        merge_entities(day, &context).await.unwrap().unwrap()
    }

    /// Removes from every manifest of `entity` what it was made from: the next day makes all of it
    /// again.
    pub(super) async fn forget_origins(&mut self) {
        let listed = self.store.list(&lake::manifest_prefix(ENTITY), None).await;
        for entry in listed.unwrap() {
            let stored = self.store.get(&entry.key).await.unwrap();
            let manifest = SnapshotManifest::from_json(&stored.body).unwrap();
            let without = SnapshotManifest {
                made_from: BTreeMap::new(),
                ..manifest
            };
            let body = without.to_json().unwrap().into();
            self.store.put(&entry.key, body, "").await.unwrap();
        }
    }

    pub(super) async fn manifest(&self, table: &str, day: Day) -> SnapshotManifest {
        let stored = self.store.get(&manifest_key(table, day)).await.unwrap();
        SnapshotManifest::from_json(&stored.body).unwrap()
    }

    /// The day's rows of `entity`, in the columns that every version of the contract has.
    pub(super) async fn rows(&self, day: Day) -> RecordBatch {
        let catalogue = ContractsVariant::Shipped.catalogue();
        let schema = schema::curated_schema(catalogue.table_contract(ENTITY).unwrap());
        let mut batches = Vec::new();
        for shard in self.manifest(ENTITY, day).await.shards {
            let stored = self.store.get(&shard.rows_file.key).await.unwrap();
            for batch in BoundedBatches::open(stored.body, &TABLE_FILE, None).unwrap() {
                let batch = crate::batch_columns::conform_to_schema(&batch.unwrap(), &schema);
                batches.push(batch.unwrap());
            }
        }
        concat_batches(&schema, &batches).unwrap()
    }

    /// What the day's `entity` says, by owner. Its rows are sorted, and each thing has one.
    pub(super) async fn facts(&self, day: Day) -> BTreeMap<u8, EntityFact> {
        let rows = self.rows(day).await;
        let column = |name: &str| Arc::clone(rows.column_by_name(name).unwrap());
        let text = |name: &str, row: usize| column(name).as_string::<i32>().value(row).to_owned();
        let integer = |name: &str, row: usize| column(name).as_primitive::<Int64Type>().value(row);
        let time = |name: &str, row: usize| {
            let column = column(name);
            column.as_primitive::<TimestampMicrosecondType>().value(row)
        };
        let ids: Vec<String> = (0..rows.num_rows())
            .map(|row| text("pole_id", row))
            .collect();
        assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
        let facts = ids.iter().enumerate().map(|(row, id)| {
            let owner = u8::from_str_radix(&id[id.len() - 2..], 16).unwrap();
            let fact = EntityFact {
                tables: text("tables", row),
                sources: text("sources", row),
                source_count: integer("source_count", row),
                first_seen: time("first_seen", row),
                last_seen: time("last_seen", row),
                offset: integer("offset", row),
            };
            (owner, fact)
        });
        facts.collect()
    }
}

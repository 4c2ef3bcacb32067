//! The table's metadata: one JSON document that names all kept days.

use std::collections::BTreeMap;

use pole::stable_id;
use serde::Serialize;

use super::days::end_of_day_ms;
use super::manifest::SORT_ORDER_ID;
use super::raw_file::PARTITION_FIELD_ID;
use super::schema::IcebergSchema;
use super::{IcebergDays, IcebergFile, IcebergTable, SnapshotEntry};
use crate::curated_keys::{ICEBERG_METADATA_SUFFIX, iceberg_hint_key};
use crate::schema::field_id;
use crate::{Day, LakeError};

/// The order of rows in every file.
const SORT_COLUMNS: [&str; 3] = ["owner_id", "pole_id", "source"];

/// The table's metadata, and the hint by which it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenMetadata {
    /// The metadata, to be written first.
    pub metadata: IcebergFile,
    /// The hint, which names it as the current one.
    pub hint: IcebergFile,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct TableMetadata<'d> {
    format_version: u8,
    table_uuid: String,
    location: &'d str,
    last_sequence_number: i64,
    last_updated_ms: i64,
    last_column_id: i32,
    current_schema_id: i32,
    schemas: Vec<&'d IcebergSchema>,
    default_spec_id: i32,
    partition_specs: [IcebergPartitionSpec<'d>; 1],
    last_partition_id: i32,
    default_sort_order_id: i32,
    sort_orders: Vec<IcebergSortOrder>,
    properties: BTreeMap<&'static str, String>,
    current_snapshot_id: i64,
    refs: BTreeMap<String, SnapshotReference>,
    snapshots: Vec<MetadataSnapshot<'d>>,
    snapshot_log: Vec<SnapshotLogEntry>,
    metadata_log: [(); 0],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct IcebergPartitionSpec<'d> {
    spec_id: i32,
    fields: &'d [PartitionFields],
}

/// A field of a partition, as Iceberg's texts have it.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct PartitionFields {
    pub(super) name: &'static str,
    pub(super) transform: &'static str,
    pub(super) source_id: i32,
    pub(super) field_id: i32,
}

/// The one snapshot of a topic's raw objects.
pub(super) struct RawSnapshot<'d> {
    pub(super) id: i64,
    /// The newest day on which objects landed.
    pub(super) day: Day,
    pub(super) manifest_list: &'d str,
    pub(super) summary: BTreeMap<String, String>,
    pub(super) partition: PartitionFields,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct IcebergSortOrder {
    order_id: i32,
    fields: Vec<IcebergSortField>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct IcebergSortField {
    transform: &'static str,
    source_id: i32,
    direction: &'static str,
    null_order: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct SnapshotReference {
    snapshot_id: i64,
    r#type: &'static str,
}

impl SnapshotReference {
    fn new(entry: &SnapshotEntry, r#type: &'static str) -> Self {
        Self {
            snapshot_id: entry.snapshot_id,
            r#type,
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct MetadataSnapshot<'d> {
    snapshot_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_snapshot_id: Option<i64>,
    sequence_number: i64,
    timestamp_ms: i64,
    manifest_list: &'d str,
    summary: &'d BTreeMap<String, String>,
    schema_id: i32,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct SnapshotLogEntry {
    snapshot_id: i64,
    timestamp_ms: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct NameMappingField<'d> {
    field_id: i32,
    names: [&'d str; 1],
}

impl IcebergTable<'_> {
    /// The table's metadata with these days.
    ///
    /// # Errors
    /// When no day is kept: a table without a snapshot is no table here.
    pub fn write_metadata(&self, days: &IcebergDays) -> Result<WrittenMetadata, LakeError> {
        let newest = days.newest_entry().ok_or_else(|| {
            LakeError::Unexpected(format!(
                "the table {} has no day to be read in Iceberg",
                self.name
            ))
        })?;
        let location = self.table_location();
        let metadata = build_table_metadata(&location, days, newest)?;
        self.name_metadata(newest.date, &metadata)
    }

    /// The metadata of a topic's raw objects: one snapshot, because the objects themselves are the
    /// history.
    pub(super) fn write_raw_metadata(
        &self,
        snapshot: &RawSnapshot<'_>,
    ) -> Result<WrittenMetadata, LakeError> {
        let location = self.table_location();
        let metadata = build_raw_metadata(&location, &self.schema, snapshot)?;
        self.name_metadata(snapshot.day, &metadata)
    }

    /// The metadata under the name of their content, and the hint that names them.
    fn name_metadata(
        &self,
        day: Day,
        metadata: &TableMetadata<'_>,
    ) -> Result<WrittenMetadata, LakeError> {
        let bytes = serde_json::to_vec(metadata)?;
        let metadata = self.metadata_file(day, ICEBERG_METADATA_SUFFIX, bytes);

        // DuckDB adds the suffix by itself, and PyIceberg where it is missing; neither accepts a
        // line's end.
        let name = metadata
            .key
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(ICEBERG_METADATA_SUFFIX);
        let hint = IcebergFile {
            key: iceberg_hint_key(self.name),
            bytes: name.as_bytes().to_vec(),
        };
        Ok(WrittenMetadata { metadata, hint })
    }
}

fn build_table_metadata<'d>(
    location: &'d str,
    days: &'d IcebergDays,
    newest: &'d SnapshotEntry,
) -> Result<TableMetadata<'d>, LakeError> {
    let columns = columns_by_id(days);
    Ok(TableMetadata {
        format_version: 2,
        table_uuid: stable_id("iceberg-table", &[location]).to_string(),
        location,
        last_sequence_number: newest.date.0.into(),
        last_updated_ms: newest.timestamp_ms(),
        last_column_id: columns.keys().next_back().copied().unwrap_or_default(),
        current_schema_id: newest.schema.id,
        schemas: distinct_schemas(days),
        default_spec_id: 0,
        partition_specs: [IcebergPartitionSpec {
            spec_id: 0,
            fields: &[],
        }],
        last_partition_id: PARTITION_FIELD_ID - 1,
        default_sort_order_id: 0,
        sort_orders: vec![unsorted_rows(), sorted_rows()],
        properties: table_properties(&columns)?,
        current_snapshot_id: newest.snapshot_id,
        refs: name_snapshots(days, newest),
        snapshots: snapshots_with_parents(days),
        snapshot_log: days.entries().map(snapshot_log_entry).collect(),
        metadata_log: [],
    })
}

fn build_raw_metadata<'d>(
    location: &'d str,
    schema: &'d IcebergSchema,
    snapshot: &'d RawSnapshot<'d>,
) -> Result<TableMetadata<'d>, LakeError> {
    let columns = schema.fields.iter();
    let columns = columns
        .map(|field| (field.id, field.name.as_str()))
        .collect();
    let timestamp_ms = end_of_day_ms(snapshot.day);
    let branch = SnapshotReference {
        snapshot_id: snapshot.id,
        r#type: "branch",
    };
    Ok(TableMetadata {
        format_version: 2,
        table_uuid: stable_id("iceberg-table", &[location]).to_string(),
        location,
        last_sequence_number: snapshot.day.0.into(),
        last_updated_ms: timestamp_ms,
        last_column_id: schema
            .fields
            .iter()
            .map(|field| field.id)
            .max()
            .unwrap_or_default(),
        current_schema_id: schema.id,
        schemas: vec![schema],
        default_spec_id: 0,
        partition_specs: [IcebergPartitionSpec {
            spec_id: 0,
            fields: std::slice::from_ref(&snapshot.partition),
        }],
        last_partition_id: PARTITION_FIELD_ID,
        default_sort_order_id: 0,
        sort_orders: vec![unsorted_rows()],
        properties: table_properties(&columns)?,
        current_snapshot_id: snapshot.id,
        refs: BTreeMap::from([("main".to_owned(), branch)]),
        snapshots: vec![MetadataSnapshot {
            snapshot_id: snapshot.id,
            parent_snapshot_id: None,
            sequence_number: snapshot.day.0.into(),
            timestamp_ms,
            manifest_list: snapshot.manifest_list,
            summary: &snapshot.summary,
            schema_id: schema.id,
        }],
        snapshot_log: vec![SnapshotLogEntry {
            snapshot_id: snapshot.id,
            timestamp_ms,
        }],
        metadata_log: [],
    })
}

/// The branch that readers see unless they ask for another snapshot, and a tag for each kept day,
/// by its date: a day that is written again has another snapshot, and keeps its name.
fn name_snapshots(
    days: &IcebergDays,
    newest: &SnapshotEntry,
) -> BTreeMap<String, SnapshotReference> {
    let tags = days.entries().map(|entry| {
        let reference = SnapshotReference::new(entry, "tag");
        (entry.date.to_string(), reference)
    });
    let branch = ("main".to_owned(), SnapshotReference::new(newest, "branch"));
    tags.chain([branch]).collect()
}

fn snapshot_log_entry(entry: &SnapshotEntry) -> SnapshotLogEntry {
    SnapshotLogEntry {
        snapshot_id: entry.snapshot_id,
        timestamp_ms: entry.timestamp_ms(),
    }
}

/// Every schema that a kept day needs, in the order of their first use.
fn distinct_schemas(days: &IcebergDays) -> Vec<&IcebergSchema> {
    let mut schemas: Vec<&IcebergSchema> = Vec::new();
    for entry in days.entries() {
        if !schemas.iter().any(|known| known.id == entry.schema.id) {
            schemas.push(&entry.schema);
        }
    }
    schemas
}

/// Every column of every kept day.
fn columns_by_id(days: &IcebergDays) -> BTreeMap<i32, &str> {
    let fields = days.entries().flat_map(|entry| &entry.schema.fields);
    fields
        .map(|field| (field.id, field.name.as_str()))
        .collect()
}

/// A day's parent is the kept day before it, whatever it was when the day was written: days are
/// replaced and dropped.
fn snapshots_with_parents(days: &IcebergDays) -> Vec<MetadataSnapshot<'_>> {
    let mut parent = None;
    let mut snapshots = Vec::new();
    for entry in days.entries() {
        snapshots.push(build_snapshot(entry, parent));
        parent = Some(entry.snapshot_id);
    }
    snapshots
}

fn build_snapshot(entry: &SnapshotEntry, parent_snapshot_id: Option<i64>) -> MetadataSnapshot<'_> {
    MetadataSnapshot {
        snapshot_id: entry.snapshot_id,
        parent_snapshot_id,
        sequence_number: entry.date.0.into(),
        timestamp_ms: entry.timestamp_ms(),
        manifest_list: &entry.manifest_list,
        summary: &entry.summary,
        schema_id: entry.schema.id,
    }
}

/// The default: files that other programs write into the table are in no order.
fn unsorted_rows() -> IcebergSortOrder {
    IcebergSortOrder {
        order_id: 0,
        fields: Vec::new(),
    }
}

/// The order of the rows that the merge writes.
fn sorted_rows() -> IcebergSortOrder {
    IcebergSortOrder {
        order_id: SORT_ORDER_ID,
        fields: SORT_COLUMNS.map(ascending_field).into(),
    }
}

fn ascending_field(column: &str) -> IcebergSortField {
    IcebergSortField {
        transform: "identity",
        source_id: field_id(column),
        direction: "asc",
        null_order: "nulls-first",
    }
}

/// Files from before columns had ids are read by the columns' names. No maintenance may delete
/// files: other tables and days name the same ones.
fn table_properties(
    columns: &BTreeMap<i32, &str>,
) -> Result<BTreeMap<&'static str, String>, LakeError> {
    let mapped = columns.iter().map(|(id, name)| NameMappingField {
        field_id: *id,
        names: [name],
    });
    let mapping = serde_json::to_string(&mapped.collect::<Vec<_>>())?;
    Ok(BTreeMap::from([
        ("gc.enabled", "false".to_owned()),
        ("schema.name-mapping.default", mapping),
        ("write.format.default", "parquet".to_owned()),
        ("write.parquet.compression-codec", "zstd".to_owned()),
    ]))
}

//! The Iceberg table of a topic's raw objects: one manifest for each day on which objects landed,
//! and one snapshot that names them. It is a pure function of the receipts, however often and in
//! whatever parts it was published.

use std::collections::{BTreeMap, BTreeSet};

use pole::content_id;
use serde::Deserialize;

use super::avro::{self, AvroDecoder, AvroEncoder, unreadable_manifest};
use super::day::derive_snapshot_id;
use super::manifest_list::MANIFEST_LIST_SCHEMA;
use super::metadata::{PartitionFields, RawSnapshot, WrittenMetadata};
use super::raw_file::{
    PARTITION_COLUMN, PARTITION_FIELD, PARTITION_FIELD_ID, RawObjectFile, encode_raw_manifest,
    sequence_number,
};
use super::schema::IcebergSchema;
use super::{IcebergFile, IcebergTable};
use crate::schema::field_id;
use crate::{Day, LakeError};

/// Where the summary of a snapshot says how far each stream is shown; [`ParsedRawSummary`] reads it.
const SHOWN_STREAMS: &str = "polelake.next-offsets";

/// A stream of the topic: its epoch and its partition.
pub type EpochPartition = (u32, i32);

/// The table of a topic's raw objects, whose metadata are below `root` and whose objects are below
/// `raw_root`.
pub struct RawIcebergTable<'t> {
    table: IcebergTable<'t>,
    raw_root: &'t str,
    partition: PartitionFields,
}

/// A day's manifest in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawDayEntry {
    /// The key of the manifest.
    pub manifest: String,
    bytes: i64,
    files: i64,
    rows: i64,
    snapshot_id: i64,
}

/// What the table shows: the days on which objects landed, and how far each stream is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawDays {
    days: BTreeMap<Option<Day>, RawDayEntry>,
    next: BTreeMap<EpochPartition, i64>,
}

/// The files of a publication, to be written in this order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenRawTable {
    /// The list of the manifests.
    pub list: IcebergFile,
    /// The table's metadata, and the hint that names them.
    pub table: WrittenMetadata,
}

impl<'t> RawIcebergTable<'t> {
    /// The table of this name, which [`crate::raw_table_name`] gives.
    ///
    /// # Errors
    /// When two columns have the same field id.
    pub fn new(name: &'t str, root: &'t str, raw_root: &'t str) -> Result<Self, LakeError> {
        let partition = PartitionFields {
            name: PARTITION_FIELD,
            transform: "day",
            source_id: field_id(PARTITION_COLUMN),
            field_id: PARTITION_FIELD_ID,
        };
        Ok(Self {
            table: IcebergTable {
                name,
                root: root.trim_end_matches('/'),
                contract_version: "",
                schema: IcebergSchema::of_raw_objects(name)?,
            },
            raw_root: raw_root.trim_end_matches('/'),
            partition,
        })
    }

    /// The full path of a key of the metadata.
    #[must_use]
    pub fn full_path(&self, key: &str) -> String {
        self.table.full_path(key)
    }

    /// The manifest of the objects that landed on a day, in the order of their streams and offsets,
    /// and its entry in the table.
    ///
    /// # Errors
    /// Never for objects of receipts; JSON's writer could refuse.
    pub fn write_day(
        &self,
        landed: Option<Day>,
        files: &[RawObjectFile],
    ) -> Result<(IcebergFile, RawDayEntry), LakeError> {
        let named = Day(i32::try_from(sequence_number(landed)).unwrap_or_default());
        let partition_spec = serde_json::to_string(&[self.partition])?;
        let places = (self.raw_root, partition_spec.as_str());
        // The id is the hash of everything but itself.
        let anonymous = encode_raw_manifest(&self.table, places, landed, files, 0)?;
        let content = content_id(&anonymous).to_string();
        let snapshot_id = derive_snapshot_id(&self.table.table_location(), named, &content);

        let bytes = encode_raw_manifest(&self.table, places, landed, files, snapshot_id)?;
        let manifest = self.table.metadata_file(named, "-m0.avro", bytes);
        let rows: u64 = files.iter().map(|file| file.rows).sum();
        let entry = RawDayEntry {
            manifest: manifest.key.clone(),
            bytes: i64::try_from(manifest.bytes.len()).unwrap_or(i64::MAX),
            files: i64::try_from(files.len()).unwrap_or(i64::MAX),
            rows: rows.cast_signed(),
            snapshot_id,
        };
        Ok((manifest, entry))
    }

    /// The list of the manifests, the metadata and the hint.
    ///
    /// # Errors
    /// Never for a table of receipts; JSON's writer could refuse.
    pub fn write_table(&self, days: &RawDays) -> Result<WrittenRawTable, LakeError> {
        let newest = days.newest_day();
        let entries = days.days.values();
        let ids: Vec<String> = entries.map(|entry| entry.snapshot_id.to_string()).collect();
        let snapshot_id = derive_snapshot_id(&self.table.table_location(), newest, &ids.join(" "));

        let list = self.encode_list(days, snapshot_id, newest);
        let list = self.table.metadata_file(newest, "-snap.avro", list);
        let list_path = self.full_path(&list.key);
        let table = self.table.write_raw_metadata(&RawSnapshot {
            id: snapshot_id,
            day: newest,
            manifest_list: &list_path,
            summary: days.summarise()?,
            partition: self.partition,
        })?;
        Ok(WrittenRawTable { list, table })
    }

    fn encode_list(&self, days: &RawDays, snapshot_id: i64, newest: Day) -> Vec<u8> {
        let mut rows = AvroEncoder::default();
        for (landed, entry) in &days.days {
            let path = self.full_path(&entry.manifest);
            write_day_entry(&mut rows, *landed, entry, &path);
        }
        let snapshot_id = snapshot_id.to_string();
        let sequence_number = newest.0.to_string();
        let metadata = [
            ("snapshot-id", snapshot_id.as_str()),
            ("sequence-number", &sequence_number),
            ("format-version", "2"),
        ];
        avro::encode_container(MANIFEST_LIST_SCHEMA, &metadata, days.days.len(), &rows)
    }
}

impl RawDays {
    /// The days that metadata show, and the key of the list that names their manifests, for
    /// [`Self::with_list`].
    ///
    /// # Errors
    /// When the bytes are no metadata of such a table.
    pub fn from_metadata(bytes: &[u8]) -> Result<(Self, String), LakeError> {
        let parsed: ParsedRawMetadata = serde_json::from_slice(bytes)?;
        let snapshot = parsed.snapshots.into_iter().next();
        let snapshot = snapshot.ok_or_else(|| unreadable_manifest("it has no snapshot"))?;
        let list = snapshot.manifest_list.splitn(4, '/').nth(3);
        let list = list.ok_or_else(|| unreadable_manifest("it names no list of manifests"))?;

        let offsets: BTreeMap<String, i64> = serde_json::from_str(&snapshot.summary.next_offsets)?;
        let streams = offsets.into_iter();
        let streams = streams.map(|(stream, next)| Some((parse_stream(&stream)?, next)));
        let next: Option<BTreeMap<EpochPartition, i64>> = streams.collect();
        let next = next.ok_or_else(|| unreadable_manifest("it names a stream that is none"))?;
        let days = Self {
            days: BTreeMap::new(),
            next,
        };
        Ok((days, list.to_owned()))
    }

    /// The same, with the manifests that its list names.
    ///
    /// # Errors
    /// When the bytes are no list that this version writes.
    pub fn with_list(mut self, bytes: &[u8]) -> Result<Self, LakeError> {
        let (metadata, count, mut rows) = AvroDecoder::open_container(bytes)?;
        if metadata.get("avro.schema") != Some(&MANIFEST_LIST_SCHEMA) {
            return Err(unreadable_manifest(
                "its list has another layout than this version writes",
            ));
        }
        for _ in 0..count {
            let (landed, entry) = read_day_entry(&mut rows)?;
            self.days.insert(landed, entry);
        }
        Ok(self)
    }

    /// The manifests by their day, the oldest first.
    pub fn entries(&self) -> impl Iterator<Item = (Option<Day>, &RawDayEntry)> {
        self.days.iter().map(|(landed, entry)| (*landed, entry))
    }

    /// The manifest of a day.
    #[must_use]
    pub fn entry_of(&self, landed: Option<Day>) -> Option<&RawDayEntry> {
        self.days.get(&landed)
    }

    /// Puts a day's manifest in place of what was known of it; without one, the day has no object
    /// any more.
    pub fn set_entry(&mut self, landed: Option<Day>, entry: Option<RawDayEntry>) {
        match entry {
            Some(entry) => drop(self.days.insert(landed, entry)),
            None => drop(self.days.remove(&landed)),
        }
    }

    /// The offset up to which a stream is shown.
    #[must_use]
    pub fn next_offset(&self, stream: EpochPartition) -> Option<i64> {
        self.next.get(&stream).copied()
    }

    /// Notes how far a stream is shown.
    pub fn set_next_offset(&mut self, stream: EpochPartition, next: i64) {
        self.next.insert(stream, next);
    }

    /// The names of the manifests.
    #[must_use]
    pub fn manifest_keys(&self) -> BTreeSet<&str> {
        let entries = self.days.values();
        entries.map(|entry| entry.manifest.as_str()).collect()
    }

    fn newest_day(&self) -> Day {
        let newest = self.days.keys().next_back();
        newest.copied().flatten().unwrap_or(Day(0))
    }

    /// What readers show of the snapshot.
    fn summarise(&self) -> Result<BTreeMap<String, String>, LakeError> {
        let streams = self.next.iter();
        let offsets: BTreeMap<String, i64> = streams
            .map(|((epoch, partition), next)| (format!("{epoch}/{partition}"), *next))
            .collect();
        let files: i64 = self.days.values().map(|entry| entry.files).sum();
        let rows: i64 = self.days.values().map(|entry| entry.rows).sum();
        let pairs = [
            ("operation", "append".to_owned()),
            ("total-data-files", files.to_string()),
            ("total-records", rows.to_string()),
            (SHOWN_STREAMS, serde_json::to_string(&offsets)?),
        ];
        Ok(pairs.map(|(name, value)| (name.to_owned(), value)).into())
    }
}

fn parse_stream(text: &str) -> Option<EpochPartition> {
    let (epoch, partition) = text.split_once('/')?;
    Some((epoch.parse().ok()?, partition.parse().ok()?))
}

/// As much of the metadata as is needed to publish again.
#[derive(Deserialize)]
struct ParsedRawMetadata {
    snapshots: Vec<ParsedRawSnapshot>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ParsedRawSnapshot {
    manifest_list: String,
    summary: ParsedRawSummary,
}

#[derive(Deserialize)]
struct ParsedRawSummary {
    #[serde(rename = "polelake.next-offsets")]
    next_offsets: String,
}

/// Writes the fields in the order of the schema. The day is the least and the greatest value of the
/// partition: by it readers skip the manifest.
fn write_day_entry(to: &mut AvroEncoder, landed: Option<Day>, entry: &RawDayEntry, path: &str) {
    to.write_bytes(path.as_bytes());
    to.write_long(entry.bytes);
    // The specification of partitions, and data.
    to.write_long(0);
    to.write_long(0);
    let sequence = sequence_number(landed);
    to.write_long(sequence);
    to.write_long(sequence);
    to.write_long(entry.snapshot_id);
    for count in [entry.files, 0, 0, entry.rows, 0, 0] {
        to.write_long(count);
    }

    to.write_presence(true);
    to.write_long(1);
    to.write_boolean(landed.is_none());
    to.write_null();
    for _ in 0..2 {
        to.write_presence(landed.is_some());
        if let Some(day) = landed {
            to.write_bytes(&day.0.to_le_bytes());
        }
    }
    to.write_long(0);
    // No key.
    to.write_null();
}

/// Reads what [`write_day_entry`] has written.
fn read_day_entry(from: &mut AvroDecoder<'_>) -> Result<(Option<Day>, RawDayEntry), LakeError> {
    let path = from.read_text()?;
    let key = path.splitn(4, '/').nth(3).unwrap_or_default().to_owned();
    let bytes = from.read_long()?;
    for _ in 0..4 {
        from.read_long()?;
    }
    let snapshot_id = from.read_long()?;
    let mut counts = [0; 6];
    for count in &mut counts {
        *count = from.read_long()?;
    }

    from.read_presence()?;
    from.read_long()?;
    from.read_boolean()?;
    from.read_presence()?;
    let mut landed = None;
    for _ in 0..2 {
        if from.read_presence()? {
            let day = from.read_bytes()?.try_into();
            let day = day.map_err(|_| unreadable_manifest("a day in its list is none"))?;
            landed = Some(Day(i32::from_le_bytes(day)));
        }
    }
    from.read_long()?;
    from.read_presence()?;

    let entry = RawDayEntry {
        manifest: key,
        bytes,
        files: counts[0],
        rows: counts[3],
        snapshot_id,
    };
    Ok((landed, entry))
}

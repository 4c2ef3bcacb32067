//! The manifest of a day: its files with the day on which each was added, and the files that were
//! removed.

use std::collections::BTreeMap;

use super::IcebergTable;
use super::avro::{self, AvroDecoder, AvroEncoder};
use super::data_file::DataFile;
use crate::schema::field_id;
use crate::{Day, LakeError};

const MANIFEST_SCHEMA: &str = include_str!("manifest.avsc");

/// The id of the table's order of rows, see `metadata`.
pub(super) const SORT_ORDER_ID: i32 = 1;

/// The status of a file on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataFileStatus {
    /// The day before had it too.
    Existing = 0,
    /// It is new.
    Added = 1,
    /// The day before had it, and this one does not.
    Deleted = 2,
}

/// A file in a manifest.
#[derive(Clone, Debug)]
pub(super) struct ManifestEntry {
    pub(super) status: DataFileStatus,
    /// The snapshot that added or removed the file; none for the one that is being written.
    snapshot_id: Option<i64>,
    /// The day on which the file was added.
    added_on: Day,
    pub(super) path: String,
    pub(super) file: DataFile,
}

/// The files of a day by path, each with the day that added it: the next day's manifest must repeat
/// that of files that stay.
#[derive(Clone, Debug, Default)]
pub struct FileLineage(BTreeMap<String, ManifestEntry>);

impl FileLineage {
    /// Reads a day's manifest.
    ///
    /// # Errors
    /// When the bytes are no manifest that this module has written.
    pub fn from_manifest(bytes: &[u8]) -> Result<Self, LakeError> {
        let (metadata, count, mut rows) = AvroDecoder::open_container(bytes)?;
        // Only our own layout: another version's is a day that is published again.
        if metadata.get("avro.schema") != Some(&MANIFEST_SCHEMA) {
            let why = "an Iceberg manifest has another layout than this version writes: publish \
                its day again";
            return Err(LakeError::Unexpected(why.into()));
        }
        let mut files = BTreeMap::new();
        for _ in 0..count {
            let entry = read_entry(&mut rows)?;
            if entry.status != DataFileStatus::Deleted {
                files.insert(entry.path.clone(), entry);
            }
        }
        Ok(Self(files))
    }

    /// The entries of a day that has these files.
    pub(super) fn next_day_entries(
        &self,
        day: Day,
        files: Vec<(String, DataFile)>,
    ) -> Vec<ManifestEntry> {
        let mut removed = self.0.clone();
        let mut entries = Vec::with_capacity(files.len());
        for (path, file) in files {
            entries.push(match removed.remove(&path) {
                Some(before) => ManifestEntry {
                    status: DataFileStatus::Existing,
                    file,
                    ..before
                },
                None => ManifestEntry {
                    status: DataFileStatus::Added,
                    snapshot_id: None,
                    added_on: day,
                    path,
                    file,
                },
            });
        }

        // Scans do not read these; a reader of changes learns from them which files were removed.
        entries.extend(removed.into_values().map(|entry| ManifestEntry {
            status: DataFileStatus::Deleted,
            snapshot_id: None,
            ..entry
        }));
        entries
    }
}

/// The first day that added a file which the table still has; the day itself where it has none.
pub(super) fn oldest_live_day(entries: &[ManifestEntry], day: Day) -> Day {
    let live = entries
        .iter()
        .filter(|entry| entry.status != DataFileStatus::Deleted);
    live.map(|entry| entry.added_on).min().unwrap_or(day)
}

/// The bytes of a manifest that belongs to this snapshot.
pub(super) fn encode_manifest(
    table: &IcebergTable<'_>,
    entries: &[ManifestEntry],
    snapshot_id: i64,
) -> Result<Vec<u8>, LakeError> {
    let schema = serde_json::to_string(&table.schema)?;
    let schema_id = table.schema.id.to_string();
    let metadata = [
        ("schema", schema.as_str()),
        ("schema-id", &schema_id),
        ("partition-spec", "[]"),
        ("partition-spec-id", "0"),
        ("format-version", "2"),
        ("content", "data"),
    ];

    let mut rows = AvroEncoder::default();
    for entry in entries {
        write_entry(&mut rows, entry, snapshot_id);
    }
    Ok(avro::encode_container(
        MANIFEST_SCHEMA,
        &metadata,
        entries.len(),
        &rows,
    ))
}

/// Writes the fields in the order of the schema. No field is left to be inherited from the manifest
/// list.
fn write_entry(to: &mut AvroEncoder, entry: &ManifestEntry, snapshot_id: i64) {
    to.write_long(entry.status as i64);
    // The snapshot, and the sequence numbers of the file's data and of the file.
    for number in [
        entry.snapshot_id.unwrap_or(snapshot_id),
        entry.added_on.0.into(),
        entry.added_on.0.into(),
    ] {
        to.write_presence(true);
        to.write_long(number);
    }
    to.write_long(0);
    to.write_bytes(entry.path.as_bytes());
    to.write_bytes(b"PARQUET");
    to.write_long(entry.file.rows.cast_signed());
    to.write_long(entry.file.bytes.cast_signed());
    // No sizes of columns, but a map of them: PyIceberg 0.12 lists no entries without one.
    to.write_presence(true);
    to.write_long(0);
    let owners = entry.file.owners.as_ref();
    write_bound(to, owners.map(|(minimum, _)| minimum));
    write_bound(to, owners.map(|(_, maximum)| maximum));
    to.write_presence(true);
    to.write_long(SORT_ORDER_ID.into());
}

/// Writes a map of one column: the owner, because files are ranges of owners. Bounds of other
/// columns would disclose people's values.
fn write_bound(to: &mut AvroEncoder, owner: Option<&String>) {
    let Some(owner) = owner else {
        return to.write_null();
    };
    to.write_presence(true);
    to.write_long(1);
    to.write_long(field_id("owner_id").into());
    to.write_bytes(owner.as_bytes());
    to.write_long(0);
}

/// Reads what [`write_entry`] has written.
fn read_entry(from: &mut AvroDecoder<'_>) -> Result<ManifestEntry, LakeError> {
    let status = match from.read_long()? {
        0 => DataFileStatus::Existing,
        1 => DataFileStatus::Added,
        _ => DataFileStatus::Deleted,
    };

    let mut numbers = [0; 3];
    for number in &mut numbers {
        from.read_presence()?;
        *number = from.read_long()?;
    }
    from.read_long()?;

    let path = from.read_text()?.to_owned();
    from.read_text()?;
    let rows = from.read_long()?.cast_unsigned();
    let bytes = from.read_long()?.cast_unsigned();
    from.read_presence()?;
    from.read_long()?;
    let owners = read_bound(from)?.zip(read_bound(from)?);
    if from.read_presence()? {
        from.read_long()?;
    }

    Ok(ManifestEntry {
        status,
        snapshot_id: Some(numbers[0]),
        added_on: Day(i32::try_from(numbers[1]).unwrap_or_default()),
        path,
        file: DataFile {
            key: String::new(),
            rows,
            bytes,
            owners,
        },
    })
}

fn read_bound(from: &mut AvroDecoder<'_>) -> Result<Option<String>, LakeError> {
    if !from.read_presence()? {
        return Ok(None);
    }
    from.read_long()?;
    from.read_long()?;
    let owner = from.read_text()?.to_owned();
    from.read_long()?;
    Ok(Some(owner))
}

//! The manifest of a day: every file of it, when each came, and those that went.

use std::collections::BTreeMap;

use super::IcebergTable;
use super::avro::{self, AvroDecoder, AvroEncoder};
use super::data_file::DataFile;
use crate::schema::field_id;
use crate::{Day, LakeError};

const MANIFEST_SCHEMA: &str = include_str!("manifest.avsc");

/// The id of the table's order of rows, see `metadata`.
pub(super) const SORT_ORDER_ID: i32 = 1;

/// What became of a file on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataFileStatus {
    /// The day before had it too.
    Existing = 0,
    /// It is new.
    Added = 1,
    /// The day before had it, and this one has not.
    Deleted = 2,
}

/// A file in a manifest.
#[derive(Clone, Debug)]
pub(super) struct ManifestEntry {
    pub(super) status: DataFileStatus,
    /// The snapshot in which the file came, or went; none for the one that is being written.
    snapshot_id: Option<i64>,
    /// The day on which the file came.
    added_on: Day,
    pub(super) path: String,
    pub(super) file: DataFile,
}

/// The files of a day by path, each with when it came: what the next day's manifest must say of those that stay.
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
            let why = "an Iceberg manifest has another layout than this version writes: publish its day again";
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

    /// The entries of a day on which these files are there.
    pub(super) fn next_day_entries(
        &self,
        day: Day,
        files: Vec<(String, DataFile)>,
    ) -> Vec<ManifestEntry> {
        let mut gone = self.0.clone();
        let mut entries: Vec<_> = files
            .into_iter()
            .map(|(path, file)| match gone.remove(&path) {
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
            })
            .collect();
        // Not read by scans; it is how a reader of changes learns what went.
        entries.extend(gone.into_values().map(|entry| ManifestEntry {
            status: DataFileStatus::Deleted,
            snapshot_id: None,
            ..entry
        }));
        entries
    }
}

/// The least number of a day on which a file came that is still there; the day itself where there is none.
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
    entries
        .iter()
        .for_each(|entry| write_entry(&mut rows, entry, snapshot_id));
    Ok(avro::encode_container(
        MANIFEST_SCHEMA,
        &metadata,
        entries.len(),
        &rows,
    ))
}

/// In the order of the schema. Nothing is left to be inherited from the manifest list.
fn write_entry(to: &mut AvroEncoder, entry: &ManifestEntry, snapshot_id: i64) {
    to.write_long(entry.status as i64);
    // The snapshot, the file's data, the file itself.
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
    write_bound(to, owners.map(|(least, _)| least));
    write_bound(to, owners.map(|(_, greatest)| greatest));
    to.write_presence(true);
    to.write_long(SORT_ORDER_ID.into());
}

/// A map of one column: the owner, by which files are ranges. Bounds of others would show people's values.
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
    let (rows, bytes) = (
        from.read_long()?.cast_unsigned(),
        from.read_long()?.cast_unsigned(),
    );
    from.read_presence()?;
    from.read_long()?;
    let owners = read_bound(from)?.zip(read_bound(from)?);
    if from.read_presence()? {
        from.read_long()?;
    }
    let came = Day(i32::try_from(numbers[1]).unwrap_or_default());
    let file = DataFile {
        key: String::new(),
        rows,
        bytes,
        owners,
    };
    Ok(ManifestEntry {
        status,
        snapshot_id: Some(numbers[0]),
        added_on: came,
        path,
        file,
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

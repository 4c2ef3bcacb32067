//! The manifest of a day: its files with the day on which each was added, and the files that were
//! removed.

use std::collections::BTreeMap;

use super::IcebergTable;
use super::avro::{self, AvroDecoder, AvroEncoder};
use super::data_file::{ColumnCounts, DataFile};
use crate::schema::field_id;
use crate::{Day, LakeError};

const MANIFEST_SCHEMA: &str = include_str!("manifest.avsc");

/// The layout of manifests before they had counts of values.
const SCHEMA_WITHOUT_COUNTS: &str = include_str!("manifest-without-counts.avsc");

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
        // Only our own layouts: another version's is a day that is published again.
        let has_counts = match metadata.get("avro.schema") {
            Some(&MANIFEST_SCHEMA) => true,
            Some(&SCHEMA_WITHOUT_COUNTS) => false,
            _ => {
                let why = "an Iceberg manifest has another layout than this version writes: \
                    publish its day again";
                return Err(LakeError::Unexpected(why.into()));
            }
        };
        let mut files = BTreeMap::new();
        for _ in 0..count {
            let entry = read_entry(&mut rows, has_counts)?;
            if entry.status != DataFileStatus::Deleted {
                files.insert(entry.path.clone(), entry);
            }
        }
        Ok(Self(files))
    }

    /// Whether the day has a file of this path. Then the day after takes over what planners know of
    /// its columns.
    #[must_use]
    pub fn has_file(&self, path: &str) -> bool {
        self.0.contains_key(path)
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
                    file: DataFile {
                        columns: before.file.columns,
                        ..file
                    },
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
    write_column_counts(to, &entry.file);
    let owners = entry.file.owners.as_ref();
    write_bound(to, owners.map(|(minimum, _)| minimum));
    write_bound(to, owners.map(|(_, maximum)| maximum));
    to.write_presence(true);
    to.write_long(SORT_ORDER_ID.into());
}

/// Writes the sizes of the columns, their values and their nulls. A map without entries is written,
/// too: PyIceberg 0.12 lists no entries where there is none.
fn write_column_counts(to: &mut AvroEncoder, file: &DataFile) {
    let columns = &file.columns;
    let sizes = columns.iter().map(|(id, counts)| (*id, counts.bytes));
    write_counts(to, &sizes.collect::<Vec<_>>());
    let values = columns.keys().map(|id| (*id, file.rows));
    write_counts(to, &values.collect::<Vec<_>>());
    let nulls = columns
        .iter()
        .filter_map(|(id, counts)| Some((*id, counts.nulls?)));
    write_counts(to, &nulls.collect::<Vec<_>>());
}

/// Writes a map of numbers by field id.
fn write_counts(to: &mut AvroEncoder, counts: &[(i32, u64)]) {
    to.write_presence(true);
    if !counts.is_empty() {
        to.write_long(i64::try_from(counts.len()).unwrap_or(i64::MAX));
        for (id, count) in counts {
            to.write_long(i64::from(*id));
            to.write_long(count.cast_signed());
        }
    }
    to.write_long(0);
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
fn read_entry(from: &mut AvroDecoder<'_>, has_counts: bool) -> Result<ManifestEntry, LakeError> {
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
    let columns = read_column_counts(from, has_counts)?;
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
            columns,
        },
    })
}

/// Reads what [`write_column_counts`] has written, or the sizes alone.
fn read_column_counts(
    from: &mut AvroDecoder<'_>,
    has_counts: bool,
) -> Result<BTreeMap<i32, ColumnCounts>, LakeError> {
    let sizes = read_counts(from)?;
    let mut nulls = BTreeMap::new();
    if has_counts {
        // The values are the rows of the file.
        read_counts(from)?;
        nulls = read_counts(from)?;
    }
    let columns = sizes.into_iter().map(|(id, bytes)| {
        let nulls = nulls.get(&id).copied();
        (id, ColumnCounts { bytes, nulls })
    });
    Ok(columns.collect())
}

/// Reads what [`write_counts`] has written: one block of entries at most.
fn read_counts(from: &mut AvroDecoder<'_>) -> Result<BTreeMap<i32, u64>, LakeError> {
    let mut counts = BTreeMap::new();
    if !from.read_presence()? {
        return Ok(counts);
    }
    let entries = from.read_long()?;
    for _ in 0..entries {
        let id = i32::try_from(from.read_long()?).unwrap_or_default();
        counts.insert(id, from.read_long()?.cast_unsigned());
    }
    if entries != 0 {
        from.read_long()?;
    }
    Ok(counts)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry as it was written before manifests had counts of values.
    fn write_entry_without_counts(to: &mut AvroEncoder, path: &str) {
        to.write_long(DataFileStatus::Added as i64);
        for number in [77, 20_514, 20_514] {
            to.write_presence(true);
            to.write_long(number);
        }
        to.write_long(0);
        to.write_bytes(path.as_bytes());
        to.write_bytes(b"PARQUET");
        to.write_long(4);
        to.write_long(1_000);
        to.write_presence(true);
        to.write_long(0);
        write_bound(to, Some(&"0".to_owned()));
        write_bound(to, Some(&"f".to_owned()));
        to.write_presence(true);
        to.write_long(SORT_ORDER_ID.into());
    }

    #[test]
    fn a_manifest_without_counts_keeps_its_files_lineage() {
        let mut rows = AvroEncoder::default();
        write_entry_without_counts(&mut rows, "s3://b/a.parquet");
        write_entry_without_counts(&mut rows, "s3://b/b.parquet");
        let bytes = avro::encode_container(SCHEMA_WITHOUT_COUNTS, &[], 2, &rows);

        let lineage = FileLineage::from_manifest(&bytes).unwrap();
        assert!(lineage.has_file("s3://b/a.parquet") && lineage.has_file("s3://b/b.parquet"));
        let file = DataFile {
            key: "a.parquet".to_owned(),
            rows: 4,
            bytes: 1_000,
            owners: None,
            columns: BTreeMap::new(),
        };
        let entries =
            lineage.next_day_entries(Day(20_515), vec![("s3://b/a.parquet".into(), file)]);
        let statuses: Vec<_> = entries.iter().map(|entry| entry.status).collect();
        assert_eq!(
            statuses,
            [DataFileStatus::Existing, DataFileStatus::Deleted]
        );
        assert_eq!(
            (entries[0].snapshot_id, entries[0].added_on),
            (Some(77), Day(20_514))
        );
    }
}

//! The manifest of a day: every file of it, when each came, and those that went.

use std::collections::BTreeMap;

use super::IcebergTable;
use super::avro::{self, Decoder, Encoder};
use super::day::DataFile;
use crate::schema::field_id;
use crate::{Day, LakeError};

const SCHEMA: &str = include_str!("manifest.avsc");

/// The id of the table's order of rows, see `metadata`.
pub(super) const SORT_ORDER: i32 = 1;

/// What became of a file on a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// The day before had it too.
    Existing = 0,
    /// It is new.
    Added = 1,
    /// The day before had it, and this one has not.
    Deleted = 2,
}

/// A file in a manifest.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) status: Status,
    /// The snapshot in which the file came, or went; none for the one that is being written.
    snapshot_id: Option<i64>,
    /// The day on which the file came.
    came: Day,
    pub(super) path: String,
    pub(super) file: DataFile,
}

/// The files of a day by path, each with when it came: what the next day's manifest must say of those that stay.
#[derive(Clone, Debug, Default)]
pub struct Lineage(BTreeMap<String, Entry>);

impl Lineage {
    /// Reads a day's manifest.
    ///
    /// # Errors
    /// When the bytes are no manifest that this module has written.
    pub fn read(bytes: &[u8]) -> Result<Self, LakeError> {
        let (metadata, count, mut rows) = Decoder::open(bytes)?;
        // Only our own layout: another version's is a day that is published again.
        if metadata.get("avro.schema") != Some(&SCHEMA) {
            let why = "an Iceberg manifest has another layout than this version writes: publish its day again";
            return Err(LakeError::Unexpected(why.into()));
        }
        let mut files = BTreeMap::new();
        for _ in 0..count {
            let entry = read_entry(&mut rows)?;
            if entry.status != Status::Deleted {
                files.insert(entry.path.clone(), entry);
            }
        }
        Ok(Self(files))
    }

    /// The entries of a day on which these files are there.
    pub(super) fn step(&self, day: Day, files: Vec<(String, DataFile)>) -> Vec<Entry> {
        let mut gone = self.0.clone();
        let mut entries: Vec<_> = files
            .into_iter()
            .map(|(path, file)| match gone.remove(&path) {
                Some(before) => Entry {
                    status: Status::Existing,
                    file,
                    ..before
                },
                None => Entry {
                    status: Status::Added,
                    snapshot_id: None,
                    came: day,
                    path,
                    file,
                },
            })
            .collect();
        // Not read by scans; it is how a reader of changes learns what went.
        entries.extend(gone.into_values().map(|entry| Entry {
            status: Status::Deleted,
            snapshot_id: None,
            ..entry
        }));
        entries
    }
}

/// The least number of a day on which a file came that is still there; the day itself where there is none.
pub(super) fn oldest(entries: &[Entry], day: Day) -> Day {
    let live = entries
        .iter()
        .filter(|entry| entry.status != Status::Deleted);
    live.map(|entry| entry.came).min().unwrap_or(day)
}

/// The bytes of a manifest that belongs to this snapshot.
pub(super) fn write(
    table: &IcebergTable<'_>,
    entries: &[Entry],
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
    let mut rows = Encoder::default();
    entries
        .iter()
        .for_each(|entry| write_entry(&mut rows, entry, snapshot_id));
    Ok(avro::file(SCHEMA, &metadata, entries.len(), &rows))
}

/// In the order of the schema. Nothing is left to be inherited from the manifest list.
fn write_entry(to: &mut Encoder, entry: &Entry, snapshot_id: i64) {
    to.long(entry.status as i64);
    // The snapshot, the file's data, the file itself.
    for number in [
        entry.snapshot_id.unwrap_or(snapshot_id),
        entry.came.0.into(),
        entry.came.0.into(),
    ] {
        to.present(true);
        to.long(number);
    }
    to.long(0);
    to.bytes(entry.path.as_bytes());
    to.bytes(b"PARQUET");
    to.long(entry.file.rows.cast_signed());
    to.long(entry.file.bytes.cast_signed());
    // No sizes of columns, but a map of them: PyIceberg 0.12 lists no entries without one.
    to.present(true);
    to.long(0);
    let owners = entry.file.owners.as_ref();
    write_bound(to, owners.map(|(least, _)| least));
    write_bound(to, owners.map(|(_, greatest)| greatest));
    to.present(true);
    to.long(SORT_ORDER.into());
}

/// A map of one column: the owner, by which files are ranges. Bounds of others would show people's values.
fn write_bound(to: &mut Encoder, owner: Option<&String>) {
    let Some(owner) = owner else {
        return to.nothing();
    };
    to.present(true);
    to.long(1);
    to.long(field_id("owner_id").into());
    to.bytes(owner.as_bytes());
    to.long(0);
}

fn read_entry(from: &mut Decoder<'_>) -> Result<Entry, LakeError> {
    let status = match from.long()? {
        0 => Status::Existing,
        1 => Status::Added,
        _ => Status::Deleted,
    };
    let mut numbers = [0; 3];
    for number in &mut numbers {
        from.present()?;
        *number = from.long()?;
    }
    from.long()?;
    let path = from.text()?.to_owned();
    from.text()?;
    let (rows, bytes) = (from.long()?.cast_unsigned(), from.long()?.cast_unsigned());
    from.present()?;
    from.long()?;
    let owners = read_bound(from)?.zip(read_bound(from)?);
    if from.present()? {
        from.long()?;
    }
    let came = Day(i32::try_from(numbers[1]).unwrap_or_default());
    let file = DataFile {
        key: String::new(),
        rows,
        bytes,
        owners,
    };
    Ok(Entry {
        status,
        snapshot_id: Some(numbers[0]),
        came,
        path,
        file,
    })
}

fn read_bound(from: &mut Decoder<'_>) -> Result<Option<String>, LakeError> {
    if !from.present()? {
        return Ok(None);
    }
    from.long()?;
    from.long()?;
    let owner = from.text()?.to_owned();
    from.long()?;
    Ok(Some(owner))
}

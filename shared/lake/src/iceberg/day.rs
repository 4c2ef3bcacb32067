//! A day's snapshot: its files become a manifest, a list and an entry.

use std::collections::BTreeMap;

use pole::{content_id, stable_id};

use super::data_file::DataFile;
use super::manifest::{self, DataFileStatus, FileLineage, ManifestEntry};
use super::manifest_list::{self, DataFileTotals};
use super::{IcebergFile, IcebergTable, SnapshotEntry};
use crate::curated_keys::iceberg_key;
use crate::{Day, LakeError, OwnerRange, SnapshotManifest};

/// Comes after every id: ids are written in hexadecimal digits.
const AFTER_ALL_IDS: &str = "g";

/// A day's files, and what happened on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayFiles {
    /// The logical day.
    pub date: Day,
    /// The files.
    pub files: Vec<DataFile>,
    /// Rows that are new.
    pub inserted: u64,
    /// Rows that differ.
    pub updated: u64,
    /// Rows that were deleted.
    pub deleted: u64,
}

impl DayFiles {
    /// The files that a snapshot's manifest names.
    ///
    /// # Errors
    /// When the manifest's date is none.
    pub fn from_manifest(manifest: &SnapshotManifest) -> Result<Self, LakeError> {
        let date = Day::parse(&manifest.date)
            .ok_or_else(|| LakeError::Unexpected(format!("`{}` is no date", manifest.date)))?;

        let shards = u32::try_from(manifest.shards.len()).unwrap_or(u32::MAX);
        let mut files = Vec::with_capacity(manifest.shards.len());
        for shard in &manifest.shards {
            files.push(DataFile {
                key: shard.rows_file.key.clone(),
                rows: shard.rows,
                bytes: shard.bytes(),
                owners: (shards > 1).then(|| shard_owner_bounds(shard.shard, shards)),
                columns: BTreeMap::new(),
            });
        }

        Ok(Self {
            date,
            files,
            inserted: manifest.inserted,
            updated: manifest.updated,
            deleted: manifest.deleted,
        })
    }
}

/// The bounds of a shard's owners. A shard is a range of owners: its bounds are wide, and enough to
/// skip it.
fn shard_owner_bounds(shard: u32, shards: u32) -> (String, String) {
    let OwnerRange { from, to } = OwnerRange::of_shard(shard, shards);
    (from, to.unwrap_or_else(|| AFTER_ALL_IDS.to_owned()))
}

/// What a day adds to the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenDay {
    /// The manifest, to be written first.
    pub manifest: IcebergFile,
    /// The manifest list, to be written second; it names the manifest.
    pub list: IcebergFile,
    /// The day's entry in the table's metadata.
    pub entry: SnapshotEntry,
}

impl IcebergTable<'_> {
    /// A day's files. `before` are those of the kept day before it; none for the first.
    ///
    /// # Errors
    /// Never for a day of the merge; JSON's writer could refuse.
    pub fn write_day(
        &self,
        day: &DayFiles,
        before: Option<&FileLineage>,
    ) -> Result<WrittenDay, LakeError> {
        let files = day
            .files
            .iter()
            .map(|file| (self.full_path(&file.key), file.clone()))
            .collect();
        let entries = before
            .unwrap_or(&FileLineage::default())
            .next_day_entries(day.date, files);

        // The id is the hash of everything but itself.
        let anonymous = content_id(&manifest::encode_manifest(self, &entries, 0)?).to_string();
        let snapshot_id = derive_snapshot_id(&self.table_location(), day.date, &anonymous);
        let manifest = self.metadata_file(
            day.date,
            "-m0.avro",
            manifest::encode_manifest(self, &entries, snapshot_id)?,
        );

        let path = self.full_path(&manifest.key);
        let size = manifest.bytes.len();
        let list =
            manifest_list::encode_manifest_list(day.date, snapshot_id, &path, size, &entries);
        let list = self.metadata_file(day.date, "-snap.avro", list);

        let entry = SnapshotEntry {
            date: day.date,
            snapshot_id,
            manifest_list: self.full_path(&list.key),
            summary: self.summarise_day(day, &entries, &manifest.key),
            schema: self.schema.clone(),
        };
        Ok(WrittenDay {
            manifest,
            list,
            entry,
        })
    }

    /// A file of the metadata, named by its content as shards are.
    pub(super) fn metadata_file(&self, day: Day, suffix: &str, bytes: Vec<u8>) -> IcebergFile {
        let content = content_id(&bytes).to_string();
        IcebergFile {
            key: iceberg_key(self.name, day, &content, suffix),
            bytes,
        }
    }

    /// What readers show of a snapshot.
    fn summarise_day(
        &self,
        day: &DayFiles,
        entries: &[ManifestEntry],
        manifest: &str,
    ) -> BTreeMap<String, String> {
        let mut summary = BTreeMap::new();
        for (key, number) in count_files(entries).into_iter().chain(count_rows(day)) {
            summary.insert(key.to_owned(), number.to_string());
        }

        let date = day.date.to_string();
        for (key, text) in [
            ("operation", describe_operation(entries)),
            ("polelake.contract-version", self.contract_version),
            ("polelake.date", &date),
            ("polelake.manifest", manifest),
        ] {
            summary.insert(key.to_owned(), text.to_owned());
        }
        summary
    }
}

/// `overwrite` where a file was removed, because readers of changes rely on it.
fn describe_operation(entries: &[ManifestEntry]) -> &'static str {
    match DataFileTotals::of_status(entries, DataFileStatus::Deleted).files {
        0 => "append",
        _ => "overwrite",
    }
}

/// The files of a day with their rows and bytes, under the names of Iceberg's specification.
fn count_files(entries: &[ManifestEntry]) -> [(&'static str, i64); 12] {
    let added = DataFileTotals::of_status(entries, DataFileStatus::Added);
    let existing = DataFileTotals::of_status(entries, DataFileStatus::Existing);
    let deleted = DataFileTotals::of_status(entries, DataFileStatus::Deleted);
    [
        ("added-data-files", added.files),
        ("added-files-size", added.bytes),
        ("added-records", added.rows),
        ("deleted-data-files", deleted.files),
        ("deleted-records", deleted.rows),
        ("removed-files-size", deleted.bytes),
        ("total-data-files", added.files + existing.files),
        ("total-delete-files", 0),
        ("total-equality-deletes", 0),
        ("total-files-size", added.bytes + existing.bytes),
        ("total-position-deletes", 0),
        ("total-records", added.rows + existing.rows),
    ]
}

/// The rows that a day changed. Iceberg's own counts are of files: a row that stays in a rewritten
/// file is new to them.
fn count_rows(day: &DayFiles) -> [(&'static str, i64); 3] {
    [
        ("polelake.deleted", day.deleted.cast_signed()),
        ("polelake.inserted", day.inserted.cast_signed()),
        ("polelake.updated", day.updated.cast_signed()),
    ]
}

/// The id of a snapshot: a hash of 63 bits, because readers expect a positive number.
pub(super) fn derive_snapshot_id(location: &str, day: Day, content: &str) -> i64 {
    let id = stable_id("iceberg-snapshot", &[location, &day.to_string(), content]).as_u128() >> 65;
    i64::try_from(id).unwrap_or_default().max(1)
}

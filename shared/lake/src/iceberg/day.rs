//! A day's snapshot: its files become a manifest, a list and an entry.

use std::collections::BTreeMap;

use pole::{content_id, pole_id};

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
    /// Rows that are gone.
    pub deleted: u64,
}

impl DayFiles {
    /// What the manifest of our own names.
    ///
    /// # Errors
    /// When its date is none.
    pub fn from_manifest(manifest: &SnapshotManifest) -> Result<Self, LakeError> {
        let date = Day::parse(&manifest.date);
        let shards = u32::try_from(manifest.shards.len()).unwrap_or(u32::MAX);
        // A shard is a range of owners: its bounds are wide, and enough to skip it.
        let owners = |shard: u32| {
            let OwnerRange { from, to } = OwnerRange::of_shard(shard, shards);
            (from, to.unwrap_or_else(|| AFTER_ALL_IDS.to_owned()))
        };
        let file = |shard: &crate::ManifestShard| DataFile {
            key: shard.rows_key.clone(),
            rows: shard.rows,
            bytes: shard.bytes,
            owners: (shards > 1).then(|| owners(shard.shard)),
        };
        Ok(Self {
            date: date
                .ok_or_else(|| LakeError::Unexpected(format!("`{}` is no date", manifest.date)))?,
            files: manifest.shards.iter().map(file).collect(),
            inserted: manifest.inserted,
            updated: manifest.updated,
            deleted: manifest.deleted,
        })
    }
}

/// What a day adds to the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenDay {
    /// To be written first.
    pub manifest: IcebergFile,
    /// To be written then; it names the manifest.
    pub list: IcebergFile,
    /// What the table's metadata says of the day.
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
        // The id is made of everything but itself.
        let anonymous = content_id(&manifest::encode_manifest(self, &entries, 0)?).to_string();
        let snapshot_id = derive_snapshot_id(&self.table_location(), day.date, &anonymous);
        let manifest = self.metadata_file(
            day.date,
            "-m0.avro",
            manifest::encode_manifest(self, &entries, snapshot_id)?,
        );
        let (path, size) = (self.full_path(&manifest.key), manifest.bytes.len());
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

    /// What readers show of a snapshot. `overwrite` where a file went, as readers of changes want it told.
    fn summarise_day(
        &self,
        day: &DayFiles,
        entries: &[ManifestEntry],
        manifest: &str,
    ) -> BTreeMap<String, String> {
        let [added, existing, gone] = [
            DataFileStatus::Added,
            DataFileStatus::Existing,
            DataFileStatus::Deleted,
        ]
        .map(|status| DataFileTotals::of_status(entries, status));
        let operation = if gone.files == 0 {
            "append"
        } else {
            "overwrite"
        };
        let numbers = [
            ("added-data-files", added.files),
            ("added-files-size", added.bytes),
            ("added-records", added.rows),
            ("deleted-data-files", gone.files),
            ("deleted-records", gone.rows),
            ("removed-files-size", gone.bytes),
            ("total-data-files", added.files + existing.files),
            ("total-delete-files", 0),
            ("total-equality-deletes", 0),
            ("total-files-size", added.bytes + existing.bytes),
            ("total-position-deletes", 0),
            ("total-records", added.rows + existing.rows),
            ("polelake.deleted", day.deleted.cast_signed()),
            ("polelake.inserted", day.inserted.cast_signed()),
            ("polelake.updated", day.updated.cast_signed()),
        ];
        let texts = [
            ("operation", operation.to_owned()),
            (
                "polelake.contract-version",
                self.contract_version.to_owned(),
            ),
            ("polelake.date", day.date.to_string()),
            ("polelake.manifest", manifest.to_owned()),
        ];
        let numbers = numbers
            .into_iter()
            .map(|(key, number)| (key, number.to_string()));
        numbers
            .chain(texts)
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }
}

/// Positive, as all readers want it.
fn derive_snapshot_id(location: &str, day: Day, content: &str) -> i64 {
    let id = pole_id("iceberg-snapshot", &[location, &day.to_string(), content]).as_u128() >> 65;
    // 63 bits are left.
    i64::try_from(id).unwrap_or_default().max(1)
}

//! The days that a table's metadata names.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::schema::IcebergSchema;
use crate::{Day, LakeError};

/// A day in a table's metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotEntry {
    /// The logical day. Its number is Iceberg's sequence number, its last millisecond is the
    /// snapshot's time.
    pub date: Day,
    /// Iceberg's name of the snapshot.
    pub snapshot_id: i64,
    /// The full path of its manifest list.
    pub manifest_list: String,
    /// What readers show of it.
    pub summary: BTreeMap<String, String>,
    pub(super) schema: IcebergSchema,
}

impl SnapshotEntry {
    /// The snapshot's time in milliseconds since 1970: a reader that asks for any time of the next
    /// day gets this snapshot.
    #[must_use]
    pub fn timestamp_ms(&self) -> i64 {
        end_of_day_ms(self.date)
    }

    /// The key of its manifest, for [`super::FileLineage::from_manifest`].
    #[must_use]
    pub fn manifest_key(&self) -> Option<&str> {
        self.summary.get("polelake.manifest").map(String::as_str)
    }
}

/// The last millisecond of a day.
pub(super) fn end_of_day_ms(day: Day) -> i64 {
    day.next().start_micros() / 1_000 - 1
}

impl SnapshotEntry {
    /// The keys of its manifest list and of its manifest.
    pub fn named_keys(&self) -> impl Iterator<Item = &str> {
        // The list is named by its full path, `s3://` and the bucket.
        let list = self.manifest_list.splitn(4, '/').nth(3);
        list.into_iter().chain(self.manifest_key())
    }
}

/// A table's days, each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IcebergDays(BTreeMap<Day, SnapshotEntry>);

/// As much of table metadata as is needed to write it again.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ParsedTableMetadata {
    #[serde(default)]
    current_schema_id: i32,
    #[serde(default)]
    schemas: Vec<IcebergSchema>,
    #[serde(default)]
    snapshots: Vec<ParsedSnapshot>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ParsedSnapshot {
    snapshot_id: i64,
    #[serde(default)]
    sequence_number: i64,
    manifest_list: String,
    #[serde(default)]
    summary: BTreeMap<String, String>,
    schema_id: Option<i32>,
}

impl ParsedTableMetadata {
    fn snapshot_entry(&self, snapshot: &ParsedSnapshot) -> Result<SnapshotEntry, LakeError> {
        let id = snapshot.schema_id.unwrap_or(self.current_schema_id);
        let schema = self
            .schemas
            .iter()
            .find(|schema| schema.id == id)
            .ok_or_else(|| {
                let snapshot = snapshot.snapshot_id;
                LakeError::Unexpected(format!(
                    "Iceberg's metadata has no schema {id}, which its snapshot {snapshot} needs"
                ))
            })?;
        let sequence_day = Day(i32::try_from(snapshot.sequence_number).unwrap_or_default());
        let date = snapshot.summary.get("polelake.date");

        Ok(SnapshotEntry {
            date: date
                .and_then(|date| Day::parse(date))
                .unwrap_or(sequence_day),
            snapshot_id: snapshot.snapshot_id,
            manifest_list: snapshot.manifest_list.clone(),
            summary: snapshot.summary.clone(),
            schema: schema.clone(),
        })
    }
}

impl IcebergDays {
    /// Reads the days out of a table's metadata. Fields that are computed at every writing are
    /// skipped.
    ///
    /// # Errors
    /// When the bytes are no table metadata, or a snapshot's schema is not in it.
    pub fn from_metadata(bytes: &[u8]) -> Result<Self, LakeError> {
        let document: ParsedTableMetadata = serde_json::from_slice(bytes)?;

        let mut days = Self::default();
        for snapshot in &document.snapshots {
            days.put_entry(document.snapshot_entry(snapshot)?);
        }
        Ok(days)
    }

    /// Adds a day, in place of what was known of it.
    pub fn put_entry(&mut self, entry: SnapshotEntry) {
        self.0.insert(entry.date, entry);
    }

    /// Drops the days that are not kept.
    pub fn retain_days(&mut self, is_kept: impl Fn(Day) -> bool) {
        self.0.retain(|day, _| is_kept(*day));
    }

    /// What is known of a day.
    #[must_use]
    pub fn entry_of(&self, day: Day) -> Option<&SnapshotEntry> {
        self.0.get(&day)
    }

    /// The last day before this one.
    #[must_use]
    pub fn entry_before(&self, day: Day) -> Option<&SnapshotEntry> {
        self.0.range(..day).next_back().map(|(_, entry)| entry)
    }

    /// The newest day, which readers see unless they ask for another.
    #[must_use]
    pub fn newest_entry(&self) -> Option<&SnapshotEntry> {
        self.0.values().next_back()
    }

    /// All of them, the oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &SnapshotEntry> {
        self.0.values()
    }
}

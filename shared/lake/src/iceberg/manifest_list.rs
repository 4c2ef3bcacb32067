//! The manifest list of a day: its one manifest, with counts.

use super::avro::{self, AvroEncoder};
use super::manifest::{DataFileStatus, ManifestEntry, oldest_live_day};
use crate::Day;

const MANIFEST_LIST_SCHEMA: &str = include_str!("list.avsc");

/// Files of a status: how many, with so many rows and bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct DataFileTotals {
    pub(super) files: i64,
    pub(super) rows: i64,
    pub(super) bytes: i64,
}

impl DataFileTotals {
    pub(super) fn of_status(entries: &[ManifestEntry], status: DataFileStatus) -> Self {
        let mine = entries.iter().filter(|entry| entry.status == status);
        mine.fold(Self::default(), |count, entry| Self {
            files: count.files + 1,
            rows: count.rows + entry.file.rows.cast_signed(),
            bytes: count.bytes + entry.file.bytes.cast_signed(),
        })
    }
}

/// The bytes of the list that names this manifest.
pub(super) fn encode_manifest_list(
    day: Day,
    snapshot_id: i64,
    path: &str,
    size: usize,
    entries: &[ManifestEntry],
) -> Vec<u8> {
    let statuses = [
        DataFileStatus::Added,
        DataFileStatus::Existing,
        DataFileStatus::Deleted,
    ];
    let counts = statuses.map(|status| DataFileTotals::of_status(entries, status));
    let mut row = AvroEncoder::default();
    row.write_bytes(path.as_bytes());
    row.write_long(i64::try_from(size).unwrap_or(i64::MAX));
    // The specification of partitions, and data.
    row.write_long(0);
    row.write_long(0);
    row.write_long(day.0.into());
    row.write_long(oldest_live_day(entries, day).0.into());
    row.write_long(snapshot_id);
    counts.iter().for_each(|count| row.write_long(count.files));
    counts.iter().for_each(|count| row.write_long(count.rows));
    // An empty array of partitions, and no key.
    row.write_presence(true);
    row.write_long(0);
    row.write_null();
    let (id, number) = (snapshot_id.to_string(), day.0.to_string());
    let metadata = [
        ("snapshot-id", id.as_str()),
        ("sequence-number", &number),
        ("format-version", "2"),
    ];
    avro::encode_container(MANIFEST_LIST_SCHEMA, &metadata, 1, &row)
}

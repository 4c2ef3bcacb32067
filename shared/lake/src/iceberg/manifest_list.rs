//! The manifest list of a day: its one manifest, with counts.

use super::avro::{self, AvroEncoder};
use super::manifest::{DataFileStatus, ManifestEntry, oldest_live_day};
use crate::Day;

pub(super) const MANIFEST_LIST_SCHEMA: &str = include_str!("list.avsc");

/// How many files have a status, and their rows and bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct DataFileTotals {
    pub(super) files: i64,
    pub(super) rows: i64,
    pub(super) bytes: i64,
}

impl DataFileTotals {
    pub(super) fn of_status(entries: &[ManifestEntry], status: DataFileStatus) -> Self {
        let mut totals = Self::default();
        for entry in entries.iter().filter(|entry| entry.status == status) {
            totals.files += 1;
            totals.rows += entry.file.rows.cast_signed();
            totals.bytes += entry.file.bytes.cast_signed();
        }
        totals
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
    let totals = statuses.map(|status| DataFileTotals::of_status(entries, status));

    let mut row = AvroEncoder::default();
    row.write_bytes(path.as_bytes());
    row.write_long(i64::try_from(size).unwrap_or(i64::MAX));
    // The specification of partitions, and data.
    row.write_long(0);
    row.write_long(0);
    row.write_long(day.0.into());
    row.write_long(oldest_live_day(entries, day).0.into());
    row.write_long(snapshot_id);
    totals.iter().for_each(|total| row.write_long(total.files));
    totals.iter().for_each(|total| row.write_long(total.rows));
    // An empty array of partitions, and no key.
    row.write_presence(true);
    row.write_long(0);
    row.write_null();

    let snapshot_id = snapshot_id.to_string();
    let sequence_number = day.0.to_string();
    let metadata = [
        ("snapshot-id", snapshot_id.as_str()),
        ("sequence-number", &sequence_number),
        ("format-version", "2"),
    ];
    avro::encode_container(MANIFEST_LIST_SCHEMA, &metadata, 1, &row)
}

//! The manifest list of a day: its one manifest, with counts.

use super::avro::{self, Encoder};
use super::manifest::{Entry, Status, oldest};
use crate::Day;

const SCHEMA: &str = include_str!("list.avsc");

/// Files of a status: how many, with so many rows and bytes.
#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    pub(super) files: i64,
    pub(super) rows: i64,
    pub(super) bytes: i64,
}

impl Count {
    pub(super) fn of(entries: &[Entry], status: Status) -> Self {
        let mine = entries.iter().filter(|entry| entry.status == status);
        mine.fold(Self::default(), |count, entry| Self {
            files: count.files + 1,
            rows: count.rows + entry.file.rows.cast_signed(),
            bytes: count.bytes + entry.file.bytes.cast_signed(),
        })
    }
}

/// The bytes of the list that names this manifest.
pub(super) fn write(
    day: Day,
    snapshot_id: i64,
    path: &str,
    size: usize,
    entries: &[Entry],
) -> Vec<u8> {
    let statuses = [Status::Added, Status::Existing, Status::Deleted];
    let counts = statuses.map(|status| Count::of(entries, status));
    let mut row = Encoder::default();
    row.bytes(path.as_bytes());
    row.long(i64::try_from(size).unwrap_or(i64::MAX));
    // The specification of partitions, and data.
    row.long(0);
    row.long(0);
    row.long(day.0.into());
    row.long(oldest(entries, day).0.into());
    row.long(snapshot_id);
    counts.iter().for_each(|count| row.long(count.files));
    counts.iter().for_each(|count| row.long(count.rows));
    // An empty array of partitions, and no key.
    row.present(true);
    row.long(0);
    row.nothing();
    let (id, number) = (snapshot_id.to_string(), day.0.to_string());
    let metadata = [
        ("snapshot-id", id.as_str()),
        ("sequence-number", &number),
        ("format-version", "2"),
    ];
    avro::file(SCHEMA, &metadata, 1, &row)
}

//! The Iceberg tables of raw objects: what is written is read, nothing makes the readers panic, and
//! a year of objects costs a query of one day little.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::collections::BTreeMap;

use lake::iceberg::{RawDays, RawIcebergTable, RawObjectFile, WrittenRawTable, read_raw_manifest};
use lake::{Chunk, Day, RecordTimes, TimeSpan, is_named_iceberg_content, raw_table_name};
use proptest::prelude::*;

const DAY_MS: i64 = 86_400_000;

/// An object that landed on a day; none where that was not kept.
fn object(landed: Option<Day>, partition: i32, offset: i64, rows: u64) -> RawObjectFile {
    let span = |first: i64| TimeSpan {
        first,
        last: first + 1_000,
    };
    RawObjectFile {
        chunk: Chunk {
            topic: "housing-tenure".to_owned(),
            epoch: 1,
            partition,
            offset,
        },
        next: offset + rows.cast_signed(),
        rows,
        bytes: rows * 100,
        times: RecordTimes {
            timestamp: span(offset),
            landed_at: landed.map(|day| span(i64::from(day.0) * DAY_MS)),
        },
    }
}

fn table(name: &str) -> RawIcebergTable<'_> {
    RawIcebergTable::new(name, "s3://curated", "s3://raw").unwrap()
}

/// Publishes the objects; gives what the table shows, its manifests and its other files.
fn publish(objects: &[RawObjectFile]) -> (RawDays, BTreeMap<String, Vec<u8>>, WrittenRawTable) {
    let name = raw_table_name("housing-tenure");
    let table = table(&name);
    let mut by_day: BTreeMap<Option<Day>, Vec<RawObjectFile>> = BTreeMap::new();
    for object in objects {
        let landed = object.times.landed_day();
        by_day.entry(landed).or_default().push(object.clone());
    }

    let (mut days, mut manifests) = (RawDays::default(), BTreeMap::new());
    for (landed, objects) in by_day {
        let (manifest, entry) = table.write_day(landed, &objects).unwrap();
        manifests.insert(manifest.key, manifest.bytes);
        days.set_entry(landed, Some(entry));
    }
    for object in objects {
        let stream = (object.chunk.epoch, object.chunk.partition);
        days.set_next_offset(stream, object.next);
    }
    let written = table.write_table(&days).unwrap();
    (days, manifests, written)
}

prop_compose! {
    fn objects()(
        objects in prop::collection::vec(
            (prop::option::of(0..40_000i32), -1..9i32, 0..1i64 << 52, 1..1u64 << 40),
            0..9,
        ),
    ) -> Vec<RawObjectFile> {
        let objects = objects.into_iter();
        let objects = objects
            .map(|(landed, partition, offset, rows)| object(landed.map(Day), partition, offset, rows));
        objects.collect()
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(objects in objects()) {
        let (days, manifests, written) = publish(&objects);
        let (parsed, list) = RawDays::from_metadata(&written.table.metadata.bytes).unwrap();
        prop_assert_eq!(&list, &written.list.key);
        prop_assert_eq!(parsed.with_list(&written.list.bytes).unwrap(), days);

        let read = manifests.values().flat_map(|bytes| read_raw_manifest(bytes).unwrap());
        let mut read: Vec<RawObjectFile> = read.collect();
        let mut objects = objects;
        let order = |file: &RawObjectFile| (file.chunk.clone(), file.next, file.times.landed_day());
        read.sort_by_key(order);
        objects.sort_by_key(order);
        prop_assert_eq!(read, objects);
    }

    #[test]
    fn files_are_named_by_their_content(objects in objects()) {
        let (_, manifests, written) = publish(&objects);
        for (key, bytes) in &manifests {
            prop_assert!(is_named_iceberg_content(key, bytes));
        }
        for file in [&written.list, &written.table.metadata] {
            prop_assert!(is_named_iceberg_content(&file.key, &file.bytes));
        }
    }

    #[test]
    fn damaged_files_make_no_reader_panic(
        objects in objects(), position in any::<prop::sample::Index>(), value in any::<u8>(),
    ) {
        let (_, manifests, written) = publish(&objects);
        let damage = |bytes: &[u8]| {
            let mut bytes = bytes.to_vec();
            let position = position.index(bytes.len());
            bytes[position] = value;
            bytes
        };
        for bytes in manifests.values() {
            drop(read_raw_manifest(&damage(bytes)));
        }
        drop(RawDays::default().with_list(&damage(&written.list.bytes)));
        drop(RawDays::from_metadata(&damage(&written.table.metadata.bytes)));
    }
}

/// 70 million events a month are some 233 objects a day. A query of one day reads the metadata, the
/// list and the day's manifest.
#[test]
fn a_year_of_objects_costs_a_query_of_one_day_little() {
    let of_day = |day: i32| {
        (0..233).map(move |place| {
            let offset = i64::from(day) * 2_330_000 + i64::from(place) * 10_000;
            object(Some(Day(20_000 + day)), place % 3, offset, 10_000)
        })
    };
    let year: Vec<RawObjectFile> = (0..365).flat_map(of_day).collect();
    let (_, manifests, written) = publish(&year);
    assert_eq!(manifests.len(), 365);
    let largest = manifests.values().map(Vec::len).max().unwrap();
    let fixed = written.list.bytes.len() + written.table.metadata.bytes.len();
    assert!(largest + fixed < 150_000, "{largest} + {fixed}");
}

#[test]
fn no_manifest_holds_a_bound_of_a_personal_column() {
    let (_, manifests, _) = publish(&[object(Some(Day(20_000)), 0, 0, 9)]);
    let bytes = manifests.values().next().unwrap();
    for column in ["key", "value", "headers"] {
        let mut id = Vec::new();
        // An id as Avro writes it: seven bits in each byte, the sign at the end.
        let mut rest = u64::try_from(lake::schema::field_id(column)).unwrap() << 1;
        while rest >= 0x80 {
            id.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        id.push(u8::try_from(rest).unwrap());
        let found = bytes.windows(id.len()).any(|window| window == id);
        assert!(!found, "{column}");
    }
}

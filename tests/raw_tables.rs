//! Raw objects as Iceberg tables: what they show is a function of the receipts, whenever and however
//! often they were published, and other engines read a day of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use lake::iceberg::{RawDays, RawIcebergTable, RawObjectFile, read_raw_manifest};
use lake::{
    Chunk, Day, Receipt, iceberg_hint_key, iceberg_metadata_key, iceberg_prefix, raw_table_name,
};
use operations::erase::erase_subjects;
use serde_json::Value;
use store::ObjectStore;

use crate::days_in_memory::Days;
use crate::erasure::people::{self, OTHER, by_key, named, noon, zones};
use crate::erasure::statements::SnapshotsInMemory;
use crate::lake_under_test::{MONDAY, TempFolder};
use crate::readers::{has, python};

const TUESDAY: &str = "2026-03-03";
const WEDNESDAY: &str = "2026-03-04";
const TOPIC: &str = "housing-person";
const SOURCE: &str = "housing-person";

/// The files that the hint leads to.
async fn read_shown_files(days: &Days) -> BTreeMap<String, Bytes> {
    let table = raw_table_name(TOPIC);
    let curated = &days.curated;
    let hint = curated.get(&iceberg_hint_key(&table)).await.unwrap();
    let name = String::from_utf8_lossy(&hint.body).into_owned();
    let metadata = iceberg_metadata_key(&table, &name);
    let body = curated.get(&metadata).await.unwrap().body;
    let (shown, list) = RawDays::from_metadata(&body).unwrap();

    let list_body = curated.get(&list).await.unwrap().body;
    let shown = shown.with_list(&list_body).unwrap();
    let mut files = BTreeMap::from([
        (iceberg_hint_key(&table), hint.body),
        (metadata, body),
        (list, list_body),
    ]);
    for (_, entry) in shown.entries() {
        let body = curated.get(&entry.manifest).await.unwrap().body;
        files.insert(entry.manifest.clone(), body);
    }
    files
}

/// The objects that the table shows.
async fn read_shown_objects(days: &Days) -> Vec<RawObjectFile> {
    let files = read_shown_files(days).await;
    let manifests = files.iter().filter(|(key, _)| key.ends_with("-m0.avro"));
    let mut objects: Vec<RawObjectFile> = manifests
        .flat_map(|(_, body)| read_raw_manifest(body).unwrap())
        .collect();
    objects.sort_by(|one, other| one.chunk.cmp(&other.chunk));
    objects
}

async fn push_people(days: &mut Days, date: &str, minute: u32) -> Receipt {
    let person = named(OTHER, minute, "Sample", "1980-01-02");
    days.push(SOURCE, date, &[person]).await
}

fn files_of(receipts: &[Receipt]) -> Vec<RawObjectFile> {
    receipts
        .iter()
        .filter_map(RawObjectFile::from_receipt)
        .collect()
}

#[tokio::test]
async fn a_table_shows_what_the_receipts_say_and_is_the_same_however_it_was_published() {
    let mut in_parts = people::lake().await;
    let mut at_once = people::lake().await;
    let mut receipts = Vec::new();
    for (date, minute) in [(MONDAY, 21), (MONDAY, 22), (TUESDAY, 23), (WEDNESDAY, 24)] {
        receipts.push(push_people(&mut in_parts, date, minute).await);
        push_people(&mut at_once, date, minute).await;
        in_parts.merge(date).await.unwrap();
        in_parts.merge(date).await.unwrap();
    }
    at_once.merge(WEDNESDAY).await.unwrap();

    let shown = read_shown_objects(&in_parts).await;
    assert_eq!(shown[shown.len() - 4..], files_of(&receipts));
    assert_eq!(
        read_shown_files(&in_parts).await,
        read_shown_files(&at_once).await
    );
    // Of the publications before, one stays.
    let prefix = iceberg_prefix(&raw_table_name(TOPIC));
    let stored = in_parts.curated.list(&prefix, None).await.unwrap();
    assert!(stored.len() <= 2 * 5, "{stored:?}");
}

#[tokio::test]
async fn an_object_behind_one_without_a_receipt_waits_for_it() {
    let mut days = people::lake().await;
    let receipts = [
        push_people(&mut days, MONDAY, 21).await,
        push_people(&mut days, MONDAY, 22).await,
        push_people(&mut days, MONDAY, 23).await,
    ];
    let late = Chunk {
        topic: TOPIC.to_owned(),
        epoch: 1,
        partition: 0,
        offset: receipts[1].offset,
    };
    let key = late.receipt_key();
    let body = days.refined.get(&key).await.unwrap().body;
    days.refined.delete(&key).await.unwrap();
    days.merge(MONDAY).await.unwrap();
    let shown = read_shown_objects(&days).await;
    assert_eq!(shown.last(), files_of(&receipts[..1]).last());

    days.refined.put(&key, body, "").await.unwrap();
    days.merge(TUESDAY).await.unwrap();
    let shown = read_shown_objects(&days).await;
    assert_eq!(shown[shown.len() - 3..], files_of(&receipts));
}

#[tokio::test]
async fn objects_that_have_expired_leave_the_table() {
    let mut days = people::lake().await;
    let mut receipts = Vec::new();
    for (date, minute) in [(MONDAY, 21), (TUESDAY, 22), (WEDNESDAY, 23)] {
        receipts.push(push_people(&mut days, date, minute).await);
    }
    days.merge(WEDNESDAY).await.unwrap();
    let before = read_shown_objects(&days).await;
    let (expired, kept) = before.split_at(before.len() - 1);
    for file in expired {
        days.raw.delete(&file.chunk.raw_key()).await.unwrap();
    }

    days.merge(WEDNESDAY).await.unwrap();
    assert_eq!(read_shown_objects(&days).await, kept);
    // All of them: an empty table, which engines can read.
    days.raw.delete(&kept[0].chunk.raw_key()).await.unwrap();
    days.merge(WEDNESDAY).await.unwrap();
    assert_eq!(read_shown_objects(&days).await, []);
}

#[tokio::test]
async fn an_erasure_makes_the_table_anew_and_leaves_nothing_of_the_one_before() {
    let mut days = people::lake().await;
    push_people(&mut days, MONDAY, 21).await;
    days.merge(MONDAY).await.unwrap();
    let before = read_shown_files(&days).await;
    let eraser = SnapshotsInMemory(&days);
    let outcome = erase_subjects(&zones(&days), &by_key(), &eraser, noon())
        .await
        .unwrap();
    assert!(outcome.unreadable.is_empty());

    let after = read_shown_files(&days).await;
    assert_ne!(before, after);
    for file in read_shown_objects(&days).await {
        let stored = days.raw.get(&file.chunk.raw_key()).await.unwrap();
        assert_eq!(file.bytes, stored.body.len() as u64);
    }
    let prefix = iceberg_prefix(&raw_table_name(TOPIC));
    let stored = days.curated.list(&prefix, None).await.unwrap();
    let stored: BTreeSet<String> = stored.into_iter().map(|entry| entry.key).collect();
    assert_eq!(stored, after.into_keys().collect());
}

#[tokio::test]
async fn a_damaged_file_that_a_merge_reads_is_written_again_or_named_in_its_warning() {
    let mut days = people::lake().await;
    push_people(&mut days, MONDAY, 21).await;
    days.merge(MONDAY).await.unwrap();
    let whole = read_shown_files(&days).await;
    // A merge without new objects reads the manifest of the oldest day alone.
    let manifests = whole.keys().filter(|key| key.ends_with("-m0.avro"));
    let unread: Vec<&String> = manifests.skip(1).collect();
    for (key, body) in whole.iter().filter(|(key, _)| !unread.contains(key)) {
        let mut damaged = body.to_vec();
        damaged[body.len() / 2] ^= 1;
        days.curated.put(key, damaged.into(), "").await.unwrap();
        let run = days.merge(MONDAY).await.unwrap();

        let named = run
            .warnings
            .iter()
            .find(|warning| warning.step == "raw-table");
        let stored = days.curated.get(key).await.unwrap().body;
        let is_named = named.is_some_and(|warning| warning.object.as_ref() == Some(key));
        assert!(stored == body || is_named, "{key}: {:?}", run.warnings);
        days.curated.put(key, body.clone(), "").await.unwrap();
    }
}

#[tokio::test]
async fn an_object_that_landed_on_two_days_is_refused_by_name() {
    let mut days = people::lake().await;
    let receipt = push_people(&mut days, MONDAY, 21).await;
    let mut wrong = receipt.clone();
    let times = wrong.times.as_mut().unwrap();
    let landed = times.landed_at.as_mut().unwrap();
    landed.last += 86_400_000;
    let chunk = Chunk {
        topic: TOPIC.to_owned(),
        epoch: 1,
        partition: 0,
        offset: receipt.offset,
    };
    let body = Bytes::from(wrong.to_json().unwrap());
    days.refined
        .put(&chunk.receipt_key(), body, "")
        .await
        .unwrap();

    let run = days.merge(MONDAY).await.unwrap();
    let warning = &run.warnings[0];
    assert_eq!(
        (warning.step.as_str(), warning.name.as_deref()),
        ("raw-table", Some(TOPIC))
    );
    assert!(warning.cause.contains(&chunk.raw_key()), "{warning}");
}

/// A table on disk, with the paths of folders in place of buckets; gives the path of its metadata.
async fn write_table_on_disk(days: &Days, folder: &Path) -> PathBuf {
    let [curated, raw] = ["curated", "raw"].map(|zone| folder.join(zone));
    let [root, raw_root] = [&curated, &raw].map(|path| path.to_string_lossy().into_owned());
    let name = raw_table_name(TOPIC);
    let table = RawIcebergTable::new(&name, &root, &raw_root).unwrap();
    let mut by_day: BTreeMap<Option<Day>, Vec<RawObjectFile>> = BTreeMap::new();
    for object in read_shown_objects(days).await {
        let key = object.chunk.raw_key();
        let body = days.raw.get(&key).await.unwrap().body;
        write_file(&raw.join(key), &body);
        let landed = object.times.landed_day();
        by_day.entry(landed).or_default().push(object);
    }

    let mut shown = RawDays::default();
    for (landed, objects) in by_day {
        let (manifest, entry) = table.write_day(landed, &objects).unwrap();
        write_file(&curated.join(&manifest.key), &manifest.bytes);
        shown.set_entry(landed, Some(entry));
    }
    let written = table.write_table(&shown).unwrap();
    for file in [&written.list, &written.table.metadata, &written.table.hint] {
        write_file(&curated.join(&file.key), &file.bytes);
    }
    curated.join(written.table.metadata.key)
}

fn write_file(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// Asks a reader for all rows and files of the table, and for those of Tuesday.
async fn read_with(script: &str) -> (Value, Vec<RawObjectFile>) {
    let mut days = people::lake().await;
    for (date, minute) in [(TUESDAY, 22), (WEDNESDAY, 23)] {
        push_people(&mut days, date, minute).await;
        days.merge(date).await.unwrap();
    }
    let name = format!("raw-tables-{}", fastrand::u64(..));
    let folder = TempFolder::at(std::env::temp_dir().join(name));
    let metadata = write_table_on_disk(&days, &folder).await;
    let arguments = [
        metadata.to_string_lossy().into_owned(),
        format!("{TUESDAY}T00:00:00+00:00"),
        format!("{WEDNESDAY}T00:00:00+00:00"),
    ];
    (python(script, &arguments), read_shown_objects(&days).await)
}

fn count_rows(objects: &[RawObjectFile]) -> u64 {
    objects.iter().map(|object| object.rows).sum()
}

const READ_WITH_PYICEBERG: &str = "
import json, sys
from pyiceberg.table import StaticTable

metadata, first, last = sys.argv[1:4]
table = StaticTable.from_metadata(metadata)
day = table.scan(row_filter=f\"landed_at >= '{first}' and landed_at < '{last}'\")
rows = table.scan().to_arrow()
print(json.dumps({
    'rows': rows.num_rows,
    'values': sum(1 for value in rows['value'].to_pylist() if value),
    'day_rows': day.to_arrow().num_rows,
    'files': len(list(table.scan().plan_files())),
    'day_files': len(list(day.plan_files())),
    'manifests': len(table.current_snapshot().manifests(table.io)),
}))
";

#[tokio::test]
async fn pyiceberg_reads_every_record_and_plans_the_files_of_one_day() {
    if !has("pyiceberg", "'pyiceberg[pyarrow]'") {
        return;
    }
    let (seen, objects) = read_with(READ_WITH_PYICEBERG).await;
    let rows = Value::from(count_rows(&objects));
    assert_eq!((&seen["rows"], &seen["values"]), (&rows, &rows));
    assert_eq!(seen["files"], Value::from(objects.len()));
    let one = Value::from(1);
    assert_eq!((&seen["day_rows"], &seen["day_files"]), (&one, &one));
    let days: BTreeSet<Option<Day>> = objects
        .iter()
        .map(|object| object.times.landed_day())
        .collect();
    assert_eq!(seen["manifests"], Value::from(days.len()));
}

const READ_WITH_DUCKDB: &str = "
import glob, json, os, sys
import duckdb, duckdb_extension_avro, duckdb_extension_iceberg

connection = duckdb.connect()
for package in (duckdb_extension_avro, duckdb_extension_iceberg):
    folder = os.path.dirname(package.__file__)
    connection.execute(f\"LOAD '{glob.glob(folder + '/extensions/v*/*.duckdb_extension')[0]}'\")
metadata, first, last = sys.argv[1:4]

def count(where):
    return connection.execute(f\"select count(*) from iceberg_scan('{metadata}') {where}\").fetchone()[0]

print(json.dumps({
    'rows': count(''),
    'day_rows': count(f\"where landed_at >= timestamptz '{first}' and landed_at < timestamptz '{last}'\"),
}))
";

#[tokio::test]
async fn duckdb_reads_every_record_and_those_of_one_day() {
    let install = "duckdb==1.5.5 duckdb-extension-iceberg==1.5.5 duckdb-extension-avro==1.5.5";
    if !has("duckdb_extension_iceberg, duckdb_extension_avro", install) {
        return;
    }
    let (seen, objects) = read_with(READ_WITH_DUCKDB).await;
    assert_eq!(seen["rows"], Value::from(count_rows(&objects)));
    assert_eq!(seen["day_rows"], Value::from(1));
}

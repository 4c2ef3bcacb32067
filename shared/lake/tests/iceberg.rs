//! Iceberg's metadata: its bytes, and what other engines read by it.
//!
//! The readers need Python packages. Where they are missing the test says so and how to install
//! them; CI has them.
#![allow(clippy::unwrap_used, clippy::panic)]

#[path = "iceberg/table.rs"]
mod table;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use bytes::Bytes;
use contract::{Catalogue, DeclaredFile};
use lake::iceberg::{DataFile, DayFiles, FileLineage, IcebergDays, IcebergTable, WrittenMetadata};
use lake::{Day, ShardVersion, schema};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::{Value, json};

use table::{DATES, Written, contract, data_file, people, publish, seen};

fn json_of(metadata: &WrittenMetadata) -> Value {
    serde_json::from_slice(&metadata.metadata.bytes).unwrap()
}

#[test]
fn the_same_days_give_the_same_bytes() {
    let (one, two) = (publish("s3://bucket", 0), publish("s3://bucket/", 0));
    assert_eq!(one.files, two.files);
    assert_ne!(
        one.days[0].entry.snapshot_id,
        publish("s3://other", 0).days[0].entry.snapshot_id
    );
    let hint = String::from_utf8(one.metadata.hint.bytes).unwrap();
    assert_eq!(
        one.metadata.metadata.key,
        format!("curated/person/metadata/{hint}.metadata.json")
    );
    assert!(
        one.files
            .keys()
            .all(|key| key.starts_with("curated/person/"))
    );
}

#[test]
fn the_bytes_of_a_day_never_change() {
    let contract = contract(false);
    let table = IcebergTable::new(&contract, "s3://bucket").unwrap();
    let key = ShardVersion {
        table: "person",
        shard: 0,
        version: "a",
    }
    .rows_key();
    let files = vec![DataFile {
        key,
        rows: 2,
        bytes: 1_000,
        owners: Some(("0".into(), "f".into())),
        columns: BTreeMap::new(),
    }];
    let date = Day::parse(DATES[0]).unwrap();
    let day = DayFiles {
        date,
        files,
        inserted: 2,
        updated: 0,
        deleted: 0,
    };
    let day = table.write_day(&day, None).unwrap();
    let mut days = IcebergDays::default();
    days.put_entry(day.entry.clone());
    let metadata = table.write_metadata(&days).unwrap();
    // Names are hashes of the content: who changes a byte sees it here, and gives every day another
    // id.
    assert_eq!(
        day.manifest.key,
        "curated/person/metadata/20514-ed87fdb1-8f70-5b44-a03b-fb763251a062-m0.avro"
    );
    assert_eq!(
        day.list.key,
        "curated/person/metadata/20514-a159e748-854c-5419-ab89-32b82a237320-snap.avro"
    );
    assert_eq!(day.entry.snapshot_id, 6_514_782_017_026_927_656);
    assert_eq!(
        metadata.metadata.key,
        "curated/person/metadata/20514-fe176533-c50e-5ab5-a2a8-6af73033ebc9.metadata.json"
    );
    assert_eq!(
        metadata.hint.key,
        "curated/person/metadata/version-hint.text"
    );
}

#[test]
fn the_metadata_says_what_iceberg_demands() {
    let written = publish("s3://bucket", 0);
    let metadata = json_of(&written.metadata);
    let ids: Vec<_> = written
        .days
        .iter()
        .map(|day| day.entry.snapshot_id)
        .collect();
    assert!(ids.iter().all(|id| *id > 0));
    assert_eq!(metadata["format-version"], 2);
    assert_eq!(metadata["location"], "s3://bucket/curated/person");
    assert_eq!(metadata["last-sequence-number"], 20_516);
    assert_eq!(metadata["last-updated-ms"], 20_517 * 86_400_000_i64 - 1);
    assert_eq!(metadata["current-snapshot-id"], ids[2]);
    let tag = |place: usize| json!({"snapshot-id": ids[place], "type": "tag"});
    let main = json!({"snapshot-id": ids[2], "type": "branch"});
    let [first, second, third] = DATES;
    assert_eq!(
        metadata["refs"],
        json!({first: tag(0), second: tag(1), third: tag(2), "main": main})
    );
    assert_eq!(metadata["schemas"].as_array().unwrap().len(), 2);
    assert_eq!(
        metadata["current-schema-id"],
        metadata["schemas"][1]["schema-id"]
    );
    let snapshots = metadata["snapshots"].as_array().unwrap();
    let parents: Vec<_> = snapshots
        .iter()
        .map(|snapshot| snapshot["parent-snapshot-id"].as_i64())
        .collect();
    assert_eq!(parents, [None, Some(ids[0]), Some(ids[1])]);
    let told = |key: &str| {
        snapshots
            .iter()
            .map(|it| it["summary"][key].as_str().unwrap())
            .collect::<Vec<_>>()
    };
    assert_eq!(told("operation"), ["append", "overwrite", "overwrite"]);
    assert_eq!(told("total-records"), ["4", "5", "5"]);
    assert_eq!(told("added-records"), ["4", "3", "2"]);
    assert_eq!(told("polelake.date"), DATES);
}

#[test]
fn a_day_is_replaced_and_dropped_and_nothing_else_changes() {
    let written = publish("s3://bucket", 0);
    let contract = contract(true);
    let table = IcebergTable::new(&contract, "s3://bucket").unwrap();
    let mut days = IcebergDays::from_metadata(&written.metadata.metadata.bytes).unwrap();
    assert_eq!(
        table.write_metadata(&days).unwrap(),
        written.metadata,
        "what is read is written again"
    );

    let date = Day::parse(DATES[1]).unwrap();
    let other = DayFiles {
        date,
        files: Vec::new(),
        inserted: 0,
        updated: 0,
        deleted: 5,
    };
    let first = FileLineage::from_manifest(&written.days[0].manifest.bytes).unwrap();
    let replaced = table.write_day(&other, Some(&first)).unwrap();
    assert_eq!(replaced.entry.summary["deleted-records"], "4");
    days.put_entry(replaced.entry.clone());
    let metadata = json_of(&table.write_metadata(&days).unwrap());
    assert_eq!(metadata["snapshots"].as_array().unwrap().len(), 3);
    assert_eq!(
        metadata["snapshots"][1]["snapshot-id"],
        replaced.entry.snapshot_id
    );
    assert_eq!(
        metadata["snapshots"][2]["parent-snapshot-id"],
        replaced.entry.snapshot_id
    );
    let tag = &metadata["refs"][DATES[1]];
    assert_eq!(tag["snapshot-id"], replaced.entry.snapshot_id);

    days.put_entry(written.days[1].entry.clone());
    assert_eq!(table.write_metadata(&days).unwrap(), written.metadata);
    days.retain_days(|day| day != Day::parse(DATES[0]).unwrap());
    let metadata = json_of(&table.write_metadata(&days).unwrap());
    assert_eq!(metadata["snapshot-log"].as_array().unwrap().len(), 2);
    assert!(
        metadata["refs"][DATES[0]].is_null(),
        "a dropped day has no tag"
    );
    assert_eq!(metadata["snapshots"][0]["parent-snapshot-id"], Value::Null);
    days.retain_days(|_| false);
    assert!(table.write_metadata(&days).is_err());
}

#[test]
fn foreign_metadata_is_read_as_far_as_it_makes_sense() {
    let schema = json!({
        "schema-id": 0, "fields": [{"id": 1, "name": "pole_id", "required": true, "type": "string"}]
    });
    let snapshot = json!({
        "snapshot-id": 5, "sequence-number": 20_514, "manifest-list": "s3://b/l.avro", "more": {}
    });
    let document = json!({"schemas": [schema], "snapshots": [snapshot]});
    let days = IcebergDays::from_metadata(document.to_string().as_bytes()).unwrap();
    assert_eq!(days.newest_entry().unwrap().date.to_string(), DATES[0]);
    assert!(
        IcebergDays::from_metadata(b"{}")
            .unwrap()
            .newest_entry()
            .is_none()
    );
    let homeless = json!({"snapshots": [snapshot]}).to_string();
    let why = IcebergDays::from_metadata(homeless.as_bytes())
        .unwrap_err()
        .to_string();
    assert_eq!(
        why,
        "Iceberg's metadata has no schema 0, which its snapshot 5 needs"
    );
}

#[test]
fn a_damaged_manifest_is_an_error() {
    let manifest = &publish("s3://bucket", 0).days[1].manifest.bytes;
    assert!(FileLineage::from_manifest(manifest).is_ok());
    for end in 0..manifest.len() - 16 {
        // The last 16 bytes are the marker; a file that ends before its first block is an empty
        // one.
        let read = FileLineage::from_manifest(&manifest[..end]);
        assert!(
            read.is_err()
                || format!("{read:?}") == format!("{:?}", Ok::<_, ()>(FileLineage::default())),
            "{end}"
        );
    }
}

#[test]
fn curated_files_carry_the_ids() {
    let table = contract(true);
    let (_, bytes) = data_file(&table, 0, "a", &people(0, &["Ada"], None), true);
    let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(bytes)).unwrap();
    for column in reader.parquet_schema().columns() {
        assert_eq!(
            column.self_type().get_basic_info().id(),
            schema::field_id(column.name())
        );
    }
}

#[test]
fn every_shipped_table_has_distinct_field_ids() {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    let file = |entry: std::fs::DirEntry, folder: &str| {
        let name = entry.file_name().into_string().unwrap();
        DeclaredFile::new(
            format!("{folder}/{name}"),
            std::fs::read_to_string(entry.path()).unwrap(),
        )
    };
    let files: Vec<_> = ["pole", "lists"]
        .iter()
        .flat_map(|folder| {
            let entries = std::fs::read_dir(contracts.join(folder)).unwrap();
            entries
                .map(|entry| file(entry.unwrap(), folder))
                .collect::<Vec<_>>()
        })
        .collect();
    let tables = Catalogue::compile(&files).unwrap().tables;
    assert!(tables.len() >= 20);
    for table in &tables {
        IcebergTable::new(table, "s3://bucket").unwrap();
        let refined = schema::refined_schema(table);
        assert!(
            refined
                .fields()
                .iter()
                .all(|field| field.metadata().is_empty()),
            "increments are not Iceberg's"
        );
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/iceberg_readers.py")
}

/// Whether Python has the reader; a missing one is told, and refused where CI is set.
fn has(reader: &str, install: &str) -> bool {
    let found = Command::new("python3")
        .arg(script())
        .args([reader, "can"])
        .output();
    let why = match found {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Err(error) => error.to_string(),
    };
    assert!(option_env!("CI").is_none(), "CI must have {reader}: {why}");
    eprintln!("SKIPPED: python3 has no {reader} ({why}); install it with `{install}`");
    false
}

/// Writes a table into a folder of the test's own, and asks a reader what it sees.
fn read_with(reader: &str, ids_since: usize) -> (Written, Value) {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("iceberg-{reader}-{ids_since}"));
    drop(std::fs::remove_dir_all(&root));
    let written = publish(root.to_str().unwrap(), ids_since);
    for (key, bytes) in &written.files {
        std::fs::create_dir_all(root.join(key).parent().unwrap()).unwrap();
        std::fs::write(root.join(key), bytes).unwrap();
    }
    let metadata = root.join(&written.metadata.metadata.key);
    let owner = people(1, &["Cyd"], None)[0].id.clone();
    let output = Command::new("python3")
        .arg(script())
        .args([
            reader,
            metadata.to_str().unwrap(),
            root.join("curated/person").to_str().unwrap(),
            &owner,
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    (written, serde_json::from_slice(&output.stdout).unwrap())
}

fn snapshot_ids(written: &Written) -> Vec<i64> {
    written
        .days
        .iter()
        .map(|day| day.entry.snapshot_id)
        .collect()
}

#[test]
fn pyiceberg_reads_every_day() {
    if !has("pyiceberg", "pip install pyiceberg pyarrow") {
        return;
    }
    // All files with ids; then the first two days' without, as they were before.
    for ids_since in [0, 2] {
        let (written, told) = read_with("pyiceberg", ids_since);
        let ids = snapshot_ids(&written);
        assert!(
            told["found"]
                .as_str()
                .unwrap()
                .ends_with(&written.metadata.metadata.key)
        );
        assert_eq!(told["now"], seen(2, true));
        for (place, date) in DATES.iter().enumerate() {
            assert_eq!(told["days"][date], seen(place, place == 2), "{date}");
            assert_eq!(told["as_of"][date], true, "noon of the day after {date}");
        }
        assert_eq!(told["history"], json!(DATES));
        assert_eq!(
            told["operations"],
            json!(["append", "overwrite", "overwrite"])
        );
        assert_eq!(told["ids"], json!(ids));
        let [first, second, third] = DATES;
        assert_eq!(
            told["tags"],
            json!({first: ids[0], second: ids[1], third: ids[2]})
        );
        assert_eq!(told["parents"], json!([null, ids[0], ids[1]]));
        assert_eq!(told["total"], json!(["4", "5", "5"]));
        // The newest day's two files, as they were described when they were added.
        assert_eq!(
            told["counts_of_born"],
            json!({"bytes": 2_000, "values": 5, "nulls": 1})
        );
        // The file that stayed came on the second day; the new one's predecessor went.
        let statuses = json!([
            [0, 20_515, ids[1]],
            [1, 20_516, ids[2]],
            [2, 20_514, ids[2]]
        ]);
        assert_eq!(told["statuses"], statuses);
        assert_eq!(
            (&told["files_of_owner"], &told["rows_of_owner"]),
            (&json!(1), &json!(1))
        );
        assert_eq!(told["required"].as_array().unwrap().len(), 12);
        for (name, kind) in [
            ("event_time", "timestamptz"),
            ("fee", "decimal(12, 2)"),
            ("visits", "long"),
        ] {
            assert_eq!(told["types"][name], kind);
        }
    }
}

#[test]
fn duckdb_reads_every_day() {
    let install =
        "pip install duckdb==1.5.5 duckdb-extension-iceberg==1.5.5 duckdb-extension-avro==1.5.5";
    if !has("duckdb", install) {
        return;
    }
    for ids_since in [0, 2] {
        let (written, told) = read_with("duckdb", ids_since);
        assert_eq!(told["now"], seen(2, true));
        assert_eq!(told["now_of_folder"], seen(2, true));
        for (place, date) in DATES.iter().enumerate() {
            assert_eq!(told["days"][date], seen(place, place == 2), "{date}");
            assert_eq!(
                told["as_of"][date],
                seen(place, place == 2),
                "noon of the day after {date}"
            );
        }
        assert_eq!(told["ids"], json!(snapshot_ids(&written)));
        assert_eq!(told["rows_of_owner"], 1);
        assert_eq!(told["types"]["event_time"], "TIMESTAMP WITH TIME ZONE");
        assert_eq!(told["types"]["fee"], "DECIMAL(12,2)");
    }
}

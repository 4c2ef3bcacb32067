//! Iceberg's metadata: its bytes, and what other engines read by it.
//!
//! The readers need Python packages. Where they are missing the test says so and how to install them; CI has them.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use contract::{Catalogue, Cell, ColumnType, File, TableContract};
use lake::iceberg::{DataFile, DayFiles, IcebergDays, IcebergTable, Lineage, WrittenDay, WrittenMetadata};
use lake::{Day, Snapshot, TableBuilder, schema};
use serde_json::{Value, json};

const DATES: [&str; 3] = ["2026-03-02", "2026-03-03", "2026-03-04"];

/// The table's own columns, one of every type.
const OWN: [(&str, &str, &str); 6] = [
    ("full_name", "string", "string"),
    ("born", "date", "date"),
    ("alive", "boolean", "boolean"),
    ("fee", "number", "decimal(12,2)"),
    ("weight", "number", "double"),
    ("visits", "integer", "bigint"),
];

/// A contract of the table; from the third day on it has a column more, and not at its end.
fn contract(with_added: bool) -> TableContract {
    let provenance = pole::PROVENANCE.iter().map(|column| {
        let kind = match column.kind {
            pole::Kind::Text => ["string", "string"],
            pole::Kind::Integer => ["integer", "bigint"],
            pole::Kind::Timestamp => ["timestamp", "timestamp"],
        };
        (column.name, kind[0], kind[1], column.required)
    });
    let added = with_added.then_some(("added", "string", "string", false));
    let own = OWN.into_iter().map(|(name, logical, physical)| (name, logical, physical, false));
    let property = |(name, logical, physical, required): (&str, &str, &str, bool)| {
        json!({"name": name, "logicalType": logical, "physicalType": physical, "required": required,
               "primaryKey": name == "pole_id", "classification": "internal", "description": format!("Its {name}")})
    };
    let document = json!({
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "pole-person", "name": "person", "status": "active",
        "version": if with_added { "1.1.0" } else { "1.0.0" }, "domain": "pole",
        "schema": [{"name": "person", "description": "People",
                    "properties": provenance.chain(added).chain(own).map(property).collect::<Vec<_>>()}],
        "customProperties": [{"property": "polelake", "value": {"family": "person"}}],
    });
    let file = File::new("pole/person.odcs.yaml", document.to_string());
    Catalogue::compile(&[file]).unwrap().tables.into_iter().next().unwrap()
}

/// A row: who, and what the day says of them.
#[derive(Clone)]
struct Person {
    id: String,
    name: String,
    added: Option<&'static str>,
}

/// The ids of a shard begin with its number.
fn people(shard: u32, names: &[&str], added: Option<&'static str>) -> Vec<Person> {
    let person = |(number, name): (usize, &&str)| Person {
        id: format!("{shard}{number:07}-0000-5000-8000-000000000000"),
        name: (*name).into(),
        added,
    };
    names.iter().enumerate().map(person).collect()
}

/// The batch as a curated shard has it.
fn batch(table: &TableContract, people: &[Person]) -> RecordBatch {
    let mut builder = TableBuilder::new(table);
    for person in people {
        let cells: Vec<_> =
            table.columns.iter().map(|column| cell(&column.name, column.kind, person)).collect();
        builder.append_row(cells.iter(), pole::Op::Upsert, None);
    }
    let refined = builder.finish().unwrap();
    let columns = refined.columns()[..table.columns.len()].to_vec();
    RecordBatch::try_new(schema::curated(table), columns).unwrap()
}

fn cell<'c>(name: &str, kind: ColumnType, person: &'c Person) -> Cell<'c> {
    match (name, kind) {
        ("pole_id" | "owner_id", _) => Cell::Text(Cow::Borrowed(&person.id)),
        ("full_name", _) => Cell::Text(Cow::Borrowed(&person.name)),
        ("added", _) => person.added.map_or(Cell::Null, |added| Cell::Text(Cow::Borrowed(added))),
        (_, ColumnType::Text) => Cell::Text(Cow::Borrowed("some")),
        (_, ColumnType::Integer) => Cell::Integer(7),
        (_, ColumnType::Float) => Cell::Float(70.5),
        (_, ColumnType::Boolean) => Cell::Boolean(true),
        (_, ColumnType::Date) => Cell::Date(0),
        (_, ColumnType::Timestamp) => Cell::Timestamp(1_772_409_600_000_001),
        (_, ColumnType::Decimal(..)) => Cell::Decimal(11_840),
    }
}

/// The three days: a shard that stays and one that is replaced on the second; on the third the first one is replaced,
/// with the new column in it.
fn days() -> [[(u32, &'static str, Vec<Person>); 2]; 3] {
    let first = || (0, "a", people(0, &["Ada", "Ben"], None));
    let replaced = || (1, "c", people(1, &["Cyd", "Dora", "Eve"], None));
    [
        [first(), (1, "b", people(1, &["Cy", "Dora"], None))],
        [first(), replaced()],
        [(0, "d", people(0, &["Ada", "Ben"], Some("new"))), replaced()],
    ]
}

/// What a reader must see of a day, sorted.
fn seen(day: usize, with_added: bool) -> Value {
    let rows = days()[day].clone().into_iter().flat_map(|(.., people)| people).map(|person| {
        let mut row =
            vec![json!(person.id), json!(person.name), json!("True"), json!("1970-01-01"), json!("118.40")];
        if with_added {
            row.push(json!(person.added));
        }
        Value::Array(row)
    });
    Value::Array(rows.collect())
}

/// Everything that is written of the table: keys and bytes, the metadata of the last day.
struct Written {
    files: BTreeMap<String, Vec<u8>>,
    days: Vec<WrittenDay>,
    metadata: WrittenMetadata,
}

/// Before columns had ids.
fn without_ids(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_metadata(HashMap::new()));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// The Parquet file of a shard, and how it is named to Iceberg.
fn data_file(
    table: &TableContract,
    shard: u32,
    version: &str,
    people: &[Person],
    ids: bool,
) -> (DataFile, Vec<u8>) {
    let batch = batch(table, people);
    let schema = if ids { batch.schema() } else { without_ids(&batch.schema()) };
    let batch = RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()).unwrap();
    let bytes = lake::file::write(&schema, &[batch], lake::file::curated()).unwrap().to_vec();
    let owners = Some((people[0].id.clone(), people[people.len() - 1].id.clone()));
    let key = Snapshot { table: "person", shard, version }.rows_key();
    (DataFile { key, rows: people.len() as u64, bytes: bytes.len() as u64, owners }, bytes)
}

/// Publishes the three days one after the other, as the merge will. `ids_since` is the first day whose files have ids.
fn publish(root: &str, ids_since: usize) -> Written {
    let (old, new) = (contract(false), contract(true));
    let mut written: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let (mut current, mut days_written, mut last) = (None::<Vec<u8>>, Vec::new(), None);
    for (place, shards) in days().into_iter().enumerate() {
        let contract = if place == 2 { &new } else { &old };
        let table = IcebergTable::new(contract, root).unwrap();
        let mut files = Vec::new();
        for (shard, version, people) in shards {
            let (file, bytes) = data_file(contract, shard, version, &people, place >= ids_since);
            // An unchanged shard's file is the one that is there.
            let bytes = written.entry(file.key.clone()).or_insert(bytes);
            files.push(DataFile { bytes: bytes.len() as u64, ..file });
        }
        let date = Day::parse(DATES[place]).unwrap();
        let day = DayFiles { date, files, inserted: 1, updated: 1, deleted: 0 };
        let mut kept = current.as_deref().map(|bytes| IcebergDays::read(bytes).unwrap()).unwrap_or_default();
        let before = kept.before(date).and_then(|before| written.get(before.manifest_key()?));
        let before = before.map(|bytes| Lineage::read(bytes).unwrap());
        let day = table.write_day(&day, before.as_ref()).unwrap();
        kept.put(day.entry.clone());
        let metadata = table.metadata(&kept).unwrap();
        current = Some(metadata.metadata.bytes.clone());
        for file in [&day.manifest, &day.list, &metadata.metadata, &metadata.hint] {
            written.insert(file.key.clone(), file.bytes.clone());
        }
        days_written.push(day);
        last = Some(metadata);
    }
    Written { files: written, days: days_written, metadata: last.unwrap() }
}

fn json_of(metadata: &WrittenMetadata) -> Value {
    serde_json::from_slice(&metadata.metadata.bytes).unwrap()
}

#[test]
fn the_same_days_give_the_same_bytes() {
    let (one, two) = (publish("s3://bucket", 0), publish("s3://bucket/", 0));
    assert_eq!(one.files, two.files);
    assert_ne!(one.days[0].entry.snapshot_id, publish("s3://other", 0).days[0].entry.snapshot_id);
    // Names are content: whoever changes a byte of the format sees it here.
    assert_eq!(one.metadata.hint.key, "curated/person/metadata/version-hint.text");
    let hint = String::from_utf8(one.metadata.hint.bytes).unwrap();
    assert_eq!(one.metadata.metadata.key, format!("curated/person/metadata/{hint}.metadata.json"));
    assert!(hint.starts_with("20516-") && one.files.keys().all(|key| key.starts_with("curated/person/")));
}

#[test]
fn the_metadata_says_what_iceberg_demands() {
    let written = publish("s3://bucket", 0);
    let metadata = json_of(&written.metadata);
    let ids: Vec<_> = written.days.iter().map(|day| day.entry.snapshot_id).collect();
    assert!(ids.iter().all(|id| *id > 0));
    assert_eq!(metadata["format-version"], 2);
    assert_eq!(metadata["location"], "s3://bucket/curated/person");
    assert_eq!(metadata["last-sequence-number"], 20_516);
    assert_eq!(metadata["last-updated-ms"], 20_517 * 86_400_000_i64 - 1);
    assert_eq!(metadata["current-snapshot-id"], ids[2]);
    assert_eq!(metadata["refs"], json!({"main": {"snapshot-id": ids[2], "type": "branch"}}));
    assert_eq!(metadata["schemas"].as_array().unwrap().len(), 2);
    assert_eq!(metadata["current-schema-id"], metadata["schemas"][1]["schema-id"]);
    let snapshots = metadata["snapshots"].as_array().unwrap();
    let parents: Vec<_> = snapshots.iter().map(|snapshot| snapshot["parent-snapshot-id"].as_i64()).collect();
    assert_eq!(parents, [None, Some(ids[0]), Some(ids[1])]);
    let told =
        |key: &str| snapshots.iter().map(|it| it["summary"][key].as_str().unwrap()).collect::<Vec<_>>();
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
    let mut days = IcebergDays::read(&written.metadata.metadata.bytes).unwrap();
    assert_eq!(table.metadata(&days).unwrap(), written.metadata, "what is read is written again");

    let date = Day::parse(DATES[1]).unwrap();
    let other = DayFiles { date, files: Vec::new(), inserted: 0, updated: 0, deleted: 5 };
    let first = Lineage::read(&written.days[0].manifest.bytes).unwrap();
    let replaced = table.write_day(&other, Some(&first)).unwrap();
    assert_eq!(replaced.entry.summary["deleted-records"], "4");
    days.put(replaced.entry.clone());
    let metadata = json_of(&table.metadata(&days).unwrap());
    assert_eq!(metadata["snapshots"].as_array().unwrap().len(), 3);
    assert_eq!(metadata["snapshots"][1]["snapshot-id"], replaced.entry.snapshot_id);
    assert_eq!(metadata["snapshots"][2]["parent-snapshot-id"], replaced.entry.snapshot_id);

    days.put(written.days[1].entry.clone());
    assert_eq!(table.metadata(&days).unwrap(), written.metadata);
    days.keep(|day| day != Day::parse(DATES[0]).unwrap());
    let metadata = json_of(&table.metadata(&days).unwrap());
    assert_eq!(metadata["snapshot-log"].as_array().unwrap().len(), 2);
    assert_eq!(metadata["snapshots"][0]["parent-snapshot-id"], Value::Null);
    days.keep(|_| false);
    assert!(table.metadata(&days).is_err());
}

#[test]
fn foreign_metadata_is_read_as_far_as_it_makes_sense() {
    let schema =
        json!({"schema-id": 0, "fields": [{"id": 1, "name": "pole_id", "required": true, "type": "string"}]});
    let snapshot =
        json!({"snapshot-id": 5, "sequence-number": 20_514, "manifest-list": "s3://b/l.avro", "more": {}});
    let document = json!({"schemas": [schema], "snapshots": [snapshot]});
    let days = IcebergDays::read(document.to_string().as_bytes()).unwrap();
    assert_eq!(days.newest().unwrap().date.to_string(), DATES[0]);
    assert!(IcebergDays::read(b"{}").unwrap().newest().is_none());
    let homeless = json!({"snapshots": [snapshot]}).to_string();
    let why = IcebergDays::read(homeless.as_bytes()).unwrap_err().to_string();
    assert_eq!(why, "Iceberg's metadata has no schema 0, which its snapshot 5 needs");
    assert!(Lineage::read(b"Obj\x01\x00").is_err());
}

#[test]
fn every_shipped_table_has_distinct_field_ids() {
    let contracts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    let file = |entry: std::fs::DirEntry, folder: &str| {
        let name = entry.file_name().into_string().unwrap();
        File::new(format!("{folder}/{name}"), std::fs::read_to_string(entry.path()).unwrap())
    };
    let files: Vec<_> = ["pole", "lists"]
        .iter()
        .flat_map(|folder| {
            let entries = std::fs::read_dir(contracts.join(folder)).unwrap();
            entries.map(|entry| file(entry.unwrap(), folder)).collect::<Vec<_>>()
        })
        .collect();
    let tables = Catalogue::compile(&files).unwrap().tables;
    assert!(tables.len() >= 20);
    for table in &tables {
        IcebergTable::new(table, "s3://bucket").unwrap();
        let refined = schema::refined(table);
        assert!(
            refined.fields().iter().all(|field| field.metadata().is_empty()),
            "increments are not Iceberg's"
        );
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/iceberg_readers.py")
}

/// Whether Python has the reader; a missing one is told, and refused where CI is set.
fn has(reader: &str, install: &str) -> bool {
    let found = Command::new("python3").arg(script()).args([reader, "can"]).output();
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
        .args([reader, metadata.to_str().unwrap(), root.join("curated/person").to_str().unwrap(), &owner])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    (written, serde_json::from_slice(&output.stdout).unwrap())
}

fn snapshot_ids(written: &Written) -> Vec<i64> {
    written.days.iter().map(|day| day.entry.snapshot_id).collect()
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
        assert!(told["found"].as_str().unwrap().ends_with(&written.metadata.metadata.key));
        assert_eq!(told["now"], seen(2, true));
        for (place, date) in DATES.iter().enumerate() {
            assert_eq!(told["days"][date], seen(place, place == 2), "{date}");
            assert_eq!(told["as_of"][date], true, "noon of the day after {date}");
        }
        assert_eq!(told["history"], json!(DATES));
        assert_eq!(told["operations"], json!(["append", "overwrite", "overwrite"]));
        assert_eq!(told["ids"], json!(ids));
        assert_eq!(told["parents"], json!([null, ids[0], ids[1]]));
        assert_eq!(told["total"], json!(["4", "5", "5"]));
        // The file that stayed came on the second day; the new one's predecessor went.
        let statuses = json!([[0, 20_515, ids[1]], [1, 20_516, ids[2]], [2, 20_514, ids[2]]]);
        assert_eq!(told["statuses"], statuses);
        assert_eq!((&told["files_of_owner"], &told["rows_of_owner"]), (&json!(1), &json!(1)));
        assert_eq!(told["required"].as_array().unwrap().len(), 12);
        for (name, kind) in [("event_time", "timestamptz"), ("fee", "decimal(12, 2)"), ("visits", "long")] {
            assert_eq!(told["types"][name], kind);
        }
    }
}

#[test]
fn duckdb_reads_every_day() {
    let install = "pip install duckdb==1.5.5 duckdb-extension-iceberg==1.5.5 duckdb-extension-avro==1.5.5";
    if !has("duckdb", install) {
        return;
    }
    for ids_since in [0, 2] {
        let (written, told) = read_with("duckdb", ids_since);
        assert_eq!(told["now"], seen(2, true));
        assert_eq!(told["now_of_folder"], seen(2, true));
        for (place, date) in DATES.iter().enumerate() {
            assert_eq!(told["days"][date], seen(place, place == 2), "{date}");
            assert_eq!(told["as_of"][date], seen(place, place == 2), "noon of the day after {date}");
        }
        assert_eq!(told["ids"], json!(snapshot_ids(&written)));
        assert_eq!(told["rows_of_owner"], 1);
        assert_eq!(told["types"]["event_time"], "TIMESTAMP WITH TIME ZONE");
        assert_eq!(told["types"]["fee"], "DECIMAL(12,2)");
    }
}

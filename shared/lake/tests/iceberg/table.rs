//! A table of three days, written into memory as the merge will write it.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema, SchemaRef};
use contract::{Catalogue, Cell, ColumnType, DeclaredFile, TableContract};
use lake::iceberg::{
    ColumnCounts, DataFile, DayFiles, FileLineage, IcebergDays, IcebergTable, WrittenDay,
    WrittenMetadata,
};
use lake::{Day, ShardVersion, TableBuilder, schema};
use serde_json::{Value, json};

pub(crate) const DATES: [&str; 3] = ["2026-03-02", "2026-03-03", "2026-03-04"];

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
pub(crate) fn contract(with_added: bool) -> TableContract {
    let provenance = pole::PROVENANCE.iter().map(|column| {
        let kind = match column.kind {
            pole::ProvenanceKind::Text => ["string", "string"],
            pole::ProvenanceKind::Integer => ["integer", "bigint"],
            pole::ProvenanceKind::Timestamp => ["timestamp", "timestamp"],
        };
        (column.name, kind[0], kind[1], column.required)
    });
    let added = with_added.then_some(("added", "string", "string", false));
    let own = OWN
        .into_iter()
        .map(|(name, logical, physical)| (name, logical, physical, false));
    let property = |(name, logical, physical, required): (&str, &str, &str, bool)| {
        json!({
            "name": name, "logicalType": logical, "physicalType": physical, "required": required,
            "primaryKey": name == "pole_id", "classification": "internal",
            "description": format!("Its {name}"),
        })
    };
    let document = json!({
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "pole-person", "name": "person",
        "status": "active",
        "version": if with_added { "1.1.0" } else { "1.0.0" }, "domain": "pole",
        "schema": [{
            "name": "person", "description": "People",
            "properties": provenance.chain(added).chain(own).map(property).collect::<Vec<_>>(),
        }],
        "customProperties": [{"property": "polelake", "value": {"family": "person"}}],
    });
    let file = DeclaredFile::new("pole/person.odcs.yaml", document.to_string());
    Catalogue::compile(&[file])
        .unwrap()
        .tables
        .into_iter()
        .next()
        .unwrap()
}

/// A row: who, and what the day says of them.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) id: String,
    name: String,
    added: Option<&'static str>,
}

/// The ids of a shard begin with its number.
pub(crate) fn people(shard: u32, names: &[&str], added: Option<&'static str>) -> Vec<Person> {
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
        let cells: Vec<_> = table
            .columns
            .iter()
            .map(|column| cell(&column.name, column.kind, person))
            .collect();
        builder.append_row(cells.iter(), pole::RowOperation::Upsert, None);
    }
    let refined = builder.finish_batch().unwrap();
    let columns = refined.columns()[..table.columns.len()].to_vec();
    RecordBatch::try_new(schema::curated_schema(table), columns).unwrap()
}

fn cell<'c>(name: &str, kind: ColumnType, person: &'c Person) -> Cell<'c> {
    match (name, kind) {
        ("pole_id" | "owner_id", _) => Cell::Text(Cow::Borrowed(&person.id)),
        ("full_name", _) => Cell::Text(Cow::Borrowed(&person.name)),
        ("added", _) => person
            .added
            .map_or(Cell::Null, |added| Cell::Text(Cow::Borrowed(added))),
        (_, ColumnType::Text) => Cell::Text(Cow::Borrowed("some")),
        (_, ColumnType::Integer) => Cell::Integer(7),
        (_, ColumnType::Float) => Cell::Float(70.5),
        (_, ColumnType::Boolean) => Cell::Boolean(true),
        (_, ColumnType::Date) => Cell::Date(0),
        (_, ColumnType::Timestamp) => Cell::Timestamp(1_772_409_600_000_001),
        (_, ColumnType::Decimal(..)) => Cell::Decimal(11_840),
    }
}

/// The three days: a shard that stays and one that is replaced on the second; on the third the
/// first one is replaced, with the new column in it.
fn days() -> [[(u32, &'static str, Vec<Person>); 2]; 3] {
    let first = || (0, "a", people(0, &["Ada", "Ben"], None));
    let replaced = || (1, "c", people(1, &["Cyd", "Dora", "Eve"], None));
    [
        [first(), (1, "b", people(1, &["Cy", "Dora"], None))],
        [first(), replaced()],
        [
            (0, "d", people(0, &["Ada", "Ben"], Some("new"))),
            replaced(),
        ],
    ]
}

/// What a reader must see of a day, sorted.
pub(crate) fn seen(day: usize, with_added: bool) -> Value {
    let rows = days()[day]
        .clone()
        .into_iter()
        .flat_map(|(.., people)| people)
        .map(|person| {
            let mut row = vec![
                json!(person.id),
                json!(person.name),
                json!("True"),
                json!("1970-01-01"),
                json!("118.40"),
            ];
            if with_added {
                row.push(json!(person.added));
            }
            Value::Array(row)
        });
    Value::Array(rows.collect())
}

/// Everything that is written of the table: keys and bytes, the metadata of the last day.
pub(crate) struct Written {
    pub(crate) files: BTreeMap<String, Vec<u8>>,
    pub(crate) days: Vec<WrittenDay>,
    pub(crate) metadata: WrittenMetadata,
}

/// Before columns had ids.
fn without_ids(schema: &SchemaRef) -> SchemaRef {
    let fields = schema
        .fields()
        .iter()
        .map(|field| field.as_ref().clone().with_metadata(HashMap::new()));
    Arc::new(Schema::new(fields.collect::<Vec<Field>>()))
}

/// The Parquet file of a shard, and how it is named to Iceberg.
pub(crate) fn data_file(
    table: &TableContract,
    shard: u32,
    version: &str,
    people: &[Person],
    ids: bool,
) -> (DataFile, Vec<u8>) {
    let batch = batch(table, people);
    let schema = if ids {
        batch.schema()
    } else {
        without_ids(&batch.schema())
    };
    let batch = RecordBatch::try_new(Arc::clone(&schema), batch.columns().to_vec()).unwrap();
    let counts = ColumnCounts {
        bytes: 1_000,
        nulls: Some(shard.into()),
    };
    let bytes = lake::file::write_parquet(&schema, &[batch], lake::file::curated_properties())
        .unwrap()
        .to_vec();
    let owners = Some((people[0].id.clone(), people[people.len() - 1].id.clone()));
    let key = ShardVersion {
        table: "person",
        shard,
        version,
    }
    .rows_key();
    (
        DataFile {
            key,
            rows: people.len() as u64,
            bytes: bytes.len() as u64,
            owners,
            columns: BTreeMap::from([(lake::schema::field_id("born"), counts)]),
        },
        bytes,
    )
}

/// Publishes the three days one after the other, as the merge will. `ids_since` is the first day
/// whose files have ids.
pub(crate) fn publish(root: &str, ids_since: usize) -> Written {
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
            files.push(DataFile {
                bytes: bytes.len() as u64,
                ..file
            });
        }
        let date = Day::parse(DATES[place]).unwrap();
        let day = DayFiles {
            date,
            files,
            inserted: 1,
            updated: 1,
            deleted: 0,
        };
        let mut kept = current
            .as_deref()
            .map(|bytes| IcebergDays::from_metadata(bytes).unwrap())
            .unwrap_or_default();
        let before = kept
            .entry_before(date)
            .and_then(|before| written.get(before.manifest_key()?));
        let before = before.map(|bytes| FileLineage::from_manifest(bytes).unwrap());
        let day = table.write_day(&day, before.as_ref()).unwrap();
        kept.put_entry(day.entry.clone());
        let metadata = table.write_metadata(&kept).unwrap();
        current = Some(metadata.metadata.bytes.clone());
        for file in [&day.manifest, &day.list, &metadata.metadata, &metadata.hint] {
            written.insert(file.key.clone(), file.bytes.clone());
        }
        days_written.push(day);
        last = Some(metadata);
    }
    Written {
        files: written,
        days: days_written,
        metadata: last.unwrap(),
    }
}

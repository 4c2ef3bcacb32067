//! A Glue endpoint for one machine: the operations that the catalogue needs, JSON by `X-Amz-Target`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the names of the local platform's databases begin with.
pub const DATABASES: &str = "polelake";

#[derive(Clone, Default, Serialize, Deserialize)]
struct Table {
    input: Value,
    version: u64,
    /// Partitions by their values, joined by a character that no value holds.
    partitions: BTreeMap<String, Value>,
    /// Column statistics by column.
    #[serde(default)]
    statistics: BTreeMap<String, Value>,
}

/// Databases, each with its tables by name.
type Databases = BTreeMap<String, BTreeMap<String, Table>>;

/// The catalogue, kept in one JSON file.
pub struct Glue {
    file: PathBuf,
    databases: Mutex<Databases>,
}

/// Glue's answer to a request that it refuses: exception and message.
type Refusal = (&'static str, String);

impl Glue {
    /// Opens the catalogue in `file`, or begins an empty one.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn open(file: &Path) -> io::Result<Self> {
        let databases = match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            file: file.to_owned(),
            databases: Mutex::new(databases),
        })
    }

    /// Makes the databases, as Terraform does on AWS.
    pub fn make_databases(&self, names: impl IntoIterator<Item = String>) {
        let mut databases = self
            .databases
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for name in names {
            databases.entry(name).or_default();
        }
    }

    fn answer(&self, operation: &str, input: &Value) -> Result<Value, Refusal> {
        let mut databases = self
            .databases
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let answer = match operation {
            "CreateDatabase" => {
                databases
                    .entry(text(&input["DatabaseInput"]["Name"]))
                    .or_default();
                json!({})
            }
            "GetDatabases" => {
                let named: Vec<Value> =
                    databases.keys().map(|name| json!({"Name": name})).collect();
                json!({"DatabaseList": named})
            }
            "GetDatabase" => {
                let name = text(&input["Name"]);
                database(&mut databases, &name)?;
                json!({"Database": {"Name": name}})
            }
            other => of_tables(&mut databases, other, input)?,
        };
        self.save(&databases)
            .map_err(|error| ("InternalServiceException", error.to_string()))?;
        Ok(answer)
    }

    fn save(&self, databases: &Databases) -> io::Result<()> {
        let staged = self.file.with_extension("staged");
        std::fs::write(&staged, serde_json::to_vec(databases)?)?;
        std::fs::rename(staged, &self.file)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn database<'d>(
    databases: &'d mut Databases,
    name: &str,
) -> Result<&'d mut BTreeMap<String, Table>, Refusal> {
    databases.get_mut(name).ok_or_else(|| {
        (
            "EntityNotFoundException",
            format!("Database {name} not found."),
        )
    })
}

/// The operations on one database's tables.
fn of_tables(databases: &mut Databases, operation: &str, input: &Value) -> Result<Value, Refusal> {
    let within = text(&input["DatabaseName"]);
    let tables = database(databases, &within)?;
    let name = text(&input["TableName"]);
    Ok(match operation {
        "GetTables" => {
            let listed = tables
                .iter()
                .map(|(name, table)| described(&within, name, table));
            json!({"TableList": listed.collect::<Vec<_>>()})
        }
        "CreateTable" => create(tables, input)?,
        "UpdateTable" => update(tables, input)?,
        "GetTable" => {
            let name = text(&input["Name"]);
            json!({"Table": described(&within, &name, table(tables, &name)?)})
        }
        "DeleteTable" => {
            tables.remove(&text(&input["Name"]));
            json!({})
        }
        "BatchCreatePartition" => create_partitions(table(tables, &name)?, input),
        "BatchUpdatePartition" => update_partitions(table(tables, &name)?, input),
        "BatchDeletePartition" => delete_partitions(table(tables, &name)?, input),
        "GetPartitions" => {
            let partitions = &table(tables, &name)?.partitions;
            json!({"Partitions": partitions.values().collect::<Vec<_>>()})
        }
        "UpdateColumnStatisticsForTable" => put_statistics(table(tables, &name)?, input),
        "GetColumnStatisticsForTable" => {
            let wanted = input["ColumnNames"].as_array().into_iter().flatten();
            let known = &table(tables, &name)?.statistics;
            let found: Vec<&Value> = wanted
                .filter_map(|column| known.get(&text(column)))
                .collect();
            json!({"ColumnStatisticsList": found, "Errors": []})
        }
        other => {
            return Err((
                "InvalidInputException",
                format!("{other} is not an operation of the local Glue"),
            ));
        }
    })
}

fn put_statistics(table: &mut Table, input: &Value) -> Value {
    for column in input["ColumnStatisticsList"]
        .as_array()
        .into_iter()
        .flatten()
    {
        table
            .statistics
            .insert(text(&column["ColumnName"]), column.clone());
    }
    json!({"Errors": []})
}

fn table<'t>(
    tables: &'t mut BTreeMap<String, Table>,
    name: &str,
) -> Result<&'t mut Table, Refusal> {
    tables.get_mut(name).ok_or_else(|| {
        (
            "EntityNotFoundException",
            format!("Table {name} not found."),
        )
    })
}

fn described(database: &str, name: &str, table: &Table) -> Value {
    let mut described = table.input.clone();
    described["Name"] = json!(name);
    described["DatabaseName"] = json!(database);
    described["VersionId"] = json!(table.version.to_string());
    described
}

fn create(tables: &mut BTreeMap<String, Table>, input: &Value) -> Result<Value, Refusal> {
    let name = text(&input["TableInput"]["Name"]);
    if tables.contains_key(&name) {
        return Err((
            "AlreadyExistsException",
            format!("Table {name} already exists."),
        ));
    }
    tables.insert(
        name,
        Table {
            input: input["TableInput"].clone(),
            ..Table::default()
        },
    );
    Ok(json!({}))
}

fn update(tables: &mut BTreeMap<String, Table>, input: &Value) -> Result<Value, Refusal> {
    let known = table(tables, &text(&input["TableInput"]["Name"]))?;
    let stale = input["VersionId"]
        .as_str()
        .is_some_and(|version| version != known.version.to_string());
    if stale {
        return Err((
            "ConcurrentModificationException",
            "The table was updated by somebody else.".into(),
        ));
    }
    known.input = input["TableInput"].clone();
    known.version += 1;
    Ok(json!({}))
}

fn values_key(values: &Value) -> String {
    let values: Vec<String> = values.as_array().into_iter().flatten().map(text).collect();
    values.join("\u{1f}")
}

fn create_partitions(table: &mut Table, input: &Value) -> Value {
    let mut errors = Vec::new();
    for partition in input["PartitionInputList"].as_array().into_iter().flatten() {
        let key = values_key(&partition["Values"]);
        match table.partitions.entry(key) {
            Entry::Vacant(place) => drop(place.insert(partition.clone())),
            Entry::Occupied(_) => {
                let detail = json!({"ErrorCode": "AlreadyExistsException", "ErrorMessage": "Partition already exists."});
                errors.push(json!({"PartitionValues": partition["Values"], "ErrorDetail": detail}));
            }
        }
    }
    json!({"Errors": errors})
}

fn update_partitions(table: &mut Table, input: &Value) -> Value {
    let mut errors = Vec::new();
    for entry in input["Entries"].as_array().into_iter().flatten() {
        let key = values_key(&entry["PartitionValueList"]);
        match table.partitions.get_mut(&key) {
            Some(known) => *known = entry["PartitionInput"].clone(),
            None => {
                let detail = json!({"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Partition not found."});
                errors
                    .push(json!({"PartitionValueList": entry["PartitionValueList"], "ErrorDetail": detail}));
            }
        }
    }
    json!({"Errors": errors})
}

fn delete_partitions(table: &mut Table, input: &Value) -> Value {
    for partition in input["PartitionsToDelete"].as_array().into_iter().flatten() {
        table.partitions.remove(&values_key(&partition["Values"]));
    }
    json!({"Errors": []})
}

/// The endpoint over this catalogue.
pub fn router(glue: Arc<Glue>) -> Router {
    Router::new().route("/", post(request)).with_state(glue)
}

async fn request(State(glue): State<Arc<Glue>>, headers: HeaderMap, body: String) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let operation = target.strip_prefix("AWSGlue.").unwrap_or_default();
    let input: Value = serde_json::from_str(&body).unwrap_or_default();
    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    match glue.answer(operation, &input) {
        Ok(answer) => (kind, Json(answer).into_response().into_body()).into_response(),
        Err((exception, message)) => {
            let body = json!({"__type": exception, "Message": message}).to_string();
            (StatusCode::BAD_REQUEST, kind, body).into_response()
        }
    }
}

//! A Glue endpoint for one machine: the operations that the catalogue needs, JSON by
//! `X-Amz-Target`.

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

use super::file_error::{damaged_file, name_path};
use super::private_files::replace_private_file;

/// The prefix of the local platform's database names.
pub const LOCAL_DATABASE_PREFIX: &str = "polelake";

/// What brings a lost catalogue back: it is made of snapshots, which S3 holds.
const SHOW_DAYS_AGAIN: &str = "move it away and run the command again; `polelake run-day DATE` \
                               shows a day's snapshots in the catalogue again";

#[derive(Clone, Default, Serialize, Deserialize)]
struct GlueTable {
    input: Value,
    version: u64,
    /// Partitions by their values, joined by a character that no value holds.
    partitions: BTreeMap<String, Value>,
    /// Column statistics by column.
    #[serde(default)]
    statistics: BTreeMap<String, Value>,
}

/// Databases, each with its tables by name.
type GlueDatabases = BTreeMap<String, BTreeMap<String, GlueTable>>;

/// The catalogue, stored in one JSON file.
pub struct LocalGlue {
    file: PathBuf,
    databases: Mutex<GlueDatabases>,
}

/// Glue's answer to a request that it refuses: exception and message.
type GlueException = (&'static str, String);

impl LocalGlue {
    /// Opens the catalogue in `file`, or starts an empty one.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn open(file: &Path) -> io::Result<Self> {
        let databases = match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|error| damaged_file(file, error, SHOW_DAYS_AGAIN))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(name_path(file, &error)),
        };
        Ok(Self {
            file: file.to_owned(),
            databases: Mutex::new(databases),
        })
    }

    /// Creates the databases, as Terraform does on AWS.
    pub fn create_databases(&self, names: impl IntoIterator<Item = String>) {
        let mut databases = self
            .databases
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        for name in names {
            databases.entry(name).or_default();
        }
    }

    fn handle_operation(&self, operation: &str, input: &Value) -> Result<Value, GlueException> {
        let mut databases = self
            .databases
            .lock()
            .unwrap_or_else(PoisonError::into_inner);

        let answer = match operation {
            "CreateDatabase" => {
                let name = text_or_empty(&input["DatabaseInput"]["Name"]);
                databases.entry(name).or_default();
                json!({})
            }
            "GetDatabases" => list_databases(&databases),
            "GetDatabase" => {
                let name = text_or_empty(&input["Name"]);
                find_database(&mut databases, &name)?;
                json!({"Database": {"Name": name}})
            }
            _ => handle_table_operation(&mut databases, operation, input)?,
        };

        // The file holds every table: writing it takes longer than the operation.
        if !is_read(operation) {
            self.save_databases(&databases)
                .map_err(|error| ("InternalServiceException", error.to_string()))?;
        }
        Ok(answer)
    }

    fn save_databases(&self, databases: &GlueDatabases) -> io::Result<()> {
        replace_private_file(&self.file, &serde_json::to_vec(databases)?)
    }
}

/// Whether an operation changes nothing.
fn is_read(operation: &str) -> bool {
    operation.starts_with("Get")
}

fn text_or_empty(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn find_database<'d>(
    databases: &'d mut GlueDatabases,
    name: &str,
) -> Result<&'d mut BTreeMap<String, GlueTable>, GlueException> {
    databases.get_mut(name).ok_or_else(|| {
        (
            "EntityNotFoundException",
            format!("Database {name} not found."),
        )
    })
}

fn list_databases(databases: &GlueDatabases) -> Value {
    let names = databases.keys().map(|name| json!({"Name": name}));
    json!({"DatabaseList": names.collect::<Vec<_>>()})
}

/// The operations on one database's tables.
fn handle_table_operation(
    databases: &mut GlueDatabases,
    operation: &str,
    input: &Value,
) -> Result<Value, GlueException> {
    let database = text_or_empty(&input["DatabaseName"]);
    let tables = find_database(databases, &database)?;
    match operation {
        "GetTables" => {
            let described = tables
                .iter()
                .map(|(name, table)| describe_table(&database, name, table));
            Ok(json!({"TableList": described.collect::<Vec<_>>()}))
        }
        "GetTable" => {
            let name = text_or_empty(&input["Name"]);
            let table = find_table(tables, &name)?;
            Ok(json!({"Table": describe_table(&database, &name, table)}))
        }
        "CreateTable" => create_table(tables, input),
        "UpdateTable" => update_table(tables, input),
        "DeleteTable" => {
            tables.remove(&text_or_empty(&input["Name"]));
            Ok(json!({}))
        }
        _ => {
            let handle = contents_operation(operation)?;
            let table = find_table(tables, &text_or_empty(&input["TableName"]))?;
            Ok(handle(table, input))
        }
    }
}

/// What an operation does with one table's partitions or column statistics.
type ContentsOperation = fn(&mut GlueTable, &Value) -> Value;

fn contents_operation(operation: &str) -> Result<ContentsOperation, GlueException> {
    match operation {
        "BatchCreatePartition" => Ok(create_partitions),
        "BatchUpdatePartition" => Ok(update_partitions),
        "BatchDeletePartition" => Ok(delete_partitions),
        "GetPartitions" => Ok(get_partitions),
        "UpdateColumnStatisticsForTable" => Ok(put_statistics),
        "GetColumnStatisticsForTable" => Ok(get_statistics),
        _ => {
            let message = format!("{operation} is not an operation of the local Glue");
            Err(("InvalidInputException", message))
        }
    }
}

fn get_partitions(table: &mut GlueTable, _input: &Value) -> Value {
    let partitions: Vec<&Value> = table.partitions.values().collect();
    json!({"Partitions": partitions})
}

fn get_statistics(table: &mut GlueTable, input: &Value) -> Value {
    let columns = input["ColumnNames"].as_array().into_iter().flatten();
    let known: Vec<&Value> = columns
        .filter_map(|column| table.statistics.get(&text_or_empty(column)))
        .collect();
    json!({"ColumnStatisticsList": known, "Errors": []})
}

fn put_statistics(table: &mut GlueTable, input: &Value) -> Value {
    for column in input["ColumnStatisticsList"]
        .as_array()
        .into_iter()
        .flatten()
    {
        table
            .statistics
            .insert(text_or_empty(&column["ColumnName"]), column.clone());
    }
    json!({"Errors": []})
}

fn find_table<'t>(
    tables: &'t mut BTreeMap<String, GlueTable>,
    name: &str,
) -> Result<&'t mut GlueTable, GlueException> {
    tables.get_mut(name).ok_or_else(|| {
        (
            "EntityNotFoundException",
            format!("Table {name} not found."),
        )
    })
}

fn describe_table(database: &str, name: &str, table: &GlueTable) -> Value {
    let mut described = table.input.clone();
    described["Name"] = json!(name);
    described["DatabaseName"] = json!(database);
    described["VersionId"] = json!(table.version.to_string());
    described
}

fn create_table(
    tables: &mut BTreeMap<String, GlueTable>,
    input: &Value,
) -> Result<Value, GlueException> {
    let name = text_or_empty(&input["TableInput"]["Name"]);
    if tables.contains_key(&name) {
        return Err((
            "AlreadyExistsException",
            format!("Table {name} already exists."),
        ));
    }

    let table = GlueTable {
        input: input["TableInput"].clone(),
        ..GlueTable::default()
    };
    tables.insert(name, table);
    Ok(json!({}))
}

fn update_table(
    tables: &mut BTreeMap<String, GlueTable>,
    input: &Value,
) -> Result<Value, GlueException> {
    let known = find_table(tables, &text_or_empty(&input["TableInput"]["Name"]))?;
    let expected_version = input["VersionId"].as_str();
    if expected_version.is_some_and(|version| version != known.version.to_string()) {
        return Err((
            "ConcurrentModificationException",
            "The table was updated by another request.".into(),
        ));
    }

    known.input = input["TableInput"].clone();
    known.version += 1;
    Ok(json!({}))
}

fn partition_key(values: &Value) -> String {
    let values: Vec<String> = values
        .as_array()
        .into_iter()
        .flatten()
        .map(text_or_empty)
        .collect();
    values.join("\u{1f}")
}

fn create_partitions(table: &mut GlueTable, input: &Value) -> Value {
    let mut errors = Vec::new();
    for partition in input["PartitionInputList"].as_array().into_iter().flatten() {
        let key = partition_key(&partition["Values"]);
        match table.partitions.entry(key) {
            Entry::Vacant(entry) => drop(entry.insert(partition.clone())),
            Entry::Occupied(_) => {
                let detail = json!({
                    "ErrorCode": "AlreadyExistsException",
                    "ErrorMessage": "Partition already exists."
                });
                errors.push(json!({"PartitionValues": partition["Values"], "ErrorDetail": detail}));
            }
        }
    }
    json!({"Errors": errors})
}

fn update_partitions(table: &mut GlueTable, input: &Value) -> Value {
    let mut errors = Vec::new();
    for entry in input["Entries"].as_array().into_iter().flatten() {
        let key = partition_key(&entry["PartitionValueList"]);
        match table.partitions.get_mut(&key) {
            Some(known) => *known = entry["PartitionInput"].clone(),
            None => {
                let detail = json!({
                    "ErrorCode": "EntityNotFoundException", "ErrorMessage": "Partition not found."
                });
                errors.push(json!({
                    "PartitionValueList": entry["PartitionValueList"], "ErrorDetail": detail
                }));
            }
        }
    }
    json!({"Errors": errors})
}

fn delete_partitions(table: &mut GlueTable, input: &Value) -> Value {
    for partition in input["PartitionsToDelete"].as_array().into_iter().flatten() {
        table
            .partitions
            .remove(&partition_key(&partition["Values"]));
    }
    json!({"Errors": []})
}

/// The endpoint over this catalogue.
pub fn endpoint_router(glue: Arc<LocalGlue>) -> Router {
    Router::new()
        .route("/", post(handle_request))
        .with_state(glue)
}

async fn handle_request(
    State(glue): State<Arc<LocalGlue>>,
    headers: HeaderMap,
    body: String,
) -> Response {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok())
        .unwrap_or_default();
    let operation = target.strip_prefix("AWSGlue.").unwrap_or_default();
    let input: Value = serde_json::from_str(&body).unwrap_or_default();
    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    match glue.handle_operation(operation, &input) {
        Ok(answer) => (kind, Json(answer).into_response().into_body()).into_response(),
        Err((exception, message)) => {
            let body = json!({"__type": exception, "Message": message}).to_string();
            (StatusCode::BAD_REQUEST, kind, body).into_response()
        }
    }
}

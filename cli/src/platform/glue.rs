//! A Glue endpoint for one machine: the dozen operations that the catalogue needs, JSON by `X-Amz-Target`.

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

/// The local platform's only database.
pub const DATABASE: &str = "polelake";

#[derive(Clone, Default, Serialize, Deserialize)]
struct Table {
    input: Value,
    version: u64,
    /// Partitions by their values, joined by a character that no value holds.
    partitions: BTreeMap<String, Value>,
}

/// The catalogue, kept in one JSON file.
pub struct Glue {
    file: PathBuf,
    tables: Mutex<BTreeMap<String, Table>>,
}

/// Glue's answer to a request that it refuses: exception and message.
type Refusal = (&'static str, String);

impl Glue {
    /// Opens the catalogue in `file`, or begins an empty one.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn open(file: &Path) -> io::Result<Self> {
        let tables = match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error),
        };
        Ok(Self { file: file.to_owned(), tables: Mutex::new(tables) })
    }

    fn answer(&self, operation: &str, input: &Value) -> Result<Value, Refusal> {
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = match operation {
            "GetDatabase" => json!({"Database": {"Name": DATABASE}}),
            "GetTables" => {
                json!({"TableList": tables.iter().map(|(name, table)| described(name, table)).collect::<Vec<_>>()})
            }
            "CreateTable" => create(&mut tables, input)?,
            "UpdateTable" => update(&mut tables, input)?,
            "GetTable" => {
                let name = text(&input["Name"]);
                json!({"Table": described(&name, table(&mut tables, &name)?)})
            }
            "DeleteTable" => {
                tables.remove(&text(&input["Name"]));
                json!({})
            }
            "BatchCreatePartition" => {
                create_partitions(table(&mut tables, &text(&input["TableName"]))?, input)
            }
            "BatchUpdatePartition" => {
                update_partitions(table(&mut tables, &text(&input["TableName"]))?, input)
            }
            "BatchDeletePartition" => {
                delete_partitions(table(&mut tables, &text(&input["TableName"]))?, input)
            }
            "GetPartitions" => {
                let partitions = &table(&mut tables, &text(&input["TableName"]))?.partitions;
                json!({"Partitions": partitions.values().collect::<Vec<_>>()})
            }
            other => {
                return Err((
                    "InvalidInputException",
                    format!("{other} is not an operation of the local Glue"),
                ));
            }
        };
        self.save(&tables).map_err(|error| ("InternalServiceException", error.to_string()))?;
        Ok(answer)
    }

    fn save(&self, tables: &BTreeMap<String, Table>) -> io::Result<()> {
        let staged = self.file.with_extension("staged");
        std::fs::write(&staged, serde_json::to_vec(tables)?)?;
        std::fs::rename(staged, &self.file)
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn table<'t>(tables: &'t mut BTreeMap<String, Table>, name: &str) -> Result<&'t mut Table, Refusal> {
    tables.get_mut(name).ok_or_else(|| ("EntityNotFoundException", format!("Table {name} not found.")))
}

fn described(name: &str, table: &Table) -> Value {
    let mut described = table.input.clone();
    described["Name"] = json!(name);
    described["DatabaseName"] = json!(DATABASE);
    described["VersionId"] = json!(table.version.to_string());
    described
}

fn create(tables: &mut BTreeMap<String, Table>, input: &Value) -> Result<Value, Refusal> {
    let name = text(&input["TableInput"]["Name"]);
    if tables.contains_key(&name) {
        return Err(("AlreadyExistsException", format!("Table {name} already exists.")));
    }
    tables.insert(name, Table { input: input["TableInput"].clone(), ..Table::default() });
    Ok(json!({}))
}

fn update(tables: &mut BTreeMap<String, Table>, input: &Value) -> Result<Value, Refusal> {
    let known = table(tables, &text(&input["TableInput"]["Name"]))?;
    let stale = input["VersionId"].as_str().is_some_and(|version| version != known.version.to_string());
    if stale {
        return Err(("ConcurrentModificationException", "The table was updated by somebody else.".into()));
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
                let detail =
                    json!({"ErrorCode": "EntityNotFoundException", "ErrorMessage": "Partition not found."});
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
    let target = headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
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

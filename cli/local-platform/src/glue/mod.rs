//! A Glue Data Catalog for one machine, over Glue's JSON protocol.
//!
//! Engines read it: Trino, Spark and `PyIceberg` ask for pages, single partitions and filters, and
//! refuse an answer that lacks a member which AWS always gives. What is not here is refused by
//! name, because an empty answer would look like an empty lake.

mod columns;
mod databases;
mod file;
mod partition_filter;
mod partitions;
mod request;
mod tables;
#[cfg(test)]
mod tests;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};

use super::header_text::{TARGET_HEADER, header_text};
use file::{GlueDatabase, GlueDatabases};
use request::{GlueException, GlueRequest, unknown_operation};

/// The prefix of the local platform's database names.
pub const LOCAL_DATABASE_PREFIX: &str = "polelake";

/// The account of the local platform. A catalogue's id is that of its account.
const CATALOGUE_ID: &str = "000000000000";

/// The catalogue, stored in one JSON file.
pub struct LocalGlue {
    file: PathBuf,
    catalogue: Mutex<LoadedCatalogue>,
}

/// The catalogue in memory.
struct LoadedCatalogue {
    databases: GlueDatabases,
    /// Whether the file lacks what memory has.
    is_unsaved: bool,
}

impl LocalGlue {
    /// Opens the catalogue in `file`, or starts an empty one.
    ///
    /// # Errors
    /// When the file is damaged.
    pub fn open(file: &Path) -> io::Result<Self> {
        Ok(Self {
            file: file.to_owned(),
            catalogue: Mutex::new(LoadedCatalogue {
                databases: file::read_databases(file)?,
                is_unsaved: false,
            }),
        })
    }

    /// Creates the databases, as Terraform does on AWS.
    pub fn create_databases(&self, names: impl IntoIterator<Item = String>) {
        let mut catalogue = self.lock_catalogue();
        for name in names {
            let database = GlueDatabase::of(json!({"Name": name}));
            catalogue.databases.entry(name).or_insert(database);
        }
    }

    fn answer_request(&self, operation: &str, input: &Value) -> Result<Value, GlueException> {
        let mut catalogue = self.lock_catalogue();
        let answer = answer_operation(&mut catalogue.databases, operation, GlueRequest(input))?;

        if is_read(operation) {
            return Ok(answer);
        }

        // The file holds every table: writing it takes longer than the operation. Statistics come
        // for each partition of a day, and a planner can do without them: the next write, or the
        // end of the platform, saves them.
        catalogue.is_unsaved = true;
        if !columns::is_operation(operation) {
            self.save_catalogue(&mut catalogue)
                .map_err(|error| GlueException("InternalServiceException", error.to_string()))?;
        }
        Ok(answer)
    }

    fn lock_catalogue(&self) -> MutexGuard<'_, LoadedCatalogue> {
        self.catalogue
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn save_catalogue(&self, catalogue: &mut LoadedCatalogue) -> io::Result<()> {
        file::write_databases(&self.file, &catalogue.databases)?;
        catalogue.is_unsaved = false;
        Ok(())
    }
}

impl Drop for LocalGlue {
    fn drop(&mut self) {
        let mut catalogue = self.lock_catalogue();
        if catalogue.is_unsaved
            && let Err(error) = self.save_catalogue(&mut catalogue)
        {
            tracing::warn!(%error, "column statistics of the local Glue were not saved");
        }
    }
}

/// Whether an operation changes nothing.
fn is_read(operation: &str) -> bool {
    operation.starts_with("Get") || operation.starts_with("BatchGet")
}

fn answer_operation(
    databases: &mut GlueDatabases,
    operation: &str,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    if let Some(answer) = databases::answer_operation(databases, operation, request) {
        return answer;
    }
    // No program can make a function here, so there is none. Trino asks before each query.
    if operation == "GetUserDefinedFunctions" {
        return Ok(json!({"UserDefinedFunctions": []}));
    }

    let handled = tables::is_operation(operation)
        || partitions::is_operation(operation)
        || columns::is_operation(operation);
    if !handled {
        return Err(unknown_operation(operation));
    }

    let name = request.name_of("DatabaseName")?;
    let database = databases::find_database(databases, &name)?;
    if tables::is_operation(operation) {
        return tables::answer_operation(&name, database, operation, request);
    }

    let table_name = request.name_of("TableName")?;
    let table = tables::find_table(database, &table_name)?;
    if partitions::is_operation(operation) {
        let owner = partitions::PartitionOwner {
            database: &name,
            table: &table_name,
        };
        partitions::answer_operation(owner, table, operation, request)
    } else {
        columns::answer_operation(table, operation, request)
    }
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
    let target = header_text(&headers, TARGET_HEADER);
    let operation = target.strip_prefix("AWSGlue.").unwrap_or_default();

    let answer = match serde_json::from_str::<Value>(&body) {
        Ok(input) => glue.answer_request(operation, &input),
        Err(error) => Err(GlueException("SerializationException", error.to_string())),
    };

    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
    match answer {
        Ok(answer) => (kind, Json(answer).into_response().into_body()).into_response(),
        Err(GlueException(exception, message)) => {
            let body = json!({"__type": exception, "Message": message}).to_string();
            (StatusCode::BAD_REQUEST, kind, body).into_response()
        }
    }
}

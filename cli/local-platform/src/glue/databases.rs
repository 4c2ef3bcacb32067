//! Glue's operations on databases.

use std::collections::btree_map::Entry;

use serde_json::{Value, json};

use super::CATALOGUE_ID;
use super::file::{GlueDatabase, GlueDatabases};
use super::request::{GlueException, GlueRequest, already_exists, invalid_input, not_found};

/// Glue gives no more databases in one answer.
const PAGE_MAX: usize = 100;

/// Answers an operation on databases; none when the operation is about something else.
pub(super) fn answer_operation(
    databases: &mut GlueDatabases,
    operation: &str,
    request: GlueRequest<'_>,
) -> Option<Result<Value, GlueException>> {
    let answer = match operation {
        "CreateDatabase" => create_database(databases, request),
        "GetDatabase" => get_database(databases, request),
        "GetDatabases" => list_databases(databases, request),
        "UpdateDatabase" => update_database(databases, request),
        "DeleteDatabase" => delete_database(databases, request),
        _ => return None,
    };
    Some(answer)
}

/// The database of this name.
pub(super) fn find_database<'d>(
    databases: &'d mut GlueDatabases,
    name: &str,
) -> Result<&'d mut GlueDatabase, GlueException> {
    databases
        .get_mut(name)
        .ok_or_else(|| not_found(format!("Database {name} not found.")))
}

fn create_database(
    databases: &mut GlueDatabases,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let input = request.input_of("DatabaseInput")?;
    let name = GlueRequest(input).name_of("Name")?;
    match databases.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(GlueDatabase::of(input.clone()));
            Ok(json!({}))
        }
        Entry::Occupied(_) => Err(already_exists("Database already exists.".to_owned())),
    }
}

fn get_database(
    databases: &mut GlueDatabases,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let name = request.name_of("Name")?;
    let database = find_database(databases, &name)?;
    Ok(json!({"Database": describe_database(&name, database)}))
}

fn list_databases(
    databases: &GlueDatabases,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let page = request.page_of(databases, PAGE_MAX, |_, _| true)?;
    Ok(page.answer("DatabaseList", describe_database))
}

fn update_database(
    databases: &mut GlueDatabases,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let database = find_database(databases, &request.name_of("Name")?)?;
    database.input = request.input_of("DatabaseInput")?.clone();
    Ok(json!({}))
}

/// AWS deletes the tables of a database with it, in its own time. The local Glue refuses to delete
/// a database that has tables, so that no lake is lost by one request.
fn delete_database(
    databases: &mut GlueDatabases,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let name = request.name_of("Name")?;
    let database = find_database(databases, &name)?;
    if !database.tables.is_empty() {
        let count = database.tables.len();
        return Err(invalid_input(format!(
            "Database {name} has {count} tables. The local Glue deletes empty databases only."
        )));
    }
    databases.remove(&name);
    Ok(json!({}))
}

fn describe_database(name: &str, database: &GlueDatabase) -> Value {
    let mut described = database.input.clone();
    described["Name"] = json!(name);
    described["CatalogId"] = json!(CATALOGUE_ID);
    described["CreateTime"] = json!(database.created);
    described
}

//! Glue's operations on tables.

use std::collections::btree_map::Entry;

use regex::Regex;
use serde_json::{Value, json};

use super::CATALOGUE_ID;
use super::file::{GlueDatabase, GlueTable, seconds_now};
use super::request::{
    GlueException, GlueRequest, already_exists, invalid_input, not_found, unknown_operation,
};

/// Glue gives no more tables in one answer, and deletes no more in one request.
const BATCH_MAX: usize = 100;

const OPERATIONS: [&str; 6] = [
    "CreateTable",
    "GetTable",
    "GetTables",
    "UpdateTable",
    "DeleteTable",
    "BatchDeleteTable",
];

/// Whether an operation is one on the tables of a database.
pub(super) fn is_operation(operation: &str) -> bool {
    OPERATIONS.contains(&operation)
}

/// Answers an operation on the tables of `database`.
pub(super) fn answer_operation(
    database_name: &str,
    database: &mut GlueDatabase,
    operation: &str,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    match operation {
        "CreateTable" => create_table(database, request),
        "GetTable" => get_table(database_name, database, request),
        "GetTables" => list_tables(database_name, database, request),
        "UpdateTable" => update_table(database, request),
        "DeleteTable" => delete_table(database, &request.name_of("Name")?).map(|()| json!({})),
        "BatchDeleteTable" => delete_tables(database, request),
        _ => Err(unknown_operation(operation)),
    }
}

/// The table of this name.
pub(super) fn find_table<'d>(
    database: &'d mut GlueDatabase,
    name: &str,
) -> Result<&'d mut GlueTable, GlueException> {
    database
        .tables
        .get_mut(name)
        .ok_or_else(|| not_found(format!("Table {name} not found.")))
}

fn create_table(
    database: &mut GlueDatabase,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let input = request.input_of("TableInput")?;
    let name = GlueRequest(input).name_of("Name")?;
    let now = seconds_now();
    match database.tables.entry(name) {
        Entry::Vacant(entry) => {
            entry.insert(GlueTable {
                input: input.clone(),
                created: now,
                updated: now,
                ..GlueTable::default()
            });
            Ok(json!({}))
        }
        Entry::Occupied(_) => Err(already_exists("Table already exists.".to_owned())),
    }
}

fn get_table(
    database_name: &str,
    database: &mut GlueDatabase,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let name = request.name_of("Name")?;
    let table = find_table(database, &name)?;
    Ok(json!({"Table": describe_table(database_name, &name, table)}))
}

/// The tables whose names match the request's pattern, all of each name.
fn list_tables(
    database_name: &str,
    database: &GlueDatabase,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let pattern = request.text_of("Expression").unwrap_or(".*");
    let pattern = Regex::new(&format!("^(?:{pattern})$"))
        .map_err(|error| invalid_input(format!("Expression is no pattern: {error}")))?;

    let page = request.page_of(&database.tables, BATCH_MAX, |name, _| {
        pattern.is_match(name)
    })?;
    Ok(page.answer("TableList", |name, table| {
        describe_table(database_name, name, table)
    }))
}

fn update_table(
    database: &mut GlueDatabase,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let input = request.input_of("TableInput")?;
    let table = find_table(database, &GlueRequest(input).name_of("Name")?)?;
    let expected = request.text_of("VersionId");
    if expected.is_some_and(|version| version != table.version.to_string()) {
        return Err(GlueException(
            "ConcurrentModificationException",
            "The table was updated by another request.".to_owned(),
        ));
    }

    table.input = input.clone();
    table.version += 1;
    table.updated = seconds_now();
    Ok(json!({}))
}

fn delete_table(database: &mut GlueDatabase, name: &str) -> Result<(), GlueException> {
    find_table(database, name)?;
    database.tables.remove(name);
    Ok(())
}

fn delete_tables(
    database: &mut GlueDatabase,
    request: GlueRequest<'_>,
) -> Result<Value, GlueException> {
    let mut errors = Vec::new();
    for name in request.list_of("TablesToDelete", BATCH_MAX)? {
        let folded = name.as_str().unwrap_or_default().to_lowercase();
        if let Err(exception) = delete_table(database, &folded) {
            errors.push(exception.of_entry("TableName", name));
        }
    }
    Ok(json!({"Errors": errors}))
}

fn describe_table(database_name: &str, name: &str, table: &GlueTable) -> Value {
    let mut described = table.input.clone();
    described["Name"] = json!(name);
    described["DatabaseName"] = json!(database_name);
    described["CatalogId"] = json!(CATALOGUE_ID);
    described["CreateTime"] = json!(table.created);
    described["UpdateTime"] = json!(table.updated);
    described["VersionId"] = json!(table.version.to_string());
    described["IsRegisteredWithLakeFormation"] = json!(false);
    described
}

//! The Manchester data set: CSV files of nodes and relationships, each row an event.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::CliError;
use crate::named_file::unreadable_file;

/// A row as an object of texts, by column.
type CsvRow = Map<String, Value>;

/// Every row of every file as an event: nodes first, so that links find their ends.
pub(crate) fn read_manchester_events(folder: &Path) -> Result<Vec<Vec<u8>>, CliError> {
    let node_files = list_files(folder, "nodes.")?;
    if node_files.is_empty() {
        let why = format!(
            "{} holds no nodes.*.csv; --data names the folder of the Manchester POLE data set",
            folder.display()
        );
        return Err(why.into());
    }

    let mut events = Vec::new();
    let mut labels = HashMap::new();
    for file in node_files {
        for row in read_csv_rows(&file)? {
            events.push(node_event(row, &mut labels));
        }
    }
    for file in list_files(folder, "relationships.")? {
        for row in read_csv_rows(&file)? {
            events.push(relationship_event(row, &labels));
        }
    }
    Ok(events)
}

/// The files of a folder whose names begin with `prefix`, in their order.
fn list_files(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>, CliError> {
    let listed = std::fs::read_dir(folder).map_err(|error| unreadable_file(folder, &error))?;
    let mut files = Vec::new();
    for entry in listed.flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// The event of a node; notes its label for the relationships.
fn node_event(mut row: CsvRow, labels: &mut HashMap<String, String>) -> Vec<u8> {
    let label = take_field(&mut row, ":LABEL");
    let id = text_field(&row, ":ID");
    row.insert("key".into(), format!("{label}:{id}").into());
    row.insert("label".into(), label.clone().into());
    labels.insert(id, label);

    Value::Object(row).to_string().into_bytes()
}

fn relationship_event(mut row: CsvRow, labels: &HashMap<String, String>) -> Vec<u8> {
    let label = take_field(&mut row, ":TYPE");
    let from = text_field(&row, ":START_ID");
    let to = text_field(&row, ":END_ID");
    let start_label = labels.get(&from).cloned().unwrap_or_default();
    row.insert("key".into(), format!("{from}-{label}-{to}").into());
    row.insert("label".into(), label.into());
    row.insert("start_label".into(), start_label.into());

    Value::Object(row).to_string().into_bytes()
}

/// The rows of a file. The column `latitude:double` is called `latitude`.
fn read_csv_rows(file: &Path) -> Result<Vec<CsvRow>, CliError> {
    let mut reader = csv::Reader::from_path(file)?;
    let names: Vec<String> = reader.headers()?.iter().map(column_name).collect();

    let mut rows = Vec::new();
    for (index, record) in reader.records().enumerate() {
        let line = index + 2;
        let record = record.map_err(|error| format!("{} row {line}: {error}", file.display()))?;
        let values = record.iter().map(Value::from);
        rows.push(names.iter().cloned().zip(values).collect());
    }
    Ok(rows)
}

/// A column's name without its type; names such as `:ID` are all type, and stay.
fn column_name(header: &str) -> String {
    match header.rsplit_once(':') {
        Some((name, _)) if !name.is_empty() => name.to_owned(),
        _ => header.to_owned(),
    }
}

fn text_field(row: &CsvRow, name: &str) -> String {
    let value = row.get(name).and_then(Value::as_str);
    value.unwrap_or_default().to_owned()
}

fn take_field(row: &mut CsvRow, name: &str) -> String {
    let value = text_field(row, name);
    row.remove(name);
    value
}

//! The Manchester data set: CSV files of nodes and relations, each row an event.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::CliError;

/// Every row of every file as an event: nodes first, so that links find their ends.
pub(crate) fn read_manchester_events(folder: &Path) -> Result<Vec<Vec<u8>>, CliError> {
    let files = |prefix: &str| -> Result<Vec<PathBuf>, CliError> {
        let listed =
            std::fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let named = |path: &PathBuf| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
        };
        let mut files: Vec<PathBuf> = listed
            .flatten()
            .map(|entry| entry.path())
            .filter(named)
            .collect();
        files.sort();
        Ok(files)
    };
    let nodes = files("nodes.")?;
    if nodes.is_empty() {
        return Err(format!("{} holds no nodes.*.csv", folder.display()).into());
    }
    let (mut events, mut labels) = (Vec::new(), HashMap::new());
    for file in nodes {
        for mut row in read_csv_rows(&file)? {
            let (label, id) = (take_field(&mut row, ":LABEL"), text_field(&row, ":ID"));
            labels.insert(id.clone(), label.clone());
            row.insert("key".into(), format!("{label}:{id}").into());
            row.insert("label".into(), label.into());
            events.push(Value::Object(row).to_string().into_bytes());
        }
    }
    for file in files("relationships.")? {
        for mut row in read_csv_rows(&file)? {
            let (label, from, to) = (
                take_field(&mut row, ":TYPE"),
                text_field(&row, ":START_ID"),
                text_field(&row, ":END_ID"),
            );
            row.insert("key".into(), format!("{from}-{label}-{to}").into());
            row.insert("label".into(), label.into());
            row.insert(
                "start_label".into(),
                labels.get(&from).cloned().unwrap_or_default().into(),
            );
            events.push(Value::Object(row).to_string().into_bytes());
        }
    }
    Ok(events)
}

/// The rows of a file as objects of texts. `latitude:double` is called `latitude`.
fn read_csv_rows(file: &Path) -> Result<Vec<Map<String, Value>>, CliError> {
    let mut reader = csv::Reader::from_path(file)?;
    let names: Vec<String> = reader
        .headers()?
        .iter()
        .map(|name| {
            name.rsplit_once(':')
                .filter(|(plain, _)| !plain.is_empty())
                .map_or(name, |(plain, _)| plain)
                .to_owned()
        })
        .collect();
    let mut rows = Vec::new();
    for (number, record) in reader.records().enumerate() {
        let record =
            record.map_err(|error| format!("{} row {}: {error}", file.display(), number + 2))?;
        rows.push(
            names
                .iter()
                .cloned()
                .zip(record.iter().map(Value::from))
                .collect(),
        );
    }
    Ok(rows)
}

fn text_field(row: &Map<String, Value>, name: &str) -> String {
    row.get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn take_field(row: &mut Map<String, Value>, name: &str) -> String {
    let value = text_field(row, name);
    row.remove(name);
    value
}

//! The Manchester data set: CSV files of nodes and relations, each row an event.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::Failed;

/// Every row of every file as an event: nodes first, so that links find their ends.
pub(crate) fn events(folder: &Path) -> Result<Vec<Vec<u8>>, Failed> {
    let files = |prefix: &str| -> Result<Vec<PathBuf>, Failed> {
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
        for mut row in rows(&file)? {
            let (label, id) = (taken(&mut row, ":LABEL"), text(&row, ":ID"));
            labels.insert(id.clone(), label.clone());
            row.insert("key".into(), format!("{label}:{id}").into());
            row.insert("label".into(), label.into());
            events.push(Value::Object(row).to_string().into_bytes());
        }
    }
    for file in files("relationships.")? {
        for mut row in rows(&file)? {
            let (label, from, to) = (
                taken(&mut row, ":TYPE"),
                text(&row, ":START_ID"),
                text(&row, ":END_ID"),
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
fn rows(file: &Path) -> Result<Vec<Map<String, Value>>, Failed> {
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

fn text(row: &Map<String, Value>, name: &str) -> String {
    row.get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn taken(row: &mut Map<String, Value>, name: &str) -> String {
    let value = text(row, name);
    row.remove(name);
    value
}

//! The many-tables scenario: a small council's tables, each filled by a source of its own.

use contract::{Catalogue, DeclaredFile};

use crate::contracts::compile_declared;
use polelake::error::CliError;

/// The table that all tables are copies of: its name, and the id of its contract.
const TEMPLATE_TABLE: (&str, &str) = ("object_vehicle", "object-vehicle");

/// The source that all sources are copies of.
const TEMPLATE_SOURCE: &str = "planning-register";

/// The name of a table.
pub(super) fn table_name(number: u32) -> String {
    format!("council_{number:02}")
}

/// Rows of a table: from some hundreds to a hundred thousand, most tables small.
pub(super) fn row_count(number: u32, tables: u32) -> u64 {
    let step = f64::from(number) / f64::from(tables.saturating_sub(1).max(1));
    (300.0 * (100_000.0_f64 / 300.0).powf(step)).round() as u64
}

/// The contracts of so many tables, compiled: copies of one table and of one source.
pub(super) fn compile_catalogue(contracts: &str, tables: u32) -> Result<Catalogue, CliError> {
    let shipped = host::read_contract_files(contracts)?;
    let table_text = find_text(&shipped, "pole/object_vehicle.odcs.yaml")?;
    let source_text = find_text(&shipped, "sources/planning/register/contract.odcs.yaml")?;

    let mut files: Vec<DeclaredFile> = shipped
        .iter()
        .filter(|file| file.path.starts_with("lists/"))
        .cloned()
        .collect();
    for number in 0..tables {
        files.extend(table_files(number, table_text, source_text));
    }
    compile_declared(&files)
}

fn find_text<'f>(files: &'f [DeclaredFile], path: &str) -> Result<&'f str, CliError> {
    let file = files.iter().find(|file| file.path == path);
    let file = file.ok_or_else(|| format!("the contracts have no {path}"))?;
    Ok(file.text())
}

/// A table's contract, its source's contract, and the mapping between them.
fn table_files(number: u32, table_text: &str, source_text: &str) -> [DeclaredFile; 3] {
    let table = table_name(number);
    let source = format!("council-{number:02}");
    let folder = format!("sources/council/{source}");

    let table_contract = table_text
        .replace(TEMPLATE_TABLE.0, &table)
        .replace(TEMPLATE_TABLE.1, &format!("pole-{source}"));
    let source_contract = source_text.replace(TEMPLATE_SOURCE, &source);
    let mapping = format!(
        "source: {source}\n\
         version: 1.0.0\n\
         records:\n  \
         - name: vehicle\n    \
         table: {table}\n    \
         id: {{namespace: {source}, key: [$.id]}}\n    \
         columns:\n      \
         vrm: $.reference\n"
    );
    [
        DeclaredFile::new(format!("pole/{table}.odcs.yaml"), table_contract),
        DeclaredFile::new(format!("{folder}/contract.odcs.yaml"), source_contract),
        DeclaredFile::new(format!("{folder}/mapping.yaml"), mapping),
    ]
}

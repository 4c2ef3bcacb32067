//! A small council: many small tables, each filled by a source of its own.

use contract::{Catalogue, DeclaredFile};

use polelake::error::CliError;

/// The table and the source that all of them are made after.
const TEMPLATE_TABLE: (&str, &str) = ("object_vehicle", "object-vehicle");
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

/// The contracts of so many tables, compiled.
pub(super) fn compile_catalogue(contracts: &str, tables: u32) -> Result<Catalogue, CliError> {
    let shipped = host::read_contract_files(contracts)?;
    let of = |path: &str| {
        let found = shipped.iter().find(|file| file.path == path);
        found
            .map(|file| file.text().to_owned())
            .ok_or_else(|| format!("{contracts} has no {path}"))
    };
    let table_text = of("pole/object_vehicle.odcs.yaml")?;
    let source_text = of("sources/planning/register/contract.odcs.yaml")?;
    let mut files: Vec<DeclaredFile> = shipped
        .iter()
        .filter(|file| file.path.starts_with("lists/"))
        .cloned()
        .collect();
    for number in 0..tables {
        let (name, source) = (table_name(number), format!("council-{number:02}"));
        let text = table_text
            .replace(TEMPLATE_TABLE.0, &name)
            .replace(TEMPLATE_TABLE.1, &source.replace("council", "pole-council"));
        files.push(DeclaredFile::new(format!("pole/{name}.odcs.yaml"), text));
        let folder = format!("sources/council/{source}");
        files.push(DeclaredFile::new(
            format!("{folder}/contract.odcs.yaml"),
            source_text.replace(TEMPLATE_SOURCE, &source),
        ));
        let mapping = format!(
            "source: {source}\nversion: 1.0.0\nrecords:\n  - name: vehicle\n    table: {name}\n    id: {{namespace: {source}, key: [$.id]}}\n    columns:\n      vrm: $.reference\n"
        );
        files.push(DeclaredFile::new(format!("{folder}/mapping.yaml"), mapping));
    }
    Catalogue::compile(&files).map_err(|problems| {
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
            .into()
    })
}

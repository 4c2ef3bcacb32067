//! A small council: many small tables, each filled by a source of its own.

use contract::{Catalogue, File};

use polelake::error::Failed;

/// The table and the source that all of them are made after.
const TABLE: (&str, &str) = ("object_vehicle", "object-vehicle");
const SOURCE: &str = "planning-register";

/// The name of a table.
pub(super) fn table(number: u32) -> String {
    format!("council_{number:02}")
}

/// Rows of a table: from some hundreds to a hundred thousand, most tables small.
pub(super) fn rows(number: u32, tables: u32) -> u64 {
    let step = f64::from(number) / f64::from(tables.saturating_sub(1).max(1));
    (300.0 * (100_000.0_f64 / 300.0).powf(step)).round() as u64
}

/// The contracts of so many tables, compiled.
pub(super) fn catalogue(contracts: &str, tables: u32) -> Result<Catalogue, Failed> {
    let shipped = host::contract_files(contracts)?;
    let of = |path: &str| {
        let found = shipped.iter().find(|file| file.path == path);
        found
            .map(|file| file.text().to_owned())
            .ok_or_else(|| format!("{contracts} has no {path}"))
    };
    let table_text = of("pole/object_vehicle.odcs.yaml")?;
    let source_text = of("sources/planning/register/contract.odcs.yaml")?;
    let mut files: Vec<File> = shipped
        .iter()
        .filter(|file| file.path.starts_with("lists/"))
        .cloned()
        .collect();
    for number in 0..tables {
        let (name, source) = (table(number), format!("council-{number:02}"));
        let text = table_text
            .replace(TABLE.0, &name)
            .replace(TABLE.1, &source.replace("council", "pole-council"));
        files.push(File::new(format!("pole/{name}.odcs.yaml"), text));
        let folder = format!("sources/council/{source}");
        files.push(File::new(
            format!("{folder}/contract.odcs.yaml"),
            source_text.replace(SOURCE, &source),
        ));
        let mapping = format!(
            "source: {source}\nversion: 1.0.0\nrecords:\n  - name: vehicle\n    table: {name}\n    id: {{namespace: {source}, key: [$.id]}}\n    columns:\n      vrm: $.reference\n"
        );
        files.push(File::new(format!("{folder}/mapping.yaml"), mapping));
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

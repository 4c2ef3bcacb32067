//! `polelake contract docs`: contracts, mappings and lists as Markdown.

use std::fmt::Write;
use std::path::Path;

use contract::{Catalogue, CompiledMapping, Property, TableContract};

use super::compile_contracts;
use crate::error::CliError;
use crate::named_file::{create_folder, write_file};
use crate::samples::op_label;

pub(crate) fn run(contracts: &Path, out: &Path) -> Result<bool, CliError> {
    let catalogue = compile_contracts(contracts)?;
    let pages = render_pages(&catalogue);
    for (name, text) in &pages {
        let file = out.join(name);
        create_folder(file.parent().unwrap_or(out))?;
        write_file(&file, text)?;
    }

    println!("{} pages in {}", pages.len(), out.display());
    Ok(true)
}

/// Every page, by its path.
fn render_pages(catalogue: &Catalogue) -> Vec<(String, String)> {
    let mut pages = vec![("README.md".to_owned(), index_page(catalogue))];
    for mapping in &catalogue.mappings {
        let name = &mapping.contract.name;
        pages.push((
            format!("sources/{name}.md"),
            source_page(catalogue, mapping),
        ));
    }
    for table in &catalogue.tables {
        let name = &table.name;
        pages.push((format!("tables/{name}.md"), table_page(catalogue, table)));
    }
    for (name, list) in catalogue.lists.iter() {
        pages.push((format!("lists/{name}.md"), list_page(name, list)));
    }
    pages
}

/// Escapes a text for a cell of a table.
fn escape_cell(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('\n', " ")
        .replace('<', "&lt;")
}

fn index_page(catalogue: &Catalogue) -> String {
    let mut out =
        "# Data contracts\n\n## Sources\n\n| Source | What it holds | Owner |\n|---|---|---|\n"
            .to_owned();
    for mapping in &catalogue.mappings {
        let contract = &mapping.contract;
        let _ = writeln!(
            out,
            "| [{}](sources/{0}.md) | {} | {} |",
            contract.name,
            escape_cell(&contract.purpose),
            escape_cell(&contract.owner)
        );
    }
    out.push_str("\n## Tables\n\n| Table | Family | Its rows | Filled by |\n|---|---|---|---|\n");
    for table in &catalogue.tables {
        let topics = catalogue.topics_of_table(&table.name).join(", ");
        let _ = writeln!(
            out,
            "| [{}](tables/{0}.md) | {} | {} | {topics} |",
            table.name,
            table.family.name(),
            escape_cell(&table.meaning)
        );
    }
    out.push_str("\n## Reference lists\n\n| List | Codes | What they are |\n|---|---|---|\n");
    for (name, list) in catalogue.lists.iter() {
        let _ = writeln!(
            out,
            "| [{name}](lists/{name}.md) | {} | {} |",
            list.codes.len(),
            escape_cell(&list.description)
        );
    }
    out
}

fn source_page(catalogue: &Catalogue, mapping: &CompiledMapping) -> String {
    let contract = &mapping.contract;
    let mut out = format!(
        "# {}\n\n{}\n\nSource `{}`, contract {}, mapping {}. Topic `{}`. Owner: {}.\n\n\
         ## Event types\n\n| Type | Does |\n|---|---|\n",
        escape_cell(&contract.title),
        escape_cell(&contract.purpose),
        contract.name,
        contract.version,
        mapping.version,
        contract.topic,
        escape_cell(&contract.owner)
    );
    for (event, op) in &contract.events {
        let _ = writeln!(out, "| `{event}` | {} |", op_label(*op));
    }
    for object in &contract.schema {
        let _ = writeln!(
            out,
            "\n## Object `{}`\n\n| Field | Type | Class | Meaning |\n|---|---|---|---|",
            object.name
        );
        for property in &object.properties {
            write_field_rows(&mut out, "", property);
        }
    }
    out.push_str("\n## Where it goes\n\n| Table | Column | From |\n|---|---|---|\n");
    for (table, column, paths) in mapping.column_lineage() {
        let table = &catalogue.tables[table].name;
        let paths: Vec<String> = paths
            .iter()
            .map(|path| format!("`{}`", escape_cell(path)))
            .collect();
        let _ = writeln!(
            out,
            "| [{table}](../tables/{table}.md) | `{column}` | {} |",
            paths.join(", ")
        );
    }
    out
}

/// Writes a row for the property, and one for each property within it.
fn write_field_rows(out: &mut String, below: &str, property: &Property) {
    let name = if property.name.is_empty() {
        below.to_owned()
    } else {
        format!("{below}{}", property.name)
    };
    let kind = property.logical_type.as_deref().unwrap_or("string");
    let required = if property.required { ", required" } else { "" };
    let class = property.classification.as_deref().unwrap_or("");
    let meaning = property.description.as_deref().unwrap_or("");
    if !property.name.is_empty() {
        let _ = writeln!(
            out,
            "| `{name}` | {kind}{required} | {class} | {} |",
            escape_cell(meaning)
        );
    }
    for inner in &property.properties {
        write_field_rows(out, &format!("{name}."), inner);
    }
    if let Some(items) = &property.items {
        for inner in &items.properties {
            write_field_rows(out, &format!("{name}[*]."), inner);
        }
    }
}

fn table_page(catalogue: &Catalogue, table: &TableContract) -> String {
    let mut out = format!(
        "# {}\n\n{}\n\nFamily {}, contract {}, owner {}. Filled by: {}.\n\n## Columns\n\n\
         | Column | Type | Class | Meaning | Standard |\n|---|---|---|---|---|\n",
        table.name,
        escape_cell(&table.meaning),
        table.family.name(),
        table.version,
        escape_cell(&table.owner),
        catalogue.topics_of_table(&table.name).join(", ")
    );
    for column in &table.columns {
        let required = if column.required { ", required" } else { "" };
        let _ = writeln!(
            out,
            "| `{}` | {}{required} | {} | {} | {} |",
            column.name,
            column.kind.glue_type(),
            column.classification,
            escape_cell(&column.meaning),
            column.tags.join(", ")
        );
    }
    out.push_str(
        "\n## Rules\n\n| Rule | Expectation | Dimension | Target | Enforced by |\n\
         |---|---|---|---|---|\n",
    );
    for rule in &table.rules {
        let _ = writeln!(
            out,
            "| `{}` | {} | {} | {} | {} |",
            rule.id,
            escape_cell(&rule.description),
            rule.dimension,
            rule.tolerance_text(),
            rule.enforced_by()
        );
    }
    out
}

fn list_page(name: &str, list: &contract::ReferenceList) -> String {
    let mut out = format!(
        "# {name}\n\n{} Version {}.\n\n| Code | Label |\n|---|---|\n",
        escape_cell(&list.description),
        list.version
    );
    for (code, label) in &list.codes {
        let _ = writeln!(out, "| `{}` | {} |", escape_cell(code), escape_cell(label));
    }
    out
}

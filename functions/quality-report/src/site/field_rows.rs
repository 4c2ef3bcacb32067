//! The fields of a source's events as rows of a table.

use contract::Property;
use maud::{Markup, html};

use super::text::end_with_full_stop;

/// One row for each field, with nested fields below their parents.
pub(super) fn field_rows(properties: &[Property]) -> Vec<Vec<Markup>> {
    let mut rows = Vec::new();
    for property in properties {
        add_field_rows(&mut rows, "", property);
    }
    rows
}

fn add_field_rows(rows: &mut Vec<Vec<Markup>>, parent: &str, property: &Property) {
    let name = format!("{parent}{}", property.name);
    if !property.name.is_empty() {
        rows.push(field_row(&name, property));
    }

    for nested in &property.properties {
        add_field_rows(rows, &format!("{name}."), nested);
    }
    if let Some(items) = property.items.as_deref() {
        for nested in &items.properties {
            add_field_rows(rows, &format!("{name}[]."), nested);
        }
    }
}

fn field_row(name: &str, property: &Property) -> Vec<Markup> {
    let logical_type = property.logical_type.as_deref().unwrap_or("string");
    let classification = property.classification.as_deref().unwrap_or("");
    let description = property.description.as_deref().unwrap_or("");
    vec![
        html! { code { (name) } },
        html! { (logical_type) @if property.required { ", required" } },
        html! { (classification) },
        html! { (end_with_full_stop(description)) },
    ]
}

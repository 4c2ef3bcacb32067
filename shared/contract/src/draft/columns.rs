//! Drafts what fills the columns of a record: a path, or the verb that the values need.

use super::OPEN;
use super::contacts::contact_subtype;
use super::fields::{Leaf, SampleField, SampleFieldKind, quote_path, to_snake_case};
use super::key_guess::KeyGuess;
use super::people::person_column;
use super::sample_place::SampledFiles;
use super::shapes::ContactShape;
use super::tables::{column_of_name, place_column, vehicle_column};
use crate::column::{Column, ColumnType};
use crate::table::TableContract;

/// Columns whose texts a normaliser writes in one way.
const NORMALISED_COLUMNS: [(&str, &str); 9] = [
    ("postcode", "postcode"),
    ("uprn", "uprn"),
    ("vrm", "vrm"),
    ("given_name", "name"),
    ("middle_names", "name"),
    ("surname", "name"),
    ("full_name", "name"),
    ("country", "country"),
    ("nationality", "country"),
];

/// The columns of a record, as they are found.
pub(super) struct DraftColumns<'f> {
    files: &'f SampledFiles,
    /// Each column with the expression that fills it.
    pub(super) lines: Vec<(String, String)>,
    /// The paths that the expressions use.
    pub(super) paths: Vec<String>,
}

impl<'f> DraftColumns<'f> {
    /// No column yet, of samples of these files.
    pub(super) fn new(files: &'f SampledFiles) -> Self {
        Self {
            files,
            lines: Vec::new(),
            paths: Vec::new(),
        }
    }

    fn fills(&self, column: &str) -> bool {
        self.lines.iter().any(|(known, _)| known == column)
    }

    /// Fills the column that has the leaf's name, where the table has one, its type fits, and no
    /// earlier leaf fills it.
    pub(super) fn map_leaf(&mut self, contract: &TableContract, path: &str, field: &SampleField) {
        let name = to_snake_case(&field.name);
        let column = match contract.name.as_str() {
            "person" => person_column(&name),
            "location" => place_column(&name),
            "object_vehicle" => vehicle_column(&name),
            _ => None,
        };
        let column = column.unwrap_or_else(|| column_of_name(&contract.name, &name));
        self.fill(contract, column, path, field);
    }

    /// Fills a column of the table with a field, where that can be.
    fn fill(&mut self, contract: &TableContract, column: &str, path: &str, field: &SampleField) {
        let own = contract.own_columns().iter().find(|own| own.name == column);
        let Some(own) = own.filter(|_| !self.fills(column)) else {
            return;
        };
        if let Some(value) = column_value(own, field, path) {
            let value = value + &self.asked_of_dates(own, field);
            self.lines.push((column.to_owned(), value));
            self.paths.push(path.to_owned());
        }
    }

    /// What a person is asked of a column of dates: their order, and what becomes of texts that are
    /// none.
    fn asked_of_dates(&self, column: &Column, field: &SampleField) -> String {
        let dates = field
            .shapes
            .dates()
            .filter(|_| matches!(column.kind, ColumnType::Date | ColumnType::Timestamp))
            .filter(|_| field.kind == SampleFieldKind::Text);
        let Some(dates) = dates else {
            return String::new();
        };
        let order = dates
            .is_ambiguous
            .then(|| "the day first, or the month? No value tells".to_owned());
        let strays = field.describe_strays(self.files).map(|strays| {
            format!(
                "{strays}: such a record is quarantined, unless the column is {{value: …, \
                 unreadable: null-and-count}}"
            )
        });
        let asked: Vec<String> = order.into_iter().chain(strays).collect();
        match asked.is_empty() {
            true => String::new(),
            false => format!(" # {OPEN} {}", asked.join("; ")),
        }
    }

    /// Fills the columns of a contact with a field of that kind.
    pub(super) fn fill_contact(
        &mut self,
        contract: &TableContract,
        shape: ContactShape,
        (path, field): &Leaf<'_>,
    ) {
        let form = shape.name();
        let mut lines = vec![("contact_type", format!("{{constant: {form}}}"))];
        if let Some(subtype) = contact_subtype(field) {
            lines.push(("contact_subtype", format!("{{constant: {subtype}}}")));
        }
        lines.push(("value", shape.expression(path)));
        for (column, value) in lines {
            if contract.own_columns().iter().any(|own| own.name == column) {
                self.lines.push((column.to_owned(), value));
            }
        }
        self.paths.push(path.clone());
    }

    /// The record's key is its reference, where no field is called so.
    pub(super) fn fill_reference(&mut self, contract: &TableContract, key: &KeyGuess) {
        let has_column = contract
            .own_columns()
            .iter()
            .any(|own| own.name == "reference");
        if !has_column || self.fills("reference") || key.needs_place {
            return;
        }
        let parts = key.paths.iter();
        let parts: Vec<String> = parts
            .map(|path| quote_path(&format!("event:{path}")))
            .collect();
        let value = match parts.as_slice() {
            [only] => only.clone(),
            parts => format!(
                "{{concat: {{parts: [{}], separator: \"/\"}}}}",
                parts.join(", ")
            ),
        };
        self.lines.push(("reference".to_owned(), value));
        self.paths.extend(key.paths.iter().cloned());
    }

    /// An event has its first date that no column has taken.
    pub(super) fn fill_date(&mut self, contract: &TableContract, leaves: &[Leaf<'_>]) {
        if !contract.name.starts_with("event")
            || self.fills("occurred_at")
            || self.fills("occurred_on")
        {
            return;
        }
        let free = |leaf: &&Leaf<'_>| leaf.1.is_dated() && !self.paths.contains(&leaf.0);
        let is_named = |leaf: &&Leaf<'_>| to_snake_case(&leaf.1.name).contains("date");
        let found = leaves
            .iter()
            .filter(free)
            .find(is_named)
            .or(leaves.iter().find(free));
        let Some((path, field)) = found else { return };
        let has_time = match field.kind {
            SampleFieldKind::Timestamp => true,
            SampleFieldKind::Text => field.shapes.dates().is_some_and(|dates| dates.has_time),
            _ => false,
        };
        let column = if has_time {
            "occurred_at"
        } else {
            "occurred_on"
        };
        self.fill(contract, column, path, field);
    }

    /// Required columns that nothing fills say what kind of thing a row is, for the author to
    /// decide.
    pub(super) fn fill_required(&mut self, contract: &TableContract, type_text: &str) {
        for column in contract.own_columns() {
            if column.required && !self.fills(&column.name) {
                let value = format!("{{constant: {type_text}}} # {OPEN} what fills it");
                self.lines.push((column.name.clone(), value));
            }
        }
    }
}

/// The expression that fills a column with a field; none where the field's values are of another
/// type.
fn column_value(column: &Column, field: &SampleField, path: &str) -> Option<String> {
    let quoted = quote_path(path);
    match column.kind {
        ColumnType::Date => date_value(field, &quoted, &column.name, "date"),
        ColumnType::Timestamp => date_value(field, &quoted, &column.name, "timestamp"),
        ColumnType::Decimal(..) if field.kind == SampleFieldKind::Text => {
            let is_money = field.shapes.are_money();
            is_money.then(|| {
                format!("{{parse: {{from: {quoted}, as: decimal, formats: [\"1,234.56\"]}}}}")
            })
        }
        ColumnType::Decimal(..) | ColumnType::Float => matches!(
            field.kind,
            SampleFieldKind::Number | SampleFieldKind::Integer
        )
        .then_some(quoted),
        ColumnType::Integer => (field.kind == SampleFieldKind::Integer).then_some(quoted),
        ColumnType::Boolean => (field.kind == SampleFieldKind::Boolean).then_some(quoted),
        ColumnType::Text => Some(text_value(&column.name, field, quoted)),
    }
}

fn text_value(column: &str, field: &SampleField, quoted: String) -> String {
    let normaliser = NORMALISED_COLUMNS
        .iter()
        .find(|(name, _)| *name == column && field.kind == SampleFieldKind::Text);
    match normaliser {
        Some((_, form)) => format!("{{normalise: {{from: {quoted}, as: {form}}}}}"),
        None => quoted,
    }
}

/// The expression of a date in the format that the values have.
fn date_value(field: &SampleField, quoted: &str, column: &str, kind: &str) -> Option<String> {
    if matches!(
        field.kind,
        SampleFieldKind::Date | SampleFieldKind::Timestamp
    ) {
        return Some(quoted.to_owned());
    }
    let dates = field
        .shapes
        .dates()
        .filter(|_| field.kind == SampleFieldKind::Text)?;
    let century = match dates.has_short_year {
        true if column == "date_of_birth" => ", past: true",
        true => ", pivot: 50",
        false => "",
    };
    let formats = dates.yaml();
    Some(format!(
        "{{parse: {{from: {quoted}, as: {kind}, formats: {formats}{century}}}}}"
    ))
}

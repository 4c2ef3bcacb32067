//! A table contract: the columns of a POLE table, their types, and the rules on them.

use pole::{PROVENANCE, ProvenanceColumn, ProvenanceKind};
use serde_json::Value;

use crate::column::{Column, ColumnType};
use crate::extension::{Family, TableExtension};
use crate::file::DeclaredFile;
use crate::foreign_contract::{ContractRole, refuse_foreign_contract};
use crate::info::ContractInfo;
use crate::locator::{extension_place, problem_at};
use crate::logical_type::logical_type_fault;
use crate::odcs::{ContractDocument, Property, Quality, SchemaObject};
use crate::person_naming::PersonNaming;
use crate::place::DocumentPlace;
use crate::problem::{Problem, nearest_name_hint};
use crate::reserved_names::{reserved_column_fault, reserved_table_fault};
use crate::rule::Rule;
use crate::yaml;

/// The classifications that a column can have.
const CLASSIFICATIONS: [&str; 3] = ["public", "internal", "personal"];

/// A compiled table contract.
#[derive(Clone, Debug)]
pub struct TableContract {
    /// The contract's id.
    pub id: String,
    /// The table's name.
    pub name: String,
    /// What its rows are.
    pub meaning: String,
    /// The contract's version.
    pub version: String,
    /// The family of POLE that it belongs to.
    pub family: Family,
    /// The team that answers for it.
    pub owner: String,
    /// The department in whose database the table is.
    pub domain: String,
    /// What the contract says to those who use the table.
    pub about: ContractInfo,
    /// The provenance columns, then the table's own.
    pub columns: Vec<Column>,
    /// The rules on it, compiled.
    pub rules: Vec<Rule>,
    /// Which of its columns name a person; none where it names none.
    pub naming: Option<PersonNaming>,
    pub(crate) properties: Vec<Property>,
    pub(crate) quality: Vec<Quality>,
}

impl TableContract {
    /// Reads the contract that `file` holds. Its rules are compiled later, when all tables are
    /// known.
    pub(crate) fn parse(file: &DeclaredFile) -> Result<Self, Problem> {
        refuse_foreign_contract(file, ContractRole::Table)?;
        let mut document = ContractDocument::read(file)?;
        let extension: TableExtension = yaml::read_value(
            file,
            ("polelake", &extension_place(file)),
            &document.polelake_extension(),
        )?;
        let about = ContractInfo::from_document(&document, file);
        let owner = document.owner();
        let object = take_only_object(&mut document, file)?;

        let table = Self {
            columns: compile_columns(&object.properties, file)?,
            id: document.id,
            name: object.name,
            meaning: object.description.unwrap_or_default(),
            version: document.version,
            family: extension.family,
            owner,
            domain: document.domain.unwrap_or_else(|| "pole".to_owned()),
            about,
            rules: Vec::new(),
            naming: extension.naming,
            properties: object.properties,
            quality: object.quality,
        };

        table
            .check_names()
            .map_err(|(place, why)| problem_at(file, &object_place().join(place), why))?;
        table
            .check_provenance()
            .map_err(|(place, why)| problem_at(file, &object_place().join(place), why))?;
        table.check_naming().map_err(|(place, why)| {
            let naming = extension_place(file).name("naming");
            problem_at(file, &naming.join(place), why)
        })?;
        Ok(table)
    }

    /// The index of a column, counted over the provenance and the table's own columns.
    #[must_use]
    pub fn column_index(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }

    /// The table's own columns, which follow the provenance.
    #[must_use]
    pub fn own_columns(&self) -> &[Column] {
        &self.columns[PROVENANCE.len()..]
    }

    /// Its rules that read other tables (`cross_table`), or those that do not.
    pub fn rules_by_cross_table(&self, cross_table: bool) -> impl Iterator<Item = &Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.expectation.is_cross_table_check() == cross_table)
    }

    /// Whether the contract writes out a rule of this id. Rules that the declaration of a column
    /// implies do not count.
    #[must_use]
    pub fn declares_rule(&self, rule: &str) -> bool {
        let column_rules = self
            .properties
            .iter()
            .flat_map(|property| &property.quality);
        self.quality
            .iter()
            .chain(column_rules)
            .any(|quality| quality.id.as_deref() == Some(rule))
    }

    /// Whether it is a table of links.
    #[must_use]
    pub fn is_link_table(&self) -> bool {
        self.column_index("from_id").is_some() && self.column_index("to_id").is_some()
    }

    /// The nearest name of a column, as the end of a message.
    pub(crate) fn nearest_column_hint(&self, name: &str) -> String {
        nearest_name_hint(name, self.columns.iter().map(|column| column.name.as_str()))
    }

    /// Names become object keys and Glue columns, so they are lower snake_case and no column has
    /// the name of another, or of what the platform adds. A fault is (its place in the table's
    /// object, what is wrong).
    fn check_names(&self) -> Result<(), (DocumentPlace, String)> {
        if !is_snake_case(&self.name) {
            let why = format!("the table name `{}` is not lower snake_case", self.name);
            return Err((DocumentPlace::root().name("name"), why));
        }
        if let Some(why) = reserved_table_fault(&self.name) {
            return Err((DocumentPlace::root().name("name"), why));
        }

        for (index, column) in self.columns.iter().enumerate() {
            if self.columns[..index]
                .iter()
                .any(|earlier| earlier.name == column.name)
            {
                let why = format!("the column `{}` is declared twice", column.name);
                return Err((column_place(index).name("name"), why));
            }
            if let Some(why) = reserved_column_fault(&column.name) {
                return Err((column_place(index).name("name"), why));
            }
        }
        Ok(())
    }

    /// The columns that name a person are there.
    fn check_naming(&self) -> Result<(), (DocumentPlace, String)> {
        let naming = self.naming.as_ref();
        naming.map_or(Ok(()), |naming| naming.check(&self.columns))
    }

    /// Every table begins with the same columns, so that the same code fills them in every table.
    fn check_provenance(&self) -> Result<(), (DocumentPlace, String)> {
        for (index, wanted) in PROVENANCE.iter().enumerate() {
            let fits = self
                .columns
                .get(index)
                .is_some_and(|column| is_provenance(column, wanted));
            if !fits {
                let why = format!(
                    "column {} must be `{}` of type {}{}, as every table has it: copy the first \
                     {} columns of another table of contracts/pole",
                    index + 1,
                    wanted.name,
                    provenance_type(wanted).glue_type(),
                    if wanted.required { ", required" } else { "" },
                    PROVENANCE.len()
                );
                return Err((column_place(index), why));
            }
        }
        Ok(())
    }
}

/// Where the one object of a table's contract stands.
pub(crate) fn object_place() -> DocumentPlace {
    DocumentPlace::root().name("schema").item(0)
}

/// Where a column stands in the object.
fn column_place(index: usize) -> DocumentPlace {
    DocumentPlace::root().name("properties").item(index)
}

/// The one object that a table contract describes.
fn take_only_object(
    document: &mut ContractDocument,
    file: &DeclaredFile,
) -> Result<SchemaObject, Problem> {
    match (document.schema.pop(), document.schema.pop()) {
        (Some(object), None) => Ok(object),
        _ => {
            let message =
                "a table contract describes exactly one table: give each a file of its own";
            Err(problem_at(
                file,
                &DocumentPlace::root().name("schema"),
                message,
            ))
        }
    }
}

fn is_provenance(column: &Column, wanted: &ProvenanceColumn) -> bool {
    column.name == wanted.name
        && column.kind == provenance_type(wanted)
        && column.required == wanted.required
}

pub(crate) fn provenance_type(column: &ProvenanceColumn) -> ColumnType {
    match column.kind {
        ProvenanceKind::Text => ColumnType::Text,
        ProvenanceKind::Integer => ColumnType::Integer,
        ProvenanceKind::Timestamp => ColumnType::Timestamp,
    }
}

fn compile_columns(properties: &[Property], file: &DeclaredFile) -> Result<Vec<Column>, Problem> {
    let mut columns = Vec::with_capacity(properties.len());
    for (index, property) in properties.iter().enumerate() {
        let column = compile_column(property).map_err(|why| {
            let place = object_place().join(column_place(index)).quoted_in(&why);
            problem_at(file, &place, why)
        })?;
        columns.push(column);
    }
    Ok(columns)
}

fn compile_column(property: &Property) -> Result<Column, String> {
    let name = &property.name;
    if !is_snake_case(name) {
        return Err(format!("the column name `{name}` is not lower snake_case"));
    }
    if property
        .custom_properties
        .iter()
        .any(|custom| custom.property == "polelake")
    {
        return Err(format!(
            "`polelake` of `{name}` belongs to a field of a source: a mapping gives a column its \
             type"
        ));
    }
    let kind = compile_type(property)?;
    let classification = check_classification(property)?;

    Ok(Column {
        name: name.clone(),
        kind,
        required: property.required,
        meaning: property.description.clone().unwrap_or_default(),
        classification: classification.to_owned(),
        personal: classification == "personal",
        tags: property.tags.clone(),
        list: property.quality.iter().find_map(reference_list_name),
        examples: property.examples.iter().map(plain_text).collect(),
        key: property.primary_key,
    })
}

/// The column's exact type. Only a text may leave it out: the other types have several widths.
fn compile_type(property: &Property) -> Result<ColumnType, String> {
    let logical = property.logical_type.as_deref().unwrap_or("string");
    if let Some(why) = logical_type_fault(&property.name, logical) {
        return Err(why);
    }
    let physical = match property.physical_type.as_deref() {
        Some(physical) => physical,
        None if logical == "string" => "string",
        None => {
            return Err(format!(
                "the column `{}` of logicalType {logical} needs a `physicalType`",
                property.name
            ));
        }
    };
    ColumnType::parse(physical).ok_or_else(|| {
        format!(
            "physicalType `{physical}` is not string, bigint, double, boolean, date, timestamp \
            or decimal(p,s)"
        )
    })
}

fn check_classification(property: &Property) -> Result<&str, String> {
    let classification = property.classification.as_deref().unwrap_or_default();
    if CLASSIFICATIONS.contains(&classification) {
        return Ok(classification);
    }
    Err(format!(
        "the column `{}` needs a `classification` of {}{}",
        property.name,
        CLASSIFICATIONS.join(", "),
        nearest_name_hint(classification, CLASSIFICATIONS.into_iter())
    ))
}

/// The reference list that a rule compares the column with.
fn reference_list_name(rule: &Quality) -> Option<String> {
    let list = rule.implementation.as_ref()?.get("list")?.as_str()?;
    Some(list.to_owned())
}

/// A value as people write it, a text without its quotes.
fn plain_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn is_snake_case(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('_')
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

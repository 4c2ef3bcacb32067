//! A table contract: the columns of a POLE table, their types, and the rules on them.

use pole::{PROVENANCE, ProvenanceKind};
use serde_json::Value;

use crate::column::{Column, ColumnType};
use crate::extension::{Family, TableExtension};
use crate::file::DeclaredFile;
use crate::info::ContractInfo;
use crate::odcs::{ContractDocument, Property, Quality};
use crate::problem::{Location, Problem, nearest_name_hint};
use crate::rule::Rule;
use crate::yaml;

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
    /// Who answers for it.
    pub owner: String,
    /// The department whose database it stands in.
    pub domain: String,
    /// What the contract tells those who use the table.
    pub about: ContractInfo,
    /// The provenance columns, then the table's own.
    pub columns: Vec<Column>,
    /// The rules on it, compiled.
    pub rules: Vec<Rule>,
    pub(crate) properties: Vec<Property>,
    pub(crate) quality: Vec<Quality>,
}

impl TableContract {
    /// Reads the contract that stands in `file`; its rules are compiled when all tables are known.
    pub(crate) fn parse(file: &DeclaredFile) -> Result<Self, Problem> {
        let mut document = ContractDocument::read(file)?;
        let extension: TableExtension =
            yaml::read_value(file, "polelake", document.polelake_extension())?;
        let about = ContractInfo::from_document(&document, file);
        let problem = |needle: &str, message: String| {
            Problem::error(
                &file.path,
                Location::find_word(file.text(), needle, 1),
                message,
            )
        };
        let (owner, domain) = (
            document.owner(),
            document.domain.take().unwrap_or_else(|| "pole".to_owned()),
        );
        let (Some(object), None) = (document.schema.pop(), document.schema.pop()) else {
            return Err(problem(
                "schema",
                "a table contract describes exactly one table".into(),
            ));
        };
        let written = |property: &Property| {
            compile_column(property).map_err(|why| problem(&property.name, why))
        };
        let table = Self {
            id: document.id,
            name: object.name,
            meaning: object.description.unwrap_or_default(),
            version: document.version,
            family: extension.family,
            owner,
            domain,
            about,
            columns: object
                .properties
                .iter()
                .map(written)
                .collect::<Result<_, _>>()?,
            rules: Vec::new(),
            properties: object.properties,
            quality: object.quality,
        };
        table
            .check_names()
            .map_err(|(needle, why)| problem(&needle, why))?;
        table
            .check_provenance()
            .map_err(|why| problem("properties", why))?;
        Ok(table)
    }

    /// Where the column stands, counted over provenance and own columns.
    #[must_use]
    pub fn column_index(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }

    /// The table's own columns, behind the provenance.
    #[must_use]
    pub fn own_columns(&self) -> &[Column] {
        &self.columns[PROVENANCE.len()..]
    }

    /// Its rules that look into other tables, or those that do not.
    pub fn rules_by_cross_table(&self, elsewhere: bool) -> impl Iterator<Item = &Rule> {
        self.rules
            .iter()
            .filter(move |rule| rule.expectation.is_cross_table_check() == elsewhere)
    }

    /// Whether a rule of this id is written out in its `quality`, and not implied by the words of a column.
    #[must_use]
    pub fn declares_rule(&self, rule: &str) -> bool {
        let of_columns = self
            .properties
            .iter()
            .flat_map(|property| &property.quality);
        self.quality
            .iter()
            .chain(of_columns)
            .any(|quality| quality.id.as_deref() == Some(rule))
    }

    /// Whether it is a table of links.
    #[must_use]
    pub fn is_link_table(&self) -> bool {
        self.column_index("from_id").is_some() && self.column_index("to_id").is_some()
    }

    pub(crate) fn nearest_column_hint(&self, name: &str) -> String {
        nearest_name_hint(name, self.columns.iter().map(|column| column.name.as_str()))
    }

    /// Names become object keys and columns of Glue.
    fn check_names(&self) -> Result<(), (String, String)> {
        let fault = |name: &str, why: String| Err((name.to_owned(), why));
        if !is_snake_case(&self.name) {
            return fault(
                &self.name,
                format!("the table name `{}` is not lower snake_case", self.name),
            );
        }
        for (place, column) in self.columns.iter().enumerate() {
            if self.columns[..place]
                .iter()
                .any(|before| before.name == column.name)
            {
                return fault(
                    &column.name,
                    format!("the column `{}` stands twice", column.name),
                );
            }
        }
        Ok(())
    }

    /// Every table begins with the same columns, so that one piece of code can fill them.
    fn check_provenance(&self) -> Result<(), String> {
        for (place, wanted) in PROVENANCE.iter().enumerate() {
            let kind = match wanted.kind {
                ProvenanceKind::Text => ColumnType::Text,
                ProvenanceKind::Integer => ColumnType::Integer,
                ProvenanceKind::Timestamp => ColumnType::Timestamp,
            };
            let fits = self.columns.get(place).is_some_and(|column| {
                column.name == wanted.name
                    && column.kind == kind
                    && column.required == wanted.required
            });
            if !fits {
                return Err(format!(
                    "column {} must be `{}` of type {}{}, as every table has it",
                    place + 1,
                    wanted.name,
                    kind.glue_type(),
                    if wanted.required { ", required" } else { "" }
                ));
            }
        }
        Ok(())
    }
}

fn compile_column(property: &Property) -> Result<Column, String> {
    let name = &property.name;
    if !is_snake_case(name) {
        return Err(format!("the column name `{name}` is not lower snake_case"));
    }
    let logical = property.logical_type.as_deref().unwrap_or("string");
    let physical = property
        .physical_type
        .as_deref()
        .or((logical == "string").then_some("string"));
    let physical = physical.ok_or_else(|| {
        format!("the column `{name}` of logicalType {logical} needs a `physicalType`")
    })?;
    let kind = ColumnType::parse(physical).ok_or_else(|| {
        format!("physicalType `{physical}` is not string, bigint, double, boolean, date, timestamp or decimal(p,s)")
    })?;
    let classes = ["public", "internal", "personal"];
    let classification = property.classification.as_deref().unwrap_or_default();
    if !classes.contains(&classification) {
        return Err(format!(
            "the column `{name}` needs a `classification` of {}{}",
            classes.join(", "),
            nearest_name_hint(classification, classes.into_iter())
        ));
    }
    Ok(Column {
        name: name.clone(),
        kind,
        required: property.required,
        meaning: property.description.clone().unwrap_or_default(),
        classification: classification.to_owned(),
        personal: classification == "personal",
        tags: property.tags.clone(),
        list: property.quality.iter().find_map(|rule| {
            Some(
                rule.implementation
                    .as_ref()?
                    .get("list")?
                    .as_str()?
                    .to_owned(),
            )
        }),
        examples: property.examples.iter().map(plain_text).collect(),
        key: property.primary_key,
    })
}

/// A value as people write it, a text without its quotes.
fn plain_text(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

fn is_snake_case(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    !name.is_empty() && !name.starts_with('_') && name.chars().all(fits)
}

//! A table contract: the columns of a POLE table, their types, and the rules on them.

use pole::{Kind, PROVENANCE};

use crate::fault::{Problem, line_of, nearest};
use crate::odcs::{Property, Quality};
use crate::source::read_document;

/// The type of a column. Flat only: Qlik reads nested types as null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnType {
    /// UTF-8 text.
    Text,
    /// A signed 64-bit number.
    Integer,
    /// A 64-bit floating point number.
    Float,
    /// True or false.
    Boolean,
    /// Days since 1970-01-01.
    Date,
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// An exact number of so many digits, so many of them behind the point. Money is `decimal(12,2)`.
    Decimal(u8, i8),
}

impl ColumnType {
    /// The type that `physicalType` names.
    fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "string" => Self::Text,
            "bigint" => Self::Integer,
            "double" => Self::Float,
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "timestamp" => Self::Timestamp,
            _ => {
                let (digits, scale) = text.strip_prefix("decimal(")?.strip_suffix(')')?.split_once(',')?;
                let digits = digits.trim().parse().ok().filter(|digits| (1..=38).contains(digits))?;
                Self::Decimal(digits, scale.trim().parse().ok().filter(|scale| (0..=18).contains(scale))?)
            }
        })
    }

    /// The type as Glue and Athena write it.
    #[must_use]
    pub fn glue(&self) -> String {
        match self {
            Self::Text => "string".into(),
            Self::Integer => "bigint".into(),
            Self::Float => "double".into(),
            Self::Boolean => "boolean".into(),
            Self::Date => "date".into(),
            Self::Timestamp => "timestamp".into(),
            Self::Decimal(digits, scale) => format!("decimal({digits},{scale})"),
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name, snake_case.
    pub name: String,
    /// Its type.
    pub kind: ColumnType,
    /// Whether a row without it is refused.
    pub required: bool,
    /// What it means.
    pub meaning: String,
    /// Whether it holds people's data: no report shows a value of it.
    pub personal: bool,
    /// The rules on it.
    pub quality: Vec<Quality>,
}

/// A compiled table contract.
#[derive(Clone, Debug)]
pub struct TableContract {
    /// The table's name.
    pub name: String,
    /// What its rows are.
    pub meaning: String,
    /// The contract's version.
    pub version: String,
    /// The provenance columns, then the table's own.
    pub columns: Vec<Column>,
    /// Rules on the whole table.
    pub quality: Vec<Quality>,
}

impl TableContract {
    /// Compiles the contract that stands in `file`.
    ///
    /// # Errors
    /// The first thing that is wrong, with its line.
    pub fn parse(file: &str, text: &str) -> Result<Self, Problem> {
        let document = read_document(file, text)?;
        let problem = |needle: &str, message: String| Problem {
            file: file.to_owned(),
            line: line_of(text, needle, 1),
            message,
        };
        let [object] = document.schema.as_slice() else {
            return Err(problem("schema", "a table contract describes exactly one table".into()));
        };
        let columns: Result<Vec<Column>, Problem> = object
            .properties
            .iter()
            .map(|property| column(property).map_err(|why| problem(&format!("name: {}", property.name), why)))
            .collect();
        let table = Self {
            name: object.name.clone(),
            meaning: object.description.clone().unwrap_or_default(),
            version: document.version,
            columns: columns?,
            quality: object.quality.clone(),
        };
        table.check_provenance().map_err(|why| problem("properties", why))?;
        Ok(table)
    }

    /// Where the column stands, counted over provenance and own columns.
    #[must_use]
    pub fn position(&self, column: &str) -> Option<usize> {
        self.columns.iter().position(|known| known.name == column)
    }

    /// The table's own columns, behind the provenance.
    #[must_use]
    pub fn own(&self) -> &[Column] {
        &self.columns[PROVENANCE.len()..]
    }

    /// Whether it is a table of links.
    #[must_use]
    pub fn is_link(&self) -> bool {
        self.position("from_id").is_some() && self.position("to_id").is_some()
    }

    pub(crate) fn nearest(&self, name: &str) -> String {
        nearest(name, self.columns.iter().map(|column| column.name.as_str()))
    }

    /// Every table begins with the same columns, so that one piece of code can fill them.
    fn check_provenance(&self) -> Result<(), String> {
        for (place, wanted) in PROVENANCE.iter().enumerate() {
            let kind = match wanted.kind {
                Kind::Text => ColumnType::Text,
                Kind::Integer => ColumnType::Integer,
                Kind::Timestamp => ColumnType::Timestamp,
            };
            let fits = self.columns.get(place).is_some_and(|column| {
                column.name == wanted.name && column.kind == kind && column.required == wanted.required
            });
            if !fits {
                return Err(format!(
                    "column {} must be `{}` of type {}{}, as every table has it",
                    place + 1,
                    wanted.name,
                    kind.glue(),
                    if wanted.required { ", required" } else { "" }
                ));
            }
        }
        Ok(())
    }
}

fn column(property: &Property) -> Result<Column, String> {
    let name = &property.name;
    let snake = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || !name.chars().all(snake) {
        return Err(format!("the column name `{name}` is not lower snake_case"));
    }
    let physical = property.physical_type.as_deref().unwrap_or("string");
    let kind = ColumnType::parse(physical).ok_or_else(|| {
        format!("physicalType `{physical}` is not string, bigint, double, boolean, date, timestamp or decimal(p,s)")
    })?;
    Ok(Column {
        name: name.clone(),
        kind,
        required: property.required,
        meaning: property.description.clone().unwrap_or_default(),
        personal: property.classification.as_deref() == Some("personal"),
        quality: property.quality.clone(),
    })
}

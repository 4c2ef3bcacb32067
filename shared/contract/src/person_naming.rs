//! Which columns of a table name a person.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::column::{Column, ColumnType};
use crate::place::DocumentPlace;
use crate::problem::nearest_name_hint;

/// The columns by which a row names a person. An erasure that searches free text derives from them
/// what it searches for.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonNaming {
    /// The column with the id of the person whom the row names, such as `pole_id`.
    pub person: String,
    /// Columns of names that may stand beside a surname: first, middle and preferred names.
    #[serde(default)]
    pub given: Vec<String>,
    /// Columns of surnames.
    #[serde(default)]
    pub surname: Vec<String>,
    /// Columns of names in one.
    #[serde(default)]
    pub full: Vec<String>,
    /// The column of the date of birth.
    #[serde(default)]
    pub born: Option<String>,
}

impl PersonNaming {
    /// The columns of texts: names, and the person's id.
    pub(crate) fn text_columns(&self) -> impl Iterator<Item = &str> {
        let names = self.given.iter().chain(&self.surname).chain(&self.full);
        names.chain([&self.person]).map(String::as_str)
    }

    /// Every column that it names.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.text_columns().chain(self.born.as_deref())
    }

    /// Checks that the columns are there and have the types of names and dates. A fault is (its
    /// place in the declaration, what is wrong).
    pub(crate) fn check(&self, columns: &[Column]) -> Result<(), (DocumentPlace, String)> {
        for name in self.text_columns() {
            check_column(columns, name, ColumnType::Text)?;
        }
        match &self.born {
            Some(name) => check_column(columns, name, ColumnType::Date),
            None => Ok(()),
        }
    }
}

fn check_column(
    columns: &[Column],
    name: &str,
    kind: ColumnType,
) -> Result<(), (DocumentPlace, String)> {
    let place = DocumentPlace::root().mention(name);
    let Some(column) = columns.iter().find(|column| column.name == name) else {
        let hint = nearest_name_hint(name, columns.iter().map(|column| column.name.as_str()));
        let why =
            format!("`naming` names the column `{name}`, which the table does not have{hint}");
        return Err((place, why));
    };
    if column.kind != kind {
        let why = format!(
            "`naming` names the column `{name}`, which is {}; it must be {}",
            column.kind.glue_type(),
            kind.glue_type()
        );
        return Err((place, why));
    }
    Ok(())
}

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn column(name: &str, kind: ColumnType) -> Column {
        Column {
            name: name.to_owned(),
            kind,
            required: false,
            meaning: String::new(),
            classification: "personal".to_owned(),
            personal: true,
            tags: Vec::new(),
            list: None,
            examples: Vec::new(),
            key: false,
        }
    }

    #[test]
    fn the_columns_are_there_and_have_their_types() {
        let columns = [
            column("pole_id", ColumnType::Text),
            column("surname", ColumnType::Text),
            column("date_of_birth", ColumnType::Date),
        ];
        let fault = |naming: serde_json::Value| {
            let naming: PersonNaming = serde_json::from_value(naming).unwrap();
            naming.check(&columns).err().map(|(_, why)| why)
        };

        let sound = json!({"person": "pole_id", "surname": ["surname"], "born": "date_of_birth"});
        assert_eq!(fault(sound), None);
        let misspelt = fault(json!({"person": "pole_id", "surname": ["surnme"]})).unwrap();
        assert!(misspelt.contains("`surname`"), "{misspelt}");
        let no_text = fault(json!({"person": "pole_id", "given": ["date_of_birth"]})).unwrap();
        assert!(no_text.contains("must be string"), "{no_text}");
        let no_date = fault(json!({"person": "pole_id", "born": "surname"})).unwrap();
        assert!(no_date.contains("must be date"), "{no_date}");
    }
}

//! The names that a rule may use: the columns of its table, the other tables, the reference lists.

use crate::column::{Column, ColumnType};
use crate::list::ReferenceLists;
use crate::problem::nearest_name_hint;

/// The table that a rule belongs to, and what the rule may name beside it.
#[derive(Clone, Copy)]
pub(crate) struct RuleContext<'s> {
    /// The table's name.
    pub(crate) table: &'s str,
    /// The table's columns, the provenance first.
    pub(crate) columns: &'s [Column],
    /// The names of all tables.
    pub(crate) tables: &'s [String],
    /// All reference lists.
    pub(crate) lists: &'s ReferenceLists,
}

impl RuleContext<'_> {
    /// The type of a column; none where the table has no such column.
    pub(super) fn column_type(&self, name: &str) -> Option<ColumnType> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .map(|column| column.kind)
    }

    /// A column of the table, whatever its type.
    pub(super) fn known_column(&self, name: &str) -> Result<String, String> {
        if self.column_type(name).is_some() {
            return Ok(name.to_owned());
        }
        let names = self.columns.iter().map(|column| column.name.as_str());
        Err(format!(
            "`{}` has no column `{name}`{}",
            self.table,
            nearest_name_hint(name, names)
        ))
    }

    /// Columns of the table, whatever their types.
    pub(super) fn known_columns(&self, names: &[String]) -> Result<Vec<String>, String> {
        names.iter().map(|name| self.known_column(name)).collect()
    }

    /// A column of texts.
    pub(super) fn text_column(&self, name: &str) -> Result<String, String> {
        self.column_of_type(name, &[ColumnType::Text], "text")
    }

    /// A column of dates or of instants.
    pub(super) fn date_column(&self, name: &str) -> Result<String, String> {
        let accepted = [ColumnType::Date, ColumnType::Timestamp];
        self.column_of_type(name, &accepted, "date or timestamp")
    }

    fn column_of_type(
        &self,
        name: &str,
        accepted: &[ColumnType],
        type_name: &str,
    ) -> Result<String, String> {
        let column = self.known_column(name)?;
        match self.column_type(&column) {
            Some(kind) if accepted.contains(&kind) => Ok(column),
            _ => Err(format!("the column `{name}` is no {type_name}")),
        }
    }

    /// A table of the catalogue.
    pub(super) fn known_table(&self, name: &str) -> Result<String, String> {
        if self.tables.iter().any(|table| table == name) {
            return Ok(name.to_owned());
        }
        let names = self.tables.iter().map(String::as_str);
        Err(format!(
            "there is no table `{name}`{}",
            nearest_name_hint(name, names)
        ))
    }
}

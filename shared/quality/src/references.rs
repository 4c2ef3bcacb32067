//! Checks that ask for rows of other tables: references and links.

use arrow_array::RecordBatch;
use contract::ReferenceTarget;

use crate::texts::{check_texts, text_column};
use crate::verdict::{RowVerdict, not_applicable};

/// Knowledge of other tables, which a pass over one table does not have.
pub trait CrossTableCheck {
    /// Whether `value` is the `pole_id` of a row of `table`; none when the rows of that table are
    /// not known.
    fn has_pole_id(&self, table: &str, value: &str) -> Option<bool>;
    /// Whether a row of this `pole_id` is linked to a row of one of `tables`, or of any table when
    /// `tables` is empty; none when the links are not known.
    fn is_linked(&self, pole_id: &str, tables: &[String]) -> Option<bool>;
}

/// Checks that the values of a column are the `pole_id` of a row of the target.
pub(crate) fn check_references(
    batch: &RecordBatch,
    column: &str,
    target: &ReferenceTarget,
    other_tables: Option<&dyn CrossTableCheck>,
) -> Vec<RowVerdict> {
    let Some(other_tables) = other_tables else {
        return not_applicable(batch);
    };
    match target {
        ReferenceTarget::Table(table) => {
            check_texts(batch, column, |id| other_tables.has_pole_id(table, id))
        }
        ReferenceTarget::InColumn(table_column) => {
            check_references_by_row(batch, column, table_column, other_tables)
        }
    }
}

/// Checks references whose target is named in another column of the same row.
fn check_references_by_row(
    batch: &RecordBatch,
    id_column: &str,
    table_column: &str,
    other_tables: &dyn CrossTableCheck,
) -> Vec<RowVerdict> {
    let Some(ids) = text_column(batch, id_column) else {
        return not_applicable(batch);
    };
    let Some(tables) = text_column(batch, table_column) else {
        return not_applicable(batch);
    };

    ids.iter()
        .zip(tables)
        .map(|(id, table)| other_tables.has_pole_id(table?, id?))
        .map(RowVerdict::from_optional_bool)
        .collect()
}

/// Checks that the rows are linked to a row of one of the tables, or of any table when none is
/// named.
pub(crate) fn check_links(
    batch: &RecordBatch,
    tables: &[String],
    other_tables: Option<&dyn CrossTableCheck>,
) -> Vec<RowVerdict> {
    match other_tables {
        Some(other_tables) => {
            check_texts(batch, "pole_id", |id| other_tables.is_linked(id, tables))
        }
        None => not_applicable(batch),
    }
}

//! The tables of a day that failed, as steps and the state machine name them to each other.

use std::collections::BTreeSet;

use host::{Failure, FailureKind};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::context::Context;
use crate::entity;
use crate::merge_run::TableFailure;

/// A table of a plan that failed. Its cause is in the log: those of many tables could pass what a
/// state machine takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedTable {
    /// The table.
    pub table: String,
    /// The kind of the failure.
    pub error: String,
}

impl From<TableFailure> for FailedTable {
    fn from(failed: TableFailure) -> Self {
        Self {
            table: failed.table,
            error: failed.failure.kind.error_type().to_owned(),
        }
    }
}

/// A table that `entity` is made from and that has failed: `entity` would lack its rows.
pub(crate) fn find_failed_source<'c>(failed: &Value, context: &'c Context) -> Option<&'c str> {
    let mut names = BTreeSet::new();
    add_table_names(failed, &mut names);
    entity::entity_source_tables(&context.catalogue)
        .map(|table| table.name.as_str())
        .find(|name| names.contains(name))
}

/// The tables that a document names, at any depth: the state machine nests what each round of plans
/// left behind.
fn add_table_names<'d>(document: &'d Value, names: &mut BTreeSet<&'d str>) {
    match document {
        Value::Array(items) => items.iter().for_each(|item| add_table_names(item, names)),
        Value::Object(members) => {
            names.extend(members.get("table").and_then(Value::as_str));
            members
                .values()
                .for_each(|item| add_table_names(item, names));
        }
        _ => {}
    }
}

/// The failure of `entity` without one of its tables: no other attempt can succeed.
pub(crate) fn lacks_source(table: &str) -> Failure {
    let message = format!(
        "`{}` is made from `{table}`, which was not merged",
        entity::ENTITY
    );
    Failure::new(FailureKind::BadRequest, message)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tables_that_failed_are_found_at_any_depth() {
        let failed = json!({
            "records": {"planned": [], "merged": [{"table": "_records/housing-person", "error": "x"}]},
            "tables": {"planned": [{"table": "person", "error": "Corrupt"}], "merged": []},
            "entity": {"Error": "Unavailable", "Cause": "no table"},
        });
        let mut names = BTreeSet::new();
        add_table_names(&failed, &mut names);
        assert_eq!(names, BTreeSet::from(["_records/housing-person", "person"]));

        let nothing = json!({"tables": {"planned": [], "merged": []}, "none": null});
        let mut none = BTreeSet::new();
        add_table_names(&nothing, &mut none);
        assert!(none.is_empty());
    }
}

//! The tables that an operator names.

use contract::{TableContract, nearest_name_hint};

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// The tables of these names; every table when no name is given.
///
/// # Errors
/// When no contract describes one of them; the error names the tables that there are.
pub fn select_tables<'l>(
    lake: &'l LakeHandle,
    names: &[impl AsRef<str>],
) -> Result<Vec<&'l TableContract>, OperationError> {
    let tables = &lake.catalogue.tables;
    let unknown = names
        .iter()
        .map(AsRef::as_ref)
        .find(|name| lake.catalogue.table_contract(name).is_none());

    if let Some(unknown) = unknown {
        let known: Vec<&str> = tables.iter().map(|table| table.name.as_str()).collect();
        let near = nearest_name_hint(unknown, known.iter().copied());
        let known = known.join(", ");
        return Err(format!("there is no table `{unknown}`{near}; there are {known}").into());
    }

    Ok(tables
        .iter()
        .filter(|table| names.is_empty() || names.iter().any(|name| name.as_ref() == table.name))
        .collect())
}

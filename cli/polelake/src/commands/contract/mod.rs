//! `polelake contract`: draft, check, test, try, compare and document contracts.

pub(crate) mod diff;
pub(crate) mod docs;
pub(crate) mod lint;
pub(crate) mod new;
pub(crate) mod pack;
pub(crate) mod schema;
pub(crate) mod test;
pub(crate) mod try_events;

use std::path::Path;

use contract::{Catalogue, DeclaredFile};

use crate::client::require_contracts;
use crate::error::CliError;

/// The contracts of a folder, compiled; every problem when they do not.
fn compile_contracts(contracts: &Path) -> Result<Catalogue, CliError> {
    Ok(host::load_contracts(&contracts.to_string_lossy()).map_err(|failure| failure.message)?)
}

/// The declared files of a folder.
pub(crate) fn read_contract_files(contracts: &Path) -> Result<Vec<DeclaredFile>, CliError> {
    require_contracts(contracts)?;
    Ok(host::read_contract_files(&contracts.to_string_lossy())
        .map_err(|failure| failure.message)?)
}

//! `polelake contract`: declare a data set, check it, test it, and say what it is.

pub(crate) mod diff;
pub(crate) mod docs;
pub(crate) mod lint;
pub(crate) mod new;
pub(crate) mod pack;
pub(crate) mod schema;
pub(crate) mod test;

use std::path::Path;

use contract::{Catalogue, File};

use crate::client::contracts_are_there;
use crate::error::Failed;

/// The contracts of a folder, compiled; every problem when they do not.
fn compiled(contracts: &Path) -> Result<Catalogue, Failed> {
    Ok(host::load_contracts(&contracts.to_string_lossy()).map_err(|failure| failure.message)?)
}

/// The declared files of a folder.
pub(crate) fn files(contracts: &Path) -> Result<Vec<File>, Failed> {
    contracts_are_there(contracts)?;
    Ok(host::contract_files(&contracts.to_string_lossy()).map_err(|failure| failure.message)?)
}

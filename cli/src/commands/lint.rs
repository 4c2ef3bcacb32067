//! `polelake contract lint`.

use std::path::Path;

use serde_json::json;

use crate::args::Failed;

pub(crate) fn run(contracts: &Path, as_json: bool) -> Result<bool, Failed> {
    let catalogue = host::load_contracts(&contracts.to_string_lossy()).map_err(|failure| failure.message)?;
    let mut rules = 0;
    for table in &catalogue.tables {
        rules += quality::rules_of(table)?.len();
    }
    let (sources, tables) = (catalogue.plans.len(), catalogue.tables.len());
    if as_json {
        println!("{}", json!({"sources": sources, "tables": tables, "rules": rules}));
    } else {
        println!(
            "{sources} sources, {tables} tables and {rules} rules compile; every rule is enforced by snapshot-merge"
        );
    }
    Ok(true)
}

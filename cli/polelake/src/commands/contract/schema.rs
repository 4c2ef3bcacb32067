//! `polelake contract schema`: the JSON Schemas from which editors complete.

use std::path::Path;

use crate::error::CliError;

pub(crate) fn run(out: Option<&Path>) -> Result<bool, CliError> {
    for (name, schema) in contract::published_schemas() {
        match out {
            Some(folder) => {
                std::fs::create_dir_all(folder)?;
                std::fs::write(folder.join(name), format!("{schema:#}\n"))?;
                println!("{}", folder.join(name).display());
            }
            None => println!("{schema:#}"),
        }
    }
    Ok(true)
}

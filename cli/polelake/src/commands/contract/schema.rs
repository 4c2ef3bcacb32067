//! `polelake contract schema`: the JSON Schemas from which editors complete.

use std::path::Path;

use crate::error::CliError;
use crate::named_file::{create_folder, write_file};

pub(crate) fn run(out: Option<&Path>) -> Result<bool, CliError> {
    for (name, schema) in contract::published_schemas() {
        match out {
            Some(folder) => {
                create_folder(folder)?;
                write_file(&folder.join(name), format!("{schema:#}\n"))?;
                println!("{}", folder.join(name).display());
            }
            None => println!("{schema:#}"),
        }
    }
    Ok(true)
}

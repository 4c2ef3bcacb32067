//! `polelake contract pack`: the file that is deployed with the functions.

use std::path::Path;

use super::read_contract_files;
use crate::error::CliError;
use crate::named_file::write_file;

pub(crate) fn run(contracts: &Path, out: &Path) -> Result<bool, CliError> {
    let files = read_contract_files(contracts)?;
    match contract::pack_files(&files) {
        Ok((pack, _)) => {
            write_file(out, &pack)?;
            println!(
                "{} files, {} KB in {}",
                files.len(),
                pack.len() / 1024,
                out.display()
            );
            Ok(true)
        }
        Err(problems) => {
            problems
                .iter()
                .for_each(|problem| println!("{}/{problem}", contracts.display()));
            println!("\n{} errors: nothing is packed", problems.len());
            Ok(false)
        }
    }
}

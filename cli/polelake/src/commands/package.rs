//! `polelake package`: the zips that Terraform deploys.

use std::path::Path;

use serde_json::json;

use super::contract::read_contract_files;
use crate::error::CliError;
use crate::package::{ZIP_BYTES_MAX, package_functions};

pub(crate) fn run(
    binaries: &Path,
    contracts: &Path,
    out: &Path,
    as_json: bool,
) -> Result<bool, CliError> {
    crate::client::require_contracts(contracts)?;
    let (pack, _) = contract::pack_files(&read_contract_files(contracts)?).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!(
            "the contracts do not compile, and nothing is packed:\n{}",
            lines.join("\n")
        )
    })?;
    let packages = package_functions(binaries, pack.as_bytes(), out)?;
    let too_large: Vec<&str> = packages
        .iter()
        .filter(|package| package.zip_bytes > ZIP_BYTES_MAX)
        .map(|package| package.function.as_str())
        .collect();
    if as_json {
        println!("{}", json!({"packages": packages, "too_large": too_large}));
        return Ok(too_large.is_empty());
    }
    let megabytes = |bytes: usize| bytes as f64 / 1e6;
    println!(
        "{:16} {:7} {:>10} {:>8}  sha256",
        "function", "arch", "binary MB", "zip MB"
    );
    for package in &packages {
        println!(
            "{:16} {:7} {:>10.1} {:>8.1}  {}",
            package.function,
            package.architecture,
            megabytes(package.binary_bytes),
            megabytes(package.zip_bytes),
            package.sha256
        );
    }
    println!(
        "They lie in {}, with their hashes in SHA256SUMS.",
        out.display()
    );
    for function in &too_large {
        println!(
            "! {function}.zip is larger than Lambda takes directly (50 MiB): deploy it over S3"
        );
    }
    Ok(too_large.is_empty())
}

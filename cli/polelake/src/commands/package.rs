//! `polelake package`: the zips that Terraform deploys.

use std::path::Path;

use contract::{DeclaredFile, Problem};
use serde_json::json;

use super::contract::read_contract_files;
use crate::args::platform::PackageArgs;
use crate::error::CliError;
use crate::package::{LambdaPackage, ZIP_BYTES_MAX, package_functions};

pub(crate) fn run(args: &PackageArgs) -> Result<bool, CliError> {
    let files = read_contract_files(&args.contracts)?;
    let (pack, _) = contract::pack_files(&files)
        .map_err(|problems| describe_unpacked(&args.contracts, &files, &problems))?;
    let packages = package_functions(&args.binaries, pack.as_bytes(), &args.out)?;
    let too_large: Vec<&str> = packages
        .iter()
        .filter(|package| package.zip_bytes > ZIP_BYTES_MAX)
        .map(|package| package.function.as_str())
        .collect();

    if args.json {
        println!("{}", json!({"packages": packages, "too_large": too_large}));
    } else {
        print_packages(&packages, &args.out);
        for function in &too_large {
            println!(
                "! {function}.zip is larger than Lambda takes directly (50 MiB): deploy it over S3"
            );
        }
    }
    Ok(too_large.is_empty())
}

/// Why the contracts of a folder are not packed.
fn describe_unpacked(folder: &Path, files: &[DeclaredFile], problems: &[Problem]) -> String {
    let lines = host::describe_compile_problems(&folder.to_string_lossy(), files, problems);
    format!("the contracts do not compile, and nothing is packed:\n{lines}")
}

fn print_packages(packages: &[LambdaPackage], out: &Path) {
    println!(
        "{:16} {:7} {:>10} {:>8}  sha256",
        "function", "arch", "binary MB", "zip MB"
    );
    for package in packages {
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
        "The zips are in {}, with their hashes in SHA256SUMS.",
        out.display()
    );
}

fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

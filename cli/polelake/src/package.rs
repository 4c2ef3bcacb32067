//! Packages for Lambda: a function's binary and the contracts in a zip, the same bytes on every
//! machine.
//!
//! Times, order, modes and compressor are fixed: the compressor is Rust, and Cargo.lock pins its
//! version.

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sha2::{Digest, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::error::CliError;
use crate::named_file::{create_folder, unreadable_file, write_file};
use local_platform::startup::FUNCTIONS;

/// The file that Lambda starts.
pub const BOOTSTRAP_FILE: &str = "bootstrap";

/// The pack of contracts beside it; on Lambda it is `/var/task/contracts.json`.
pub const CONTRACTS_FILE: &str = "contracts.json";

/// The list of hashes, as `sha256sum -c` reads it.
pub const CHECKSUMS_FILE: &str = "SHA256SUMS";

/// Lambda takes no larger zip directly; larger ones go over S3.
pub const ZIP_BYTES_MAX: usize = 50 * 1024 * 1024;

/// This function reads no contracts: a changed contract does not change its package.
const FUNCTION_WITHOUT_CONTRACTS: &str = "raw-landing";

/// A package that was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LambdaPackage {
    /// The function's name.
    pub function: String,
    /// `arm64` or `x86_64`, as Lambda calls it.
    pub architecture: &'static str,
    /// Bytes of the binary.
    pub binary_bytes: usize,
    /// Bytes of the zip.
    pub zip_bytes: usize,
    /// The zip's SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// The same in base64: Terraform's `source_code_hash`.
    pub source_code_hash: String,
    /// The file.
    pub zip: PathBuf,
}

/// Packs all five functions from a folder of binaries, with the pack of contracts.
///
/// # Errors
/// When a binary is missing, is no Linux binary for a processor that Lambda has, or they are for
/// different processors.
pub fn package_functions(
    binaries: &Path,
    contracts: &[u8],
    out: &Path,
) -> Result<Vec<LambdaPackage>, CliError> {
    create_folder(out)?;
    let mut packages: Vec<LambdaPackage> = Vec::new();
    for (function, ..) in FUNCTIONS {
        let binary = read_binary(binaries, function)?;
        check_same_architecture(&packages, function, binary.architecture)?;
        let contracts = (function != FUNCTION_WITHOUT_CONTRACTS).then_some(contracts);
        packages.push(write_package(function, &binary, contracts, out)?);
    }

    let sums: String = packages
        .iter()
        .map(|package| format!("{}  {}.zip\n", package.sha256, package.function))
        .collect();
    write_file(&out.join(CHECKSUMS_FILE), sums)?;
    Ok(packages)
}

/// A function's binary.
struct FunctionBinary {
    bytes: Vec<u8>,
    architecture: &'static str,
}

fn read_binary(folder: &Path, function: &str) -> Result<FunctionBinary, CliError> {
    let file = find_binary(folder, function)?;
    let shown = file.display();
    let bytes = std::fs::read(&file).map_err(|error| unreadable_file(&file, &error))?;
    let architecture = elf_architecture(&bytes).ok_or_else(|| {
        format!("{shown} is no Linux binary for Lambda; `infra/package` builds the five")
    })?;

    Ok(FunctionBinary {
        bytes,
        architecture,
    })
}

fn check_same_architecture(
    packages: &[LambdaPackage],
    function: &str,
    architecture: &str,
) -> Result<(), CliError> {
    let other = packages
        .iter()
        .find(|package| package.architecture != architecture);
    let Some(other) = other else { return Ok(()) };

    let why = format!(
        "{function} is {architecture} and {} is {}: the folder mixes two builds; remove it and \
         build the five with `infra/package`",
        other.function, other.architecture
    );
    Err(why.into())
}

fn write_package(
    function: &str,
    binary: &FunctionBinary,
    contracts: Option<&[u8]>,
    out: &Path,
) -> Result<LambdaPackage, CliError> {
    let bytes = build_zip(&binary.bytes, contracts)?;
    let zip = out.join(format!("{function}.zip"));
    write_file(&zip, &bytes)?;

    let digest = Sha256::digest(&bytes);
    Ok(LambdaPackage {
        function: function.to_owned(),
        architecture: binary.architecture,
        binary_bytes: binary.bytes.len(),
        zip_bytes: bytes.len(),
        sha256: format!("{digest:x}"),
        source_code_hash: base64_simd::STANDARD.encode_to_string(digest),
        zip,
    })
}

/// `<folder>/<function>/bootstrap`, as cargo-lambda leaves it, or `<folder>/<function>`, as Cargo
/// does.
fn find_binary(folder: &Path, function: &str) -> Result<PathBuf, CliError> {
    let candidates = [
        folder.join(function).join(BOOTSTRAP_FILE),
        folder.join(function),
    ];
    let found = candidates.into_iter().find(|file| file.is_file());
    found.ok_or_else(|| {
        format!(
            "there is no {function} in {}; build the five with `infra/package`, or `cargo build \
             --release --workspace`",
            folder.display()
        )
        .into()
    })
}

/// The zip's bytes.
fn build_zip(bootstrap: &[u8], contracts: Option<&[u8]>) -> Result<Vec<u8>, CliError> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default());
    zip.start_file(BOOTSTRAP_FILE, options.unix_permissions(0o755))?;
    zip.write_all(bootstrap)?;
    if let Some(contracts) = contracts {
        zip.start_file(CONTRACTS_FILE, options.unix_permissions(0o644))?;
        zip.write_all(contracts)?;
    }
    Ok(zip.finish()?.into_inner())
}

/// The processor of an ELF binary of 64 bits, as Lambda calls it.
fn elf_architecture(binary: &[u8]) -> Option<&'static str> {
    // ELF's header: magic, class (2: 64 bits), byte order (1: little); the machine is at byte 18.
    if !binary.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    match binary.get(18..20)? {
        [0xb7, 0] => Some("arm64"),
        [0x3e, 0] => Some("x86_64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So much of an ELF header as is looked at, and something to compress.
    fn elf(machine: u8) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(18, 0);
        bytes.extend([machine, 0]);
        bytes.extend((0..40_000_u32).flat_map(|number| (number % 977).to_le_bytes()));
        bytes
    }

    fn folder(name: &str) -> PathBuf {
        let folder =
            std::env::temp_dir().join(format!("polelake-package-{}-{name}", std::process::id()));
        drop(std::fs::remove_dir_all(&folder));
        std::fs::create_dir_all(&folder).unwrap();
        folder
    }

    #[test]
    fn the_same_binaries_give_the_same_packages_wherever_they_lie() {
        let (cargo, lambda) = (folder("cargo"), folder("lambda"));
        for (function, ..) in FUNCTIONS {
            std::fs::write(cargo.join(function), elf(0xb7)).unwrap();
            std::fs::create_dir(lambda.join(function)).unwrap();
            std::fs::write(lambda.join(function).join(BOOTSTRAP_FILE), elf(0xb7)).unwrap();
        }
        let first = package_functions(&cargo, b"{}", &cargo.join("out")).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(10));
        let second = package_functions(&lambda, b"{}", &lambda.join("out")).unwrap();
        let hashes = |packages: &[LambdaPackage]| {
            packages
                .iter()
                .map(|one| one.sha256.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(hashes(&first), hashes(&second));
        assert_eq!((first.len(), first[0].architecture), (5, "arm64"));
        assert!(first[0].zip_bytes < first[0].binary_bytes / 2);
        let sums = std::fs::read_to_string(cargo.join("out").join(CHECKSUMS_FILE)).unwrap();
        assert!(
            sums.starts_with(&format!("{}  event-relay.zip\n", first[0].sha256)),
            "{sums}"
        );
        // Another contract: another hash, but for the one that reads none.
        let third = package_functions(&cargo, b"{ }", &cargo.join("out")).unwrap();
        let same: Vec<&str> = first
            .iter()
            .zip(&third)
            .filter(|(a, b)| a.sha256 == b.sha256)
            .map(|(a, _)| a.function.as_str())
            .collect();
        assert_eq!(same, [FUNCTION_WITHOUT_CONTRACTS]);
        for folder in [cargo, lambda] {
            std::fs::remove_dir_all(folder).unwrap();
        }
    }

    #[test]
    fn what_is_in_a_package_can_be_run() {
        let zip = build_zip(&elf(0x3e), Some(b"{}")).unwrap();
        let mut archive = zip::ZipArchive::new(Cursor::new(zip)).unwrap();
        let names: Vec<String> = archive
            .file_names()
            .map(|name| name.unwrap().into_owned())
            .collect();
        assert_eq!(names, [BOOTSTRAP_FILE, CONTRACTS_FILE]);
        let modes: Vec<u32> = (0..2)
            .map(|place| archive.by_index(place).unwrap().unix_mode().unwrap() & 0o777)
            .collect();
        assert_eq!(modes, [0o755, 0o644]);
    }

    #[test]
    fn mixed_and_foreign_binaries_are_refused() {
        let mixed = folder("mixed");
        for (place, (function, ..)) in FUNCTIONS.iter().enumerate() {
            std::fs::write(
                mixed.join(function),
                elf(if place == 2 { 0x3e } else { 0xb7 }),
            )
            .unwrap();
        }
        let said = package_functions(&mixed, b"", &mixed.join("out"))
            .unwrap_err()
            .to_string();
        assert!(
            said.contains("pole-transform is x86_64 and event-relay is arm64"),
            "{said}"
        );
        std::fs::write(mixed.join("event-relay"), b"#!/bin/sh").unwrap();
        assert!(
            package_functions(&mixed, b"", &mixed.join("out"))
                .unwrap_err()
                .to_string()
                .contains("no Linux binary")
        );
        std::fs::remove_file(mixed.join("event-relay")).unwrap();
        assert!(
            package_functions(&mixed, b"", &mixed.join("out"))
                .unwrap_err()
                .to_string()
                .contains("infra/package")
        );
        std::fs::remove_dir_all(mixed).unwrap();
    }
}

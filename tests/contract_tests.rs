//! `polelake contract test --update`: what is written as expected is what a right contract gives.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lake_under_test::{TempFolder, copy_contracts, new_lake_folder};

const SOURCE: &str = "sources/housing/person";

/// A copy of the shipped contracts.
fn shipped_copy() -> TempFolder {
    let folder = new_lake_folder();
    copy_contracts(&folder);
    folder
}

/// Runs `polelake contract test --update` on one source; gives the exit code and what it printed.
fn update(contracts: &Path) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"))
        .args([
            "contract",
            "test",
            "--update",
            "housing-person",
            "--contracts",
        ])
        .arg(contracts)
        .output()
        .unwrap();
    let printed = [&output.stdout[..], &output.stderr[..]].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(printed).unwrap(),
    )
}

fn expected_file(contracts: &Path) -> PathBuf {
    contracts.join(SOURCE).join("expected.txt")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn change(path: &Path, from: &str, to: &str) {
    let text = read(path);
    assert!(text.contains(from), "{from}");
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn a_contract_that_reads_no_sample_writes_no_expectation() {
    // A sample that had rows lies in quarantine.
    let contracts = shipped_copy();
    let before = read(&expected_file(&contracts));
    let contract = contracts.join(SOURCE).join("contract.odcs.yaml");
    change(
        &contract,
        "{name: placeOfBirth, logicalType: string",
        "{name: placeOfBirth, logicalType: boolean",
    );
    let (code, said) = update(&contracts);
    assert_eq!(code, 1, "{said}");
    for part in [
        "expected.txt is NOT written",
        "the sample `person-created` was expected to become rows",
        "sample `person-created` is quarantined (contract.type)",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    assert_eq!(read(&expected_file(&contracts)), before);

    // A new source of which every sample is quarantined.
    let contracts = shipped_copy();
    let contract = contracts.join(SOURCE).join("contract.odcs.yaml");
    change(
        &contract,
        "{name: id, logicalType: string",
        "{name: id, logicalType: integer",
    );
    std::fs::remove_file(expected_file(&contracts)).unwrap();
    let (code, said) = update(&contracts);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("every sample is quarantined"), "{said}");
    assert!(!expected_file(&contracts).exists());

    // No sample has a time that the contract reads.
    let contracts = shipped_copy();
    let contract = contracts.join(SOURCE).join("contract.odcs.yaml");
    change(
        &contract,
        "      envelope: entity-event",
        "      envelope: entity-event\n      event_time: {parse: {from: $.dateTime, as: timestamp, \
         formats: [\"DD/MM/YYYY HH:mm\"]}}",
    );
    change(&contract, "      backfill:", "      # backfill:");
    let (code, said) = update(&contracts);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("expected.txt is NOT written"), "{said}");
    assert!(said.contains("first correct what is said above"), "{said}");
    assert_eq!(read(&expected_file(&contracts)), before);
}

#[test]
fn a_sample_that_must_be_refused_is_written_and_named() {
    let contracts = shipped_copy();
    let samples = contracts.join(SOURCE).join("samples");
    let good = read(&samples.join("person-created.json"));
    let bad = good.replacen("\"firstName\": \"", "\"firstName\": 7, \"was\": \"", 1);
    assert_ne!(good, bad);
    std::fs::write(samples.join("person-refused.json"), bad).unwrap();
    let (code, said) = update(&contracts);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("expected.txt is overwritten: review it"),
        "{said}"
    );
    assert!(
        said.contains("sample `person-refused` is quarantined (contract.type)"),
        "{said}"
    );
    assert!(read(&expected_file(&contracts)).contains("quarantined: contract.type"));
    let (code, said) = update(&contracts);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("as expected"), "{said}");
}

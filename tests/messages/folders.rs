//! What commands say of the folders that they work on: a new lake, and contracts that are no more
//! than a draft.

use std::process::Command;

use serde_json::Value;

use super::{PROGRAM, assert_says, born, error_json, new_folder};
use crate::lake_under_test::{MONDAY, TempFolder, contracts_with, repository_root};

const MAPPING: &str = "sources/housing/person/mapping.yaml";

#[test]
fn a_command_that_begins_a_lake_says_where() {
    let events = new_folder("new-lake-events");
    std::fs::create_dir_all(&*events).unwrap();
    let file = events.join("events.jsonl");
    std::fs::write(&file, born("a", 1).to_string()).unwrap();
    let folder = new_folder("new-lake");
    let push = |options: &[&str]| {
        Command::new(PROGRAM)
            .args(["push", "housing-person"])
            .arg(&file)
            .arg("--dir")
            .arg(&*folder)
            .args(options)
            .current_dir(repository_root())
            .output()
            .unwrap()
    };

    let output = push(&[]);
    let begun = format!("There was no lake in {}", folder.display());
    assert_says(&output, 0, &[&begun, "--dir", "`polelake up`"]);
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(!printed.contains("no lake"), "it is no outcome: {printed}");
    let output = push(&[]);
    assert!(output.stderr.is_empty(), "the lake is there by now");

    std::fs::remove_dir_all(&*folder).unwrap();
    let output = push(&["--json"]);
    assert!(output.status.success() && output.stderr.is_empty());
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["accepted"],
        1
    );
}

/// The shipped contracts, and a draft of which two decisions are open.
fn contracts_with_draft() -> TempFolder {
    let contracts = contracts_with("draft", MAPPING, |text| format!("{text}\n# as shipped\n"));
    let draft = contracts.join("sources/library/loans");
    std::fs::create_dir_all(&draft).unwrap();
    std::fs::write(
        draft.join("contract.odcs.yaml"),
        "id: library-loans # TODO who\n",
    )
    .unwrap();
    std::fs::write(
        draft.join("mapping.yaml"),
        "records: [] # TODO which table\n",
    )
    .unwrap();
    contracts
}

#[test]
fn an_unfinished_draft_is_named_with_what_to_do() {
    let contracts = contracts_with_draft();
    let folder = new_folder("draft");
    let run = |arguments: &[&str]| {
        Command::new(PROGRAM)
            .args(arguments)
            .arg("--contracts")
            .arg(&*contracts)
            .output()
            .unwrap()
    };

    let draft = format!("{}/sources/library/loans", contracts.display());
    let next = format!(
        "`polelake contract lint --contracts {}`",
        contracts.display()
    );
    let remedy = format!("finish or remove {draft}");
    let parts = [
        "unfinished draft with 2 open decisions",
        "contract.odcs.yaml 1, mapping.yaml 1",
        &remedy,
        &next,
    ];
    let dir = folder.to_str().unwrap();
    for arguments in [
        &["up", "--dir", dir, "--port", "0"][..],
        &["run-day", MONDAY, "--dir", dir],
        &["backfill", "housing-person", "absent.jsonl", "--dir", dir],
        &["contract", "test"],
    ] {
        let output = run(arguments);
        assert_says(&output, 2, &parts);
        let printed = String::from_utf8(output.stderr).unwrap();
        assert!(!printed.contains("decision is still open"), "{printed}");
    }

    let error = error_json(&run(&["run-day", MONDAY, "--dir", dir, "--json"]));
    assert!(
        error["error"].as_str().unwrap().contains(&remedy),
        "{error}"
    );

    // Where the draft is gone, the others run.
    std::fs::remove_dir_all(contracts.join("sources/library/loans")).unwrap();
    assert_says(&run(&["contract", "lint"]), 0, &["compile"]);
}

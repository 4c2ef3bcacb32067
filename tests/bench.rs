//! The commands that need no platform: they answer, and wrong input gives exit code 2 and a remedy.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Output};

fn polelake(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"));
    command
        .args(arguments)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    command.output().unwrap()
}

#[test]
fn benches_measure() {
    for bench in ["land", "transform"] {
        let output = polelake(&["bench", bench, "--events", "3500", "--json"]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let line: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(line["events"], 3_500);
        assert!(
            (1_000..1_400).contains(&line["mean_bytes"].as_u64().unwrap()),
            "{line}"
        );
    }
}

#[test]
fn a_load_counts_its_requests_by_each_transport() {
    let folder = std::env::temp_dir().join(format!("polelake-load-{}", std::process::id()));
    let place = folder.to_string_lossy();
    let output = polelake(&[
        "bench",
        "load",
        "--events",
        "600",
        "--clients",
        "1",
        "--dir",
        &place,
        "--json",
    ]);
    let noted = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{noted}");
    let printed = String::from_utf8(output.stdout).unwrap();
    let loads: Vec<serde_json::Value> = printed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(loads.len(), 2, "{printed}");

    for (load, transport) in loads.iter().zip(["queue", "kafka"]) {
        assert_eq!(load["transport"], transport);
        let requests = &load["requests_to_refine"];
        // A raw object, its increments and its receipt at least.
        let puts = requests["s3"]["PUT"].as_u64().unwrap();
        assert!(puts >= 3 * load["raw_objects"].as_u64().unwrap(), "{load}");
        // Two requests of at most 500 events each, and nothing but them.
        let is_queue = transport == "queue";
        let sent = requests["sqs"]["SendMessageBatch"].as_u64().unwrap_or(0);
        assert_eq!(sent, if is_queue { 2 } else { 0 }, "{load}");
        let merge = &load["requests_to_merge"];
        assert!(merge["s3"]["PUT"].as_u64().unwrap() > 0, "{load}");
        assert!(merge["s3"]["LIST"].as_u64().unwrap() > 0, "{load}");
        assert!(merge["sqs"].as_object().unwrap().is_empty(), "{load}");
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn contracts_lint_and_a_wrong_folder_has_a_remedy() {
    assert!(polelake(&["contract", "lint"]).status.success());
    let output = polelake(&["run-day", "2026-03-02", "--contracts", "nowhere"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("give --contracts"));
}

#[test]
fn every_command_has_help_with_an_example() {
    for command in [
        vec!["demo"],
        vec!["up"],
        vec!["push"],
        vec!["run-day"],
        vec!["contract", "lint"],
        vec!["contract", "try"],
        vec!["smoke"],
        vec!["package"],
        vec!["bench", "land"],
    ] {
        let mut arguments = command.clone();
        arguments.push("--help");
        let output = polelake(&arguments);
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("Example:"),
            "{command:?}"
        );
    }
}

#[test]
fn packages_of_the_same_binaries_are_the_same() {
    let folder = std::env::temp_dir().join(format!("polelake-packages-{}", std::process::id()));
    let functions = [
        "event-relay",
        "raw-landing",
        "pole-transform",
        "snapshot-merge",
        "quality-report",
    ];
    // A real binary, whichever: what is zipped is not run here.
    let binary = Path::new(env!("CARGO_BIN_EXE_polelake-under-test"));
    let binaries = folder.join("binaries");
    std::fs::create_dir_all(&binaries).unwrap();
    for function in functions {
        // A debug binary has hundreds of megabytes: its first one is enough.
        let mut head = Vec::new();
        File::open(binary)
            .unwrap()
            .take(1 << 20)
            .read_to_end(&mut head)
            .unwrap();
        std::fs::write(binaries.join(function), head).unwrap();
    }
    let packed = |out: &str| {
        let (binaries, out) = (binaries.to_string_lossy(), folder.join(out));
        let output = polelake(&[
            "package",
            "--binaries",
            &binaries,
            "--out",
            &out.to_string_lossy(),
            "--json",
        ]);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let told: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(told["packages"].as_array().unwrap().len(), functions.len());
        std::fs::read_to_string(out.join("SHA256SUMS")).unwrap()
    };
    assert_eq!(packed("first"), packed("second"));
    let output = polelake(&[
        "package",
        "--binaries",
        &folder.join("nowhere").to_string_lossy(),
    ]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("infra/package"));
    std::fs::remove_dir_all(folder).unwrap();
}

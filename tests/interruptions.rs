//! Ctrl-C and `kill`: long commands stop, say how far they have come and how it goes on, and end
//! with exit code 130. Signals go to the whole process group, as a terminal sends them.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;

use crate::lake_under_test::{LakeUnderTest, MONDAY, new_lake_folder, repository_root};

const PROGRAM: &str = env!("CARGO_BIN_EXE_polelake-under-test");

/// The command in a process group of its own, with its output kept.
fn grouped(arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(arguments)
        .current_dir(repository_root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

/// Sends a signal to every process of the child's group.
fn signal_group(pid: u32, name: &str) {
    let sent = Command::new("kill")
        .args([name, "--", &format!("-{pid}")])
        .status()
        .unwrap();
    assert!(sent.success());
}

fn assert_interrupted(output: &Output, parts: &[&str]) -> String {
    let said = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(output.stdout.is_empty(), "there is no outcome");
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
    said
}

const RECORDS: usize = 400;

fn people_file(lake: &LakeUnderTest) -> PathBuf {
    let lines: String = (0..RECORDS)
        .map(|number| {
            format!(
                "{}\n",
                json!({"id": format!("p{number}"), "surname": "Sample"})
            )
        })
        .collect();
    let file = lake.folder.join("people.jsonl");
    std::fs::write(&file, lines).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backfill_tells_its_progress_stops_and_continues() {
    let lake = LakeUnderTest::start().await;
    let file = people_file(&lake);
    let arguments = [
        "backfill",
        "housing-person",
        file.to_str().unwrap(),
        "--dir",
        lake.folder.to_str().unwrap(),
    ];
    let mut command = tokio::process::Command::from(grouped(&arguments));
    let mut child = command.args(["--rate", "8"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();

    // No terminal: a line after ten seconds, and no bar.
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(line.starts_with("10 s: people.jsonl: "), "{line}");
    assert!(line.ends_with(" %") && !line.contains(": 0 %"), "{line}");

    signal_group(child.id().unwrap(), "-INT");
    let status = child.wait().await.unwrap();
    let said = lines.next_line().await.unwrap().unwrap();
    assert_eq!(status.code(), Some(130), "{said}");
    for part in [
        "interrupted: the backfill of housing-person broke off",
        "accepted, 0 refused; the same command continues where it stopped",
        "counts once",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert_eq!(lines.next_line().await.unwrap(), None, "and no more");

    let output = grouped(&arguments).arg("--json").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let [skipped, accepted] = ["skipped", "accepted"].map(|name| told[name].as_u64().unwrap());
    assert!(skipped > 0, "what was sent is not sent again: {told}");
    assert_eq!(skipped + accepted, RECORDS as u64);
    lake.run_day(MONDAY).await;
    assert_eq!(lake.table_rows("person", MONDAY).len(), RECORDS);
}

/// Commands on an account that does not answer, and what they say when they are interrupted.
const WAITING: [(&[&str], &str); 9] = [
    (
        &["audit", "--deep"],
        "interrupted while auditing sources, 0 of ",
    ),
    (
        &["audit"],
        "nothing was changed; the same command begins anew",
    ),
    (
        &["rebuild", "--from", MONDAY],
        "interrupted: no day is merged again yet; the same command begins anew",
    ),
    (
        &["erase", "--source", "housing-person", "--key", "k", "--yes"],
        "interrupted: nothing is erased yet; the same command begins anew",
    ),
    (
        &[
            "erase",
            "--source",
            "housing-person",
            "--key",
            "k",
            "--dry-run",
        ],
        "nothing was changed",
    ),
    (
        &["snapshot", "sweep"],
        "what is deleted stays deleted; the same command deletes the rest",
    ),
    (&["snapshot", "sweep", "--dry-run"], "nothing was changed"),
    (
        &["quarantine", "ls"],
        "interrupted: nothing was changed; the same command begins anew",
    ),
    (&["quality", "rescan", MONDAY], "nothing was changed"),
];

/// Runs a command on the account behind this listener until it waits for an answer, and interrupts
/// it.
async fn interrupt_waiting(listener: &TcpListener, arguments: &[&str], signal: &str) -> Output {
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let mut command = grouped(arguments);
    command
        .arg("--aws")
        .env("AWS_ENDPOINT_URL", endpoint)
        .envs([
            ("AWS_ACCESS_KEY_ID", "a"),
            ("AWS_SECRET_ACCESS_KEY", "s"),
            ("AWS_REGION", "eu-west-2"),
            ("STACK", "stack"),
            ("RAW_BUCKET", "raw"),
            ("REFINED_BUCKET", "refined"),
            ("CURATED_BUCKET", "curated"),
            ("IDENTITY_KEY_SECRET", "key"),
        ]);
    let child = tokio::process::Command::from(command).spawn().unwrap();

    let waited = tokio::time::timeout(Duration::from_secs(60), listener.accept());
    let connection = waited.await.unwrap().unwrap();
    signal_group(child.id().unwrap(), signal);
    let output = child.wait_with_output().await.unwrap();
    drop(connection);
    output
}

#[tokio::test(flavor = "multi_thread")]
async fn every_long_command_says_how_it_goes_on() {
    for (index, (arguments, part)) in WAITING.iter().enumerate() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let signal = ["-INT", "-TERM"][index % 2];
        let output = interrupt_waiting(&listener, arguments, signal).await;
        let said = assert_interrupted(&output, &["interrupted", part]);
        assert_eq!(said.lines().count(), 1, "{said}");
    }

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let output = interrupt_waiting(&listener, &["audit", "--json"], "-INT").await;
    assert_eq!(output.status.code(), Some(130));
    let error: Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["exit_code"], 130);
    assert!(
        error["error"]
            .as_str()
            .unwrap()
            .contains("nothing was changed")
    );
}

/// Waits until a file of the folder has content.
fn wait_for_file(child: &mut Child, file: &Path) {
    let begun = Instant::now();
    while std::fs::metadata(file).map_or(0, |found| found.len()) == 0 {
        assert!(child.try_wait().unwrap().is_none(), "it has ended");
        assert!(
            begun.elapsed() < Duration::from_secs(120),
            "{}",
            file.display()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn demo(folder: &Path, options: &[&str]) -> Command {
    let folder = folder.to_str().unwrap();
    let usual = ["demo", "--people", "200", "--dir", folder];
    grouped(&[&usual, options].concat())
}

#[test]
fn a_demo_that_is_interrupted_continues_with_the_next_day() {
    let folder = new_lake_folder();
    let mut child = demo(&folder, &["--days", "9"]).spawn().unwrap();
    wait_for_file(&mut child, &folder.join("demo.json"));
    signal_group(child.id(), "-INT");
    let output = child.wait_with_output().unwrap();
    let said = assert_interrupted(
        &output,
        &[
            "done are 2026-03-02",
            "the same command continues with 2026-03-0",
        ],
    );
    assert!(
        !said.contains("crashed"),
        "functions are ended, not killed: {said}"
    );

    let output = demo(&folder, &["--days", "1", "--json"]).output().unwrap();
    assert!(output.status.success(), "what was sent twice counts once");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    let day = told["days"][0]["run"]["date"].as_str().unwrap();
    assert!(
        said.contains(&format!("continues with {day}")),
        "{day}: {said}"
    );
    let audit = grouped(&["audit", "--deep", "--dir", folder.to_str().unwrap()]).output();
    assert!(audit.unwrap().status.success());
}

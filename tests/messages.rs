//! What commands say when something is wrong, empty or misspelt: the object, the cause, and what to
//! do. Exit code 2 is a command that was not done.

mod folders;
mod push;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use local_platform::private_files::{create_private_folder, write_private_file};
use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, MONDAY, TempFolder, person_event, repository_root};

const PROGRAM: &str = env!("CARGO_BIN_EXE_polelake-under-test");

/// Runs a command on a folder with the shipped contracts.
fn run_on(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).arg("--dir").arg(folder);
    command.current_dir(repository_root()).output().unwrap()
}

/// The exit code, and all that was printed.
fn said(output: &Output) -> (i32, String) {
    let printed = [&output.stdout[..], &output.stderr[..]].concat();
    (
        output.status.code().unwrap(),
        String::from_utf8(printed).unwrap(),
    )
}

fn assert_says(output: &Output, code: i32, parts: &[&str]) {
    let (found, text) = said(output);
    assert_eq!(found, code, "{text}");
    for part in parts {
        assert!(text.contains(part), "{part}: {text}");
    }
}

/// The one line of the error output, as JSON.
fn error_json(output: &Output) -> Value {
    assert_eq!(output.status.code(), Some(2));
    read_error(output)
}

fn read_error(output: &Output) -> Value {
    assert!(output.stdout.is_empty(), "the result's place stays empty");
    serde_json::from_slice(&output.stderr).unwrap()
}

fn new_folder(name: &str) -> TempFolder {
    let folder =
        std::env::temp_dir().join(format!("polelake-messages-{}-{name}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    TempFolder::at(folder)
}

fn write_lines(lake: &LakeUnderTest, name: &str, lines: &[String]) -> PathBuf {
    let path = lake.folder.join(name);
    std::fs::write(&path, lines.join("\n")).unwrap();
    path
}

fn born(key: &str, minute: u32) -> Value {
    person_event(
        "PersonCreatedEvent",
        key,
        minute,
        json!({"id": key, "firstName": "Ada"}),
    )
}

/// What every command says of a day that the calendar does not have.
const NO_SUCH_DAY: &str = "there is no 30 February 2026: February 2026 has 28 days";

/// Commands with a name or a day that there is not, and what they say.
const MISSPELT: [(&[&str], &[&str]); 20] = [
    (
        &["backfill", "housing-persn", "absent.json"],
        &["nearest name is `housing-person`"],
    ),
    (
        &["quarantine", "ls", "--source", "housing-persn"],
        &["nearest name is `housing-person`"],
    ),
    (
        &[
            "quarantine",
            "show",
            "--rule",
            "mapping.person.date_of_brith",
        ],
        &[
            "nearest name is `mapping.person.date_of_birth`",
            "no record is in quarantine",
        ],
    ),
    (
        &["quarantine", "redrive", "--rule", "event.jsn"],
        &["nearest name is `event.json`"],
    ),
    (
        &["snapshot", "ls", "--table", "persn"],
        &["nearest name is `person`"],
    ),
    (
        &["snapshot", "show", "link_s", MONDAY],
        &["nearest name is `link`"],
    ),
    (
        &["quality", "rescan", MONDAY, "--tables", "persn"],
        &["nearest name is `person`"],
    ),
    (&["run-day", "2026-3-2"], &["did you mean 2026-03-02?"]),
    (&["run-day", "2026-02-30"], &[NO_SUCH_DAY]),
    (&["rebuild", "--from", "2026-02-30"], &[NO_SUCH_DAY]),
    (&["audit", "--to", "2026-02-30"], &[NO_SUCH_DAY]),
    (&["snapshot", "drop-day", "2026-02-30"], &[NO_SUCH_DAY]),
    (
        &["quarantine", "ls", "--since", "30/02/2026"],
        &[NO_SUCH_DAY],
    ),
    (
        &["quality", "report", "03/03/2026"],
        &["did you mean 2026-03-03?"],
    ),
    (
        &["quality", "report", "2026-03-09"],
        &[
            "2026-03-09 was not reported",
            "`polelake run-day 2026-03-09`",
            "nearest: 2026-03-02",
        ],
    ),
    (
        &["snapshot", "show", "person", "2026-03-09"],
        &["nearest to it: 2026-03-02"],
    ),
    (
        &["snapshot", "diff", MONDAY, "2026-03-09"],
        &["nearest to it: 2026-03-02"],
    ),
    (&["snapshot", "lst"], &["'ls'"]),
    (
        &["push", "housing-person", "absent.jsonl"],
        &["there is no absent.jsonl", "check the path"],
    ),
    (
        &["backfill", "housing-person", "Cargo.tom"],
        &["there is no Cargo.tom", "nearest name is `Cargo.toml`"],
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn misspelt_names_get_the_nearest_one_and_exit_code_2() {
    let lake = LakeUnderTest::start().await;
    lake.push_events("housing-person", &[born("a", 1)]).await;
    lake.run_day(MONDAY).await;
    let event = write_lines(&lake, "event.json", &[born("b", 2).to_string()]);
    let event = event.to_str().unwrap();
    let arguments = ["push", "housing-persn", event];
    let parts = ["`housing-persn`", "nearest name is `housing-person`"];
    assert_says(&run_on(&lake.folder, &arguments), 2, &parts);

    for (arguments, parts) in MISSPELT {
        assert_says(&run_on(&lake.folder, arguments), 2, parts);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn empty_answers_say_why_they_are_empty() {
    let lake = LakeUnderTest::start().await;
    let file = write_lines(&lake, "empty.jsonl", &[]);
    let rule = "mapping.person.date_of_birth";
    for (arguments, part) in [
        (&["snapshot", "ls"][..], "`polelake run-day DATE` makes"),
        (
            &["snapshot", "ls", "--table", "person"],
            "`person` has no snapshot yet",
        ),
        (&["quarantine", "ls"], "No record is in quarantine"),
        (
            &["quarantine", "show", "--rule", rule],
            "No refused record fits --rule mapping.person.",
        ),
        (&["quarantine", "redrive"], "No record is in quarantine"),
        (&["audit"], "nothing has landed"),
        (
            &["snapshot", "sweep"],
            "nothing to sweep: the retention keeps",
        ),
        (
            &["push", "housing-person", file.to_str().unwrap()],
            "The file has no events",
        ),
        (
            &["run-day", MONDAY],
            "No table has a row: nothing landed by the end of 2026-03-02",
        ),
    ] {
        assert_says(&run_on(&lake.folder, arguments), 0, &[part]);
    }
    // For programs an empty list stays one.
    let output = run_on(&lake.folder, &["quarantine", "ls", "--json"]);
    assert_eq!(
        serde_json::from_slice::<Value>(&output.stdout).unwrap(),
        json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn run_day_names_the_rules_that_fail_and_what_is_in_quarantine() {
    let lake = LakeUnderTest::start().await;
    let mut undated = born("a", 1);
    undated["eventData"]["newData"]["dateOfBirth"] = json!("31/02/1990");
    lake.push_events("housing-person", &[undated, born("b", 2)])
        .await;
    let parts = [
        "housing-person: 1 records of the day were refused (mapping.person.date_of_birth 1)",
        "`polelake quarantine ls --source housing-person`",
    ];
    assert_says(&run_on(&lake.folder, &["run-day", MONDAY]), 0, &parts);
    let output = run_on(&lake.folder, &["run-day", MONDAY, "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        told["quarantined"]["housing-person"]["mapping.person.date_of_birth"],
        1
    );
    assert!(told["broken"].is_array());

    // A function's own words come without the JSON around them.
    let output = run_on(&lake.folder, &["run-day", "2199-01-01"]);
    assert_says(&output, 2, &["BadRequest: 2199-01-01 has not begun"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_refuses_has_a_rule_and_the_next_step() {
    let lake = LakeUnderTest::start().await;
    let client = reqwest::Client::new();
    let url = |source: &str| format!("{}/v1/{source}/events", lake.platform.api);
    let event = born("a", 1).to_string();
    let large = "x".repeat(7 << 20);
    for (source, token, body, rule, part) in [
        (
            "housing-person",
            Some("x"),
            &event,
            "gateway.unauthorised",
            "get a new token",
        ),
        (
            "housing-person",
            None,
            &large,
            "gateway.too-large",
            "send smaller batches",
        ),
        (
            "housing-persn",
            None,
            &event,
            "request.source",
            "nearest name is `housing-person`",
        ),
    ] {
        let mut request = client.post(url(source)).body(body.clone());
        request = request.header("content-type", "application/json");
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        let answer = request.send().await.unwrap().text().await.unwrap();
        let problem: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(problem["rule"], rule, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(part),
            "{problem}"
        );
    }
}

#[test]
fn errors_are_json_where_json_is_asked_for() {
    let folder = new_folder("json");
    // No command can answer without a lake.
    let error = error_json(&run_on(&folder, &["audit", "--json"]));
    assert_eq!(error["exit_code"], 2);
    let text = error["error"].as_str().unwrap();
    assert!(
        text.contains("there is no lake in") && text.contains("`polelake demo`"),
        "{text}"
    );

    for (arguments, part) in [
        (
            &["audit", "--date", "2026-3-2", "--json"][..],
            "did you mean 2026-03-02?",
        ),
        (&["audit", "--jsn", "--json"], "--json"),
        (&["snapshot", "lst", "--json"], "'ls'"),
    ] {
        let error = error_json(&Command::new(PROGRAM).args(arguments).output().unwrap());
        let text = error["error"].as_str().unwrap();
        assert!(text.contains(part) && !text.starts_with("error"), "{text}");
    }
    let help = Command::new(PROGRAM)
        .args(["audit", "--json", "--help"])
        .output()
        .unwrap();
    assert!(help.status.success() && !help.stdout.is_empty());
}

#[test]
fn a_damaged_file_of_the_platform_is_named_with_what_to_do() {
    for (file, content, next) in [
        (
            "glue.json",
            "{\"polelake",
            "shows a day's snapshots in the catalogue again",
        ),
        ("offsets/housing-person.json", "[", "lands no second time"),
        (
            "s3/.journal.jsonl",
            "{}\n",
            "`polelake audit` then names the objects",
        ),
        (
            "kafka/housing-person/0.start.json",
            "x",
            "restore a copy of it",
        ),
    ] {
        let folder = new_folder("damaged");
        let path = folder.join(file);
        create_private_folder(path.parent().unwrap()).unwrap();
        create_private_folder(&folder.join("s3")).unwrap();
        write_private_file(&path, content.as_bytes()).unwrap();
        let output = run_on(&folder, &["snapshot", "ls"]);
        assert_says(
            &output,
            2,
            &[&path.display().to_string(), "is damaged", next],
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_object_is_named_by_its_key_with_what_to_do() {
    let lake = LakeUnderTest::start().await;
    lake.push_events("housing-person", &[born("a", 1)]).await;
    lake.run_day(MONDAY).await;
    let key = lake::manifest_key("person", lake::Day::parse(MONDAY).unwrap());
    std::fs::write(lake.object_path("curated", &key), "{").unwrap();
    let next = "`polelake rebuild --from`";
    for arguments in [
        &["snapshot", "ls"][..],
        &["snapshot", "show", "person", MONDAY],
    ] {
        assert_says(
            &run_on(&lake.folder, arguments),
            2,
            &[&key, "cannot be read", next],
        );
    }
    let report = lake.object_path("site", "data/2026-03-02.json");
    std::fs::write(report, "{").unwrap();
    let output = run_on(&lake.folder, &["quality", "report", MONDAY]);
    assert_says(&output, 2, &["data/2026-03-02.json", "cannot be read"]);
}

#[test]
fn a_folder_without_the_functions_is_refused_at_the_start() {
    let folder = new_folder("functions");
    let empty = new_folder("no-functions");
    std::fs::create_dir_all(&*empty).unwrap();
    let functions = empty.to_str().unwrap();
    let said = [
        "there is no program",
        "event-relay",
        "cargo build --release",
    ];
    let output = run_on(&folder, &["run-day", MONDAY, "--functions", functions]);
    assert_says(&output, 2, &said);

    // A file that cannot be started is none.
    std::fs::write(empty.join("event-relay"), "").unwrap();
    let output = run_on(&folder, &["run-day", MONDAY, "--functions", functions]);
    assert_says(&output, 2, &said);
}

//! `polelake contract try`: what events become, without sending them, over the real command.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::lake_under_test::{
    TempFolder, contracts_with, new_lake_folder, repository_root, visit_files,
};

/// Runs `polelake contract try` in the repository, with this text as its standard input.
fn try_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"))
        .args(["contract", "try"])
        .args(arguments)
        .current_dir(repository_root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

/// The exit code, and the trial as JSON.
fn try_json(arguments: &[&str], input: &[u8]) -> (i32, Value) {
    let output = try_input(&[arguments, &["--json"]].concat(), input);
    let errors = String::from_utf8_lossy(&output.stderr);
    let told = serde_json::from_slice(&output.stdout);
    assert!(told.is_ok(), "{errors}");
    (output.status.code().unwrap(), told.unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn sample(path: &str) -> Value {
    let path = repository_root().join("contracts/sources").join(path);
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The outcome of each event, with the rule that it broke.
fn outcomes(told: &Value) -> Vec<(&str, &str)> {
    let events = told["events"].as_array().unwrap().iter();
    events
        .map(|event| {
            let rule = event["problem"]["rule"].as_str().unwrap_or_default();
            (event["outcome"].as_str().unwrap(), rule)
        })
        .collect()
}

#[test]
fn each_event_has_its_outcome_and_one_that_is_refused_gives_exit_code_2() {
    let good = sample("housing/person/samples/person-created.json");
    let mut keyless = good.clone();
    keyless.as_object_mut().unwrap().remove("entityId");
    let mut unknown = good.clone();
    unknown["eventType"] = json!("PersonDroppedEvent");
    let mut wrong = good.clone();
    wrong["eventData"]["newData"]["surname"] = json!({"planted": true});
    let mut early = good.clone();
    early["dateTime"] = json!("2199-01-01T00:00:00Z");
    let lines: Vec<String> = [&good, &keyless, &unknown, &wrong, &early]
        .map(Value::to_string)
        .into_iter()
        .chain(["{broken".to_owned()])
        .collect();

    let (code, told) = try_json(&["housing-person", "-"], lines.join("\n").as_bytes());
    assert_eq!(code, 2);
    assert_eq!(
        outcomes(&told),
        [
            ("accepted", ""),
            ("refused", "event.key"),
            ("quarantined", "event.undeclared-type"),
            ("quarantined", "contract.type"),
            ("refused", "event.time_ahead"),
            ("refused", "event.json"),
        ]
    );
    assert_eq!(
        (&told["accepted"], &told["refused"]),
        (&json!(1), &json!(3))
    );
    let events = &told["events"];
    assert_eq!(events[1]["problem"]["status"], 422);
    let reason = events[1]["problem"]["reason"].as_str().unwrap();
    assert!(reason.contains("$.entityId"), "{reason}");
    let path = events[3]["problem"]["path"].as_str().unwrap();
    assert!(path.contains("surname"), "{path}");
    assert_eq!(events[0]["tables"]["person"][0]["surname"], "Sample");
    assert_eq!(events[0]["key"], good["entityId"]);

    // The same for people.
    let output = try_input(&["housing-person", "-"], lines.join("\n").as_bytes());
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output.stdout);
    for part in [
        "event 1, PersonCreatedEvent, record 9e8d7c6b-5a49-4382-b1c0-d9e8f7a6b5c4: accepted, ",
        "    surname           Sample",
        "event 2: REFUSED by the API (422 event.key): $.entityId: the record's key is missing",
        "event 3, PersonDroppedEvent, record",
        "QUARANTINED (contract.type)",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }
    let errors = text(&output.stderr);
    assert!(
        errors.contains("6 events tried: 1 accepted, 3 refused, 2 quarantined"),
        "{errors}"
    );
}

#[test]
fn a_good_event_is_a_document_a_list_or_a_line_and_gives_exit_code_0() {
    let good = sample("housing/person/samples/person-created.json");
    let pretty = serde_json::to_string_pretty(&good).unwrap();
    for (input, count) in [
        (pretty.clone(), 1),
        (json!([good, good]).to_string(), 2),
        (format!("{good}\n\n{good}\n{good}\n"), 3),
    ] {
        let (code, told) = try_json(&["housing-person", "-"], input.as_bytes());
        assert_eq!((code, &told["accepted"]), (0, &json!(count)), "{told}");
    }

    // A document that breaks off is one event, and not one for each of its lines.
    let (code, told) = try_json(
        &["housing-person", "-"],
        &pretty.as_bytes()[..pretty.len() - 2],
    );
    assert_eq!(
        (code, outcomes(&told)),
        (2, vec![("refused", "event.json")])
    );
}

#[test]
fn what_cannot_be_tried_is_named_with_what_helps() {
    for (arguments, input, part) in [
        (
            ["housing-persn", "-"],
            "{}",
            "the nearest name is `housing-person`",
        ),
        (
            ["housing-person", "nowhere.json"],
            "",
            "there is no nowhere.json, seen from",
        ),
        (["housing-person", "-"], "", "body.empty"),
        (["housing-person", "-"], "[]", "body.empty"),
        (["housing-person", "-"], "[{},", "event.json"),
    ] {
        let output = try_input(&arguments, input.as_bytes());
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(part), "{part}: {errors}");
    }
}

#[test]
fn more_events_than_a_request_holds_are_cut_and_the_trial_says_so() {
    let good = sample("housing/person/samples/person-created.json");
    let lines = format!("{good}\n").repeat(501);
    let output = try_input(&["housing-person", "-"], lines.as_bytes());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("500 events tried: 500 accepted. There are more"));
}

/// The lines of columns of a golden file's part, or of a trial without its state rows.
fn column_lines(shown: &str) -> Vec<&str> {
    let own = shown.split("  state rows").next().unwrap_or_default();
    own.lines()
        .filter(|line| line.starts_with("    "))
        .collect()
}

#[test]
fn the_rows_are_those_of_contract_test() {
    let mut compared = 0;
    let sources = repository_root().join("contracts/sources");
    let mut samples = Vec::new();
    visit_files(&sources, &mut |path| {
        let is_sample = path
            .parent()
            .is_some_and(|folder| folder.ends_with("samples"));
        if is_sample
            && path
                .extension()
                .is_some_and(|extension| extension == "json")
        {
            samples.push(path.to_owned());
        }
    });
    for path in samples {
        let folder = path.parent().and_then(Path::parent).unwrap();
        let golden = std::fs::read_to_string(folder.join("expected.txt")).unwrap();
        let stem = path.file_stem().unwrap().to_string_lossy().into_owned();
        let heading = format!("# {stem}: ");
        let part = golden.split("\n\n").find(|part| part.starts_with(&heading));
        let below = folder.strip_prefix(&sources).unwrap();
        let source = below.to_string_lossy().replace('/', "-");

        let output = try_input(&[&source, &path.to_string_lossy()], b"");
        let shown = text(&output.stdout);
        assert_eq!(
            column_lines(&shown),
            column_lines(part.unwrap()),
            "{stem}\n{shown}"
        );
        compared += 1;
    }
    assert!(compared > 15, "{compared} samples");
}

#[test]
fn a_patch_shows_the_state_rows_that_it_gives_alone() {
    let updated = sample("housing/person/samples/person-updated.json");
    let (code, told) = try_json(&["housing-person", "-"], updated.to_string().as_bytes());
    assert_eq!(code, 0, "{told}");
    let event = &told["events"][0];
    let person = &event["state"]["tables"]["person"][0];
    assert_eq!(person["preferred_name"], "Rob", "{event}");
    let names = event["state"]["tables"]["person_name"].as_array().unwrap();
    let is_preferred = |row: &&Value| row["name_type"] == "preferred" && row["given_name"] == "Rob";
    assert!(names.iter().any(|row| is_preferred(&row)), "{event}");
    assert_eq!(event["state"]["withheld"], json!([]));
    // What the patch states by itself names the columns that it changes.
    let stated = &event["tables"]["person_name"][0];
    assert_eq!(stated["_changed_columns"], "given_name,name_type,person_id");

    let created = sample("housing/person/samples/person-created.json");
    let output = try_input(&["housing-person", "-"], created.to_string().as_bytes());
    let shown = text(&output.stdout);
    assert!(
        shown.contains("state rows, of this event alone: as above, with the record as owner_id"),
        "{shown}"
    );
    // A deletion leaves none, and a source without patches has none of its own.
    let deleted = sample("housing/person/samples/person-deleted.json");
    let output = try_input(&["housing-person", "-"], deleted.to_string().as_bytes());
    assert!(text(&output.stdout).contains("state rows, of this event alone: none"));
}

#[test]
fn a_state_that_the_relay_would_fetch_is_told_and_can_be_given() {
    let folder = contracts_with(
        "trial-state",
        "sources/housing/person/contract.odcs.yaml",
        |text| {
            let fetch = "state: $.entity\n      fetch: {url: \"https://api.example/{key}\", version: \
                         etag}";
            text.replace("state: $.entity", fetch)
        },
    );
    let contracts = folder.to_str().unwrap();
    let created = sample("housing/person/samples/person-created.json");
    let created = created.to_string();
    let arguments = ["housing-person", "-", "--contracts", contracts];
    let shown = text(&try_input(&arguments, created.as_bytes()).stdout);
    for part in [
        "not fetched: the record's state",
        "adds as `entity`: a trial requests nothing",
        "`--state FILE`",
    ] {
        assert!(shown.contains(part), "{part}\n{shown}");
    }

    let state = folder.join("state.json");
    std::fs::write(&state, r#"{"id": "p1", "surname": "Stated"}"#).unwrap();
    let given = ["--state", state.to_str().unwrap()];
    let output = try_input(&[&arguments[..], &given].concat(), created.as_bytes());
    let shown = text(&output.stdout);
    assert_eq!(
        output.status.code(),
        Some(0),
        "{shown}{}",
        text(&output.stderr)
    );
    assert!(!shown.contains("not fetched"), "{shown}");
    assert!(shown.contains("Stated"), "{shown}");

    // A source that fetches none, and a state that is none.
    let output = try_input(&[&arguments[..2], &given].concat(), created.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("fetches no state"));
    std::fs::write(&state, "[]").unwrap();
    let output = try_input(&[&arguments[..], &given].concat(), created.as_bytes());
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("no JSON object"));
}

/// A folder with the shipped contracts and a source drafted from a file, every decision confirmed.
fn drafted_source(name: &str, file: &Path) -> TempFolder {
    let folder = new_lake_folder();
    let contracts = folder.join("contracts");
    for part in ["pole", "lists"] {
        let from = repository_root().join("contracts").join(part);
        std::fs::create_dir_all(contracts.join(part)).unwrap();
        for entry in std::fs::read_dir(from).unwrap().flatten() {
            std::fs::copy(entry.path(), contracts.join(part).join(entry.file_name())).unwrap();
        }
    }
    let output = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"))
        .args(["contract", "new", name, "--contracts"])
        .arg(&contracts)
        .arg("--from")
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    for file in ["contract.odcs.yaml", "mapping.yaml"] {
        let file = contracts.join("sources").join(name).join(file);
        let drafted = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, contract::confirm_draft(&drafted)).unwrap();
    }
    folder
}

#[test]
fn rows_of_a_file_are_read_as_the_contract_declares_its_files() {
    let file = repository_root().join("tests/drafts/missed-bins.csv");
    let folder = drafted_source("waste/missed-bins", &file);
    let contracts = folder.join("contracts");
    let contracts = contracts.to_str().unwrap();
    let arguments = |file: &str| -> Vec<String> {
        ["waste-missed-bins", file, "--contracts", contracts]
            .map(str::to_owned)
            .to_vec()
    };
    let run = |file: &str, input: &[u8]| {
        let arguments = arguments(file);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        try_json(&arguments, input)
    };
    let (code, told) = run(file.to_str().unwrap(), b"");
    assert_eq!((code, &told["accepted"]), (0, &json!(4)), "{told}");
    assert_eq!(told["events"][2]["name"], "row 4");
    assert_eq!(
        told["events"][0]["tables"]["event"][0]["reference"],
        "MB-0001"
    );

    // The same through a pipe, where no name says what it is.
    let rows = std::fs::read_to_string(&file).unwrap();
    let (code, piped) = run("-", rows.as_bytes());
    assert_eq!((code, &piped["accepted"]), (0, &json!(4)), "{piped}");
    assert_eq!(piped["events"][0]["tables"], told["events"][0]["tables"]);

    // One row that does not fit costs itself; a file that does not fit is refused as a whole.
    let ragged = rows.replace(",R7,BLUE 240L,N/A,", ",R7,");
    let (code, told) = run("-", ragged.as_bytes());
    assert_eq!(code, 2);
    assert_eq!(told["events"][2]["outcome"], "not-sent", "{told}");
    assert_eq!(told["accepted"], 3);
    for (wrong, part) in [
        (rows.replace("TRAILER,4", "TRAILER,5"), "trailer"),
        (rows.replace("\"1 Test", "\"\"1 Test"), "quote"),
        (rows.replace("Report Ref,", "Report,"), "Report Ref"),
    ] {
        let strings = arguments("-");
        let strings: Vec<&str> = strings.iter().map(String::as_str).collect();
        let output = try_input(&strings, wrong.as_bytes());
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(errors.contains(part), "{part}: {errors}");
        assert!(output.stdout.is_empty());
    }
}

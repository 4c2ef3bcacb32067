//! Quarantine with a way back: fixed, redriven, and never doubled.

use std::process::Command;

use serde_json::{Value, json};

use crate::lake_under_test::{
    LakeUnderTest, MONDAY, contracts_with, person_event, repository_root,
};

const MAPPING: &str = "sources/housing/person/mapping.yaml";

pub(crate) fn polelake(
    lake: &LakeUnderTest,
    contracts: &std::path::Path,
    arguments: &[&str],
) -> (i32, Value, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"))
        .args(arguments)
        .arg("--dir")
        .arg(&*lake.folder)
        .arg("--contracts")
        .arg(contracts)
        .output()
        .unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (
        output.status.code().unwrap(),
        serde_json::from_str(&text).unwrap_or_default(),
        text,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_records_are_mended_redriven_and_never_doubled() {
    let mended = contracts_with("mended", MAPPING, |text| {
        text.replace(
            "date_of_birth: $.dateOfBirth",
            "date_of_birth: {parse: {from: $.dateOfBirth, formats: [iso, DD/MM/YYYY]}}",
        )
        .replace("version: 1.0.0", "version: 1.1.0")
    });
    let shipped = repository_root().join("contracts");
    let lake = LakeUnderTest::start().await;
    let named = |entity: &str, minute, date: &str, name: &str| {
        person_event(
            "PersonCreatedEvent",
            entity,
            minute,
            json!({"firstName": name, "surname": "Sample", "dateOfBirth": date}),
        )
    };
    lake.push_events(
        "housing-person",
        &[
            named("a", 1, "12/08/1990", "Ada"),
            named("b", 2, "1991-01-02", "Ben"),
            named("c", 3, "gibberish", "Cyd"),
        ],
    )
    .await;
    // A later event about the first person, which an old record that comes back must not undo.
    lake.push_events("housing-person", &[named("a", 9, "1990-08-12", "Adele")])
        .await;
    lake.run_day(MONDAY).await;
    assert_eq!(lake.table_rows("person", MONDAY).len(), 2);

    let (code, groups, _) = polelake(&lake, &shipped, &["quarantine", "ls", "--json"]);
    assert_eq!(code, 0);
    let rule = "mapping.person.date_of_birth";
    assert_eq!(
        (
            &groups[0]["rule"],
            &groups[0]["records"],
            &groups[0]["status"]
        ),
        (&json!(rule), &json!(2), &json!("open"))
    );
    let (_, _, shown) = polelake(&lake, &shipped, &["quarantine", "show"]);
    assert!(
        shown.contains("$.dateOfBirth") && !shown.contains("12/08/1990"),
        "no values unless asked: {shown}"
    );
    let (_, _, shown) = polelake(&lake, &shipped, &["quarantine", "show", "--values"]);
    assert!(shown.contains("12/08/1990"));

    // The next day, with the mended mapping.
    let lake = lake.restart_with("2026-03-03", &mended).await;
    let (_, dry, _) = polelake(
        &lake,
        &mended,
        &["quarantine", "redrive", "--dry-run", "--json"],
    );
    assert_eq!(dry, json!({"open": 2, "redriven": 0}));
    let (code, outcome, text) = polelake(
        &lake,
        &mended,
        &[
            "quarantine",
            "redrive",
            "--source",
            "housing-person",
            "--json",
        ],
    );
    assert_eq!(code, 1, "one is refused again: {text}");
    let outcomes: Vec<&str> = outcome["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes.len(), 2);
    assert!(
        outcomes.contains(&"refined") && outcomes.contains(&rule),
        "{outcomes:?}"
    );
    // Only what is still open goes again.
    let (_, again, _) = polelake(&lake, &mended, &["quarantine", "redrive", "--json"]);
    assert_eq!(again["open"], 1);
    let (_, report) = lake.run_day("2026-03-03").await;
    let books = &report["sources"]["housing-person"];
    assert_eq!(
        books["redriven"],
        json!({"refined": 1, "ignored": 0, "quarantined": 2})
    );
    assert_eq!(
        (&books["landed"], &books["quarantined"]),
        (&json!(0), &json!({})),
        "redriven is told apart"
    );
    let rows = lake.table_rows("person", "2026-03-03");
    assert_eq!(rows.len(), 2);
    let names: Vec<&str> = rows.iter().map(|row| row["given_name"].as_str()).collect();
    assert!(
        names.contains(&"Adele") && !names.contains(&"Ada"),
        "an old record does not undo a later one: {names:?}"
    );
    // What it said is there nonetheless: its event, once.
    assert_eq!(lake.table_rows("event", "2026-03-03").len(), 3);
    everything_closes(&lake, &mended).await;
}

/// Another run changes nothing, and the audit of everything balances.
async fn everything_closes(lake: &LakeUnderTest, fixed: &std::path::Path) {
    lake.run_day("2026-03-04").await;
    assert_eq!(lake.table_rows("event", "2026-03-04").len(), 3);
    lake.assert_reconciled().await;
    let (code, audit, text) = polelake(lake, fixed, &["audit", "--json"]);
    assert_eq!(code, 0, "{text}");
    let source = audit["sources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["source"] == "housing-person")
        .unwrap();
    assert_eq!(source["accepted"], 4);
    assert_eq!(
        source["streams"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|stream| stream["partition"] == -1)
            .count(),
        1
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_question_gets_a_clear_answer() {
    let lake = LakeUnderTest::start().await;
    let shipped = repository_root().join("contracts");
    let (code, _, text) = polelake(
        &lake,
        &shipped,
        &["quarantine", "ls", "--source", "housing-persons"],
    );
    assert_eq!(code, 2);
    assert!(text.contains("housing-person,"), "{text}");
    let (code, _, text) = polelake(&lake, &shipped, &["audit", "--date", "2026-3-2"]);
    assert_eq!(code, 2);
    assert!(text.contains("2026-03-02"), "{text}");
}

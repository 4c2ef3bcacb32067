//! Quarantine with a way back: fixed, redriven, and never doubled.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::lake_under_test::{
    LakeUnderTest, MONDAY, TempFolder, contracts_with, person_event, repository_root,
};

const TUESDAY: &str = "2026-03-03";

const MAPPING: &str = "sources/housing/person/mapping.yaml";

/// The rule by which dates of birth are refused.
const RULE: &str = "mapping.person.date_of_birth";

pub(crate) fn polelake(
    lake: &LakeUnderTest,
    contracts: &Path,
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
    let printed = String::from_utf8(output.stdout).unwrap();
    let result = serde_json::from_str(&printed).unwrap_or_default();
    let noted = String::from_utf8(output.stderr).unwrap();
    (output.status.code().unwrap(), result, printed + &noted)
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_records_are_fixed_redriven_and_never_doubled() {
    let fixed = fix_date_mapping();
    let lake = LakeUnderTest::start().await;
    push_refused_records(&lake).await;
    lake.run_day(MONDAY).await;
    assert_eq!(lake.table_rows("person", MONDAY).len(), 2);
    assert_refusals_are_shown(&lake);

    // The next day, with the fixed mapping.
    let lake = lake.restart_with(TUESDAY, &fixed).await;
    assert_one_is_redriven(&lake, &fixed);
    let (_, report) = lake.run_day(TUESDAY).await;
    assert_redriven_apart(&report["sources"]["housing-person"]);
    assert_later_record_holds(&lake);

    assert_reconciled_again(&lake, &fixed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redrive_with_nothing_fixed_says_that_and_why() {
    let lake = LakeUnderTest::start().await;
    push_refused_records(&lake).await;
    lake.platform.running.wait_until_settled().await.unwrap();
    let shipped = repository_root().join("contracts");
    let (code, _, said) = polelake(&lake, &shipped, &["quarantine", "redrive"]);
    assert_eq!(code, 1, "{said}");
    let again = format!("refused again: {RULE} at $.dateOfBirth: ");
    assert_eq!(said.matches(&again).count(), 2, "{said}");
    for part in ["0 done, 2 refused again", "open as before", "redrive again"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("daily run"), "nothing was refined: {said}");
    assert!(!said.contains("gibberish"), "no value: {said}");
}

/// A mapping that also reads dates as people write them.
fn fix_date_mapping() -> TempFolder {
    contracts_with("fixed", MAPPING, |text| {
        text.replace(
            "date_of_birth: $.dateOfBirth",
            "date_of_birth: {parse: {from: $.dateOfBirth, formats: [iso, DD/MM/YYYY]}}",
        )
        .replace("version: 1.0.0", "version: 1.1.0")
    })
}

fn named(entity: &str, minute: u32, date: &str, name: &str) -> Value {
    person_event(
        "PersonCreatedEvent",
        entity,
        minute,
        json!({"firstName": name, "surname": "Sample", "dateOfBirth": date}),
    )
}

/// One date that the fixed mapping reads, one that is right, and one that is none.
async fn push_refused_records(lake: &LakeUnderTest) {
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
}

/// The refused records are listed by rule; their values are shown only when they are asked for.
fn assert_refusals_are_shown(lake: &LakeUnderTest) {
    let shipped = repository_root().join("contracts");
    let (code, groups, _) = polelake(lake, &shipped, &["quarantine", "ls", "--json"]);
    assert_eq!(code, 0);
    assert_eq!(
        (
            &groups[0]["rule"],
            &groups[0]["records"],
            &groups[0]["status"]
        ),
        (&json!(RULE), &json!(2), &json!("open"))
    );

    let (_, _, shown) = polelake(lake, &shipped, &["quarantine", "show"]);
    assert!(
        shown.contains("$.dateOfBirth") && !shown.contains("12/08/1990"),
        "no values unless asked: {shown}"
    );
    let (_, _, shown) = polelake(lake, &shipped, &["quarantine", "show", "--values"]);
    assert!(shown.contains("12/08/1990"));
}

/// Runs `quarantine redrive`, with more options.
fn redrive(lake: &LakeUnderTest, contracts: &Path, options: &[&str]) -> (i32, Value, String) {
    let arguments = [&["quarantine", "redrive", "--json"], options].concat();
    polelake(lake, contracts, &arguments)
}

/// Of two refused records one is refined and one is refused again; only that one stays open.
fn assert_one_is_redriven(lake: &LakeUnderTest, fixed: &Path) {
    let (_, dry, _) = redrive(lake, fixed, &["--dry-run"]);
    assert_eq!(dry, json!({"open": 2, "redriven": 0}));

    let (code, outcome, text) = redrive(lake, fixed, &["--source", "housing-person"]);
    assert_eq!(code, 1, "one is refused again: {text}");
    let outcomes: Vec<&str> = outcome["outcomes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes.len(), 2);
    assert!(
        outcomes.contains(&"refined") && outcomes.contains(&RULE),
        "{outcomes:?}"
    );

    let refused = outcome["outcomes"].as_array().unwrap();
    let refused = refused.iter().find(|one| one["outcome"] == RULE).unwrap();
    assert_eq!(refused["path"], "$.dateOfBirth");
    assert!(refused["reason"].is_string(), "{refused}");

    // Only what is still open goes again.
    let (_, again, _) = redrive(lake, fixed, &[]);
    assert_eq!(again["open"], 1);
}

fn assert_redriven_apart(reconciliation: &Value) {
    assert_eq!(
        reconciliation["redriven"],
        json!({"refined": 1, "ignored": 0, "quarantined": 2})
    );
    assert_eq!(
        (&reconciliation["landed"], &reconciliation["quarantined"]),
        (&json!(0), &json!({})),
        "redriven is told apart"
    );
}

fn assert_later_record_holds(lake: &LakeUnderTest) {
    let rows = lake.table_rows("person", TUESDAY);
    assert_eq!(rows.len(), 2);
    let names: Vec<&str> = rows.iter().map(|row| row["given_name"].as_str()).collect();
    assert!(
        names.contains(&"Adele") && !names.contains(&"Ada"),
        "an old record does not undo a later one: {names:?}"
    );

    // What it said is there nonetheless: its event, once.
    assert_eq!(lake.table_rows("event", TUESDAY).len(), 3);
}

/// Another run changes nothing, and the audit of everything balances.
async fn assert_reconciled_again(lake: &LakeUnderTest, fixed: &Path) {
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

//! Callers that a contract did not mean to admit, and texts of contracts that reach further than
//! they should.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, contracts_with, person_event, repository_root};

const PERSON: &str = "sources/housing/person/contract.odcs.yaml";

const ISSUER: &str = "https://issuer.polelake.local";

/// The end of a token that lasts: the year 2100.
const LATE: u64 = 4_102_444_800;

/// Runs lint on the contracts with one text of the source of persons replaced.
fn lint_with(old: &str, new: &str) -> Output {
    lint(&contracts_with("attack-callers", PERSON, |text| {
        text.replace(old, new)
    }))
}

fn lint(contracts: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_polelake-under-test"))
        .args(["contract", "lint", "--contracts"])
        .arg(contracts)
        .output()
        .unwrap()
}

/// The principals of the source of persons, as it ships.
fn shipped_principals() -> String {
    let text = std::fs::read_to_string(repository_root().join("contracts").join(PERSON)).unwrap();
    let line = text.lines().find(|line| line.contains("principals:"));
    line.unwrap().trim().to_owned()
}

#[test]
fn lint_refuses_patterns_of_callers() {
    let shipped = shipped_principals();
    let fine = format!("claims: [{{iss: \"{ISSUER}\", client_id: \"housing-api\"}}]");
    assert!(lint_with(&shipped, &fine).status.success(), "{fine}");
    for push in [
        r#"principals: ["*"]"#,
        r#"principals: ["arn:aws:iam::000000000000:role/housing-*"]"#,
        r#"principals: ["arn:aws:iam::000000000000:user/team/*"]"#,
        r#"principals: ["arn:aws:iam::*:role/housing-api"]"#,
        r#"principals: ["arn:aws:iam::000000000000:role/fine", "arn:aws:iam::*:role/x"]"#,
        r#"principals: ["arn:aws:iam::0000*:role/x"]"#,
        r#"principals: ["arn:aws:iam::000000000000:*"]"#,
        r#"principals: ["arn:aws:iam::000000000000:role/*"]"#,
        r#"principals: ["arn:aws:sts::000000000000:assumed-role/x/*"]"#,
        r#"claims: [{iss: "*"}]"#,
        r#"claims: [{iss: "*", client_id: housing}]"#,
        r#"claims: [{iss: "https://*", client_id: housing}]"#,
        r#"claims: [{iss: "https://issuer.example", client_id: "*"}]"#,
        r#"claims: [{iss: "https://issuer.example", client_id: "housing-*"}]"#,
        r#"claims: [{iss: "https://issuer.example", aud: lake}]"#,
        r#"claims: [{iss: "https://issuer.example", client_id: housing, aud: "*"}]"#,
    ] {
        let output = lint_with(&shipped, push);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{push}: {said}");
        assert!(
            said.contains("person/contract.odcs.yaml:"),
            "{push}: {said}"
        );
        assert!(said.contains("push"), "{push}: {said}");
    }
}

#[test]
fn lint_refuses_a_topic_that_kafka_refuses() {
    let long = format!("topic: {}", "a".repeat(250));
    for topic in [
        "topic: ../../etc",
        "topic: \".\"",
        "topic: \"..\"",
        "topic: \"\"",
        "topic: housing person",
        "topic: \"housing\\u001b[2Jperson\"",
        "topic: höusing",
        "topic: __consumer_offsets",
        &long,
    ] {
        let output = lint_with("topic: housing-person", topic);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{topic}: {said}");
        assert!(said.contains("`topic` has letters"), "{topic}: {said}");
    }
}

#[test]
fn lint_refuses_topics_that_kafka_cannot_tell_apart() {
    let output = lint_with("topic: housing-person", "topic: a.b-c");
    assert!(output.status.success(), "one alone is fine");
    for (topic, fault) in [
        ("housing-tenure", "two contracts have the topic"),
        ("housing_tenure.v1", "differ in `.` and `_` alone"),
    ] {
        let contracts = contracts_with("attack-topics", PERSON, |text| {
            text.replace("topic: housing-person", &format!("topic: {topic}"))
        });
        let tenure = contracts.join("sources/housing/tenure/contract.odcs.yaml");
        let text = std::fs::read_to_string(&tenure).unwrap();
        let other = topic.replace('_', ".");
        let text = text.replace("topic: housing-tenure", &format!("topic: {other}"));
        std::fs::write(&tenure, text).unwrap();

        let output = lint(&contracts);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{topic}: {said}");
        assert!(said.contains(fault), "{topic}: {said}");
    }
}

#[test]
fn a_terminal_gets_no_escape_sequence_of_a_contract() {
    for (old, new) in [
        (
            "bad_records: quarantine",
            "\"bad\\u001b[2J\\u009b\": quarantine",
        ),
        (
            "envelope: entity-event",
            "envelope: \"a\\u001b]0;x\\u0007\"",
        ),
        ("key: [$.entityId]", "key: [\"$.\\u001b[31m\"]"),
        ("apiVersion: v3", "apiVersion: \"\\u001b[1m\" #"),
        (
            "PersonDeletedEvent: delete",
            "\"Person\\u001b[1A\\u202eDeleted\": delete",
        ),
    ] {
        let output = lint_with(old, new);
        assert_eq!(output.status.code(), Some(1), "{new}");
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let raw = said.chars().find(|c| c.is_control() && *c != '\n');
        assert_eq!(raw, None, "{new}: {said:?}");
    }
    // A contract that compiles, and its description on the way.
    let output = lint_with("version: ", "version: \"1\\u001b[2J\" # ");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!said.contains('\u{1b}'), "{said:?}");
    assert!(said.contains("\\u001b[2J"), "{said:?}");
}

/// Pushes one event as an IAM caller; gives the status and the answer's text.
async fn push_as(lake: &LakeUnderTest, caller: &str, source: &str) -> (u16, String) {
    let event = person_event("PersonCreatedEvent", "p1", 1, json!({"firstName": "Ada"}));
    let answer = reqwest::Client::new()
        .post(format!("{}/v1/{source}/events", lake.platform.api))
        .header("x-local-caller", caller)
        .header("content-type", "application/json")
        .body(event.to_string())
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_is_the_one_that_is_named_and_answers_name_no_other_source() {
    let lake = LakeUnderTest::start().await;
    let account = "arn:aws:iam::000000000000";
    let admitted = format!("{account}:role/housing-person-api");
    assert_eq!(push_as(&lake, &admitted, "housing-person").await.0, 202);
    for caller in [
        "arn:aws:iam::999999999999:role/housing-person-api".to_owned(),
        format!("{account}:user/x:role/housing-person-api"),
        format!("{account}:user/x:role/housing-person-api/bob"),
        format!("{account}:role/x/housing-person-api"),
        format!("{account}:role/housing-person-apis"),
        format!("{account}:role/Housing-person-api"),
        format!("{account}:role/housing-*"),
        format!("{account}:user/housing-person-api"),
        "arn:aws:sts::999999999999:assumed-role/housing-person-api/session".to_owned(),
    ] {
        let (status, text) = push_as(&lake, &caller, "housing-person").await;
        assert_eq!(status, 403, "{caller}: {text}");
        assert!(!text.contains("housing-person"), "{text}");

        let (status, text) = push_as(&lake, &caller, "no-such-source").await;
        assert_eq!(status, 404, "{caller}");
        for source in ["housing", "planning", "platform", "police", "immigration"] {
            assert!(!text.contains(source), "{text}");
        }
    }

    // Another source of the same team has another role.
    let other = format!("{account}:role/housing-tenure-api");
    assert_eq!(push_as(&lake, &other, "housing-person").await.0, 403);

    let (status, text) = push_as(&lake, &admitted, "housing-persons").await;
    assert_eq!(status, 404);
    assert!(text.contains("may use housing-person"), "its own: {text}");
    for source in ["housing-tenure", "planning"] {
        assert!(!text.contains(source), "not others': {text}");
    }
}

/// Pushes one event with a token of these claims.
async fn push_with(lake: &LakeUnderTest, claims: &Value) -> u16 {
    let client = reqwest::Client::new();
    let url = format!("{}/_local/tokens", lake.platform.api);
    let request = client.post(url).bearer_auth(lake.operator_token());
    let token = request.json(claims).send().await.unwrap();
    let token = token.text().await.unwrap();

    let event = person_event("PersonCreatedEvent", "p1", 1, json!({"firstName": "Ada"}));
    let url = format!("{}/v1/housing-person/events", lake.platform.api);
    let request = client.post(url).bearer_auth(token).json(&event);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_holds_in_its_time_and_for_its_audience() {
    let contracts = contracts_with("attack-tokens", PERSON, |text| {
        let claims =
            format!("claims: [{{iss: \"{ISSUER}\", client_id: \"housing-api\", aud: lake}}]");
        text.replace("      push:\n", &format!("      push:\n        {claims}\n"))
    });
    let lake = LakeUnderTest::with_contracts(&contracts).await;
    let token = |changes: Value| {
        let mut claims = json!({"client_id": "housing-api", "aud": "lake", "exp": LATE});
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims
    };
    for (changes, status) in [
        (json!({}), 202),
        (json!({"aud": ["other", "lake"]}), 202),
        (json!({"nbf": 1_000_000_000}), 202),
        (json!({"nbf": LATE - 10}), 401),
        (json!({"nbf": "later"}), 401),
        (json!({"exp": 1_000_000_000}), 401),
        (json!({"aud": "other"}), 403),
        (json!({"aud": ["other", "lakes"]}), 403),
        (json!({"aud": null}), 403),
        (json!({"client_id": "housing-/x"}), 403),
    ] {
        assert_eq!(
            push_with(&lake, &token(changes.clone())).await,
            status,
            "{changes}"
        );
    }
}

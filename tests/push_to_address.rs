//! `push --to`: the address of an API is enough, with a token or with signed requests.

use std::process::Command;

use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, MONDAY, person_event};

#[tokio::test(flavor = "multi_thread")]
async fn a_push_reaches_an_api_by_its_address_with_a_token_or_a_signature() {
    let lake = LakeUnderTest::start().await;
    let new = json!({"firstName": "Ada", "surname": "Byron"});
    let event = person_event("PersonCreatedEvent", "a", 1, new);
    let events = lake.folder.join("events.jsonl");
    std::fs::write(&events, event.to_string()).unwrap();
    let push = |api: &str, variables: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"))
            .args([
                "push",
                "housing-person",
                events.to_str().unwrap(),
                "--json",
                "--to",
                api,
            ])
            .env_remove("AWS_PROFILE")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(variables.iter().copied())
            .current_dir(&*lake.folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code(), told, said)
    };

    // The folder of this run is no platform's: the address is enough.
    let (code, told, said) = push(&lake.platform.api, &[]);
    assert_eq!((code, &told["accepted"]), (Some(0), &json!(1)), "{said}");
    lake.platform.running.wait_until_settled().await.unwrap();
    lake.run_day(MONDAY).await;
    assert_eq!(lake.table_rows("person", MONDAY).len(), 1);

    let wrong = [("POLELAKE_TOKEN", "of another platform")];
    let (code, _, said) = push(&lake.platform.api, &wrong);
    assert!(code == Some(2) && said.contains("token"), "{said}");
    let (code, _, said) = push("https://127.0.0.1:1", &[]);
    assert!(code == Some(2) && said.contains("AWS_REGION"), "{said}");
    let keys = [
        ("AWS_REGION", "eu-west-2"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
    ];
    let (code, _, said) = push("https://127.0.0.1:1", &keys);
    assert!(code == Some(2) && said.contains("127.0.0.1:1"), "{said}");
}

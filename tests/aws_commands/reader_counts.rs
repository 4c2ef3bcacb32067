//! `polelake smoke --readers` over moto's Athena and Redshift: right counts pass, a wrong one is
//! named, and a query that fails, is refused or takes too long is told with what to do.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use aws_sdk_athena::types::QueryExecutionState;
use serde_json::{Value, json};

use super::count_front::{CountFaults, CountFront};
use super::{MONDAY, OperatorSession, TUESDAY};
use crate::endpoints::athena_at;
use crate::lake_under_test::repository_root;

/// The workgroup that Terraform makes of the stack's name.
const WORKGROUP: &str = "polelake-test-analysts";

const DATABASE: &str = "polelake_test_curated_pole";

/// What a query of few bytes costs.
const LEAST_DOLLARS: f64 = 0.000_05;

/// Options that name a Redshift.
const REDSHIFT: &str =
    "--redshift-workgroup w --redshift-database d --external-schema lake --tables person";

/// Counts by every engine, with every fault.
pub(super) async fn count_by_engines(operator: &mut OperatorSession) {
    let (front, address) = CountFront::serve(&operator.stack, WORKGROUP).await;
    for service in ["ATHENA", "REDSHIFT_DATA"] {
        let name = format!("AWS_ENDPOINT_URL_{service}");
        operator.environment.insert(name, address.clone());
    }
    let athena = athena_at(&operator.stack.emulator).await;
    let made = athena.create_work_group().name(WORKGROUP);
    made.send().await.unwrap();

    count_right(operator, &front);
    name_a_wrong_count(operator, &front);
    name_a_failed_query(operator, &front);
    name_a_missing_workgroup(operator, &front);
    count_by_redshift(operator, &front);
    hold_queries(&operator.stack.emulator, true).await;
    cancel_late_queries(operator, &front, &athena).await;
    tell_an_interruption(operator, &athena).await;
    hold_queries(&operator.stack.emulator, false).await;
}

fn count_right(operator: &mut OperatorSession, front: &CountFront) {
    let outcome = operator.run("smoke --readers");
    assert_eq!(outcome["differences"], json!([]), "{outcome}");
    let compared = outcome["compared"].as_array().unwrap();
    for (table, day, rows) in [
        ("person_history", MONDAY, 2),
        ("person_history", TUESDAY, 2),
        ("person", TUESDAY, 2),
        ("person_iceberg", MONDAY, 2),
    ] {
        let reads = format!("{DATABASE}.{table}");
        let expected = json!({
            "engine": "athena", "reads": reads, "day": day, "expected": rows, "counted": rows,
        });
        assert!(compared.contains(&expected), "{expected} in {outcome}");
    }

    // Three queries for each table, each started, looked at and read.
    let queries = 3 * front.tables() as u64;
    assert!(queries > 20, "{outcome}");
    let spend = &outcome["engines"][0];
    assert_eq!(spend["queries"], queries);
    assert!(
        spend["requests"].as_u64().unwrap() >= 3 * queries,
        "{spend}"
    );
    assert_eq!(spend["bytes_scanned"], 0, "moto scans nothing");
    let dollars = spend["dollars"].as_f64().unwrap();
    assert!((dollars - LEAST_DOLLARS * queries as f64).abs() < 1e-9);
    assert_eq!(outcome["not_asked"].as_array().unwrap().len(), 1);
}

fn name_a_wrong_count(operator: &OperatorSession, front: &CountFront) {
    front.set_faults(CountFaults {
        added_row: Some("person_history"),
        ..CountFaults::default()
    });
    let (outcome, _) = ask(operator, "smoke --readers --json", 1);
    let difference = json!({
        "engine": "athena", "reads": format!("{DATABASE}.person_history"), "day": MONDAY,
        "expected": 2, "counted": 3,
    });
    assert_eq!(outcome["differences"], json!([difference]));

    let output = command(operator, "smoke --readers --tables person").output();
    let output = output.unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{printed}");
    for part in [
        "person_history of 2026-03-02: the manifest has 2 rows, and 3 are counted",
        "rebuild --from 2026-03-02 --aws",
        "0.00015",
        "5.00 dollars for a TB",
        "Not asked: Redshift",
        "3 of 4 counts",
    ] {
        assert!(printed.contains(part), "{part}: {printed}");
    }
}

fn name_a_failed_query(operator: &OperatorSession, front: &CountFront) {
    front.set_faults(CountFaults {
        fails: Some("person_iceberg"),
        ..CountFaults::default()
    });
    let (_, error) = ask(operator, "smoke --readers --json --tables person,link", 2);
    let said = error["error"].as_str().unwrap();
    for part in [
        "Athena did not count `polelake_test_curated_pole.person_iceberg`",
        "FAILED: HIVE_CANNOT_OPEN_SPLIT",
        "aws athena get-query-execution --query-execution-id",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // The others are answered all the same; what fails costs nothing.
    assert_eq!(error["refused"].as_array().unwrap().len(), 1);
    assert_eq!(error["compared"].as_array().unwrap().len(), 7);
    let dollars = error["engines"][0]["dollars"].as_f64().unwrap();
    assert!((dollars - LEAST_DOLLARS * 5.0).abs() < 1e-9, "{dollars}");
}

fn name_a_missing_workgroup(operator: &OperatorSession, front: &CountFront) {
    front.set_faults(CountFaults::default());
    let (_, error) = ask(operator, "smoke --readers --json --workgroup absent", 2);
    let said = error["error"].as_str().unwrap();
    for part in [
        "workgroup `absent`",
        "WorkGroup does not exist",
        "--workgroup",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    // An API that refuses one query would refuse each.
    assert!(error["left_out"].as_u64().unwrap() > 10, "{error}");
}

fn count_by_redshift(operator: &OperatorSession, front: &CountFront) {
    let (outcome, _) = ask(operator, &format!("smoke --readers --json {REDSHIFT}"), 0);
    let spend = &outcome["engines"][1];
    assert_eq!(
        (&spend["engine"], &spend["queries"]),
        (&json!("redshift"), &json!(3))
    );
    assert_eq!(
        (&spend["dollars"], &outcome["not_asked"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(outcome["compared"][4]["reads"], "lake.person_history");

    front.set_faults(CountFaults {
        stays_open: true,
        ..CountFaults::default()
    });
    let late = format!("smoke --readers --json --wait 1 {REDSHIFT}");
    let (_, error) = ask(operator, &late, 2);
    let said = error["error"].as_str().unwrap();
    assert!(
        said.contains("Redshift did not count `lake.person"),
        "{said}"
    );
    assert!(said.contains("after 1 s, and was cancelled"), "{said}");
    assert_eq!(error["compared"].as_array().unwrap().len(), 4, "Athena's");
}

async fn cancel_late_queries(
    operator: &OperatorSession,
    front: &CountFront,
    athena: &aws_sdk_athena::Client,
) {
    front.set_faults(CountFaults::default());
    let before = query_ids(athena).await;
    let late = "smoke --readers --json --wait 1 --tables person";
    let (_, error) = ask(operator, late, 2);
    let refused = error["refused"].as_array().unwrap();
    assert_eq!(refused.len(), 3);
    for query in refused {
        let said = query["cause"].as_str().unwrap();
        assert!(said.contains("after 1 s, and was cancelled"), "{said}");
        assert!(query["next"].as_str().unwrap().contains("--wait"));
    }

    let mut ids = query_ids(athena).await;
    ids.retain(|id| !before.contains(id));
    assert_eq!(ids.len(), 3);
    for id in ids {
        let looked = athena.get_query_execution().query_execution_id(id);
        let execution = looked.send().await.unwrap().query_execution.unwrap();
        let state = execution.status().and_then(|status| status.state());
        assert_eq!(state, Some(&QueryExecutionState::Cancelled));
    }
}

async fn tell_an_interruption(operator: &OperatorSession, athena: &aws_sdk_athena::Client) {
    let before = query_ids(athena).await.len();
    let mut started = command(operator, "smoke --readers --json --tables person");
    let child = started.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = child.spawn().unwrap();
    let all_begun = async {
        while query_ids(athena).await.len() < before + 3 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all_begun)
        .await
        .unwrap();
    // The command notes the last one when moto has answered.
    tokio::time::sleep(Duration::from_secs(1)).await;

    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(sent.success());
    let (_, error) = read_output(&child.wait_with_output().unwrap(), 130);
    let said = error["error"].as_str().unwrap();
    assert!(
        said.contains("0 of 3 queries had ended; nothing was changed"),
        "{said}"
    );
    assert!(said.contains("aws athena stop-query-execution"), "{said}");
    assert_eq!(error["running"].as_array().unwrap().len(), 3, "{error}");
}

/// The command with the operator's environment.
fn command(operator: &OperatorSession, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"));
    command
        .args(arguments.split(' '))
        .arg("--aws")
        .current_dir(repository_root())
        .env_clear()
        .envs(&operator.environment);
    command
}

/// Runs a command to this exit code; gives the documents of both outputs.
#[track_caller]
fn ask(operator: &OperatorSession, arguments: &str, code: i32) -> (Value, Value) {
    read_output(&command(operator, arguments).output().unwrap(), code)
}

#[track_caller]
fn read_output(output: &Output, code: i32) -> (Value, Value) {
    let printed = String::from_utf8_lossy(&output.stdout);
    let noted = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{printed}\n{noted}");
    let document = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
    (document(&printed), document(&noted))
}

async fn query_ids(athena: &aws_sdk_athena::Client) -> Vec<String> {
    let listed = athena.list_query_executions().send().await.unwrap();
    listed.query_execution_ids.unwrap_or_default()
}

/// Has moto's queries run without end, or end at once as usual.
async fn hold_queries(emulator: &str, held: bool) {
    let (action, transition) = if held {
        let manual = json!({"progression": "manual", "times": 100_000});
        (
            "set",
            json!({"model_name": "athena::execution", "transition": manual}),
        )
    } else {
        ("unset", json!({"model_name": "athena::execution"}))
    };
    let address = format!("{emulator}/moto-api/state-manager/{action}-transition");
    let asked = reqwest::Client::new().post(address).json(&transition);
    assert_eq!(asked.send().await.unwrap().status(), 201);
}

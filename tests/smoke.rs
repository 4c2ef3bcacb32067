//! The smoke test of a stack, against the local platform: every hop is told with its time; one that
//! does not happen is named, with where to look.

use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, MONDAY, contracts_with, repository_root};
use crate::quarantine::polelake;

fn hops(outcome: &Value) -> Vec<&str> {
    outcome["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["hop"].as_str().unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_hop_is_told_and_nothing_is_left() {
    let lake = LakeUnderTest::start().await;
    let contracts = repository_root().join("contracts");
    let (code, outcome, said) = polelake(&lake, &contracts, &["smoke", "--snapshot", "--json"]);
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        hops(&outcome),
        ["accepted", "landed", "refined", "merged", "ended"]
    );
    assert!(
        outcome["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["seconds"].is_f64()),
        "{said}"
    );
    assert_eq!(outcome["failed"], Value::Null);
    let rows = lake.table_rows("event", MONDAY);
    assert_eq!(
        (rows.len(), rows[0]["correlation_id"].as_str()),
        (1, outcome["run"].as_str().unwrap())
    );
    // A second one, for people; then the day ends, and nothing tells of either.
    let (code, _, said) = polelake(&lake, &contracts, &["smoke", "--wait", "60"]);
    assert!(
        code == 0 && said.contains("refined") && said.contains("every hop works"),
        "{said}"
    );
    lake.run_day(MONDAY).await;
    assert_eq!(
        lake.table_rows("event", MONDAY).len(),
        0,
        "the test takes its row away again"
    );
    lake.assert_reconciled().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hop_that_does_not_happen_is_named_with_a_remedy() {
    let contract = "sources/platform/smoke/contract.odcs.yaml";
    // The deployed contracts do not know the type that the test sends: it is refused on its way
    // into the refined zone.
    let other = contracts_with("smoke-refused", contract, |text| {
        text.replace("SmokeTested:", "SmokeTried:")
    });
    let lake = LakeUnderTest::with_contracts(&other).await;
    let (code, outcome, said) = polelake(&lake, &other, &["smoke", "--wait", "30", "--json"]);
    assert_eq!(
        (code, hops(&outcome)),
        (1, vec!["accepted", "landed", "ended"]),
        "{said}"
    );
    assert_eq!(outcome["failed"]["hop"], "refined");
    assert!(
        outcome["failed"]["why"]
            .as_str()
            .unwrap()
            .contains("event.undeclared-type"),
        "{said}"
    );
    assert!(
        outcome["failed"]["remedy"]
            .as_str()
            .unwrap()
            .contains("pole-transform")
    );
    // No principal may push.
    let no_pusher = contracts_with("smoke-no-pusher", contract, |text| {
        text.replace("role/local-developer", "role/other")
    });
    let lake = LakeUnderTest::with_contracts(&no_pusher).await;
    let (code, outcome, said) = polelake(&lake, &no_pusher, &["smoke", "--wait", "5", "--json"]);
    assert_eq!(
        (code, &outcome["failed"]["hop"]),
        (1, &json!("accepted")),
        "{said}"
    );
    assert!(
        outcome["failed"]["why"].as_str().unwrap().contains("403"),
        "{said}"
    );
    // What cannot be asked at all is no finding.
    let (code, _, said) = polelake(&lake, &no_pusher, &["smoke", "--aws"]);
    assert!(code == 2 && said.contains("--url"), "{said}");
}

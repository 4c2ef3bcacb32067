//! The whole way of an event, and days of a whole town.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, MONDAY, repository_root};
use crate::pole_to_snapshot::town;

const WEDNESDAY: &str = "2026-03-04";

#[tokio::test(flavor = "multi_thread")]
async fn a_tenure_event_is_refined_in_seconds_and_in_the_days_snapshot() {
    let lake = LakeUnderTest::start().await;
    // The processes are warm, as on any day but the first.
    let sample = |name: &str| {
        std::fs::read_to_string(repository_root().join(format!(
            "contracts/sources/housing/tenure/samples/{name}.json"
        )))
        .unwrap()
    };
    lake.post_events(
        "housing-tenure",
        "application/json",
        sample("tenure-updated"),
    )
    .await;
    lake.platform.running.wait_until_settled().await.unwrap();
    let begun = Instant::now();
    let (status, answer) = lake
        .post_events(
            "housing-tenure",
            "application/json",
            sample("tenure-with-state"),
        )
        .await;
    assert_eq!(status, 202, "{answer}");
    while lake
        .read_objects("refined", "refined/_records/housing-tenure")
        .len()
        < 2
    {
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "the event does not arrive"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (run, report) = lake.run_day(MONDAY).await;
    assert_eq!(run["behind"], 0);
    let tenancies = lake.table_rows("object_tenancy", MONDAY);
    let tenancy = &tenancies[0];
    let told = [
        "rent",
        "start_date",
        "end_date",
        "tenure_type_code",
        "uh_tag_ref",
        "succession_date_raw",
    ]
    .map(|c| tenancy[c].as_str());
    assert_eq!(
        told,
        [
            "118.40",
            "2014-06-09",
            "2026-03-29",
            "SEC",
            "099887/01",
            "1900-01-01T00:00:00Z"
        ]
    );
    assert!(
        !tenancy.contains_key("succession_date"),
        "a placeholder is no date"
    );
    assert_eq!(report["sources"]["housing-tenure"]["landed"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reconciliation_of_every_day_balances() {
    let lake = LakeUnderTest::start().await;
    let mut rows = Vec::new();
    for (number, date) in [MONDAY, "2026-03-03", WEDNESDAY].into_iter().enumerate() {
        lake.set_date(date);
        let accepted = push_town(&lake, number).await;
        let (run, report) = lake.run_day(date).await;

        assert_sources_balance(&report, accepted, date);
        only_what_was_planted_is_told(&report, number as u64 + 1);
        assert_snapshots_are_explained(&lake, &run, date);
        rows.push(lake.table_rows("person", date).len());
    }

    assert!(rows.is_sorted(), "people arrive every day: {rows:?}");
    assert!(lake.object_path("site", "index.html").is_file());
    assert!(lake.object_path("site", "day/2026-03-03.html").is_file());
    assert_swapped_versions_are_ranked(&lake);
}

/// Pushes the town's events of a day; gives how many were accepted.
async fn push_town(lake: &LakeUnderTest, number: usize) -> u64 {
    let mut accepted = 0;
    for (source, events) in town(number) {
        accepted += events.len() as u64;
        lake.push_events(source, &events).await;
    }
    accepted
}

/// What landed, was refined, was ignored and was quarantined.
fn count_records(reconciliation: &Value) -> [u64; 4] {
    let quarantined = reconciliation["quarantined"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    let [landed, refined, ignored] =
        ["landed", "refined", "ignored"].map(|name| reconciliation[name].as_u64().unwrap());
    [landed, refined, ignored, quarantined]
}

/// Every source balances, and what was accepted on the day has landed.
fn assert_sources_balance(report: &Value, accepted: u64, date: &str) {
    let mut sum = [0; 4];
    for (source, reconciliation) in report["sources"].as_object().unwrap() {
        let counts = count_records(reconciliation);
        assert_eq!(
            counts[0],
            counts[1] + counts[2] + counts[3],
            "{source} on {date}"
        );
        assert_eq!(
            (&reconciliation["waiting"], &reconciliation["offset_gaps"]),
            (&json!(0), &json!(0)),
            "{source} on {date}"
        );
        for (total, count) in sum.iter_mut().zip(counts) {
            *total += count;
        }
    }

    assert_eq!(sum[0], accepted, "accepted is landed on {date}");
    assert_eq!(
        (sum[2], sum[3]),
        (2, 5),
        "ignored and quarantined on {date}"
    );
}

/// A snapshot is explained by the day before and the day's changes.
fn assert_snapshots_are_explained(lake: &LakeUnderTest, run: &Value, date: &str) {
    for table in run["tables"].as_array().unwrap() {
        let [rows, inserted, deleted] =
            ["rows", "inserted", "deleted"].map(|name| table[name].as_u64().unwrap());
        let name = table["table"].as_str().unwrap();
        let before = lake
            .read_manifest(name, date)
            .base
            .map_or(0, |base| lake.read_manifest(name, &base).rows);
        assert_eq!(rows, before + inserted - deleted, "{name} on {date}");
    }
}

/// Swapped versions of one second: the greater version holds.
fn assert_swapped_versions_are_ranked(lake: &LakeUnderTest) {
    let withdrawn = lake.table_rows("object_case", WEDNESDAY);
    let swapped: Vec<_> = withdrawn
        .iter()
        .filter(|case| case.contains_key("appeal_reference"))
        .collect();
    assert!(!swapped.is_empty());
    assert!(
        swapped
            .iter()
            .all(|case| case["status"] == "withdrawn" && case["entity_version"] == "4"),
        "{swapped:?}"
    );
}

/// Each day the town plants a tenure code that no list holds, a home without an address and four
/// people who are born in 9999 and linked to nothing, beside seven of its own whom nothing links
/// (in so small a town more than is tolerated); a field and two values that no contract lists; and
/// five records that are refused. All of it is told where it belongs, and nothing else.
fn only_what_was_planted_is_told(report: &Value, days: u64) {
    let mut broken = Vec::new();
    for (table, manifest) in report["tables"].as_object().unwrap() {
        let rules = manifest["rules"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|rule| rule["verdict"] != "pass");
        broken.extend(rules.map(|rule| {
            json!([
                table,
                rule["rule"],
                rule["dimension"],
                rule["failed"],
                rule["verdict"]
            ])
        }));
    }
    let planted = [
        ("location", "location-described", "completeness", days),
        (
            "object_tenancy",
            "object_tenancy-tenure_type_code-known",
            "conformity",
            days,
        ),
        ("person", "person-date_of_birth-past", "accuracy", 4 * days),
        ("person", "person-not-orphan", "coverage", 7 + 4 * days),
    ];
    let planted = planted
        .map(|(table, rule, dimension, failed)| json!([table, rule, dimension, failed, "warn"]));
    assert_eq!(broken, planted);
    let counts = |source: &str, what: &str| report["sources"][source][what].clone();
    assert_eq!(
        counts("housing-person", "undeclared"),
        json!({"$.eventData.newData.unknownField": 1})
    );
    assert_eq!(
        counts("housing-asset", "unlisted"),
        json!({"$.eventData.newData.assetType": 1})
    );
    assert_eq!(
        counts("housing-tenure", "unlisted"),
        json!({"$.eventData.newData.tenureType.code": 1})
    );
    assert_eq!(
        counts("housing-asset", "quarantined"),
        json!({"contract.type": 1})
    );
    assert_eq!(
        counts("housing-contact", "quarantined"),
        json!({"event.undeclared-type": 1})
    );
    assert_eq!(
        counts("housing-tenure", "quarantined"),
        json!({"mapping.tenancy.rent": 1})
    );
    let people = json!({"event.undeclared-type": 1, "mapping.person.date_of_death": 1});
    assert_eq!(counts("housing-person", "quarantined"), people);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_ends_in_mid_day_goes_on() {
    let mut lake = LakeUnderTest::start().await;
    for (source, events) in town(0) {
        lake.push_events(source, &events).await;
        lake = lake.restart(MONDAY).await;
    }
    let restarted = lake.run_day(MONDAY).await.1["sources"].clone();
    let calm = LakeUnderTest::start().await;
    for (source, events) in town(0) {
        calm.push_events(source, &events).await;
    }
    calm.run_day(MONDAY).await;
    assert_eq!(
        calm.rows_by_table(MONDAY),
        lake.rows_by_table(MONDAY),
        "{restarted}"
    );
}

//! Rules and trends over real days: what is found is what was planted, and a re-scan finds the
//! same.

use std::sync::Arc;

use lake::{Day, RuleResult, RuleVerdict};
use quality_report::{Report, TrendState};
use serde_json::json;
use snapshot_merge::rescan_snapshot;
use store::MemoryStore;
use trigger::ScheduleRequest;

use crate::days_in_memory::{Days, contracts, replace};
use crate::lake_under_test::{MONDAY, person_event};

/// Rules that the shipped contracts do not need, one of every kind that is new.
const PLANTED: &str = "\n    quality:
      - {id: x-names-unique, type: library, metric: duplicateValues, arguments: {properties: [given_name, surname]}, dimension: uniqueness, mustBeLessThan: 2}
      - {id: x-reference-unique, type: custom, engine: polelake, dimension: uniqueness, severity: block, implementation: {unique: [reference]}}
      - {id: x-order, type: custom, engine: polelake, dimension: consistency, implementation: {compare: {left: given_name, is: '<', column: surname}}}
      - {id: x-rows, type: library, metric: rowCount, dimension: completeness, mustBeBetween: [1, 3]}
      - {id: x-fresh, type: custom, engine: polelake, dimension: timeliness, implementation: {fresh_within_hours: 20}}
";

async fn report(lake: &Days, site: &Arc<MemoryStore>, date: &str) -> Report {
    let schedule = ScheduleRequest {
        date: Some(date.to_owned()),
        ..ScheduleRequest::default()
    };
    quality_report::handle(&schedule, &lake.report_context(site))
        .await
        .unwrap()
}

fn planted() -> Days {
    Days::under(contracts(|files| {
        replace(files, "pole/person.odcs.yaml", "\n    quality:\n", PLANTED);
    }))
}

#[tokio::test]
async fn rules_of_every_new_kind_count_what_was_planted() {
    let mut lake = planted();
    let born = |key: &str, first: &str, last: &str| {
        person_event(
            "PersonCreatedEvent",
            key,
            1,
            json!({"firstName": first, "surname": last}),
        )
    };
    let people = [
        born("a", "Ada", "Sample"),
        born("b", "Ada", "Sample"),
        born("c", "Ada", "Sample"),
        born("d", "Zoe", "Abbot"),
    ];
    lake.push("housing-person", MONDAY, &people).await;
    lake.merge(MONDAY).await.unwrap();
    let found = report(&lake, &Arc::default(), MONDAY).await;
    let rule = |id: &str| -> &RuleResult {
        found.tables["person"]
            .rules
            .iter()
            .find(|rule| rule.rule == id)
            .unwrap()
    };
    let told = |id: &str| {
        (
            rule(id).failed,
            rule(id).checked,
            rule(id).verdict,
            rule(id).dimension.as_str(),
        )
    };
    // Three of one name: two repeat the first, and less than two were to.
    assert_eq!(
        told("x-names-unique"),
        (2, 4, RuleVerdict::Warn, "uniqueness")
    );
    // No person has a reference: nothing is looked at, and nothing blocks.
    assert_eq!(
        told("x-reference-unique"),
        (0, 0, RuleVerdict::Pass, "uniqueness")
    );
    assert_eq!(told("x-order"), (1, 4, RuleVerdict::Warn, "consistency"));
    assert_eq!(told("x-rows"), (0, 4, RuleVerdict::Warn, "completeness"));
    // The events are of two past eight in the morning: sixteen hours before the day ends.
    assert_eq!(told("x-fresh"), (0, 1, RuleVerdict::Pass, "timeliness"));
    assert!(found.tables["person"].passed);
    // A day without events: the newest is forty hours old by its end.
    let tuesday = "2026-03-03";
    lake.merge(tuesday).await.unwrap();
    let later = report(&lake, &Arc::default(), tuesday).await;
    let fresh = later.tables["person"]
        .rules
        .iter()
        .find(|rule| rule.rule == "x-fresh")
        .unwrap();
    assert_eq!((fresh.failed, fresh.verdict), (1, RuleVerdict::Warn));
}

#[tokio::test]
async fn a_repeat_of_what_must_be_unique_holds_the_day_back() {
    let mut lake = planted();
    let born = |key: &str| {
        let new = json!({"firstName": key, "surname": "Sample", "reference": "R-1"});
        person_event("PersonCreatedEvent", key, 1, new)
    };
    lake.push("housing-person", MONDAY, &[born("a"), born("b")])
        .await;
    lake.merge(MONDAY).await.unwrap();
    let manifest = lake.manifest("person", MONDAY).await;
    let unique = manifest
        .rules
        .iter()
        .find(|rule| rule.rule == "x-reference-unique")
        .unwrap();
    let references = manifest.columns["reference"].filled;
    assert_eq!(
        (unique.checked, manifest.passed),
        (references, references < 2),
        "{unique:?}"
    );
}

#[tokio::test]
async fn a_rescan_gives_what_the_merge_kept_and_tells_what_was_changed_behind_it() {
    let mut lake = planted();
    let mut day = Day::parse(MONDAY).unwrap();
    for number in 0..4u32 {
        let born = |n: u32| {
            let new = json!({"firstName": format!("Ada{}", n % 7), "surname": format!("S-{n}")});
            person_event(
                "PersonCreatedEvent",
                &format!("p{}", n + number * 40),
                n % 60,
                new,
            )
        };
        lake.push(
            "housing-person",
            &day.to_string(),
            &(0..60).map(born).collect::<Vec<_>>(),
        )
        .await;
        lake.merge(&day.to_string()).await.unwrap();
        day = day.next();
    }
    let last = Day(day.0 - 1).to_string();
    let curated: Arc<dyn store::ObjectStore> = Arc::clone(&lake.curated) as _;
    for table in ["person", "event", "entity", "person_name"] {
        let contract = lake.catalogue.table_contract(table).unwrap();
        let manifest = lake.manifest(table, &last).await;
        let found = rescan_snapshot(contract, &manifest, &curated)
            .await
            .unwrap();
        assert_eq!(
            (found.comparable, found.differences),
            (true, Vec::new()),
            "{table}"
        );
        assert_eq!(found.rows, manifest.rows);
    }
    let contract = lake.catalogue.table_contract("person").unwrap();
    let mut wrong = lake.manifest("person", &last).await;
    wrong.rules[0].checked += 1;
    let found = rescan_snapshot(contract, &wrong, &curated).await.unwrap();
    assert!(
        found.differences[0].contains(&wrong.rules[0].rule),
        "{:?}",
        found.differences
    );
}

#[tokio::test]
async fn a_day_that_is_unlike_its_like_is_told_and_weeks_of_ordinary_days_are_not() {
    let mut lake = Days::new();
    let site: Arc<MemoryStore> = Arc::default();
    let monday = Day::parse(MONDAY).unwrap();
    let mut unusual = Vec::new();
    // Four weeks; on the fifth Monday ten times as many people come as on any other.
    for number in 0..=28u32 {
        let date = Day(monday.0 + i32::try_from(number).unwrap()).to_string();
        let count = if number == 28 { 400 } else { 40 + number % 3 };
        let born = |n: u32| {
            person_event(
                "PersonCreatedEvent",
                &format!("{number}-{n}"),
                n % 60,
                json!({"firstName": "Ada"}),
            )
        };
        lake.push(
            "housing-person",
            &date,
            &(0..count).map(born).collect::<Vec<_>>(),
        )
        .await;
        lake.merge_tables(&date, &["person"]).await.unwrap();
        let report = report(&lake, &site, &date).await;
        let of_day = report
            .trends
            .into_iter()
            .filter(|trend| trend.state == TrendState::Unusual);
        unusual.extend(of_day.map(|trend| {
            (
                number,
                trend.dataset,
                trend.metric,
                trend.observed,
                trend.compared,
            )
        }));
    }
    let told = |dataset: &str, metric: &str| {
        let mut found = unusual
            .iter()
            .filter(|(_, d, m, ..)| d == dataset && m == metric);
        (found.next().cloned(), found.next().cloned())
    };
    let landed = (
        28,
        "source/housing-person".to_owned(),
        "landed".to_owned(),
        400.0,
        4,
    );
    assert_eq!(
        told("source/housing-person", "landed"),
        (Some(landed), None)
    );
    let changed = (
        28,
        "table/person".to_owned(),
        "changed_rows".to_owned(),
        400.0,
        4,
    );
    assert_eq!(told("table/person", "changed_rows"), (Some(changed), None));
}

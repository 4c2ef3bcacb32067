//! Rebuild, sweep, redrive and audit around objects that cannot be read: what does not need the
//! object is done, what needs it stays as it was, and the object is named.

use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::damage::{Damage, DamagedObject, TUESDAY, damage_object, lake_of_two_days, run};
use crate::lake_under_test::{LakeUnderTest, MONDAY, repository_root};

/// A test for each damage of an object, with what it does to the command.
macro_rules! commands_around {
    ($($name:ident: $check:ident($bucket:literal, $parts:expr, $damage:ident);)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let lake = lake_of_two_days().await;
            let damaged = damage_object(&lake, $bucket, &$parts, Damage::$damage);
            $check(&lake, &damaged);
        }
    )*};
}

commands_around! {
    rebuild_around_a_cut_receipt: rebuild_stops_tenures("refined", ["_receipts/housing-tenure/"], Truncated);
    rebuild_around_an_empty_receipt: rebuild_stops_tenures("refined", ["_receipts/housing-tenure/"], Empty);
    rebuild_around_a_newer_receipt: rebuild_stops_tenures("refined", ["_receipts/housing-tenure/"], NewerFormat);
    rebuild_around_a_scratched_receipt: rebuild_stops_tenures("refined", ["_receipts/housing-tenure/"], Scratched);
    rebuild_around_cut_rows: rebuild_stops_tenures("refined", ["refined/_records/housing-tenure/date=2026-03-02"], Truncated);
    rebuild_around_empty_rows: rebuild_stops_tenures("refined", ["refined/_records/housing-tenure/date=2026-03-02"], Empty);
    rebuild_around_foreign_rows: rebuild_stops_tenures("refined", ["refined/_records/housing-tenure/date=2026-03-02"], Foreign);
    rebuild_around_rows_that_vanish: rebuild_stops_tenures("refined", ["refined/_records/housing-tenure/date=2026-03-02"], Vanished);
    rebuild_around_rows_over_the_limit: rebuild_stops_tenures("refined", ["refined/_records/housing-tenure/date=2026-03-02"], OverLimit);
    rebuild_around_a_cut_manifest_of_records: rebuild_stops_tenures("curated", ["_manifests/_records/housing-tenure/2026-03-02"], Truncated);
    rebuild_around_cut_records: rebuild_is_complete("curated", ["curated/_records/housing-tenure/", "v=2026-03-02"], Truncated);
    rebuild_around_a_cut_manifest: rebuild_stops_tenures("curated", ["_manifests/object_tenancy/2026-03-02"], Truncated);
    rebuild_around_a_newer_manifest: rebuild_stops_tenures("curated", ["_manifests/object_tenancy/2026-03-02"], NewerFormat);

    rebuild_needs_no_raw_object: rebuild_is_complete("raw", ["raw/housing-tenure/", ".parquet"], Truncated);
    rebuild_needs_no_quarantine_object: rebuild_is_complete("refined", ["quarantine/", "housing-tenure"], Foreign);

    rebuild_from_a_cut_raw_object: raw_rebuild_stops_tenures("raw", ["raw/housing-tenure/", ".parquet"], Truncated);
    rebuild_from_an_empty_raw_object: raw_rebuild_stops_tenures("raw", ["raw/housing-tenure/", ".parquet"], Empty);
    rebuild_from_a_foreign_raw_object: raw_rebuild_stops_tenures("raw", ["raw/housing-tenure/", ".parquet"], Foreign);
    rebuild_from_a_raw_object_that_vanishes: raw_rebuild_stops_tenures("raw", ["raw/housing-tenure/", ".parquet"], Vanished);

    rebuild_from_a_raw_object_over_the_limit: raw_rebuild_stops_tenures("raw", ["raw/housing-tenure/", ".parquet"], OverLimit);

    rebuild_from_raw_repairs_a_receipt_over_the_limit: raw_rebuild_repairs("refined", ["_receipts/housing-tenure/"], OverLimit);
    rebuild_from_raw_repairs_a_receipt: raw_rebuild_repairs("refined", ["_receipts/housing-tenure/"], NewerFormat);
    rebuild_from_raw_repairs_rows: raw_rebuild_repairs("refined", ["refined/_records/housing-tenure/"], Truncated);
    rebuild_from_raw_repairs_a_quarantine: raw_rebuild_repairs("refined", ["quarantine/", "housing-tenure"], Foreign);

    sweep_around_a_cut_manifest: sweep_stops_tenures("curated", ["_manifests/object_tenancy/2026-03-03"], Truncated);
    sweep_around_an_empty_manifest: sweep_stops_tenures("curated", ["_manifests/object_tenancy/2026-03-03"], Empty);
    sweep_around_a_newer_manifest: sweep_stops_tenures("curated", ["_manifests/object_tenancy/2026-03-03"], NewerFormat);
    sweep_around_a_scratched_manifest: sweep_stops_tenures("curated", ["_manifests/object_tenancy/2026-03-03"], Scratched);
    sweep_around_a_manifest_over_the_limit: sweep_stops_tenures("curated", ["_manifests/object_tenancy/2026-03-03"], OverLimit);
    sweep_around_a_manifest_that_vanishes: sweep_stops_tenures("curated", ["_manifests/object_tenancy/2026-03-03"], Vanished);
    sweep_needs_no_manifest_that_it_drops: sweep_is_complete("curated", ["_manifests/object_tenancy/2026-03-02"], Truncated);
    sweep_needs_no_file_of_rows: sweep_is_complete("curated", ["curated/object_tenancy/", "part-0"], Foreign);

    redrive_around_a_cut_quarantine: redrive_goes_around("refined", ["quarantine/", "housing-tenure"], Truncated);
    redrive_around_an_empty_quarantine: redrive_goes_around("refined", ["quarantine/", "housing-tenure"], Empty);
    redrive_around_a_foreign_quarantine: redrive_goes_around("refined", ["quarantine/", "housing-tenure"], Foreign);
    redrive_around_a_quarantine_over_the_limit: redrive_goes_around("refined", ["quarantine/", "housing-tenure"], OverLimit);
    redrive_around_a_newer_receipt: redrive_goes_around("refined", ["_receipts/housing-tenure/"], NewerFormat);
    redrive_around_a_cut_receipt: redrive_goes_around("refined", ["_receipts/housing-tenure/"], Truncated);

    audit_of_a_cut_raw_object: audit_names_once("raw", ["raw/housing-tenure/", ".parquet"], Truncated);
    audit_of_an_empty_raw_object: audit_names_once("raw", ["raw/housing-tenure/", ".parquet"], Empty);
    audit_of_a_foreign_raw_object: audit_names_once("raw", ["raw/housing-tenure/", ".parquet"], Foreign);
    audit_of_a_cut_refined_object: audit_names_once("refined", ["refined/_records/housing-tenure/"], Truncated);
    audit_of_a_scratched_refined_object: audit_names_once("refined", ["refined/_records/housing-tenure/"], Scratched);
    audit_of_a_foreign_quarantine: audit_names_once("refined", ["quarantine/", "housing-tenure"], Foreign);
    audit_of_a_newer_receipt: audit_names_once("refined", ["_receipts/housing-tenure/"], NewerFormat);
    audit_of_an_empty_receipt: audit_names_once("refined", ["_receipts/housing-tenure/"], Empty);
    audit_of_a_cut_manifest: audit_names_once("curated", ["_manifests/object_tenancy/2026-03-02"], Truncated);
    audit_of_a_scratched_manifest: audit_names_once("curated", ["_manifests/object_tenancy/2026-03-03"], Scratched);
    audit_of_cut_rows_in_curated: audit_names_once("curated", ["curated/object_tenancy/", "part-0"], Truncated);
    audit_of_empty_rows_in_curated: audit_names_once("curated", ["curated/object_tenancy/", "part-0"], Empty);
    audit_of_rows_over_the_limit_in_curated: audit_names_once("curated", ["curated/object_tenancy/", "part-0"], OverLimit);
    audit_of_cut_records: audit_names_once("curated", ["curated/_records/housing-tenure/", "part-0"], Truncated);
    audit_of_rows_that_vanish: audit_names("refined", ["refined/_records/housing-tenure/"], Vanished);
    audit_of_a_raw_object_that_vanishes: audit_names("raw", ["raw/housing-tenure/", ".parquet"], Vanished);
}

const REBUILD: [&str; 6] = ["rebuild", "--from", MONDAY, "--to", TUESDAY, "--json"];

/// The skipped days of a table.
fn skipped_days<'r>(result: &'r Value, table: &str) -> Vec<&'r str> {
    let skipped = result["skipped"].as_array().into_iter().flatten();
    skipped
        .filter(|day| day["table"] == table)
        .filter_map(|day| day["date"].as_str())
        .collect()
}

/// Days of people are built again; no manifest of tenures changes, and the object is named.
fn rebuild_stops_tenures(lake: &LakeUnderTest, damaged: &DamagedObject) {
    let before = tenure_manifests(lake);
    delete_from_curated(lake, &person_manifest());

    let (code, result, text) = run(lake, &REBUILD);
    assert_eq!(code, 1, "{text}");
    assert!(damaged.is_named_in(&result), "{text}");
    assert!(
        !skipped_days(&result, "object_tenancy").is_empty(),
        "{text}"
    );
    assert!(skipped_days(&result, "person").is_empty(), "{text}");
    assert_eq!(
        tenure_manifests(lake),
        before,
        "no day is published without its rows"
    );
    assert!(
        lake.object_path("curated", &person_manifest()).exists(),
        "{text}"
    );

    damaged.repair();
    let (code, _, text) = run(lake, &REBUILD);
    assert_eq!(code, 0, "{text}");
}

fn delete_from_curated(lake: &LakeUnderTest, key: &str) {
    let contracts = repository_root().join("contracts");
    let delete = async { lake.lake_handle(&contracts).await.curated.delete(key).await };
    tokio::task::block_in_place(|| Handle::current().block_on(delete)).unwrap();
}

fn person_manifest() -> String {
    lake::manifest_key("person", lake::Day::parse(TUESDAY).unwrap())
}

/// The manifests of tenures, and all that they name.
fn tenure_manifests(lake: &LakeUnderTest) -> Vec<(String, Vec<u8>)> {
    let objects = lake.read_objects("curated", "curated/_manifests/object_tenancy");
    objects.into_iter().collect()
}

fn rebuild_is_complete(lake: &LakeUnderTest, _: &DamagedObject) {
    let (code, result, text) = run(lake, &REBUILD);
    assert_eq!((code, &result["unreadable"]), (0, &Value::Null), "{text}");
}

/// From raw objects: the tables of the damaged one keep the days that it holds.
fn raw_rebuild_stops_tenures(lake: &LakeUnderTest, damaged: &DamagedObject) {
    let before = tenure_manifests(lake);
    let (code, result, text) = run(lake, &[&REBUILD[..], &["--raw"]].concat());
    assert_eq!(code, 1, "{text}");
    assert!(damaged.is_named_in(&result), "{text}");
    assert_eq!(skipped_days(&result, "object_tenancy"), [MONDAY], "{text}");
    let raw_objects = lake.read_objects("raw", "raw/housing-person").len()
        + lake.read_objects("raw", "raw/housing-tenure").len();
    let is_there = usize::from(lake.object_path("raw", &damaged.key).exists());
    assert_eq!(result["raw_objects"], raw_objects - is_there, "{text}");
    assert_eq!(tenure_manifests(lake), before);

    damaged.repair();
    let (code, _, text) = run(lake, &[&REBUILD[..], &["--raw"]].concat());
    assert_eq!(code, 0, "{text}");
}

/// What was made from a raw object is made from it again.
fn raw_rebuild_repairs(lake: &LakeUnderTest, damaged: &DamagedObject) {
    let (code, _, text) = run(lake, &[&REBUILD[..], &["--raw"]].concat());
    assert_eq!(code, 0, "{text}");
    let (code, _, text) = run(lake, &["audit", "--deep"]);
    assert_eq!(code, 0, "{} is whole again: {text}", damaged.key);
}

const SWEEP: [&str; 9] = [
    "snapshot",
    "sweep",
    "--daily",
    "1",
    "--monthly",
    "1",
    "--yearly",
    "1",
    "--json",
];

/// The days that a sweep dropped of a table; none when it did not sweep it.
fn dropped_days<'r>(result: &'r Value, table: &str) -> Option<&'r Value> {
    let mut tables = result["tables"].as_array()?.iter();
    let swept = tables.find(|swept| swept["table"] == table)?;
    Some(&swept["dropped"])
}

fn sweep_stops_tenures(lake: &LakeUnderTest, damaged: &DamagedObject) {
    let before = lake.read_objects("curated", "curated/object_tenancy");
    for arguments in [[&SWEEP[..], &["--dry-run"]].concat(), SWEEP.to_vec()] {
        let (code, result, text) = run(lake, &arguments);
        assert_eq!(code, 1, "{text}");
        assert!(damaged.is_named_in(&result), "{text}");
        assert_eq!(
            dropped_days(&result, "person"),
            Some(&json!([MONDAY])),
            "{text}"
        );
        assert_eq!(dropped_days(&result, "object_tenancy"), None, "{text}");
    }
    assert!(before == lake.read_objects("curated", "curated/object_tenancy"));

    damaged.repair();
    let (code, result, text) = run(lake, &SWEEP);
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        dropped_days(&result, "object_tenancy"),
        Some(&json!([MONDAY])),
        "{text}"
    );
}

fn sweep_is_complete(lake: &LakeUnderTest, _: &DamagedObject) {
    let (code, result, text) = run(lake, &SWEEP);
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        dropped_days(&result, "object_tenancy"),
        Some(&json!([MONDAY])),
        "{text}"
    );
}

/// People's refused records, and those of tenures that are whole, are listed and processed again.
fn redrive_goes_around(lake: &LakeUnderTest, damaged: &DamagedObject) {
    let (code, _, text) = run(lake, &["quarantine", "ls"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        text.contains(&damaged.key) && text.contains("housing-person"),
        "{text}"
    );
    let (code, _, text) = run(lake, &["quarantine", "show", "--source", "housing-tenure"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(&damaged.key), "{text}");
    let (code, _, text) = run(lake, &["quarantine", "ls", "--source", "housing-person"]);
    assert_eq!(code, 0, "another source needs none of it: {text}");

    let (code, planned, text) = run(lake, &["quarantine", "redrive", "--dry-run", "--json"]);
    assert_eq!((code, &planned["open"]), (1, &json!(3)), "{text}");
    assert!(damaged.is_named_in(&planned), "{text}");
    let (code, done, text) = run(lake, &["quarantine", "redrive", "--json"]);
    assert_eq!((code, &done["redriven"]), (1, &json!(3)), "{text}");
    assert!(damaged.is_named_in(&done), "{text}");

    damaged.repair();
    let (_, again, text) = run(lake, &["quarantine", "redrive", "--dry-run", "--json"]);
    assert_eq!(
        again["open"], 4,
        "the fourth is found when it can be read: {text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn redrive_around_a_redriven_object_asks_for_nothing_twice() {
    let lake = lake_of_two_days().await;
    drop(run(&lake, &["quarantine", "redrive"]));
    let parts = ["raw/housing-tenure/", "partition=-1"];
    let raw = damage_object(&lake, "raw", &parts, Damage::Truncated);
    let receipt = ["_receipts/housing-tenure/", "partition=-1"];
    let receipt = damage_object(&lake, "refined", &receipt, Damage::Empty);

    let (code, done, text) = run(&lake, &["quarantine", "redrive", "--json"]);
    assert_eq!(code, 1, "{text}");
    assert!(
        raw.is_named_in(&done) && receipt.is_named_in(&done),
        "{text}"
    );
    assert_eq!(done["redriven"], 2, "those of people alone: {text}");
}

fn audit_findings(lake: &LakeUnderTest, damaged: &DamagedObject) -> (Vec<Value>, usize) {
    let (code, audit, text) = run(lake, &["audit", "--deep", "--json"]);
    assert_eq!(code, 1, "{text}");
    let findings = audit["findings"].as_array().unwrap().clone();
    let named = findings
        .iter()
        .filter(|found| found["object"] == damaged.key.as_str());
    let named = named.count();
    (findings, named)
}

/// The audit finds the object, says what to do, and finds nothing else.
fn audit_names_once(lake: &LakeUnderTest, damaged: &DamagedObject) {
    let (findings, named) = audit_findings(lake, damaged);
    assert_eq!((findings.len(), named), (1, 1), "{findings:?}");
    let (what, next) = (&findings[0]["what"], &findings[0]["next"]);
    assert!(what.as_str().unwrap().contains("cannot be read"), "{what}");
    assert!(!next.as_str().unwrap().is_empty(), "{findings:?}");

    for arguments in [
        ["audit", "--date", MONDAY, "--json"],
        ["audit", "--from", TUESDAY, "--json"],
    ] {
        let (code, _, text) = run(lake, &arguments);
        assert!(code < 2, "{arguments:?}: {text}");
    }
}

fn audit_names(lake: &LakeUnderTest, damaged: &DamagedObject) {
    let (findings, named) = audit_findings(lake, damaged);
    assert!(named >= 1, "{findings:?}");
}

//! `polelake repair` over real processes: what was damaged is, byte for byte, what it was; what is
//! lost is named with its offsets; a dry run changes nothing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::damage::{Damage, DamagedObject, damage_object, lake_of_two_days, run};
use crate::lake_under_test::{LakeUnderTest, MONDAY, copy_contracts, new_lake_folder};
use crate::quarantine::polelake;

/// A test for each damage of an object, with what a repair does about it.
macro_rules! repairs_of {
    ($($name:ident: $check:ident($bucket:literal, $parts:expr, $damage:ident);)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let lake = lake_of_two_days().await;
            let before = read_zones(&lake);
            let damaged = damage_object(&lake, $bucket, &$parts, Damage::$damage);
            $check(&lake, &damaged, &before);
        }
    )*};
}

repairs_of! {
    repair_of_a_cut_receipt: is_repaired("refined", ["_receipts/housing-tenure/"], Truncated);
    repair_of_a_receipt_that_vanishes: is_repaired("refined", ["_receipts/housing-person/"], Vanished);
    repair_of_rows_that_vanish: is_repaired("refined", ["refined/_records/housing-tenure/"], Vanished);
    repair_of_scratched_rows: is_repaired("refined", ["refined/_records/housing-tenure/"], Scratched);
    repair_of_a_foreign_quarantine: is_repaired("refined", ["quarantine/", "housing-person"], Foreign);
    repair_of_a_cut_manifest: is_repaired("curated", ["_manifests/person/2026-03-02"], Truncated);
    repair_of_the_newest_manifest: is_repaired("curated", ["_manifests/person/2026-03-03"], Vanished);
    repair_of_a_manifest_of_records: is_repaired("curated", ["_manifests/_records/housing-tenure/2026-03-02"], Empty);
    repair_of_a_manifest_of_entities: is_repaired("curated", ["_manifests/entity/2026-03-02"], Foreign);
    repair_of_rows_in_curated: is_repaired("curated", ["curated/person/", "v=2026-03-02", "part-0"], Scratched);
    repair_of_rows_over_the_limit: is_repaired("curated", ["curated/object_tenancy/", "part-0"], OverLimit);
    repair_of_records: is_repaired("curated", ["curated/_records/housing-tenure/", "part-0"], Vanished);
    repair_of_entities: is_repaired("curated", ["curated/entity/", "part-0"], Truncated);
    repair_of_measures: is_repaired("curated", ["curated/_state/person/", ".json"], Scratched);
    repair_of_a_root: is_repaired("curated", ["_roots/2026-03-02"], Vanished);
    repair_of_iceberg_metadata: is_repaired("curated", ["curated/person/metadata/", "-m0.avro"], Scratched);
    repair_of_an_iceberg_hint: is_repaired("curated", ["curated/person/metadata/version-hint"], Vanished);

    loss_of_a_cut_raw_object: is_lost("raw", ["raw/housing-tenure/", ".parquet"], Truncated);
    loss_of_a_raw_object_that_vanishes: is_lost("raw", ["raw/housing-person/", ".parquet"], Vanished);
}

/// Every object of the three zones.
fn read_zones(lake: &LakeUnderTest) -> BTreeMap<(&'static str, String), Vec<u8>> {
    let mut zones = BTreeMap::new();
    for zone in ["raw", "refined", "curated"] {
        let objects = lake.read_objects(zone, "").into_iter();
        zones.extend(objects.map(|(key, content)| ((zone, key), content)));
    }
    zones
}

/// The members `object` of a list of the outcome.
fn named_in<'o>(outcome: &'o Value, list: &str) -> Vec<&'o str> {
    let items = outcome[list].as_array().into_iter().flatten();
    items.filter_map(|item| item["object"].as_str()).collect()
}

/// A dry run says what would be repaired, and the repair does it.
fn is_repaired(
    lake: &LakeUnderTest,
    damaged: &DamagedObject,
    before: &BTreeMap<(&'static str, String), Vec<u8>>,
) {
    let damaged_zones = read_zones(lake);
    let (_, planned, text) = run(lake, &["repair", "--dry-run", "--json"]);
    assert!(
        named_in(&planned, "repaired").contains(&&*damaged.key),
        "{text}"
    );
    assert!(
        read_zones(lake) == damaged_zones,
        "a dry run changes nothing"
    );

    let (code, outcome, text) = run(lake, &["repair", "--json"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        named_in(&outcome, "repaired").contains(&&*damaged.key),
        "{text}"
    );
    assert!(
        read_zones(lake) == *before,
        "every byte is what it was: {text}"
    );

    let (code, _, text) = run(lake, &["repair"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("Nothing is damaged"), "{text}");
}

/// The records are named with their offsets, and nothing is changed.
fn is_lost(
    lake: &LakeUnderTest,
    damaged: &DamagedObject,
    _: &BTreeMap<(&'static str, String), Vec<u8>>,
) {
    let damaged_zones = read_zones(lake);
    let (code, outcome, text) = run(lake, &["repair", "--json"]);
    assert_eq!(code, 1, "{text}");

    let lost = &outcome["lost"][0];
    assert_eq!(lost["object"], damaged.key.as_str(), "{text}");
    assert_eq!(lost["rows_kept"], true, "{text}");
    let offsets = lost["first"].as_i64().zip(lost["next"].as_i64());
    let (first, next) = offsets.unwrap();
    assert_eq!(lost["records"].as_i64(), Some(next - first), "{text}");
    assert!(
        read_zones(lake) == damaged_zones,
        "nothing is changed: {text}"
    );

    let (_, _, text) = run(lake, &["repair", "--dry-run"]);
    let said = format!("{}: offsets {first} to {}", damaged.key, next - 1);
    assert!(text.contains(&said), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn repair_under_changed_contracts_keeps_nothing_and_names_the_versions() {
    let lake = lake_of_two_days().await;
    let damaged = damage_object(
        &lake,
        "refined",
        &["refined/_records/housing-tenure/"],
        Damage::Vanished,
    );
    let contracts = new_lake_folder();
    copy_contracts(&contracts);
    let mapping = contracts.join("sources/housing/tenure/mapping.yaml");
    let text = std::fs::read_to_string(&mapping).unwrap();
    std::fs::write(&mapping, text.replace("version: 1.1.0", "version: 1.7.0")).unwrap();

    let damaged_zones = read_zones(&lake);
    let (code, outcome, text) = polelake(&lake, &contracts, &["repair", "--json"]);
    assert_eq!(code, 1, "{text}");
    let unrepaired = outcome["unrepaired"].as_array().into_iter().flatten();
    let mut unrepaired = unrepaired.filter(|item| item["object"] == damaged.key.as_str());
    let cause = unrepaired.next();
    let cause = cause
        .and_then(|item| item["cause"].as_str())
        .unwrap_or_default();
    for part in ["1.1.0 of the mapping", "--contracts", "rebuild --raw"] {
        assert!(cause.contains(part), "{text}");
    }
    assert!(
        read_zones(&lake) == damaged_zones,
        "nothing is changed: {text}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loss_is_declared_printed_passed_and_withdrawn() {
    let lake = lake_of_two_days().await;
    let whole = read_zones(&lake);
    let parts = ["raw/housing-person/", ".parquet"];
    let damaged = damage_object(&lake, "raw", &parts, Damage::Vanished);
    let key = damaged.key.as_str();

    let (code, _, text) = run(&lake, &["repair", "--declare-lost", key]);
    assert!(code == 2 && text.contains("--reason"), "{text}");
    let declare = [
        "repair",
        "--json",
        "--reason",
        "a disk burnt",
        "--declare-lost",
    ];
    let kept = whole.keys().filter(|(zone, _)| *zone == "raw");
    let kept = kept.map(|(_, kept)| kept.as_str());
    let mut kept = kept.filter(|kept| kept.ends_with(".parquet") && *kept != key);
    let kept = kept.next_back().unwrap_or_default();
    let (code, _, text) = run(&lake, &[&declare[..], &[key, kept]].concat());
    let is_refused = text.contains(&format!("{kept} is not lost"));
    assert!(
        code == 2 && is_refused && text.contains("repair --dry-run"),
        "{text}"
    );

    let (code, declared, text) = run(&lake, &[&declare[..], &[key]].concat());
    assert_eq!(
        (code, &declared["declared"][0]["object"]),
        (0, &key.into()),
        "{text}"
    );
    let (code, audit, text) = run(&lake, &["audit", "--deep", "--json"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        audit["declared_lost"][0]["reason"], "a disk burnt",
        "{text}"
    );
    let (_, _, text) = run(&lake, &["audit"]);
    for part in [
        "1 declared lost:",
        key,
        "a disk burnt",
        "reconciliation balances",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let (code, rebuilt, text) = run(&lake, &["rebuild", "--raw", "--from", MONDAY, "--json"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(rebuilt["declared_lost"][0]["object"], key, "{text}");

    damaged.repair();
    let (code, _, text) = run(&lake, &["audit"]);
    assert!(code == 1 && text.contains("--withdraw"), "{text}");
    let (code, _, text) = run(&lake, &["repair", "--withdraw", key]);
    assert_eq!(code, 0, "{text}");
    assert!(read_zones(&lake) == whole, "everything is as it was");
    let (code, _, text) = run(&lake, &["repair", "--withdraw", key]);
    assert!(code == 2 && text.contains("is not declared lost"), "{text}");
}

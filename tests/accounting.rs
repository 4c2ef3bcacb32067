//! The audit: it balances on what is whole, and names the object and the offset of what is not.

use lake::Day;
use operations::LakeHandle;
use operations::audit::{AuditFinding, AuditScope, LakeAudit, audit_lake};
use store::ObjectStore;

use crate::lake_under_test::{LakeUnderTest, MONDAY, repository_root, visit_files};
use crate::pole_to_snapshot::{push_day, town, town_on_monday};

const TUESDAY: &str = "2026-03-03";

/// An object that vanishes, and how the audit names the loss.
struct VanishingObject {
    bucket: &'static str,
    key: String,
    what: &'static str,
    named_object: &'static str,
}

async fn open_lake(lake: &LakeUnderTest) -> LakeHandle {
    lake.lake_handle(&repository_root().join("contracts")).await
}

async fn findings(lake: &LakeUnderTest) -> Vec<AuditFinding> {
    audit_lake(&open_lake(lake).await, AuditScope::default())
        .await
        .unwrap()
        .findings
}

#[tokio::test(flavor = "multi_thread")]
async fn the_reconciliation_of_a_town_balances_and_every_kind_of_damage_is_named() {
    let lake = town_on_monday().await;
    let pushed = count_monday_events() + run_tuesday(&lake).await;

    let whole = lake.assert_reconciled().await;
    assert_whole_audit(&lake, &whole, pushed);

    let zones = open_lake(&lake).await;
    assert_one_day_balances(&lake, &zones, &whole).await;

    for vanishing in choose_vanishing_objects(&lake) {
        assert_loss_is_named(&lake, &zones, &vanishing).await;
    }
    assert_eq!(findings(&lake).await, [], "all is back");
    no_person_is_in_the_logs(&lake);
}

fn count_monday_events() -> usize {
    town(0).iter().map(|(_, events)| events.len()).sum()
}

/// Runs the town's Tuesday; gives how many events were pushed.
async fn run_tuesday(lake: &LakeUnderTest) -> usize {
    lake.set_date(TUESDAY);
    let pushed = push_day(lake, 1).await;
    lake.run_day(TUESDAY).await;
    pushed
}

/// The records that landed, of all sources.
fn landed_records(audit: &LakeAudit) -> u64 {
    audit
        .sources
        .iter()
        .map(|source| source.sum_counts(false).landed)
        .sum()
}

/// The audit of everything counts what was pushed, and every table on both days.
fn assert_whole_audit(lake: &LakeUnderTest, whole: &LakeAudit, pushed: usize) {
    let accepted: i64 = whole
        .sources
        .iter()
        .filter_map(|source| source.accepted)
        .sum();
    assert_eq!(
        (accepted, landed_records(whole)),
        (i64::try_from(pushed).unwrap(), pushed as u64)
    );

    assert_eq!(
        whole.tables.len(),
        lake.count_stored_tables() * 2,
        "every table that a source fills, on two days"
    );
}

/// One day alone has its own part of the reconciliation.
async fn assert_one_day_balances(lake: &LakeUnderTest, zones: &LakeHandle, whole: &LakeAudit) {
    let tuesday = Day::parse(TUESDAY);
    let scope = AuditScope {
        from: tuesday,
        to: tuesday,
        deep: false,
    };
    let day = audit_lake(zones, scope).await.unwrap();
    assert!(day.is_reconciled(), "{:?}", day.findings);

    let (of_day, landed) = (landed_records(&day), landed_records(whole));
    assert!(0 < of_day && of_day < landed, "{of_day} of {landed}");
    assert_eq!(day.tables.len(), lake.count_stored_tables());
}

fn first_key(lake: &LakeUnderTest, bucket: &str, prefix: &str) -> String {
    let objects = lake.read_objects(bucket, prefix);
    objects.keys().next().unwrap().clone()
}

fn last_key(lake: &LakeUnderTest, bucket: &str, prefix: &str) -> String {
    let objects = lake.read_objects(bucket, prefix);
    objects.keys().next_back().unwrap().clone()
}

/// A receipt, a raw object, a refined object, a quarantine object and a snapshot's shard.
fn choose_vanishing_objects(lake: &LakeUnderTest) -> [VanishingObject; 5] {
    [
        VanishingObject {
            bucket: "refined",
            key: first_key(lake, "refined", "refined/_receipts/housing-person"),
            what: "has no receipt",
            named_object: "raw/housing-person/",
        },
        VanishingObject {
            bucket: "raw",
            key: last_key(lake, "raw", "raw/housing-person/epoch=1/partition=1"),
            what: "raw object that is not there",
            named_object: "refined/_receipts/",
        },
        VanishingObject {
            bucket: "refined",
            key: first_key(lake, "refined", "refined/_records/housing-person/"),
            what: "is not there",
            named_object: "refined/_records/housing-person/",
        },
        VanishingObject {
            bucket: "refined",
            key: first_key(lake, "refined", "quarantine/"),
            what: "refused records are lost",
            named_object: "quarantine/",
        },
        VanishingObject {
            bucket: "curated",
            key: first_key(lake, "curated", "curated/person/shard=000"),
            what: "is not there",
            named_object: "curated/person/",
        },
    ]
}

/// The store of a bucket.
fn zone_store<'z>(zones: &'z LakeHandle, bucket: &str) -> &'z dyn ObjectStore {
    match bucket {
        "raw" => &*zones.raw,
        "refined" => &*zones.refined,
        _ => &*zones.curated,
    }
}

/// Deletes the object, sees that the audit names it, and puts it back.
async fn assert_loss_is_named(
    lake: &LakeUnderTest,
    zones: &LakeHandle,
    vanishing: &VanishingObject,
) {
    let key = &vanishing.key;
    let store = zone_store(zones, vanishing.bucket);
    let kept = store.get(key).await.unwrap();
    store.delete(key).await.unwrap();

    let found = findings(lake).await;
    for finding in &found {
        assert!(finding.next.contains("`polelake "), "{finding:?}");
    }
    assert!(
        found
            .iter()
            .any(|finding| finding.what.contains(vanishing.what)
                && finding.object.starts_with(vanishing.named_object)),
        "{key}: {found:?}"
    );

    let is_back = store.put_if_absent(key, kept.body, kept.metadata).await;
    assert!(is_back.unwrap());
    lake.platform.running.wait_until_settled().await.unwrap();
}

/// The functions have refused, quarantined and reported by now: none of it with a name.
fn no_person_is_in_the_logs(lake: &LakeUnderTest) {
    let mut logs = String::new();
    visit_files(&lake.folder.join("logs"), &mut |path| {
        logs.push_str(&std::fs::read_to_string(path).unwrap());
    });
    assert!(
        logs.contains("records_quarantined"),
        "the functions have logged"
    );
    let people = lake.table_rows("person", MONDAY);
    let names: Vec<&String> = people
        .iter()
        .filter_map(|row| row.get("full_name"))
        .collect();
    assert!(names.len() > 50, "the town has people");
    for name in names {
        assert!(!logs.contains(name.as_str()), "a name is in the logs");
    }
}

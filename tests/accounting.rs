//! The audit: it closes on what is whole, and names the object and the offset of what is not.

use lake::Day;
use operations::audit::{AuditFinding, AuditScope, audit_lake};

use crate::lake_under_test::{LakeUnderTest, MONDAY, repository_root, visit_files};
use crate::pole_to_snapshot::town;

async fn findings(lake: &LakeUnderTest) -> Vec<AuditFinding> {
    let zones = lake.lake_handle(&repository_root().join("contracts")).await;
    audit_lake(&zones, AuditScope::default())
        .await
        .unwrap()
        .findings
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_of_a_town_close_and_every_kind_of_damage_is_named() {
    let lake = LakeUnderTest::start().await;
    let mut pushed = 0;
    for (number, date) in [MONDAY, "2026-03-03"].into_iter().enumerate() {
        lake.set_date(date);
        for (source, events) in town(number) {
            pushed += events.len();
            lake.push_events(source, &events).await;
        }
        lake.run_day(date).await;
    }
    let whole = lake.assert_reconciled().await;
    let accepted: i64 = whole
        .sources
        .iter()
        .filter_map(|source| source.accepted)
        .sum();
    let landed: u64 = whole
        .sources
        .iter()
        .map(|source| source.sum_counts(false).landed)
        .sum();
    assert_eq!(
        (accepted, landed),
        (i64::try_from(pushed).unwrap(), pushed as u64)
    );
    let merged = lake.count_merged_tables();
    assert_eq!(
        whole.tables.len(),
        merged * 2,
        "every table that a source fills, on two days"
    );
    // One day alone has its own part of the books.
    let zones = lake.lake_handle(&repository_root().join("contracts")).await;
    let tuesday = Day::parse("2026-03-03");
    let day = audit_lake(
        &zones,
        AuditScope {
            from: tuesday,
            to: tuesday,
            deep: false,
        },
    )
    .await
    .unwrap();
    assert!(day.is_reconciled(), "{:?}", day.findings);
    let of_day: u64 = day
        .sources
        .iter()
        .map(|source| source.sum_counts(false).landed)
        .sum();
    assert!(0 < of_day && of_day < landed, "{of_day} of {landed}");
    assert_eq!(day.tables.len(), merged);

    // A receipt that vanished, a raw object that vanished, a refined object that vanished, a snapshot that shrank.
    let first = |bucket: &str, prefix: &str| {
        lake.read_objects(bucket, prefix)
            .keys()
            .next()
            .unwrap()
            .clone()
    };
    let last = |bucket: &str, prefix: &str| {
        lake.read_objects(bucket, prefix)
            .keys()
            .next_back()
            .unwrap()
            .clone()
    };
    type Damage<'d> = (&'d str, String, &'d str, &'d str);
    let cases: [Damage<'_>; 5] = [
        (
            "refined",
            first("refined", "refined/_receipts/housing-person"),
            "has no receipt",
            "raw/housing-person/",
        ),
        (
            "raw",
            last("raw", "raw/housing-person/epoch=1/partition=1"),
            "raw object that is not there",
            "refined/_receipts/",
        ),
        (
            "refined",
            first("refined", "refined/person/"),
            "is not there",
            "refined/person/",
        ),
        (
            "refined",
            first("refined", "quarantine/"),
            "refused records are lost",
            "quarantine/",
        ),
        (
            "curated",
            first("curated", "curated/person/shard=000"),
            "is not there",
            "curated/person/",
        ),
    ];
    for (bucket, key, what, object) in cases {
        let store = match bucket {
            "raw" => &zones.raw,
            "refined" => &zones.refined,
            _ => &zones.curated,
        };
        let kept = store.get(&key).await.unwrap();
        store.delete(&key).await.unwrap();
        let found = findings(&lake).await;
        assert!(
            found
                .iter()
                .any(|finding| finding.what.contains(what) && finding.object.starts_with(object)),
            "{key}: {found:?}"
        );
        assert!(
            store
                .put_if_absent(&key, kept.body, kept.metadata)
                .await
                .unwrap()
        );
        lake.platform.running.wait_until_settled().await;
    }
    assert_eq!(findings(&lake).await, [], "all is back");
    no_person_is_in_the_logs(&lake);
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

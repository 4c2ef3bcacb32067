//! The table `entity`: who is known by whom, since when, whatever the shards.

use serde_json::{Value, json};
use snapshot_merge::MergeSizes;

use crate::days_in_memory::Days;
use crate::lake_under_test::{MONDAY, SampleRow, person_event};

const TUESDAY: &str = "2026-03-03";
const WEDNESDAY: &str = "2026-03-04";

fn born(number: usize, minute: u32) -> Value {
    person_event(
        "PersonCreatedEvent",
        &format!("p{number}"),
        minute,
        json!({"firstName": "Ada"}),
    )
}

/// A case about a property that the housing source may know too.
fn asset(number: usize) -> Value {
    person_event(
        "AssetCreatedEvent",
        &format!("a{number}"),
        2,
        json!({"assetId": format!("a{number}"), "assetType": "Dwelling"}),
    )
}

async fn entities(lake: &Days, date: &str) -> Vec<SampleRow> {
    lake.rows("entity", date).await
}

fn of<'r>(rows: &'r [SampleRow], id: &str) -> Option<&'r SampleRow> {
    rows.iter().find(|row| row["pole_id"].as_str() == id)
}

fn told<'r>(row: &'r SampleRow, column: &str) -> &'r str {
    row[column].as_str()
}

#[tokio::test]
async fn every_thing_stands_once_with_the_sources_that_know_it() {
    let mut lake = Days::new();
    // Two sources state the same organisation-free place: the tenure's home and the asset.
    lake.push("housing-person", MONDAY, &[born(1, 5), born(2, 6)])
        .await;
    lake.push("housing-asset", MONDAY, &[asset(1)]).await;
    lake.merge(MONDAY).await.unwrap();
    let monday = entities(&lake, MONDAY).await;
    let id = |number: usize| {
        pole::IdentityKey::for_tests()
            .pole_id("housing-person", &[&format!("p{number}")])
            .to_string()
    };
    let one = of(&monday, &id(1)).unwrap();
    assert_eq!(
        (
            told(one, "tables"),
            told(one, "sources"),
            told(one, "source")
        ),
        ("person", "housing-person", "polelake")
    );
    assert_eq!(told(one, "first_seen"), told(one, "last_seen"));
    assert!(monday.iter().any(|row| told(row, "tables") == "location"));
    let mut ids: Vec<&str> = monday.iter().map(|row| told(row, "pole_id")).collect();
    ids.dedup();
    assert_eq!(ids.len(), monday.len(), "each stands once");

    // A late event tells that one was known earlier, another is gone, nothing is said of the rest.
    let late = person_event("PersonUpdatedEvent", "p1", 1, json!({"surname": "Early"}));
    let gone = person_event("PersonDeletedEvent", "p2", 30, json!({}));
    let later = person_event("PersonUpdatedEvent", "p1", 40, json!({"surname": "Late"}));
    lake.push("housing-person", TUESDAY, &[late, gone, later, born(3, 9)])
        .await;
    let run = lake.merge(TUESDAY).await.unwrap();
    let counts = run
        .tables
        .iter()
        .find(|table| table.table == "entity")
        .unwrap();
    let tuesday = entities(&lake, TUESDAY).await;
    let before = of(&monday, &id(1)).unwrap();
    let one = of(&tuesday, &id(1)).unwrap();
    assert_eq!(
        told(one, "first_seen"),
        told(before, "first_seen"),
        "what a late patch of before its record says is no sight"
    );
    assert!(told(one, "last_seen") > told(before, "last_seen"));
    assert!(of(&tuesday, &id(2)).is_none());
    assert!(of(&tuesday, &id(3)).is_some());
    // The person. The name that is theirs belongs to them, and is no entity of its own.
    assert_eq!((counts.updated, counts.deleted), (1, 1));
    lake.merge(WEDNESDAY).await.unwrap();
    let (before, after) = (
        lake.manifest("entity", TUESDAY).await,
        lake.manifest("entity", WEDNESDAY).await,
    );
    assert_eq!(
        before.shards, after.shards,
        "a day without events shares the files"
    );
}

#[tokio::test]
async fn shards_and_groups_are_no_matter_and_the_same_day_gives_the_same_bytes() {
    let small = MergeSizes {
        sort_bytes: 1,
        shard_bytes: 9_000,
        group_rows: 8,
        batch_rows: 4,
        run_group_rows: 3,
        run_group_bytes: 1 << 20,
        max_merged_runs: 2,
    };
    let mut rows = Vec::new();
    for sizes in [small, MergeSizes::default()] {
        let mut lake = Days::new();
        lake.sizes = sizes;
        lake.push(
            "housing-person",
            MONDAY,
            &(0..60).map(|n| born(n, 1)).collect::<Vec<_>>(),
        )
        .await;
        lake.merge(MONDAY).await.unwrap();
        lake.push(
            "housing-person",
            TUESDAY,
            &(50..90).map(|n| born(n, 7)).collect::<Vec<_>>(),
        )
        .await;
        lake.merge(TUESDAY).await.unwrap();
        let again = lake.merge(TUESDAY).await.unwrap();
        assert!(
            again.tables.iter().all(|table| !table.written),
            "done again it is the same"
        );
        rows.push(entities(&lake, TUESDAY).await);
    }
    assert_eq!(rows[0], rows[1]);
    assert!(rows[0].len() >= 90);
}

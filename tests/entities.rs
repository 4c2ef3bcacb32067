//! The table `entity`: who is known by whom, since when, whatever the shards.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use snapshot_merge::MergeSizes;
use snapshot_merge::erase::{ErasureSelector, erase_curated};
use store::UnreadableObjects;

use crate::days_in_memory::Days;
use crate::erasure::people::{ALONE, BOTH};
use crate::erasure::sample;
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
    assert!(
        told(one, "first_seen") < told(before, "first_seen"),
        "a late patch of before its record is a statement of it"
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

/// The first and the last date of a person on a day.
async fn dates_of(lake: &Days, date: &str, person: usize) -> Option<(String, String)> {
    let rows = entities(lake, date).await;
    let id = pole::IdentityKey::for_tests()
        .pole_id("housing-person", &[&format!("p{person}")])
        .to_string();
    let row = of(&rows, &id)?;
    Some((
        told(row, "first_seen").into(),
        told(row, "last_seen").into(),
    ))
}

fn updated(number: usize, minute: u32) -> Value {
    person_event(
        "PersonUpdatedEvent",
        &format!("p{number}"),
        minute,
        json!({"surname": format!("Name-{minute}")}),
    )
}

fn deleted(number: usize, minute: u32) -> Value {
    person_event(
        "PersonDeletedEvent",
        &format!("p{number}"),
        minute,
        json!({}),
    )
}

/// The last day's dates of the first person, with the events cut into days of so many.
async fn dates_after(events: &[Value], a_day: usize) -> Option<(String, String)> {
    let mut lake = Days::new();
    let mut date = String::new();
    for (number, of_day) in events.chunks(a_day).enumerate() {
        date = format!("2026-03-{:02}", number + 2);
        lake.push("housing-person", &date, of_day).await;
        lake.merge(&date).await.unwrap();
    }
    dates_of(&lake, &date, 1).await
}

#[tokio::test]
async fn the_first_date_is_the_same_however_events_fall_on_days() {
    let (a, b, c) = (born(1, 5), updated(1, 8), born(1, 20));
    let cases = [
        // An overtaken statement of the same day.
        (vec![born(1, 5), updated(1, 9), updated(1, 7)], "05"),
        // A late deletion falls between two statements.
        (vec![a.clone(), b.clone(), c.clone(), deleted(1, 10)], "20"),
        // What comes late from before a deletion does not count.
        (vec![a.clone(), deleted(1, 10), c.clone(), b.clone()], "20"),
        // A repeat of a statement from before a deletion does not count.
        (
            vec![a.clone(), deleted(1, 10), a.clone(), c.clone(), a],
            "20",
        ),
        // A thing that was gone for a day remembers its deletion.
        (vec![b, deleted(1, 10), born(2, 11), c], "20"),
    ];
    for (number, (events, minute)) in cases.iter().enumerate() {
        let in_one = dates_after(events, events.len()).await;
        let first = in_one.clone().unwrap().0;
        assert!(
            first.contains(&format!(":{minute}:")),
            "case {number}: {first}"
        );
        for a_day in [1, 2, 3] {
            let cut = dates_after(events, a_day).await;
            assert_eq!(cut, in_one, "case {number}, days of {a_day}");
        }
    }
}

/// A tenancy that begins at an hour; both of them have one landlord.
fn tenancy(key: &str, hour: u32) -> Value {
    let mut event = sample("housing/tenure/samples/tenure-created.json");
    event["id"] = json!(format!("tenancy-{key}"));
    event["entityId"] = json!(key);
    event["eventData"]["newData"]["id"] = json!(key);
    event["dateTime"] = json!(format!("2026-03-02T{hour:02}:00:00Z"));
    event
}

#[tokio::test]
async fn an_erasure_takes_out_what_an_erased_record_counted() {
    let mut lake = Days::new();
    let events = [tenancy(BOTH, 9), tenancy(ALONE, 10)];
    lake.push("housing-tenure", MONDAY, &events).await;
    lake.merge(MONDAY).await.unwrap();
    let landlord = |rows: &[SampleRow]| -> SampleRow {
        let shared = rows.iter().find(|row| row["tables"].as_str() == "object");
        shared.unwrap().clone()
    };
    let before = landlord(&entities(&lake, MONDAY).await);
    assert!(told(&before, "first_seen").contains("09:00"), "{before:?}");

    let selector = ErasureSelector {
        records: BTreeSet::from([("housing-tenure".to_owned(), BOTH.to_owned())]),
        ..ErasureSelector::default()
    };
    let unreadable = UnreadableObjects::default();
    let context = lake.context();
    let erased = erase_curated(&context, &selector, false, &unreadable).await;
    assert!(!erased.unwrap().is_empty());
    let after = landlord(&entities(&lake, MONDAY).await);
    assert!(told(&after, "first_seen").contains("10:00"), "{after:?}");
    assert_eq!(told(&after, "last_seen"), told(&before, "last_seen"));

    let again = erase_curated(&context, &selector, false, &unreadable).await;
    assert!(again.unwrap().is_empty(), "a second run has nothing to do");
}

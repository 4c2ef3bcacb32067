//! Days of a table at the cost of the change, kept as long as the retention policy says.

use std::collections::BTreeSet;
use std::sync::Arc;

use lake::Day;
use proptest::prelude::*;
use serde_json::{Value, json};
use snapshot_merge::erase::{ErasureSelector, MatchedObject, erase_curated};
use snapshot_merge::{Context, MergeSizes, RetentionPolicy};
use store::{ObjectStore as _, TableCatalogue as _, UnreadableObjects};
use trigger::ScheduleRequest;

use crate::days_in_memory::Days;
use crate::lake_under_test::{MONDAY, person_event};
use crate::store_recorder::StoreRecorder;

const TUESDAY: &str = "2026-03-03";

/// Few rows make many groups.
const SMALL: MergeSizes = MergeSizes {
    sort_bytes: 32 << 20,
    shard_bytes: 256 << 20,
    group_rows: 16,
    batch_rows: 4,
    run_group_rows: 8,
    run_group_bytes: 1 << 20,
    max_merged_runs: 2,
};

fn born(number: usize) -> Value {
    person_event(
        "PersonCreatedEvent",
        &format!("p{number}"),
        1,
        json!({"firstName": "Ada", "surname": "Sample"}),
    )
}

fn renamed(number: usize, minute: u32) -> Value {
    person_event(
        "PersonUpdatedEvent",
        &format!("p{number}"),
        minute,
        json!({"surname": format!("Specimen{minute}")}),
    )
}

#[tokio::test]
async fn an_unchanged_table_costs_a_manifest_and_the_days_root_and_no_data_write() {
    let mut lake = Days::new();
    lake.push(
        "housing-person",
        MONDAY,
        &(0..50).map(born).collect::<Vec<_>>(),
    )
    .await;
    lake.merge_tables(MONDAY, &["person"]).await.unwrap();
    let recorder = StoreRecorder::over(&lake.curated);
    let context = Context {
        curated: Arc::clone(&recorder) as _,
        ..lake.context()
    };
    let schedule = ScheduleRequest {
        date: Some(TUESDAY.into()),
        tables: vec!["person".into()],
        ..ScheduleRequest::default()
    };
    let budget = host::TimeBudget::lasting_for(std::time::Duration::from_secs(600));
    snapshot_merge::handle(&schedule, &context, budget)
        .await
        .unwrap();
    let written = recorder.written_keys();
    // Iceberg has a snapshot for every day: its small files say so, and name the same data.
    let (iceberg, ours): (Vec<_>, Vec<_>) =
        written.iter().partition(|key| key.contains("/metadata/"));
    let manifests = [
        "curated/_manifests/_records/housing-person/2026-03-03.json",
        "curated/_manifests/person/2026-03-03.json",
        "curated/_roots/2026-03-03.json",
        "curated/_events/housing-person/2026-03-03/0000.filters",
    ];
    assert_eq!(ours, manifests);
    assert_eq!(iceberg.len(), 4, "{iceberg:?}");
    assert_eq!(
        lake.manifest("person", MONDAY).await.shards,
        lake.manifest("person", TUESDAY).await.shards
    );
}

#[tokio::test]
async fn groups_without_changes_are_copied_and_measured_as_before() {
    let mut lake = Days::new();
    lake.sizes = SMALL;
    lake.push(
        "housing-person",
        MONDAY,
        &(0..200).map(born).collect::<Vec<_>>(),
    )
    .await;
    lake.merge_tables(MONDAY, &["person"]).await.unwrap();
    lake.push("housing-person", TUESDAY, &[renamed(7, 9), born(200)])
        .await;
    let run = lake.merge_tables(TUESDAY, &["person"]).await.unwrap();
    // 200 rows in groups of 16 are 13; two of them are spoken of.
    assert_eq!((run.tables[0].updated, run.tables[0].inserted), (1, 1));
    assert!(
        (10..13).contains(&run.tables[0].copied),
        "{} groups were copied",
        run.tables[0].copied
    );
    // Merged from nothing, the same is measured.
    let mut whole = Days::new();
    whole
        .push(
            "housing-person",
            MONDAY,
            &(0..200).map(born).collect::<Vec<_>>(),
        )
        .await;
    whole
        .push("housing-person", TUESDAY, &[renamed(7, 9), born(200)])
        .await;
    whole.merge_tables(TUESDAY, &["person"]).await.unwrap();
    let (part, all) = (
        lake.manifest("person", TUESDAY).await,
        whole.manifest("person", TUESDAY).await,
    );
    assert_eq!(part.rules, all.rules);
    for (column, all) in &all.columns {
        let part = &part.columns[column];
        assert_eq!(
            (part.filled, part.max_bytes, part.bytes, part.minimum),
            (all.filled, all.max_bytes, all.bytes, all.minimum)
        );
        // Sketches that were added up are within four standard errors of one that saw all.
        let (Some(a), Some(b)) = (part.distinct, all.distinct) else {
            continue;
        };
        assert!(
            a.abs_diff(b) as f64 <= 2.0 + b as f64 * 0.092,
            "{column}: {a} and {b}"
        );
    }
    assert_eq!(lake.rows("person", TUESDAY).await.len(), 201);
}

#[tokio::test]
async fn small_changes_of_many_days_do_not_make_many_small_groups() {
    let mut lake = Days::new();
    lake.sizes = SMALL;
    lake.push(
        "housing-person",
        MONDAY,
        &(0..160).map(born).collect::<Vec<_>>(),
    )
    .await;
    lake.merge_tables(MONDAY, &["person"]).await.unwrap();
    for day in 0..25usize {
        let date = format!("2026-03-{:02}", day + 3);
        lake.push(
            "housing-person",
            &date,
            &(0..5)
                .map(|n| born(1_000 + day * 5 + n))
                .collect::<Vec<_>>(),
        )
        .await;
        lake.merge_tables(&date, &["person"]).await.unwrap();
    }
    let shard = &lake.manifest("person", "2026-03-27").await.shards[0];
    let bytes = lake.curated.get(&shard.rows_file.key).await.unwrap().body;
    let size = bytes.len() as u64;
    let groups = lake::ParquetFooter::parse(lake::FileWindow::new(0, bytes, size))
        .unwrap()
        .row_groups()
        .unwrap();
    let rows: Vec<usize> = groups.iter().map(|group| group.rows).collect();
    assert_eq!(rows.iter().sum::<usize>(), 285);
    assert!(
        rows.iter().all(|rows| *rows <= 24),
        "no group is beyond one and a half: {rows:?}"
    );
    assert!(
        rows.len() <= 285 / 8,
        "the mean group is at least half of what is wanted: {rows:?}"
    );
}

#[tokio::test]
async fn the_number_of_shards_follows_the_data() {
    let mut lake = Days::new();
    lake.push(
        "housing-person",
        MONDAY,
        &(0..100).map(born).collect::<Vec<_>>(),
    )
    .await;
    lake.merge_tables(MONDAY, &["person"]).await.unwrap();
    let monday = lake.manifest("person", MONDAY).await;
    lake.sizes = MergeSizes {
        shard_bytes: monday.shards[0].bytes() / 3,
        ..SMALL
    };
    lake.push("housing-person", TUESDAY, &[born(100)]).await;
    lake.merge_tables(TUESDAY, &["person"]).await.unwrap();
    assert_eq!(
        (
            monday.shards.len(),
            lake.manifest("person", TUESDAY).await.shards.len()
        ),
        (1, 4)
    );
    lake.sizes = MergeSizes::default();
    lake.push("housing-person", "2026-03-04", &[born(101)])
        .await;
    lake.merge_tables("2026-03-04", &["person"]).await.unwrap();
    assert_eq!(lake.manifest("person", "2026-03-04").await.shards.len(), 1);
    assert_eq!(lake.rows("person", "2026-03-04").await.len(), 102);
}

/// Every file that a kept manifest or the catalogue's history names is there; gives the kept days.
async fn kept_is_whole(lake: &Days) -> Result<BTreeSet<String>, TestCaseError> {
    let mut days = BTreeSet::new();
    for entry in lake
        .curated
        .list("curated/_manifests/person/", None)
        .await
        .unwrap()
    {
        let object = lake.curated.get(&entry.key).await.unwrap();
        let manifest = lake::SnapshotManifest::from_json(&object.body).unwrap();
        for shard in &manifest.shards {
            let profile = shard.profile.as_ref().map(|object| &object.key);
            for key in shard.files().map(|file| &file.key).chain(profile) {
                prop_assert!(
                    lake.curated.object_exists(key).await.unwrap(),
                    "{} names {key}",
                    manifest.date
                );
            }
        }
        days.insert(manifest.date);
    }
    Ok(days)
}

fn history(lake: &Days) -> store::TableSpec {
    let domain = &lake.catalogue.table_contract("person").unwrap().domain;
    store::TableSpec {
        database: format!("polelake_curated_{}", domain.replace('-', "_")),
        name: "person_history".into(),
        description: String::new(),
        location: String::new(),
        columns: Vec::new(),
        partition_keys: Vec::new(),
        parameters: Default::default(),
    }
}

async fn sweeps(steps: &[(bool, bool)], keep: RetentionPolicy) -> Result<(), TestCaseError> {
    let mut lake = Days::new();
    lake.sizes = SMALL;
    for (day, (changes, sweep)) in steps.iter().enumerate() {
        let day = Day(Day::parse(MONDAY).unwrap().0 + day as i32 * 9);
        if *changes {
            let number = day.0 as usize;
            lake.push(
                "housing-person",
                &day.to_string(),
                &[born(number), renamed(number % 7, 5)],
            )
            .await;
        }
        lake.merge_tables(&day.to_string(), &["person"])
            .await
            .unwrap();
        if !sweep {
            continue;
        }
        let context = lake.context();
        let table = lake.catalogue.table_contract("person").unwrap();
        let before = lake.curated.list("", None).await.unwrap();
        let planned = snapshot_merge::sweep_table(table, keep, true, &context)
            .await
            .unwrap();
        prop_assert_eq!(
            &before,
            &lake.curated.list("", None).await.unwrap(),
            "a dry run writes nothing"
        );
        let swept = snapshot_merge::sweep_table(table, keep, false, &context)
            .await
            .unwrap();
        prop_assert_eq!(&planned, &swept);
        let kept = kept_is_whole(&lake).await?;
        prop_assert!(kept.contains(&day.to_string()), "the newest day stays");
        let shown: BTreeSet<String> = lake
            .glue
            .list_partitions(&history(&lake))
            .await
            .unwrap()
            .into_iter()
            .map(|p| p.values[0].clone())
            .collect();
        prop_assert_eq!(&shown, &kept);
        let again = snapshot_merge::sweep_table(table, keep, false, &context)
            .await
            .unwrap()
            .unwrap();
        prop_assert_eq!(
            (again.files, again.dropped.len()),
            (0, 0),
            "what is swept is swept"
        );
    }
    kept_is_whole(&lake).await.map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]
    #[test]
    fn a_sweep_never_deletes_what_a_kept_day_names(
        steps in proptest::collection::vec((any::<bool>(), any::<bool>()), 1..9), daily in 0..3usize, monthly in 0..3usize
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(sweeps(&steps, RetentionPolicy { daily, monthly, yearly: 1 }))?;
    }
}

/// The tables that hold something of a person.
const ERASED_TABLES: [&str; 4] = ["person", "person_name", "link", "object_tenancy"];

#[tokio::test]
async fn a_person_who_is_erased_leaves_every_kept_version() {
    let mut lake = merge_household_days().await;
    let id = pole::IdentityKey::for_tests()
        .pole_id("housing-person", &["p1"])
        .to_string();
    let subjects = ErasureSelector {
        ids: [id.clone()].into(),
        ..Default::default()
    };

    let planned = plan_erasure(&lake, &subjects).await;
    erase_as_planned(&lake, &subjects, &planned).await;
    for date in [MONDAY, TUESDAY] {
        assert_erased_on(&lake, date, &id).await;
    }
    kept_is_whole(&lake).await.unwrap();
    assert!(
        erase_curated(
            &lake.context(),
            &subjects,
            false,
            &UnreadableObjects::default()
        )
        .await
        .unwrap()
        .is_empty()
    );

    // The days go on.
    lake.push("housing-person", "2026-03-04", &[renamed(30, 10)])
        .await;
    lake.merge_tables("2026-03-04", &ERASED_TABLES)
        .await
        .unwrap();
    assert_eq!(lake.rows("person", "2026-03-04").await.len(), 59);
}

/// The tenancy of two of the people.
fn tenure(minute: u32) -> Value {
    let members: Vec<Value> = [1, 2]
        .map(|n| json!({"id": format!("p{n}"), "type": "Person", "personTenureType": "Tenant"}))
        .into();
    person_event(
        "TenureCreatedEvent",
        "t1",
        minute,
        json!({"householdMembers": members}),
    )
}

/// Sixty people and a tenancy on Monday; two people are renamed on Tuesday.
async fn merge_household_days() -> Days {
    let mut lake = Days::new();
    lake.sizes = SMALL;
    let people: Vec<Value> = (0..60).map(born).collect();
    lake.push("housing-person", MONDAY, &people).await;
    lake.push("housing-tenure", MONDAY, &[tenure(1)]).await;
    lake.merge_tables(MONDAY, &ERASED_TABLES).await.unwrap();

    // A patch is remembered beside the rows.
    lake.push("housing-person", TUESDAY, &[renamed(1, 9), renamed(30, 9)])
        .await;
    lake.merge_tables(TUESDAY, &ERASED_TABLES).await.unwrap();
    lake
}

/// What an erasure would touch; the dry run writes nothing.
async fn plan_erasure(lake: &Days, subjects: &ErasureSelector) -> Vec<MatchedObject> {
    let before = lake.curated.list("", None).await.unwrap();
    let planned = erase_curated(
        &lake.context(),
        subjects,
        true,
        &UnreadableObjects::default(),
    )
    .await
    .unwrap();
    assert!(
        planned.len() >= 5,
        "rows of two days, names, link and state: {planned:?}"
    );
    assert_eq!(before, lake.curated.list("", None).await.unwrap());
    planned
}

/// Erases what was planned, and sees that no old version of it is left.
async fn erase_as_planned(lake: &Days, subjects: &ErasureSelector, planned: &[MatchedObject]) {
    let recorder = StoreRecorder::over(&lake.curated);
    let context = Context {
        curated: Arc::clone(&recorder) as _,
        ..lake.context()
    };
    let done = erase_curated(&context, subjects, false, &UnreadableObjects::default())
        .await
        .unwrap();
    assert_eq!(planned, done);

    let written = recorder.written_keys();
    assert!(
        done.iter()
            .all(|touched| written.contains(&format!("purged {}", touched.key))),
        "no old version is left: {written:?}"
    );
}

/// No row of a day has the person's id; the other rows are there, as the manifests count them.
async fn assert_erased_on(lake: &Days, date: &str, id: &str) {
    for table in ERASED_TABLES {
        for row in lake.rows(table, date).await {
            assert!(
                !row.values().any(|value| value.as_str() == id),
                "{table} of {date}: {row:?}"
            );
        }
        let manifest = lake.manifest(table, date).await;
        assert_eq!(manifest.rows, lake.rows(table, date).await.len() as u64);
    }

    assert_eq!(lake.rows("person", date).await.len(), 59);
    assert_eq!(
        lake.rows("link", date)
            .await
            .iter()
            .filter(|row| row["link_type"] == "holds_tenancy")
            .count(),
        1
    );
}

//! Days side by side: a diff says what a naive comparison of all rows says, reads no more than it
//! must, and shows no personal value unasked.

mod commands;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lake::Day;
use operations::LakeHandle;
use operations::snapshots::{DiffDisplay, RowChangeKind, TableDiff, days, pair_days};
use serde_json::{Value, json};
use snapshot_merge::MergeSizes;
use store::ObjectStore;

use crate::days_in_memory::{Days, contracts, replace};
use crate::lake_under_test::{MONDAY, SampleRow, person_event};
use crate::store_recorder::StoreRecorder;

const TUESDAY: &str = "2026-03-03";

/// The tables that are merged in memory and compared.
const TABLES: [&str; 3] = ["person", "person_name", "event"];

fn zones(days: &Days) -> (LakeHandle, Arc<StoreRecorder>) {
    let recorder = StoreRecorder::over(&days.curated);
    let curated = Arc::clone(&recorder) as Arc<dyn ObjectStore>;
    let (raw, refined) = (Arc::clone(&days.raw) as _, Arc::clone(&days.refined) as _);
    (
        LakeHandle::from_stores(raw, refined, curated, Arc::clone(&days.catalogue)),
        recorder,
    )
}

/// Sizes that cut a few rows into several groups, and into shards of about so many bytes.
fn sizes(shard_bytes: u64) -> MergeSizes {
    MergeSizes {
        shard_bytes,
        group_rows: 8,
        batch_rows: 4,
        run_group_rows: 4,
        ..MergeSizes::default()
    }
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

async fn diff(zones: &LakeHandle, table: &str, show: DiffDisplay) -> TableDiff {
    let found = pair_days(zones, Some(table), day(MONDAY), day(TUESDAY))
        .await
        .unwrap();
    assert_eq!((found.pairs.len(), found.skipped.len()), (1, 0));
    found.pairs[0]
        .compare_days(&zones.curated, show, &|_| ())
        .await
        .unwrap()
}

fn told(kind: &str, number: usize, minute: u32, name: &str) -> Value {
    let mut event = person_event(
        kind,
        &format!("p{number}"),
        minute,
        json!({"firstName": name, "surname": "Sample", "dateOfBirth": "1990-02-03"}),
    );
    // Ids of events are shown: none of them holds a name.
    event["id"] = json!(format!("{kind}-{number}-{minute}"));
    event
}

/// People on Monday; on Tuesday some are changed, some only stated again, some gone, and some are
/// new.
async fn two_days(first: MergeSizes, second: MergeSizes) -> Days {
    let mut days = Days::new();
    days.sizes = first;
    let monday: Vec<Value> = (0..80)
        .map(|number| told("PersonCreatedEvent", number, 1, &format!("Name{number}")))
        .collect();
    days.push("housing-person", MONDAY, &monday).await;
    days.merge_tables(MONDAY, &TABLES).await.unwrap();
    days.sizes = second;
    let tuesday: Vec<Value> = (0..90)
        .filter_map(|number| match number {
            number if number % 7 == 1 => Some(told(
                "PersonCreatedEvent",
                number,
                2,
                &format!("Other{number}"),
            )),
            number if number % 7 == 2 => Some(told(
                "PersonCreatedEvent",
                number,
                2,
                &format!("Name{number}"),
            )),
            number if number % 11 == 3 => Some(told("PersonDeletedEvent", number, 2, "gone")),
            number if number >= 80 => Some(told(
                "PersonCreatedEvent",
                number,
                2,
                &format!("New{number}"),
            )),
            _ => None,
        })
        .collect();
    let receipt = days.push("housing-person", TUESDAY, &tuesday).await;
    assert_eq!(receipt.quarantined_total(), 0, "{:?}", receipt.quarantined);
    days.merge_tables(TUESDAY, &TABLES).await.unwrap();
    days
}

/// What a comparison of all rows, in memory, says of the counts: added, changed, restated, removed,
/// and by column.
#[derive(Debug, Default, PartialEq)]
struct Naive {
    counts: [u64; 4],
    columns: BTreeMap<String, u64>,
}

fn by_key(rows: Vec<SampleRow>) -> BTreeMap<[String; 3], SampleRow> {
    let key = |row: &SampleRow| ["owner_id", "pole_id", "source"].map(|column| row[column].clone());
    rows.into_iter().map(|row| (key(&row), row)).collect()
}

fn naive(old: Vec<SampleRow>, new: Vec<SampleRow>) -> Naive {
    let (old, new) = (by_key(old), by_key(new));
    let mut found = Naive::default();
    found.counts[0] = new.keys().filter(|key| !old.contains_key(*key)).count() as u64;
    found.counts[3] = old.keys().filter(|key| !new.contains_key(*key)).count() as u64;
    for (key, before) in &old {
        let Some(after) = new.get(key) else { continue };
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let changed: Vec<&String> = names
            .into_iter()
            .filter(|name| before.get(*name) != after.get(*name))
            .collect();
        let provenance = |name: &&String| {
            pole::PROVENANCE
                .iter()
                .any(|known| known.name == name.as_str())
        };
        found.counts[1] += u64::from(!changed.is_empty());
        found.counts[2] += u64::from(!changed.is_empty() && changed.iter().all(provenance));
        changed
            .into_iter()
            .for_each(|name| *found.columns.entry(name.clone()).or_default() += 1);
    }
    found
}

/// The same of a diff.
fn said(diff: &TableDiff) -> Naive {
    let columns = diff.columns.iter().chain(&diff.provenance);
    Naive {
        counts: [diff.added, diff.changed, diff.restated, diff.removed],
        columns: columns
            .map(|changes| (changes.column.clone(), changes.rows))
            .collect(),
    }
}

#[tokio::test]
async fn a_diff_says_what_a_naive_comparison_says_whatever_the_shards() {
    for (first, second, counts) in [
        (256 << 20, 256 << 20, (1, 1)),
        (4_000, 4_000, (8, 8)),
        (256 << 20, 2_000, (1, 16)),
        (4_000, 256 << 20, (8, 1)),
    ] {
        let days = two_days(sizes(first), sizes(second)).await;
        let (zones, _) = zones(&days);
        let (old, new) = (
            days.manifest("person", MONDAY).await,
            days.manifest("person", TUESDAY).await,
        );
        let several = |shards: usize| if shards > 1 { "several" } else { "one" };
        assert_eq!(
            (several(old.shards.len()), several(new.shards.len())),
            (several(counts.0), several(counts.1)),
            "{first} {second}"
        );
        for table in TABLES {
            let diff = diff(&zones, table, DiffDisplay::default()).await;
            let (old, new) = (
                days.rows(table, MONDAY).await,
                days.rows(table, TUESDAY).await,
            );
            assert_eq!(said(&diff), naive(old, new), "{table} {first} {second}");
            let manifest = days.manifest(table, TUESDAY).await;
            assert_eq!(
                (diff.added, diff.changed, diff.removed),
                (manifest.inserted, manifest.updated, manifest.deleted),
                "the merge counted the same of {table}"
            );
            assert_eq!(diff.differences, [], "none was asked for");
        }
        let diff = diff(&zones, "person", DiffDisplay::default()).await;
        assert!(
            diff.added > 5 && diff.removed > 3 && diff.restated > 5,
            "{diff:?}"
        );
        assert!(diff.changed > diff.restated);
    }
}

#[tokio::test]
async fn a_column_that_came_between_the_days_is_a_change_where_it_is_filled() {
    let mut days = Days::new();
    days.sizes = sizes(4_000);
    let monday: Vec<Value> = (0..40)
        .map(|number| told("PersonCreatedEvent", number, 1, "Ada"))
        .collect();
    days.push("housing-person", MONDAY, &monday).await;
    days.merge_tables(MONDAY, &TABLES).await.unwrap();
    let wider = contracts(|files| {
        let reference = "      - {name: reference,";
        let calling = "      - {name: calling, logicalType: string, physicalType: string, classification: personal, description: 'Calling'}";
        replace(
            files,
            "pole/person.odcs.yaml",
            reference,
            &format!("{calling}\n{reference}"),
        );
        let title = "      title: $.title\n      given_name: {normalise: {from: $.firstName, as: name}}\n      middle_names: {normalise: {from: $.middleName, as: name}}\n      surname: {normalise: {from: $.surname, as: name}}\n      full_name";
        let mapping = "sources/housing/person/mapping.yaml";
        replace(
            files,
            mapping,
            title,
            &format!("      calling: $.firstName\n{title}"),
        );
    });
    let mut days = days.changed(wider);
    days.push(
        "housing-person",
        TUESDAY,
        &[told("PersonCreatedEvent", 7, 2, "Ada")],
    )
    .await;
    days.merge_tables(TUESDAY, &TABLES).await.unwrap();
    let (zones, _) = zones(&days);
    let show = DiffDisplay {
        rows: 10,
        values: true,
    };
    let diff = diff(&zones, "person", show).await;
    assert_eq!(
        said(&diff),
        naive(
            days.rows("person", MONDAY).await,
            days.rows("person", TUESDAY).await
        )
    );
    assert_eq!((diff.changed, diff.restated, diff.added), (1, 0, 0));
    let change = diff.differences[0]
        .columns
        .iter()
        .find(|change| change.column == "calling")
        .unwrap();
    assert_eq!(
        (&change.before, &change.after, change.provenance),
        (&Value::Null, &json!("Ada"), false)
    );
}

#[tokio::test]
async fn what_days_share_is_not_read_and_nothing_is_read_whole() {
    let mut days = Days::new();
    days.sizes = sizes(4_000);
    let monday: Vec<Value> = (0..120)
        .map(|number| told("PersonCreatedEvent", number, 1, "Ada"))
        .collect();
    days.push("housing-person", MONDAY, &monday).await;
    days.merge_tables(MONDAY, &TABLES).await.unwrap();
    // Shards are as large as they should be: they stay as many.
    let shards = days.manifest("person", MONDAY).await.shards;
    days.sizes =
        sizes(shards.iter().map(lake::ManifestShard::bytes).sum::<u64>() / shards.len() as u64);
    days.push(
        "housing-person",
        TUESDAY,
        &[told("PersonCreatedEvent", 7, 2, "Bea")],
    )
    .await;
    days.merge_tables(TUESDAY, &TABLES).await.unwrap();
    let (zones, recorder) = zones(&days);
    let diff = diff(&zones, "person", DiffDisplay::default()).await;
    let (old, new) = (
        days.manifest("person", MONDAY).await,
        days.manifest("person", TUESDAY).await,
    );
    assert!(new.shards.len() > 2);
    assert_eq!(
        (diff.changed, diff.shards_shared, diff.shards_read),
        (1, new.shards.len() - 1, 2)
    );
    let all = |manifest: &lake::SnapshotManifest| -> BTreeSet<String> {
        manifest
            .shards
            .iter()
            .map(|shard| shard.rows_file.key.clone())
            .collect()
    };
    let apart: BTreeSet<String> = all(&old)
        .symmetric_difference(&all(&new))
        .cloned()
        .collect();
    let parts = recorder.take_partial_reads();
    assert_eq!(parts.keys().cloned().collect::<BTreeSet<_>>(), apart);
    let whole = recorder.whole_reads();
    assert!(whole.iter().all(|key| key.ends_with(".json")), "{whole:?}");
    // The same day twice is the same, and reads nothing.
    let found = pair_days(&zones, Some("person"), day(TUESDAY), day(TUESDAY))
        .await
        .unwrap();
    assert_eq!(found.bytes_to_read(), 0);
    let same = found.pairs[0]
        .compare_days(&zones.curated, DiffDisplay::default(), &|_| ())
        .await
        .unwrap();
    assert_eq!((said(&same), same.shards_read), (Naive::default(), 0));
    assert!(recorder.take_partial_reads().is_empty());
}

#[tokio::test]
async fn no_personal_value_is_shown_unasked() {
    let days = two_days(sizes(4_000), sizes(4_000)).await;
    let (zones, _) = zones(&days);
    assert_eq!(diff(&zones, "person", hidden(5)).await.differences.len(), 5);

    let closed = diff(&zones, "person", hidden(1_000)).await;
    assert_eq!(
        closed.differences.len() as u64,
        closed.added + closed.changed + closed.removed
    );
    assert!(
        difference_keys(&closed).is_sorted(),
        "in the order of their keys"
    );
    assert_personal_is_hidden(&zones, &closed);

    let show = DiffDisplay {
        rows: 1_000,
        values: true,
    };
    let open = diff(&zones, "person", show).await;
    assert_eq!(difference_keys(&open), difference_keys(&closed));
    assert_names_are_shown(&open);
}

/// So many rows, without values of personal columns.
fn hidden(rows: usize) -> DiffDisplay {
    DiffDisplay {
        rows,
        values: false,
    }
}

/// The owner, the identity and the source of each row that differs.
fn difference_keys(diff: &TableDiff) -> Vec<[&str; 3]> {
    let rows = diff.differences.iter();
    rows.map(|row| [&*row.owner_id, &*row.pole_id, &*row.source])
        .collect()
}

/// Columns that the contract calls personal have no value, and the answer holds no such value.
fn assert_personal_is_hidden(zones: &LakeHandle, closed: &TableDiff) {
    let personal: BTreeSet<&str> = zones
        .catalogue
        .table_contract("person")
        .unwrap()
        .columns
        .iter()
        .filter(|column| column.personal)
        .map(|column| column.name.as_str())
        .collect();
    for change in closed.differences.iter().flat_map(|row| &row.columns) {
        assert_eq!(change.hidden, personal.contains(change.column.as_str()));
        assert!(!change.hidden || (change.before.is_null() && change.after.is_null()));
    }

    let text = serde_json::to_string(&closed).unwrap();
    for value in ["Other", "Sample", "1990-02-03"] {
        assert!(!text.contains(&format!("\"{value}")), "{value}");
    }
}

/// The name of a person who was renamed, before and after.
fn assert_names_are_shown(open: &TableDiff) {
    let name = open
        .differences
        .iter()
        .filter(|row| row.what == RowChangeKind::Changed)
        .flat_map(|row| &row.columns)
        .find(|change| change.column == "given_name")
        .unwrap();
    let texts = [&name.before, &name.after].map(|value| value.as_str().unwrap().to_owned());
    assert!(
        texts[0].starts_with("Name") && texts[1].starts_with("Other"),
        "{texts:?}"
    );
}

#[tokio::test]
async fn days_are_listed_and_what_is_absent_is_told_with_what_is_there() {
    let days = two_days(sizes(4_000), sizes(4_000)).await;
    let (zones, _) = zones(&days);
    let listed = days::list_snapshots(&zones, "person").await.unwrap();
    let manifest = days.manifest("person", TUESDAY).await;
    let last = &listed[1];
    assert_eq!(
        (listed.len(), listed[0].shared, listed[0].base.as_deref()),
        (2, 0, None)
    );
    assert_eq!(
        (
            last.rows,
            last.inserted,
            last.updated,
            last.deleted,
            last.shards,
            last.passed
        ),
        (
            manifest.rows,
            manifest.inserted,
            manifest.updated,
            manifest.deleted,
            manifest.shards.len(),
            true
        )
    );
    let bytes = manifest.shards.iter().map(lake::ManifestShard::bytes);
    assert_eq!(last.bytes, bytes.sum::<u64>());
    let failed = |table: &'static str, from: &'static str, to: &'static str| {
        let zones = &zones;
        async move {
            pair_days(zones, Some(table), day(from), day(to))
                .await
                .unwrap_err()
                .to_string()
        }
    };
    let why = failed("person", "2026-03-09", TUESDAY).await;
    assert!(
        why.contains("`person` has no snapshot of 2026-03-09") && why.contains(TUESDAY),
        "{why}"
    );
    let why = failed("persons", MONDAY, TUESDAY).await;
    assert!(
        why.contains("no table `persons`") && why.contains("person_name"),
        "{why}"
    );
    // A table that only one day has is told apart.
    let key = lake::manifest_key("person_name", day(MONDAY));
    days.curated.delete(&key).await.unwrap();
    let found = pair_days(&zones, None, day(MONDAY), day(TUESDAY))
        .await
        .unwrap();
    assert_eq!(found.skipped.len(), 1);
    assert_eq!(
        (
            found.skipped[0].table.as_str(),
            found.skipped[0].absent.as_str()
        ),
        ("person_name", MONDAY)
    );
    assert!(
        found
            .pairs
            .iter()
            .all(|pair| pair.table.name != "person_name")
    );
}

//! Days side by side: a diff says what a naive comparison of all rows says, reads no more than it
//! must, and shows no personal value unasked.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use lake::Day;
use operations::LakeHandle;
use operations::snapshots::{DiffDisplay, RowChangeKind, TableDiff, days, pair_days};
use serde_json::{Value, json};
use snapshot_merge::MergeSizes;
use store::{
    ListedObject, MemoryStore, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoredObject,
};

use crate::days_in_memory::{Days, contracts, replace};
use crate::lake_under_test::{LakeUnderTest, MONDAY, SampleRow, person_event, repository_root};
use crate::quarantine::polelake;
use crate::readers::{has, python};

const TUESDAY: &str = "2026-03-03";

/// The tables that are merged in memory and compared.
const TABLES: [&str; 3] = ["person", "person_name", "event"];

/// A bucket that remembers which keys were read, and how.
#[derive(Default)]
struct Watched {
    inner: Arc<MemoryStore>,
    whole: Mutex<BTreeSet<String>>,
    parts: Mutex<BTreeMap<String, Vec<Range<u64>>>>,
}

#[async_trait]
impl ObjectStore for Watched {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        self.whole.lock().unwrap().insert(key.to_owned());
        self.inner.get(key).await
    }
    async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, StoreError> {
        self.parts
            .lock()
            .unwrap()
            .entry(key.to_owned())
            .or_default()
            .push(range.clone());
        self.inner.get_range(key, range).await
    }
    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        self.inner.head(key).await
    }
    async fn put(&self, key: &str, body: Bytes, kind: &str) -> Result<(), StoreError> {
        self.inner.put(key, body, kind).await
    }
    async fn put_if_absent(
        &self,
        key: &str,
        body: Bytes,
        metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        self.inner.put_if_absent(key, body, metadata).await
    }
    async fn put_if_match(&self, key: &str, etag: &str, body: Bytes) -> Result<bool, StoreError> {
        self.inner.put_if_match(key, etag, body).await
    }
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        self.inner.list(prefix, after).await
    }
    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        self.inner.find_first(prefix, after).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        self.inner.delete(key).await
    }
}

fn zones(days: &Days) -> (LakeHandle, Arc<Watched>) {
    let watched = Arc::new(Watched {
        inner: Arc::clone(&days.curated),
        ..Watched::default()
    });
    let curated = Arc::clone(&watched) as Arc<dyn ObjectStore>;
    let (raw, refined) = (Arc::clone(&days.raw) as _, Arc::clone(&days.refined) as _);
    (
        LakeHandle::from_stores(raw, refined, curated, Arc::clone(&days.catalogue)),
        watched,
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
        let calling = "      - {name: calling, logicalType: string, physicalType: string, \
            classification: personal, description: 'Calling'}";
        replace(
            files,
            "pole/person.odcs.yaml",
            reference,
            &format!("{calling}\n{reference}"),
        );
        let title = "      title: $.title\n      \
            given_name: {normalise: {from: $.firstName, as: name}}\n      \
            middle_names: {normalise: {from: $.middleName, as: name}}\n      \
            surname: {normalise: {from: $.surname, as: name}}\n      \
            full_name";
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
    days.sizes = sizes(shards.iter().map(|shard| shard.bytes).sum::<u64>() / shards.len() as u64);
    days.push(
        "housing-person",
        TUESDAY,
        &[told("PersonCreatedEvent", 7, 2, "Bea")],
    )
    .await;
    days.merge_tables(TUESDAY, &TABLES).await.unwrap();
    let (zones, watched) = zones(&days);
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
            .map(|shard| shard.rows_key.clone())
            .collect()
    };
    let apart: BTreeSet<String> = all(&old)
        .symmetric_difference(&all(&new))
        .cloned()
        .collect();
    let parts = watched.parts.lock().unwrap().clone();
    assert_eq!(parts.keys().cloned().collect::<BTreeSet<_>>(), apart);
    let whole = watched.whole.lock().unwrap().clone();
    assert!(whole.iter().all(|key| key.ends_with(".json")), "{whole:?}");
    // The same day twice is the same, and reads nothing.
    watched.parts.lock().unwrap().clear();
    let found = pair_days(&zones, Some("person"), day(TUESDAY), day(TUESDAY))
        .await
        .unwrap();
    assert_eq!(found.bytes_to_read(), 0);
    let same = found.pairs[0]
        .compare_days(&zones.curated, DiffDisplay::default(), &|_| ())
        .await
        .unwrap();
    assert_eq!((said(&same), same.shards_read), (Naive::default(), 0));
    assert!(watched.parts.lock().unwrap().is_empty());
}

#[tokio::test]
async fn no_personal_value_is_shown_unasked() {
    let days = two_days(sizes(4_000), sizes(4_000)).await;
    let (zones, _) = zones(&days);
    let (few, many) = (
        DiffDisplay {
            rows: 5,
            values: false,
        },
        DiffDisplay {
            rows: 1_000,
            values: false,
        },
    );
    assert_eq!(diff(&zones, "person", few).await.differences.len(), 5);
    let closed = diff(&zones, "person", many).await;
    assert_eq!(
        closed.differences.len() as u64,
        closed.added + closed.changed + closed.removed
    );
    let keys = |diff: &TableDiff| -> Vec<_> {
        let key = |row: &operations::snapshots::RowDifference| {
            (
                row.owner_id.clone(),
                row.pole_id.clone(),
                row.source.clone(),
            )
        };
        diff.differences.iter().map(key).collect()
    };
    assert!(keys(&closed).is_sorted(), "in the order of their keys");
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
    let open = diff(
        &zones,
        "person",
        DiffDisplay {
            rows: 1_000,
            values: true,
        },
    )
    .await;
    assert_eq!(keys(&open), keys(&closed));
    let changed = open.differences.iter().find(|row| {
        row.what == RowChangeKind::Changed
            && row
                .columns
                .iter()
                .any(|change| change.column == "given_name")
    });
    let name = changed
        .unwrap()
        .columns
        .iter()
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
    assert_eq!(
        last.bytes,
        manifest.shards.iter().map(|shard| shard.bytes).sum::<u64>()
    );
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

/// The lines that `show` prints for readers that are here, by the readers themselves: how many rows
/// they see.
fn read(shown: &Value) -> Vec<u64> {
    let line = |reader: &str| {
        let lines = shown["reading"].as_array().unwrap();
        lines.iter().find(|line| line["reader"] == reader).unwrap()["line"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let mut seen = Vec::new();
    if has("duckdb", "duckdb") {
        let script = "import sys, duckdb\nrows = duckdb.sql(sys.argv[1])\n\
            assert 'shard' not in rows.columns\nprint(len(rows.fetchall()))";
        seen.extend(python(script, &[line("DuckDB")]).as_u64());
    }
    if has("pyarrow", "pyarrow") {
        let script = "import sys\nsetup, rows = sys.argv[1].split('; ')\nexec(setup)\n\
            print(eval(rows).num_rows)";
        seen.extend(python(script, &[line("PyArrow")]).as_u64());
    }
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_shows_and_compares_days() {
    let shipped = repository_root().join("contracts");
    let lake = LakeUnderTest::start().await;
    lake.push_events(
        "housing-person",
        &[told("PersonCreatedEvent", 1, 1, "Adelheid")],
    )
    .await;
    lake.run_day(MONDAY).await;
    lake.set_date(TUESDAY);
    lake.push_events(
        "housing-person",
        &[told("PersonCreatedEvent", 1, 2, "Brunhild")],
    )
    .await;
    lake.push_events(
        "housing-person",
        &[told("PersonCreatedEvent", 2, 2, "Cunegund")],
    )
    .await;
    lake.run_day(TUESDAY).await;

    let (code, listed, text) = polelake(
        &lake,
        &shipped,
        &["snapshot", "ls", "--table", "person", "--json"],
    );
    assert_eq!((code, listed.as_array().unwrap().len()), (0, 2), "{text}");
    let (code, _, text) = polelake(&lake, &shipped, &["snapshot", "ls"]);
    assert!(
        code == 0 && text.contains("person_name") && text.contains(TUESDAY),
        "{text}"
    );

    let (code, shown, text) = polelake(
        &lake,
        &shipped,
        &["snapshot", "show", "person", TUESDAY, "--json"],
    );
    assert_eq!((code, &shown["manifest"]["rows"]), (0, &json!(2)), "{text}");
    assert!(read(&shown).iter().all(|rows| *rows == 2));
    let hint = shown["iceberg_hint"].as_str().unwrap();
    assert!(std::path::Path::new(hint).is_file(), "{hint}");
    let (_, _, text) = polelake(&lake, &shipped, &["snapshot", "show", "person", TUESDAY]);
    let key = &lake.read_manifest("person", TUESDAY).shards[0].rows_key;
    assert!(
        text.contains(&*lake.object_path("curated", key).to_string_lossy()),
        "{text}"
    );
    assert!(
        text.contains("housing-person") && text.contains("built on 2026-03-02"),
        "{text}"
    );

    let days = [
        "snapshot", "diff", MONDAY, TUESDAY, "--table", "person", "--rows", "9",
    ];
    let (code, _, text) = polelake(&lake, &shipped, &days);
    assert!(
        code == 0 && text.contains("given_name: (personal") && text.contains("given_name 1"),
        "{text}"
    );
    assert!(
        !["Adelheid", "Brunhild", "Cunegund"]
            .iter()
            .any(|name| text.contains(name)),
        "{text}"
    );
    let (_, _, text) = polelake(&lake, &shipped, &[&days[..], &["--values"]].concat());
    assert!(
        text.contains(r#"given_name: "Adelheid" -> "Brunhild""#) && text.contains("Cunegund"),
        "{text}"
    );
    let (code, told, text) = polelake(
        &lake,
        &shipped,
        &["snapshot", "diff", MONDAY, TUESDAY, "--json"],
    );
    let tables = told["tables"].as_array().unwrap();
    assert_eq!(
        (code, tables.len()),
        (0, lake.count_merged_tables()),
        "{text}"
    );
    let person = tables
        .iter()
        .find(|table| table["table"] == "person")
        .unwrap();
    assert_eq!(
        (&person["added"], &person["changed"]),
        (&json!(1), &json!(1))
    );

    let (code, _, text) = polelake(
        &lake,
        &shipped,
        &["snapshot", "show", "person", "2026-02-01"],
    );
    assert!(code == 2 && text.contains(MONDAY), "{text}");
    let (code, _, text) = polelake(&lake, &shipped, &["snapshot", "diff", MONDAY, "2026-04-01"]);
    assert!(
        code == 2 && text.contains("nearest to it: 2026-03-03"),
        "{text}"
    );
    let (code, _, text) = polelake(&lake, &shipped, &["snapshot", "show", "persons", MONDAY]);
    assert!(code == 2 && text.contains("there are"), "{text}");
}

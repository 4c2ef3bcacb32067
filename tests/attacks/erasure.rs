//! An erasure that meets objects which cannot be read: it erases everything else, names them, and
//! is finished by the same command when they are repaired.

use lake::{Chunk, ERASURES_KEY};
use serde_json::json;

use super::damage::{
    Damage, DamagedObject, KEY, NAME, TUESDAY, damage_object, lake_of_two_days, run,
};
use crate::lake_under_test::{LakeUnderTest, MONDAY, parquet_rows};

const ERASE: [&str; 6] = [
    "erase",
    "--source",
    "housing-person",
    "--key",
    KEY,
    "--json",
];

/// An object of another source, or of the person's own, by its bucket and parts of its key.
type Place = (&'static str, &'static [&'static str]);

const RAW: Place = ("raw", &["raw/housing-tenure/", ".parquet"]);
const REFINED: Place = ("refined", &["refined/_records/housing-tenure/", ".parquet"]);
const QUARANTINE: Place = ("refined", &["quarantine/", "topic=housing-tenure/"]);
const RECEIPT: Place = ("refined", &["refined/_receipts/housing-tenure/"]);
const MANIFEST: Place = ("curated", &["curated/_manifests/object_tenancy/"]);
const ROWS: Place = ("curated", &["curated/object_tenancy/", "part-0.parquet"]);
const OWN_RAW: Place = ("raw", &["raw/housing-person/", ".parquet"]);
const OWN_REFINED: Place = ("refined", &["refined/_records/housing-person/", ".parquet"]);
const OWN_RECEIPT: Place = ("refined", &["refined/_receipts/housing-person/"]);
const OWN_QUARANTINE: Place = ("refined", &["quarantine/", "topic=housing-person/"]);
const OWN_MANIFEST: Place = ("curated", &["curated/_manifests/person/", "2026-03-02"]);
const OWN_ROWS: Place = ("curated", &["curated/person/", "part-0.parquet"]);

/// A test for each place and kind of damage.
macro_rules! erasures_around {
    ($($name:ident: $place:expr, $damage:ident;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            erases_around($place, Damage::$damage).await;
        }
    )*};
}

erasures_around! {
    a_cut_raw_object_of_another_source: RAW, Truncated;
    an_empty_raw_object_of_another_source: RAW, Empty;
    a_foreign_raw_object_of_another_source: RAW, Foreign;
    a_scratched_raw_object_of_another_source: RAW, Scratched;
    a_cut_refined_object: REFINED, Truncated;
    an_empty_refined_object: REFINED, Empty;
    a_foreign_refined_object: REFINED, Foreign;
    a_cut_quarantine_object: QUARANTINE, Truncated;
    a_foreign_quarantine_object: QUARANTINE, Foreign;
    a_cut_receipt: RECEIPT, Truncated;
    an_empty_receipt: RECEIPT, Empty;
    a_receipt_of_a_newer_format: RECEIPT, NewerFormat;
    a_receipt_that_is_no_text: RECEIPT, Scratched;
    a_cut_file_of_rows: ROWS, Truncated;
    an_empty_file_of_rows: ROWS, Empty;
    a_foreign_file_of_rows: ROWS, Foreign;
    a_raw_object_over_the_limit: RAW, OverLimit;
    a_receipt_over_the_limit: RECEIPT, OverLimit;
    a_refined_object_over_the_limit: REFINED, OverLimit;
    the_persons_own_raw_object: OWN_RAW, Truncated;
    the_persons_own_rows_in_refined: OWN_REFINED, Empty;
    the_persons_own_receipt: OWN_RECEIPT, NewerFormat;
    the_persons_own_quarantine: OWN_QUARANTINE, Foreign;
    the_persons_own_manifest: OWN_MANIFEST, Truncated;
    the_persons_own_manifest_of_a_newer_format: OWN_MANIFEST, NewerFormat;
    the_persons_own_rows_in_curated: OWN_ROWS, Truncated;
}

/// Erases the person around a damaged object, again while it is damaged, and again when it is
/// repaired.
async fn erases_around((bucket, parts): Place, damage: Damage) {
    let lake = lake_of_two_days().await;
    assert!(traces(&lake, None).len() > 5, "the person is everywhere");
    let damaged = damage_object(&lake, bucket, parts, damage);

    let before = lake.read_objects("", "");
    let (code, planned, text) = run(&lake, &[&ERASE[..], &["--dry-run"]].concat());
    assert_eq!(code, 1, "a dry run names it too: {text}");
    assert!(damaged.is_named_in(&planned), "{text}");
    assert!(
        before == lake.read_objects("", ""),
        "a dry run writes nothing"
    );

    for attempt in 0..2 {
        let (code, done, text) = run(&lake, &[&ERASE[..], &["--yes"]].concat());
        assert_eq!(code, 1, "attempt {attempt}: {text}");
        assert!(damaged.is_named_in(&done), "attempt {attempt}: {text}");
        assert_eq!(done["resumed"], attempt == 1, "{text}");
        assert!(!text.contains(KEY) && !text.contains(NAME), "{text}");
        assert!(lake.object_path("refined", ERASURES_KEY).exists());
        assert_only_listed_traces(&lake, &damaged, &done);
    }

    damaged.repair();
    let (code, finished, text) = run(&lake, &[&ERASE[..], &["--yes"]].concat());
    assert_eq!((code, &finished["resumed"]), (0, &json!(true)), "{text}");
    assert_eq!(
        traces(&lake, None),
        [] as [String; 0],
        "repaired, it is finished"
    );
    let (code, _, text) = run(&lake, &[&ERASE[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{text}");
    let (code, _, text) = run(&lake, &["audit", "--deep"]);
    assert_eq!(code, 0, "{text}");
}

/// What still tells of the person is named by the command.
fn assert_only_listed_traces(
    lake: &LakeUnderTest,
    damaged: &DamagedObject,
    done: &serde_json::Value,
) {
    let listed: Vec<&str> = done["unreadable"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|object| object["object"].as_str())
        .collect();
    for trace in traces(lake, Some(damaged)) {
        assert!(
            listed.contains(&trace.as_str()),
            "{trace} is not in {listed:?}"
        );
    }
}

/// The objects of all zones that tell of the person, but for a damaged one.
fn traces(lake: &LakeUnderTest, damaged: Option<&DamagedObject>) -> Vec<String> {
    let mut found = Vec::new();
    for bucket in ["raw", "refined", "curated"] {
        for (key, content) in lake.read_objects(bucket, "") {
            if damaged.is_some_and(|damaged| damaged.key == key) {
                continue;
            }
            let text = decoded_text(&key, content);
            let id = pole::IdentityKey::for_tests()
                .pole_id("housing-person", &[KEY])
                .to_string();
            if [NAME, KEY, &id].iter().any(|trace| text.contains(trace)) {
                found.push(key);
            }
        }
    }
    found
}

fn decoded_text(key: &str, content: Vec<u8>) -> String {
    if Chunk::from_raw_key(key).is_some() {
        return crate::erasure::people::raw(content.into());
    }
    if key.ends_with(".parquet") {
        return format!("{:?}", parquet_rows(content.into()));
    }
    String::from_utf8_lossy(&content).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_of_another_table_that_nobody_needs_is_not_even_read() {
    let lake = lake_of_two_days().await;
    let (bucket, parts) = MANIFEST;
    damage_object(&lake, bucket, parts, Damage::Truncated);

    let (code, _, text) = run(&lake, &[&ERASE[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{text}");
    assert_eq!(traces(&lake, None), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vanishes_while_it_is_erased_holds_nobody() {
    for (bucket, parts) in [OWN_RAW, REFINED, OWN_QUARANTINE, OWN_RECEIPT, ROWS] {
        let lake = lake_of_two_days().await;
        damage_object(&lake, bucket, parts, Damage::Vanished);

        let (code, _, text) = run(&lake, &[&ERASE[..], &["--yes"]].concat());
        assert_eq!(code, 0, "{parts:?}: {text}");
        assert_eq!(traces(&lake, None), [] as [String; 0], "{parts:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_only_in_a_damaged_object_does_not_come_back() {
    let lake = LakeUnderTest::start().await;
    let new = json!({"firstName": NAME, "surname": "Sample"});
    let born = crate::lake_under_test::person_event("PersonCreatedEvent", KEY, 1, new);
    lake.push_events("housing-person", &[born]).await;
    lake.run_day(MONDAY).await;
    lake.set_date(TUESDAY);
    let raw = damage_object(&lake, "raw", OWN_RAW.1, Damage::Truncated);
    let rows = damage_object(&lake, "refined", OWN_REFINED.1, Damage::Empty);

    let (code, done, text) = run(&lake, &[&ERASE[..], &["--yes"]].concat());
    assert_eq!(code, 1, "{text}");
    assert!(raw.is_named_in(&done) && rows.is_named_in(&done), "{text}");

    // Repaired, and transformed again before anyone erases again: the list suppresses the event.
    raw.repair();
    let (code, _, text) = run(
        &lake,
        &["rebuild", "--raw", "--from", MONDAY, "--to", TUESDAY],
    );
    assert_eq!(code, 0, "{text}");
    assert_eq!(lake.table_rows("person", MONDAY).len(), 0);
    let (code, _, text) = run(&lake, &[&ERASE[..], &["--yes"]].concat());
    assert_eq!(code, 0, "{text}");
    assert_eq!(traces(&lake, None), [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_list_nothing_is_erased_and_the_list_is_named() {
    let lake = lake_of_two_days().await;
    let contracts = crate::lake_under_test::repository_root().join("contracts");
    let refined = lake.lake_handle(&contracts).await.refined;
    let list = bytes::Bytes::from_static(b"{\"format\": 99}");
    refined
        .put(ERASURES_KEY, list, "application/json")
        .await
        .unwrap();
    let before = traces(&lake, None);

    let (code, planned, text) = run(&lake, &[&ERASE[..], &["--dry-run"]].concat());
    assert_eq!(code, 1, "{text}");
    assert!(planned["unreadable"][0]["object"] == ERASURES_KEY, "{text}");
    let (code, _, text) = run(&lake, &[&ERASE[..], &["--yes"]].concat());
    assert_eq!(code, 2, "{text}");
    assert!(
        text.contains(ERASURES_KEY) && text.contains("restore an earlier version"),
        "{text}"
    );
    assert_eq!(
        before,
        traces(&lake, None),
        "nothing is erased without the list"
    );
}

//! POLE to snapshot: repeatable, indifferent to order and repeats, and never wrong about what is
//! gone.

use std::collections::BTreeMap;

use local_platform::synthetic::{CouncilDay as TownDay, SyntheticCouncil, day_events};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::lake_under_test::{LakeImage, LakeUnderTest, MONDAY, person_event};

const TUESDAY: &str = "2026-03-03";

/// A small town's events of a day, by source, those that the relay accepts.
pub(crate) fn town(number: usize) -> Vec<(&'static str, Vec<Value>)> {
    let begins = 1_772_409_600_000 + number as i64 * 86_400_000;
    let batches = day_events(&TownDay {
        council: SyntheticCouncil {
            seed: 7,
            people: 60,
        },
        number,
        start_millis: begins,
    });
    let parsed = |events: Vec<Vec<u8>>| {
        let values = events
            .iter()
            .filter_map(|event| serde_json::from_slice(event).ok());
        values
            .filter(|event: &Value| !event["entityId"].is_null() || event["subject"].is_string())
            .filter(|event| !event["dateTime"].is_null() || event["time"].is_string())
            .collect()
    };
    batches
        .into_iter()
        .map(|batch| (batch.source, parsed(batch.events)))
        .collect()
}

/// Pushes the town's events of a day; gives how many they were.
pub(crate) async fn push_day(lake: &LakeUnderTest, number: usize) -> usize {
    let mut pushed = 0;
    for (source, events) in town(number) {
        pushed += events.len();
        lake.push_events(source, &events).await;
    }
    pushed
}

/// A lake of its own in which the town's Monday is merged and reported.
pub(crate) async fn town_on_monday() -> LakeUnderTest {
    static TOWN: OnceCell<LakeImage> = OnceCell::const_new();
    let image = TOWN.get_or_init(|| async { LakeImage::take(build_monday().await).await });
    image.await.start_copy(MONDAY).await
}

async fn build_monday() -> LakeUnderTest {
    let lake = LakeUnderTest::start().await;
    push_day(&lake, 0).await;
    lake.run_day(MONDAY).await;
    lake
}

fn curated(lake: &LakeUnderTest) -> BTreeMap<String, Vec<u8>> {
    lake.read_objects("curated", "curated")
}

/// What days make. The tables of raw objects are not of a day: they show every object with a
/// receipt, those of later days too.
fn days_of(objects: &BTreeMap<String, Vec<u8>>) -> BTreeMap<&String, &Vec<u8>> {
    let of_days = objects.iter();
    of_days
        .filter(|(key, _)| !key.starts_with("curated/_raw/"))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_that_is_run_twice_gives_the_same_bytes() {
    let lake = town_on_monday().await;
    let first = curated(&lake);
    let (run, _) = lake.run_day(MONDAY).await;
    assert!(
        run["tables"]
            .as_array()
            .unwrap()
            .iter()
            .all(|table| table["written"] == false)
    );
    assert_eq!(first, curated(&lake));
    // Even when everything that was made is lost, the same is made again.
    lake.set_date(TUESDAY);
    push_day(&lake, 1).await;
    lake.run_day(TUESDAY).await;
    let both = curated(&lake);
    let store = store_of(&lake, "curated").await;
    for entry in store.list("curated/", None).await.unwrap() {
        store.delete(&entry.key).await.unwrap();
    }
    lake.run_day(MONDAY).await;
    assert_eq!(days_of(&first), days_of(&curated(&lake)));
    lake.run_day(TUESDAY).await;
    let again = curated(&lake);
    assert_eq!(days_of(&both), days_of(&again));
    let hints = |key: &&String| key.starts_with("curated/_raw/") && key.ends_with(".text");
    for key in both.keys().filter(hints) {
        assert_eq!(both[key], again[key], "{key}");
    }
}

async fn store_of(lake: &LakeUnderTest, bucket: &str) -> std::sync::Arc<dyn store::ObjectStore> {
    std::sync::Arc::new(store::S3Store::new(
        crate::endpoints::s3(&lake.platform).await,
        bucket,
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn pushing_everything_again_changes_no_row_and_no_file() {
    let lake = town_on_monday().await;
    let said = lake.rows_by_table(MONDAY);
    let shards = |date: &str| {
        ["person", "link", "event", "object_tenancy"]
            .map(|table| lake.read_manifest(table, date).shards)
    };
    let first = shards(MONDAY);
    push_day(&lake, 0).await;
    lake.run_day(MONDAY).await;
    assert_eq!(said, lake.rows_by_table(MONDAY));
    assert_eq!(first, shards(MONDAY), "files without a change are shared");
    // The next day brings the same once more.
    lake.set_date(TUESDAY);
    push_day(&lake, 0).await;
    lake.run_day(TUESDAY).await;
    assert_eq!(first, shards(TUESDAY));
}

#[tokio::test(flavor = "multi_thread")]
async fn pushing_in_reverse_order_gives_the_same_rows() {
    let (there, back) = (LakeUnderTest::start().await, LakeUnderTest::start().await);
    for number in 0..2 {
        push_day(&there, number).await;
    }
    for number in (0..2).rev() {
        for (source, mut events) in town(number).into_iter().rev() {
            events.reverse();
            back.push_events(source, &events).await;
        }
    }
    there.run_day(MONDAY).await;
    back.run_day(MONDAY).await;
    // Of two statements of the very same moment the later one in the log holds; all others are
    // indifferent to order.
    let tied = |row: &crate::lake_under_test::SampleRow| {
        row.get("surname").is_some_and(|name| name == "Late")
    };
    for (table, rows) in there.rows_by_table(MONDAY) {
        let other: Vec<_> = back
            .rows_by_table(MONDAY)
            .remove(&table)
            .unwrap()
            .into_iter()
            .filter(|row| !tied(row))
            .collect();
        let rows: Vec<_> = rows.into_iter().filter(|row| !tied(row)).collect();
        assert_eq!(rows.len(), other.len(), "{table}");
        for (a, b) in rows.iter().zip(&other) {
            assert_eq!(a, b, "{table}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deletes_patches_and_late_statements() {
    let lake = LakeUnderTest::start().await;
    let whole = |name: &str| json!({"firstName": name, "surname": "Sample", "title": "Mx"});
    lake.push_events(
        "housing-person",
        &[
            person_event("PersonCreatedEvent", "kept", 1, whole("First")),
            person_event(
                "PersonUpdatedEvent",
                "kept",
                5,
                json!({"firstName": "Patched"}),
            ),
            person_event("PersonCreatedEvent", "gone", 1, whole("Gone")),
            person_event("PersonDeletedEvent", "gone", 9, json!({})),
        ],
    )
    .await;
    lake.run_day(MONDAY).await;
    lake.set_date(TUESDAY);
    lake.push_events(
        "housing-person",
        &[
            // Late: older than the patch, newer than the whole record.
            person_event(
                "PersonUpdatedEvent",
                "kept",
                3,
                json!({"firstName": "Older", "title": "Dr"}),
            ),
            person_event("PersonCreatedEvent", "gone", 8, whole("Late")),
        ],
    )
    .await;
    lake.run_day(TUESDAY).await;
    let people = lake.table_rows("person", TUESDAY);
    assert_eq!(
        people.len(),
        1,
        "a deleted person does not come back: {people:?}"
    );
    let kept = ["given_name", "title", "surname"].map(|column| people[0][column].as_str());
    assert_eq!(kept, ["Patched", "Dr", "Sample"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_of_weeks_and_a_day_without_events_are_no_matter() {
    let lake = LakeUnderTest::start().await;
    lake.push_events(
        "housing-person",
        &[person_event(
            "PersonCreatedEvent",
            "p",
            1,
            json!({"firstName": "Ada"}),
        )],
    )
    .await;
    lake.run_day(MONDAY).await;
    lake.run_day("2026-03-30").await;
    assert_eq!(lake.table_rows("person", "2026-03-30").len(), 1);
    assert_eq!(
        lake.read_manifest("person", MONDAY).shards,
        lake.read_manifest("person", "2026-03-30").shards
    );
    // An earlier day that is run late knows nothing of what came after.
    lake.set_date("2026-04-02");
    let later = person_event("PersonCreatedEvent", "q", 2, json!({"firstName": "Bea"}));
    lake.push_events("housing-person", &[later]).await;
    lake.run_day("2026-04-02").await;
    lake.run_day("2026-03-15").await;
    assert_eq!(lake.table_rows("person", "2026-04-02").len(), 2);
    assert_eq!(lake.table_rows("person", "2026-03-15").len(), 1);
}

/// A case event about a person at an address that other cases may share.
fn case(subject: &str, kind: &str, minute: u32, sequence: u32, address: &Value) -> Value {
    json!({
        "specversion": "1.0",
        "id": format!("{subject}-{kind}-{sequence}"),
        "source": "/test",
        "type": format!("uk.gov.example.case.{kind}"),
        "subject": subject,
        "time": format!("2026-03-02T08:{minute:02}:00Z"),
        "sequence": sequence.to_string(),
        "data": {"status": "received", "address": address},
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_place_is_patched_and_ranked_by_time_whatever_the_cases_versions() {
    let lake = LakeUnderTest::start().await;
    let whole = |line: &str| {
        json!({
            "uprn": "77", "line1": line, "town": "Testville", "postcode": "ZZ1 1ZZ"
        })
    };
    let events = [
        case("A", "received", 1, 7, &whole("1 Old Lane")),
        case("B", "received", 2, 1, &whole("1 New Lane")),
        case(
            "B",
            "decided",
            3,
            2,
            &json!({"uprn": "77", "postcode": "ZZ2 2ZZ"}),
        ),
    ];
    lake.push_events("immigration-case", &events).await;
    lake.run_day(MONDAY).await;
    let places = lake.table_rows("location", MONDAY);
    assert_eq!(places.len(), 1);
    let told = ["address_line_1", "town", "postcode"].map(|column| places[0][column].as_str());
    assert_eq!(told, ["1 New Lane", "Testville", "ZZ2 2ZZ"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn midnight_within_a_batch_loses_nothing() {
    let lake = LakeUnderTest::start().await;
    let born = |n: u32| {
        person_event(
            "PersonCreatedEvent",
            &format!("p{n}"),
            n,
            json!({"firstName": "Ada"}),
        )
    };
    // Nothing is landed between the two: the log holds both days when the first batch is cut.
    lake.push_events("housing-person", &(0..20).map(born).collect::<Vec<_>>())
        .await;
    lake.set_date(TUESDAY);
    lake.push_events("housing-person", &(20..40).map(born).collect::<Vec<_>>())
        .await;
    lake.run_day(MONDAY).await;
    assert_eq!(lake.table_rows("person", MONDAY).len(), 20);
    lake.push_events("housing-person", &(40..50).map(born).collect::<Vec<_>>())
        .await;
    lake.run_day(TUESDAY).await;
    assert_eq!(lake.table_rows("person", TUESDAY).len(), 50);
    lake.run_day("2026-03-04").await;
    assert_eq!(
        lake.read_manifest("person", TUESDAY).shards,
        lake.read_manifest("person", "2026-03-04").shards
    );
}

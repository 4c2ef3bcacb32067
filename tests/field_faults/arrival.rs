//! Times beside the arrival: events ahead of it, days that have not begun, and clocks of
//! producers.

use std::sync::Arc;
use std::time::Duration;

use host::TimeBudget;
use lake::{Chunk, Day};
use pole_transform::LandedObject;
use serde_json::json;
use store::{MemoryStore, ObjectStore};

use super::time::{clock, event_time, read_day, reading, rules};
use crate::days_in_memory::Days;
use crate::lake_under_test::{MONDAY, person_event};

#[tokio::test]
async fn z5_an_event_ahead_of_its_arrival_is_refused_and_one_within_the_skew_is_not() {
    // The records of a day come at 20:00.
    for (declared, at, rule) in [
        (
            "event_time: $.at",
            "2126-03-02T08:00:00Z",
            Some("event.time_ahead"),
        ),
        (
            "event_time: $.at",
            "2026-03-02T21:00:01Z",
            Some("event.time_ahead"),
        ),
        ("event_time: $.at", "2026-03-02T21:00:00Z", None),
        (
            "event_time: $.at\n      event_time_skew: 30m",
            "2026-03-02T20:30:01Z",
            Some("event.time_ahead"),
        ),
        (
            "event_time: $.at\n      event_time_skew: 2h",
            "2026-03-02T22:00:00Z",
            None,
        ),
    ] {
        let found = event_time(declared, json!(at)).await;
        assert_eq!(found.err().as_deref(), rule, "{declared} {at}");
    }
}

#[tokio::test]
async fn z5_a_later_true_event_wins_over_one_from_the_future() {
    let mut days = clock();
    let events = [
        json!({"id": "a", "at": "2126-03-02T08:00:00Z", "short": "01/01/70"}),
        json!({"id": "a", "at": "2026-03-02T08:00:00Z", "short": "02/02/80"}),
    ];
    let receipt = read_day(&mut days, &events).await;
    assert_eq!(rules(&receipt), ["event.time_ahead"]);
    let row = days.row("person", MONDAY, "a").await.unwrap();
    assert_eq!(row["date_of_birth"], "1980-02-02");
}

#[tokio::test]
async fn z5_a_day_that_has_not_begun_or_is_before_all_data_is_refused() {
    let mut days = clock();
    read_day(&mut days, &[reading("a", "2026-03-02")]).await;
    let tomorrow = Day::from_micros(host::now_micros()).next().to_string();
    for (date, why) in [
        ("2099-12-31", "has not begun"),
        (tomorrow.as_str(), "has not begun"),
        ("1970-01-01", "before all data"),
        ("2026-03-01", "before all data"),
    ] {
        let failure = days.merge(date).await.unwrap_err();
        assert!(failure.message.contains(why), "{date}: {failure}");
    }
    // A day without records after one with records is a day.
    days.merge_tables("2026-03-03", &["event"]).await.unwrap();
}

#[tokio::test]
async fn z5_a_lake_without_data_has_no_day_of_1970() {
    let days = clock();
    for date in ["1970-01-01", "2010-12-31"] {
        let failure = days.merge_tables(date, &["event"]).await.unwrap_err();
        assert!(failure.message.contains("before all data"), "{failure}");
        assert!(failure.message.contains("has landed yet"), "{failure}");
    }
    assert!(
        crate::days_in_memory::objects(&days.curated)
            .await
            .is_empty()
    );

    // The schedule of a new lake names days on which nothing came yet.
    days.merge_tables("2026-03-01", &["event"]).await.unwrap();
}

#[tokio::test]
async fn z5_a_dropped_day_leaves_nothing_behind() {
    let mut days = clock();
    read_day(&mut days, &[reading("a", "2026-03-02")]).await;
    let before = crate::days_in_memory::objects(&days.curated).await;
    let second = json!({"id": "b", "at": "2026-03-03T08:00:00Z", "text": "2026-03-03"});
    days.push("test-clock", "2026-03-03", &[second]).await;
    days.merge_tables("2026-03-03", &["event", "person"])
        .await
        .unwrap();
    let tuesday = Day::parse("2026-03-03").unwrap();

    let planned = snapshot_merge::drop_day(tuesday, true, &days.context())
        .await
        .unwrap();
    assert!(
        planned
            .iter()
            .any(|table| table.table == "event" && table.snapshot)
    );
    let listed = days.curated.list("curated/event/", None).await.unwrap();
    assert!(listed.iter().any(|entry| entry.key.contains("2026-03-03")));

    let dropped = snapshot_merge::drop_day(tuesday, false, &days.context())
        .await
        .unwrap();
    assert_eq!(dropped, planned);
    let after = crate::days_in_memory::objects(&days.curated).await;
    let left: Vec<&String> = after
        .keys()
        .filter(|key| key.contains("2026-03-03") && !before.contains_key(*key))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(days.rows("event", MONDAY).await.len(), 2);
    // It can be merged again, to the same rows.
    days.merge_tables("2026-03-03", &["event"]).await.unwrap();
    assert_eq!(days.rows("event", "2026-03-03").await.len(), 4);
}

#[tokio::test]
async fn z6_records_that_their_producer_stamped_2099_count_on_the_day_of_their_landing() {
    let (days, store) = (Days::new(), Arc::new(MemoryStore::default()));
    let context = raw_landing::Context::new(Arc::clone(&store) as _, 1);
    let record = |offset: i64, stamp: &str| {
        let event = person_event("PersonCreatedEvent", "a", 1, json!({"firstName": "Ada"}));
        json!({
            "topic": "housing-person", "partition": 0, "offset": offset, "headers": [],
            "timestamp": 4_070_908_800_000_i64, "timestampType": stamp,
            "value": base64_simd::STANDARD.encode_to_string(event.to_string()),
        })
    };
    let records = [record(0, "CREATE_TIME"), record(1, "CREATE_TIME")];
    let payload = json!({"records": {"housing-person-0": records}}).to_string();
    let budget = TimeBudget::lasting_for(Duration::from_secs(60));
    let before = host::now_micros();
    let answer = raw_landing::handle(&payload, &context, budget)
        .await
        .unwrap();
    assert!(answer.is_empty());

    let plan = days.catalogue.mapping_of_source("housing-person").unwrap();
    let chunk = Chunk {
        topic: "housing-person".into(),
        epoch: 1,
        partition: 0,
        offset: 0,
    };
    let raw = store.get(&chunk.raw_key()).await.unwrap().body;
    let batches = lake::decode_raw(raw.clone()).unwrap();
    assert_eq!(batches[0].timestamp(0), 4_070_908_800_000);
    let key = pole::IdentityKey::for_tests();
    let landed = LandedObject::of_content(&chunk, 2, &raw);
    let done =
        pole_transform::transform_chunk(&days.catalogue, &key, plan, landed, &batches).unwrap();
    let landed: Vec<Day> = done
        .receipt
        .days
        .iter()
        .map(|day| Day::parse(&day.date).unwrap())
        .collect();
    assert_eq!(done.receipt.refined, 2);
    assert!(
        landed[0] >= Day::from_micros(before) && landed[0] <= Day::from_micros(host::now_micros())
    );
    assert_eq!(landed.len(), 1);
}

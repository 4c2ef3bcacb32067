//! The whole way of an event, and days of a whole town.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::lake_under_test::{LakeUnderTest, MONDAY, root};
use crate::pole_to_snapshot::town;

#[tokio::test(flavor = "multi_thread")]
async fn a_tenure_event_is_refined_in_seconds_and_in_the_days_snapshot() {
    let lake = LakeUnderTest::start().await;
    // The processes are warm, as on any day but the first.
    let sample = |name: &str| {
        std::fs::read_to_string(root().join(format!("contracts/sources/housing/tenure/samples/{name}.json")))
            .unwrap()
    };
    lake.post("housing-tenure", "application/json", sample("tenure-updated")).await;
    lake.platform.running.settled().await;
    let begun = Instant::now();
    let (status, answer) = lake.post("housing-tenure", "application/json", sample("tenure-with-state")).await;
    assert_eq!(status, 202, "{answer}");
    while lake.objects("refined", "refined/object_tenancy").len() < 2 {
        assert!(begun.elapsed() < Duration::from_secs(20), "the event does not arrive");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (run, report) = lake.run_day(MONDAY).await;
    assert_eq!(run["behind"], 0);
    let tenancies = lake.rows("object_tenancy", MONDAY);
    let tenancy = &tenancies[0];
    let told = ["rent", "start_date", "end_date", "tenure_type_code", "uh_tag_ref", "succession_date_raw"]
        .map(|c| tenancy[c].as_str());
    assert_eq!(told, ["118.40", "2014-06-09", "2026-03-29", "SEC", "099887/01", "1900-01-01T00:00:00Z"]);
    assert!(!tenancy.contains_key("succession_date"), "a placeholder is no date");
    assert_eq!(report["sources"]["housing-tenure"]["landed"], 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_books_of_every_day_close() {
    let lake = LakeUnderTest::start().await;
    let mut rows = Vec::new();
    for (number, date) in ["2026-03-02", "2026-03-03", "2026-03-04"].into_iter().enumerate() {
        lake.at(date);
        let mut accepted = 0;
        for (source, events) in town(number) {
            accepted += events.len() as u64;
            lake.push(source, &events).await;
        }
        let (run, report) = lake.run_day(date).await;
        let mut sum = [0; 4];
        for (source, books) in report["sources"].as_object().unwrap() {
            let quarantined: u64 =
                books["quarantined"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
            let counts =
                [&books["landed"], &books["refined"], &books["ignored"]].map(|count| count.as_u64().unwrap());
            assert_eq!(counts[0], counts[1] + counts[2] + quarantined, "{source} on {date}");
            assert_eq!((&books["waiting"], &books["holes"]), (&json!(0), &json!(0)), "{source} on {date}");
            sum = [sum[0] + counts[0], sum[1] + counts[1], sum[2] + counts[2], sum[3] + quarantined];
        }
        assert_eq!(sum[0], accepted, "accepted is landed on {date}");
        assert_eq!((sum[2], sum[3]), (2, 5), "ignored and quarantined on {date}");
        // A snapshot is explained by the day before and the day's changes.
        for table in run["tables"].as_array().unwrap() {
            let count = |name: &str| table[name].as_u64().unwrap();
            let name = table["table"].as_str().unwrap();
            let before = lake.manifest(name, date).base.map_or(0, |base| lake.manifest(name, &base).rows);
            assert_eq!(count("rows"), before + count("inserted") - count("deleted"), "{name} on {date}");
        }
        rows.push(lake.rows("person", date).len());
    }
    assert!(rows.is_sorted(), "people arrive every day: {rows:?}");
    assert!(lake.object("site", "index.html").is_file());
    assert!(lake.object("site", "day/2026-03-03.html").is_file());
    // Swapped versions of one second: the greater version holds.
    let withdrawn = lake.rows("object_case", "2026-03-04");
    let swapped: Vec<_> = withdrawn.iter().filter(|case| case.contains_key("appeal_reference")).collect();
    assert!(!swapped.is_empty());
    assert!(
        swapped.iter().all(|case| case["status"] == "withdrawn" && case["entity_version"] == "4"),
        "{swapped:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_that_ends_in_mid_day_goes_on() {
    let mut lake = LakeUnderTest::start().await;
    for (source, events) in town(0) {
        lake.push(source, &events).await;
        lake = lake.restart(MONDAY).await;
    }
    let restarted = lake.run_day(MONDAY).await.1["sources"].clone();
    let calm = LakeUnderTest::start().await;
    for (source, events) in town(0) {
        calm.push(source, &events).await;
    }
    calm.run_day(MONDAY).await;
    assert_eq!(calm.said(MONDAY), lake.said(MONDAY), "{restarted}");
}

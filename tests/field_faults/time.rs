//! Dates and times: zones, offsets, centuries, years that readers cannot hold, and event times of
//! other forms.

use contract::{Catalogue, DeclaredFile};
use lake::Receipt;
use serde_json::{Value, json};

use crate::days_in_memory::{Days, contracts};
use crate::lake_under_test::{MONDAY, SampleRow, person_event};

/// A source of the tests, with `EVENT_TIME` to replace.
pub(super) const CONTRACT: &str = "apiVersion: v3.2.0
kind: DataContract
id: test-clock
name: Clock
version: 1.0.0
status: active
domain: test
description: {purpose: 'Times of every form', limitations: 'Synthetic'}
team: {name: test}
support:
  - {channel: Test, tool: email, url: 'mailto:test@example.org', description: 'All'}
schema:
  - name: reading
    physicalName: test-clock
    physicalType: topic
    logicalType: object
    description: 'One reading'
    properties:
      - {name: id, logicalType: string, classification: internal, description: 'Id', required: true}
      - name: at
        logicalType: string
        classification: internal
        description: 'When'
        customProperties: [{property: polelake, value: {accepts: [number]}}]
      - {name: text, logicalType: string, classification: internal, description: 'A time'}
      - {name: short, logicalType: string, classification: personal, description: 'A date'}
customProperties:
  - property: polelake
    vendor: polelake
    value:
      topic: test-clock
      envelope: plain
      key: [$.id]
      EVENT_TIME
      events:
        reading: upsert
      push: {principals: ['arn:aws:iam::000000000000:role/local-developer']}
";

/// Its mapping: one text by every verb, and a date of birth with a year of two digits.
pub(super) const MAPPING: &str = "source: test-clock
version: 1.0.0
sentinels: ['0001-01-01', '9999-12-31']
timezone: Europe/London
records:
  - name: copied
    table: event
    id: {namespace: test-copied, key: [$.id]}
    columns:
      event_type: {constant: copied}
      occurred_at: $.text
      occurred_on: $.text
  - name: parsed
    table: event
    id: {namespace: test-parsed, key: [$.id]}
    columns:
      event_type: {constant: parsed}
      occurred_at: {parse: {from: $.text, as: timestamp, formats: [iso]}}
      occurred_on: {parse: {from: $.text, as: date, formats: [iso]}}
  - name: born
    table: person
    id: {namespace: test-born, key: [$.id]}
    columns:
      person_type: {constant: Person}
      date_of_birth: {parse: {from: $.short, formats: [DD/MM/YY], past: true}}
";

/// The source with its event time.
fn catalogue(event_time: &str) -> Catalogue {
    contracts(|files| {
        let contract = CONTRACT.replace("EVENT_TIME", event_time);
        let file = |name: &str, text: &str| {
            DeclaredFile::new(format!("sources/test/clock/{name}"), text.to_owned())
        };
        files.push(file("contract.odcs.yaml", &contract));
        files.push(file("mapping.yaml", MAPPING));
    })
}

pub(super) fn clock() -> Days {
    Days::under(catalogue("event_time: $.at"))
}

/// Lands readings, and merges the day.
pub(super) async fn read_day(days: &mut Days, readings: &[Value]) -> Receipt {
    let receipt = days.push("test-clock", MONDAY, readings).await;
    days.merge_tables(MONDAY, &["event", "person"])
        .await
        .unwrap();
    receipt
}

/// The rows that every verb gave, each as instant and date.
async fn readings(days: &Days) -> Vec<(String, String)> {
    let mut rows = days.rows("event", MONDAY).await;
    rows.retain(|row| row["source"] == "test-clock");
    rows.iter()
        .map(|row| (column(row, "occurred_at"), column(row, "occurred_on")))
        .collect()
}

/// A value to the second; empty where there is none.
fn column(row: &SampleRow, name: &str) -> String {
    let text = row.get(name).cloned().unwrap_or_default();
    text.chars().take(19).collect()
}

pub(super) fn reading(id: &str, text: &str) -> Value {
    json!({"id": id, "at": "2026-03-02T08:00:00Z", "text": text})
}

pub(super) fn rules(receipt: &Receipt) -> Vec<&str> {
    receipt.quarantined.keys().map(String::as_str).collect()
}

/// The time of the one event, to the microsecond, and its nanoseconds.
pub(super) async fn event_time(event_time: &str, at: Value) -> Result<(String, String), String> {
    let mut days = Days::under(catalogue(event_time));
    let receipt = days
        .push("test-clock", MONDAY, &[json!({"id": "a", "at": at})])
        .await;
    if let Some(rule) = receipt.quarantined.keys().next() {
        return Err(rule.clone());
    }
    days.merge_tables(MONDAY, &["person"]).await.unwrap();
    let row = days.row("person", MONDAY, "a").await.unwrap();
    let nanos = row.get("event_time_nanos").cloned().unwrap_or_default();
    Ok((column(&row, "event_time"), nanos))
}

#[tokio::test]
async fn z1_every_verb_reads_one_time_alike() {
    for (text, instant, date) in [
        ("2026-06-30T23:30:00", "2026-06-30 22:30:00", "2026-06-30"),
        ("2026-06-30T23:30:00Z", "2026-06-30 23:30:00", "2026-07-01"),
        (
            "2026-06-30T23:30:00+01:00",
            "2026-06-30 22:30:00",
            "2026-06-30",
        ),
        (
            "2026-06-30T18:30:00-05:00",
            "2026-06-30 23:30:00",
            "2026-07-01",
        ),
        ("2026-06-30", "2026-06-29 23:00:00", "2026-06-30"),
        ("2026-12-31T23:30:00", "2026-12-31 23:30:00", "2026-12-31"),
        // The gap: the clock went from one to two.
        ("2026-03-29T01:30:00", "2026-03-29 01:30:00", "2026-03-29"),
        // The overlap: the first of the two.
        ("2026-10-25T01:30:00", "2026-10-25 00:30:00", "2026-10-25"),
    ] {
        let mut days = clock();
        read_day(&mut days, &[reading("a", text)]).await;
        let expected = (instant.to_owned(), date.to_owned());
        assert_eq!(
            readings(&days).await,
            [expected.clone(), expected],
            "{text}"
        );
    }
}

#[tokio::test]
async fn z2_offsets_are_exact_or_refused() {
    let mut days = clock();
    let exact = reading("a", "2026-03-01T00:10:00+00:19:32");
    assert!(rules(&read_day(&mut days, &[exact]).await).is_empty());
    let expected = ("2026-02-28 23:50:28".to_owned(), "2026-02-28".to_owned());
    assert_eq!(readings(&days).await, [expected.clone(), expected]);

    for text in [
        "2026-03-02T12:00:00+1:00",
        "2026-03-02T12:00:00+01:75",
        "2026-03-02T12:00:00:500Z",
        "2026-03-02T12:00:00+19:00",
        "2026-03-02T12:00:00 GMT",
        "2016-12-31T23:59:60Z",
        "2026-03-02T24:00:00Z",
    ] {
        let receipt = clock()
            .push("test-clock", MONDAY, &[reading("a", text)])
            .await;
        assert_eq!(rules(&receipt), ["mapping.copied.occurred_at"], "{text}");
    }
}

#[tokio::test]
async fn z3_a_date_of_birth_is_of_the_past() {
    for (short, born) in [
        ("16/07/68", "1968-07-16"),
        ("02/03/26", "2026-03-02"),
        ("03/03/26", "1926-03-03"),
        ("29/02/24", "2024-02-29"),
    ] {
        let mut days = clock();
        let event = json!({"id": "a", "at": "2026-03-02T08:00:00Z", "short": short});
        read_day(&mut days, &[event]).await;
        let row = days.row("person", MONDAY, "a").await.unwrap();
        assert_eq!(row["date_of_birth"], born, "{short}");
    }
}

#[test]
fn z3_lint_asks_for_the_century_and_refuses_two_orders_of_one_text() {
    for (formats, asked) in [
        ("formats: [DD/MM/YY]", "`pivot: 30`"),
        ("formats: [DD/MM/YY], pivot: 101", "two digits"),
        ("formats: [DD/MM/YYYY], pivot: 30", "`YY`"),
        (
            "formats: [DD/MM/YY], pivot: 30, past: true",
            "leave one of them out",
        ),
        (
            "formats: [DD/MM/YYYY, MM/DD/YYYY]",
            "is one date by the format",
        ),
        ("formats: [YYYYMD]", "no separator"),
    ] {
        let mapping = MAPPING.replace("formats: [DD/MM/YY], past: true", formats);
        let mut files = vec![DeclaredFile::new(
            "sources/test/clock/mapping.yaml",
            mapping,
        )];
        let contract = CONTRACT.replace("EVENT_TIME", "event_time: $.at");
        files.push(DeclaredFile::new(
            "sources/test/clock/contract.odcs.yaml",
            contract,
        ));
        let problems = crate::days_in_memory::problems_of(files);
        assert!(problems.contains(asked), "{formats}: {problems}");
    }
}

#[tokio::test]
async fn z4_years_that_readers_cannot_hold_are_refused_and_placeholders_are_nothing() {
    for text in [
        "0000-06-01",
        "0000-12-31T23:59:59Z",
        "10000-01-01",
        "9999-12-30T23:30:00-25:00",
        "-0044-03-15",
    ] {
        let receipt = clock()
            .push("test-clock", MONDAY, &[reading("a", text)])
            .await;
        assert_eq!(rules(&receipt), ["mapping.copied.occurred_at"], "{text}");
    }

    let mut days = clock();
    let placeholders = [
        reading("a", "0001-01-01T00:00:00"),
        reading("b", "0001-01-01T00:01:15Z"),
        reading("c", "9999-12-31T23:59:59.9999999Z"),
        reading("d", "0000-12-31T23:00:00-01:00"),
    ];
    assert!(rules(&read_day(&mut days, &placeholders).await).is_empty());
    let found = readings(&days).await;
    assert_eq!(found.len(), 8);
    for (instant, date) in found {
        assert_eq!((instant, date), (String::new(), String::new()));
    }
}

#[tokio::test]
async fn z7_an_event_time_is_an_expression() {
    let parse = "event_time: {parse: {from: $.at, as: timestamp, formats: ['DD/MM/YYYY HH:mm']}}";
    let epoch = |unit: &str| format!("event_time: {{epoch: {{from: $.at, unit: {unit}}}}}");
    let noon = |nanos: &str| Ok(("2026-03-02 12:00:00".to_owned(), nanos.to_owned()));

    assert_eq!(event_time(parse, json!("02/03/2026 12:00")).await, noon(""));
    assert_eq!(
        event_time(parse, json!("01/07/2025 12:00")).await,
        Ok(("2025-07-01 11:00:00".to_owned(), String::new()))
    );
    assert_eq!(
        event_time(&epoch("seconds"), json!(1_772_452_800)).await,
        noon("")
    );
    assert_eq!(
        event_time(&epoch("millis"), json!(1_772_452_800_000_i64)).await,
        noon("")
    );
    assert_eq!(
        event_time(&epoch("millis"), json!("1772452800000")).await,
        noon("")
    );
    assert_eq!(
        event_time(&epoch("micros"), json!(1_772_452_800_000_000_i64)).await,
        noon("")
    );
    assert_eq!(
        event_time(&epoch("nanos"), json!(1_772_452_800_000_000_800_i64)).await,
        noon("800")
    );

    for (declared, at, rule) in [
        (parse, json!("2026-03-02T12:00:00Z"), "event.time"),
        (parse, json!("31/02/2026 12:00"), "event.time"),
        (
            "event_time: $.at",
            json!(1_772_452_800_000_i64),
            "event.time",
        ),
        (
            &epoch("seconds"),
            json!(1_772_452_800_000_i64),
            "event.time",
        ),
        (&epoch("millis"), json!("12:00"), "event.time"),
    ] {
        let found = event_time(declared, at.clone()).await;
        assert_eq!(found.err().as_deref(), Some(rule), "{declared} {at}");
    }
}

#[tokio::test]
async fn m4_the_later_of_two_times_within_a_microsecond_wins_in_either_order() {
    let event = |at: &str, name: &str, minute| {
        let mut event = person_event(
            "PersonCreatedEvent",
            "a",
            minute,
            json!({"firstName": name}),
        );
        event["dateTime"] = json!(at);
        event
    };
    let earlier = event("2026-03-02T08:00:00.000000100Z", "Earlier", 1);
    let later = event("2026-03-02T08:00:00.000000900Z", "Later", 2);
    for order in [[&earlier, &later], [&later, &earlier]] {
        let mut days = Days::new();
        let events: Vec<Value> = order.into_iter().cloned().collect();
        days.push("housing-person", MONDAY, &events).await;
        days.merge_tables(MONDAY, &["person"]).await.unwrap();
        let row = days.row("person", MONDAY, "a").await.unwrap();
        assert_eq!(row["given_name"], "Later");
        assert_eq!(row["event_time_nanos"], "900");
    }
}

//! `polelake trace`: where one event is, without a value of it.

use std::sync::Arc;

use lake::{Chunk, Day};
use operations::LakeHandle;
use operations::trace::{EventFate, EventQuery, EventTrace, trace_event};
use serde_json::{Value, json};

use crate::days_in_memory::Days;
use crate::lake_under_test::{
    LakeUnderTest, MONDAY, contracts_with, person_event, repository_root,
};
use crate::quarantine::polelake;

const TUESDAY: &str = "2026-03-03";

const SOURCE: &str = "housing-person";

/// Where the source's events are in the refined zone: it sends patches.
const RECORDS: &str = "_records/housing-person";

/// The rule by which dates of birth are refused.
const RULE: &str = "mapping.person.date_of_birth";

fn person(key: &str, date: &str) -> Value {
    let new = json!({"firstName": "Ada", "surname": "Quillon", "dateOfBirth": date});
    person_event("PersonCreatedEvent", key, 1, new)
}

fn id_of(event: &Value) -> String {
    event["id"].as_str().unwrap().to_owned()
}

async fn trace(days: &Days, query: &EventQuery) -> EventTrace {
    let lake = LakeHandle::from_stores(
        Arc::clone(&days.raw) as _,
        Arc::clone(&days.refined) as _,
        Arc::clone(&days.curated) as _,
        Arc::clone(&days.catalogue),
    );
    trace_event(&lake, query).await.unwrap()
}

fn query(event: &Value) -> EventQuery {
    EventQuery {
        event_id: id_of(event),
        ..EventQuery::default()
    }
}

/// The tables of a refined event, each with its rows and first day; none of a refused event.
fn tables(trace: &EventTrace) -> Vec<(&str, usize, Option<&str>)> {
    match &trace.event.as_ref().unwrap().fate {
        EventFate::Refined { tables } => tables
            .iter()
            .map(|table| (table.table.as_str(), table.rows, table.first_day.as_deref()))
            .collect(),
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn an_event_is_found_with_its_rows_and_its_first_day() {
    let mut days = Days::new();
    let (first, second) = (person("a", "1990-01-02"), person("b", "1990-01-02"));
    days.push(SOURCE, MONDAY, &[first.clone(), second.clone()])
        .await;
    days.merge(MONDAY).await.unwrap();
    let late = person("c", "1990-01-02");
    days.push(SOURCE, TUESDAY, std::slice::from_ref(&late))
        .await;

    let found = trace(&days, &query(&second)).await;
    let event = found.event.as_ref().unwrap();
    assert_eq!((event.offset, event.raw_object_exists), (1, true));
    assert!(event.receipt.is_some());
    assert!(
        tables(&found).contains(&(RECORDS, 1, Some(MONDAY))),
        "{found:?}"
    );

    let found = trace(&days, &query(&late)).await;
    assert!(tables(&found).contains(&(RECORDS, 1, None)), "no day yet");
    assert_eq!(
        found.searched.first_day.as_deref(),
        Some(TUESDAY),
        "the newest day first"
    );
    days.merge(TUESDAY).await.unwrap();
    let found = trace(&days, &query(&late)).await;
    assert!(tables(&found).contains(&(RECORDS, 1, Some(TUESDAY))));
}

#[tokio::test]
async fn the_search_is_bounded_by_days_and_source() {
    let mut days = Days::new();
    let event = person("a", "1990-01-02");
    days.push(SOURCE, MONDAY, std::slice::from_ref(&event))
        .await;
    let day = |date| Day::parse(date);
    let within = EventQuery {
        from: day(MONDAY),
        to: day(MONDAY),
        source: Some(SOURCE.into()),
        ..query(&event)
    };
    assert!(trace(&days, &within).await.event.is_some());

    for elsewhere in [
        EventQuery {
            to: day("2026-03-01"),
            ..query(&event)
        },
        EventQuery {
            from: day("2026-03-04"),
            ..query(&event)
        },
        EventQuery {
            source: Some("housing-tenure".into()),
            ..query(&event)
        },
    ] {
        let missed = trace(&days, &elsewhere).await;
        assert!(missed.event.is_none());
        assert_eq!(missed.searched.refined_objects, 0, "{elsewhere:?}");
    }
}

#[tokio::test]
async fn a_refused_event_is_found_with_its_rule_and_not_after_it_is_transformed_again() {
    let mut days = Days::new();
    let refused = person("a", "gibberish");
    let receipt = days
        .push(
            SOURCE,
            MONDAY,
            &[person("b", "1990-01-02"), refused.clone()],
        )
        .await;
    let found = trace(&days, &query(&refused)).await;
    let event = found.event.unwrap();
    let told = json!(event);
    assert_eq!(
        (&told["fate"], &told["rule"], &told["path"], &told["offset"]),
        (
            &json!("quarantined"),
            &json!(RULE),
            &json!("$.dateOfBirth"),
            &json!(1)
        )
    );
    assert!(!told.to_string().contains("gibberish"), "no value");

    // What the receipt does not name is of an earlier transform.
    let again = lake::Receipt {
        quarantine: None,
        ..receipt
    };
    let key = event.receipt.unwrap();
    let body = again.to_json().unwrap().into();
    store::ObjectStore::put(&*days.refined, &key, body, "")
        .await
        .unwrap();
    assert!(trace(&days, &query(&refused)).await.event.is_none());
}

/// The id of a record that came without the relay, by its place in the log.
fn id_of_place(days: &Days, source: &str, offset: i64) -> String {
    let mapping = days.catalogue.mapping_of_source(source).unwrap();
    let chunk = Chunk {
        topic: mapping.contract.topic.clone(),
        epoch: 1,
        partition: 0,
        offset: 0,
    };
    lake::accepted_event_id(source, None, &chunk, offset)
}

#[tokio::test]
async fn an_event_without_rows_is_found_in_its_raw_object() {
    let mut days = Days::new();
    let ignored = person_event("HousingApplicationLinkedEvent", "t", 1, json!({}));
    let receipt = days.push("housing-tenure", MONDAY, &[ignored]).await;
    assert_eq!(receipt.ignored, 1);
    let of_place = EventQuery {
        event_id: id_of_place(&days, "housing-tenure", 0),
        ..EventQuery::default()
    };
    let found = trace(&days, &of_place).await;
    let fate = &found.event.as_ref().unwrap().fate;
    assert_eq!(
        *fate,
        EventFate::Ignored {
            may_be_erased: false
        }
    );
    let earlier = EventQuery {
        to: Day::parse("2026-03-01"),
        ..of_place.clone()
    };
    assert!(trace(&days, &earlier).await.event.is_none());

    let key = found.event.unwrap().receipt.unwrap();
    store::ObjectStore::delete(&*days.refined, &key)
        .await
        .unwrap();
    let found = trace(&days, &of_place).await;
    assert_eq!(found.event.unwrap().fate, EventFate::Waiting);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_finds_an_event_and_what_became_of_it() {
    let mapping = "sources/housing/person/mapping.yaml";
    let fixed = contracts_with("traced", mapping, |text| {
        text.replace(
            "date_of_birth: $.dateOfBirth",
            "date_of_birth: {parse: {from: $.dateOfBirth, formats: [iso, DD/MM/YYYY]}}",
        )
    });
    let shipped = repository_root().join("contracts");
    let lake = LakeUnderTest::start().await;
    let (good, refused) = (person("a", "1990-01-02"), person("b", "12/08/1990"));
    lake.push_events(SOURCE, &[good.clone(), refused.clone()])
        .await;
    let ignored = person_event("HousingApplicationLinkedEvent", "t", 1, json!({}));
    lake.push_events("housing-tenure", std::slice::from_ref(&ignored))
        .await;
    lake.run_day(MONDAY).await;

    let (code, _, said) = polelake(&lake, &shipped, &["trace", &id_of(&good)]);
    assert_eq!(code, 0, "{said}");
    for part in [
        "housing-person",
        "raw object  raw/",
        "receipt     refined/",
        MONDAY,
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        !said.contains("Quillon") && !said.contains("1990"),
        "no value: {said}"
    );

    let (code, _, said) = polelake(&lake, &shipped, &["trace", &id_of(&refused)]);
    assert_eq!(code, 0, "{said}");
    let refusal = format!("refused     {RULE} at $.dateOfBirth");
    assert!(
        said.contains(&refusal) && !said.contains("12/08/1990"),
        "{said}"
    );

    let (code, traced, said) = polelake(&lake, &shipped, &["trace", &id_of(&ignored), "--json"]);
    assert_eq!(
        (code, &traced["event"]["fate"]),
        (0, &json!("ignored")),
        "{said}"
    );

    // Once it is redriven, its rows are found, not its first refusal.
    let lake = lake.restart_with(TUESDAY, &fixed).await;
    let (code, _, said) = polelake(&lake, &fixed, &["quarantine", "redrive"]);
    assert_eq!(code, 0, "{said}");
    let arguments = ["trace", &id_of(&refused), "--source", SOURCE, "--json"];
    let (code, traced, said) = polelake(&lake, &fixed, &arguments);
    assert_eq!(code, 0, "{said}");
    assert_eq!(
        (&traced["event"]["fate"], &traced["event"]["partition"]),
        (&json!("refined"), &json!(-1)),
        "{said}"
    );

    let (code, _, said) = polelake(&lake, &fixed, &["trace", "no-such-event"]);
    assert_eq!(code, 1, "{said}");
    for part in [
        "no-such-event is not found",
        "refined objects",
        "it was erased",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

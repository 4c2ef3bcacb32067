//! The index of the days' events: a search by it finds what a search without it finds, whatever of
//! it is missing, damaged or old, and a caller who may read no value learns where an event probably
//! is.

mod damaged_index;
mod days_of_index;
mod rights;

use std::sync::Arc;

use lake::{Chunk, EventIndexPart, Receipt};
use operations::LakeHandle;
use operations::trace::{EventQuery, EventTrace, trace_event};
use serde_json::{Value, json};
use store::ObjectStore;

use crate::days_in_memory::Days;
use crate::lake_under_test::{MONDAY, person_event};

const TUESDAY: &str = "2026-03-03";
const WEDNESDAY: &str = "2026-03-04";
const SOURCE: &str = "housing-person";

fn person(key: &str, date: &str) -> Value {
    let new = json!({"firstName": "Ada", "surname": "Quillon", "dateOfBirth": date});
    person_event("PersonCreatedEvent", key, 1, new)
}

fn id_of(event: &Value) -> String {
    event["id"].as_str().unwrap().to_owned()
}

fn open(days: &Days) -> LakeHandle {
    LakeHandle::from_stores(
        Arc::clone(&days.raw) as _,
        Arc::clone(&days.refined) as _,
        Arc::clone(&days.curated) as _,
        Arc::clone(&days.catalogue),
    )
}

async fn trace(days: &Days, event_id: &str) -> EventTrace {
    let query = EventQuery {
        event_id: event_id.to_owned(),
        ..EventQuery::default()
    };
    trace_event(&open(days), &query).await.unwrap()
}

/// The chunk of the raw object at an offset of a source's stream.
fn chunk_of(days: &Days, source: &str, offset: i64) -> Chunk {
    let mapping = days.catalogue.mapping_of_source(source).unwrap();
    Chunk {
        topic: mapping.contract.topic.clone(),
        epoch: 1,
        partition: 0,
        offset,
    }
}

async fn read_receipt(days: &Days, chunk: &Chunk) -> Receipt {
    let object = days.refined.get(&chunk.receipt_key()).await.unwrap();
    Receipt::from_json(&object.body).unwrap()
}

async fn write_receipt(days: &Days, chunk: &Chunk, receipt: &Receipt) {
    let body = receipt.to_json().unwrap().into();
    days.refined
        .put(&chunk.receipt_key(), body, "")
        .await
        .unwrap();
}

/// The keys of the index's parts.
async fn part_keys(days: &Days) -> Vec<String> {
    let listed = days.curated.list(EventIndexPart::prefix(), None).await;
    listed.unwrap().into_iter().map(|entry| entry.key).collect()
}

/// Three days with refused and ignored events, an event that came twice, one that was refused and
/// redriven, and events that no day has merged yet. Gives also the ids.
async fn lake_of_days() -> (Days, Vec<String>) {
    let mut days = Days::new();
    let mut ids = Vec::new();
    for (number, date) in [MONDAY, TUESDAY, WEDNESDAY].into_iter().enumerate() {
        for object in 0..3 {
            let events = [
                person(&format!("a{number}{object}"), "1990-01-02"),
                person(&format!("b{number}{object}"), "gibberish"),
                person("twice", "1980-01-02"),
            ];
            ids.extend(events.iter().map(id_of));
            days.push(SOURCE, date, &events).await;
        }
        let ignored = person_event("HousingApplicationLinkedEvent", "t", 1, json!({}));
        let receipt = days.push("housing-tenure", date, &[ignored]).await;
        let chunk = chunk_of(&days, "housing-tenure", receipt.offset);
        ids.push(lake::accepted_event_id(
            "housing-tenure",
            None,
            &chunk,
            receipt.offset,
        ));
        if number < 2 {
            days.merge(date).await.unwrap();
        }
    }
    ids.sort();
    ids.dedup();
    (days, ids)
}

//! Whatever of the index and of the receipts' filters is missing, damaged, exchanged or old, a
//! search finds what it finds without any index.
//!
//! CI runs a share. `POLELAKE_INDEX_SEEDS=500` runs more, `POLELAKE_INDEX_FROM` begins elsewhere.

use std::collections::BTreeMap;

use bytes::Bytes;
use lake::{Chunk, Day, Receipt};
use operations::trace::TracedEvent;
use store::{MemoryStore, ObjectStore};

use super::{
    MONDAY, SOURCE, TUESDAY, chunk_of, id_of, lake_of_days, part_keys, person, read_receipt, trace,
    write_receipt,
};
use crate::days_in_memory::{Days, contracts, objects, replace};
use crate::erasure::people::{redrive, transform};

/// Seeds that CI runs: each damages some objects at once.
const SEEDS: u64 = 40;

/// How the contract of people says that events have their id at `$.id`, and how it would name
/// another place.
const ENVELOPE: &str = "envelope: entity-event";
const OTHER_ID: &str = "envelope: entity-event\n      event_id: $.correlationId";

fn read_number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// The events as they are found without index and filters.
async fn find_without_index(days: &Days, ids: &[String]) -> BTreeMap<String, TracedEvent> {
    for key in part_keys(days).await {
        days.curated.delete(&key).await.unwrap();
    }
    for chunk in receipt_chunks(days).await {
        strip_filter(days, &chunk).await;
    }

    let mut found = BTreeMap::new();
    for id in ids {
        let trace = trace(days, id).await;
        assert!(trace.event.is_some(), "{id}: {:?}", trace.searched);
        found.extend(trace.event.map(|event| (id.clone(), event)));
    }
    found
}

async fn receipt_chunks(days: &Days) -> Vec<Chunk> {
    let listed = days.refined.list(Chunk::RECEIPTS_PREFIX, None).await;
    let listed = listed.unwrap().into_iter();
    listed
        .filter_map(|entry| Chunk::from_receipt_key(&entry.key))
        .collect()
}

/// The receipt as an earlier build wrote it.
async fn strip_filter(days: &Days, chunk: &Chunk) {
    let receipt = Receipt {
        event_ids: None,
        ..read_receipt(days, chunk).await
    };
    write_receipt(days, chunk, &receipt).await;
}

async fn restore(store: &MemoryStore, kept: &BTreeMap<String, Bytes>) {
    let present = objects(store).await;
    for key in present.keys().filter(|key| !kept.contains_key(*key)) {
        store.delete(key).await.unwrap();
    }
    for (key, body) in kept {
        if present.get(key) != Some(body) {
            store.put(key, body.clone(), "").await.unwrap();
        }
    }
}

/// Damages one part of the index; `earlier` are contents that parts had before.
async fn damage_part(days: &Days, earlier: &[Bytes], random: &mut fastrand::Rng) {
    let keys = part_keys(days).await;
    let Some(key) = random.choice(&keys) else {
        return;
    };
    let body = days.curated.get(key).await.unwrap().body;
    let content = match random.u8(..5) {
        0 => None,
        1 => {
            let mut flipped = body.to_vec();
            let position = random.usize(..flipped.len());
            flipped[position] ^= 1 << random.u8(..8);
            Some(Bytes::from(flipped))
        }
        2 => Some(body.slice(..random.usize(..body.len()))),
        3 => {
            let other = random.choice(&keys).unwrap();
            Some(days.curated.get(other).await.unwrap().body)
        }
        _ => random.choice(earlier).cloned(),
    };
    days.curated.delete(key).await.unwrap();
    if let Some(content) = content {
        days.curated.put(key, content, "").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_is_missed_whatever_of_the_index_is_missing_or_old() {
    let (days, ids) = lake_of_days().await;
    redrive(&days).await;
    let earlier: Vec<Bytes> = objects(&days.curated)
        .await
        .into_iter()
        .filter_map(|(key, body)| key.contains("/_events/").then_some(body))
        .collect();
    days.merge(super::WEDNESDAY).await.unwrap();
    let (refined, curated) = (objects(&days.refined).await, objects(&days.curated).await);
    let expected = find_without_index(&days, &ids).await;
    restore(&days.refined, &refined).await;
    restore(&days.curated, &curated).await;

    let from = read_number("POLELAKE_INDEX_FROM", 0);
    for seed in from..from + read_number("POLELAKE_INDEX_SEEDS", SEEDS) {
        let mut random = fastrand::Rng::with_seed(seed);
        for _ in 0..random.u8(..4) {
            damage_part(&days, &earlier, &mut random).await;
        }
        let chunks = receipt_chunks(&days).await;
        for _ in 0..random.u8(..3) {
            strip_filter(&days, random.choice(&chunks).unwrap()).await;
        }
        if random.u8(..4) == 0 {
            // The merge repairs what it finds, in a lake that is otherwise damaged.
            days.merge(TUESDAY).await.unwrap();
        }

        for id in &ids {
            let found = trace(&days, id).await;
            assert_eq!(
                found.event.as_ref(),
                expected.get(id),
                "seed {seed}: {id}: {:?}",
                found.searched
            );
        }
        let unknown = trace(&days, "no-such-event").await;
        assert!(unknown.event.is_none() && unknown.probable.is_empty());
        restore(&days.refined, &refined).await;
        restore(&days.curated, &curated).await;
    }
}

#[tokio::test]
async fn an_event_whose_receipt_is_lost_or_damaged_is_still_found() {
    let (days, ids) = lake_of_days().await;
    let refined = objects(&days.refined).await;
    for damage in [None, Some(Bytes::from_static(b"{}"))] {
        for chunk in receipt_chunks(&days).await {
            let key = chunk.receipt_key();
            match &damage {
                None => days.refined.delete(&key).await.unwrap(),
                Some(body) => days.refined.put(&key, body.clone(), "").await.unwrap(),
            }
        }
        for id in ids.iter().filter(|id| id.starts_with("Person")) {
            let found = trace(&days, id).await.event;
            assert!(found.is_some_and(|event| event.receipt.is_none()), "{id}");
        }
        restore(&days.refined, &refined).await;
    }
}

#[tokio::test]
async fn a_raw_object_that_was_transformed_again_is_found_by_its_new_ids() {
    let mut days = Days::new();
    let event = person("a", "1990-01-02");
    let other_id = "another-id-of-the-same-event";
    let mut sent = event.clone();
    sent["correlationId"] = other_id.into();
    days.push(SOURCE, MONDAY, &[sent]).await;
    days.merge(MONDAY).await.unwrap();
    days.merge(TUESDAY).await.unwrap();
    assert!(trace(&days, other_id).await.event.is_none());

    let contract = "sources/housing/person/contract.odcs.yaml";
    let days = days.changed(contracts(|files| {
        replace(files, contract, ENVELOPE, OTHER_ID);
    }));
    let chunk = chunk_of(&days, SOURCE, 0);
    let tag = index_tag(&days, &chunk).await;
    days.refined.delete(&chunk.receipt_key()).await.unwrap();
    transform(&days, &[chunk.raw_key()]).await;
    assert_eq!(
        index_tag(&days, &chunk).await,
        tag,
        "the index is of before"
    );

    assert!(trace(&days, other_id).await.event.is_some());
    assert!(trace(&days, &id_of(&event)).await.event.is_none());
    days.merge(MONDAY).await.unwrap();
    assert_ne!(
        index_tag(&days, &chunk).await,
        tag,
        "the day's index is new"
    );
    let found = trace(&days, other_id).await;
    assert!(found.event.is_some() && found.searched.index_parts > 0);
}

/// The entity tag of a raw object's receipt, as the index of Monday has it.
async fn index_tag(days: &Days, chunk: &Chunk) -> String {
    let prefix = lake::EventIndexPart::day_prefix(&chunk.topic, Day::parse(MONDAY).unwrap());
    let listed = days.curated.list(&prefix, None).await.unwrap();
    let body = days.curated.get(&listed[0].key).await.unwrap().body;
    let part = lake::EventIndexPart::decode(&body).unwrap();
    let indexed = part.chunks.iter().find(|indexed| indexed.chunk == *chunk);
    indexed.unwrap().receipt_tag.clone()
}

#[tokio::test]
async fn a_refused_event_is_found_by_the_id_that_a_later_contract_reads() {
    let mut days = Days::new();
    let mut refused = person("a", "gibberish");
    refused["correlationId"] = "the-id-of-the-later-contract".into();
    days.push(SOURCE, MONDAY, &[refused]).await;
    days.merge(MONDAY).await.unwrap();
    let contract = "sources/housing/person/contract.odcs.yaml";
    let days = days.changed(contracts(|files| {
        replace(files, contract, ENVELOPE, OTHER_ID);
        replace(files, contract, "version: 1.1.0", "version: 1.2.0");
    }));
    let found = trace(&days, "the-id-of-the-later-contract").await;
    assert!(found.event.is_some(), "{:?}", found.searched);
    assert_eq!(found.searched.refined_objects, 0, "no rows have it");
}

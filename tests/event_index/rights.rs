//! An auditor who may read receipts and the index, and no record: where an event probably is.

use std::sync::Arc;

use operations::LakeHandle;
use operations::trace::{EventQuery, EventTrace, trace_event};
use serde_json::json;

use super::{MONDAY, SOURCE, id_of, lake_of_days, part_keys, person, trace};
use crate::closed_store::ClosedStore;
use crate::days_in_memory::Days;

/// Whether the index is there for the auditor.
#[derive(Clone, Copy, PartialEq)]
enum IndexRight {
    Granted,
    Denied,
}

/// What the auditor's policy of docs/security.md grants.
fn open_for_auditor(days: &Days, index: IndexRight) -> LakeHandle {
    let closed = |inner, readable, listable| {
        Arc::new(ClosedStore {
            inner: Arc::clone(inner),
            readable,
            listable,
            unwritable: &[""],
        })
    };
    let index: &[&str] = match index {
        IndexRight::Granted => &["curated/_events/"],
        IndexRight::Denied => &[],
    };
    LakeHandle::from_stores(
        closed(&days.raw, &[], &[]),
        closed(
            &days.refined,
            &["refined/_receipts/"],
            &["refined/_receipts/"],
        ),
        closed(&days.curated, index, index),
        Arc::clone(&days.catalogue),
    )
}

async fn audit_event(days: &Days, event_id: &str, index: IndexRight) -> EventTrace {
    let query = EventQuery {
        event_id: event_id.to_owned(),
        ..EventQuery::default()
    };
    let lake = open_for_auditor(days, index);
    let trace = trace_event(&lake, &query).await.unwrap();
    assert_eq!(lake.unreadable.take(), [], "a missing right is no damage");
    trace
}

#[tokio::test]
async fn an_auditor_learns_the_raw_object_of_every_event_and_no_value() {
    let (days, ids) = lake_of_days().await;
    assert!(!part_keys(&days).await.is_empty());
    for id in &ids {
        let whole = trace(&days, id).await.event.unwrap();
        for index in [IndexRight::Granted, IndexRight::Denied] {
            let told = audit_event(&days, id, index).await;
            assert!(told.event.is_none(), "{id}: {told:?}");
            let mut places = told.probable.iter();
            let place = places.find(|place| place.raw_object == whole.raw_object);
            assert!(place.is_some(), "{id} is not named: {told:?}");
            let place = place.unwrap();
            assert!((place.offset..place.next).contains(&whole.offset), "{id}");
            assert_eq!(Some(&place.receipt), whole.receipt.as_ref());
            assert_eq!(place.source, whole.source);

            let said = json!(told).to_string();
            for value in ["Quillon", "1990-01-02", "gibberish"] {
                assert!(!said.contains(value), "{value}: {said}");
            }
        }
    }
}

#[tokio::test]
async fn an_auditor_who_asks_for_an_unknown_event_is_told_no_place() {
    let (days, _) = lake_of_days().await;
    let asked = 400;
    let mut named = 0;
    let mut tested = 0;
    for number in 0..asked {
        let id = format!("no-such-event-{number}");
        let told = audit_event(&days, &id, IndexRight::Granted).await;
        assert!(told.event.is_none());
        tested += told.searched.raw_objects_tested;
        named += told.probable.len();
    }
    assert!(tested >= 12 * asked, "{tested} tests");
    assert!(named * 200 < tested, "{named} of {tested} by chance");
}

#[tokio::test]
async fn an_event_that_has_not_landed_yet_is_told_by_no_receipt() {
    let mut days = Days::new();
    let event = person("a", "1990-01-02");
    days.push(SOURCE, MONDAY, std::slice::from_ref(&event))
        .await;
    let told = audit_event(&days, &id_of(&event), IndexRight::Granted).await;
    assert_eq!(told.probable.len(), 1, "before its day is merged");
    let other = id_of(&person("b", "1990-01-02"));
    let told = audit_event(&days, &other, IndexRight::Granted).await;
    assert_eq!(told.probable, []);
}

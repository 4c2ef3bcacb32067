//! When the index is written, what a search by it costs, and when it goes.

use std::sync::Arc;

use lake::{Day, EventIndexPart};
use operations::LakeHandle;
use operations::audit::{AuditScope, FindingKind, audit_lake};
use operations::erase::erase_subjects;
use operations::trace::{EventQuery, trace_event};
use snapshot_merge::{Context, RetentionPolicy, drop_day, steps};
use store::ObjectStore;

use super::{
    MONDAY, SOURCE, TUESDAY, WEDNESDAY, id_of, lake_of_days, open, part_keys, person, trace,
};
use crate::closed_store::ClosedStore;
use crate::days_in_memory::{Days, merge_with, objects};
use crate::erasure::people::{self, KEY, NAME, by_key, noon};
use crate::erasure::statements::SnapshotsInMemory;
use crate::store_recorder::StoreRecorder;

async fn indexed_days(days: &Days) -> Vec<String> {
    let keys = part_keys(days).await;
    let mut found: Vec<String> = keys
        .iter()
        .filter_map(|key| EventIndexPart::parse_key(key))
        .filter(|(topic, _, _)| *topic == SOURCE)
        .map(|(_, day, _)| day.to_string())
        .collect();
    found.dedup();
    found
}

#[tokio::test]
async fn an_absent_event_costs_one_object_of_a_day_and_no_receipt() {
    let (days, ids) = lake_of_days().await;
    days.merge(WEDNESDAY).await.unwrap();
    let refined = StoreRecorder::over(&days.refined);
    let curated = StoreRecorder::over(&days.curated);
    let raw = StoreRecorder::over(&days.raw);
    let lake = LakeHandle::from_stores(
        Arc::clone(&raw) as _,
        Arc::clone(&refined) as _,
        Arc::clone(&curated) as _,
        Arc::clone(&days.catalogue),
    );
    let query = EventQuery {
        event_id: "no-such-event".to_owned(),
        ..EventQuery::default()
    };
    let told = trace_event(&lake, &query).await.unwrap();
    assert!(told.event.is_none());
    assert_eq!(told.searched.raw_objects_tested, 12);
    assert_eq!(told.searched.receipts, 0);
    assert_eq!(told.searched.first_day_tested.as_deref(), Some(MONDAY));
    assert_eq!(told.searched.last_day_tested.as_deref(), Some(WEDNESDAY));
    assert!(refined.whole_reads().is_empty() && raw.whole_reads().is_empty());
    let read = curated.whole_reads();
    assert_eq!(
        read,
        part_keys(&days).await.into_iter().collect(),
        "nothing else"
    );

    // An event of the newest day needs no older day.
    let newest = ids.iter().find(|id| id.contains("-a20-")).unwrap();
    let found = trace(&days, newest).await;
    assert!(found.event.is_some());
    assert!(
        found.searched.index_parts < told.searched.index_parts,
        "{found:?}"
    );
}

#[tokio::test]
async fn a_day_merged_again_writes_the_same_index_and_a_late_receipt_is_in_the_next() {
    let mut days = Days::new();
    let event = person("a", "1990-01-02");
    days.push(SOURCE, MONDAY, std::slice::from_ref(&event))
        .await;
    let late = days
        .push(SOURCE, MONDAY, &[person("late", "1990-01-02")])
        .await;
    let chunk = super::chunk_of(&days, SOURCE, late.offset);
    days.refined.delete(&chunk.receipt_key()).await.unwrap();
    days.merge(MONDAY).await.unwrap();
    let first = objects(&days.curated).await;
    days.merge(MONDAY).await.unwrap();
    assert_eq!(objects(&days.curated).await, first);

    super::write_receipt(&days, &chunk, &late).await;
    days.push(SOURCE, TUESDAY, &[person("b", "1990-01-02")])
        .await;
    days.merge(TUESDAY).await.unwrap();
    let found = trace(&days, &id_of(&person("late", "1990-01-02"))).await;
    let event = found.event.unwrap();
    assert_eq!(event.offset, late.offset);
    assert_eq!(
        found.searched.receipts, 1,
        "the index of Tuesday has the receipt of Monday"
    );
}

#[tokio::test]
async fn a_day_whose_index_cannot_be_written_is_whole_and_the_next_days_merge_writes_it() {
    let mut days = Days::new();
    let event = person("a", "1990-01-02");
    days.push(SOURCE, MONDAY, std::slice::from_ref(&event))
        .await;
    let context = Context {
        curated: ClosedStore::without_writes(&days.curated, &["curated/_events/"]),
        ..days.context()
    };
    let run = merge_with(&context, MONDAY, &[]).await.unwrap();
    assert!(run.root.is_some() && part_keys(&days).await.is_empty());
    let found = trace(&days, &id_of(&event)).await;
    assert_eq!((found.event.is_some(), found.searched.receipts), (true, 1));

    days.push(SOURCE, TUESDAY, &[person("b", "1990-01-02")])
        .await;
    days.merge(TUESDAY).await.unwrap();
    assert_eq!(indexed_days(&days).await, [MONDAY, TUESDAY]);
    let absent = trace(&days, "no-such-event").await;
    assert_eq!(absent.searched.raw_objects_tested, 2);
    assert_eq!(absent.searched.receipts, 0);
}

#[tokio::test]
async fn the_index_goes_with_its_day_and_no_event_is_lost_by_that() {
    let (days, ids) = lake_of_days().await;
    days.merge(WEDNESDAY).await.unwrap();
    assert_eq!(indexed_days(&days).await, [MONDAY, TUESDAY, WEDNESDAY]);
    let policy = RetentionPolicy {
        daily: 2,
        monthly: 0,
        yearly: 0,
    };
    let context = days.context();
    steps::sweep_tables(policy, &[], true, &context)
        .await
        .unwrap();
    assert_eq!(indexed_days(&days).await.len(), 3, "a dry run");
    steps::sweep_tables(policy, &[], false, &context)
        .await
        .unwrap();
    assert_eq!(indexed_days(&days).await, [TUESDAY, WEDNESDAY]);

    let wednesday = Day::parse(WEDNESDAY).unwrap();
    drop_day(wednesday, true, &context).await.unwrap();
    assert_eq!(indexed_days(&days).await.len(), 2, "a dry run");
    drop_day(wednesday, false, &context).await.unwrap();
    assert_eq!(indexed_days(&days).await, [TUESDAY]);
    for id in &ids {
        assert!(trace(&days, id).await.event.is_some(), "{id}");
    }

    days.merge(WEDNESDAY).await.unwrap();
    assert_eq!(indexed_days(&days).await, [TUESDAY, WEDNESDAY]);
    let audit = audit_lake(&open(&days), AuditScope::default()).await;
    assert_eq!(audit.unwrap().findings, []);
}

#[tokio::test]
async fn an_erasure_leaves_the_ids_of_others_found_and_keeps_the_bits_of_the_erased() {
    let days = people::lake().await;
    days.merge(MONDAY).await.unwrap();
    let before = objects(&days.refined).await;
    let eraser = SnapshotsInMemory(&days);
    erase_subjects(&people::zones(&days), &by_key(), &eraser, noon())
        .await
        .unwrap();
    let after = objects(&days.refined).await;
    let changed = before
        .iter()
        .filter(|(key, body)| key.contains("/_receipts/") && after.get(*key) != Some(*body));
    assert!(changed.count() > 0, "receipts were written again");

    let mut others = 0;
    for (source, events) in people::events() {
        for event in events.iter().filter(|event| event["id"].is_string()) {
            let text = event.to_string();
            let id = id_of(event);
            if !text.contains(KEY) && !text.contains(NAME) {
                others += 1;
                let found = trace(&days, &id).await;
                assert!(found.event.is_some(), "{source} {id}: {:?}", found.searched);
            }
        }
    }
    assert!(others > 0, "some events are about others");
    let scope = AuditScope {
        deep: true,
        ..AuditScope::default()
    };
    let audit = audit_lake(&people::zones(&days), scope).await.unwrap();
    assert_eq!(audit.findings, [], "the index still says what is true");
}

#[tokio::test]
async fn the_audit_finds_an_index_that_is_not_of_its_receipts_and_one_of_another_name() {
    let (days, _) = lake_of_days().await;
    let keys = part_keys(&days).await;
    let body = days.curated.get(&keys[0]).await.unwrap().body;
    let mut part = EventIndexPart::decode(&body).unwrap();
    part.chunks[0].event_ids = lake::EventIdFilter::default();
    let wrong = part.encode().unwrap();
    let foreign = keys[0].replace("0000", "0000-copy");
    days.curated.put(&keys[0], wrong, "").await.unwrap();
    days.curated.put(&foreign, body, "").await.unwrap();

    for deep in [false, true] {
        let scope = AuditScope {
            deep,
            ..AuditScope::default()
        };
        let audit = audit_lake(&open(&days), scope).await.unwrap();
        let found: Vec<(FindingKind, &str)> = audit
            .findings
            .iter()
            .map(|finding| (finding.kind, finding.object.as_str()))
            .collect();
        let added = (FindingKind::EventIndexAdded, foreign.as_str());
        let wrong = (FindingKind::EventIndexWrong, keys[0].as_str());
        assert!(found.contains(&added), "{found:?}");
        assert_eq!(found.contains(&wrong), deep, "{found:?}");
    }
}

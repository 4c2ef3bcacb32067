//! `polelake status`: what an operator looks at each morning says what needs attention, each with
//! the next command, and nothing when nothing does.

mod declared_losses;
mod events_queue;

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use lake::{Chunk, Day, ERASURES_KEY, ErasedSubject, ErasedSubjects, manifest_key};
use operations::audit::{AuditScope, FindingKind, audit_lake};
use operations::status::{LakeStatus, StatusRequest, read_status};
use operations::{LakeHandle, OperationError, PartitionOffsets, TopicOffsets};
use serde_json::{Value, json};
use store::{
    ListedObject, MemoryStore, ObjectHead, ObjectMetadata, ObjectStore, StoreError, StoreErrorKind,
    StoredObject,
};

use crate::days_in_memory::{Days, contracts, replace};
use crate::lake_under_test::{LakeUnderTest, MONDAY, person_event, repository_root};
use crate::quarantine::polelake;
use crate::store_recorder::StoreRecorder;

const TUESDAY: &str = "2026-03-03";
const WEDNESDAY: &str = "2026-03-04";

const SOURCE: &str = "housing-person";

fn born(key: &str) -> Value {
    let new = json!({"firstName": "Ada", "surname": key});
    person_event("PersonCreatedEvent", key, 1, new)
}

/// An event whose date of birth no mapping reads.
fn refused(key: &str) -> Value {
    let new = json!({"firstName": "Cyd", "surname": key, "dateOfBirth": "gibberish"});
    person_event("PersonCreatedEvent", key, 2, new)
}

fn handle(days: &Days) -> LakeHandle {
    LakeHandle::from_stores(
        Arc::clone(&days.raw) as _,
        Arc::clone(&days.refined) as _,
        Arc::clone(&days.curated) as _,
        Arc::clone(&days.catalogue),
    )
}

/// The status at noon of a day.
async fn status_on(lake: &LakeHandle, date: &str) -> LakeStatus {
    read_status(lake, request_on(date)).await.unwrap()
}

/// A request at noon of a day.
fn request_on(date: &str) -> StatusRequest {
    StatusRequest {
        now_millis: Day::parse(date).unwrap().start_micros() / 1_000 + 12 * 3_600_000,
        dead_letters: Some(0),
        events_queue: None,
        on_aws: false,
    }
}

/// Two days of two people, merged; of all tables.
async fn two_days() -> Days {
    let mut days = Days::new();
    for date in [MONDAY, TUESDAY] {
        days.push(SOURCE, date, &[born(date)]).await;
        days.merge(date).await.unwrap();
    }
    days
}

/// The objects and the sentences of what needs attention.
fn attention(status: &LakeStatus) -> Vec<String> {
    let items = status.attention.iter();
    items
        .map(|item| format!("{}: {}; {}", item.object, item.what, item.next))
        .collect()
}

#[track_caller]
fn assert_one(status: &LakeStatus, parts: &[&str]) {
    let items = attention(status);
    assert_eq!(items.len(), 1, "{items:?}");
    for part in parts {
        assert!(items[0].contains(part), "{part}: {items:?}");
    }
}

#[tokio::test]
async fn nothing_needs_attention_where_all_is_merged() {
    let days = two_days().await;
    let status = status_on(&handle(&days), WEDNESDAY).await;
    assert_eq!(attention(&status), Vec::<String>::new());
    assert!(!status.is_empty);

    let person = status.tables.iter().find(|table| table.table == "person");
    let person = person.unwrap();
    assert_eq!(
        (
            person.last_merged.as_deref(),
            person.last_passing.as_deref(),
            person.rows
        ),
        (Some(TUESDAY), Some(TUESDAY), 2)
    );
    let source = status.sources.iter().find(|source| source.source == SOURCE);
    let source = source.unwrap();
    assert_eq!(
        source.newest_append.as_deref(),
        Some("2026-03-03T20:00:00Z")
    );
    assert_eq!(source.newest_append_age, Some(16 * 3_600));
    assert_eq!(
        source.versions.contract_applied.as_ref(),
        Some(&source.versions.contract_given)
    );
    assert_eq!((status.sizes.raw.objects, source.raw.objects), (2, 2));
    assert!(status.sizes.refined.bytes > 0 && status.sizes.newest_snapshots.bytes > 0);
}

/// A Kafka that has all topics but one.
struct KafkaWithoutTopic(String);

#[async_trait]
impl PartitionOffsets for KafkaWithoutTopic {
    async fn of_topic(&self, topic: &str) -> Result<TopicOffsets, OperationError> {
        if topic != self.0 {
            return Ok(TopicOffsets::Partitions(BTreeMap::new()));
        }
        Ok(TopicOffsets::Refused {
            what: format!("the topic `{topic}` does not exist: its senders get 503"),
            next: "create it".to_owned(),
        })
    }
}

#[tokio::test]
async fn a_topic_that_kafka_refuses_needs_attention_and_is_a_finding() {
    let days = two_days().await;
    let topic = days.catalogue.mappings[0].contract.topic.clone();
    let lake = LakeHandle {
        kafka: Some(Arc::new(KafkaWithoutTopic(topic.clone()))),
        ..handle(&days)
    };
    let status = status_on(&lake, WEDNESDAY).await;
    let what =
        format!("`{topic}` does not exist: its senders get 503; create it, then `polelake status`");
    assert_one(&status, &[&what]);

    let audit = audit_lake(&lake, AuditScope::default()).await.unwrap();
    let [finding] = audit.findings.as_slice() else {
        panic!("one finding: {:?}", audit.findings);
    };
    assert_eq!(
        (finding.kind, &finding.object),
        (FindingKind::TopicRefused, &topic)
    );
}

#[tokio::test]
async fn an_empty_lake_is_said_to_be_empty() {
    let status = status_on(&handle(&Days::new()), MONDAY).await;
    assert!(status.is_empty);
    assert_eq!(attention(&status), Vec::<String>::new());
}

#[tokio::test]
async fn a_day_that_has_ended_is_to_be_merged_and_one_that_has_not_is_not() {
    let mut days = two_days().await;
    days.push(SOURCE, WEDNESDAY, &[born("late")]).await;
    let lake = handle(&days);
    let status = status_on(&lake, WEDNESDAY).await;
    assert_eq!(attention(&status), Vec::<String>::new());

    let status = status_on(&lake, "2026-03-05").await;
    let said = [
        "source housing-person",
        "from 2026-03-04 on",
        "`polelake run-day 2026-03-04`",
    ];
    assert_one(&status, &said);
}

#[tokio::test]
async fn tables_behind_others_are_named() {
    let mut days = two_days().await;
    days.push(SOURCE, WEDNESDAY, &[born("late")]).await;
    days.merge(WEDNESDAY).await.unwrap();
    days.curated
        .delete(&manifest_key("person", Day::parse(WEDNESDAY).unwrap()))
        .await
        .unwrap();
    let status = status_on(&handle(&days), "2026-03-05").await;
    let said = [
        "table person",
        "merged last on 2026-03-03, others on 2026-03-04",
        "run-day",
    ];
    assert_one(&status, &said);
}

#[tokio::test]
async fn a_day_that_did_not_pass_is_named_with_what_readers_see() {
    let days = two_days().await;
    let mut manifest = days.manifest("person", TUESDAY).await;
    manifest.passed = false;
    let key = manifest_key("person", Day::parse(TUESDAY).unwrap());
    let body = Bytes::from(manifest.to_json().unwrap());
    days.curated.put(&key, body, "").await.unwrap();

    let status = status_on(&handle(&days), WEDNESDAY).await;
    let said = [
        "2026-03-03 did not pass: readers keep 2026-03-02",
        "`polelake snapshot show person 2026-03-03`",
    ];
    assert_one(&status, &said);
}

#[tokio::test]
async fn open_refused_records_are_counted_by_rule() {
    let mut days = Days::new();
    days.push(SOURCE, MONDAY, &[born("a"), refused("b"), refused("c")])
        .await;
    days.merge(MONDAY).await.unwrap();
    let status = status_on(&handle(&days), TUESDAY).await;
    let said = [
        "2 refused records are open under mapping.person.date_of_birth",
        "`polelake quarantine redrive --source housing-person --rule mapping.person.date_of_birth`",
    ];
    assert_one(&status, &said);
    assert!(!attention(&status)[0].contains("gibberish"), "no value");
}

#[tokio::test]
async fn raw_objects_that_wait_are_counted_with_the_first_of_them() {
    let days = two_days().await;
    let chunk = Chunk {
        topic: days
            .catalogue
            .mapping_of_source(SOURCE)
            .unwrap()
            .contract
            .topic
            .clone(),
        epoch: 1,
        partition: 0,
        offset: 1,
    };
    days.refined.delete(&chunk.receipt_key()).await.unwrap();
    let status = status_on(&handle(&days), WEDNESDAY).await;
    let raw = chunk.raw_key();
    let said = [
        "1 raw objects are not transformed",
        raw.as_str(),
        "`polelake status` again",
    ];
    assert_one(&status, &said);
}

#[tokio::test]
async fn contracts_that_changed_since_are_named_with_both_versions() {
    let days = two_days().await;
    let mapping = "sources/housing/person/mapping.yaml";
    let changed = days.changed(contracts(|files| {
        replace(files, mapping, "version: 1.1.0", "version: 1.7.0");
    }));
    let status = status_on(&handle(&changed), WEDNESDAY).await;
    let said = [
        "mapping 1.1.0",
        "1.7.0",
        "`polelake rebuild --raw --from DAY`",
    ];
    assert_one(&status, &said);
}

#[tokio::test]
async fn an_erasure_that_broke_off_and_a_damaged_manifest_are_named() {
    let days = two_days().await;
    let mut list = ErasedSubjects::default();
    list.insert_latest(ErasedSubject {
        hash: ErasedSubjects::hash_source_record(SOURCE, "k"),
        erased_before: 1,
        erasure: ErasedSubjects::hash_source_record(SOURCE, "e"),
    });
    let body = Bytes::from(list.to_json().unwrap());
    days.refined.put(ERASURES_KEY, body, "").await.unwrap();
    let lake = handle(&days);
    assert_one(
        &status_on(&lake, WEDNESDAY).await,
        &[ERASURES_KEY, "`polelake erase`"],
    );

    days.refined.delete(ERASURES_KEY).await.unwrap();
    let key = manifest_key("person", Day::parse(TUESDAY).unwrap());
    let damaged = Bytes::from_static(b"{");
    days.curated.put(&key, damaged, "").await.unwrap();
    assert_one(
        &status_on(&lake, WEDNESDAY).await,
        &[&key, "cannot be read"],
    );
}

/// A bucket whose objects the caller may list and not read.
struct ListingStore(Arc<MemoryStore>);

fn refused_right(operation: &'static str, key: &str) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, operation, key, "AccessDenied")
}

#[async_trait]
impl ObjectStore for ListingStore {
    async fn get(&self, key: &str) -> Result<StoredObject, StoreError> {
        Err(refused_right("get", key))
    }
    async fn head(&self, key: &str) -> Result<ObjectHead, StoreError> {
        Err(refused_right("head", key))
    }
    async fn put(&self, key: &str, _body: Bytes, _kind: &str) -> Result<(), StoreError> {
        Err(refused_right("put", key))
    }
    async fn put_if_absent(
        &self,
        key: &str,
        _body: Bytes,
        _metadata: ObjectMetadata,
    ) -> Result<bool, StoreError> {
        Err(refused_right("put", key))
    }
    async fn put_if_match(&self, key: &str, _: &str, _: Bytes) -> Result<bool, StoreError> {
        Err(refused_right("put", key))
    }
    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Vec<ListedObject>, StoreError> {
        self.0.list(prefix, after).await
    }
    async fn find_first(
        &self,
        prefix: &str,
        after: Option<&str>,
    ) -> Result<Option<ListedObject>, StoreError> {
        self.0.find_first(prefix, after).await
    }
    async fn delete(&self, key: &str) -> Result<(), StoreError> {
        Err(refused_right("delete", key))
    }
}

/// Where no record is refused, the status needs no right to read an object with values.
#[tokio::test]
async fn no_object_with_values_is_read() {
    let days = two_days().await;
    let full = status_on(&handle(&days), WEDNESDAY).await;
    let refined = StoreRecorder::over(&days.refined);
    let curated = StoreRecorder::over(&days.curated);
    let lake = LakeHandle {
        raw: Arc::new(ListingStore(Arc::clone(&days.raw))),
        refined: Arc::clone(&refined) as _,
        curated: Arc::clone(&curated) as _,
        ..handle(&days)
    };
    let limited = status_on(&lake, WEDNESDAY).await;
    assert_eq!(json!(limited), json!(full));

    let mut reads = refined.whole_reads();
    reads.extend(curated.whole_reads());
    assert!(reads.len() > 2);
    let with_values: Vec<&String> = reads.iter().filter(|key| !key.ends_with(".json")).collect();
    assert_eq!(with_values, Vec::<&String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_morning_an_operator_sees_the_lake_and_what_needs_attention() {
    let lake = LakeUnderTest::start().await;
    let shipped = repository_root().join("contracts");
    let (code, _, said) = polelake(&lake, &shipped, &["status"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("This lake is empty") && said.contains("`polelake push"),
        "{said}"
    );

    lake.push_events(SOURCE, &[born("a")]).await;
    lake.run_day(MONDAY).await;
    let (code, status, said) = polelake(&lake, &shipped, &["status", "--json"]);
    assert_eq!((code, &status["attention"]), (0, &json!([])), "{said}");
    let mut sources = status["sources"].as_array().unwrap().iter();
    let source = sources.find(|source| source["source"] == SOURCE).unwrap();
    assert_eq!(
        (
            &source["not_landed"],
            &source["not_transformed"],
            &status["dead_letters"]
        ),
        (&json!(0), &json!(0), &json!(0))
    );
    assert!(
        source["newest_append"]
            .as_str()
            .unwrap()
            .starts_with(MONDAY)
    );

    lake.push_events(SOURCE, &[refused("c")]).await;
    lake.platform.running.wait_until_settled().await.unwrap();
    let (code, _, said) = polelake(&lake, &shipped, &["status"]);
    assert_eq!(code, 1, "{said}");
    for part in [
        "! source housing-person: 1 refused records are open",
        "next: `polelake quarantine show --source housing-person",
        "events queue: 0 messages wait, 0 in flight, 0 delayed, 0 dead letters\n",
        "dead letters of all queues: 0",
        "0 in Kafka to land, 0 raw objects to transform",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("gibberish"), "no value: {said}");
}

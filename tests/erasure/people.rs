//! A lake in which a person stands everywhere, and what tests of an erasure ask of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use host::TimeBudget;
use lake::{Chunk, Day, Receipt};
use operations::LakeHandle;
use operations::audit::{AuditScope, audit_lake};
use operations::erase::{
    CuratedEraser, ErasureOutcome, LakeErasureRequest, MentionPolicy, RedactedObject,
    RequestedSubject, StatementRedactor, Subjects, erase_subjects,
};
use operations::quarantine::{self, QuarantineFilter};
use polelake::CliError;
use serde_json::{Value, json};
use store::{MemoryStore, ObjectStore};
use trigger::SqsEvent;

use crate::days_in_memory::Days;
use crate::lake_under_test::{MONDAY, SampleRow, parquet_rows, person_event};

/// Who is forgotten.
pub(crate) const KEY: &str = "3c1d2e4f-5a6b-4c7d-8e9f-a0b1c2d3e4f5";

/// Who is not.
pub(crate) const OTHER: &str = "9e8d7c6b-5a49-4382-b1c0-d9e8f7a6b5c4";

/// A name that stands nowhere else.
pub(crate) const NAME: &str = "Quixworth";

/// A tenure that both hold, and one that the other held before.
pub(crate) const BOTH: &str = "1a8c6d3e-5f4b-4e2c-9d7a-2b3c4d5e6f70";
pub(crate) const ALONE: &str = "0f9b7c2d-4e3a-4d1b-8c6f-1a2b3c4d5e6f";

/// Wednesday noon, long after everything.
pub(crate) fn noon() -> i64 {
    Day::parse("2026-03-04").unwrap().start_micros() + 43_200_000_000
}

pub(crate) fn pole_id() -> pole::Uuid {
    pole::IdentityKey::for_tests().pole_id("housing-person", &[KEY])
}

/// The merge's own part is tested with the merge.
pub(crate) struct Elsewhere;

#[async_trait]
impl CuratedEraser for Elsewhere {
    async fn erase_rows(
        &self,
        _: &Subjects,
        _: StatementRedactor,
        _: bool,
    ) -> Result<Vec<RedactedObject>, CliError> {
        Ok(Vec::new())
    }
}

pub(crate) fn by_key() -> LakeErasureRequest {
    let wanted = RequestedSubject::Record {
        source: "housing-person".into(),
        key: KEY.into(),
    };
    LakeErasureRequest {
        subject: wanted,
        mentions: MentionPolicy::RedactObject,
        free_text: None,
    }
}

pub(crate) fn zones(days: &Days) -> LakeHandle {
    let store = |store: &Arc<MemoryStore>| -> Arc<dyn ObjectStore> { Arc::clone(store) as _ };
    LakeHandle::from_stores(
        store(&days.raw),
        store(&days.refined),
        store(&days.curated),
        Arc::clone(&days.catalogue),
    )
    .with_identity_key(pole::IdentityKey::for_tests())
}

pub(crate) fn named(entity: &str, minute: u32, surname: &str, born: &str) -> Value {
    let new = json!({
        "firstName": format!("{surname}-{minute}"), "surname": surname, "dateOfBirth": born,
        "tenures": [{
            "id": BOTH, "assetId": "9d8c7b6a-0000-4000-8000-000000000001",
            "assetFullAddress": format!("{surname} House")
        }],
    });
    person_event("PersonCreatedEvent", entity, minute, new)
}

pub(crate) fn tenure(kind: &str, tenure: &str, minute: u32, members: &[(&str, &str)]) -> Value {
    let member = |(id, name): &(&str, &str)| {
        json!({
            "id": id, "type": "Person", "fullName": name, "personTenureType": "Tenant",
            "isResponsible": true
        })
    };
    let members: Vec<Value> = members.iter().map(member).collect();
    json!({
        "id": format!("{kind}-{tenure}-{minute}"), "eventType": kind,
        "dateTime": format!("2026-03-02T09:{minute:02}:00Z"), "entityId": tenure,
        "eventData": {
            "oldData": {"householdMembers": members}, "newData": {"householdMembers": members}
        },
    })
}

pub(crate) fn contact(id: &str, of: &str, minute: u32, value: &str) -> Value {
    json!({
        "id": format!("contact-{id}-{minute}"), "eventType": "ContactDetailAddedEvent",
        "dateTime": format!("2026-03-02T10:{minute:02}:00Z"), "entityId": of,
        "eventData": {
            "oldData": null,
            "newData": {"id": id, "value": value, "contactType": 1, "description": null}
        },
    })
}

pub(crate) fn events() -> BTreeMap<&'static str, Vec<Value>> {
    [
        (
            "housing-person",
            vec![
                named(KEY, 1, NAME, "1979-11-02"),
                named(OTHER, 2, "Sample", "1980-01-02"),
                named(KEY, 3, NAME, &format!("{NAME} does not say")),
                named(KEY, 4, NAME, "1979-11-03"),
            ],
        ),
        (
            "housing-tenure",
            vec![
                tenure(
                    "TenureCreatedEvent",
                    BOTH,
                    1,
                    &[(KEY, NAME), (OTHER, "Sample")],
                ),
                tenure("TenureCreatedEvent", ALONE, 2, &[(OTHER, "Sample")]),
                tenure("PersonAddedToTenureEvent", ALONE, 3, &[(KEY, NAME)]),
            ],
        ),
        (
            "housing-contact",
            vec![
                contact(
                    "4d5e6f70-8192-4a3b-8c4d-5e6f708192a3",
                    KEY,
                    1,
                    &format!("{NAME}@example.org"),
                ),
                contact(
                    "5d5e6f70-8192-4a3b-8c4d-5e6f708192a3",
                    OTHER,
                    2,
                    "other@example.org",
                ),
            ],
        ),
    ]
    .into()
}

/// A lake in which the person stands everywhere.
pub(crate) async fn lake() -> Days {
    let mut days = Days::new();
    for (source, events) in events() {
        days.push(source, MONDAY, &events).await;
    }
    let broken = format!("{{\"entityId\": \"{KEY}\", \"name\": \"{NAME}");
    days.land("housing-person", MONDAY, &[broken.as_bytes()])
        .await;
    redrive(&days).await;
    days
}

/// Sends every open record on its way again, and transforms what is there.
pub(crate) async fn redrive(days: &Days) {
    let zones = zones(days);
    let open = quarantine::list_entries(&zones, &QuarantineFilter::default())
        .await
        .unwrap();
    let chunks = quarantine::redrive_entries(&zones, &open, noon() / 1_000 - 3_600_000)
        .await
        .unwrap();
    let keys: Vec<String> = chunks.iter().map(Chunk::raw_key).collect();
    transform(days, &keys).await;
}

/// The transform itself, as notifications start it.
pub(crate) async fn transform(days: &Days, keys: &[String]) {
    let message = |(number, key): (usize, &String)| {
        let object =
            json!({"s3": {"bucket": {"name": "raw"}, "object": {"key": key.replace('=', "%3D")}}});
        let body = json!({"Records": [object]}).to_string();
        json!({
            "messageId": number.to_string(), "body": body, "attributes": {}, "messageAttributes": {}
        })
    };
    let records: Vec<Value> = keys.iter().enumerate().map(message).collect();
    let event: SqsEvent = serde_json::from_value(json!({"Records": records})).unwrap();
    let context = pole_transform::Context {
        raw: Arc::clone(&days.raw) as _,
        refined: Arc::clone(&days.refined) as _,
        catalogue: Arc::clone(&days.catalogue),
        identity_key: pole::IdentityKey::for_tests(),
    };
    let failures = pole_transform::handle(
        event,
        &context,
        TimeBudget::lasting_for(Duration::from_secs(60)),
    )
    .await;
    assert_eq!(
        serde_json::to_value(failures).unwrap()["batchItemFailures"],
        json!([])
    );
}

/// Takes every receipt away and transforms everything again.
pub(crate) async fn transform_again(days: &Days) {
    for entry in days
        .refined
        .list(Chunk::RECEIPTS_PREFIX, None)
        .await
        .unwrap()
    {
        days.refined.delete(&entry.key).await.unwrap();
    }
    let keys = days
        .raw
        .list(Chunk::RAW_PREFIX, None)
        .await
        .unwrap()
        .into_iter()
        .map(|entry| entry.key);
    transform(
        days,
        &keys
            .filter(|key| Chunk::from_raw_key(key).is_some())
            .collect::<Vec<_>>(),
    )
    .await;
}

/// Everything that the raw and the refined zone hold, decoded, by key.
pub(crate) async fn content(days: &Days) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for store in [&days.raw, &days.refined] {
        for entry in store.list("", None).await.unwrap() {
            let body = store.get(&entry.key).await.unwrap().body;
            let text = match entry.key.as_str() {
                key if Chunk::from_raw_key(key).is_some() => raw(body),
                key if key.starts_with(Chunk::QUARANTINE_PREFIX) => {
                    let refused = lake::decode_quarantine(body).unwrap();
                    let texts = refused.iter().map(|one| {
                        let bytes = |bytes: &Option<bytes::Bytes>| {
                            String::from_utf8_lossy(bytes.as_deref().unwrap_or_default())
                                .into_owned()
                        };
                        format!(
                            "{} {} {:?} {}",
                            bytes(&one.key),
                            bytes(&one.value),
                            one.headers,
                            one.reason
                        )
                    });
                    texts.collect()
                }
                key if key.ends_with(".parquet") => format!("{:?}", parquet_rows(body)),
                _ => String::from_utf8(body.to_vec()).unwrap(),
            };
            found.insert(entry.key, text);
        }
    }
    found
}

pub(crate) fn raw(body: bytes::Bytes) -> String {
    let mut text = String::new();
    for batch in lake::decode_raw(body).unwrap() {
        for row in 0..batch.len() {
            let bytes = |bytes: Option<&[u8]>| {
                String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
            };
            let headers = batch.headers(row).unwrap_or_default();
            text += &format!(
                "{} {} {} {headers}\n",
                batch.offset(row),
                bytes(batch.key(row)),
                bytes(batch.value(row))
            );
        }
    }
    text
}

/// The objects that tell of the person.
pub(crate) async fn traces(days: &Days) -> Vec<String> {
    let traces = [KEY, NAME, &pole_id().to_string()].map(str::to_lowercase);
    let traced = content(days).await.into_iter().filter(|(key, text)| {
        let text = text.to_lowercase();
        traces
            .iter()
            .any(|trace| text.contains(trace) || key.contains(trace))
    });
    traced.map(|(key, _)| key).collect()
}

/// Rows of every refined object, by table.
pub(crate) async fn refined_rows(days: &Days) -> BTreeMap<String, BTreeSet<SampleRow>> {
    let mut found: BTreeMap<String, BTreeSet<SampleRow>> = BTreeMap::new();
    for table in days.catalogue.stored_tables() {
        for entry in days
            .refined
            .list(&Chunk::refined_prefix(&table.name), None)
            .await
            .unwrap()
        {
            let body = days.refined.get(&entry.key).await.unwrap().body;
            found
                .entry(table.name.clone())
                .or_default()
                .extend(parquet_rows(body));
        }
    }
    found
}

pub(crate) async fn assert_reconciled(days: &Days) {
    let audit = audit_lake(
        &zones(days),
        AuditScope {
            deep: true,
            ..AuditScope::default()
        },
    )
    .await
    .unwrap();
    assert_eq!(audit.findings, [], "the reconciliation balances");
}

pub(crate) async fn receipt(days: &Days, topic: &str, partition: i32, offset: i64) -> Receipt {
    let chunk = Chunk {
        topic: topic.into(),
        epoch: 1,
        partition,
        offset,
    };
    Receipt::from_json(&days.refined.get(&chunk.receipt_key()).await.unwrap().body).unwrap()
}

pub(crate) async fn forget(days: &Days) -> ErasureOutcome {
    erase_subjects(&zones(days), &by_key(), &Elsewhere, noon())
        .await
        .unwrap()
}

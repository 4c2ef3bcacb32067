//! Erasures and the statements of sources with patches: what a record says of an erased person goes
//! from what the merge keeps, and no later patch brings it back.

use async_trait::async_trait;
use contract::record_table_name;
use operations::erase::{
    CuratedEraser, LakeErasureRequest, MentionPolicy, RedactedObject, RequestedSubject,
    StatementRedactor, Subjects, erase_subjects,
};
use polelake::CliError;
use serde_json::{Value, json};
use snapshot_merge::erase::{ErasureSelector, erase_curated};
use std::sync::Arc;
use store::UnreadableObjects;

use super::people::{noon, refined_rows, transform_again, zones};
use crate::days_in_memory::{Days, contracts, objects, replace};
use crate::lake_under_test::{MONDAY, parquet_rows, person_event};

const TUESDAY: &str = "2026-03-03";
const PERSON: &str = "3c1d2e4f-5a6b-4c7d-8e9f-a0b1c2d3e4f5";
const OTHER: &str = "4d2e3f50-6b7c-4d8e-9fa0-b1c2d3e4f506";
const TENURE: &str = "1a8c6d3e-5f4b-4e2c-9d7a-2b3c4d5e6f70";

/// The snapshots of days in memory, as the command erases them.
pub(crate) struct SnapshotsInMemory<'d>(pub(crate) &'d Days);

#[async_trait]
impl CuratedEraser for SnapshotsInMemory<'_> {
    async fn erase_rows(
        &self,
        subjects: &Subjects,
        statements: StatementRedactor,
        dry_run: bool,
    ) -> Result<Vec<RedactedObject>, CliError> {
        let selector = ErasureSelector {
            ids: subjects.ids.iter().map(ToString::to_string).collect(),
            records: subjects.records.clone(),
            statements: Some(Arc::new(move |text| statements.redact(text))),
        };
        let unreadable = UnreadableObjects::default();
        let matched = erase_curated(&self.0.context(), &selector, dry_run, &unreadable).await?;
        let redacted = matched.into_iter().map(|object| RedactedObject {
            key: object.key,
            rows: object.rows,
        });
        Ok(redacted.collect())
    }
}

fn tenure(kind: &str, minute: u32, new: &Value) -> Value {
    json!({
        "id": format!("{kind}-{minute}"), "eventType": kind,
        "dateTime": format!("2026-03-02T09:{minute:02}:00Z"), "entityId": TENURE,
        "eventData": {"oldData": {}, "newData": new},
    })
}

/// The statements that merges keep and that name the person.
async fn kept_mentions(days: &Days) -> usize {
    let mut mentions = 0;
    for (key, body) in objects(&days.curated).await {
        if key.contains("/_records/") && key.ends_with(".parquet") {
            let rows = parquet_rows(body);
            let statements = rows.iter().filter_map(|row| row.get("_statement"));
            mentions += statements.filter(|text| text.contains(PERSON)).count();
        }
    }
    mentions
}

#[tokio::test]
async fn what_a_record_says_of_an_erased_person_goes_and_does_not_come_back() {
    let mut days = Days::new();
    let member = |id: &str| json!({"id": id, "type": "Person", "personTenureType": "Tenant"});
    let whole = json!({"householdMembers": [member(PERSON), member(OTHER)]});
    days.push(
        "housing-tenure",
        MONDAY,
        &[tenure("TenureCreatedEvent", 1, &whole)],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    assert_eq!(days.rows("link", MONDAY).await.len(), 2);
    assert_eq!(kept_mentions(&days).await, 1);

    let request = LakeErasureRequest {
        subject: RequestedSubject::Record {
            source: "housing-person".to_owned(),
            key: PERSON.to_owned(),
        },
        mentions: MentionPolicy::RedactObject,
        free_text: None,
    };
    erase_subjects(&zones(&days), &request, &SnapshotsInMemory(&days), noon())
        .await
        .unwrap();
    assert_eq!(kept_mentions(&days).await, 0);
    assert_eq!(days.rows("link", MONDAY).await.len(), 1);

    // A patch that says nothing of the household leaves it as it is now.
    let later = tenure("TenureUpdatedEvent", 2, &json!({"paymentReference": "7"}));
    days.push("housing-tenure", TUESDAY, &[later]).await;
    days.merge(TUESDAY).await.unwrap();
    assert_eq!(days.rows("link", TUESDAY).await.len(), 1);
    assert_eq!(kept_mentions(&days).await, 0);
}

#[tokio::test]
async fn an_event_states_its_record_when_the_row_that_it_shares_is_erased() {
    let mut days = Days::under(contracts(|files| {
        let reference = "  - name: housing_reference";
        let birthplace = "  - name: birthplace\n    \
            table: location\n    \
            kind: shared\n    \
            id: {namespace: birthplace, key: [$.placeOfBirth]}\n    \
            columns: {location_type: {constant: Town}, town: $.placeOfBirth}\n";
        let mapping = "sources/housing/person/mapping.yaml";
        replace(
            files,
            mapping,
            reference,
            &format!("{birthplace}{reference}"),
        );
    }));
    let born = json!({"surname": "Sample", "placeOfBirth": "Testville"});
    let born = person_event("PersonCreatedEvent", "p1", 0, born);
    days.push("housing-person", MONDAY, &[born]).await;
    let places = refined_rows(&days).await.remove("location").unwrap();
    let id = places.first().unwrap()["pole_id"].clone();

    let request = LakeErasureRequest {
        subject: RequestedSubject::PoleId(pole::Uuid::parse_str(&id).unwrap()),
        mentions: MentionPolicy::RedactObject,
        free_text: None,
    };
    erase_subjects(&zones(&days), &request, &SnapshotsInMemory(&days), noon())
        .await
        .unwrap();
    transform_again(&days).await;
    let rows = refined_rows(&days).await;
    assert!(!format!("{rows:?}").contains(&id));
    assert_eq!(rows[&record_table_name("housing-person")].len(), 1);

    days.merge(MONDAY).await.unwrap();
    let people = days.rows("person", MONDAY).await;
    assert_eq!(people[0]["surname"], "Sample");
}

//! Keys and identities: one thing has one key however it is written, events without ids are told
//! apart, and an erasure finds every spelling of a key.

use contract::{Catalogue, DeclaredFile};
use operations::erase::{
    ErasureOutcome, LakeErasureRequest, MentionPolicy, RequestedSubject, erase_subjects,
};
use serde_json::{Value, json};

use crate::days_in_memory::{Days, contracts, replace};
use crate::erasure::people::{Elsewhere, noon, traces, zones};
use crate::lake_under_test::{MONDAY, person_event};

/// A person's key, as one producer writes it.
const GUID: &str = "3c1d2e4f-5a6b-4c7d-8e9f-a0b1c2d3e4f5";

/// The tables of people.
const TABLES: [&str; 2] = ["person", "person_name"];

fn person(key: &str, minute: u32, new: Value) -> Value {
    let kind = match minute {
        1 => "PersonCreatedEvent",
        _ => "PersonUpdatedEvent",
    };
    person_event(kind, key, minute, new)
}

fn namespaces(list: &str) -> DeclaredFile {
    DeclaredFile::new("namespaces.yaml", format!("namespaces: [{list}]\n"))
}

/// The shipped contracts under other namespaces.
fn contracts_with_namespaces(list: &str) -> Catalogue {
    contracts(|files| {
        files.retain(|file| file.path != "namespaces.yaml");
        files.push(namespaces(list));
    })
}

async fn people_of(days: &mut Days, events: &[Value]) -> usize {
    days.push("housing-person", MONDAY, events).await;
    days.merge_tables(MONDAY, &TABLES).await.unwrap();
    days.rows("person", MONDAY).await.len()
}

#[tokio::test]
async fn k1_a_uuid_is_one_key_in_every_spelling() {
    let new = json!({"firstName": "Ada", "surname": "Sample"});
    let later = json!({"surname": "Specimen"});
    for spelling in [
        GUID.to_uppercase(),
        format!("{{{GUID}}}"),
        format!("urn:uuid:{GUID}"),
        format!(" {GUID}"),
    ] {
        let mut days = Days::new();
        let events = [
            person(GUID, 1, new.clone()),
            person(&spelling, 2, later.clone()),
        ];
        assert_eq!(people_of(&mut days, &events).await, 1, "{spelling}");
        let row = days.row("person", MONDAY, GUID).await.unwrap();
        assert_eq!(row["surname"], "Specimen", "{spelling}");
    }
}

#[tokio::test]
async fn k1_the_case_of_other_keys_counts_unless_their_namespace_says_otherwise() {
    let new = json!({"firstName": "Ada", "surname": "Sample"});
    let events = [person("AB1", 1, new.clone()), person("ab1", 1, new)];
    assert_eq!(people_of(&mut Days::new(), &events).await, 2);

    let insensitive = "{name: housing-person, case: insensitive, why: a test}";
    let mut days = Days::under(contracts_with_namespaces(insensitive));
    assert_eq!(people_of(&mut days, &events).await, 1);
}

#[test]
fn k1_a_namespace_that_nothing_uses_is_an_error_with_its_place() {
    let folder = crate::lake_under_test::repository_root().join("contracts");
    let mut files = host::read_contract_files(&folder.to_string_lossy()).unwrap();
    files.retain(|file| file.path != "namespaces.yaml");
    files.push(namespaces(
        "{name: housing-persons, case: insensitive, why: a test}",
    ));
    let problems = Catalogue::compile(&files).err().unwrap();
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].file, "namespaces.yaml");
    assert!(
        problems[0].message.contains("`housing-person`"),
        "{}",
        problems[0].message
    );
}

async fn erase(days: &Days, source: &str, key: &str, mentions: MentionPolicy) -> ErasureOutcome {
    let mapping = days.catalogue.require_mapping_of_source(source).unwrap();
    let request = LakeErasureRequest {
        subject: RequestedSubject::Record {
            source: source.to_owned(),
            key: mapping.contract.canonical_record_key(key).unwrap(),
        },
        mentions,
        free_text: None,
    };
    erase_subjects(&zones(days), &request, &Elsewhere, noon())
        .await
        .unwrap()
}

/// A tenure whose tenant is the person, who has no record of their own.
fn tenure_of(key: &str) -> Value {
    let members = json!([{
        "id": key, "type": "Person", "fullName": "Robin Sample", "personTenureType": "Tenant",
        "isResponsible": true
    }]);
    json!({
        "id": "t-1", "eventType": "TenureCreatedEvent", "dateTime": "2026-03-02T09:00:00Z",
        "entityId": "1a8c6d3e-5f4b-4e2c-9d7a-2b3c4d5e6f70",
        "eventData": {"oldData": {}, "newData": {"householdMembers": members}},
    })
}

#[tokio::test]
async fn k1_an_erasure_finds_a_key_in_every_case() {
    let mut days = Days::new();
    let new = json!({"firstName": "Robin", "surname": "Sample"});
    days.push(
        "housing-person",
        MONDAY,
        &[person(&GUID.to_uppercase(), 1, new)],
    )
    .await;
    days.push("housing-tenure", MONDAY, &[tenure_of(&GUID.to_uppercase())])
        .await;

    let asked = format!("{{{}}}", GUID.to_uppercase());
    let outcome = erase(&days, "housing-person", &asked, MentionPolicy::RedactObject).await;
    assert!(!outcome.objects.is_empty());
    assert_eq!(outcome.by_hand, []);
    assert_eq!(traces(&days).await, [] as [String; 0]);
    let upper = GUID.to_uppercase();
    for bytes in [&days.raw, &days.refined] {
        for (key, body) in crate::days_in_memory::objects(bytes).await {
            let text = String::from_utf8_lossy(&body);
            assert!(!text.contains(&upper), "{key}");
        }
    }
}

#[tokio::test]
async fn k1_a_key_that_only_other_sources_name_is_found() {
    for (mentions, by_hand) in [
        (MentionPolicy::RedactObject, 0),
        (MentionPolicy::RedactField, 1),
    ] {
        let mut days = Days::new();
        days.push("housing-tenure", MONDAY, &[tenure_of(GUID)])
            .await;
        let outcome = erase(&days, "housing-person", GUID, mentions).await;
        assert!(!outcome.found_nothing());
        // Without its key a member of a household is none, so the field alone cannot go.
        assert_eq!(outcome.by_hand.len(), by_hand, "{mentions:?}");
        // What the tenure states of the person stays as long as its raw record does; the list of
        // erased subjects keeps their rows away.
        assert_eq!(outcome.objects.is_empty(), by_hand > 0, "{mentions:?}");
    }
}

#[tokio::test]
async fn k1_an_unknown_key_is_an_answer_that_names_the_sources_that_have_it() {
    let mut days = Days::new();
    let contact = json!({
        "id": "c-1", "eventType": "ContactDetailAddedEvent", "dateTime": "2026-03-02T10:00:00Z",
        "entityId": "17",
        "eventData": {
            "oldData": null,
            "newData": {"id": "c-1", "value": "robin@example.org", "contactType": 1}
        },
    });
    days.push("housing-contact", MONDAY, &[contact]).await;

    let unknown = erase(&days, "housing-asset", "17", MentionPolicy::RedactObject).await;
    assert!(unknown.found_nothing() && !unknown.erased_before);
    assert_eq!(unknown.sources_with_key, ["housing-contact"]);

    let key = "housing-contact";
    let done = erase(&days, key, "17", MentionPolicy::RedactObject).await;
    assert!(!done.found_nothing());
    let again = erase(&days, key, "17", MentionPolicy::RedactObject).await;
    assert!(again.found_nothing() && again.erased_before);
}

#[tokio::test]
async fn k2_composite_keys_do_not_run_into_each_other() {
    let catalogue = contracts(|files| {
        let file = "sources/police/manchester/contract.odcs.yaml";
        replace(files, file, "key: [$.key]", "key: [$.label, $.key]");
    });
    let mapping = catalogue.mapping_of_source("police-manchester").unwrap();
    let key = |label: &str, key: &str| {
        let event = json!({"label": label, "key": key}).to_string();
        let event = contract::Event::parse(&mapping.contract, event.as_bytes(), Some("e"));
        event.unwrap().key
    };
    assert_eq!(key("North/2026", "7"), "North~12026/7");
    assert_ne!(key("North/2026", "7"), key("North", "2026/7"));
    assert_eq!(
        mapping.contract.canonical_record_key("North~12026/7"),
        Ok("North~12026/7".to_owned())
    );
    let why = mapping.contract.canonical_record_key("7").unwrap_err();
    assert!(why.contains("2 parts"), "{why}");
}

#[tokio::test]
async fn m3_equal_events_without_ids_are_told_apart_by_their_place() {
    let crime = |outcome: &str| {
        json!({
            "label": "Crime", "key": "Crime:1", ":ID": "1", "date": "24/08/2017", "id": "1",
            "type": "Theft", "last_outcome": outcome, "note": "", "charge": "",
        })
    };
    let mut days = Days::new();
    let events = [crime("Open"), crime("Done"), crime("Open")];
    days.push("police-manchester", MONDAY, &events).await;
    days.merge_tables(MONDAY, &["event_crime"]).await.unwrap();

    let rows = days.rows("event_crime", MONDAY).await;
    assert_eq!(rows.len(), 1);
    let row = rows.into_iter().next().unwrap();
    assert!(
        row.values().any(|value| value.as_str() == "Open"),
        "the last of three: {row:?}"
    );
}

#[tokio::test]
async fn m5_a_cloud_event_is_identified_by_its_source_and_its_id() {
    let received = |producer: &str, case: &str| {
        let text = std::fs::read_to_string(
            crate::lake_under_test::repository_root()
                .join("contracts/sources/immigration/case/samples/case-received.json"),
        );
        let mut event: Value = serde_json::from_str(&text.unwrap()).unwrap();
        event["source"] = json!(producer);
        event["subject"] = json!(case);
        event["id"] = json!("1");
        event
    };
    let mut days = Days::new();
    let events = [received("/a", "IMM-1"), received("/b", "IMM-2")];
    days.push("immigration-case", MONDAY, &events).await;
    days.merge_tables(MONDAY, &["event"]).await.unwrap();
    let ids: std::collections::BTreeSet<String> = days
        .rows("event", MONDAY)
        .await
        .into_iter()
        .map(|row| row["source_event_id"].as_str().to_owned())
        .collect();
    assert_eq!(ids.len(), 2, "{ids:?}");
}

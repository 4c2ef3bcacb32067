//! Types, shapes, numbers and lists: what is wrong is quarantined with its path, and changes no
//! row.

use lake::Receipt;
use proptest::prelude::*;
use serde_json::{Value, json};

use contract::{Catalogue, ContractFindings, Event};

use crate::days_in_memory::{Days, contracts, replace};
use crate::lake_under_test::{MONDAY, SampleRow, person_event};

const TUESDAY: &str = "2026-03-03";

/// The rules under which records of a raw object were quarantined.
fn rules(receipt: &Receipt) -> Vec<&str> {
    receipt.quarantined.keys().map(String::as_str).collect()
}

/// A person with two tenures, in a lake of one day.
async fn lake_with_a_person() -> Days {
    let mut days = Days::new();
    let tenure = |id: &str| {
        json!({
            "id": id, "type": "Secure", "isActive": true, "assetId": format!("a-{id}"),
            "assetFullAddress": "1 Sample Street", "uprn": "199900000001",
            "startDate": "2020-01-01",
        })
    };
    let person = json!({
        "id": "p1", "firstName": "Robin", "surname": "Sample", "tenures": [tenure("t1"), tenure("t2")],
    });
    let event = person_event("PersonCreatedEvent", "p1", 0, person);
    let receipt = days.push("housing-person", MONDAY, &[event]).await;
    assert_eq!(rules(&receipt), [""; 0]);
    days.merge(MONDAY).await.unwrap();
    days
}

/// The rows of a table without what names their position.
async fn stated_rows(days: &Days, table: &str, date: &str) -> Vec<SampleRow> {
    days.rows(table, date).await
}

#[tokio::test]
async fn a_record_of_another_type_changes_no_row() {
    let mut days = lake_with_a_person().await;
    let addresses = stated_rows(&days, "person_address", MONDAY).await;
    assert_eq!(addresses.len(), 2, "{addresses:?}");

    let wrong = [
        json!("{\"id\": \"p1\"}"),
        json!(7),
        json!(["p1"]),
        json!({"id": "p1", "firstName": "Robin", "surname": "Sample", "tenures": {"id": "t1"}}),
        json!({"id": "p1", "firstName": "Robin", "surname": "Sample", "tenures": ["t1"]}),
        json!({"id": "p1", "firstName": "Robin", "surname": "Sample", "tenures": [null]}),
        json!({"id": "p1", "firstName": "Robin", "surname": "Sample", "tenures": ""}),
    ];
    let mut minute = 0;
    for record in wrong {
        minute += 1;
        let event = person_event("PersonUpdatedEvent", "p1", minute, record.clone());
        let receipt = days.push("housing-person", TUESDAY, &[event]).await;
        assert_eq!(rules(&receipt), ["contract.type"], "{record}");
        assert_eq!(receipt.tables.len(), 0, "{record}");
    }
    days.merge(TUESDAY).await.unwrap();
    assert_eq!(
        stated_rows(&days, "person_address", TUESDAY).await,
        addresses
    );
}

#[tokio::test]
async fn two_items_of_one_key_cost_the_event_and_the_empty_list_empties_the_set() {
    let mut days = lake_with_a_person().await;
    let tenure = json!({"id": "t1", "assetId": "a-1"});
    let twice = json!({
        "id": "p1", "firstName": "Robin", "surname": "Sample", "tenures": [tenure, tenure],
    });
    let event = person_event("PersonUpdatedEvent", "p1", 1, twice);
    let receipt = days.push("housing-person", TUESDAY, &[event]).await;
    assert_eq!(rules(&receipt), ["contract.key"]);

    let none = json!({"id": "p1", "firstName": "Robin", "surname": "Sample", "tenures": []});
    let event = person_event("PersonUpdatedEvent", "p1", 2, none);
    let receipt = days.push("housing-person", TUESDAY, &[event]).await;
    assert_eq!(rules(&receipt), [""; 0]);
    days.merge(TUESDAY).await.unwrap();
    assert_eq!(stated_rows(&days, "person_address", TUESDAY).await, []);
}

#[tokio::test]
async fn ids_of_twenty_digits_are_two_records_and_one_number_is_one() {
    let mut days = Days::new();
    let row = |id: &str, fee: &str| {
        format!(
            "{{\"id\": {id}, \"reference\": \"2026/1\", \"status\": \"Decided\", \"fee\": {fee}, \
             \"last_updated\": \"2026-03-02T08:00:00Z\"}}"
        )
    };
    let events = [
        row("89441100000000000011", "258.00"),
        row("89441100000000000012", "\"£1,234.50\""),
        row("7", "0.1"),
        row("7.0", "0.1"),
        row("\"7\"", "0.10"),
        row("8", "1.005"),
        row("9", "12345678901234567.89"),
        row("10", "\"NaN\""),
    ];
    let bytes: Vec<&[u8]> = events.iter().map(String::as_bytes).collect();
    let receipt = days.land("planning-register", MONDAY, &bytes).await;
    assert_eq!(rules(&receipt), ["mapping.application.fee"]);
    assert_eq!(receipt.quarantined_total(), 3);

    days.merge_tables(MONDAY, &["object_case"]).await.unwrap();
    let mut rows = days.rows("object_case", MONDAY).await;
    rows.sort_by_key(|row| row["source_record_id"].clone());
    let found: Vec<(&str, &str)> = rows
        .iter()
        .map(|row| (row["source_record_id"].as_str(), row["fee"].as_str()))
        .collect();
    let wanted = [
        ("7", "0.10"),
        ("89441100000000000011", "258.00"),
        ("89441100000000000012", "1234.50"),
    ];
    assert_eq!(found, wanted);
}

#[tokio::test]
async fn an_unreadable_date_of_birth_costs_no_person_where_the_mapping_says_so() {
    let lenient = contracts(|files| {
        let mapping = "sources/housing/person/mapping.yaml";
        let from = "      date_of_birth: $.dateOfBirth\n";
        let to = "      date_of_birth: {value: $.dateOfBirth, unreadable: null-and-count, \
                  keep_raw: date_of_birth_raw}\n";
        replace(files, mapping, from, to);
    });
    let person = json!({
        "id": "p1", "firstName": "Robin", "surname": "Sample", "dateOfBirth": "1850-81-01",
    });
    let event = person_event("PersonCreatedEvent", "p1", 0, person);

    let mut strict = Days::new();
    let receipt = strict
        .push("housing-person", MONDAY, std::slice::from_ref(&event))
        .await;
    assert_eq!(rules(&receipt), ["mapping.person.date_of_birth"]);

    let mut days = Days::under(lenient);
    let receipt = days.push("housing-person", MONDAY, &[event]).await;
    assert_eq!(rules(&receipt), [""; 0]);
    assert_eq!(receipt.unreadable.values().sum::<u64>(), 1);
    days.merge_tables(MONDAY, &["person"]).await.unwrap();
    let row = days.row("person", MONDAY, "p1").await.unwrap();
    assert_eq!(row["date_of_birth_raw"], "1850-81-01");
    assert!(!row.contains_key("date_of_birth"), "{row:?}");
}

/// Values that real sources sent where another was declared.
fn odd_values() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "null",
        "true",
        "0",
        "-0",
        "7.0",
        "1e5",
        "1.005",
        "1e-400",
        "1e999",
        "\"\"",
        "\" \"",
        "\"NaN\"",
        "\"£1,000.00\"",
        "\"yes\"",
        "\"1850-81-01\"",
        "\"a\\u0000\"",
        "\"{}\"",
        "{}",
        "[]",
        "[null]",
        "[[]]",
        "[{}]",
        "[\"i1\"]",
        "{\"id\": \"x\"}",
        "[{\"id\": 1}, {\"id\": 1}]",
        "89441100000000000011",
        "12345678901234567.89",
    ])
    .prop_map(str::to_owned)
}

/// The paths of every member of an event, as keys and indices.
fn member_paths(value: &Value, path: &str, paths: &mut Vec<String>) {
    let members: Vec<(String, &Value)> = match value {
        Value::Object(object) => object
            .iter()
            .map(|(name, value)| (name.clone(), value))
            .collect(),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .map(|(n, v)| (n.to_string(), v))
            .collect(),
        _ => Vec::new(),
    };
    for (name, member) in members {
        let path = format!("{path}/{}", name.replace('~', "~0").replace('/', "~1"));
        paths.push(path.clone());
        member_paths(member, &path, paths);
    }
}

/// The shipped sources with one of their sample events.
fn sampled_sources(catalogue: &Catalogue) -> Vec<(&str, Value)> {
    let person = json!({
        "id": "p1", "title": "Mx", "firstName": "Robin", "surname": "Sample",
        "dateOfBirth": "1990-01-01", "tenures": [{"id": "t1", "assetId": "a1", "isActive": true}],
        "personTypes": ["Tenant"], "links": [],
    });
    let planning = json!({
        "id": 7, "reference": "2026/1", "status": "Decided", "fee": "£258.00", "easting": 5.5,
        "uprn": "199900000001", "last_updated": "2026-03-02T08:00:00Z",
    });
    assert!(catalogue.mapping_of_source("housing-person").is_some());
    vec![
        (
            "housing-person",
            person_event("PersonCreatedEvent", "p1", 0, person),
        ),
        ("planning-register", planning),
    ]
}

proptest! {
    /// No value in any place makes a panic; each event is mapped, or refused with a rule and path.
    #[test]
    fn any_value_in_any_place_is_mapped_or_refused_with_its_path(
        source in 0..2_usize,
        place in any::<prop::sample::Index>(),
        value in odd_values(),
    ) {
        let days = Days::new();
        let (name, event) = sampled_sources(&days.catalogue).swap_remove(source);
        let mut paths = Vec::new();
        member_paths(&event, "", &mut paths);
        let path = place.get(&paths);

        let mut marked = event.clone();
        *marked.pointer_mut(path).unwrap() = json!("MARK");
        let bytes = marked.to_string().replace("\"MARK\"", &value);
        let mapping = days.catalogue.mapping_of_source(name).unwrap();
        let outcome = Event::parse(&mapping.contract, bytes.as_bytes(), None).and_then(|event| {
            let mut findings = ContractFindings::default();
            mapping.count_findings(&event, &mut findings);
            let key = pole::IdentityKey::for_tests();
            mapping
                .evaluate_and_count(&event, &key, &mut findings)
                .map(|_| ())
        });
        if let Err(fault) = outcome {
            prop_assert!(!fault.rule.is_empty() && fault.path.starts_with('$'), "{bytes}: {fault}");
        }
    }
}

//! Patches: a deleted record's rows stay away, and what depends on several fields follows each of
//! them.

use serde_json::{Value, json};

use crate::days_in_memory::{Days, contracts, replace};
use crate::lake_under_test::{MONDAY, SampleRow, person_event};

const TUESDAY: &str = "2026-03-03";

const PERSON_MAPPING: &str = "sources/housing/person/mapping.yaml";

/// An event of a person, `hour` o'clock.
fn person(kind: &str, key: &str, hour: u32, new: Value) -> Value {
    let mut event = person_event(kind, key, hour, new);
    event["dateTime"] = json!(format!("2026-03-02T{hour:02}:00:00Z"));
    event
}

/// An event of the tenure `t1`.
#[expect(
    clippy::needless_pass_by_value,
    reason = "tests read better with the value in place"
)]
fn tenure(kind: &str, hour: u32, new: Value) -> Value {
    json!({
        "id": format!("{kind}-{hour}"), "eventType": kind,
        "dateTime": format!("2026-03-02T{hour:02}:00:00Z"), "entityId": "t1",
        "eventData": {"oldData": {}, "newData": new},
    })
}

async fn push_accepted(days: &mut Days, source: &str, date: &str, events: &[Value]) {
    let receipt = days.push(source, date, events).await;
    assert_eq!(receipt.quarantined_total(), 0, "{:?}", receipt.quarantined);
}

/// The lake after these events: the last of them on a day of its own, or all on one.
async fn lake_of(source: &str, mut days: Days, events: &[Value], in_one_day: bool) -> Days {
    let (last, before) = events.split_last().unwrap();
    if in_one_day {
        push_accepted(&mut days, source, TUESDAY, events).await;
    } else {
        push_accepted(&mut days, source, MONDAY, before).await;
        days.merge(MONDAY).await.unwrap();
        push_accepted(&mut days, source, TUESDAY, std::slice::from_ref(last)).await;
    }
    days.merge(TUESDAY).await.unwrap();
    days
}

/// A table's rows of a record.
async fn rows_of(days: &Days, table: &str, key: &str) -> Vec<SampleRow> {
    let mut rows = days.rows(table, TUESDAY).await;
    rows.retain(|row| row["source_record_id"] == key);
    rows
}

/// A column of the one row with this value in another column; none where there is no such row.
fn value_of(rows: &[SampleRow], (column, wanted): (&str, &str), read: &str) -> Option<String> {
    let mut found = rows
        .iter()
        .filter(|row| row.get(column).is_some_and(|value| value == wanted));
    let row = found.next()?;
    assert!(found.next().is_none(), "{wanted} has two rows");
    row.get(read).cloned()
}

#[tokio::test]
async fn m1_a_patch_brings_back_no_row_of_a_deleted_person() {
    let tenures = json!([{"id": "t1", "assetId": "a1", "assetFullAddress": "1 Sample Street"}]);
    let whole = json!({
        "firstName": "Robin", "surname": "Sample", "personRef": 4711,
        "preferredFirstName": "Rob", "tenures": tenures,
    });
    let events = [
        person("PersonCreatedEvent", "p2", 9, whole.clone()),
        person("PersonDeletedEvent", "p2", 10, json!({})),
        person("PersonUpdatedEvent", "p2", 11, json!({"tenures": tenures})),
    ];
    for in_one_day in [true, false] {
        let days = lake_of("housing-person", Days::new(), &events, in_one_day).await;
        for table in [
            "person",
            "person_name",
            "person_identifier",
            "person_address",
        ] {
            assert_eq!(rows_of(&days, table, "p2").await, [], "{table}");
        }
        assert_eq!(rows_of(&days, "event", "p2").await.len(), 3);
    }

    let mut events = events.to_vec();
    let named = json!({"preferredFirstName": "Rob", "personRef": 12});
    events.push(person("PersonUpdatedEvent", "p2", 12, named));
    for in_one_day in [true, false] {
        let days = lake_of("housing-person", Days::new(), &events, in_one_day).await;
        for table in [
            "person",
            "person_name",
            "person_identifier",
            "person_address",
        ] {
            assert_eq!(rows_of(&days, table, "p2").await, [], "{table}");
        }
    }

    events.push(person("PersonCreatedEvent", "p2", 13, whole));
    for in_one_day in [true, false] {
        let days = lake_of("housing-person", Days::new(), &events, in_one_day).await;
        for (table, count) in [("person", 1), ("person_name", 2), ("person_address", 1)] {
            assert_eq!(rows_of(&days, table, "p2").await.len(), count, "{table}");
        }
    }
}

#[tokio::test]
async fn m1_a_patch_brings_back_no_link_of_a_deleted_tenure() {
    let members = json!([{"id": "p1", "type": "Person", "personTenureType": "Tenant"}]);
    let landlord = json!({"id": "o1", "type": "Organisation", "fullName": "Sample Homes"});
    let whole = json!({
        "householdMembers": [members[0], landlord], "tenuredAsset": {"id": "a1"},
        "notices": [{"type": "NTQ", "servedDate": "2026-01-01T00:00:00Z"}],
    });
    let events = [
        tenure("TenureCreatedEvent", 9, whole),
        tenure("TenureDeletedEvent", 10, json!({})),
        tenure(
            "PersonAddedToTenureEvent",
            11,
            json!({"householdMembers": members}),
        ),
    ];
    for in_one_day in [true, false] {
        let days = lake_of("housing-tenure", Days::new(), &events, in_one_day).await;
        assert_eq!(rows_of(&days, "object_tenancy", "t1").await, []);
        assert_eq!(rows_of(&days, "link", "t1").await, []);

        // The organisation is shared and outlives the tenure; each event has its own row.
        assert_eq!(rows_of(&days, "object", "t1").await.len(), 1);
        let rows = rows_of(&days, "event", "t1").await;
        let kinds: Vec<&str> = rows.iter().map(|row| row["event_type"].as_str()).collect();
        assert_eq!(kinds.len(), 3, "{kinds:?}");
    }
}

#[tokio::test]
async fn m2_a_patch_makes_the_rows_whose_condition_it_fulfils() {
    let whole = json!({"firstName": "Robin", "surname": "Sample", "personRef": 0});
    let patch = json!({"preferredFirstName": "Bob", "personRef": 4711});
    let events = [
        person("PersonCreatedEvent", "p1", 9, whole),
        person("PersonUpdatedEvent", "p1", 10, patch),
    ];
    for in_one_day in [true, false] {
        let days = lake_of("housing-person", Days::new(), &events, in_one_day).await;
        let names = rows_of(&days, "person_name", "p1").await;
        let preferred = value_of(&names, ("name_type", "preferred"), "given_name");
        assert_eq!(preferred.as_deref(), Some("Bob"));

        let numbers = rows_of(&days, "person_identifier", "p1").await;
        let kind = ("identifier_type", "HOUSING_PERSON_REF");
        let number = value_of(&numbers, kind, "identifier");
        assert_eq!(number.as_deref(), Some("4711"));
    }
}

#[tokio::test]
async fn m2_a_patch_takes_the_rows_whose_condition_it_ends() {
    let whole = json!({
        "firstName": "Robin", "surname": "Sample", "personRef": 4711,
        "preferredFirstName": "Bob",
    });
    let patch = json!({"preferredFirstName": null, "personRef": 0});
    let events = [
        person("PersonCreatedEvent", "p1", 9, whole),
        person("PersonUpdatedEvent", "p1", 10, patch),
    ];
    for in_one_day in [true, false] {
        let days = lake_of("housing-person", Days::new(), &events, in_one_day).await;
        let names = rows_of(&days, "person_name", "p1").await;
        assert_eq!(
            value_of(&names, ("name_type", "preferred"), "pole_id"),
            None
        );
        assert_eq!(names.len(), 1);
        assert_eq!(rows_of(&days, "person_identifier", "p1").await, []);
    }
}

#[tokio::test]
async fn m2_a_patch_without_the_condition_changes_the_row_that_has_it() {
    let further = || {
        Days::under(contracts(|files| {
            let partner = "  - name: partner\n    \
                table: person_name\n    \
                id: {namespace: housing-person-name, key: [\"event:$.entityId\", {constant: alias}]}\n    \
                when: {path: $.reason, is: [Alias]}\n    \
                columns:\n      \
                person_id: {identity: {namespace: housing-person, key: [\"event:$.entityId\"]}}\n      \
                name_type: {constant: alias}\n      \
                surname: $.placeOfBirth\n";
            let reference = "  - name: housing_reference";
            replace(
                files,
                PERSON_MAPPING,
                reference,
                &format!("{partner}{reference}"),
            );
        }))
    };
    let alias = |rows: &[SampleRow]| value_of(rows, ("name_type", "alias"), "surname");
    let whole = json!({"surname": "Sample", "reason": "Alias", "placeOfBirth": "Before"});
    for (patch, wanted) in [
        (json!({"placeOfBirth": "After"}), Some("After")),
        (json!({"surname": "Specimen"}), Some("Before")),
        (json!({"reason": "Other"}), None),
        (json!({"reason": null, "placeOfBirth": "After"}), None),
    ] {
        let events = [
            person("PersonCreatedEvent", "p1", 9, whole.clone()),
            person("PersonUpdatedEvent", "p1", 10, patch.clone()),
        ];
        for in_one_day in [true, false] {
            let days = lake_of("housing-person", further(), &events, in_one_day).await;
            let rows = rows_of(&days, "person_name", "p1").await;
            assert_eq!(alias(&rows).as_deref(), wanted, "{patch}");
        }
    }
}

#[tokio::test]
async fn m2_what_is_joined_of_parts_follows_each_part() {
    let whole = json!({
        "firstName": "Robin", "middleName": "Alex", "surname": "Sample",
        "preferredFirstName": "Bob", "preferredSurname": "Sample",
    });
    for (patch, full, preferred) in [
        (
            json!({"surname": "Specimen"}),
            "Robin Alex Specimen",
            "Bob Sample",
        ),
        (json!({"middleName": null}), "Robin Sample", "Bob Sample"),
        (
            json!({"preferredSurname": "Specimen"}),
            "Robin Alex Sample",
            "Bob Specimen",
        ),
    ] {
        let events = [
            person("PersonCreatedEvent", "p1", 9, whole.clone()),
            person("PersonUpdatedEvent", "p1", 10, patch.clone()),
        ];
        for in_one_day in [true, false] {
            let days = lake_of("housing-person", Days::new(), &events, in_one_day).await;
            let rows = rows_of(&days, "person", "p1").await;
            let names = ["full_name", "preferred_name"].map(|name| rows[0][name].as_str());
            assert_eq!(names, [full, preferred], "{patch}");
        }
    }
}

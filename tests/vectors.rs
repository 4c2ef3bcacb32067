//! What went wrong for those who tried it before: every test vector of the housing sources'
//! reference, by name.
//!
//! Two of them are about the relay and its neighbours and stand where the processes run:
//! `state_fetch` answers 404 and 5xx of the record's API, `http_to_topic` poison at the door.

use serde_json::{Value, json};

use crate::days_in_memory::{Days, contracts, replace};

const MONDAY: &str = "2026-03-02";
const TUESDAY: &str = "2026-03-03";

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests read better with the value in place"
)]
/// A housing event.
fn event(kind: &str, id: &str, entity: &str, at: &str, new: Value) -> Value {
    json!({
        "id": id, "eventType": kind, "dateTime": at, "entityId": entity, "version": "v1",
        "sourceDomain": "Housing", "sourceSystem": "HousingAPI", "correlationId": "c",
        "user": {"name": "Sam Specimen", "email": "sam.specimen@example.org"},
        "eventData": {"oldData": null, "newData": new},
    })
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests read better with the value in place"
)]
fn planning(id: &str, status: &str, updated: Value) -> Value {
    json!({"id": id, "reference": format!("2026/{id}"), "status": status, "last_updated": updated})
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "tests read better with the value in place"
)]
fn case(sequence: u32, kind: &str, at: &str, data: Value) -> Value {
    json!({
        "specversion": "1.0", "id": format!("{kind}-{sequence}"), "source": "/casework",
        "subject": "IMM-1",
        "type": format!("uk.gov.example.case.{kind}"), "time": at, "sequence": sequence.to_string(),
        "data": data,
    })
}

/// The status of a planning application after both days.
async fn planning_after(first: &[Value], second: &[Value]) -> String {
    let mut days = Days::new();
    days.push("planning-register", MONDAY, first).await;
    days.merge(MONDAY).await.unwrap();
    days.push("planning-register", TUESDAY, second).await;
    days.merge(TUESDAY).await.unwrap();
    days.row("object_case", TUESDAY, "7").await.unwrap()["status"].clone()
}

#[tokio::test]
async fn null_last_updated_is_old_and_overwrites_nothing() {
    let dated = [planning("7", "Registered", json!("2026-02-01T10:00:00Z"))];
    let undated = [planning("7", "Received", Value::Null)];
    assert_eq!(planning_after(&dated, &undated).await, "Registered");
    assert_eq!(planning_after(&undated, &dated).await, "Registered");
    assert_eq!(
        planning_after(&undated, &[]).await,
        "Received",
        "it is a row all the same"
    );
}

#[tokio::test]
async fn equal_last_updated_goes_to_the_later_one_in_the_log() {
    let at = json!("2026-02-01T10:00:00Z");
    let (one, two) = (
        planning("7", "Registered", at.clone()),
        planning("7", "Decided", at),
    );
    assert_eq!(
        planning_after(std::slice::from_ref(&one), std::slice::from_ref(&two)).await,
        "Decided"
    );
    assert_eq!(
        planning_after(&[one.clone(), two.clone()], &[]).await,
        "Decided"
    );
    // The source has no event ids: the same bytes again may be a change back, and come later.
    let back = planning_after(&[one.clone(), two], &[one]).await;
    assert_eq!(back, "Registered");
}

#[tokio::test]
async fn older_last_updated_never_wins_over_the_snapshot() {
    let new = [planning("7", "Decided", json!("2026-02-02T10:00:00Z"))];
    let old = [planning("7", "Registered", json!("2026-02-01T10:00:00Z"))];
    assert_eq!(planning_after(&new, &old).await, "Decided");
}

#[tokio::test]
async fn duplicate_event_id_changes_nothing() {
    let mut days = Days::new();
    let created = event(
        "PersonCreatedEvent",
        "e1",
        "p1",
        "2026-03-02T08:00:00Z",
        json!({"surname": "Sample"}),
    );
    let changed = event(
        "PersonUpdatedEvent",
        "e2",
        "p1",
        "2026-03-02T09:00:00Z",
        json!({"surname": "Specimen"}),
    );
    days.push(
        "housing-person",
        MONDAY,
        &[created.clone(), changed.clone(), created.clone()],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    let before = days.manifest("person", MONDAY).await;
    days.push("housing-person", TUESDAY, &[created, changed])
        .await;
    days.merge(TUESDAY).await.unwrap();
    let after = days.manifest("person", TUESDAY).await;
    assert_eq!(after.shards, before.shards, "the same files");
    assert_eq!(
        days.row("person", TUESDAY, "p1").await.unwrap()["surname"],
        "Specimen"
    );
}

#[tokio::test]
async fn same_second_versions_7_and_8_swapped() {
    let at = "2026-03-02T08:00:00Z";
    let (seven, eight) = (
        json!({"status": "appealed"}),
        json!({"status": "withdrawn"}),
    );
    let mut days = Days::new();
    let received = case(
        1,
        "received",
        at,
        json!({"caseType": "Work visa", "status": "received"}),
    );
    days.push(
        "immigration-case",
        MONDAY,
        &[
            received,
            case(8, "withdrawn", at, eight),
            case(7, "appealed", at, seven),
        ],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    assert_eq!(
        days.row("object_case", MONDAY, "IMM-1").await.unwrap()["status"],
        "withdrawn"
    );
}

#[tokio::test]
async fn created_after_updated() {
    let mut days = Days::new();
    let updated = event(
        "PersonUpdatedEvent",
        "e2",
        "p1",
        "2026-03-02T09:00:00Z",
        json!({"surname": "Specimen"}),
    );
    let created = json!({"firstName": "Robin", "surname": "Sample", "dateOfBirth": "1979-11-02"});
    days.push("housing-person", MONDAY, &[updated]).await;
    days.merge(MONDAY).await.unwrap();
    days.push(
        "housing-person",
        TUESDAY,
        &[event(
            "PersonCreatedEvent",
            "e1",
            "p1",
            "2026-03-02T08:00:00Z",
            created,
        )],
    )
    .await;
    days.merge(TUESDAY).await.unwrap();
    let row = days.row("person", TUESDAY, "p1").await.unwrap();
    assert_eq!(
        (row["surname"].as_str(), row["given_name"].as_str()),
        ("Specimen", "Robin")
    );
}

#[tokio::test]
async fn a_404_then_re_created() {
    // Ordered by the events' times: with `version: etag` a record that is gone does not come back
    // under its key.
    let fetching = contracts(|files| {
        let fetch =
            "state: $.entity\n      fetch: {url: \"https://people.example.org/persons/{key}\"}";
        replace(
            files,
            "sources/housing/person/contract.odcs.yaml",
            "state: $.entity",
            fetch,
        );
    });
    let mut days = Days::under(fetching);
    let state = |id: &str, at: &str, entity: Value, status: u16| {
        let mut event = event("PersonUpdatedEvent", id, "p1", at, json!({}));
        event["entity"] = entity;
        event["fetched"] = json!({"status": status, "at": at});
        event
    };
    let there = |surname: &str| json!({"id": "p1", "surname": surname});
    days.push(
        "housing-person",
        MONDAY,
        &[
            state("e1", "2026-03-02T08:00:00Z", there("Sample"), 200),
            state("e2", "2026-03-02T09:00:00Z", Value::Null, 404),
        ],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    assert_eq!(
        days.row("person", MONDAY, "p1").await,
        None,
        "a 404 is a deletion, not a failure"
    );
    days.push(
        "housing-person",
        TUESDAY,
        &[state("e3", "2026-03-03T08:00:00Z", there("Again"), 200)],
    )
    .await;
    days.merge(TUESDAY).await.unwrap();
    assert_eq!(
        days.row("person", TUESDAY, "p1").await.unwrap()["surname"],
        "Again"
    );
}

#[tokio::test]
async fn dates_0001_1900_9999_and_2039() {
    let mut days = Days::new();
    for (place, (written, read, raw)) in [
        ("0001-01-01T00:00:00", None, Some("0001-01-01T00:00:00")),
        ("1900-01-01T00:00:00Z", None, Some("1900-01-01T00:00:00Z")),
        ("9999-12-31T00:00:00Z", Some("9999-12-31"), None),
        ("2039-03-29T00:00:00Z", Some("2039-03-29"), None),
        ("1901-12-13", Some("1901-12-13"), None),
    ]
    .into_iter()
    .enumerate()
    {
        let key = format!("t{place}");
        let new = json!({"endOfTenureDate": written, "successionDate": written});
        let event = event(
            "TenureCreatedEvent",
            &key,
            &key,
            "2026-03-02T08:00:00Z",
            new,
        );
        let receipt = days.push("housing-tenure", MONDAY, &[event]).await;
        assert_eq!(
            receipt.quarantined_total(),
            0,
            "{written}: {:?}",
            receipt.quarantined
        );
        days.merge(MONDAY).await.unwrap();
        let row = days.row("object_tenancy", MONDAY, &key).await.unwrap();
        assert_eq!(row.get("end_date").map(String::as_str), read, "{written}");
        assert_eq!(
            row.get("succession_date_raw").map(String::as_str),
            raw,
            "{written}"
        );
    }
}

#[tokio::test]
async fn bst_midnight_is_the_next_day() {
    let mut days = Days::new();
    let summer = json!({
        "startOfTenureDate": "2026-06-30T23:00:00Z", "endOfTenureDate": "2026-12-31T23:00:00Z"
    });
    days.push(
        "housing-tenure",
        MONDAY,
        &[event(
            "TenureCreatedEvent",
            "e",
            "t1",
            "2026-03-02T08:00:00Z",
            summer,
        )],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    let row = days.row("object_tenancy", MONDAY, "t1").await.unwrap();
    assert_eq!(
        (row["start_date"].as_str(), row["end_date"].as_str()),
        ("2026-07-01", "2026-12-31")
    );
}

#[tokio::test]
async fn int_and_float_money_are_the_same_amount() {
    let mut days = Days::new();
    for (key, rent) in [
        ("a", json!(118)),
        ("b", json!(118.0)),
        ("c", json!("118.00")),
        ("d", json!(118.000_000_1)),
    ] {
        let new = json!({"charges": {"rent": rent}});
        days.push(
            "housing-tenure",
            MONDAY,
            &[event(
                "TenureCreatedEvent",
                key,
                key,
                "2026-03-02T08:00:00Z",
                new,
            )],
        )
        .await;
    }
    days.merge(MONDAY).await.unwrap();
    let rents: Vec<String> = days
        .rows("object_tenancy", MONDAY)
        .await
        .iter()
        .map(|row| row["rent"].clone())
        .collect();
    assert_eq!(rents, ["118.00"; 4]);
}

#[tokio::test]
async fn legacy_refs_reordered_or_missing() {
    let mut days = Days::new();
    let tag = json!({"name": "uh_tag_ref", "value": "099887/01"});
    let saffron = json!({"name": "u_saff_tenancy", "value": "0700011"});
    for (key, references) in [
        ("a", json!([tag, saffron])),
        ("b", json!([saffron, tag])),
        ("c", json!([saffron])),
        ("d", Value::Null),
        ("e", json!([{"name": "uh_tag_ref", "value": null}, tag])),
    ] {
        let new = json!({"legacyReferences": references});
        days.push(
            "housing-tenure",
            MONDAY,
            &[event(
                "TenureCreatedEvent",
                key,
                key,
                "2026-03-02T08:00:00Z",
                new,
            )],
        )
        .await;
    }
    days.merge(MONDAY).await.unwrap();
    for (key, reference) in [
        ("a", Some("099887/01")),
        ("b", Some("099887/01")),
        ("c", None),
        ("d", None),
    ] {
        let row = days.row("object_tenancy", MONDAY, key).await.unwrap();
        assert_eq!(
            row.get("uh_tag_ref").map(String::as_str),
            reference,
            "{key}"
        );
    }
}

/// Links of a tenancy's household.
async fn household(days: &Days, date: &str) -> usize {
    days.rows("link", date)
        .await
        .iter()
        .filter(|row| row["link_type"] == "holds_tenancy")
        .count()
}

fn members(count: usize) -> Value {
    let member = |number: usize| {
        json!({
            "id": format!("p{number}"), "type": "Person", "personTenureType": "Tenant"
        })
    };
    (0..count).map(member).collect()
}

#[tokio::test]
async fn empty_and_null_lists_empty_a_set_and_an_absent_one_leaves_it() {
    for (list, left) in [
        (json!({"householdMembers": []}), 0),
        (json!({"householdMembers": null}), 0),
        (json!({}), 3),
    ] {
        let mut days = Days::new();
        let created = json!({"householdMembers": members(3)});
        days.push(
            "housing-tenure",
            MONDAY,
            &[
                event(
                    "TenureCreatedEvent",
                    "a",
                    "t1",
                    "2026-03-02T08:00:00Z",
                    created,
                ),
                event(
                    "TenureUpdatedEvent",
                    "b",
                    "t1",
                    "2026-03-02T09:00:00Z",
                    list.clone(),
                ),
            ],
        )
        .await;
        days.merge(MONDAY).await.unwrap();
        assert_eq!(household(&days, MONDAY).await, left, "{list}");
    }
}

#[tokio::test]
async fn two_notices_and_three_members_are_five_rows_and_not_six() {
    let mut days = Days::new();
    let notices = json!([
        {"type": "NSP", "servedDate": "2026-01-05T00:00:00Z"},
        {"type": "NOSP", "servedDate": "2026-02-05T00:00:00Z"}
    ]);
    let new = json!({"householdMembers": members(3), "notices": notices});
    days.push(
        "housing-tenure",
        MONDAY,
        &[event(
            "TenureCreatedEvent",
            "e",
            "t1",
            "2026-03-02T08:00:00Z",
            new,
        )],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    assert_eq!(household(&days, MONDAY).await, 3);
    let events = days.rows("event", MONDAY).await;
    assert_eq!(
        events
            .iter()
            .filter(|row| row["event_type"].starts_with("notice"))
            .count(),
        2
    );
    assert_eq!(days.rows("object_tenancy", MONDAY).await.len(), 1);
}

#[tokio::test]
async fn unknown_enum_values_and_fields_are_kept_and_counted() {
    let mut days = Days::new();
    let new = json!({
        "assetType": "Treehouse", "swimmingPool": true, "assetAddress": {"what3words": "a.b.c"}
    });
    let receipt = days
        .push(
            "housing-asset",
            MONDAY,
            &[event(
                "AssetCreatedEvent",
                "e",
                "a1",
                "2026-03-02T08:00:00Z",
                new,
            )],
        )
        .await;
    assert_eq!(receipt.quarantined_total(), 0);
    let undeclared: Vec<&str> = receipt.undeclared.keys().map(String::as_str).collect();
    assert_eq!(
        undeclared,
        [
            "$.eventData.newData.assetAddress.what3words",
            "$.eventData.newData.swimmingPool"
        ]
    );
    assert_eq!(
        receipt.unlisted.keys().collect::<Vec<_>>(),
        ["$.eventData.newData.assetType"]
    );
    days.merge(MONDAY).await.unwrap();
    assert_eq!(
        days.row("location", MONDAY, "a1").await.unwrap()["location_type"],
        "Treehouse"
    );
}

#[tokio::test]
async fn new_build_and_newbuild_are_one_type() {
    let mut days = Days::new();
    for (key, kind) in [("a", "New Build"), ("b", "NewBuild")] {
        let new = json!({"assetType": kind});
        days.push(
            "housing-asset",
            MONDAY,
            &[event(
                "AssetCreatedEvent",
                key,
                key,
                "2026-03-02T08:00:00Z",
                new,
            )],
        )
        .await;
    }
    days.merge(MONDAY).await.unwrap();
    let types: Vec<String> = days
        .rows("location", MONDAY)
        .await
        .iter()
        .map(|row| row["location_type"].clone())
        .collect();
    assert_eq!(types, ["NewBuild"; 2]);
}

#[tokio::test]
async fn contact_types_come_as_numbers_and_as_names() {
    let mut days = Days::new();
    for (key, kind) in [("a", json!(1)), ("b", json!("email")), ("c", json!("1"))] {
        let new = json!({"id": key, "value": "robin.sample@example.org", "contactType": kind});
        days.push(
            "housing-contact",
            MONDAY,
            &[event(
                "ContactDetailAddedEvent",
                key,
                key,
                "2026-03-02T08:00:00Z",
                new,
            )],
        )
        .await;
    }
    days.merge(MONDAY).await.unwrap();
    let types: Vec<String> = days
        .rows("object_contact", MONDAY)
        .await
        .iter()
        .map(|row| row["contact_type"].clone())
        .collect();
    assert_eq!(types, ["email"; 3]);
}

#[tokio::test]
async fn the_entity_id_of_a_contact_is_the_person() {
    let mut days = Days::new();
    let contact = |id: &str| json!({"id": id, "value": "020 7946 0000", "contactType": 0});
    let person = event(
        "PersonCreatedEvent",
        "p",
        "p1",
        "2026-03-02T08:00:00Z",
        json!({"surname": "Sample"}),
    );
    days.push("housing-person", MONDAY, &[person]).await;
    days.push(
        "housing-contact",
        MONDAY,
        &[
            event(
                "ContactDetailAddedEvent",
                "a",
                "p1",
                "2026-03-02T08:00:00Z",
                contact("c1"),
            ),
            event(
                "ContactDetailAddedEvent",
                "b",
                "p1",
                "2026-03-02T08:01:00Z",
                contact("c2"),
            ),
        ],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    let contacts = days.rows("object_contact", MONDAY).await;
    assert_eq!(contacts.len(), 2, "two contacts of one person are two rows");
    let person = days.row("person", MONDAY, "p1").await.unwrap();
    let links = days.rows("link", MONDAY).await;
    assert!(
        links
            .iter()
            .all(|link| link["from_id"] == person["pole_id"]),
        "{links:?}"
    );
}

#[tokio::test]
async fn an_asset_that_omits_its_nulls_is_the_same_as_one_that_writes_them() {
    let mut days = Days::new();
    let written =
        json!({"assetType": "Flat", "assetAddress": null, "assetLocation": null, "isActive": null});
    days.push(
        "housing-asset",
        MONDAY,
        &[
            event(
                "AssetCreatedEvent",
                "a",
                "a",
                "2026-03-02T08:00:00Z",
                json!({"assetType": "Flat"}),
            ),
            event(
                "AssetCreatedEvent",
                "b",
                "b",
                "2026-03-02T08:00:00Z",
                written,
            ),
        ],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    let mut rows = days.rows("location", MONDAY).await;
    for row in &mut rows {
        for own in [
            "pole_id",
            "owner_id",
            "source_record_id",
            "source_event_id",
            "offset",
            "ingested_at",
        ] {
            row.remove(own);
        }
    }
    assert_eq!(rows[0], rows[1]);
}

#[tokio::test]
async fn a_poison_message_in_mid_batch_stops_no_other_message() {
    let mut days = Days::new();
    let good = |key: &str| {
        let new = json!({"surname": "Sample"});
        event("PersonCreatedEvent", key, key, "2026-03-02T08:00:00Z", new).to_string()
    };
    let (first, last) = (good("a"), good("b"));
    let receipt = days
        .land(
            "housing-person",
            MONDAY,
            &[
                first.as_bytes(),
                b"{\"id\": \"brok",
                b"\xff\xfe",
                last.as_bytes(),
            ],
        )
        .await;
    assert_eq!(
        (receipt.landed, receipt.refined, receipt.quarantined_total()),
        (4, 2, 2)
    );
    days.merge(MONDAY).await.unwrap();
    assert_eq!(days.rows("person", MONDAY).await.len(), 2);
}

#[tokio::test]
async fn a_snapshot_base_that_is_missing_or_fifteen_days_old_loses_nothing() {
    let mut days = Days::new();
    let first = [
        planning("7", "Registered", json!("2026-02-01T10:00:00Z")),
        planning("8", "Registered", Value::Null),
    ];
    days.push("planning-register", MONDAY, &first).await;
    days.merge(MONDAY).await.unwrap();
    // Nothing ran for weeks; what came meanwhile is taken with the base of old.
    days.push(
        "planning-register",
        "2026-03-10",
        &[planning("9", "Received", json!("2026-03-09T10:00:00Z"))],
    )
    .await;
    days.merge("2026-04-20").await.unwrap();
    assert_eq!(days.rows("object_case", "2026-04-20").await.len(), 3);
    // A lake whose snapshots are all gone is built from its increments.
    let mut without = Days::new();
    without.push("planning-register", MONDAY, &first).await;
    without
        .push(
            "planning-register",
            "2026-03-10",
            &[planning("9", "Received", json!("2026-03-09T10:00:00Z"))],
        )
        .await;
    without.merge("2026-04-20").await.unwrap();
    assert_eq!(
        without.rows("object_case", "2026-04-20").await,
        days.rows("object_case", "2026-04-20").await
    );
}

#[tokio::test]
async fn a_day_that_is_run_again_is_the_same_and_doubles_nothing() {
    let mut days = Days::new();
    days.push(
        "planning-register",
        MONDAY,
        &[planning("7", "Registered", Value::Null)],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    let before = days.manifest("object_case", MONDAY).await;
    let again = days.merge(MONDAY).await.unwrap();
    assert!(again.tables.iter().all(|table| !table.written));
    assert_eq!(days.manifest("object_case", MONDAY).await, before);
}

#[tokio::test]
async fn a_day_of_no_rows_carries_the_snapshot_on() {
    let mut days = Days::new();
    days.push(
        "planning-register",
        MONDAY,
        &[planning("7", "Registered", Value::Null)],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    days.merge(TUESDAY).await.unwrap();
    let (before, after) = (
        days.manifest("object_case", MONDAY).await,
        days.manifest("object_case", TUESDAY).await,
    );
    assert_eq!(
        (after.rows, &after.shards),
        (1, &before.shards),
        "one manifest, and no file"
    );
}

const CASE: &str = "pole/object_case.odcs.yaml";
const REGISTER: &str = "sources/planning/register/mapping.yaml";

#[tokio::test]
async fn a_column_that_is_added_is_null_in_earlier_rows() {
    let mut days = Days::new();
    days.push(
        "planning-register",
        MONDAY,
        &[planning("7", "Registered", Value::Null)],
    )
    .await;
    days.merge(MONDAY).await.unwrap();
    let wider = contracts(|files| {
        let grading = "      - {name: grading_scheme,";
        let ward = "      - {name: ward, logicalType: string, physicalType: string, \
            classification: internal, description: 'Ward'}";
        replace(files, CASE, grading, &format!("{ward}\n{grading}"));
        replace(
            files,
            REGISTER,
            "      appeal_reference:",
            "      ward: $.ward\n      appeal_reference:",
        );
    });
    let mut days = days.changed(wider);
    let mut row = planning("8", "Registered", Value::Null);
    row["ward"] = json!("North");
    days.push("planning-register", TUESDAY, &[row]).await;
    days.merge(TUESDAY).await.unwrap();
    assert_eq!(
        days.row("object_case", TUESDAY, "8").await.unwrap()["ward"],
        "North"
    );
    assert_eq!(
        days.row("object_case", TUESDAY, "7")
            .await
            .unwrap()
            .get("ward"),
        None
    );
}

#[tokio::test]
async fn a_column_that_is_widened_or_removed_is_refused_with_a_remedy() {
    for (from, to) in [
        (
            "{name: decision, logicalType: string, physicalType: string",
            "{name: decision, logicalType: integer, physicalType: bigint",
        ),
        ("name: appeal_reference", "name: appeal_number"),
    ] {
        let mut days = Days::new();
        days.push(
            "planning-register",
            MONDAY,
            &[planning("7", "Registered", Value::Null)],
        )
        .await;
        days.merge(MONDAY).await.unwrap();
        let other = contracts(|files| {
            replace(files, CASE, from, to);
            let name = from
                .split("name: ")
                .nth(1)
                .unwrap()
                .split(',')
                .next()
                .unwrap();
            for mapping in [REGISTER, "sources/immigration/case/mapping.yaml"] {
                let file = files.iter_mut().find(|file| file.path == mapping).unwrap();
                let kept = file
                    .text()
                    .lines()
                    .filter(|line| !line.trim_start().starts_with(&format!("{name}:")));
                *file = contract::DeclaredFile::new(
                    mapping,
                    kept.collect::<Vec<_>>().join("\n") + "\n",
                );
            }
        });
        let days = days.changed(other);
        let failure = days.merge(TUESDAY).await.unwrap_err();
        // Of another type: the merge says so. Gone: the catalogue does.
        let remedy = [
            "needs a new table version",
            "keep it, or give the table a new name",
        ];
        assert!(
            remedy.iter().any(|remedy| failure.message.contains(remedy)),
            "{failure}"
        );
        assert!(failure.message.contains("column"), "{failure}");
    }
}

#[tokio::test]
async fn unpadded_dates_of_legacy_partitions_are_read_by_a_declared_format_and_never_guessed() {
    // Rows of old files say 2022-1-5: a mapping that declares it reads it, every other refuses it
    // by name.
    let declared = contracts(|files| {
        let format = "received_date: {parse: {from: $.date_received, formats: [YYYY-M-D, iso]}}";
        replace(files, REGISTER, "received_date: $.date_received", format);
    });
    let mut row = planning("7", "Registered", Value::Null);
    row["date_received"] = json!("2022-1-5");
    let mut days = Days::under(declared);
    days.push("planning-register", MONDAY, std::slice::from_ref(&row))
        .await;
    days.merge(MONDAY).await.unwrap();
    assert_eq!(
        days.row("object_case", MONDAY, "7").await.unwrap()["received_date"],
        "2022-01-05"
    );
    let receipt = Days::new().push("planning-register", MONDAY, &[row]).await;
    assert_eq!(
        receipt.quarantined.keys().collect::<Vec<_>>(),
        ["mapping.application.received_date"]
    );
    // And no run takes such a date for a day of its own.
    assert!(lake::Day::parse("2022-1-5").is_none());
}

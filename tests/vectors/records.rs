//! What of an event becomes which rows: lists, members, owners, and fields that are absent.

use serde_json::{Value, json};

use super::{MONDAY, event};
use crate::days_in_memory::Days;

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

//! Values as sources write them: dates, money, codes and references.

use serde_json::{Value, json};

use super::{MONDAY, REGISTER, event, planning};
use crate::days_in_memory::{Days, contracts, replace};

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

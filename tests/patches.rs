//! What a patch does not say stays as it is, in every shape that a mapping can have.

use contract::Catalogue;
use serde_json::{Value, json};

use crate::days_in_memory::{Days, contracts, replace};
use crate::lake_under_test::{MONDAY, SampleRow, person_event, repository_root};

const MAPPING: &str = "sources/housing/person/mapping.yaml";

/// The rows of a table after a whole record of a person and then a patch.
async fn after(days: Days, whole: &Value, patch: &Value, table: &str) -> Vec<SampleRow> {
    let mut days = days;
    let events = [
        person_event("PersonCreatedEvent", "p1", 0, whole.clone()),
        person_event("PersonUpdatedEvent", "p1", 1, patch.clone()),
    ];
    let receipt = days.push("housing-person", MONDAY, &events).await;
    assert_eq!(receipt.quarantined_total(), 0, "{:?}", receipt.quarantined);
    days.merge(MONDAY).await.unwrap();
    days.rows(table, MONDAY).await
}

fn named<'r>(rows: &'r [SampleRow], kind: &str) -> Option<&'r SampleRow> {
    rows.iter().find(|row| row["name_type"] == kind)
}

#[tokio::test]
async fn a_patch_that_says_a_part_of_what_decides_changes_the_row_and_does_not_delete_it() {
    let whole = json!({
        "firstName": "Jamie", "surname": "Sample", "preferredFirstName": "Jay",
        "preferredMiddleName": "X"
    });
    let rows = after(
        Days::new(),
        &whole,
        &json!({"preferredMiddleName": null}),
        "person_name",
    )
    .await;
    let preferred = named(&rows, "preferred").unwrap();
    assert_eq!(
        (
            preferred["given_name"].as_str(),
            preferred.get("middle_names")
        ),
        ("Jay", None)
    );
    let none =
        json!({"preferredFirstName": null, "preferredMiddleName": null, "preferredSurname": null});
    let rows = after(Days::new(), &whole, &none, "person_name").await;
    assert_eq!(
        named(&rows, "preferred"),
        None,
        "all that decides says that it is not to be"
    );
    assert!(named(&rows, "primary").is_some());
}

#[tokio::test]
async fn a_name_is_joined_of_all_that_the_record_holds_at_any_depth() {
    let nested = contracts(|files| {
        let joined = "full_name: {concat: {parts: [$.firstName, $.middleName, $.surname], \
            separator: \" \"}}";
        replace(
            files,
            MAPPING,
            joined,
            "full_name: {normalise: {from: {concat: {parts: [$.firstName, $.surname], \
             separator: \" \"}}, as: name}}",
        );
    });
    let whole = json!({"firstName": "Robin", "surname": "Sample"});
    for days in [Days::new(), Days::under(nested)] {
        let rows = after(days, &whole, &json!({"surname": "Specimen"}), "person").await;
        assert_eq!(
            (rows[0]["full_name"].as_str(), rows[0]["surname"].as_str()),
            ("Robin Specimen", "Specimen")
        );
    }
}

#[tokio::test]
async fn the_first_alternative_that_the_record_holds_counts() {
    let days = || {
        Days::under(contracts(|files| {
            replace(
                files,
                MAPPING,
                "place_of_birth: $.placeOfBirth",
                "place_of_birth: {coalesce: [$.placeOfBirth, $.reason]}",
            );
        }))
    };
    let whole = json!({"surname": "Sample", "placeOfBirth": "Testville", "reason": "Elsewhere"});
    for (patch, place) in [
        (json!({"reason": "Nowhere"}), Some("Testville")),
        (json!({"placeOfBirth": "Northside"}), Some("Northside")),
        (json!({"placeOfBirth": null}), Some("Elsewhere")),
        (
            json!({"placeOfBirth": null, "reason": "Nowhere"}),
            Some("Nowhere"),
        ),
    ] {
        let rows = after(days(), &whole, &patch, "person").await;
        assert_eq!(
            rows[0].get("place_of_birth").map(String::as_str),
            place,
            "{patch}"
        );
    }
}

#[tokio::test]
async fn a_further_row_without_a_key_stops_nothing() {
    let further = contracts(|files| {
        let reference = "  - name: housing_reference";
        let partner = "  - name: partner\n    \
            table: person\n    \
            id: {namespace: partner, key: [\"event:$.entityId\", $.reason]}\n    \
            when: {path: $.reason, present: true}\n    \
            columns: {surname: $.reason}\n";
        replace(files, MAPPING, reference, &format!("{partner}{reference}"));
    });
    let rows = after(
        Days::under(further),
        &json!({"surname": "Sample"}),
        &json!({"firstName": "Ada"}),
        "person",
    )
    .await;
    assert_eq!(rows.len(), 1);
    assert_eq!(
        (rows[0]["surname"].as_str(), rows[0]["given_name"].as_str()),
        ("Sample", "Ada")
    );
}

#[tokio::test]
async fn a_day_is_not_built_on_one_that_was_made_without_patches() {
    const CONTRACT: &str = "sources/housing/person/contract.odcs.yaml";
    let patch = "PersonUpdatedEvent: patch";
    let mut days = Days::under(contracts(|files| {
        replace(files, CONTRACT, patch, "PersonUpdatedEvent: upsert");
    }));
    let whole = json!({"firstName": "Robin", "surname": "Sample"});
    let born = person_event("PersonCreatedEvent", "p1", 0, whole);
    days.push("housing-person", MONDAY, &[born]).await;
    days.merge_tables(MONDAY, &["person"]).await.unwrap();

    days.catalogue = Days::new().catalogue;
    let patched = person_event(
        "PersonUpdatedEvent",
        "p1",
        1,
        json!({"surname": "Specimen"}),
    );
    days.push("housing-person", "2026-03-03", &[patched]).await;
    for date in [MONDAY, "2026-03-03"] {
        let refused = days.merge_tables(date, &["person"]).await;
        let failure = refused.unwrap_err();
        assert!(failure.message.contains("rebuild --raw"), "{failure}");
    }
}

#[test]
fn a_further_row_that_two_records_could_give_is_refused() {
    let contracts_folder = repository_root().join("contracts");
    let mut files = host::read_contract_files(&contracts_folder.to_string_lossy()).unwrap();
    let key = "key: [\"event:$.entityId\", {constant: preferred}]";
    replace(&mut files, MAPPING, key, "key: [$.preferredSurname]");
    let problems = Catalogue::compile(&files).unwrap_err();
    let texts: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(
        texts[0].contains("`preferred_name`") && texts[0].contains("kind: shared"),
        "{texts:?}"
    );
}

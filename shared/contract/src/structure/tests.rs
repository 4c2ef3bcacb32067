//! What a declared structure finds in values.

use super::*;
use crate::walked_path::PATHS_MAX;
use serde_json::json;

fn shape() -> DeclaredStructure {
    let properties: Vec<Property> = serde_json::from_value(json!([
        {"name": "id", "logicalType": "string", "required": true},
        {"name": "kind", "logicalType": "string", "enum": [{"value": "A"}, {"value": "B"}]},
        {"name": "free", "logicalType": "object"},
        {"name": "lines", "logicalType": "array", "items": {"logicalType": "object", "properties": [
            {"name": "amount", "logicalType": "number", "required": true}
        ]}},
    ]))
    .unwrap();
    DeclaredStructure::from_properties(&properties)
}

fn found(value: &Value) -> ContractFindings {
    let mut findings = ContractFindings::default();
    shape().count_findings(value, "$", &mut findings);
    findings
}

#[test]
fn what_is_not_declared_is_counted_by_path_and_what_is_opaque_is_not_looked_into() {
    let findings = found(
        &json!({"id": "1", "kind": "C", "colour": "red", "free": {"x": 1},
        "lines": [{"amount": 1, "unit": "kg"}, {"amount": 2, "unit": "kg"}, 7], "zoe@example.org": 1}),
    );
    let counts: Vec<(&str, u64)> = findings
        .undeclared
        .iter()
        .map(|(path, count)| (path.as_str(), *count))
        .collect();
    assert_eq!(
        counts,
        [
            ("$.(unprintable)", 1),
            ("$.colour", 1),
            ("$.lines[*]", 1),
            ("$.lines[*].unit", 2)
        ]
    );
    assert_eq!(
        findings.unlisted,
        BTreeMap::from([("$.kind".to_owned(), 1)])
    );
    assert_eq!(
        found(&json!({"id": "1", "kind": null, "lines": []})),
        ContractFindings::default()
    );
}

#[test]
fn names_without_end_are_counted_together() {
    let mut findings = ContractFindings::default();
    for event in 0..200u8 {
        let letters = format!(
            "f{}{}",
            char::from(b'a' + event / 26),
            char::from(b'a' + event % 26)
        );
        shape().count_findings(&json!({letters: 1}), "$", &mut findings);
    }
    assert_eq!(findings.undeclared.len(), PATHS_MAX + 1);
    assert_eq!(findings.undeclared.values().sum::<u64>(), 200);
    // A map of data: its members' names are values of people.
    let people: serde_json::Map<String, Value> = (0..30u8)
        .map(|n| {
            (
                format!("Sample{}", char::from(b'a' + n % 26)) + &"x".repeat(usize::from(n)),
                json!(n),
            )
        })
        .collect();
    let findings = found(&Value::Object(people));
    assert_eq!(
        findings.undeclared,
        BTreeMap::from([("$[(many names)]".to_owned(), 30)])
    );
    let phones = found(&json!({"07700900123": 1, "QQ123456C": 1}));
    assert_eq!(
        phones.undeclared,
        BTreeMap::from([("$.(unprintable)".to_owned(), 2)])
    );
}

#[test]
fn a_whole_record_has_what_is_required() {
    assert_eq!(shape().check_complete(&json!({"id": "1"}), "$"), Ok(()));
    assert_eq!(
        shape()
            .check_complete(&json!({"id": null}), "$")
            .unwrap_err()
            .path,
        "$.id"
    );
    let line = shape()
        .check_complete(&json!({"id": "1", "lines": [{}]}), "$")
        .unwrap_err();
    assert_eq!(
        (line.path.as_str(), line.rule.as_str()),
        ("$.lines[*].amount", "contract.required")
    );
}

#[test]
fn paths_are_followed_into_the_shape() {
    let shape = shape();
    let at = |text: &str| {
        shape
            .structure_at(&EventPath::parse(text).unwrap())
            .map(|shape| matches!(shape, DeclaredStructure::Opaque))
    };
    assert_eq!(at("$.free.anything"), Ok(true));
    assert_eq!(at("$.lines[*]"), Ok(false));
    assert_eq!(at("$.lines[?@.amount == 'x'].amount"), Ok(false));
    assert!(
        at("$.kinds")
            .unwrap_err()
            .contains("nearest name is `kind`")
    );
    assert!(at("$.id[*]").unwrap_err().contains("no list"));
}

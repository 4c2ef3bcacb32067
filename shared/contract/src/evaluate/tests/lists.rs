//! Lists that give rows: none is emptied by what is no list, and no item is lost in silence.

use super::*;

/// The operations of the rows of the record's sets, without the record's own row.
fn set_rows(event: &str) -> Vec<RowOperation> {
    let (rows, _) = rows_of(&shop(), event.as_bytes()).unwrap();
    let parts = rows
        .into_iter()
        .filter(|(_, cells)| !cells.iter().any(|(name, _)| name == "name"));
    parts.map(|(op, _)| op).collect()
}

/// The operations of the rows of a patch.
fn patched(members: &str) -> Vec<RowOperation> {
    let event = format!(r#"{{"id": "1", "type": "Part", {members}}}"#);
    let (rows, _) = rows_of(&shop(), event.as_bytes()).unwrap();
    rows.into_iter().map(|(op, _)| op).collect()
}

#[test]
fn only_null_and_the_empty_list_empty_a_set() {
    for list in ["null", "[]"] {
        let rows = patched(&format!(r#""parts": {list}"#));
        assert!(rows.contains(&RowOperation::Replace), "{list}: {rows:?}");
    }
    for list in [
        "{}", "\"\"", "0", "false", "[null]", "[\"i1\"]", "[[]]", "[{}]",
    ] {
        let event = format!(r#"{{"id": "1", "type": "Part", "parts": {list}}}"#);
        let (rule, path) = refusal(&event);
        assert!(
            rule == "contract.type" || rule == "contract.key",
            "{list}: {rule}"
        );
        assert!(path.starts_with("$.parts"), "{list}: {path}");
    }
    let other = patched(r#""rent": 5"#);
    assert!(!other.contains(&RowOperation::Replace), "{other:?}");
}

#[test]
fn an_item_without_its_key_and_two_of_one_key_are_faults() {
    for list in [
        r#"[{"label": "x"}]"#,
        r#"[{"id": null}]"#,
        r#"[{"id": " "}]"#,
        r#"[{"id": "a"}, {}]"#,
        r#"[{"id": "a", "label": "x"}, {"id": "a", "label": "y"}]"#,
        r#"[{"id": "a"}, {"id": " a "}]"#,
    ] {
        assert_refused(
            &whole(&format!(r#""parts": {list}"#)),
            "contract.key",
            "$.parts[*].id",
        );
    }
    let many: Vec<String> = (0..40)
        .map(|n| format!(r#"{{"id": "{}"}}"#, n % 39))
        .collect();
    let event = whole(&format!(r#""parts": [{}]"#, many.join(",")));
    assert_refused(&event, "contract.key", "$.parts[*].id");
    assert_refused(
        &whole(r#""free": {"items": ["i1"]}"#),
        "contract.key",
        "$.free.items[*].id",
    );
    let rows = set_rows(&whole(r#""parts": [{"id": "a"}, {"id": "b"}]"#));
    assert_eq!(
        rows.iter()
            .filter(|op| **op == RowOperation::Upsert)
            .count(),
        2
    );
}

#[test]
fn a_blank_alternative_is_none_like_null() {
    for blank in ["null", "\"\"", "\"  \""] {
        let event = format!(r#"{{"id": "1", "type": "Part", "other": {blank}}}"#);
        let shop = shop();
        let mapping = shop.mapping_of_source("shop").unwrap();
        let event = Event::parse(&mapping.contract, event.as_bytes(), None).unwrap();
        let Ok(EvaluatedEvent::Rows(rows)) = mapping.evaluate(&event, &TEST_KEY) else {
            panic!("{blank}");
        };
        // `name` could be the value, and the patch does not say: the column stays.
        let changed = rows.first().and_then(|row| row.changed_columns.clone());
        assert_eq!(changed.unwrap_or_default(), "", "{blank}");
        assert_eq!(
            column_of(&whole(&format!(r#""other": {blank}"#)), "known_as").as_deref(),
            Some("A")
        );
    }
}

#[test]
fn null_above_a_key_empties_a_set_as_a_null_key_does() {
    for person in ["null", r#"{"id": null, "surname": "B"}"#] {
        let rows = patched(&format!(r#""person": {person}"#));
        assert!(rows.contains(&RowOperation::Replace), "{person}: {rows:?}");
    }
    let rows = patched(r#""person": {"surname": "B"}"#);
    assert!(!rows.contains(&RowOperation::Replace), "{rows:?}");
}

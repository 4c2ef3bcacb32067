//! Values of another type than the declared one: refused with their path, or read as declared.

use super::*;

#[test]
fn another_type_than_the_declared_one_is_refused_with_its_path() {
    for (members, path) in [
        // A text, number or boolean of another type.
        (r#""other": 7"#, "$.other"),
        (r#""other": true"#, "$.other"),
        (r#""other": ["a"]"#, "$.other"),
        (r#""other": {"a": 1}"#, "$.other"),
        (r#""rent": "118.40""#, "$.rent"),
        (r#""rent": """#, "$.rent"),
        (r#""rent": "NaN""#, "$.rent"),
        (r#""rent": true"#, "$.rent"),
        (r#""rent": [118.4]"#, "$.rent"),
        (r#""rent": {"amount": 118.4}"#, "$.rent"),
        (r#""pages": 3.5"#, "$.pages"),
        (r#""pages": 0.30000000000000004"#, "$.pages"),
        (r#""pages": "3""#, "$.pages"),
        (r#""is_open": "yes""#, "$.is_open"),
        (r#""is_open": 1"#, "$.is_open"),
        (r#""born": 19900101"#, "$.born"),
        (r#""born": {"year": 1990}"#, "$.born"),
        (r#""id": true"#, "$.id"),
        // Objects and lists.
        (r#""person": "Sample""#, "$.person"),
        (
            r#""person": [{"id": "p1", "surname": "Sample"}]"#,
            "$.person",
        ),
        (r#""person": 89441100000000000011"#, "$.person"),
        (r#""free": 7"#, "$.free"),
        (r#""free": 89441100000000000011"#, "$.free"),
        (r#""free": "{}""#, "$.free"),
        (r#""parts": {"id": "p1"}"#, "$.parts"),
        (r#""parts": "p1""#, "$.parts"),
        (r#""parts": 7"#, "$.parts"),
        (r#""parts": false"#, "$.parts"),
        (r#""parts": ["p1"]"#, "$.parts[*]"),
        (r#""parts": [null]"#, "$.parts[*]"),
        (r#""parts": [[{"id": "p1"}]]"#, "$.parts[*]"),
        (r#""parts": [{"id": "p1"}, 7]"#, "$.parts[*]"),
        (r#""parts": [{"id": {"value": "p1"}}]"#, "$.parts[*].id"),
        (r#""parts": [{"id": 7}]"#, "$.parts[*].id"),
        (r#""tags": [["a"]]"#, "$.tags[*]"),
        (r#""tags": ["a", null]"#, "$.tags[*]"),
        (r#""loose": ["p1"]"#, "$.loose[*]"),
        (r#""loose": "p1""#, "$.loose[*]"),
        (r#""doc": "no JSON""#, "$.doc"),
        (r#""doc": "[1]""#, "$.doc"),
        (r#""doc": "\"{}\"""#, "$.doc"),
        (r#""doc": {"note": 7}"#, "$.doc.note"),
        (r#""doc": "{\"amount\":\"7\"}""#, "$.doc.amount"),
        (r#""code": true"#, "$.code"),
        // The path through a map of an undeclared object is as it is in the mapping.
        (r#""free": {"items": {"id": "1"}}"#, "$.free.items[*]"),
        (r#""free": {"items": "1"}"#, "$.free.items[*]"),
    ] {
        let members = members.replace(r#""id": true"#, r#""id": true, "id": "1""#);
        let event = if members.contains("\"id\": true") {
            r#"{"id": true, "name": "A"}"#.to_owned()
        } else {
            whole(&members)
        };
        let (rule, found) = refusal(&event);
        let is_key = path == "$.id";
        let wanted = if is_key { "event.key" } else { "contract.type" };
        assert_eq!((rule.as_str(), found.as_str()), (wanted, path), "{event}");
    }
}

#[test]
fn an_event_that_is_no_object_is_refused() {
    for event in [
        "null",
        "7",
        "\"{}\"",
        "[]",
        "[{\"id\": \"1\"}]",
        "true",
        "{}",
        "",
    ] {
        let (rule, _) = refusal(event);
        assert!(
            rule == "event.key" || rule == "event.json",
            "{event}: {rule}"
        );
    }
}

#[test]
fn the_reason_names_both_types_and_no_value() {
    let fault = rows_of(&shop(), whole(r#""rent": "118.40""#).as_bytes()).unwrap_err();
    assert_eq!(
        fault.reason,
        "the contract declares a number here, the event holds a text"
    );
}

#[test]
fn what_is_required_is_more_than_blank() {
    for name in ["null", "\"\"", "\"  \"", "\"\\t\\n\"", "\"\u{a0}\""] {
        let event = format!(r#"{{"id": "1", "name": {name}}}"#);
        assert_refused(&event, "contract.required", "$.name");
        let patch = format!(r#"{{"id": "1", "type": "Part", "name": {name}}}"#);
        assert_refused(&patch, "contract.required", "$.name");
    }
    assert_refused(r#"{"id": "1"}"#, "contract.required", "$.name");
    assert_refused(
        &whole(r#""person": {"id": "p1"}"#),
        "contract.required",
        "$.person.surname",
    );
    let part = r#"{"id": "1", "type": "Part", "rent": 5}"#;
    assert_eq!(column_of(part, "rent").as_deref(), Some("500"));
}

#[test]
fn a_deletion_needs_only_its_key() {
    let (rows, _) = rows_of(&shop(), br#"{"id": "1", "type": "Gone"}"#).unwrap();
    assert_eq!(rows[0].0, RowOperation::Delete);
}

#[test]
fn the_text_of_json_and_a_single_item_are_read_where_the_contract_says_so() {
    for doc in [
        r#"{"note": "x", "amount": 1.5}"#,
        r#""{\"note\": \"x\", \"amount\": 1.5}""#,
        r#""  {\"note\":\" x \"} ""#,
    ] {
        let event = whole(&format!(r#""doc": {doc}"#));
        assert_eq!(column_of(&event, "note").as_deref(), Some("x"), "{doc}");
    }
    for none in ["null", "\"\"", "\" \"", "\"null\""] {
        assert_eq!(
            column_of(&whole(&format!(r#""doc": {none}"#)), "note"),
            None,
            "{none}"
        );
    }

    let parts = |loose: &str| {
        let event = whole(&format!(r#""loose": {loose}"#));
        let (rows, _) = rows_of(&shop(), event.as_bytes()).unwrap();
        rows.iter()
            .filter(|(op, _)| *op == RowOperation::Upsert)
            .count()
            - 1
    };
    assert_eq!(parts(r#"{"id": "a"}"#), 1);
    assert_eq!(parts(r#"[{"id": "a"}, {"id": "b"}]"#), 2);
    assert_eq!(parts("null"), 0);
    assert_eq!(parts("[]"), 0);
}

#[test]
fn what_an_encoded_text_hides_is_found_at_its_path() {
    assert_refused(
        &whole(r#""doc": "{\"note\": \"a\\u0000\"}""#),
        "event.nul",
        "$.doc.note",
    );
    let event = whole(r#""doc": "{\"note\": \"a\", \"note\": \"b\"}""#);
    let (_, findings) = rows_of(&shop(), event.as_bytes()).unwrap();
    assert_eq!(findings.duplicates.get("$.doc.note"), Some(&1));
    assert_eq!(column_of(&event, "note").as_deref(), Some("b"));
}

#[test]
fn text_has_one_rule_for_spaces_nul_and_repeated_members() {
    assert_eq!(
        column_of(r#"{"id": " 1 ", "name": "\tZoë "}"#, "name").as_deref(),
        Some("Zoë")
    );
    assert_eq!(
        column_of(&whole(r#""other": " B ""#), "known_as").as_deref(),
        Some("B")
    );
    assert_refused(&whole(r#""other": "a\u0000b""#), "event.nul", "$.other");
    assert_refused(
        &whole(r#""free": {"a\u0000": 1}"#),
        "event.nul",
        "$.free.(unprintable)",
    );

    let (rows, findings) = rows_of(&shop(), br#"{"id": "1", "name": "A", "name": "B"}"#).unwrap();
    assert_eq!(rows[0].1[0], ("name".to_owned(), "B".to_owned()));
    assert_eq!(findings.duplicates.get("$.name"), Some(&1));
}

#[test]
fn an_unreadable_value_is_null_counted_and_kept_as_text_where_the_mapping_says_so() {
    for text in ["1850-81-01", "around 1850", "0000-00-00"] {
        let event = whole(&format!(r#""born": "{text}""#));
        let (rows, findings) = rows_of(&shop(), event.as_bytes()).unwrap();
        let wanted = ("born_raw".to_owned(), text.to_owned());
        assert!(rows[0].1.contains(&wanted), "{:?}", rows[0]);
        assert!(
            !rows[0].1.iter().any(|(name, _)| name == "born"),
            "{:?}",
            rows[0]
        );
        assert_eq!(findings.unreadable.get("$.born"), Some(&1));
    }
    let (rows, findings) = rows_of(&shop(), whole(r#""born": "1850-08-01""#).as_bytes()).unwrap();
    assert!(
        rows[0]
            .1
            .contains(&("born".to_owned(), "1850-08-01".to_owned()))
    );
    assert!(findings.unreadable.is_empty());
    // Another column's value costs the record, as nothing else is declared.
    assert_refused(
        &whole(r#""money": "a lot""#),
        "mapping.thing.money",
        "$.money",
    );
}

#[test]
fn a_patch_that_corrects_an_unreadable_value_clears_its_text() {
    let shop = shop();
    let mapping = shop.mapping_of_source("shop").unwrap();
    let changed = |born: &str| {
        let text = format!(r#"{{"id": "1", "type": "Part", "born": {born}}}"#);
        let event = Event::parse(&mapping.contract, text.as_bytes(), None).unwrap();
        let Ok(EvaluatedEvent::Rows(rows)) = mapping.evaluate(&event, &TEST_KEY) else {
            panic!("{text}");
        };
        rows[0].changed_columns.clone().unwrap()
    };
    assert_eq!(changed("\"1850-81-01\""), "born,born_raw");
    assert_eq!(changed("\"1850-08-01\""), "born,born_raw");
    assert_eq!(changed("null"), "born,born_raw");
}

#[test]
fn a_table_of_texts_gives_its_values_the_declared_types() {
    let csv = shop_with(&[("envelope: plain", "envelope: csv")]);
    let column = |members: &str, column: &str| {
        let (rows, _) = rows_of(&csv, whole(members).as_bytes()).unwrap();
        let mut cells = rows.into_iter().next().unwrap().1.into_iter();
        cells.find(|(name, _)| name == column).map(|(_, text)| text)
    };
    for (members, name, wanted) in [
        (r#""rent": "118.40""#, "rent", Some("11840")),
        (r#""rent": " 0118.4 ""#, "rent", Some("11840")),
        (r#""rent": """#, "rent", None),
        (r#""pages": "7.0""#, "pages", Some("7")),
        (r#""pages": "1e3""#, "pages", Some("1000")),
        (r#""is_open": "Y""#, "is_open", Some("true")),
        (r#""is_open": "FALSE""#, "is_open", Some("false")),
        (r#""width": "12.5""#, "width", Some("12.5")),
    ] {
        assert_eq!(column(members, name).as_deref(), wanted, "{members}");
    }
    for (members, rule, path) in [
        (r#""pages": "7.5""#, "contract.type", "$.pages"),
        (r#""rent": "NaN""#, "mapping.thing.rent", "$.rent"),
        (r#""rent": "£5""#, "mapping.thing.rent", "$.rent"),
        (r#""rent": "1,000""#, "mapping.thing.rent", "$.rent"),
        (
            r#""is_open": "perhaps""#,
            "mapping.thing.is_open",
            "$.is_open",
        ),
    ] {
        let fault = rows_of(&csv, whole(members).as_bytes()).unwrap_err();
        assert_eq!(
            (fault.rule.as_str(), fault.path.as_str()),
            (rule, path),
            "{members}"
        );
    }
}

//! What is read exactly, noted or refused of JSON.

use serde_json::json;

use super::*;
use crate::number::number_text;

fn fault_of(text: &str) -> (String, String) {
    let fault = parse_document(text.as_bytes()).unwrap().fault.unwrap();
    (fault.rule, fault.path)
}

fn syntax_reason(bytes: &[u8]) -> String {
    let fault = parse_document(bytes).unwrap_err();
    assert_eq!(fault.rule, "event.json");
    fault.reason
}

#[test]
fn a_nesting_bomb_is_seen_and_brackets_in_text_are_not_counted() {
    let bomb = "[".repeat(100_000);
    assert!(depth_exceeds(bomb.as_bytes(), 64));
    let text = format!("{{\"a\":\"{}\\\"[[\"}}", "[".repeat(200));
    assert!(!depth_exceeds(text.as_bytes(), 64));
}

#[test]
fn a_document_is_read_as_serde_reads_it() {
    let text = r#"{"a":[1,-2,3.5,null,true,"x\ny"],"b":{"c":{}},"d":18446744073709551615}"#;
    let read = read_json(text.as_bytes()).unwrap();
    assert_eq!(read, serde_json::from_str::<Value>(text).unwrap());
    assert_eq!(render_json(&read), text);
}

#[test]
fn numbers_beyond_doubles_keep_their_digits() {
    for (text, wanted) in [
        ("1e-400", format!("0.{}1", "0".repeat(399))),
        ("-1e399", format!("-1{}", "0".repeat(399))),
        ("1.5e30", format!("15{}", "0".repeat(29))),
        ("0.0", "0".to_owned()),
        ("-0", "0".to_owned()),
        ("0.30000000000000004", "0.30000000000000004".to_owned()),
    ] {
        let document = format!("{{\"e-mail\":\"x\",\"n\":{text}}}");
        let read = read_json(document.as_bytes()).unwrap();
        assert_eq!(number_text(&read["n"]).unwrap(), wanted, "{text}");
    }
    let (rule, path) = fault_of(r#"{"a":{"b":[1e401]}}"#);
    assert_eq!((rule.as_str(), path.as_str()), ("event.number", "$.a.b[*]"));
    assert_eq!(
        fault_of(r#"{"n":1e999999999999999999999}"#).0,
        "event.number"
    );
}

#[test]
fn nul_is_found_in_values_and_names_and_cannot_forge_a_number() {
    for (text, path) in [
        (r#"{"a":{"b":["x\u0000"]}}"#, "$.a.b[*]"),
        (r#"{"a":{"\u0000x":1}}"#, "$.a.(unprintable)"),
        (r#"{"a":{"\u0000number":"7"}}"#, "$.a.(unprintable)"),
        (
            r#"{"a":{"\u0000number":"7"},"b":89441100000000000011}"#,
            "$.a.(unprintable)",
        ),
    ] {
        let (rule, found) = fault_of(text);
        assert_eq!(
            (rule.as_str(), found.as_str()),
            ("event.nul", path),
            "{text}"
        );
    }
    let escaped = parse_document(br#"{"a":"\\u0000"}"#).unwrap();
    assert_eq!(escaped.fault, None);
    assert_eq!(escaped.value, json!({"a": "\\u0000"}));
}

#[test]
fn members_of_one_name_are_counted_and_the_last_one_holds() {
    let document = parse_document(
        br#"{"a":1,"b":[{"c":1,"c":2},{"c":3,"c":3,"c":4}],"a":2,"d":89441100000000000011}"#,
    )
    .unwrap();
    assert_eq!(document.value["a"], 2);
    assert_eq!(document.value["b"][1]["c"], 4);
    let counts = [("$.a".to_owned(), 1), ("$.b[*].c".to_owned(), 3)];
    assert_eq!(document.duplicates, BTreeMap::from(counts));
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    assert!(syntax_reason(b"\xef\xbb\xbf{}").contains("byte order mark"));
    assert_eq!(syntax_reason(b"{\"a\":\"\xff\"}"), "not UTF-8: byte 7");
    assert!(syntax_reason(br#"{"a":"\ud800"}"#).contains("line 1, column "));
    assert_eq!(syntax_reason(b"{\"a\":01}"), "not JSON: line 1, column 7");
    assert!(syntax_reason(b"{\"a\":NaN}").contains("line 1, column 6"));
    // The place is that in the event, not in the text with rewritten numbers.
    assert_eq!(
        syntax_reason(b"[89441100000000000011,x]"),
        "not JSON: line 1, column 23"
    );
}

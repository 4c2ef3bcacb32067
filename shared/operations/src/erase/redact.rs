//! Redacts the mention of a person in a JSON value that is about another subject.

use contract::number_text;
use serde_json::Value;

/// The outcome of a redaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redaction {
    /// The value holds no mention, and is as it was.
    Clear,
    /// The mention is removed.
    Done,
    /// The mention is the value's own: only the full value could be removed, and nothing was.
    Whole,
}

/// Removes from `value` every smallest object that holds `term` in a text, a number or a member's
/// name: an element of a list is removed, another object becomes null. Where an inner object can be
/// removed alone, the object around it stays.
///
/// ```
/// use operations::erase::{Redaction, redact};
///
/// let members = serde_json::json!([{"id": "robin-17"}, {"id": "kim-18"}]);
/// let mut value = serde_json::json!({"members": members, "rent": 5});
/// assert_eq!(redact(&mut value, "robin-17"), Redaction::Done);
/// assert_eq!(value, serde_json::json!({"members": [{"id": "kim-18"}], "rent": 5}));
/// ```
pub fn redact(value: &mut Value, term: &str) -> Redaction {
    let mut redacted = value.clone();
    let mut removed = false;
    if strip_mentions(&mut redacted, term, &mut removed) {
        return Redaction::Whole;
    }
    if !removed {
        return Redaction::Clear;
    }
    *value = redacted;
    Redaction::Done
}

/// Removes every object within the value that can be removed; says whether the value itself still
/// holds the term.
fn strip_mentions(value: &mut Value, term: &str, removed: &mut bool) -> bool {
    if let Some(digits) = number_text(value) {
        return digits.contains(term);
    }
    match value {
        Value::String(text) => text.contains(term),
        Value::Array(items) => strip_list_mentions(items, term, removed),
        Value::Object(members) => {
            let mut still_held = false;
            for (name, member) in members.iter_mut() {
                let holds_term = strip_mentions(member, term, removed);
                if holds_term && is_object(member) && !name.contains(term) {
                    *member = Value::Null;
                    *removed = true;
                } else {
                    still_held |= holds_term || name.contains(term);
                }
            }
            still_held
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether a value is an object: a number that 64 bits do not hold is none.
fn is_object(value: &Value) -> bool {
    value.is_object() && number_text(value).is_none()
}

/// The same for a list: says whether it holds the term outside its objects.
fn strip_list_mentions(items: &mut Vec<Value>, term: &str, removed: &mut bool) -> bool {
    let mut still_held = false;
    items.retain_mut(|item| {
        let holds_term = strip_mentions(item, term, removed);
        let is_removed = holds_term && is_object(item);
        *removed |= is_removed;
        still_held |= holds_term && !is_removed;
        !is_removed
    });
    still_held
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KEY: &str = "3c1d2e4f-5a6b";

    #[test]
    fn an_element_goes_and_an_object_of_its_own_becomes_null() {
        let mut value = json!({
            "members": [{"id": KEY, "name": {"first": "Robin"}}, {"id": "other"}],
            "main": {"tenant": {"id": KEY}, "since": 2},
            "rent": 1,
        });
        assert_eq!(redact(&mut value, KEY), Redaction::Done);
        let left =
            json!({"members": [{"id": "other"}], "main": {"tenant": null, "since": 2}, "rent": 1});
        assert_eq!(value, left);
    }

    #[test]
    fn a_list_of_ids_goes_with_the_object_around_it() {
        let mut value =
            json!({"household": {"ids": [KEY, "other"], "names": ["Robin", "Kim"]}, "rent": 1});
        assert_eq!(redact(&mut value, KEY), Redaction::Done);
        assert_eq!(value, json!({"household": null, "rent": 1}));
        let mut nested = json!({"pairs": [[{"id": KEY}, {"id": "a"}], [{"id": "b"}]]});
        assert_eq!(redact(&mut nested, KEY), Redaction::Done);
        assert_eq!(nested, json!({"pairs": [[{"id": "a"}], [{"id": "b"}]]}));
    }

    #[test]
    fn a_number_of_many_digits_goes_with_the_object_around_it() {
        let text = br#"{"payer":{"account":89441100000000000011,"name":"Robin"},"rent":1}"#;
        let mut value = contract::read_json(text).unwrap();
        assert_eq!(redact(&mut value, "89441100000000000011"), Redaction::Done);
        assert_eq!(value, json!({"payer": null, "rent": 1}));
    }

    #[test]
    fn what_is_its_own_is_left_whole() {
        for whole in [
            json!({"entity": KEY, "a": [{"id": KEY}]}),
            json!(KEY),
            json!([[KEY]]),
            json!({KEY: 1}),
        ] {
            let mut value = whole.clone();
            assert_eq!(redact(&mut value, KEY), Redaction::Whole);
            assert_eq!(value, whole);
        }
        let mut texts =
            json!({"a": {"urn": format!("urn:person:{KEY}")}, "b": {KEY: {"x": 1}}, "c": 1});
        assert_eq!(redact(&mut texts, KEY), Redaction::Done);
        assert_eq!(texts, json!({"a": null, "b": null, "c": 1}));
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            3 => "[a-z]{0,4}".prop_map(Value::from),
            1 => Just(json!(KEY)),
            1 => any::<i32>().prop_map(Value::from),
            1 => Just(Value::Null),
        ];
        let name = prop_oneof![9 => "[a-z]{1,3}", 1 => Just(KEY.to_owned())];
        leaf.prop_recursive(5, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(name.clone(), inner, 0..5)
                    .prop_map(|members| { Value::Object(members.into_iter().collect()) }),
            ]
        })
    }

    /// Every object in the value that does not hold the term, as text.
    fn innocent(value: &Value, found: &mut Vec<String>) {
        if value.is_object() && !value.to_string().contains(KEY) {
            found.push(value.to_string());
        }
        match value {
            Value::Array(items) => items.iter().for_each(|item| innocent(item, found)),
            Value::Object(members) => members.values().for_each(|member| innocent(member, found)),
            _ => {}
        }
    }

    proptest! {
        #[test]
        fn no_mention_is_left_and_nothing_else_is_touched(value in values()) {
            let mut redacted = json!({"whole": [value.clone()], "kept": {"a": [1]}});
            let before = redacted.clone();
            let outcome = redact(&mut redacted, KEY);
            let text = redacted.to_string();
            match outcome {
                Redaction::Clear => {
                    prop_assert!(!text.contains(KEY));
                    prop_assert_eq!(&redacted, &before);
                }
                Redaction::Done => prop_assert!(!text.contains(KEY)),
                Redaction::Whole => prop_assert_eq!(&redacted, &before),
            }
            prop_assert_eq!(&serde_json::from_str::<Value>(&text).unwrap(), &redacted);
            prop_assert_eq!(&redacted["kept"], &before["kept"]);
            // Doing it again finds nothing.
            if outcome == Redaction::Done {
                prop_assert_eq!(redact(&mut redacted, KEY), Redaction::Clear);
            }
        }

        #[test]
        fn siblings_of_a_list_stay(values in prop::collection::vec(values(), 1..6)) {
            let objects: Vec<Value> = values.into_iter().map(|value| json!({"v": value})).collect();
            let mut list = json!({"list": objects.clone()});
            prop_assert_ne!(redact(&mut list, KEY), Redaction::Whole);
            let clean = objects.iter().filter(|object| !object.to_string().contains(KEY));
            let (mut wanted, mut found) = (Vec::new(), Vec::new());
            clean.for_each(|object| innocent(object, &mut wanted));
            innocent(&list, &mut found);
            for object in wanted {
                prop_assert!(found.contains(&object) || list.to_string().contains(&object));
            }
        }
    }
}

//! Redacts the mention of a person in a JSON value that is about another subject.

use contract::number_text;
use serde_json::Value;

use super::mention_matcher::MentionMatcher;

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

/// How much goes with a mention.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MentionGrain {
    /// The smallest object around it: with a person's key go the name and address beside it.
    Object,
    /// The field alone: what stands beside it is about something else.
    Field,
}

/// Removes every mention from `value`.
///
/// Of the grain [`MentionGrain::Object`] this is every smallest object that holds a term in a text,
/// a number or a member's name: an element of a list is removed, another object becomes null. Where
/// an inner object can be removed alone, the object around it stays. Of the grain
/// [`MentionGrain::Field`] a text or number that holds a term becomes null, and an item of a list
/// is removed.
///
/// ```
/// use operations::erase::{MentionGrain, MentionMatcher, Redaction, redact};
/// use serde_json::json;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
/// let robin = MentionMatcher::of_terms(["robin-17"])?;
/// let event = json!({"members": [{"id": "ROBIN-17", "flat": 2}, {"id": "kim-18"}], "rent": 5});
///
/// let mut value = event.clone();
/// assert_eq!(redact(&mut value, &robin, MentionGrain::Object), Redaction::Done);
/// assert_eq!(value, json!({"members": [{"id": "kim-18"}], "rent": 5}));
///
/// let mut value = event;
/// assert_eq!(redact(&mut value, &robin, MentionGrain::Field), Redaction::Done);
/// assert_eq!(value, json!({"members": [{"id": null, "flat": 2}, {"id": "kim-18"}], "rent": 5}));
/// # Ok(())
/// # }
/// ```
pub fn redact(value: &mut Value, terms: &MentionMatcher, grain: MentionGrain) -> Redaction {
    let mut redacted = value.clone();
    let mut redactor = Redactor {
        terms,
        grain,
        removed: false,
    };
    if redactor.strip_mentions(&mut redacted) {
        return Redaction::Whole;
    }
    if !redactor.removed {
        return Redaction::Clear;
    }
    *value = redacted;
    Redaction::Done
}

/// Removes mentions from one value.
struct Redactor<'t> {
    terms: &'t MentionMatcher,
    grain: MentionGrain,
    removed: bool,
}

impl Redactor<'_> {
    /// Removes everything within the value that can be removed; says whether the value itself still
    /// holds a term.
    fn strip_mentions(&mut self, value: &mut Value) -> bool {
        if let Some(digits) = number_text(value) {
            return self.terms.is_in(digits.as_bytes());
        }
        match value {
            Value::String(text) => self.terms.is_in(text),
            Value::Array(items) => self.strip_list_mentions(items),
            Value::Object(members) => {
                let mut still_held = false;
                for (name, member) in members.iter_mut() {
                    still_held |= self.strip_member_mentions(name, member);
                }
                still_held
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// The same for a member of an object.
    fn strip_member_mentions(&mut self, name: &str, member: &mut Value) -> bool {
        let holds_term = self.strip_mentions(member);
        if self.terms.is_in(name) {
            return true;
        }
        if holds_term && self.is_removable(member) {
            *member = Value::Null;
            self.removed = true;
            return false;
        }
        holds_term
    }

    /// The same for a list: says whether it holds a term outside of what can be removed.
    fn strip_list_mentions(&mut self, items: &mut Vec<Value>) -> bool {
        let mut still_held = false;
        items.retain_mut(|item| {
            let holds_term = self.strip_mentions(item);
            let is_removed = holds_term && self.is_removable(item);
            self.removed |= is_removed;
            still_held |= holds_term && !is_removed;
            !is_removed
        });
        still_held
    }

    /// Whether a value that holds a term goes as one.
    fn is_removable(&self, value: &Value) -> bool {
        match self.grain {
            // A number that 64 bits do not hold is no object.
            MentionGrain::Object => value.is_object() && number_text(value).is_none(),
            // An object that still holds a term has it as a member's name.
            MentionGrain::Field => !value.is_array(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const KEY: &str = "3c1d2e4f-5a6b";

    fn redact_by(value: &mut Value, grain: MentionGrain) -> Redaction {
        redact(value, &MentionMatcher::of_terms([KEY]).unwrap(), grain)
    }

    fn redact_objects(value: &mut Value) -> Redaction {
        redact_by(value, MentionGrain::Object)
    }

    #[test]
    fn of_a_field_nothing_beside_it_goes() {
        let mut value = json!({
            "reportedBy": KEY.to_uppercase(), "repair": "tap", "seen": [KEY, "other"],
            "visit": {KEY: 1, "at": 2},
        });
        assert_eq!(redact_by(&mut value, MentionGrain::Field), Redaction::Done);
        let left = json!({"reportedBy": null, "repair": "tap", "seen": ["other"], "visit": null});
        assert_eq!(value, left);
    }

    #[test]
    fn a_name_at_the_top_is_left_whole_in_either_grain() {
        for grain in [MentionGrain::Field, MentionGrain::Object] {
            let mut value = json!({KEY: 1});
            assert_eq!(redact_by(&mut value, grain), Redaction::Whole);
        }
    }

    #[test]
    fn an_element_goes_and_an_object_of_its_own_becomes_null() {
        let mut value = json!({
            "members": [{"id": KEY, "name": {"first": "Robin"}}, {"id": "other"}],
            "main": {"tenant": {"id": KEY}, "since": 2},
            "rent": 1,
        });
        assert_eq!(redact_objects(&mut value), Redaction::Done);
        let left =
            json!({"members": [{"id": "other"}], "main": {"tenant": null, "since": 2}, "rent": 1});
        assert_eq!(value, left);
    }

    #[test]
    fn a_list_of_ids_goes_with_the_object_around_it() {
        let mut value =
            json!({"household": {"ids": [KEY, "other"], "names": ["Robin", "Kim"]}, "rent": 1});
        assert_eq!(redact_objects(&mut value), Redaction::Done);
        assert_eq!(value, json!({"household": null, "rent": 1}));
        let mut nested = json!({"pairs": [[{"id": KEY}, {"id": "a"}], [{"id": "b"}]]});
        assert_eq!(redact_objects(&mut nested), Redaction::Done);
        assert_eq!(nested, json!({"pairs": [[{"id": "a"}], [{"id": "b"}]]}));
    }

    #[test]
    fn a_number_of_many_digits_goes_with_the_object_around_it() {
        let text = br#"{"payer":{"account":89441100000000000011,"name":"Robin"},"rent":1}"#;
        let mut value = contract::read_json(text).unwrap();
        let account = MentionMatcher::of_terms(["89441100000000000011"]).unwrap();
        let outcome = redact(&mut value, &account, MentionGrain::Object);
        assert_eq!(outcome, Redaction::Done);
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
            assert_eq!(redact_objects(&mut value), Redaction::Whole);
            assert_eq!(value, whole);
        }
        let mut texts =
            json!({"a": {"urn": format!("urn:person:{KEY}")}, "b": {KEY: {"x": 1}}, "c": 1});
        assert_eq!(redact_objects(&mut texts), Redaction::Done);
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
            let outcome = redact_objects(&mut redacted);
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
                prop_assert_eq!(redact_objects(&mut redacted), Redaction::Clear);
            }
        }

        #[test]
        fn siblings_of_a_list_stay(values in prop::collection::vec(values(), 1..6)) {
            let objects: Vec<Value> = values.into_iter().map(|value| json!({"v": value})).collect();
            let mut list = json!({"list": objects.clone()});
            prop_assert_ne!(redact_objects(&mut list), Redaction::Whole);
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

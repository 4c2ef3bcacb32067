//! Statements: what one event says of its record, reduced to what the mapping reads. A record is
//! resolved by applying its statements, in their precedence, to one JSON document.

use serde_json::{Map, Value, json};

use crate::fault::EventFault;
use crate::json::{append_json, read_written_json, render_json};
use crate::number::exact_digits;

/// What an event says of its record, reduced to the paths of the mapping.
///
/// It is written as an object: `k` is the event's type, `e` what the mapping reads of the event
/// around its record, `b` of the record itself, and `u` is there where the event states no time.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// The event's type.
    pub kind: String,
    /// Whether the event states its time itself.
    pub is_time_stated: bool,
    /// What the mapping reads of the whole event.
    pub event: Value,
    /// What the mapping reads of the record.
    pub body: Value,
}

impl Statement {
    /// The text that a column holds.
    #[must_use]
    pub fn to_text(&self) -> String {
        let kind = (self.kind.as_str(), self.is_time_stated);
        render_statement(kind, &render_json(&self.event), |out| {
            append_json(&self.body, out);
        })
    }

    /// Reads the text of a column.
    ///
    /// # Errors
    /// When it is another text: the file is damaged.
    pub fn parse(text: &str) -> Result<Self, EventFault> {
        let mut document = read_written_json(text.as_bytes())?;
        let mut take = |name: &str| document.get_mut(name).map(Value::take);
        let body = take("b").ok_or_else(|| statement_fault("it holds no record"))?;
        let kind = match take("k") {
            Some(Value::String(kind)) => kind,
            _ => return Err(statement_fault("it names no event type")),
        };
        Ok(Self {
            kind,
            is_time_stated: take("u").is_none(),
            event: take("e").unwrap_or_else(|| json!({})),
            body,
        })
    }
}

/// What an event states as a column holds it: of its type and of whether it states its time, of the
/// JSON of what is read of the event, and of the record, which `append_body` writes.
pub(crate) fn render_statement(
    (kind, is_time_stated): (&str, bool),
    event: &str,
    append_body: impl FnOnce(&mut String),
) -> String {
    let mut text = String::from("{\"b\":");
    append_body(&mut text);
    if event != "{}" {
        text.push_str(",\"e\":");
        text.push_str(event);
    }
    text.push_str(",\"k\":");
    append_json(&kind.into(), &mut text);
    if !is_time_stated {
        text.push_str(",\"u\":true");
    }
    text.push('}');
    text
}

fn statement_fault(reason: &str) -> EventFault {
    EventFault::new("statement", "$", reason)
}

/// Whether a value is an object whose members can be changed one by one. A number that 64 bits do
/// not hold is a scalar, though it is held as an object.
fn is_object(value: &Value) -> bool {
    value.is_object() && exact_digits(value).is_none()
}

/// Applies a patch: objects are merged member by member, everything else is replaced, and what the
/// patch does not hold stays.
///
/// ```
/// use serde_json::json;
///
/// let mut record = json!({"name": {"first": "Kim", "last": "Lee"}, "flats": [1, 2]});
/// contract::apply_patch(&mut record, &json!({"name": {"first": null}, "flats": [3]}));
/// assert_eq!(record, json!({"name": {"first": null, "last": "Lee"}, "flats": [3]}));
/// ```
pub fn apply_patch(record: &mut Value, patch: &Value) {
    if !is_object(patch) {
        record.clone_from(patch);
        return;
    }
    if !is_object(record) {
        *record = json!({});
    }
    if let (Some(members), Some(changes)) = (record.as_object_mut(), patch.as_object()) {
        for (name, change) in changes {
            apply_patch(members.entry(name.as_str()).or_insert(Value::Null), change);
        }
    }
}

/// What is left of a patch beside a later one: the parts that the later one replaces say nothing
/// any more, whatever comes between the two. None when nothing is left.
#[must_use]
pub fn uncovered_patch(patch: &Value, later: &Value) -> Option<Value> {
    if !is_object(later) {
        return None;
    }
    let (true, Some(members), Some(covers)) =
        (is_object(patch), patch.as_object(), later.as_object())
    else {
        return Some(patch.clone());
    };

    let mut left = Map::new();
    for (name, member) in members {
        let uncovered = match covers.get(name) {
            Some(cover) => uncovered_patch(member, cover),
            None => Some(member.clone()),
        };
        if let Some(uncovered) = uncovered {
            left.insert(name.clone(), uncovered);
        }
    }
    (!left.is_empty()).then_some(Value::Object(left))
}

/// Joins what two patches replace: the later of them may be any of the two.
pub fn join_covers(cover: &mut Value, patch: &Value) {
    if !is_object(cover) {
        return;
    }
    let Some(changes) = patch.as_object().filter(|_| is_object(patch)) else {
        *cover = Value::Null;
        return;
    };
    if let Some(members) = cover.as_object_mut() {
        for (name, change) in changes {
            match members.get_mut(name) {
                Some(member) => join_covers(member, change),
                None => {
                    members.insert(name.clone(), change.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_statement_keeps_every_digit() {
        let statement = Statement {
            kind: "Changed".into(),
            is_time_stated: false,
            event: json!({}),
            body: read_written_json(b"{\"n\":12345678901234567890.123,\"t\":\"a\\\"b\"}").unwrap(),
        };
        let text = statement.to_text();
        assert!(text.contains("12345678901234567890.123"), "{text}");
        assert_eq!(Statement::parse(&text).unwrap(), statement);
    }

    #[test]
    fn texts_that_are_no_statement_are_refused() {
        for text in ["", "{}", "[]", "{\"b\":{}}", "{\"k\":1,\"b\":{}}"] {
            assert!(Statement::parse(text).is_err(), "{text}");
        }
    }

    /// Small documents, so that members of the same name meet.
    fn any_value() -> impl Strategy<Value = Value> {
        let scalar = prop_oneof![
            Just(Value::Null),
            (0..4i64).prop_map(Value::from),
            Just(json!([1, {"a": 2}])),
        ];
        scalar.prop_recursive(3, 12, 3, |inner| {
            proptest::collection::btree_map("[abc]", inner, 0..3)
                .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into())
        })
    }

    fn any_patch() -> impl Strategy<Value = Value> {
        proptest::collection::btree_map("[abc]", any_value(), 0..3)
            .prop_map(|members| members.into_iter().collect::<Map<_, _>>().into())
    }

    fn apply_all<'p>(record: &Value, patches: impl IntoIterator<Item = &'p Value>) -> Value {
        let mut record = record.clone();
        for patch in patches {
            apply_patch(&mut record, patch);
        }
        record
    }

    proptest! {
        #[test]
        fn what_a_later_patch_covers_makes_no_difference(
            record in any_value(),
            patch in any_patch(),
            between in any_patch(),
            later in any_patch(),
        ) {
            let uncovered = uncovered_patch(&patch, &later).unwrap_or_else(|| json!({}));
            prop_assert_eq!(
                apply_all(&record, [&patch, &between, &later]),
                apply_all(&record, [&uncovered, &between, &later])
            );
        }

        #[test]
        fn joined_covers_cover_what_each_of_them_covers(
            record in any_value(),
            patch in any_patch(),
            first in any_patch(),
            second in any_patch(),
        ) {
            let mut cover = second.clone();
            join_covers(&mut cover, &first);
            let uncovered = uncovered_patch(&patch, &cover).unwrap_or_else(|| json!({}));
            prop_assert_eq!(
                apply_all(&record, [&patch, &first, &second]),
                apply_all(&record, [&uncovered, &first, &second])
            );
        }
    }
}

//! The leniency that a contract declares: a single item becomes a list, and the text of JSON what it
//! says. What cannot be read so stays as it is, and is refused with its path by the check of types.

use serde_json::Value;

use super::DeclaredStructure;
use crate::json::{JsonDocument, parse_document};

impl DeclaredStructure {
    /// Whether the structure, or one within it, declares any leniency.
    pub(crate) fn has_leniency(&self) -> bool {
        match self {
            Self::Object(fields) => fields
                .iter()
                .any(|field| field.extension.changes_value() || field.structure.has_leniency()),
            Self::List(item) => item.has_leniency(),
            _ => false,
        }
    }

    /// Reads the fields of a value as the contract declares them. `document` takes what the texts of
    /// JSON within it show.
    pub(crate) fn decode_fields(&self, value: &mut Value, document: &mut JsonDocument) {
        match (self, value) {
            (Self::Object(fields), Value::Object(object)) => {
                for field in fields {
                    let Some(member) = object.get_mut(&field.name) else {
                        continue;
                    };
                    if field.extension.is_encoded() {
                        decode_text(member, document);
                    }
                    if field.extension.is_single_item() {
                        wrap_single_item(member);
                    }
                    field.structure.decode_fields(member, document);
                }
            }
            (Self::List(item), Value::Array(items)) => {
                for value in items {
                    item.decode_fields(value, document);
                }
            }
            _ => {}
        }
    }
}

/// What the text of JSON says; blank text is null.
fn decode_text(value: &mut Value, outer: &mut JsonDocument) {
    let Some(text) = value.as_str() else {
        return;
    };
    if text.trim().is_empty() {
        *value = Value::Null;
        return;
    }

    // A text that is no JSON stays a text, which the check of types refuses.
    if let Ok(inner) = parse_document(text.as_bytes()) {
        *value = inner.value;
        outer.fault = outer.fault.take().or(inner.fault);
        for (path, count) in inner.duplicates {
            *outer.duplicates.entry(path).or_default() += count;
        }
    }
}

fn wrap_single_item(value: &mut Value) {
    if !value.is_null() && !value.is_array() {
        *value = Value::Array(vec![value.take()]);
    }
}

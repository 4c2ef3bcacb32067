//! The leniency that a contract declares: a single item becomes a list, a text that is split
//! its items, the text of JSON what it says, and the text of a number the number. What cannot be
//! read so stays as it is, and is refused with its path by the check of types.

use serde_json::Value;

use super::DeclaredStructure;
use crate::fault::EventFault;
use crate::json::{JsonDocument, parse_document};
use crate::number::written_number;
use crate::walked_path::WalkedPath;

impl DeclaredStructure {
    /// Whether the structure, or one within it, declares any leniency.
    pub(crate) fn has_leniency(&self) -> bool {
        match self {
            Self::Object(fields) => fields.iter().any(|field| field.has_leniency),
            Self::List(item) => item.has_leniency(),
            Self::Value(scalar, _) => scalar.reads_number_text(),
            _ => false,
        }
    }

    /// Reads the fields of a value as the contract declares them. `document` takes what the texts
    /// of JSON within it show.
    pub(crate) fn decode_fields(&self, value: &mut Value, root: &str, document: &mut JsonDocument) {
        self.decode_value(value, &WalkedPath::root(root), document);
    }

    fn decode_value(&self, value: &mut Value, path: &WalkedPath<'_>, document: &mut JsonDocument) {
        match (self, value) {
            (Self::Object(fields), Value::Object(object)) => {
                for field in fields.iter().filter(|field| field.has_leniency) {
                    let Some(member) = object.get_mut(&field.name) else {
                        continue;
                    };
                    let path = path.child(&field.name);
                    if field.extension.is_encoded() {
                        decode_text(member, &path, document);
                    }
                    if let Some(separator) = &field.extension.split {
                        split_text(member, separator);
                    }
                    if field.extension.is_single_item() {
                        wrap_single_item(member);
                    }
                    field.structure.decode_value(member, &path, document);
                }
            }
            (Self::List(item), Value::Array(items)) => {
                let element = path.element();
                for value in items {
                    item.decode_value(value, &element, document);
                }
            }
            (Self::Value(scalar, _), value) if scalar.reads_number_text() => {
                let text = value.as_str().map(str::trim);
                if let Some(number) = text.and_then(written_number) {
                    *value = number;
                }
            }
            _ => {}
        }
    }
}

/// What the text of JSON says; blank text is null.
fn decode_text(value: &mut Value, path: &WalkedPath<'_>, outer: &mut JsonDocument) {
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
        let fault = inner.fault.map(|fault| EventFault {
            path: path.join(&fault.path),
            ..fault
        });
        outer.fault = outer.fault.take().or(fault);
        for (below, count) in inner.duplicates {
            *outer.duplicates.entry(path.join(&below)).or_default() += count;
        }
    }
}

/// A text as the list of what is between the separators; blank text is null.
fn split_text(value: &mut Value, separator: &str) {
    let Some(text) = value.as_str() else {
        return;
    };
    let items = text.split(separator).map(str::trim);
    let items: Vec<Value> = items
        .filter(|item| !item.is_empty())
        .map(Value::from)
        .collect();
    *value = match items.is_empty() {
        true => Value::Null,
        false => Value::Array(items),
    };
}

fn wrap_single_item(value: &mut Value) {
    if !value.is_null() && !value.is_array() {
        *value = Value::Array(vec![value.take()]);
    }
}

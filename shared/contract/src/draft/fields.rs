//! What the samples show of fields: names, types, nesting.

use std::fmt::Write;

use serde_json::{Map, Value};

use crate::number::number_text;
use crate::time::{parse_date, parse_timestamp};

/// What a field's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SampleFieldKind {
    Text,
    Date,
    Timestamp,
    Integer,
    Number,
    Boolean,
    Object,
    List,
}

/// A field of the samples.
#[derive(Clone, Debug)]
pub(super) struct SampleField {
    pub(super) name: String,
    pub(super) kind: SampleFieldKind,
    pub(super) inner: Vec<SampleField>,
    /// What the items of a list are that are no objects.
    item_kind: SampleFieldKind,
    /// How far the values differ from the kind, as the extension on a field says it.
    leniency: Option<String>,
    /// The same of the items of a list.
    item_leniency: Option<String>,
}

/// The fields of objects, in the order in which they first appear.
pub(super) fn collect_fields(objects: &[Value]) -> Vec<SampleField> {
    let mut names: Vec<&str> = Vec::new();
    for name in objects
        .iter()
        .filter_map(Value::as_object)
        .flat_map(Map::keys)
    {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    names
        .into_iter()
        .map(|name| collect_field(objects, name))
        .collect()
}

/// One field, as the objects that have a value for it show it.
fn collect_field(objects: &[Value], name: &str) -> SampleField {
    let values: Vec<&Value> = objects
        .iter()
        .filter_map(|object| object.get(name))
        .filter(|value| !value.is_null())
        .collect();
    let kind = guess_kind(&values);
    let leniency = guess_leniency(kind, &values);

    let nested: Vec<Value> = match kind {
        SampleFieldKind::Object => values.into_iter().cloned().collect(),
        SampleFieldKind::List => values.into_iter().flat_map(list_items).cloned().collect(),
        _ => Vec::new(),
    };
    let items: Vec<&Value> = nested.iter().collect();
    let item_kind = guess_kind(&items);
    SampleField {
        name: name.to_owned(),
        kind,
        item_kind,
        leniency,
        item_leniency: guess_leniency(item_kind, &items).filter(|_| kind == SampleFieldKind::List),
        inner: collect_fields(&nested),
    }
}

/// The items of a list; a value that is none is the only item.
fn list_items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) => items,
        single => std::slice::from_ref(single),
    }
}

/// What the samples send besides the guessed kind.
fn guess_leniency(kind: SampleFieldKind, values: &[&Value]) -> Option<String> {
    let has = |test: ValueTest| values.iter().any(|value| test(value));
    match kind {
        SampleFieldKind::List if !values.iter().all(|value| value.is_array()) => {
            Some("single-item: as-list".to_owned())
        }
        SampleFieldKind::Text => {
            let numbers = has(is_number).then_some("number");
            let booleans = has(Value::is_boolean).then_some("boolean");
            let accepted: Vec<&str> = numbers.into_iter().chain(booleans).collect();
            (!accepted.is_empty()).then(|| format!("accepts: [{}]", accepted.join(", ")))
        }
        _ => None,
    }
}

/// The narrowest kind that all values have; text where there are none. Lists beside single objects
/// are lists.
fn guess_kind(values: &[&Value]) -> SampleFieldKind {
    let has_list = values.iter().any(|value| value.is_array());
    if has_list
        && values
            .iter()
            .all(|value| value.is_array() || is_object(value))
    {
        return SampleFieldKind::List;
    }
    KIND_TESTS
        .iter()
        .find(|(_, fits)| !values.is_empty() && values.iter().all(|value| fits(value)))
        .map_or(SampleFieldKind::Text, |(kind, _)| *kind)
}

/// Whether a value is of a kind.
type ValueTest = fn(&Value) -> bool;

/// The kinds with their tests, the narrower before the wider: every integer is a number, and every
/// date a timestamp.
const KIND_TESTS: [(SampleFieldKind, ValueTest); 7] = [
    (SampleFieldKind::Object, is_object),
    (SampleFieldKind::List, Value::is_array),
    (SampleFieldKind::Boolean, Value::is_boolean),
    (SampleFieldKind::Integer, Value::is_i64),
    (SampleFieldKind::Number, is_number),
    (SampleFieldKind::Date, is_date),
    (SampleFieldKind::Timestamp, is_timestamp),
];

fn is_number(value: &Value) -> bool {
    number_text(value).is_some()
}

fn is_object(value: &Value) -> bool {
    value.is_object() && !is_number(value)
}

fn is_date(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.len() == 10 && parse_date(text).is_some())
}

fn is_timestamp(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| parse_timestamp(text).is_some())
}

/// Parts of field names that point to data of people.
const PERSONAL_NAME_PARTS: [&str; 22] = [
    "name",
    "birth",
    "dob",
    "death",
    "email",
    "phone",
    "mobile",
    "address",
    "postcode",
    "post_code",
    "nino",
    "insurance",
    "nationality",
    "gender",
    "ethnic",
    "title",
    "street",
    "passport",
    "person",
    "contact",
    "note",
    "age",
];

impl SampleFieldKind {
    /// The standard's type.
    fn logical_type(self) -> &'static str {
        match self {
            SampleFieldKind::Text => "string",
            SampleFieldKind::Date => "date",
            SampleFieldKind::Timestamp => "timestamp",
            SampleFieldKind::Integer => "integer",
            SampleFieldKind::Number => "number",
            SampleFieldKind::Boolean => "boolean",
            SampleFieldKind::Object => "object",
            SampleFieldKind::List => "array",
        }
    }
}

impl SampleField {
    /// The standard's type.
    fn logical_type(&self) -> &'static str {
        self.kind.logical_type()
    }

    /// Whether the field, or one within it, seems to hold data of people.
    fn is_personal(&self) -> bool {
        let name = to_snake_case(&self.name);
        let is_named_so = PERSONAL_NAME_PARTS.iter().any(|part| match *part {
            "age" => name == "age",
            part => name.contains(part),
        });
        is_named_so || self.inner.iter().any(Self::is_personal)
    }

    /// Drops the fields within those of these names: another object of the contract describes them.
    pub(super) fn clear_nested(&mut self, names: &[&str]) {
        if names.contains(&self.name.as_str()) {
            self.inner.clear();
        }
        self.inner
            .iter_mut()
            .for_each(|field| field.clear_nested(names));
    }

    /// Writes the field as a property of the contract: on one line, or on several where it has
    /// fields of its own.
    pub(super) fn write_property(&self, out: &mut String, indent: usize) {
        let pad = " ".repeat(indent);
        let members = self.property_members();
        if self.inner.is_empty() {
            let items = match self.kind {
                SampleFieldKind::List => {
                    let item_type = self.item_kind.logical_type();
                    let leniency = self.item_leniency.as_deref();
                    let extension = leniency.map(field_extension).unwrap_or_default();
                    format!(", items: {{logicalType: {item_type}{extension}}}")
                }
                _ => String::new(),
            };
            let _ = writeln!(out, "{pad}- {{{}{items}}}", members.join(", "));
            return;
        }

        for (index, member) in members.iter().enumerate() {
            let bullet = if index == 0 { "- " } else { "  " };
            let _ = writeln!(out, "{pad}{bullet}{member}");
        }
        self.write_nested(out, &pad);
    }

    /// The property's own members, as `name: value`.
    fn property_members(&self) -> Vec<String> {
        let classification = if self.is_personal() {
            "personal"
        } else {
            "internal"
        };
        let words = to_snake_case(&self.name).replace('_', " ");
        let mut members = vec![
            format!("name: {}", quote_yaml_name(&self.name)),
            format!("logicalType: {}", self.logical_type()),
            format!("classification: {classification}"),
            format!("description: '{}'", words.trim()),
        ];
        let leniency = self.leniency.as_deref().map(field_extension);
        members.extend(leniency.map(|extension| extension.trim_start_matches(", ").to_owned()));
        members
    }

    /// Writes the fields within an object, or within the items of a list.
    fn write_nested(&self, out: &mut String, pad: &str) {
        let indent = if self.kind == SampleFieldKind::List {
            let items = format!("{pad}  items:\n{pad}    logicalType: object\n");
            let _ = writeln!(out, "{items}{pad}    properties:");
            pad.len() + 6
        } else {
            let _ = writeln!(out, "{pad}  properties:");
            pad.len() + 4
        };
        self.inner
            .iter()
            .for_each(|field| field.write_property(out, indent));
    }

    /// Adds the paths of everything that is no object, below the path of the field's own object.
    pub(super) fn collect_leaves(&self, parent: &str, leaves: &mut Vec<(String, SampleFieldKind)>) {
        let path = append_step(parent, &self.name);
        match self.kind {
            SampleFieldKind::Object => self
                .inner
                .iter()
                .for_each(|field| field.collect_leaves(&path, leaves)),
            kind => leaves.push((path, kind)),
        }
    }
}

/// Our extension of a field, as a further member of its property.
fn field_extension(leniency: &str) -> String {
    format!(", customProperties: [{{property: polelake, value: {{{leniency}}}}}]")
}

/// A path with one more name.
pub(super) fn append_step(path: &str, name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let begins_plain = name.chars().next().is_some_and(|c| !c.is_ascii_digit());
    if is_plain && begins_plain {
        format!("{path}.{name}")
    } else {
        format!("{path}['{}']", name.replace('\'', "\\'"))
    }
}

/// A name as YAML takes it within braces.
fn quote_yaml_name(name: &str) -> String {
    let is_plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_number = name.parse::<f64>().is_ok();
    let is_keyword = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .contains(&name.to_lowercase().as_str());
    if is_plain && !is_number && !is_keyword {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "''"))
    }
}

/// `dateOfBirth` as `date_of_birth`.
pub(super) fn to_snake_case(name: &str) -> String {
    let mut separated = String::new();
    let mut before = '_';
    for c in name.chars() {
        let begins_word = c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit());
        if begins_word || !c.is_alphanumeric() {
            separated.push('_');
        }
        if c.is_alphanumeric() {
            separated.extend(c.to_lowercase());
        }
        before = c;
    }

    separated
        .split('_')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("_")
}

//! What the samples show of fields: names, types, nesting.

use std::fmt::Write;

use serde_json::Value;

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
}

/// The fields of objects, in the order in which they first appear.
pub(super) fn collect_fields(objects: &[Value]) -> Vec<SampleField> {
    let mut names: Vec<&String> = Vec::new();
    for object in objects.iter().filter_map(Value::as_object) {
        names.extend(
            object
                .keys()
                .filter(|name| !names.contains(name))
                .collect::<Vec<_>>(),
        );
    }
    let field = |name: &String| {
        let values: Vec<&Value> = objects
            .iter()
            .filter_map(|object| object.get(name))
            .filter(|v| !v.is_null())
            .collect();
        let kind = guess_kind(&values);
        let inner: Vec<Value> = match kind {
            SampleFieldKind::Object => values.into_iter().cloned().collect(),
            SampleFieldKind::List => values
                .into_iter()
                .filter_map(Value::as_array)
                .flatten()
                .cloned()
                .collect(),
            _ => Vec::new(),
        };
        SampleField {
            name: name.clone(),
            kind,
            inner: collect_fields(&inner),
        }
    };
    names.into_iter().map(field).collect()
}

fn guess_kind(values: &[&Value]) -> SampleFieldKind {
    let all =
        |test: fn(&Value) -> bool| !values.is_empty() && values.iter().all(|value| test(value));
    let text = |test: fn(&str) -> bool| {
        !values.is_empty() && values.iter().all(|value| value.as_str().is_some_and(test))
    };
    if all(Value::is_object) {
        SampleFieldKind::Object
    } else if all(Value::is_array) {
        SampleFieldKind::List
    } else if all(Value::is_boolean) {
        SampleFieldKind::Boolean
    } else if all(Value::is_i64) {
        SampleFieldKind::Integer
    } else if all(Value::is_number) {
        SampleFieldKind::Number
    } else if text(|text| text.len() == 10 && crate::parse_date(text).is_some()) {
        SampleFieldKind::Date
    } else if text(|text| crate::parse_timestamp(text).is_some()) {
        SampleFieldKind::Timestamp
    } else {
        SampleFieldKind::Text
    }
}

/// Parts of names that tell of people.
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

impl SampleField {
    fn logical_type(&self) -> &'static str {
        match self.kind {
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

    fn is_personal(&self) -> bool {
        let name = to_snake_case(&self.name);
        let told = PERSONAL_NAME_PARTS.iter().any(|part| match *part {
            "age" => name == "age",
            part => name.contains(part),
        });
        told || self.inner.iter().any(Self::is_personal)
    }

    /// Forgets what is within: it is described elsewhere.
    pub(super) fn clear_nested(&mut self, names: &[&str]) {
        if names.contains(&self.name.as_str()) {
            self.inner.clear();
        }
        self.inner
            .iter_mut()
            .for_each(|field| field.clear_nested(names));
    }

    /// Writes the field as a property of the contract.
    pub(super) fn write_property(&self, out: &mut String, indent: usize) {
        let pad = " ".repeat(indent);
        let classification = if self.is_personal() {
            "personal"
        } else {
            "internal"
        };
        let head = format!(
            "name: {}, logicalType: {}, classification: {classification}",
            quote_yaml_name(&self.name),
            self.logical_type()
        );
        let meaning = format!(
            "description: '{}'",
            to_snake_case(&self.name).replace('_', " ").trim()
        );
        if self.inner.is_empty() {
            let _ = match self.kind {
                SampleFieldKind::List => writeln!(
                    out,
                    "{pad}- {{{head}, {meaning}, items: {{logicalType: string}}}}"
                ),
                _ => writeln!(out, "{pad}- {{{head}, {meaning}}}"),
            };
            return;
        }
        for (place, part) in head.split(", ").chain([meaning.as_str()]).enumerate() {
            let _ = writeln!(out, "{pad}{}{part}", if place == 0 { "- " } else { "  " });
        }
        if self.kind == SampleFieldKind::List {
            let _ = writeln!(
                out,
                "{pad}  items:\n{pad}    logicalType: object\n{pad}    properties:"
            );
            self.inner
                .iter()
                .for_each(|field| field.write_property(out, indent + 6));
        } else {
            let _ = writeln!(out, "{pad}  properties:");
            self.inner
                .iter()
                .for_each(|field| field.write_property(out, indent + 4));
        }
    }

    /// The paths of everything that is no object.
    pub(super) fn collect_leaves(&self, below: &str, found: &mut Vec<(String, SampleFieldKind)>) {
        let path = append_step(below, &self.name);
        match self.kind {
            SampleFieldKind::Object => self
                .inner
                .iter()
                .for_each(|field| field.collect_leaves(&path, found)),
            kind => found.push((path, kind)),
        }
    }
}

/// A path with one more name.
pub(super) fn append_step(path: &str, name: &str) -> String {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let begins = name.chars().next().is_some_and(|c| !c.is_ascii_digit());
    if plain && begins {
        format!("{path}.{name}")
    } else {
        format!("{path}['{}']", name.replace('\'', "\\'"))
    }
}

/// A name as YAML takes it within braces.
fn quote_yaml_name(name: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || c == '_';
    let word = !name.is_empty() && name.chars().all(plain) && name.parse::<f64>().is_err();
    let keyword = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .contains(&name.to_lowercase().as_str());
    if word && !keyword {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', "''"))
    }
}

/// `dateOfBirth` as `date_of_birth`.
pub(super) fn to_snake_case(name: &str) -> String {
    let mut out = String::new();
    let mut before = '_';
    for c in name.chars() {
        let begins = c.is_uppercase() && (before.is_lowercase() || before.is_ascii_digit());
        if begins || !c.is_alphanumeric() {
            out.push('_');
        }
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        }
        before = c;
    }
    out.split('_')
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join("_")
}

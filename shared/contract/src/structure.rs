//! The declared structure of events and records: finds missing required fields, undeclared fields
//! and unlisted values.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::fault::EventFault;
use crate::odcs::Property;
use crate::path::{EventPath, PathStep};
use crate::problem::nearest_name_hint;

/// Paths of one kind that one raw object's receipt counts separately; further paths are counted
/// together.
const PATHS_MAX: usize = 64;

/// A run of so many digits in a name shows that the name holds data.
const DATA_DIGITS_MIN: usize = 4;

/// The longest name of a field, in bytes. A longer one is likely to hold data.
const NAME_BYTES_MAX: usize = 64;

/// An object with more undeclared members than this is a map of data: none of its members is named.
const UNDECLARED_MEMBERS_MAX: usize = 12;

/// The name under which further paths are counted.
const OTHER_PATHS: &str = "(others)";

/// What events hold beyond what the contract declares: counts by path, never a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContractFindings {
    /// Fields that the contract does not declare.
    pub undeclared: BTreeMap<String, u64>,
    /// Values that the contract's enumeration does not list.
    pub unlisted: BTreeMap<String, u64>,
}

/// What a value is declared to be.
#[derive(Clone, Debug)]
pub(crate) enum DeclaredStructure {
    /// Anything: its content is not checked.
    Opaque,
    /// An object with these fields, in the order of their names.
    Object(Vec<DeclaredField>),
    /// A list of such elements.
    List(Box<DeclaredStructure>),
    /// A text, number, boolean, date; one of these where any are listed.
    Value(Vec<Value>),
}

/// A declared field of an object.
#[derive(Clone, Debug)]
pub(crate) struct DeclaredField {
    name: String,
    required: bool,
    /// Whether this field or one below it is required. The check of a full record visits no other
    /// fields.
    has_required: bool,
    structure: DeclaredStructure,
}

impl DeclaredField {
    fn from_property(property: &Property) -> Self {
        let structure = DeclaredStructure::from_property(property);
        Self {
            name: property.name.clone(),
            required: property.required,
            has_required: property.required || structure.has_required(),
            structure,
        }
    }
}

/// The position of a walk through a value. Its text is built only when there is a finding.
struct WalkedPath<'t> {
    parent: Option<&'t WalkedPath<'t>>,
    name: &'t str,
}

impl<'t> WalkedPath<'t> {
    fn root(name: &'t str) -> Self {
        Self { parent: None, name }
    }

    fn child(&'t self, name: &'t str) -> WalkedPath<'t> {
        WalkedPath {
            parent: Some(self),
            name,
        }
    }

    fn element(&'t self) -> WalkedPath<'t> {
        self.child("[*]")
    }

    fn render_path(&self) -> String {
        let mut path = self.parent.map(WalkedPath::render_path).unwrap_or_default();
        if self.name.starts_with(['$', '[']) {
            path.push_str(self.name);
        } else {
            path.push('.');
            let printable = looks_like_name(self.name);
            path.push_str(if printable {
                self.name
            } else {
                "(unprintable)"
            });
        }
        path
    }

    fn count_path(&self, counts: &mut BTreeMap<String, u64>) {
        let path = self.render_path();
        let counted_alone = counts.len() < PATHS_MAX || counts.contains_key(&path);
        let name = if counted_alone {
            path
        } else {
            OTHER_PATHS.to_owned()
        };
        *counts.entry(name).or_default() += 1;
    }
}

/// Whether a field's name looks like one. A producer that makes names of data, such as e-mail
/// addresses or telephone numbers, must not bring them into a receipt.
fn looks_like_name(name: &str) -> bool {
    let has_data_digits = name
        .as_bytes()
        .windows(DATA_DIGITS_MIN)
        .any(|run| run.iter().all(u8::is_ascii_digit));

    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= NAME_BYTES_MAX
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.'))
        && !has_data_digits
}

impl DeclaredStructure {
    /// The structure that a list of properties declares.
    pub(crate) fn from_properties(properties: &[Property]) -> Self {
        let mut fields: Vec<DeclaredField> = properties
            .iter()
            .map(DeclaredField::from_property)
            .collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Self::Object(fields)
    }

    fn from_property(property: &Property) -> Self {
        match property.logical_type.as_deref() {
            Some("object" | "map") if property.properties.is_empty() => Self::Opaque,
            Some("object") => Self::from_properties(&property.properties),
            Some("array" | "vector") => match &property.items {
                Some(items) => Self::List(Box::new(Self::from_property(items))),
                None => Self::Opaque,
            },
            _ => {
                let listed = property
                    .enum_values
                    .iter()
                    .map(|listed| listed.value.clone());
                Self::Value(listed.collect())
            }
        }
    }

    /// Whether anything below is required.
    fn has_required(&self) -> bool {
        match self {
            Self::Object(fields) => fields.iter().any(|field| field.has_required),
            Self::List(item) => item.has_required(),
            Self::Opaque | Self::Value(_) => false,
        }
    }

    /// Counts what `value` holds beyond the declared structure. `root` is the path to it.
    pub(crate) fn count_findings(
        &self,
        value: &Value,
        root: &str,
        findings: &mut ContractFindings,
    ) {
        self.walk_value(value, &WalkedPath::root(root), findings);
    }

    fn walk_value(&self, value: &Value, path: &WalkedPath<'_>, findings: &mut ContractFindings) {
        match (self, value) {
            (Self::Opaque, _) | (_, Value::Null) => {}
            (Self::Object(fields), Value::Object(object)) => {
                walk_object(fields, object, path, findings);
            }
            (Self::List(structure), Value::Array(items)) => {
                let element = path.element();
                for item in items {
                    structure.walk_value(item, &element, findings);
                }
            }
            (Self::Value(_), Value::Object(_) | Value::Array(_))
            | (Self::Object(_) | Self::List(_), _) => {
                path.count_path(&mut findings.undeclared);
            }
            (Self::Value(listed), value) => {
                if !listed.is_empty() && !listed.contains(value) {
                    path.count_path(&mut findings.unlisted);
                }
            }
        }
    }

    /// Refuses a full record that lacks a required field; the fault names the first.
    pub(crate) fn check_complete(&self, value: &Value, root: &str) -> Result<(), EventFault> {
        match self.first_missing_path(value, &WalkedPath::root(root)) {
            None => Ok(()),
            Some(path) => {
                let reason = "the contract requires a value here";
                Err(EventFault::new("contract.required", &path, reason))
            }
        }
    }

    fn first_missing_path(&self, value: &Value, path: &WalkedPath<'_>) -> Option<String> {
        match (self, value) {
            (Self::Object(fields), Value::Object(object)) => fields
                .iter()
                .filter(|field| field.has_required)
                .find_map(|field| {
                    let member = path.child(&field.name);
                    match object.get(&field.name).filter(|value| !value.is_null()) {
                        Some(value) => field.structure.first_missing_path(value, &member),
                        None => field.required.then(|| member.render_path()),
                    }
                }),
            (Self::List(structure), Value::Array(items)) if structure.has_required() => {
                let element = path.element();
                items
                    .iter()
                    .find_map(|item| structure.first_missing_path(item, &element))
            }
            _ => None,
        }
    }

    /// The structure at a path, or what is wrong with the path. A path that only the library can
    /// follow is opaque.
    pub(crate) fn structure_at(&self, path: &EventPath) -> Result<&DeclaredStructure, String> {
        let (Some(steps), each_element) = path.plain_steps() else {
            return Ok(&DeclaredStructure::Opaque);
        };

        let mut structure = self;
        for step in steps {
            structure = structure.structure_of_step(step, path)?;
        }

        match structure {
            Self::List(item) if each_element => Ok(item),
            Self::Object(_) | Self::Value(_) if each_element => Err(format!(
                "the contract declares no list at `{}`",
                path.text()
            )),
            _ => Ok(structure),
        }
    }

    /// The structure one step further along `path`. Everything below an opaque value is opaque.
    fn structure_of_step(
        &self,
        step: &PathStep,
        path: &EventPath,
    ) -> Result<&DeclaredStructure, String> {
        match (step, self) {
            (_, Self::Opaque) => Ok(self),
            (PathStep::Name(name), Self::Object(fields)) => find_field(fields, name)
                .map(|field| &field.structure)
                .ok_or_else(|| {
                    let known = fields.iter().map(|field| field.name.as_str());
                    format!(
                        "the contract declares no field `{name}` for `{}`{}",
                        path.text(),
                        nearest_name_hint(name, known)
                    )
                }),
            (PathStep::Index(_) | PathStep::Where(..), Self::List(item)) => Ok(item),
            _ => Err(format!(
                "`{}` does not fit the structure that the contract declares",
                path.text()
            )),
        }
    }

    /// Adds the paths of opaque objects, which the lint reports.
    pub(crate) fn collect_opaque_paths(&self, path: &str, opaque: &mut Vec<String>) {
        match self {
            Self::Opaque => opaque.push(path.to_owned()),
            Self::Object(fields) => {
                for field in fields {
                    let member = format!("{path}.{}", field.name);
                    field.structure.collect_opaque_paths(&member, opaque);
                }
            }
            Self::List(item) => item.collect_opaque_paths(&format!("{path}[*]"), opaque),
            Self::Value(_) => {}
        }
    }
}

/// Counts the findings of an object's members. Members and fields are usually in the same order, so
/// the next field is mostly the one that is needed.
fn walk_object(
    fields: &[DeclaredField],
    object: &Map<String, Value>,
    path: &WalkedPath<'_>,
    findings: &mut ContractFindings,
) {
    let mut next = 0;
    let mut undeclared = Vec::new();
    for (name, value) in object {
        while fields.get(next).is_some_and(|field| field.name < *name) {
            next += 1;
        }
        let field = fields
            .get(next)
            .filter(|field| field.name == *name)
            .or_else(|| find_field(fields, name));
        match field {
            Some(field) => field
                .structure
                .walk_value(value, &path.child(name), findings),
            None => undeclared.push(name),
        }
    }

    let is_map_of_data = undeclared.len() > UNDECLARED_MEMBERS_MAX;
    for name in undeclared {
        let name = if is_map_of_data {
            "[(many names)]"
        } else {
            name
        };
        path.child(name).count_path(&mut findings.undeclared);
    }
}

fn find_field<'f>(fields: &'f [DeclaredField], name: &str) -> Option<&'f DeclaredField> {
    let index = fields
        .binary_search_by(|field| field.name.as_str().cmp(name))
        .ok()?;
    fields.get(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shape() -> DeclaredStructure {
        let properties: Vec<Property> = serde_json::from_value(json!([
            {"name": "id", "logicalType": "string", "required": true},
            {"name": "kind", "logicalType": "string", "enum": [{"value": "A"}, {"value": "B"}]},
            {"name": "free", "logicalType": "object"},
            {"name": "lines", "logicalType": "array", "items": {
                "logicalType": "object",
                "properties": [{"name": "amount", "logicalType": "number", "required": true}],
            }},
        ]))
        .unwrap();
        DeclaredStructure::from_properties(&properties)
    }

    fn found(value: &Value) -> ContractFindings {
        let mut findings = ContractFindings::default();
        shape().count_findings(value, "$", &mut findings);
        findings
    }

    #[test]
    fn what_is_not_declared_is_counted_by_path_and_what_is_opaque_is_not_looked_into() {
        let findings = found(&json!({
            "id": "1", "kind": "C", "colour": "red", "free": {"x": 1},
            "lines": [{"amount": 1, "unit": "kg"}, {"amount": 2, "unit": "kg"}, 7],
            "zoe@example.org": 1,
        }));
        let counts: Vec<(&str, u64)> = findings
            .undeclared
            .iter()
            .map(|(path, count)| (path.as_str(), *count))
            .collect();
        assert_eq!(
            counts,
            [
                ("$.(unprintable)", 1),
                ("$.colour", 1),
                ("$.lines[*]", 1),
                ("$.lines[*].unit", 2)
            ]
        );
        assert_eq!(
            findings.unlisted,
            BTreeMap::from([("$.kind".to_owned(), 1)])
        );
        assert_eq!(
            found(&json!({"id": "1", "kind": null, "lines": []})),
            ContractFindings::default()
        );
    }

    #[test]
    fn names_without_end_are_counted_together() {
        let mut findings = ContractFindings::default();
        for event in 0..200u8 {
            let letters = format!(
                "f{}{}",
                char::from(b'a' + event / 26),
                char::from(b'a' + event % 26)
            );
            shape().count_findings(&json!({letters: 1}), "$", &mut findings);
        }
        assert_eq!(findings.undeclared.len(), PATHS_MAX + 1);
        assert_eq!(findings.undeclared.values().sum::<u64>(), 200);
        // A map of data: its members' names are values of people.
        let people: serde_json::Map<String, Value> = (0..30u8)
            .map(|n| {
                (
                    format!("Sample{}", char::from(b'a' + n % 26)) + &"x".repeat(usize::from(n)),
                    json!(n),
                )
            })
            .collect();
        let findings = found(&Value::Object(people));
        assert_eq!(
            findings.undeclared,
            BTreeMap::from([("$[(many names)]".to_owned(), 30)])
        );
        let phones = found(&json!({"07700900123": 1, "QQ123456C": 1}));
        assert_eq!(
            phones.undeclared,
            BTreeMap::from([("$.(unprintable)".to_owned(), 2)])
        );
    }

    #[test]
    fn a_whole_record_has_what_is_required() {
        assert_eq!(shape().check_complete(&json!({"id": "1"}), "$"), Ok(()));
        assert_eq!(
            shape()
                .check_complete(&json!({"id": null}), "$")
                .unwrap_err()
                .path,
            "$.id"
        );
        let line = shape()
            .check_complete(&json!({"id": "1", "lines": [{}]}), "$")
            .unwrap_err();
        assert_eq!(
            (line.path.as_str(), line.rule.as_str()),
            ("$.lines[*].amount", "contract.required")
        );
    }

    #[test]
    fn paths_are_followed_into_the_shape() {
        let shape = shape();
        let at = |text: &str| {
            shape
                .structure_at(&EventPath::parse(text).unwrap())
                .map(|shape| matches!(shape, DeclaredStructure::Opaque))
        };
        assert_eq!(at("$.free.anything"), Ok(true));
        assert_eq!(at("$.lines[*]"), Ok(false));
        assert_eq!(at("$.lines[?@.amount == 'x'].amount"), Ok(false));
        assert!(
            at("$.kinds")
                .unwrap_err()
                .contains("nearest name is `kind`")
        );
        assert!(at("$.id[*]").unwrap_err().contains("no list"));
    }
}

//! The declared shape of events and records: what is required, what is listed, and what nobody declared.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::fault::EventFault;
use crate::odcs::Property;
use crate::path::{EventPath, PathStep};
use crate::problem::nearest_name_hint;

/// Paths of one kind that are told apart in one raw object's receipt; more of them are counted together.
const PATHS_MAX: usize = 64;

/// So many digits in a row are data and no name.
const DATA_DIGITS_MIN: usize = 4;

/// An object with more undeclared members than this is a map of data: none of its members is named.
const UNDECLARED_MEMBERS_MAX: usize = 12;

/// What the sum of further paths is called.
const OTHER_PATHS: &str = "(others)";

/// What was found in events beyond what the contract declares: counts by path, never a value.
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
    /// Anything: it is not looked into.
    Opaque,
    /// An object with these fields, in the order of their names.
    Object(Vec<DeclaredField>),
    /// A list of such elements.
    List(Box<DeclaredStructure>),
    /// A text, number, boolean, date; one of these where any are listed.
    Value(Vec<Value>),
}

#[derive(Clone, Debug)]
pub(crate) struct DeclaredField {
    name: String,
    required: bool,
    /// Whether anything is required here or below: a whole record is looked at there, and nowhere else.
    has_required: bool,
    structure: DeclaredStructure,
}

/// Where the walk is: rendered only when there is something to tell.
struct WalkedPath<'t> {
    parent: Option<&'t WalkedPath<'t>>,
    name: &'t str,
}

impl WalkedPath<'_> {
    fn render_path(&self) -> String {
        let mut path = self.parent.map(WalkedPath::render_path).unwrap_or_default();
        if self.name.starts_with(['$', '[']) {
            path.push_str(self.name);
        } else {
            path.push('.');
            path.push_str(if looks_like_name(self.name) {
                self.name
            } else {
                "(unprintable)"
            });
        }
        path
    }

    fn count_path(&self, counts: &mut BTreeMap<String, u64>) {
        let path = self.render_path();
        let told = counts.len() < PATHS_MAX || counts.contains_key(&path);
        *counts
            .entry(if told { path } else { OTHER_PATHS.to_owned() })
            .or_default() += 1;
    }
}

/// Whether a field's name looks like one. A producer that makes names of data, such as e-mail addresses or telephone
/// numbers, must not bring them into a receipt.
fn looks_like_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.');
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let digits = name
        .as_bytes()
        .windows(DATA_DIGITS_MIN)
        .any(|run| run.iter().all(u8::is_ascii_digit));
    begins && name.len() <= 64 && name.chars().all(plain) && !digits
}

impl DeclaredStructure {
    /// The shape that a list of properties declares.
    pub(crate) fn from_properties(properties: &[Property]) -> Self {
        let field = |property: &Property| {
            let (name, required) = (property.name.clone(), property.required);
            let shape = Self::from_property(property);
            DeclaredField {
                name,
                required,
                has_required: required || shape.has_required(),
                structure: shape,
            }
        };
        let mut fields: Vec<DeclaredField> = properties.iter().map(field).collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Self::Object(fields)
    }

    fn from_property(property: &Property) -> Self {
        match property.logical_type.as_deref() {
            Some("object" | "map") if property.properties.is_empty() => Self::Opaque,
            Some("object") => Self::from_properties(&property.properties),
            Some("array" | "vector") => property.items.as_ref().map_or(Self::Opaque, |items| {
                Self::List(Box::new(Self::from_property(items)))
            }),
            _ => Self::Value(
                property
                    .enum_values
                    .iter()
                    .map(|listed| listed.value.clone())
                    .collect(),
            ),
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

    /// Counts what `value` holds beyond the shape. `root` is the path to it.
    pub(crate) fn count_findings(
        &self,
        value: &Value,
        root: &str,
        findings: &mut ContractFindings,
    ) {
        self.walk_value(
            value,
            &WalkedPath {
                parent: None,
                name: root,
            },
            findings,
        );
    }

    fn walk_value(&self, value: &Value, trail: &WalkedPath<'_>, findings: &mut ContractFindings) {
        match (self, value) {
            (Self::Opaque, _) | (_, Value::Null) => {}
            (Self::Object(fields), Value::Object(object)) => {
                // Both are sorted by name as a rule, so that the next field is mostly the one that is asked for.
                let (mut next, mut strangers) = (0, Vec::new());
                for (name, value) in object {
                    while fields.get(next).is_some_and(|field| field.name < *name) {
                        next += 1;
                    }
                    let known = fields
                        .get(next)
                        .filter(|field| field.name == *name)
                        .or_else(|| find_field(fields, name));
                    match known {
                        Some(field) => {
                            field.structure.walk_value(
                                value,
                                &WalkedPath {
                                    parent: Some(trail),
                                    name,
                                },
                                findings,
                            );
                        }
                        None => strangers.push(name),
                    }
                }
                let many = strangers.len() > UNDECLARED_MEMBERS_MAX;
                for name in strangers {
                    let name = if many { "[(many names)]" } else { name };
                    WalkedPath {
                        parent: Some(trail),
                        name,
                    }
                    .count_path(&mut findings.undeclared);
                }
            }
            (Self::List(shape), Value::Array(items)) => {
                let trail = WalkedPath {
                    parent: Some(trail),
                    name: "[*]",
                };
                items
                    .iter()
                    .for_each(|item| shape.walk_value(item, &trail, findings));
            }
            (Self::Value(_), Value::Object(_) | Value::Array(_))
            | (Self::Object(_) | Self::List(_), _) => {
                trail.count_path(&mut findings.undeclared);
            }
            (Self::Value(listed), value) => {
                if !listed.is_empty() && !listed.contains(value) {
                    trail.count_path(&mut findings.unlisted);
                }
            }
        }
    }

    /// The first required field that a whole record lacks.
    pub(crate) fn check_complete(&self, value: &Value, root: &str) -> Result<(), EventFault> {
        self.first_missing_path(
            value,
            &WalkedPath {
                parent: None,
                name: root,
            },
        )
        .map_or(Ok(()), |path| {
            Err(EventFault::new(
                "contract.required",
                &path,
                "the contract requires a value here",
            ))
        })
    }

    fn first_missing_path(&self, value: &Value, trail: &WalkedPath<'_>) -> Option<String> {
        match (self, value) {
            (Self::Object(fields), Value::Object(object)) => {
                fields.iter().filter(|f| f.has_required).find_map(|field| {
                    let trail = WalkedPath {
                        parent: Some(trail),
                        name: &field.name,
                    };
                    match object.get(&field.name).filter(|value| !value.is_null()) {
                        Some(value) => field.structure.first_missing_path(value, &trail),
                        None => field.required.then(|| trail.render_path()),
                    }
                })
            }
            (Self::List(shape), Value::Array(items)) if shape.has_required() => {
                let trail = WalkedPath {
                    parent: Some(trail),
                    name: "[*]",
                };
                items
                    .iter()
                    .find_map(|item| shape.first_missing_path(item, &trail))
            }
            _ => None,
        }
    }

    /// The shape at a path, or what is wrong with the path. What cannot be told is opaque.
    pub(crate) fn structure_at(&self, path: &EventPath) -> Result<&DeclaredStructure, String> {
        let (Some(steps), each) = path.plain_steps() else {
            return Ok(&DeclaredStructure::Opaque);
        };
        let mut shape = self;
        for step in steps {
            shape = match (step, shape) {
                (_, Self::Opaque) => return Ok(&DeclaredStructure::Opaque),
                (PathStep::Name(name), Self::Object(fields)) => match find_field(fields, name) {
                    Some(field) => &field.structure,
                    None => {
                        let near =
                            nearest_name_hint(name, fields.iter().map(|field| field.name.as_str()));
                        return Err(format!(
                            "the contract declares no field `{name}` for `{}`{near}",
                            path.text()
                        ));
                    }
                },
                (PathStep::Index(_) | PathStep::Where(..), Self::List(item)) => item,
                _ => {
                    return Err(format!(
                        "`{}` does not fit the shape that the contract declares",
                        path.text()
                    ));
                }
            };
        }
        match (each, shape) {
            (false, shape) | (true, shape @ Self::Opaque) => Ok(shape),
            (true, Self::List(item)) => Ok(item),
            (true, _) => Err(format!(
                "the contract declares no list at `{}`",
                path.text()
            )),
        }
    }

    /// The paths of opaque objects, for the lint to tell.
    pub(crate) fn collect_opaque_paths(&self, path: &str, found: &mut Vec<String>) {
        match self {
            Self::Opaque => found.push(path.to_owned()),
            Self::Object(fields) => {
                fields.iter().for_each(|field| {
                    field
                        .structure
                        .collect_opaque_paths(&format!("{path}.{}", field.name), found)
                });
            }
            Self::List(item) => item.collect_opaque_paths(&format!("{path}[*]"), found),
            Self::Value(_) => {}
        }
    }
}

fn find_field<'f>(fields: &'f [DeclaredField], name: &str) -> Option<&'f DeclaredField> {
    fields
        .binary_search_by(|field| field.name.as_str().cmp(name))
        .ok()
        .map(|place| &fields[place])
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
            {"name": "lines", "logicalType": "array", "items": {"logicalType": "object", "properties": [
                {"name": "amount", "logicalType": "number", "required": true}
            ]}},
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
        let findings = found(
            &json!({"id": "1", "kind": "C", "colour": "red", "free": {"x": 1},
            "lines": [{"amount": 1, "unit": "kg"}, {"amount": 2, "unit": "kg"}, 7], "zoe@example.org": 1}),
        );
        let told: Vec<(&str, u64)> = findings
            .undeclared
            .iter()
            .map(|(path, count)| (path.as_str(), *count))
            .collect();
        assert_eq!(
            told,
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

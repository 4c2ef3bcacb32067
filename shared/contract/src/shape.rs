//! The declared shape of events and records: what is required, what is listed, and what nobody declared.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::evaluate::Fault;
use crate::fault::nearest;
use crate::odcs::Property;
use crate::path::{Path, Step};

/// Paths of one kind that are told apart in one raw object's receipt; more of them are counted together.
const PATHS_MAX: usize = 64;

/// So many digits in a row are data and no name.
const DIGITS_OF_DATA: usize = 4;

/// An object with more undeclared members than this is a map of data: none of its members is named.
const MEMBERS_MAX: usize = 12;

/// What the sum of further paths is called.
const OTHERS: &str = "(others)";

/// What was found in events beyond what the contract declares: counts by path, never a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Fields that the contract does not declare.
    pub undeclared: BTreeMap<String, u64>,
    /// Values that the contract's enumeration does not list.
    pub unlisted: BTreeMap<String, u64>,
}

/// What a value is declared to be.
#[derive(Clone, Debug)]
pub(crate) enum Shape {
    /// Anything: it is not looked into.
    Opaque,
    /// An object with these fields, in the order of their names.
    Object(Vec<Field>),
    /// A list of such elements.
    List(Box<Shape>),
    /// A text, number, boolean, date; one of these where any are listed.
    Value(Vec<Value>),
}

#[derive(Clone, Debug)]
pub(crate) struct Field {
    name: String,
    required: bool,
    /// Whether anything is required here or below: a whole record is looked at there, and nowhere else.
    demands: bool,
    shape: Shape,
}

/// Where the walk is: rendered only when there is something to tell.
struct Trail<'t> {
    parent: Option<&'t Trail<'t>>,
    name: &'t str,
}

impl Trail<'_> {
    fn render(&self) -> String {
        let mut path = self.parent.map(Trail::render).unwrap_or_default();
        if self.name.starts_with(['$', '[']) {
            path.push_str(self.name);
        } else {
            path.push('.');
            path.push_str(if looks_like_a_name(self.name) {
                self.name
            } else {
                "(unprintable)"
            });
        }
        path
    }

    fn count(&self, counts: &mut BTreeMap<String, u64>) {
        let path = self.render();
        let told = counts.len() < PATHS_MAX || counts.contains_key(&path);
        *counts
            .entry(if told { path } else { OTHERS.to_owned() })
            .or_default() += 1;
    }
}

/// Whether a field's name looks like one. A producer that makes names of data, such as e-mail addresses or telephone
/// numbers, must not bring them into a receipt.
fn looks_like_a_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.');
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let digits = name
        .as_bytes()
        .windows(DIGITS_OF_DATA)
        .any(|run| run.iter().all(u8::is_ascii_digit));
    begins && name.len() <= 64 && name.chars().all(plain) && !digits
}

impl Shape {
    /// The shape that a list of properties declares.
    pub(crate) fn of(properties: &[Property]) -> Self {
        let field = |property: &Property| {
            let (name, required) = (property.name.clone(), property.required);
            let shape = Self::of_property(property);
            Field {
                name,
                required,
                demands: required || shape.demands(),
                shape,
            }
        };
        let mut fields: Vec<Field> = properties.iter().map(field).collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        Self::Object(fields)
    }

    fn of_property(property: &Property) -> Self {
        match property.logical_type.as_deref() {
            Some("object" | "map") if property.properties.is_empty() => Self::Opaque,
            Some("object") => Self::of(&property.properties),
            Some("array" | "vector") => property.items.as_ref().map_or(Self::Opaque, |items| {
                Self::List(Box::new(Self::of_property(items)))
            }),
            _ => Self::Value(
                property
                    .listed
                    .iter()
                    .map(|listed| listed.value.clone())
                    .collect(),
            ),
        }
    }

    /// Whether anything below is required.
    fn demands(&self) -> bool {
        match self {
            Self::Object(fields) => fields.iter().any(|field| field.demands),
            Self::List(item) => item.demands(),
            Self::Opaque | Self::Value(_) => false,
        }
    }

    /// Counts what `value` holds beyond the shape. `root` is the path to it.
    pub(crate) fn observe(&self, value: &Value, root: &str, findings: &mut Findings) {
        self.walk(
            value,
            &Trail {
                parent: None,
                name: root,
            },
            findings,
        );
    }

    fn walk(&self, value: &Value, trail: &Trail<'_>, findings: &mut Findings) {
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
                        .or_else(|| find(fields, name));
                    match known {
                        Some(field) => {
                            field.shape.walk(
                                value,
                                &Trail {
                                    parent: Some(trail),
                                    name,
                                },
                                findings,
                            );
                        }
                        None => strangers.push(name),
                    }
                }
                let many = strangers.len() > MEMBERS_MAX;
                for name in strangers {
                    let name = if many { "[(many names)]" } else { name };
                    Trail {
                        parent: Some(trail),
                        name,
                    }
                    .count(&mut findings.undeclared);
                }
            }
            (Self::List(shape), Value::Array(items)) => {
                let trail = Trail {
                    parent: Some(trail),
                    name: "[*]",
                };
                items
                    .iter()
                    .for_each(|item| shape.walk(item, &trail, findings));
            }
            (Self::Value(_), Value::Object(_) | Value::Array(_))
            | (Self::Object(_) | Self::List(_), _) => {
                trail.count(&mut findings.undeclared);
            }
            (Self::Value(listed), value) => {
                if !listed.is_empty() && !listed.contains(value) {
                    trail.count(&mut findings.unlisted);
                }
            }
        }
    }

    /// The first required field that a whole record lacks.
    pub(crate) fn complete(&self, value: &Value, root: &str) -> Result<(), Fault> {
        self.missing(
            value,
            &Trail {
                parent: None,
                name: root,
            },
        )
        .map_or(Ok(()), |path| {
            Err(Fault::new(
                "contract.required",
                &path,
                "the contract requires a value here",
            ))
        })
    }

    fn missing(&self, value: &Value, trail: &Trail<'_>) -> Option<String> {
        match (self, value) {
            (Self::Object(fields), Value::Object(object)) => {
                fields.iter().filter(|f| f.demands).find_map(|field| {
                    let trail = Trail {
                        parent: Some(trail),
                        name: &field.name,
                    };
                    match object.get(&field.name).filter(|value| !value.is_null()) {
                        Some(value) => field.shape.missing(value, &trail),
                        None => field.required.then(|| trail.render()),
                    }
                })
            }
            (Self::List(shape), Value::Array(items)) if shape.demands() => {
                let trail = Trail {
                    parent: Some(trail),
                    name: "[*]",
                };
                items.iter().find_map(|item| shape.missing(item, &trail))
            }
            _ => None,
        }
    }

    /// The shape at a path, or what is wrong with the path. What cannot be told is opaque.
    pub(crate) fn at(&self, path: &Path) -> Result<&Shape, String> {
        let (Some(steps), each) = path.steps() else {
            return Ok(&Shape::Opaque);
        };
        let mut shape = self;
        for step in steps {
            shape = match (step, shape) {
                (_, Self::Opaque) => return Ok(&Shape::Opaque),
                (Step::Name(name), Self::Object(fields)) => match find(fields, name) {
                    Some(field) => &field.shape,
                    None => {
                        let near = nearest(name, fields.iter().map(|field| field.name.as_str()));
                        return Err(format!(
                            "the contract declares no field `{name}` for `{}`{near}",
                            path.text()
                        ));
                    }
                },
                (Step::Index(_) | Step::Where(..), Self::List(item)) => item,
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
    pub(crate) fn opaque_paths(&self, path: &str, found: &mut Vec<String>) {
        match self {
            Self::Opaque => found.push(path.to_owned()),
            Self::Object(fields) => {
                fields.iter().for_each(|field| {
                    field
                        .shape
                        .opaque_paths(&format!("{path}.{}", field.name), found)
                });
            }
            Self::List(item) => item.opaque_paths(&format!("{path}[*]"), found),
            Self::Value(_) => {}
        }
    }
}

fn find<'f>(fields: &'f [Field], name: &str) -> Option<&'f Field> {
    fields
        .binary_search_by(|field| field.name.as_str().cmp(name))
        .ok()
        .map(|place| &fields[place])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shape() -> Shape {
        let properties: Vec<Property> = serde_json::from_value(json!([
            {"name": "id", "logicalType": "string", "required": true},
            {"name": "kind", "logicalType": "string", "enum": [{"value": "A"}, {"value": "B"}]},
            {"name": "free", "logicalType": "object"},
            {"name": "lines", "logicalType": "array", "items": {"logicalType": "object", "properties": [
                {"name": "amount", "logicalType": "number", "required": true}
            ]}},
        ]))
        .unwrap();
        Shape::of(&properties)
    }

    fn found(value: &Value) -> Findings {
        let mut findings = Findings::default();
        shape().observe(value, "$", &mut findings);
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
            Findings::default()
        );
    }

    #[test]
    fn names_without_end_are_counted_together() {
        let mut findings = Findings::default();
        for event in 0..200u8 {
            let letters = format!(
                "f{}{}",
                char::from(b'a' + event / 26),
                char::from(b'a' + event % 26)
            );
            shape().observe(&json!({letters: 1}), "$", &mut findings);
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
        assert_eq!(shape().complete(&json!({"id": "1"}), "$"), Ok(()));
        assert_eq!(
            shape()
                .complete(&json!({"id": null}), "$")
                .unwrap_err()
                .path,
            "$.id"
        );
        let line = shape()
            .complete(&json!({"id": "1", "lines": [{}]}), "$")
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
                .at(&Path::parse(text).unwrap())
                .map(|shape| matches!(shape, Shape::Opaque))
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

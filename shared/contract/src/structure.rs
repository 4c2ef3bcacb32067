//! The declared structure of events and records: finds values of another type, missing required
//! fields, undeclared fields and unlisted values.

mod decode;
mod types;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use self::types::ScalarType;
use crate::fault::EventFault;
use crate::field_extension::FieldExtension;
use crate::number::{exact_digits, number_text};
use crate::odcs::Property;
use crate::path::{EventPath, PathStep};
use crate::problem::nearest_name_hint;
use crate::walked_path::WalkedPath;

/// An object with more undeclared members than this is a map of data: none of its members is named.
const UNDECLARED_MEMBERS_MAX: usize = 12;

/// What events hold beyond what the contract declares: counts by path, never a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContractFindings {
    /// Fields that the contract does not declare.
    pub undeclared: BTreeMap<String, u64>,
    /// Values that the contract's enumeration does not list.
    pub unlisted: BTreeMap<String, u64>,
    /// Members that their object has more than once. The last one holds.
    pub duplicates: BTreeMap<String, u64>,
    /// Values that their column could not read, and that the mapping declares as null and counted.
    pub unreadable: BTreeMap<String, u64>,
}

/// What a value is declared to be.
#[derive(Clone, Debug)]
pub(crate) enum DeclaredStructure {
    /// Anything: neither its type nor its content is checked.
    Opaque,
    /// An object whose fields are not declared.
    OpaqueObject,
    /// A list whose elements are not declared.
    OpaqueList,
    /// An object with these fields, in the order of their names.
    Object(Vec<DeclaredField>),
    /// A list of such elements.
    List(Box<DeclaredStructure>),
    /// A text, number, boolean, date; one of these where any are listed.
    Value(ScalarType, Vec<Value>),
}

/// A declared field of an object.
#[derive(Clone, Debug)]
pub(crate) struct DeclaredField {
    name: String,
    required: bool,
    /// Whether this field or one below it is required. The check of a full record visits no other
    /// fields.
    has_required: bool,
    extension: FieldExtension,
    /// Whether this field or one below it declares any leniency. Others are not read before the
    /// check of types.
    has_leniency: bool,
    structure: DeclaredStructure,
}

impl DeclaredField {
    fn from_property(property: &Property) -> Self {
        let structure = DeclaredStructure::from_property(property);
        let extension = property.polelake_extension().unwrap_or_default();
        Self {
            name: property.name.clone(),
            required: property.required,
            has_required: property.required || structure.has_required(),
            has_leniency: extension.changes_value() || structure.has_leniency(),
            extension,
            structure,
        }
    }
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
            Some("object" | "map") if property.properties.is_empty() => Self::OpaqueObject,
            Some("object") => Self::from_properties(&property.properties),
            Some("array" | "vector") => match &property.items {
                Some(items) => Self::List(Box::new(Self::from_property(items))),
                None => Self::OpaqueList,
            },
            _ => {
                let listed = property
                    .enum_values
                    .iter()
                    .map(|listed| listed.value.clone());
                Self::Value(ScalarType::from_property(property), listed.collect())
            }
        }
    }

    /// Whether nothing is declared of what is within a value.
    fn is_opaque(&self) -> bool {
        matches!(self, Self::Opaque | Self::OpaqueObject | Self::OpaqueList)
    }

    /// Whether anything below is required.
    fn has_required(&self) -> bool {
        match self {
            Self::Object(fields) => fields.iter().any(|field| field.has_required),
            Self::List(item) => item.has_required(),
            _ => false,
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
            (_, Value::Null) => {}
            _ if self.is_opaque() => {}
            (Self::Value(_, listed), value) if is_scalar(value) => {
                if !listed.is_empty() && !listed.iter().any(|known| is_same_scalar(known, value)) {
                    path.count_path(&mut findings.unlisted);
                }
            }
            (Self::Object(fields), Value::Object(object)) => {
                walk_object(fields, object, path, findings);
            }
            (Self::List(structure), Value::Array(items)) => {
                let element = path.element();
                for item in items {
                    structure.walk_value(item, &element, findings);
                }
            }
            _ => path.count_path(&mut findings.undeclared),
        }
    }

    /// Refuses a full record that lacks a required field; the fault names the first.
    pub(crate) fn check_complete(&self, value: &Value, root: &str) -> Result<(), EventFault> {
        self.check_required(value, root, true)
    }

    /// Refuses a patch that states a required field as null or blank.
    pub(crate) fn check_stated(&self, value: &Value, root: &str) -> Result<(), EventFault> {
        self.check_required(value, root, false)
    }

    fn check_required(&self, value: &Value, root: &str, complete: bool) -> Result<(), EventFault> {
        match self.first_missing_path(value, &WalkedPath::root(root), complete) {
            None => Ok(()),
            Some(path) => {
                let reason = "the contract requires a value here";
                Err(EventFault::new("contract.required", &path, reason))
            }
        }
    }

    /// The path of the first required field without a value; of a patch, of those that it states.
    fn first_missing_path(
        &self,
        value: &Value,
        path: &WalkedPath<'_>,
        complete: bool,
    ) -> Option<String> {
        match (self, value) {
            (Self::Object(fields), Value::Object(object)) => fields
                .iter()
                .filter(|field| field.has_required)
                .filter(|field| complete || object.contains_key(&field.name))
                .find_map(|field| {
                    let member = path.child(&field.name);
                    match object.get(&field.name).filter(|value| has_content(value)) {
                        Some(value) => field.structure.first_missing_path(value, &member, complete),
                        None => field.required.then(|| member.render_path()),
                    }
                }),
            // A patch states a list as a whole.
            (Self::List(structure), Value::Array(items)) if structure.has_required() => {
                let element = path.element();
                items
                    .iter()
                    .find_map(|item| structure.first_missing_path(item, &element, true))
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
            Self::OpaqueList if each_element => Ok(&DeclaredStructure::Opaque),
            Self::Object(_) | Self::Value(..) if each_element => Err(format!(
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
            (_, Self::Opaque | Self::OpaqueObject | Self::OpaqueList) => {
                Ok(&DeclaredStructure::Opaque)
            }
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

    /// Whether a number is declared and no text besides: no time of day or date is written so.
    pub(crate) fn is_only_number(&self) -> bool {
        matches!(self, Self::Value(scalar, _) if scalar.is_only_number())
    }

    /// Whether it is a number of which the text is read as the number.
    pub(crate) fn reads_number_text(&self) -> bool {
        matches!(self, Self::Value(scalar, _) if scalar.reads_number_text())
    }

    /// The fields of an object that a text, number or boolean can fill, and whether each is
    /// required.
    pub(crate) fn scalar_fields(&self) -> Vec<(String, bool)> {
        let Self::Object(fields) = self else {
            return Vec::new();
        };
        let scalars = fields.iter().filter(|field| {
            let is_scalar = matches!(field.structure, Self::Value(..) | Self::Opaque);
            is_scalar || field.extension.split.is_some()
        });
        scalars
            .map(|field| (field.name.clone(), field.required))
            .collect()
    }

    /// Refuses the name of a field that an object does not declare.
    pub(crate) fn check_field_name(&self, name: &str) -> Result<(), String> {
        match self {
            Self::Object(fields) if find_field(fields, name).is_none() => {
                let known = fields.iter().map(|field| field.name.as_str());
                let near = nearest_name_hint(name, known);
                Err(format!("the contract declares no field `{name}`{near}"))
            }
            _ => Ok(()),
        }
    }

    /// Adds the paths of opaque objects, which the lint reports.
    pub(crate) fn collect_opaque_paths(&self, path: &str, opaque: &mut Vec<String>) {
        match self {
            Self::Opaque | Self::OpaqueObject | Self::OpaqueList => opaque.push(path.to_owned()),
            Self::Object(fields) => {
                for field in fields {
                    let member = format!("{path}.{}", field.name);
                    field.structure.collect_opaque_paths(&member, opaque);
                }
            }
            Self::List(item) => item.collect_opaque_paths(&format!("{path}[*]"), opaque),
            Self::Value(..) => {}
        }
    }
}

/// Whether a value is a text, number or boolean.
fn is_scalar(value: &Value) -> bool {
    match value {
        Value::Object(_) => exact_digits(value).is_some(),
        Value::Array(_) => false,
        _ => true,
    }
}

/// Whether a value is the listed one: `7.0` is 7.
fn is_same_scalar(listed: &Value, value: &Value) -> bool {
    listed == value
        || number_text(listed)
            .is_some_and(|text| number_text(value).is_some_and(|other| text == other))
}

/// Whether a value is more than null or blank text.
fn has_content(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.trim().is_empty(),
        _ => true,
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
mod tests;

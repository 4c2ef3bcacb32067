//! Refuses values of another JSON type than the declared one: read as empty, they would give a row
//! of nulls and empty the record's sets.

use serde_json::{Map, Value};

use super::{DeclaredField, DeclaredStructure, find_field};
use crate::cell::boolean_of_text;
use crate::fault::EventFault;
use crate::field_extension::AcceptedType;
use crate::number::{exact_digits, exact_number, is_whole_number, number_of_text};
use crate::number_format::{COMMA_FORMAT, normalise_number};
use crate::odcs::Property;
use crate::walked_path::WalkedPath;

/// The JSON types that a text, number or boolean may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ScalarType {
    text: bool,
    number: bool,
    boolean: bool,
    /// Whether a number must be whole.
    whole: bool,
    /// Whether a number is declared, and a text at most accepted besides.
    is_numeric: bool,
    /// What messages call it.
    name: &'static str,
}

/// A field without a declared type, or with one that the standard does not know.
const ANY_SCALAR: ScalarType = ScalarType {
    text: true,
    number: true,
    boolean: true,
    whole: false,
    is_numeric: false,
    name: "a text, number or boolean",
};

/// No JSON type, to which the declared one is added.
const NO_SCALAR: ScalarType = ScalarType {
    text: false,
    number: false,
    boolean: false,
    whole: false,
    is_numeric: false,
    name: "",
};

impl ScalarType {
    /// The JSON types that a property declares: that of its logical type, and those that it accepts
    /// besides.
    pub(super) fn from_property(property: &Property) -> Self {
        let mut scalar = match property.logical_type.as_deref() {
            Some("string") => Self::text("a text"),
            Some("date") => Self::text("the text of a date"),
            Some("timestamp") => Self::text("the text of a timestamp"),
            Some("time") => Self::text("the text of a time"),
            Some("number") => Self::number("a number", false),
            Some("integer") => Self::number("a whole number", true),
            Some("boolean") => Self {
                boolean: true,
                name: "true or false",
                ..NO_SCALAR
            },
            _ => ANY_SCALAR,
        };

        let extension = property.polelake_extension().unwrap_or_default();
        for accepted in extension.accepts {
            match accepted {
                AcceptedType::String => scalar.text = true,
                AcceptedType::Number => scalar.number = true,
                AcceptedType::Boolean => scalar.boolean = true,
            }
        }
        scalar
    }

    fn text(name: &'static str) -> Self {
        Self {
            text: true,
            name,
            ..NO_SCALAR
        }
    }

    fn number(name: &'static str, whole: bool) -> Self {
        Self {
            number: true,
            whole,
            is_numeric: true,
            name,
            ..NO_SCALAR
        }
    }

    fn accepts(self, value: &Value) -> bool {
        match value {
            Value::String(_) => self.text,
            Value::Bool(_) => self.boolean,
            Value::Number(_) => self.number && (!self.whole || is_whole_number(value)),
            _ => {
                let is_number = exact_digits(value).is_some();
                is_number && self.number && (!self.whole || is_whole_number(value))
            }
        }
    }

    /// Whether texts of numbers and booleans are read as such: what holds texts only, such as a CSV
    /// file, says no more.
    fn reads_text(self) -> bool {
        !self.text && (self.number || self.boolean)
    }

    /// Whether a number is declared, and no text is accepted besides.
    pub(super) fn is_only_number(self) -> bool {
        self.is_numeric && !self.text
    }

    /// Whether the text of a number is read as the number, wherever it comes from: `"7.0"` and `7`
    /// are one key then.
    pub(super) fn reads_number_text(self) -> bool {
        self.is_numeric && self.text
    }
}

impl DeclaredStructure {
    /// Refuses a value that has another type than the declared one; the fault names the first.
    pub(crate) fn check_types(&self, value: &Value, root: &str) -> Result<(), EventFault> {
        self.check_value(value, &WalkedPath::root(root))
    }

    fn check_value(&self, value: &Value, path: &WalkedPath<'_>) -> Result<(), EventFault> {
        match (self, value) {
            (Self::Opaque, _) | (_, Value::Null) | (Self::OpaqueList, Value::Array(_)) => Ok(()),
            (Self::Value(scalar, _), _) if scalar.accepts(value) => Ok(()),
            (Self::Object(fields), Value::Object(object)) if exact_digits(value).is_none() => {
                check_members(fields, object, path)
            }
            (Self::OpaqueObject, Value::Object(_)) if exact_digits(value).is_none() => Ok(()),
            (Self::List(item), Value::Array(items)) => item.check_items(items, path),
            _ => Err(self.type_fault(value, path)),
        }
    }

    /// Refuses an item of another type, and a null: an item that is nothing is lost data.
    fn check_items(&self, items: &[Value], path: &WalkedPath<'_>) -> Result<(), EventFault> {
        let element = path.element();
        for item in items {
            if item.is_null() {
                return Err(self.type_fault(item, &element));
            }
            self.check_value(item, &element)?;
        }
        Ok(())
    }

    fn type_fault(&self, value: &Value, path: &WalkedPath<'_>) -> EventFault {
        let declared = match self {
            Self::Object(_) | Self::OpaqueObject => "an object",
            Self::List(_) | Self::OpaqueList => "a list",
            Self::Value(scalar, _) => scalar.name,
            Self::Opaque => "a value",
        };
        let found = json_type(value);
        let reason = format!("the contract declares {declared} here, the event holds {found}");
        EventFault::new("contract.type", &path.render_path(), &reason)
    }

    /// Lets every number, boolean and date be a text: rows of a table of texts have nothing else.
    pub(crate) fn accept_texts(&mut self) {
        match self {
            Self::Object(fields) => {
                for field in fields {
                    field.structure.accept_texts();
                    field.has_leniency =
                        field.extension.changes_value() || field.structure.has_leniency();
                }
            }
            Self::List(item) => item.accept_texts(),
            Self::Value(scalar, _) => scalar.text = true,
            Self::Opaque | Self::OpaqueObject | Self::OpaqueList => {}
        }
    }

    /// Gives the numbers of a record of texts a point where they have a comma.
    ///
    /// # Errors
    /// The field whose text is no such number: read as it is, 1.234 would be another one.
    pub(crate) fn point_commas(&self, value: &mut Value) -> Result<(), String> {
        let (Self::Object(fields), Value::Object(object)) = (self, value) else {
            return Ok(());
        };
        for field in fields {
            let is_number = matches!(&field.structure, Self::Value(scalar, _) if scalar.is_numeric);
            let Some(Value::String(text)) = object.get_mut(&field.name).filter(|_| is_number)
            else {
                continue;
            };
            *text = normalise_number(text, COMMA_FORMAT).ok_or_else(|| field.name.clone())?;
        }
        Ok(())
    }

    /// Gives the texts of a record of texts, such as a row of a CSV file, their declared types.
    /// A text that is no such number or boolean stays, and is refused with its path later.
    pub(crate) fn type_texts(&self, value: &mut Value) {
        match (self, value) {
            (Self::Object(fields), Value::Object(object)) => {
                for field in fields {
                    if let Some(member) = object.get_mut(&field.name) {
                        field.structure.type_texts(member);
                    }
                }
            }
            (Self::Value(scalar, _), value) if scalar.reads_text() => {
                if let Some(typed) = value.as_str().and_then(|text| typed_text(text, *scalar)) {
                    *value = typed;
                }
            }
            _ => {}
        }
    }
}

/// The number or boolean that a text is; none for every other text.
fn typed_text(text: &str, scalar: ScalarType) -> Option<Value> {
    let number = number_of_text(text.trim()).filter(|_| scalar.number);
    if let Some(number) = number {
        return exact_number(&number);
    }
    let word = boolean_of_text(text).filter(|_| scalar.boolean);
    word.map(Value::Bool)
}

/// Members and fields are mostly in the same order, so the next field is mostly the one that is
/// needed.
fn check_members(
    fields: &[DeclaredField],
    object: &Map<String, Value>,
    path: &WalkedPath<'_>,
) -> Result<(), EventFault> {
    let mut next = 0;
    for (name, value) in object {
        while fields.get(next).is_some_and(|field| field.name < *name) {
            next += 1;
        }
        let field = fields
            .get(next)
            .filter(|field| field.name == *name)
            .or_else(|| find_field(fields, name));
        if let Some(field) = field {
            field.structure.check_value(value, &path.child(name))?;
        }
    }
    Ok(())
}

/// What messages call the type of a value.
fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) if exact_digits(value).is_some() => "a number",
        Value::Object(_) => "an object",
    }
}

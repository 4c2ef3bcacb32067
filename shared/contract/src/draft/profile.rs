//! What all records of a source show of its fields, counted one record after the other: however
//! many there are, none is kept.

use serde_json::{Map, Value};

use super::sample_place::SamplePlace;
use super::shapes::TextShapes;
use crate::number::number_text;

/// Names that are counted in one object: one with more is a map of data.
const FIELDS_MAX: usize = 2_000;

/// The fields of objects, in the order in which they first appear.
#[derive(Clone, Debug, Default)]
pub(super) struct RecordProfile {
    pub(super) fields: Vec<FieldProfile>,
}

/// What the values of a field are.
#[derive(Clone, Debug, Default)]
pub(super) struct FieldProfile {
    pub(super) name: String,
    /// Values that are not null.
    pub(super) values: u64,
    pub(super) booleans: u64,
    pub(super) integers: u64,
    /// Numbers, whole ones too.
    pub(super) numbers: u64,
    pub(super) objects: u64,
    pub(super) lists: u64,
    pub(super) shapes: TextShapes,
    /// The fields within objects, and within the items of lists.
    pub(super) inner: RecordProfile,
    /// The items of lists.
    pub(super) items: Option<Box<FieldProfile>>,
}

impl RecordProfile {
    /// Counts the members of an object.
    pub(super) fn add(&mut self, object: &Map<String, Value>, place: SamplePlace) {
        for (position, (name, value)) in object.iter().enumerate() {
            if let Some(field) = self.field_mut(name, position) {
                field.add(value, place);
            }
        }
    }

    /// Puts the fields into the order of these names.
    pub(super) fn sort_fields(&mut self, names: &[String]) {
        self.fields
            .sort_by_key(|field| names.iter().position(|name| *name == field.name));
    }

    /// The field of a name, which is mostly at the position that it has in the object.
    fn field_mut(&mut self, name: &str, position: usize) -> Option<&mut FieldProfile> {
        let is_there = self
            .fields
            .get(position)
            .is_some_and(|field| field.name == name);
        let found = match is_there {
            true => Some(position),
            false => self.fields.iter().position(|field| field.name == name),
        };
        let index = match found {
            Some(index) => index,
            None if self.fields.len() >= FIELDS_MAX => return None,
            None => {
                self.fields.push(FieldProfile {
                    name: name.to_owned(),
                    ..FieldProfile::default()
                });
                self.fields.len() - 1
            }
        };
        self.fields.get_mut(index)
    }
}

impl FieldProfile {
    /// Counts a value.
    pub(super) fn add(&mut self, value: &Value, place: SamplePlace) {
        if value.is_null() {
            return;
        }
        self.values += 1;
        match value {
            Value::Bool(_) => self.booleans += 1,
            Value::String(text) => self.shapes.add(text, place),
            _ if number_text(value).is_some() => {
                self.numbers += 1;
                self.integers += u64::from(value.is_i64());
            }
            Value::Object(object) => {
                self.objects += 1;
                self.inner.add(object, place);
            }
            Value::Array(items) => {
                self.lists += 1;
                items.iter().for_each(|item| self.add_item(item, place));
            }
            _ => {}
        }
    }

    fn add_item(&mut self, item: &Value, place: SamplePlace) {
        match item.as_object().filter(|_| number_text(item).is_none()) {
            Some(object) => self.inner.add(object, place),
            None => self.items.get_or_insert_default().add(item, place),
        }
    }

    /// Values that are texts.
    pub(super) fn texts(&self) -> u64 {
        self.values - self.booleans - self.numbers - self.objects - self.lists
    }
}

//! What the samples show of fields: names, types, nesting.

use std::fmt::Write;

use super::classify::{is_personal, is_reference_name};
use super::profile::{FieldProfile, RecordProfile};
use super::sample_place::SampledFiles;
use super::shapes::TextShapes;

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
    /// What its texts look like.
    pub(super) shapes: TextShapes,
    /// What the items of a list are that are no objects.
    item_kind: SampleFieldKind,
    /// How far the values differ from the kind, as the extension on a field says it.
    leniency: Option<String>,
    /// The same of the items of a list.
    item_leniency: Option<String>,
}

/// Whether texts may be numbers, and how those are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TextNumbers {
    /// Texts are no numbers: JSON has numbers of its own.
    #[default]
    None,
    /// Numbers of a table with a point, as in 1.5.
    Point,
    /// Numbers of a table with a comma, as in 1,5.
    Comma,
}

/// A field with the path that leads to it.
pub(super) type Leaf<'p> = (String, &'p SampleField);

/// The fields of records of which all have been counted. In a table of texts, numbers are texts that
/// look like ones.
pub(super) fn fields_of(profile: &RecordProfile, numbers: TextNumbers) -> Vec<SampleField> {
    let fields = profile.fields.iter();
    fields.map(|field| sample_field(field, numbers)).collect()
}

/// One field, as the records that have a value for it show it.
fn sample_field(profile: &FieldProfile, numbers: TextNumbers) -> SampleField {
    let kind = guess_kind(profile, numbers);
    let items = profile.items.as_deref();
    let item_kind = match items {
        Some(items) => guess_kind(items, TextNumbers::None),
        None if profile.inner.fields.is_empty() => SampleFieldKind::Text,
        None => SampleFieldKind::Object,
    };
    let is_list = kind == SampleFieldKind::List;
    SampleField {
        name: profile.name.clone(),
        kind,
        item_kind,
        shapes: profile.shapes.clone(),
        leniency: guess_leniency(kind, profile),
        item_leniency: items
            .filter(|_| is_list)
            .and_then(|items| guess_leniency(item_kind, items)),
        inner: fields_of(&profile.inner, TextNumbers::None),
    }
}

/// What the samples send besides the guessed kind.
fn guess_leniency(kind: SampleFieldKind, profile: &FieldProfile) -> Option<String> {
    match kind {
        SampleFieldKind::List if profile.lists < profile.values => {
            Some("single-item: as-list".to_owned())
        }
        SampleFieldKind::Text => {
            let numbers = (profile.numbers > 0).then_some("number");
            let booleans = (profile.booleans > 0).then_some("boolean");
            let accepted: Vec<&str> = numbers.into_iter().chain(booleans).collect();
            (!accepted.is_empty()).then(|| format!("accepts: [{}]", accepted.join(", ")))
        }
        _ => None,
    }
}

/// The narrowest kind that all values have; text where there are none. Lists beside single objects
/// are lists.
fn guess_kind(profile: &FieldProfile, numbers: TextNumbers) -> SampleFieldKind {
    let all = |count: u64| profile.values > 0 && count == profile.values;
    if all(profile.objects) {
        SampleFieldKind::Object
    } else if profile.lists > 0 && all(profile.lists + profile.objects) {
        SampleFieldKind::List
    } else if all(profile.booleans) {
        SampleFieldKind::Boolean
    } else if all(profile.integers) {
        SampleFieldKind::Integer
    } else if all(profile.numbers) {
        SampleFieldKind::Number
    } else if !all(profile.texts()) {
        SampleFieldKind::Text
    } else {
        guess_text_kind(profile, numbers)
    }
}

/// Whether texts of a table are numbers, as they are written there.
fn is_number(shapes: &TextShapes, numbers: TextNumbers) -> bool {
    match numbers {
        TextNumbers::None => false,
        TextNumbers::Point => shapes.are_numbers(),
        TextNumbers::Comma => shapes.are_comma_numbers(),
    }
}

/// The kind of a field of texts.
fn guess_text_kind(profile: &FieldProfile, numbers: TextNumbers) -> SampleFieldKind {
    let shapes = &profile.shapes;
    let name = to_snake_case(&profile.name);
    if shapes.are_iso_days() {
        SampleFieldKind::Date
    } else if shapes.are_iso_times() {
        SampleFieldKind::Timestamp
    } else if numbers == TextNumbers::None || is_reference_name(&name) {
        SampleFieldKind::Text
    } else if shapes.are_integers() {
        SampleFieldKind::Integer
    } else if is_number(shapes, numbers) {
        SampleFieldKind::Number
    } else if shapes.are_booleans() {
        SampleFieldKind::Boolean
    } else {
        SampleFieldKind::Text
    }
}

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
    pub(super) fn is_personal(&self) -> bool {
        let is_text = match self.kind {
            SampleFieldKind::Text => true,
            SampleFieldKind::List => {
                self.inner.is_empty() && self.item_kind == SampleFieldKind::Text
            }
            _ => false,
        };
        let name = to_snake_case(&self.name);
        is_personal(&name, &self.shapes, is_text) || self.inner.iter().any(Self::is_personal)
    }

    /// Whether its values are dates, in whatever format.
    pub(super) fn is_dated(&self) -> bool {
        match self.kind {
            SampleFieldKind::Date | SampleFieldKind::Timestamp => true,
            SampleFieldKind::Text => self.shapes.dates().is_some(),
            _ => false,
        }
    }

    /// What people would ask of the field: what its values look like.
    fn remark(&self) -> String {
        let shape = self.shapes.personal_shape();
        if let Some(shape) = shape {
            return format!(", {shape}");
        }
        if self.shapes.are_mixed_dates() {
            return ", dates with day and month in both orders".to_owned();
        }
        match self
            .shapes
            .dates()
            .filter(|_| self.kind == SampleFieldKind::Text)
        {
            Some(dates) => format!(", {}", dates.formats.join(" or ")),
            None => String::new(),
        }
    }

    /// The few rows of a column of dates that hold none. A text is repeated where it is a day that
    /// there is not, and of no person.
    pub(super) fn describe_strays(&self, files: &SampledFiles) -> Option<String> {
        let (shown, count) = self.shapes.stray_dates();
        if count == 0 || self.kind != SampleFieldKind::Text {
            return None;
        }
        let told: Vec<String> = shown
            .iter()
            .map(|stray| {
                let what = match &stray.impossible {
                    Some(text) if !self.is_personal() => format!("{text}, a day that there is not"),
                    Some(_) => "a day that there is not".to_owned(),
                    None => "a text that is no date".to_owned(),
                };
                format!("{} holds {what}", files.describe(&[stray.place]))
            })
            .collect();
        let more = match count.saturating_sub(shown.len() as u64) {
            0 => String::new(),
            more => format!("; {more} more rows hold no date"),
        };
        Some(told.join("; ") + &more)
    }

    /// A field of texts that the reader of files adds.
    pub(super) fn added_text(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            kind: SampleFieldKind::Text,
            inner: Vec::new(),
            shapes: TextShapes::default(),
            item_kind: SampleFieldKind::Text,
            leniency: None,
            item_leniency: None,
        }
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
            format!("description: '{}{}'", words.trim(), self.remark()),
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

    /// Adds everything that is no object, with its path below the path of the field's own object.
    pub(super) fn collect_leaves<'f>(
        &'f self,
        parent: &str,
        leaves: &mut Vec<(String, &'f SampleField)>,
    ) {
        let path = append_step(parent, &self.name);
        match self.kind {
            SampleFieldKind::Object => self
                .inner
                .iter()
                .for_each(|field| field.collect_leaves(&path, leaves)),
            _ => leaves.push((path, self)),
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
pub(super) fn quote_yaml_name(name: &str) -> String {
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

/// A path as YAML takes it.
pub(super) fn quote_path(path: &str) -> String {
    match path.contains(['"', '\\']) {
        true => format!("'{}'", path.replace('\'', "''")),
        false => format!("\"{path}\""),
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

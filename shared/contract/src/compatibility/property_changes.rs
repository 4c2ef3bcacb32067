//! What a change of fields and columns does: their presence, types, classification and limits.

use serde_json::Value;

use super::{ChangeImpact, ContractComparison};
use crate::odcs::{EnumValue, Property};
use crate::problem::nearest_name_hint;

impl ContractComparison<'_> {
    /// Compares the fields of an object, and everything within them. `path` is that of the object,
    /// with its dot.
    pub(super) fn compare_fields(
        &mut self,
        path: &str,
        old: &[Property],
        new: &[Property],
        is_source: bool,
    ) {
        for field in old {
            let element = format!("{path}{}", field.name);
            match find_field(new, &field.name) {
                Some(other) => self.compare_field(&element, field, other, is_source),
                None => {
                    let hint = renamed_field_hint(&field.name, old, new);
                    self.add_breaking(&element, format!("it is gone{hint}"));
                }
            }
        }

        for field in added_fields(old, new) {
            let element = format!("{path}{}", field.name);
            if field.required {
                self.add_breaking(
                    &element,
                    "a required field is new: what has not got it does not fit",
                );
            } else {
                self.add_fine(&element, "an optional field is new");
            }
        }
    }

    fn compare_field(&mut self, element: &str, old: &Property, new: &Property, is_source: bool) {
        match (old.required, new.required) {
            (false, true) => self.add_breaking(element, "it became required"),
            (true, false) => self.add_notice(
                element,
                "it is not required any more: readers will meet nulls",
            ),
            _ => {}
        }
        self.compare_types(element, old, new, is_source);
        if old.primary_key != new.primary_key {
            self.add_breaking(element, "the key changed");
        }
        self.compare_classifications(
            element,
            old.classification.as_deref(),
            new.classification.as_deref(),
        );
        self.compare_leniency(element, old, new);
        self.compare_enum_values(element, &old.enum_values, &new.enum_values);
        self.compare_limits(element, old, new);

        let path = format!("{element}.");
        self.compare_fields(&path, &old.properties, &new.properties, is_source);
        if let (Some(old), Some(new)) = (&old.items, &new.items) {
            self.compare_field(&format!("{element}[*]"), old, new, is_source);
        }
    }

    fn compare_classifications(&mut self, element: &str, old: Option<&str>, new: Option<&str>) {
        if old == new {
            return;
        }
        if old == Some("personal") {
            self.add_breaking(
                element,
                "it is not classified `personal` any more: reports would show its values",
            );
            return;
        }
        let description = format!(
            "the classification `{}` became `{}`",
            old.unwrap_or("none"),
            new.unwrap_or("none")
        );
        self.add_notice(element, description);
    }

    fn compare_types(&mut self, element: &str, old: &Property, new: &Property, is_source: bool) {
        let old_type = type_name(old, is_source);
        let new_type = type_name(new, is_source);
        let is_widened = is_source && old_type == "integer" && new_type == "number";
        let is_list_changed = old.items.is_some() != new.items.is_some();

        if is_widened {
            self.add_fine(element, "integer became number: every integer is one");
        } else if old_type != new_type || is_list_changed {
            let description = format!(
                "the type {old_type} became {new_type}: files of both would lie side by side"
            );
            self.add_breaking(element, description);
        }
    }

    /// Compares what a source's field accepts besides its declared type.
    fn compare_leniency(&mut self, element: &str, old: &Property, new: &Property) {
        let old = old.polelake_extension().unwrap_or_default();
        let new = new.polelake_extension().unwrap_or_default();
        if old == new {
            return;
        }
        if old.accepts_within(&new) {
            self.add_fine(element, "it accepts more than its declared type");
        } else {
            self.add_breaking(
                element,
                "it accepts less than before besides its declared type: such events would be \
                 quarantined",
            );
        }
    }

    fn compare_enum_values(&mut self, element: &str, old: &[EnumValue], new: &[EnumValue]) {
        match (old.is_empty(), new.is_empty()) {
            (true, true) => return,
            (true, false) => {
                self.add_breaking(element, "its values are limited to an `enum` now");
                return;
            }
            (false, true) => {
                self.add_notice(element, "its `enum` is gone: any value may come");
                return;
            }
            (false, false) => {}
        }

        let removed = count_missing(old, new);
        if removed > 0 {
            self.add_breaking(
                element,
                format!("{removed} values are gone from its `enum`"),
            );
        }
        let added = count_missing(new, old);
        if added > 0 {
            self.add_fine(element, format!("{added} values are new in its `enum`"));
        }
    }

    fn compare_limits(&mut self, element: &str, old: &Property, new: &Property) {
        let old = old.logical_type_options.as_ref();
        let new = new.logical_type_options.as_ref();
        self.compare_length(element, "maxLength", old, new);
        self.compare_length(element, "minLength", old, new);

        let old_pattern = old.and_then(|options| options["pattern"].as_str());
        let new_pattern = new.and_then(|options| options["pattern"].as_str());
        if old_pattern == new_pattern {
            return;
        }
        if new_pattern.is_none() {
            self.add_fine(element, "its pattern is gone");
        } else {
            self.add_breaking(element, "its pattern changed: what fitted may not fit");
        }
    }

    /// Compares a limit of a text's length, `maxLength` or `minLength`.
    fn compare_length(
        &mut self,
        element: &str,
        name: &str,
        old: Option<&Value>,
        new: Option<&Value>,
    ) {
        let old = old.and_then(|options| options[name].as_i64());
        let new = new.and_then(|options| options[name].as_i64());
        if old == new {
            return;
        }

        let is_narrowed = match (old, new) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(old), Some(new)) if name == "maxLength" => new < old,
            (Some(old), Some(new)) => new > old,
        };
        let impact = if is_narrowed {
            ChangeImpact::Breaking
        } else {
            ChangeImpact::Fine
        };
        let description = format!(
            "`{name}` {} became {}",
            format_limit(old),
            format_limit(new)
        );
        self.add_change(impact, element, description);
    }
}

fn find_field<'p>(fields: &'p [Property], name: &str) -> Option<&'p Property> {
    fields.iter().find(|field| field.name == name)
}

fn added_fields<'p>(
    old: &'p [Property],
    new: &'p [Property],
) -> impl Iterator<Item = &'p Property> {
    new.iter()
        .filter(|field| find_field(old, &field.name).is_none())
}

/// What to do when a removed field was only renamed: the nearest added name is offered.
fn renamed_field_hint(name: &str, old: &[Property], new: &[Property]) -> String {
    let added = added_fields(old, new).map(|field| field.name.as_str());
    nearest_name_hint(name, added).replace(
        "; the nearest name is",
        "; if it was renamed, keep the old name beside",
    )
}

/// The type that a field is compared by: a source has logical types only, a table's physical types
/// decide.
fn type_name(property: &Property, is_source: bool) -> &str {
    property
        .physical_type
        .as_deref()
        .filter(|_| !is_source)
        .or(property.logical_type.as_deref())
        .unwrap_or("string")
}

/// How many of the values the other list does not have.
fn count_missing(values: &[EnumValue], others: &[EnumValue]) -> usize {
    values
        .iter()
        .filter(|listed| !others.iter().any(|other| other.value == listed.value))
        .count()
}

fn format_limit(limit: Option<i64>) -> String {
    limit.map_or_else(|| "none".to_owned(), |limit| limit.to_string())
}

//! Compatibility: what a change of a declared file does to those who push, and to those who read.
//!
//! The matrix is published in `docs/compatibility.md`; each row of it stands here once.

mod mapping_changes;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::catalogue::INCIDENTS_FILE;
use crate::file::DeclaredFile;
use crate::odcs::{ContractDocument, Property, Quality, SchemaObject};
use crate::problem::{Problem, nearest_name_hint};
use crate::yaml;

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeImpact {
    /// Nobody has to do anything.
    Fine,
    /// Nobody breaks, and somebody should know.
    Notice,
    /// Somebody who relied on the old one is broken.
    Breaking,
}

impl ChangeImpact {
    /// The verdict in a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Fine => "fine",
            Self::Notice => "notice",
            Self::Breaking => "BREAKING",
        }
    }
}

/// A difference between two versions of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContractChange {
    /// The file, as the new one is called.
    pub file: String,
    /// The field, column, event type or code.
    pub element: String,
    /// What changed.
    pub description: String,
    /// What that does.
    pub impact: ChangeImpact,
}

/// What changed between two versions of a contract, a mapping or a reference list. A version that is not there says that
/// the file was added or taken away.
///
/// # Errors
/// When one of the two cannot be read at all.
pub fn compare_files(
    old: Option<&DeclaredFile>,
    new: Option<&DeclaredFile>,
) -> Result<Vec<ContractChange>, Problem> {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (None, Some(new)) => {
            let what = "the file is new".to_owned();
            return Ok(vec![ContractChange {
                file: new.path.clone(),
                element: "file".into(),
                description: what,
                impact: ChangeImpact::Fine,
            }]);
        }
        (Some(old), None) => {
            let what = "the file is gone".to_owned();
            let verdict = ChangeImpact::Breaking;
            return Ok(vec![ContractChange {
                file: old.path.clone(),
                element: "file".into(),
                description: what,
                impact: verdict,
            }]);
        }
        (None, None) => return Ok(Vec::new()),
    };
    if new.path == INCIDENTS_FILE {
        // They change what is told, and nothing that anybody reads or sends.
        return Ok(Vec::new());
    }
    let mut changes = ContractComparison {
        file: &new.path,
        found: Vec::new(),
    };
    if new.path.ends_with("mapping.yaml") {
        changes.compare_mappings(&yaml::read_document(old)?, &yaml::read_document(new)?);
    } else if new.path.ends_with(".odcs.yaml") {
        changes.compare_contracts(&ContractDocument::read(old)?, &ContractDocument::read(new)?);
    } else {
        changes.compare_lists(old, new)?;
    }
    changes.check_unversioned_change(old, new);
    Ok(changes.found)
}

struct ContractComparison<'f> {
    file: &'f str,
    found: Vec<ContractChange>,
}

impl ContractComparison<'_> {
    pub(super) fn add_change(
        &mut self,
        verdict: ChangeImpact,
        place: &str,
        what: impl Into<String>,
    ) {
        self.found.push(ContractChange {
            file: self.file.to_owned(),
            element: place.to_owned(),
            description: what.into(),
            impact: verdict,
        });
    }

    fn compare_contracts(&mut self, old: &ContractDocument, new: &ContractDocument) {
        if old.id != new.id {
            self.add_change(
                ChangeImpact::Breaking,
                "id",
                format!(
                    "`{}` became `{}`: rows and addresses are named by it",
                    old.id, new.id
                ),
            );
        }
        if old.domain != new.domain {
            self.add_change(
                ChangeImpact::Breaking,
                "domain",
                "it changed: the tables would stand in another database",
            );
        }
        let (before, after) = (old.polelake_extension(), new.polelake_extension());
        let source = before.get("topic").is_some();
        for object in &old.schema {
            match new.schema.iter().find(|other| other.name == object.name) {
                Some(other) => {
                    self.compare_fields("", &object.properties, &other.properties, source)
                }
                None => self.add_change(
                    ChangeImpact::Breaking,
                    &object.name,
                    "the object is gone from `schema`",
                ),
            }
        }
        self.compare_extensions(&before, &after);
        self.compare_rules(old, new);
        self.check_version_bump(&old.version, &new.version);
    }

    /// What no line of the matrix tells, such as a description, is a change all the same: rows are stamped with a version
    /// that means something else.
    fn check_unversioned_change(&mut self, old: &DeclaredFile, new: &DeclaredFile) {
        let version =
            |file: &DeclaredFile| file.parsed_value().map(|value| value["version"].clone());
        if self.found.is_empty()
            && old.parsed_value() != new.parsed_value()
            && version(old) == version(new)
        {
            self.add_change(
                ChangeImpact::Notice,
                "version",
                "it stands still, though the file changed: rows are stamped with it",
            );
        }
    }

    /// The version must say that something changed.
    pub(super) fn check_version_bump(&mut self, old: &str, new: &str) {
        let worst = self.found.iter().map(|change| change.impact).max();
        let major = |version: &str| version.split('.').next().unwrap_or_default().to_owned();
        match worst {
            Some(ChangeImpact::Breaking) if major(old) == major(new) => {
                self.add_change(
                    ChangeImpact::Breaking,
                    "version",
                    format!("{old} became {new}: a breaking change counts the first number up"),
                );
            }
            Some(_) if old == new => {
                self.add_change(
                    ChangeImpact::Notice,
                    "version",
                    format!(
                        "{old} stands still, though the file changed: rows are stamped with it"
                    ),
                );
            }
            _ => {}
        }
    }

    fn compare_fields(&mut self, below: &str, old: &[Property], new: &[Property], source: bool) {
        for field in old {
            let place = format!("{below}{}", field.name);
            match new.iter().find(|other| other.name == field.name) {
                Some(other) => self.compare_field(&place, field, other, source),
                None => {
                    let added = new
                        .iter()
                        .filter(|other| !old.iter().any(|known| known.name == other.name));
                    let near =
                        nearest_name_hint(&field.name, added.map(|other| other.name.as_str()));
                    let hint = near.replace(
                        "; the nearest name is",
                        "; if it was renamed, keep the old name beside",
                    );
                    self.add_change(ChangeImpact::Breaking, &place, format!("it is gone{hint}"));
                }
            }
        }
        for field in new
            .iter()
            .filter(|field| !old.iter().any(|known| known.name == field.name))
        {
            let place = format!("{below}{}", field.name);
            match field.required {
                false => self.add_change(ChangeImpact::Fine, &place, "an optional field is new"),
                true => self.add_change(
                    ChangeImpact::Breaking,
                    &place,
                    "a required field is new: what has not got it does not fit",
                ),
            }
        }
    }

    fn compare_field(&mut self, place: &str, old: &Property, new: &Property, source: bool) {
        match (old.required, new.required) {
            (false, true) => self.add_change(ChangeImpact::Breaking, place, "it became required"),
            (true, false) => {
                self.add_change(
                    ChangeImpact::Notice,
                    place,
                    "it is not required any more: readers will meet nulls",
                );
            }
            _ => {}
        }
        self.compare_types(place, old, new, source);
        if old.primary_key != new.primary_key {
            self.add_change(ChangeImpact::Breaking, place, "the key changed");
        }
        let (before, after) = (old.classification.as_deref(), new.classification.as_deref());
        match (before, after) {
            (Some("personal"), after) if after != Some("personal") => {
                self.add_change(
                    ChangeImpact::Breaking,
                    place,
                    "it is not classified `personal` any more: reports would show its values",
                );
            }
            (before, after) if before != after => {
                let what = format!(
                    "the classification `{}` became `{}`",
                    before.unwrap_or("none"),
                    after.unwrap_or("none")
                );
                self.add_change(ChangeImpact::Notice, place, what);
            }
            _ => {}
        }
        self.compare_enum_values(place, old, new);
        self.compare_limits(place, old, new);
        let below = format!("{place}.");
        self.compare_fields(&below, &old.properties, &new.properties, source);
        if let (Some(before), Some(after)) = (&old.items, &new.items) {
            self.compare_field(&format!("{place}[*]"), before, after, source);
        }
    }

    fn compare_types(&mut self, place: &str, old: &Property, new: &Property, source: bool) {
        let kind = |property: &Property| {
            let physical = property.physical_type.clone().filter(|_| !source);
            physical
                .or_else(|| property.logical_type.clone())
                .unwrap_or_else(|| "string".into())
        };
        let (before, after) = (kind(old), kind(new));
        let widened = source && before == "integer" && after == "number";
        let array = old.items.is_some() != new.items.is_some();
        if widened {
            self.add_change(
                ChangeImpact::Fine,
                place,
                "integer became number: every integer is one",
            );
        } else if before != after || array {
            self.add_change(
                ChangeImpact::Breaking,
                place,
                format!("the type {before} became {after}: files of both would lie side by side"),
            );
        }
    }

    fn compare_enum_values(&mut self, place: &str, old: &Property, new: &Property) {
        let missing = |a: &Property, b: &Property| {
            a.enum_values
                .iter()
                .filter(|one| !b.enum_values.iter().any(|other| other.value == one.value))
                .count()
        };
        match (old.enum_values.is_empty(), new.enum_values.is_empty()) {
            (true, false) => self.add_change(
                ChangeImpact::Breaking,
                place,
                "its values are limited to an `enum` now",
            ),
            (false, true) => self.add_change(
                ChangeImpact::Notice,
                place,
                "its `enum` is gone: any value may come",
            ),
            (true, true) => {}
            (false, false) => {
                if missing(old, new) > 0 {
                    self.add_change(
                        ChangeImpact::Breaking,
                        place,
                        format!("{} values are gone from its `enum`", missing(old, new)),
                    );
                }
                if missing(new, old) > 0 {
                    self.add_change(
                        ChangeImpact::Fine,
                        place,
                        format!("{} values are new in its `enum`", missing(new, old)),
                    );
                }
            }
        }
    }

    fn compare_limits(&mut self, place: &str, old: &Property, new: &Property) {
        let number = |property: &Property, name: &str| {
            property
                .logical_type_options
                .as_ref()
                .and_then(|options| options[name].as_i64())
        };
        for (name, narrower) in [("maxLength", -1), ("minLength", 1)] {
            let (before, after) = (number(old, name), number(new, name));
            let verdict = match (before, after) {
                (before, after) if before == after => continue,
                (_, None) => ChangeImpact::Fine,
                (None, Some(_)) => ChangeImpact::Breaking,
                (Some(before), Some(after)) if (after - before).signum() == narrower => {
                    ChangeImpact::Breaking
                }
                _ => ChangeImpact::Fine,
            };
            let show =
                |limit: Option<i64>| limit.map_or("none".to_owned(), |limit| limit.to_string());
            self.add_change(
                verdict,
                place,
                format!("`{name}` {} became {}", show(before), show(after)),
            );
        }
        let pattern = |property: &Property| {
            property
                .logical_type_options
                .as_ref()
                .and_then(|options| options["pattern"].as_str().map(str::to_owned))
        };
        match (pattern(old), pattern(new)) {
            (before, after) if before == after => {}
            (Some(_), None) => self.add_change(ChangeImpact::Fine, place, "its pattern is gone"),
            _ => self.add_change(
                ChangeImpact::Breaking,
                place,
                "its pattern changed: what fitted may not fit",
            ),
        }
    }

    /// What the source's own extension says.
    fn compare_extensions(&mut self, old: &Value, new: &Value) {
        let ordering = [
            ("topic", "records would begin again in another topic"),
            ("envelope", "what was pushed would not be read any more"),
            ("key", "records would get other keys and other ids"),
            ("event_id", "repeats would not be seen as such"),
            ("event_type", "event types would be read from another place"),
            ("event_time", "the order of truth would change"),
            ("event_time_default", "the order of truth would change"),
            ("version", "the order of truth would change"),
            ("body", "records would be read from another place"),
            ("delete_body", "deletions would be read from another place"),
            ("state", "states would be read from another place"),
            ("family", "the table would be another one"),
        ];
        for (name, why) in ordering {
            if old.get(name) != new.get(name) {
                self.add_change(ChangeImpact::Breaking, name, format!("it changed: {why}"));
            }
        }
        if old["fetch"]["version"] != new["fetch"]["version"] {
            self.add_change(
                ChangeImpact::Breaking,
                "fetch.version",
                "it changed: the order of truth would change",
            );
        }
        if !old["backfill"].is_null() && old["backfill"]["key"] != new["backfill"]["key"] {
            self.add_change(
                ChangeImpact::Breaking,
                "backfill.key",
                "it changed: records would get other keys and other ids",
            );
        }
        for name in [
            "fetch",
            "backfill",
            "record",
            "event_type_default",
            "bad_records",
        ] {
            if old.get(name) != new.get(name) {
                self.add_change(ChangeImpact::Notice, name, "it changed");
            }
        }
        self.compare_event_types(
            &object_members(&old["events"]),
            &object_members(&new["events"]),
        );
        let callers = |value: &Value| value["push"].as_object().cloned().unwrap_or_default();
        let (before, after) = (callers(old), callers(new));
        for (kind, list) in before.iter().chain(&after) {
            for caller in list.as_array().into_iter().flatten() {
                let has = |push: &serde_json::Map<String, Value>| {
                    push.get(kind)
                        .and_then(Value::as_array)
                        .is_some_and(|list| list.contains(caller))
                };
                match (has(&before), has(&after)) {
                    (true, false) => {
                        self.add_change(
                            ChangeImpact::Breaking,
                            "push",
                            format!("{caller} may not push any more"),
                        );
                    }
                    (false, true) => self.add_change(
                        ChangeImpact::Notice,
                        "push",
                        format!("{caller} may push now"),
                    ),
                    _ => {}
                }
            }
        }
    }

    fn compare_event_types(
        &mut self,
        old: &BTreeMap<String, Value>,
        new: &BTreeMap<String, Value>,
    ) {
        for (event, op) in old {
            match new.get(event) {
                None => self.add_change(
                    ChangeImpact::Breaking,
                    event,
                    "the event type is gone: such events would be quarantined",
                ),
                Some(other) if other != op => {
                    self.add_change(
                        ChangeImpact::Breaking,
                        event,
                        format!("{op} became {other}: the same event would do something else"),
                    );
                }
                Some(_) => {}
            }
        }
        for event in new.keys().filter(|event| !old.contains_key(*event)) {
            self.add_change(ChangeImpact::Fine, event, "the event type is new");
        }
    }

    fn compare_rules(&mut self, old: &ContractDocument, new: &ContractDocument) {
        let rules = |document: &ContractDocument| -> BTreeMap<String, String> {
            let columns = |object: &SchemaObject| {
                object
                    .properties
                    .iter()
                    .flat_map(|property| property.quality.clone())
                    .collect()
            };
            let of = |object: &SchemaObject| [columns(object), object.quality.clone()].concat();
            let all = document.schema.iter().flat_map(of);
            all.filter_map(|rule: Quality| Some((rule.id.clone()?, format!("{rule:?}"))))
                .collect()
        };
        let (before, after) = (rules(old), rules(new));
        for (id, rule) in &before {
            match after.get(id) {
                None => self.add_change(ChangeImpact::Notice, id, "the rule is gone"),
                Some(other) if other != rule => {
                    self.add_change(ChangeImpact::Notice, id, "the rule demands something else");
                }
                Some(_) => {}
            }
        }
        for id in after.keys().filter(|id| !before.contains_key(*id)) {
            self.add_change(ChangeImpact::Notice, id, "the rule is new");
        }
    }
}

fn object_members(value: &Value) -> BTreeMap<String, Value> {
    value
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

#[cfg(test)]
mod tests;

//! What a change of a contract does: its identity, its objects, its rules.

use std::collections::BTreeMap;

use super::ContractComparison;
use crate::odcs::{ContractDocument, Quality, SchemaObject};

impl ContractComparison<'_> {
    /// Compares two versions of a source's or a table's contract.
    pub(super) fn compare_contracts(&mut self, old: &ContractDocument, new: &ContractDocument) {
        if old.id != new.id {
            self.add_breaking(
                "id",
                format!(
                    "`{}` became `{}`: rows and addresses are named by it",
                    old.id, new.id
                ),
            );
        }
        if old.domain != new.domain {
            self.add_breaking(
                "domain",
                "it changed: the tables would stand in another database",
            );
        }

        let old_extension = old.polelake_extension();
        let new_extension = new.polelake_extension();
        let is_source = old_extension.get("topic").is_some();
        for object in &old.schema {
            match new.schema.iter().find(|other| other.name == object.name) {
                Some(other) => {
                    self.compare_fields("", &object.properties, &other.properties, is_source);
                }
                None => self.add_breaking(&object.name, "the object is gone from `schema`"),
            }
        }

        self.compare_extensions(&old_extension, &new_extension);
        self.compare_rules(&old.schema, &new.schema);
        self.check_version_bump(&old.version, &new.version);
    }

    fn compare_rules(&mut self, old: &[SchemaObject], new: &[SchemaObject]) {
        let old = rules_by_id(old);
        let new = rules_by_id(new);

        for (id, rule) in &old {
            match new.get(id) {
                None => self.add_notice(id, "the rule is gone"),
                Some(other) if other != rule => {
                    self.add_notice(id, "the rule expects something else");
                }
                Some(_) => {}
            }
        }
        for id in new.keys().filter(|id| !old.contains_key(*id)) {
            self.add_notice(id, "the rule is new");
        }
    }
}

/// The rules of all objects and of their columns by id, each as a text that is the same for equal
/// rules.
fn rules_by_id(objects: &[SchemaObject]) -> BTreeMap<&str, String> {
    objects
        .iter()
        .flat_map(declared_rules)
        .filter_map(|rule| Some((rule.id.as_deref()?, format!("{rule:?}"))))
        .collect()
}

fn declared_rules(object: &SchemaObject) -> impl Iterator<Item = &Quality> {
    object
        .properties
        .iter()
        .flat_map(|property| &property.quality)
        .chain(&object.quality)
}

//! The parts of a document that some paths read, so that nothing else of it is kept.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::json::{append_json, append_list, append_name};
use crate::number::exact_digits;
use crate::path::{EventPath, PathStep};

/// One step down into a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TreeStep {
    /// A member of an object.
    Member(String),
    /// Every item of a list: a list is kept with all of its items, so that positions stay.
    Items,
    /// All that is there.
    Whole,
}

/// Where a path leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TreePath {
    /// Whether it begins at the whole event, and not at the record.
    pub(crate) is_of_event: bool,
    /// Its steps from there.
    pub(crate) steps: Vec<TreeStep>,
}

/// The parts of a value that paths read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct PathTree {
    /// Whether a path ends here: then all that is here is read.
    whole: bool,
    members: BTreeMap<String, PathTree>,
    items: Option<Box<PathTree>>,
}

impl PathTree {
    /// Adds a path: all that it leads to is read.
    pub(crate) fn add_path(&mut self, steps: &[TreeStep]) {
        self.node_at(steps).whole = true;
    }

    /// Adds a list: that its items are there is read, and of each of them what other paths read.
    pub(crate) fn add_list(&mut self, steps: &[TreeStep]) {
        let is_whole = steps.last() == Some(&TreeStep::Whole);
        self.node_at(steps).whole |= is_whole;
    }

    /// The tree that steps lead to.
    fn node_at(&mut self, steps: &[TreeStep]) -> &mut Self {
        let mut tree = self;
        for step in steps {
            tree = match step {
                TreeStep::Member(name) => tree.members.entry(name.clone()).or_default(),
                TreeStep::Items => tree.items.get_or_insert_default(),
                TreeStep::Whole => break,
            };
        }
        tree
    }

    /// Adds the paths of another tree.
    pub(crate) fn add_tree(&mut self, other: &Self) {
        self.whole |= other.whole;
        for (name, member) in &other.members {
            self.members
                .entry(name.clone())
                .or_default()
                .add_tree(member);
        }
        if let Some(items) = &other.items {
            self.items.get_or_insert_default().add_tree(items);
        }
    }

    /// Appends the value as JSON without what no path reads. Texts, numbers and nulls stay: a null
    /// on the way says that all below it is null.
    pub(crate) fn append_pruned(&self, value: &Value, out: &mut String) {
        if self.whole {
            return append_json(value, out);
        }
        match value {
            Value::Object(object) if exact_digits(value).is_none() => {
                self.append_pruned_object(object, out);
            }
            Value::Array(items) => match &self.items {
                Some(tree) => append_list(items, out, |item, out| tree.append_pruned(item, out)),
                None => out.push_str("[]"),
            },
            scalar => append_json(scalar, out),
        }
    }

    fn append_pruned_object(&self, object: &Map<String, Value>, out: &mut String) {
        out.push('{');
        let mut separator = "";
        for (name, tree) in &self.members {
            if let Some(member) = object.get(name) {
                out.push_str(separator);
                append_name(name, out);
                tree.append_pruned(member, out);
                separator = ",";
            }
        }
        out.push('}');
    }

    /// Whether the value holds anything that a path reads.
    pub(crate) fn is_read_from(&self, value: &Value) -> bool {
        if self.whole {
            return true;
        }
        match value {
            Value::Object(object) if exact_digits(value).is_none() => {
                let mut members = self.members.iter();
                members.any(|(name, tree)| {
                    object
                        .get(name)
                        .is_some_and(|member| tree.is_read_from(member))
                })
            }
            _ => true,
        }
    }
}

/// Where the plain beginning of a path ends.
const PLAIN_ENDS: [&str; 5] = ["..", "[*]", ".*", "[?", ":"];

/// The steps of a path. Where a path has more than names and indices, all that its plain beginning
/// leads to is kept.
pub(crate) fn tree_steps(path: &EventPath) -> Vec<TreeStep> {
    let (Some(plain), goes_to_items) = path.plain_steps() else {
        let mut steps = plain_beginning(path.text());
        steps.push(TreeStep::Whole);
        return steps;
    };

    let mut steps = Vec::with_capacity(plain.len() + 1);
    for step in plain {
        match step {
            PathStep::Name(name) => steps.push(TreeStep::Member(name.clone())),
            PathStep::Index(_) => steps.push(TreeStep::Items),
            // The filter reads a member that the path does not name: the whole item is kept.
            PathStep::Where(..) => {
                steps.extend([TreeStep::Items, TreeStep::Whole]);
                return steps;
            }
        }
    }
    if goes_to_items {
        steps.push(TreeStep::Items);
    }
    steps
}

/// The steps of the plain beginning of a path that only the library can follow.
fn plain_beginning(text: &str) -> Vec<TreeStep> {
    let ends = PLAIN_ENDS.iter().filter_map(|end| text.find(end));
    let beginning = &text[..ends.min().unwrap_or(text.len())];
    match EventPath::parse(beginning) {
        Ok(path) if path.plain_steps().0.is_some() => tree_steps(&path),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree_of(paths: &[&str]) -> PathTree {
        let mut tree = PathTree::default();
        for path in paths {
            tree.add_path(&tree_steps(&EventPath::parse(path).unwrap()));
        }
        tree
    }

    /// The value that is left of another.
    fn prune(tree: &PathTree, value: &Value) -> Value {
        let mut text = String::new();
        tree.append_pruned(value, &mut text);
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn only_what_paths_read_is_kept() {
        let value = json!({
            "id": 1, "name": {"first": "Kim", "last": "Lee"},
            "flats": [{"no": 2, "rent": 5}, {"no": 3}], "none": null, "other": true
        });
        let tree = tree_of(&[
            "$.id",
            "$.name.last",
            "$.flats[*]",
            "$.none.below",
            "$.absent",
        ]);
        assert_eq!(
            prune(&tree, &value),
            json!({
                "id": 1, "name": {"last": "Lee"},
                "flats": [{"no": 2, "rent": 5}, {"no": 3}], "none": null
            })
        );
        let second = tree_of(&["$.flats[1].no"]);
        assert_eq!(
            prune(&second, &value),
            json!({"flats": [{"no": 2}, {"no": 3}]})
        );
    }

    #[test]
    fn a_path_is_read_where_a_value_or_a_null_on_its_way_is_there() {
        let tree = tree_of(&["$.a.b", "$.c[*]"]);
        for read in [json!({"a": {"b": 1}}), json!({"a": null}), json!({"c": []})] {
            assert!(tree.is_read_from(&read), "{read}");
        }
        for other in [json!({}), json!({"a": {}}), json!({"d": 1})] {
            assert!(!tree.is_read_from(&other), "{other}");
        }
    }

    #[test]
    fn what_the_plain_beginning_of_another_path_leads_to_is_kept() {
        let tree = tree_of(&["$.a[*].b", "$.refs[?@.name == 'x'].value"]);
        let kept = json!({
            "a": [{"b": 1, "c": 2}], "refs": [{"name": "x", "value": 1}, {"name": "y"}]
        });
        let mut value = kept.clone();
        value["d"] = json!(3);
        assert_eq!(prune(&tree, &value), kept);
    }
}

//! Namespaces of keys: what kind of key a key is, and whether the case of its letters matters.
//!
//! `contracts/namespaces.yaml` lists the namespaces whose case does not matter, once for all
//! sources: two sources that disagree would give one thing two ids.

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use pole::{IdentityKey, KeyCase, Uuid};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::DeclaredFile;
use crate::list::ReferenceLists;
use crate::locator::problem_at;
use crate::place::DocumentPlace;
use crate::problem::{Problem, nearest_name_hint};
use crate::yaml;

/// The file of namespaces.
pub(crate) const NAMESPACES_FILE: &str = "namespaces.yaml";

/// `contracts/namespaces.yaml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamespacesDocument {
    /// The namespaces that differ from the rule, in any order.
    namespaces: Vec<NamespaceDocument>,
}

/// A namespace as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NamespaceDocument {
    /// The namespace, as mappings write it; a source's name for the keys of its records.
    name: String,
    /// Whether the case of letters tells keys apart.
    case: NamespaceCase,
    /// Who says so: the register or the system whose keys they are.
    why: String,
}

/// Whether the case of letters tells keys apart.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum NamespaceCase {
    Sensitive,
    Insensitive,
}

/// The declared namespaces. Every other namespace tells cases apart.
#[derive(Debug, Default)]
pub(crate) struct Namespaces {
    cases: BTreeMap<String, KeyCase>,
    /// The names that contracts and mappings have asked for, to find what is listed in vain.
    used: RefCell<BTreeSet<String>>,
}

impl Namespaces {
    /// Reads the file.
    pub(crate) fn read(file: &DeclaredFile) -> Result<Self, Problem> {
        let document: NamespacesDocument = yaml::read_document(file)?;
        let mut namespaces = Self::default();
        for (index, written) in document.namespaces.into_iter().enumerate() {
            let place = DocumentPlace::root().name("namespaces").item(index);
            let case = match written.case {
                NamespaceCase::Sensitive => KeyCase::Sensitive,
                NamespaceCase::Insensitive => KeyCase::Insensitive,
            };
            if written.why.trim().is_empty() {
                let message = format!("the namespace `{}` needs a `why`", written.name);
                return Err(problem_at(file, &place, message));
            }
            if namespaces
                .cases
                .insert(written.name.clone(), case)
                .is_some()
            {
                let message = format!("the namespace `{}` is listed twice", written.name);
                return Err(problem_at(file, &place, message));
            }
        }
        Ok(namespaces)
    }

    /// The namespace of this name.
    pub(crate) fn get(&self, name: &str) -> KeyNamespace {
        self.used.borrow_mut().insert(name.to_owned());
        KeyNamespace {
            name: name.to_owned(),
            case: self.cases.get(name).copied().unwrap_or_default(),
        }
    }

    /// The names that either of two files lists.
    pub(crate) fn names_with<'n>(&'n self, other: &'n Self) -> BTreeSet<&'n str> {
        let names = self.cases.keys().chain(other.cases.keys());
        names.map(String::as_str).collect()
    }

    /// Listed namespaces that no contract and no mapping uses: most often a misspelt name, under
    /// which the case of the keys still matters.
    pub(crate) fn find_unused(&self, file: &DeclaredFile) -> Vec<Problem> {
        let used = self.used.borrow();
        let unused = self.cases.keys().filter(|name| !used.contains(*name));
        unused
            .map(|name| {
                let near = nearest_name_hint(name, used.iter().map(String::as_str));
                let message = format!("no source and no mapping uses the namespace `{name}`{near}");
                problem_at(
                    file,
                    &DocumentPlace::root().name("namespaces").mention(name),
                    message,
                )
            })
            .collect()
    }
}

/// What the expressions of a mapping name.
#[derive(Clone, Copy)]
pub(crate) struct NamedReferences<'c> {
    pub(crate) lists: &'c ReferenceLists,
    pub(crate) namespaces: &'c Namespaces,
}

/// A namespace with its case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KeyNamespace {
    name: String,
    case: KeyCase,
}

impl KeyNamespace {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn case(&self) -> KeyCase {
        self.case
    }

    /// The id of a key whose parts are canonical.
    pub(crate) fn derive_id(&self, key: &IdentityKey, parts: &[Cow<'_, str>]) -> Uuid {
        let texts: Vec<&str> = parts.iter().map(AsRef::as_ref).collect();
        key.pole_id(&self.name, &texts)
    }
}

/// A part of a key in its canonical form.
pub(crate) fn canonical_part(text: Cow<'_, str>, case: KeyCase) -> Cow<'_, str> {
    match text {
        Cow::Borrowed(text) => pole::canonical_key_part(text, case),
        Cow::Owned(text) => Cow::Owned(pole::canonical_key_part(&text, case).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Namespaces, Problem> {
        Namespaces::read(&DeclaredFile::new(NAMESPACES_FILE, text))
    }

    #[test]
    fn a_namespace_tells_cases_apart_unless_it_is_listed() {
        let namespaces =
            read("namespaces:\n  - {name: vrm, case: insensitive, why: DVLA}\n").unwrap();
        assert_eq!(namespaces.get("vrm").case(), KeyCase::Insensitive);
        assert_eq!(namespaces.get("uprn").case(), KeyCase::Sensitive);
    }

    #[test]
    fn a_listed_namespace_that_nothing_uses_is_named() {
        let file = DeclaredFile::new(
            NAMESPACES_FILE,
            "namespaces:\n  - {name: vehicle-mrak, case: insensitive, why: DVLA}\n",
        );
        let namespaces = Namespaces::read(&file).unwrap();
        namespaces.get("vehicle-mark");
        let problems = namespaces.find_unused(&file);
        assert_eq!(problems.len(), 1);
        assert_eq!(problems[0].location.line, 2);
        assert!(
            problems[0].message.contains("`vehicle-mark`"),
            "{}",
            problems[0].message
        );
    }

    #[test]
    fn a_repeat_and_a_missing_reason_are_refused_with_their_line() {
        let twice = "namespaces:\n  - {name: vrm, case: insensitive, why: DVLA}\n  \
                     - {name: vrm, case: sensitive, why: DVLA}\n";
        assert!(read(twice).unwrap_err().message.contains("listed twice"));
        let silent = "namespaces:\n  - {name: vrm, case: insensitive, why: ' '}\n";
        assert_eq!(read(silent).unwrap_err().location.line, 2);
        assert!(read("namespaces:\n  - {name: vrm, case: loud, why: x}\n").is_err());
    }
}

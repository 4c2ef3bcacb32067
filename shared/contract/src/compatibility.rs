//! Compatibility: what a change of a declared file does to those who push events, and to those who
//! read tables.
//!
//! `docs/compatibility.md` publishes the matrix; each of its rows is one comparison here.

mod contract_changes;
mod extension_changes;
mod mapping_changes;
mod namespace_changes;
mod property_changes;

use crate::catalogue::INCIDENTS_FILE;
use crate::file::DeclaredFile;
use crate::namespace::NAMESPACES_FILE;
use crate::odcs::ContractDocument;
use crate::problem::Problem;
use crate::yaml;

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ChangeImpact {
    /// No reader and no sender has to do anything.
    Fine,
    /// Nothing breaks, but readers or senders should know.
    Notice,
    /// A reader or sender that relied on the old version is broken.
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
    /// What the change does.
    pub impact: ChangeImpact,
}

/// What changed between two versions of a contract, a mapping or a reference list. An absent
/// version means that the file was added or removed.
///
/// # Errors
/// When one of the two cannot be read at all.
pub fn compare_files(
    old: Option<&DeclaredFile>,
    new: Option<&DeclaredFile>,
) -> Result<Vec<ContractChange>, Problem> {
    match (old, new) {
        (Some(old), Some(new)) => compare_versions(old, new),
        (None, Some(new)) => {
            let mut comparison = ContractComparison::of_file(&new.path);
            comparison.add_fine("file", "the file is new");
            Ok(comparison.changes)
        }
        (Some(old), None) => {
            let mut comparison = ContractComparison::of_file(&old.path);
            comparison.add_breaking("file", "the file is gone");
            Ok(comparison.changes)
        }
        (None, None) => Ok(Vec::new()),
    }
}

fn compare_versions(
    old: &DeclaredFile,
    new: &DeclaredFile,
) -> Result<Vec<ContractChange>, Problem> {
    if new.path == INCIDENTS_FILE {
        // Incidents change what reports say, and nothing that a reader reads or a sender sends.
        return Ok(Vec::new());
    }

    let mut comparison = ContractComparison::of_file(&new.path);
    if new.path.ends_with("mapping.yaml") {
        comparison.compare_mappings(&yaml::read_document(old)?, &yaml::read_document(new)?);
    } else if new.path.ends_with(".odcs.yaml") {
        comparison.compare_contracts(&ContractDocument::read(old)?, &ContractDocument::read(new)?);
    } else if new.path == NAMESPACES_FILE {
        comparison.compare_namespaces(old, new)?;
        return Ok(comparison.changes);
    } else {
        comparison.compare_lists(old, new)?;
    }
    comparison.check_unversioned_change(old, new);
    Ok(comparison.changes)
}

/// The changes that are found between two versions of one file.
struct ContractComparison<'f> {
    file: &'f str,
    changes: Vec<ContractChange>,
}

impl<'f> ContractComparison<'f> {
    fn of_file(file: &'f str) -> Self {
        Self {
            file,
            changes: Vec::new(),
        }
    }

    fn add_fine(&mut self, element: &str, description: impl Into<String>) {
        self.add_change(ChangeImpact::Fine, element, description);
    }

    fn add_notice(&mut self, element: &str, description: impl Into<String>) {
        self.add_change(ChangeImpact::Notice, element, description);
    }

    fn add_breaking(&mut self, element: &str, description: impl Into<String>) {
        self.add_change(ChangeImpact::Breaking, element, description);
    }

    fn add_change(&mut self, impact: ChangeImpact, element: &str, description: impl Into<String>) {
        self.changes.push(ContractChange {
            file: self.file.to_owned(),
            element: element.to_owned(),
            description: description.into(),
            impact,
        });
    }

    /// A change that no row of the matrix covers, such as one of a description, is a change all the
    /// same: rows would be stamped with a version that means two things.
    fn check_unversioned_change(&mut self, old: &DeclaredFile, new: &DeclaredFile) {
        let is_changed = old.parsed_value() != new.parsed_value();
        if self.changes.is_empty() && is_changed && same_version(old, new) {
            self.add_notice(
                "version",
                "it stands still, though the file changed: rows are stamped with it",
            );
        }
    }

    /// The version must say that something changed.
    fn check_version_bump(&mut self, old: &str, new: &str) {
        let worst = self.changes.iter().map(|change| change.impact).max();
        match worst {
            Some(ChangeImpact::Breaking) if major_version(old) == major_version(new) => {
                self.add_breaking(
                    "version",
                    format!("{old} became {new}: a breaking change counts the first number up"),
                );
            }
            Some(_) if old == new => {
                self.add_notice(
                    "version",
                    format!(
                        "{old} stands still, though the file changed: rows are stamped with it"
                    ),
                );
            }
            _ => {}
        }
    }
}

fn same_version(old: &DeclaredFile, new: &DeclaredFile) -> bool {
    let old = old.parsed_value().map(|value| &value["version"]);
    let new = new.parsed_value().map(|value| &value["version"]);
    old == new
}

fn major_version(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

#[cfg(test)]
mod tests;

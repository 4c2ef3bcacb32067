//! The contracts that a platform runs, compared with those that a folder holds now.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use host::Failure;
use serde::{Deserialize, Serialize};

/// The name of a source's contract in its folder.
const SOURCE_CONTRACT: &str = "contract.odcs.yaml";

/// The folder of all sources, below that of the contracts.
const SOURCES_FOLDER: &str = "sources/";

/// The declared files of a folder of contracts: a digest of each, by its path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContractDigests {
    files: BTreeMap<String, String>,
    /// The source that a folder declares, by the folder's path.
    sources: BTreeMap<String, String>,
}

/// What became of a declared file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileChange {
    /// It has another text.
    Changed,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
}

/// A declared file that is not as a platform runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangedContractFile {
    /// Its path below the folder of contracts.
    pub path: String,
    /// What became of it.
    pub change: FileChange,
}

impl fmt::Display for ChangedContractFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let change = match self.change {
            FileChange::Changed => "changed",
            FileChange::Added => "new",
            FileChange::Removed => "gone",
        };
        write!(f, "{} ({change})", self.path)
    }
}

/// What a command does with the contracts: which of their files must be those that the platform
/// runs.
#[derive(Clone, Copy, Debug)]
pub enum ContractUse<'s> {
    /// It sends events of one source.
    Source(&'s str),
    /// It works on everything that the platform holds. A source that the platform does not know yet
    /// has nothing there.
    Lake,
}

impl ContractDigests {
    /// The files of a folder as they are now.
    ///
    /// # Errors
    /// When the folder, or a file in it, cannot be read.
    pub fn read(folder: &Path) -> Result<Self, Failure> {
        let mut digests = Self::default();
        for file in host::read_contract_files(&folder.to_string_lossy())? {
            let digest = pole::content_id(file.text().as_bytes()).to_string();
            if let Some(folder) = source_folder(&file.path)
                && file.path.ends_with(SOURCE_CONTRACT)
            {
                let source = declared_id(file.text());
                digests.sources.insert(folder.to_owned(), source.to_owned());
            }
            digests.files.insert(file.path, digest);
        }
        Ok(digests)
    }

    /// The files that are not as `run` has them, and that this use of the contracts reads.
    #[must_use]
    pub fn changes_since(&self, run: &Self, used: ContractUse<'_>) -> Vec<ChangedContractFile> {
        let paths: BTreeSet<&String> = self.files.keys().chain(run.files.keys()).collect();
        let changed = paths.into_iter().filter_map(|path| {
            let change = match (run.files.get(path), self.files.get(path)) {
                (None, _) => FileChange::Added,
                (_, None) => FileChange::Removed,
                (before, now) if before == now => return None,
                _ => FileChange::Changed,
            };
            let path = path.clone();
            Some(ChangedContractFile { path, change })
        });
        changed
            .filter(|file| self.is_used(run, &file.path, used))
            .collect()
    }

    /// Whether this use of the contracts reads the file.
    fn is_used(&self, run: &Self, path: &str, used: ContractUse<'_>) -> bool {
        let Some(folder) = source_folder(path) else {
            return true;
        };
        match used {
            ContractUse::Lake => run.sources.contains_key(folder),
            ContractUse::Source(name) => [run, self]
                .iter()
                .any(|digests| digests.sources.get(folder).is_some_and(|of| of == name)),
        }
    }
}

/// The folder of the source that a file belongs to; none of what all sources share.
fn source_folder(path: &str) -> Option<&str> {
    let (folder, _) = path.rsplit_once('/')?;
    folder.starts_with(SOURCES_FOLDER).then_some(folder)
}

/// The id that a contract declares.
fn declared_id(text: &str) -> &str {
    let mut lines = text.lines();
    let id = lines.find_map(|line| line.strip_prefix("id: "));
    id.unwrap_or_default().trim().trim_matches(['\'', '"'])
}

/// The contracts of a platform's start: it runs them until it ends.
#[derive(Clone, Debug)]
pub struct RunContracts {
    /// The folder that they were read from.
    pub folder: PathBuf,
    /// Its files, as they were then.
    pub digests: ContractDigests,
}

impl RunContracts {
    /// Notes the files of a folder.
    ///
    /// # Errors
    /// As [`ContractDigests::read`].
    pub(crate) fn read(folder: &Path) -> Result<Self, Failure> {
        Ok(Self {
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
            digests: ContractDigests::read(folder)?,
        })
    }

    /// The files that changed in the folder since the platform's start, those of new sources too.
    ///
    /// # Errors
    /// As [`ContractDigests::read`].
    pub fn changes(&self) -> Result<Vec<ChangedContractFile>, Failure> {
        let now = ContractDigests::read(&self.folder)?;
        let mut changes = now.changes_since(&self.digests, ContractUse::Lake);
        for source in now.sources.values() {
            let of_source = now.changes_since(&self.digests, ContractUse::Source(source));
            changes.extend(of_source);
        }
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        changes.dedup();
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(files: &[(&str, &str)]) -> ContractDigests {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        ContractDigests::read(folder.path()).unwrap()
    }

    fn shown(changes: &[ChangedContractFile]) -> Vec<String> {
        changes.iter().map(ToString::to_string).collect()
    }

    const RUN: [(&str, &str); 4] = [
        ("pole/person.odcs.yaml", "id: person"),
        ("sources/a/x/contract.odcs.yaml", "id: a-x\n"),
        ("sources/a/x/mapping.yaml", "m"),
        ("sources/b/y/contract.odcs.yaml", "id: 'b-y'\n"),
    ];

    #[test]
    fn the_same_files_have_not_changed_whatever_their_folder_is_called() {
        let (run, now) = (digests(&RUN), digests(&RUN));
        assert_eq!(run, now);
        assert!(now.changes_since(&run, ContractUse::Lake).is_empty());
    }

    #[test]
    fn a_push_needs_the_files_of_its_source_and_what_all_share_and_a_day_those_of_all_known() {
        let mut files = RUN.to_vec();
        files[2].1 = "another";
        files.push(("sources/c/z/contract.odcs.yaml", "id: c-z\n"));
        let (run, now) = (digests(&RUN), digests(&files));
        let changes = |used| shown(&now.changes_since(&run, used));

        assert_eq!(
            changes(ContractUse::Lake),
            ["sources/a/x/mapping.yaml (changed)"]
        );
        assert_eq!(
            changes(ContractUse::Source("a-x")),
            ["sources/a/x/mapping.yaml (changed)"]
        );
        assert!(changes(ContractUse::Source("b-y")).is_empty());
        assert_eq!(
            changes(ContractUse::Source("c-z")),
            ["sources/c/z/contract.odcs.yaml (new)"]
        );

        let shared = digests(&[("pole/person.odcs.yaml", "id: person\n"), RUN[3]]);
        assert_eq!(
            shown(&shared.changes_since(&run, ContractUse::Source("b-y"))),
            ["pole/person.odcs.yaml (changed)"]
        );
        assert_eq!(
            shown(&shared.changes_since(&run, ContractUse::Lake)),
            [
                "pole/person.odcs.yaml (changed)",
                "sources/a/x/contract.odcs.yaml (gone)",
                "sources/a/x/mapping.yaml (gone)"
            ]
        );
    }
}

//! Decisions that a draft leaves to its author: until they are made, no function starts with the
//! file.

use std::collections::BTreeMap;
use std::fmt;

use crate::draft::OPEN;
use crate::file::DeclaredFile;
use crate::problem::{Location, Problem};

/// The folder of all sources.
const SOURCES_FOLDER: &str = "sources/";

/// A draft with open decisions: the folder of a source, or a file of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnfinishedDraft {
    /// The folder or the file, below the folder of contracts.
    pub path: String,
    /// The files in it that have open decisions, and how many.
    pub files: BTreeMap<String, usize>,
}

impl UnfinishedDraft {
    /// How many decisions are open.
    #[must_use]
    pub fn count_decisions(&self) -> usize {
        self.files.values().sum()
    }

    /// Whether the file belongs to the draft: its other problems may be of open decisions too.
    #[must_use]
    pub fn has_file(&self, path: &str) -> bool {
        draft_path(path) == self.path
    }
}

impl fmt::Display for UnfinishedDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decisions = match self.count_decisions() {
            1 => "1 open decision".to_owned(),
            count => format!("{count} open decisions"),
        };
        let files: Vec<String> = self
            .files
            .iter()
            .map(|(file, count)| format!("{file} {count}"))
            .collect();
        write!(
            f,
            "an unfinished draft with {decisions}, marked {OPEN} ({})",
            files.join(", ")
        )
    }
}

/// The drafts among the files.
#[must_use]
pub fn find_unfinished_drafts(files: &[DeclaredFile]) -> Vec<UnfinishedDraft> {
    let mut drafts: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for file in files {
        let decisions = find_open_decisions(file).len();
        if decisions > 0 {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let files = drafts.entry(draft_path(&file.path)).or_default();
            files.insert(name.to_owned(), decisions);
        }
    }
    drafts
        .into_iter()
        .map(|(path, files)| UnfinishedDraft {
            path: path.to_owned(),
            files,
        })
        .collect()
}

/// The folder of the source that a file belongs to; of other files the file itself.
fn draft_path(path: &str) -> &str {
    match path.rsplit_once('/') {
        Some((folder, _)) if path.starts_with(SOURCES_FOLDER) => folder,
        _ => path,
    }
}

/// The open decisions of a file, each with its line.
pub(crate) fn find_open_decisions(file: &DeclaredFile) -> Vec<Problem> {
    file.text()
        .lines()
        .enumerate()
        .filter_map(|(index, line)| find_open_decision(file, index + 1, line))
        .collect()
}

fn find_open_decision(file: &DeclaredFile, number: usize, line: &str) -> Option<Problem> {
    let (before, decision) = line.split_once(OPEN)?;
    let location = Location {
        line: number,
        column: before.chars().count() + 1,
    };
    let decision = decision.trim().trim_start_matches([':', ' ']);
    let message = format!("a decision is still open: {decision}");
    Some(Problem::error(&file.path, location, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_the_folder_of_its_source_with_the_decisions_of_each_file() {
        let files = [
            ("pole/person.odcs.yaml", "id: person\n"),
            (
                "sources/a/x/contract.odcs.yaml",
                "id: a-x # TODO the name\nkey: k # TODO\n",
            ),
            ("sources/a/x/mapping.yaml", "# TODO not mapped: $.y\n"),
            ("lists/colours.yaml", "list: colours # TODO\n"),
        ];
        let files = files.map(|(path, text)| DeclaredFile::new(path, text));
        let drafts = find_unfinished_drafts(&files);

        let paths: Vec<&str> = drafts.iter().map(|draft| draft.path.as_str()).collect();
        assert_eq!(paths, ["lists/colours.yaml", "sources/a/x"]);
        assert_eq!(
            drafts[1].to_string(),
            "an unfinished draft with 3 open decisions, marked TODO (contract.odcs.yaml 2, \
             mapping.yaml 1)"
        );
        assert!(drafts[1].has_file("sources/a/x/mapping.yaml"));
        assert!(!drafts[1].has_file("sources/a/y/mapping.yaml"));
    }
}

//! Finds the line of a contract that a problem is about, and reads paths with that line at
//! hand.

use crate::file::DeclaredFile;
use crate::path::EventPath;
use crate::problem::{Location, Problem};

/// A contract's file, for the location of what is wrong in its extension `polelake`.
pub(crate) struct ProblemLocator<'f> {
    pub(crate) file: &'f DeclaredFile,
}

impl ProblemLocator<'_> {
    /// A problem at the first line of the extension that holds `word`.
    pub(crate) fn problem_at(&self, word: &str, message: impl Into<String>) -> Problem {
        let extension = Location::find_word(self.file.text(), "polelake", 1);
        problem_at_word(self.file, word, extension.line, message)
    }

    /// A problem at the first line that holds `word`, from the line of the member `member` on.
    pub(crate) fn problem_in(
        &self,
        member: &str,
        word: &str,
        message: impl Into<String>,
    ) -> Problem {
        let text = self.file.text();
        let extension = Location::find_word(text, "polelake", 1);
        let member = Location::find_word(text, member, extension.line);
        problem_at_word(self.file, word, member.line, message)
    }

    /// A path of the contract.
    pub(crate) fn parse_path(&self, text: &str) -> Result<EventPath, Problem> {
        EventPath::parse(text).map_err(|why| self.problem_at(text, why))
    }

    /// A path that the contract may leave out.
    pub(crate) fn parse_optional_path(
        &self,
        text: Option<&str>,
    ) -> Result<Option<EventPath>, Problem> {
        text.map(|text| self.parse_path(text)).transpose()
    }

    /// Several paths of the contract, in their order.
    pub(crate) fn parse_paths(&self, texts: &[String]) -> Result<Vec<EventPath>, Problem> {
        texts.iter().map(|text| self.parse_path(text)).collect()
    }
}

/// A problem at the first line, from line `from` on, that holds `word`.
pub(crate) fn problem_at_word(
    file: &DeclaredFile,
    word: &str,
    from: usize,
    message: impl Into<String>,
) -> Problem {
    Problem::error(
        &file.path,
        Location::find_word(file.text(), word, from),
        message,
    )
}

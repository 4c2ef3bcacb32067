//! Finds the line of a contract that a problem is about, and reads paths and instants with that line at hand.

use crate::file::DeclaredFile;
use crate::path::EventPath;
use crate::problem::{Location, Problem};
use crate::time::parse_timestamp;

/// A contract's file, for the places of what is wrong in it.
pub(crate) struct ProblemLocator<'f> {
    pub(crate) file: &'f DeclaredFile,
}

impl ProblemLocator<'_> {
    pub(crate) fn problem_at(&self, needle: &str, message: impl Into<String>) -> Problem {
        let begins = Location::find_word(self.file.text(), "polelake", 1).line;
        Problem::error(
            &self.file.path,
            Location::find_word(self.file.text(), needle, begins),
            message,
        )
    }

    pub(crate) fn parse_path(&self, text: &str) -> Result<EventPath, Problem> {
        EventPath::parse(text).map_err(|why| self.problem_at(text, why))
    }

    pub(crate) fn parse_paths(&self, texts: &[String]) -> Result<Vec<EventPath>, Problem> {
        texts.iter().map(|text| self.parse_path(text)).collect()
    }

    pub(crate) fn parse_instant(
        &self,
        name: &str,
        text: Option<&str>,
    ) -> Result<Option<i64>, Problem> {
        let parse = |text: &str| {
            let wrong = || {
                self.problem_at(
                    name,
                    format!("`{name}` is not a timestamp such as 2020-01-01T00:00:00Z"),
                )
            };
            parse_timestamp(text).ok_or_else(wrong)
        };
        text.map(parse).transpose()
    }
}

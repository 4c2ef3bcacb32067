//! Locates what is wrong in a contract's extension, and reads paths with that location at hand.

use serde_json::Value;

use crate::file::DeclaredFile;
use crate::path::EventPath;
use crate::place::DocumentPlace;
use crate::problem::Problem;

/// A contract's file, for the location of what is wrong in its extension `polelake`.
pub(crate) struct ProblemLocator<'f> {
    pub(crate) file: &'f DeclaredFile,
}

impl ProblemLocator<'_> {
    /// A problem at the extension's member or text `word`; within it, at what the message quotes.
    pub(crate) fn problem_at(&self, word: &str, message: impl Into<String>) -> Problem {
        let message = message.into();
        let place = extension_place(self.file).mention(word).quoted_in(&message);
        problem_at(self.file, &place, message)
    }

    /// A problem at `word` within the extension's member `member`.
    pub(crate) fn problem_in(
        &self,
        member: &str,
        word: &str,
        message: impl Into<String>,
    ) -> Problem {
        let place = extension_place(self.file).name(member).mention(word);
        problem_at(self.file, &place, message)
    }

    /// A problem at a place of the extension.
    pub(crate) fn problem_below(
        &self,
        place: DocumentPlace,
        message: impl Into<String>,
    ) -> Problem {
        problem_at(self.file, &extension_place(self.file).join(place), message)
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

/// The value of a contract's extension `polelake`.
pub(crate) fn extension_value(file: &DeclaredFile) -> Option<&Value> {
    let custom = custom_properties(file).get(extension_index(file)?)?;
    custom.get("value")
}

fn custom_properties(file: &DeclaredFile) -> &[Value] {
    let root = file.parsed_value();
    let written = root.and_then(|root| root["customProperties"].as_array());
    written.map(Vec::as_slice).unwrap_or_default()
}

fn extension_index(file: &DeclaredFile) -> Option<usize> {
    let mut customs = custom_properties(file).iter();
    customs.position(|custom| custom["property"] == "polelake")
}

/// The place of a contract's extension `polelake`.
pub(crate) fn extension_place(file: &DeclaredFile) -> DocumentPlace {
    let properties = DocumentPlace::root().name("customProperties");
    match extension_index(file) {
        Some(index) => properties.item(index).name("value"),
        None => properties,
    }
}

/// A problem at a place of a file.
pub(crate) fn problem_at(
    file: &DeclaredFile,
    place: &DocumentPlace,
    message: impl Into<String>,
) -> Problem {
    Problem::error(&file.path, file.locate(place), message)
}

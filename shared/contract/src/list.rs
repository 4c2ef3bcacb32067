//! Reference lists: codes with their labels, and the synonyms that sources write for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::file::DeclaredFile;
use crate::locator::problem_at;
use crate::place::DocumentPlace;
use crate::problem::{Problem, nearest_name_hint};
use crate::yaml;

/// A reference list as it is written in `contracts/lists/<name>.yaml`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ListDocument {
    /// The list's own version: counted up when a code is added, withdrawn or renamed.
    version: String,
    /// What the codes are, and who says so.
    description: String,
    /// The codes.
    codes: Vec<CodeDocument>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CodeDocument {
    /// The code, as it stands in tables.
    code: String,
    /// What it means, for people; the code itself where there is none.
    #[serde(default)]
    label: Option<String>,
    /// Other texts that stand for it in sources, such as `New Build` for `NewBuild`.
    #[serde(default)]
    synonyms: Vec<String>,
    /// What else the list knows of it, such as the ward of a round, by the column's name.
    #[serde(default)]
    columns: BTreeMap<String, String>,
}

/// A reference list.
#[derive(Debug)]
pub struct ReferenceList {
    /// The list's version.
    pub version: String,
    /// What the codes are.
    pub description: String,
    /// Code and label, in the order of the file.
    pub codes: Vec<(String, String)>,
    to_code: Arc<BTreeMap<String, String>>,
    to_label: Arc<BTreeMap<String, String>>,
    /// The values of each further column, by every text of a code.
    columns: BTreeMap<String, BTreeMap<String, String>>,
}

impl ReferenceList {
    /// Reads a list. A text that stands for two codes is refused.
    pub(crate) fn read(file: &DeclaredFile) -> Result<Self, Problem> {
        let document: ListDocument = yaml::read_document(file)?;
        let mut codes = Vec::new();
        let mut to_code = BTreeMap::new();
        let mut to_label = BTreeMap::new();
        let mut columns: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (index, written) in document.codes.into_iter().enumerate() {
            let CodeDocument {
                code,
                label,
                synonyms,
                columns: values,
            } = written;
            let label = label.unwrap_or_else(|| code.clone());
            for text in std::iter::once(&code).chain(&synonyms) {
                if let Some(other) = to_code.insert(text.clone(), code.clone()) {
                    let place = DocumentPlace::root()
                        .name("codes")
                        .item(index)
                        .mention(text);
                    return Err(ambiguous_text(file, &place, text, [&other, &code]));
                }
                to_label.insert(text.clone(), label.clone());
                for (column, value) in &values {
                    let column = columns.entry(column.clone()).or_default();
                    column.insert(text.clone(), value.clone());
                }
            }
            codes.push((code, label));
        }

        Ok(Self {
            version: document.version,
            description: document.description,
            codes,
            to_code: Arc::new(to_code),
            to_label: Arc::new(to_label),
            columns,
        })
    }

    /// From every text that the list knows to its code.
    pub(crate) fn codes_by_text(&self) -> Arc<BTreeMap<String, String>> {
        Arc::clone(&self.to_code)
    }

    /// From every text that the list knows to its value in a further column; of codes without one,
    /// none.
    pub(crate) fn column_by_text(
        &self,
        column: &str,
    ) -> Result<Arc<BTreeMap<String, String>>, String> {
        let values = self.columns.get(column).ok_or_else(|| {
            let near = nearest_name_hint(column, self.columns.keys().map(String::as_str));
            format!("the reference list has no column `{column}`{near}")
        })?;
        Ok(Arc::new(values.clone()))
    }

    /// From every text that the list knows to its label.
    pub(crate) fn labels_by_text(&self) -> Arc<BTreeMap<String, String>> {
        Arc::clone(&self.to_label)
    }
}

fn ambiguous_text(
    file: &DeclaredFile,
    place: &DocumentPlace,
    text: &str,
    [first, second]: [&str; 2],
) -> Problem {
    let message = format!("`{text}` stands for both `{first}` and `{second}`; take it out of one");
    problem_at(file, place, message)
}

/// The reference lists, by name.
#[derive(Debug, Default)]
pub struct ReferenceLists(BTreeMap<String, ReferenceList>);

impl ReferenceLists {
    /// The list of this name, or an error with the nearest name.
    pub(crate) fn get(&self, name: &str) -> Result<&ReferenceList, String> {
        self.0.get(name).ok_or_else(|| {
            let near = nearest_name_hint(name, self.0.keys().map(String::as_str));
            format!("there is no reference list `{name}`{near}")
        })
    }

    /// Every list with its name, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &ReferenceList)> {
        self.0.iter().map(|(name, list)| (name.as_str(), list))
    }

    /// Reads the list in `file` and adds it under the file's name.
    pub(crate) fn add_file(&mut self, file: &DeclaredFile) -> Result<(), Problem> {
        let name = file
            .path
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .trim_end_matches(".yaml");
        let list = ReferenceList::read(file)?;
        self.0.insert(name.to_owned(), list);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> DeclaredFile {
        DeclaredFile::new("lists/kinds.yaml", text)
    }

    #[test]
    fn a_synonym_stands_for_one_code() {
        let text = "version: 1.0.0\ndescription: d\n\
            codes:\n  - {code: A, label: Ah, synonyms: [a]}\n  - {code: B}\n";
        let mut lists = ReferenceLists::default();
        lists.add_file(&file(text)).unwrap();
        let list = lists.get("kinds").unwrap();
        assert_eq!(
            (
                list.codes_by_text()["a"].as_str(),
                list.labels_by_text()["a"].as_str()
            ),
            ("A", "Ah")
        );
        assert_eq!(list.labels_by_text()["B"], "B");
        let rounds = text.replace("{code: B}", "{code: B, columns: {ward: North}}");
        lists.add_file(&file(&rounds)).unwrap();
        let wards = lists.get("kinds").unwrap().column_by_text("ward").unwrap();
        assert_eq!(
            (wards.get("B").map(String::as_str), wards.get("A")),
            (Some("North"), None)
        );
        let why = lists
            .get("kinds")
            .unwrap()
            .column_by_text("wards")
            .unwrap_err();
        assert!(why.contains("`ward`"), "{why}");
        let twice = text.replace("{code: B}", "{code: B, synonyms: [a]}");
        let problem = lists.add_file(&file(&twice)).unwrap_err();
        assert!(problem.message.contains("both `A` and `B`"), "{problem}");
        assert!(lists.get("kind").unwrap_err().contains("`kinds`"));
    }
}

//! The parts of the samples' record that become records of the mapping.

use std::fmt::Write;

use super::fields::Leaf;
use super::guess::SourceGuess;
use super::shapes::ContactShape;
use crate::table::TableContract;

/// A part of the samples' record that becomes a record of the mapping.
pub(super) struct SampleRecordPart<'p> {
    pub(super) name: String,
    pub(super) table: &'static str,
    pub(super) leaves: Vec<Leaf<'p>>,
    pub(super) kind: &'static str,
    /// The namespace of its ids.
    pub(super) namespace: String,
    /// Its key, as a mapping writes it.
    pub(super) key: String,
    /// What has a value where there is such a part, as a mapping writes it: one of these. Without
    /// any there always is one.
    pub(super) present: Vec<String>,
    /// What fills the columns that say what kind of thing a row is.
    pub(super) type_text: String,
    /// As what a person is in the row, where the names of its columns say it.
    pub(super) role: Option<&'static str>,
    /// What the part is, where it is a way to reach a person.
    pub(super) contact: Option<ContactShape>,
}

/// A record of the mapping, as text, with the paths that it uses.
pub(super) struct DraftRecord {
    pub(super) text: String,
    pub(super) paths: Vec<String>,
}

/// What a draft knows of its source.
pub(super) struct DraftContext<'d> {
    pub(super) guess: &'d SourceGuess,
    /// The source's name.
    pub(super) source: &'d str,
    pub(super) dataset: &'d str,
    pub(super) tables: &'d [TableContract],
}

impl SampleRecordPart<'_> {
    /// Writes where there is such a part.
    pub(super) fn write_condition(&self, out: &mut String) {
        let condition = match self.present.as_slice() {
            [] => return,
            [path] if path.starts_with(['"', '\'']) => format!("path: {path}"),
            [expression] => format!("value: {expression}"),
            several => format!("value: {{coalesce: [{}]}}", several.join(", ")),
        };
        let _ = writeln!(out, "    when: {{{condition}, present: true}}");
    }
}

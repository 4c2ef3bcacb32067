//! The position of a walk through a value, and the text of its path. A path names fields and never
//! holds data.

use std::collections::BTreeMap;

/// Paths of one kind that one raw object's receipt counts separately; further paths are counted
/// together.
pub(crate) const PATHS_MAX: usize = 64;

/// A run of so many digits in a name shows that the name holds data.
const DATA_DIGITS_MIN: usize = 4;

/// The longest name of a field, in bytes. A longer one is likely to hold data.
const NAME_BYTES_MAX: usize = 64;

/// The name under which further paths are counted.
const OTHER_PATHS: &str = "(others)";

/// The position of a walk through a value. Its text is built only when there is a finding.
pub(crate) struct WalkedPath<'t> {
    parent: Option<&'t WalkedPath<'t>>,
    name: &'t str,
}

impl<'t> WalkedPath<'t> {
    pub(crate) fn root(name: &'t str) -> Self {
        Self { parent: None, name }
    }

    pub(crate) fn child(&'t self, name: &'t str) -> WalkedPath<'t> {
        WalkedPath {
            parent: Some(self),
            name,
        }
    }

    pub(crate) fn element(&'t self) -> WalkedPath<'t> {
        self.child("[*]")
    }

    pub(crate) fn render_path(&self) -> String {
        let mut path = self.parent.map(WalkedPath::render_path).unwrap_or_default();
        if self.name.starts_with(['$', '[']) {
            path.push_str(self.name);
        } else {
            path.push('.');
            let printable = looks_like_field_name(self.name);
            path.push_str(if printable {
                self.name
            } else {
                "(unprintable)"
            });
        }
        path
    }

    /// The path of what a document at this position has at a path of its own, such as `$.a`.
    pub(crate) fn join(&self, below: &str) -> String {
        format!("{}{}", self.render_path(), below.trim_start_matches('$'))
    }

    pub(crate) fn count_path(&self, counts: &mut BTreeMap<String, u64>) {
        count_path(self.render_path(), counts);
    }
}

/// Counts a path; further ones than a receipt names are counted together.
pub(crate) fn count_path(path: String, counts: &mut BTreeMap<String, u64>) {
    let counted_alone = counts.len() < PATHS_MAX || counts.contains_key(&path);
    let name = if counted_alone {
        path
    } else {
        OTHER_PATHS.to_owned()
    };
    *counts.entry(name).or_default() += 1;
}

/// Whether a field's name looks like one, and may be printed. A producer that makes names of data, such as e-mail
/// addresses or telephone numbers, must not bring them into a receipt.
#[must_use]
pub fn looks_like_field_name(name: &str) -> bool {
    let has_data_digits = name
        .as_bytes()
        .windows(DATA_DIGITS_MIN)
        .any(|run| run.iter().all(u8::is_ascii_digit));

    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.len() <= NAME_BYTES_MAX
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | ':' | '.'))
        && !has_data_digits
}

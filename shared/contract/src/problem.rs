//! A problem in a contract or mapping, said so that its author can mend it.

use std::fmt;

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemLevel {
    /// The file does not compile; no function starts with it.
    Error,
    /// It compiles, and somebody should look.
    Advice,
}

/// What is wrong in a declared file, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was given.
    pub file: String,
    /// Where in it.
    pub location: Location,
    /// What is wrong and what would be right.
    pub message: String,
    /// How much it matters.
    pub level: ProblemLevel,
}

impl Problem {
    pub(crate) fn error(file: &str, place: Location, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            location: place,
            message: message.into(),
            level: ProblemLevel::Error,
        }
    }

    pub(crate) fn advice(file: &str, place: Location, message: impl Into<String>) -> Self {
        Self {
            level: ProblemLevel::Advice,
            ..Self::error(file, place, message)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.location.line > 0 {
            write!(f, ":{}:{}", self.location.line, self.location.column)?;
        }
        write!(f, ": {}", self.message)
    }
}

impl std::error::Error for Problem {}

/// A line and a column, both from 1; line 0 means the whole file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

impl Location {
    /// The whole file.
    pub(crate) const WHOLE_FILE: Self = Self { line: 0, column: 0 };

    /// Where `needle` first stands as a word of its own, outside of comments, in line `from` or later; the beginning of
    /// line `from` when it stands nowhere.
    pub(crate) fn find_word(text: &str, needle: &str, from: usize) -> Self {
        for (place, line) in text.lines().enumerate().skip(from.saturating_sub(1)) {
            let code = if line.trim_start().starts_with('#') {
                ""
            } else {
                line
            };
            if let Some(at) = whole_word_offset(code, needle) {
                return Self {
                    line: place + 1,
                    column: code[..at].chars().count() + 1,
                };
            }
        }
        Self {
            line: from.max(1),
            column: 1,
        }
    }
}

/// Where `needle` stands in `line` without being a part of a longer word.
fn whole_word_offset(line: &str, needle: &str) -> Option<usize> {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    let apart = |at: usize| {
        let before = line[..at].chars().next_back();
        let after = line[at + needle.len()..].chars().next();
        let touches = |edge: Option<char>, other: Option<char>| {
            edge.is_some_and(inside) && other.is_some_and(inside)
        };
        !touches(needle.chars().next(), before) && !touches(needle.chars().next_back(), after)
    };
    line.match_indices(needle)
        .map(|(at, _)| at)
        .find(|at| apart(*at))
}

/// `name` with the nearest of `known`, for "did you mean".
pub(crate) fn nearest_name_hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let best = known
        .map(|candidate| (edit_distance(name, candidate), candidate))
        .min();
    match best {
        Some((steps, candidate)) if steps <= name.len().max(3) / 2 => {
            format!("; the nearest name is `{candidate}`")
        }
        _ => String::new(),
    }
}

/// What serde says of a name that it does not know, with the nearest of those that it does.
pub(crate) fn explain_serde_error(message: &str) -> String {
    let mut message = message.lines().next().unwrap_or_default().to_owned();
    if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        let mut names = message.split('`').skip(1).step_by(2);
        let near = names
            .next()
            .map(|given| nearest_name_hint(given, names))
            .unwrap_or_default();
        message.push_str(&near);
    }
    message
}

/// The name that serde quotes first, to find its line.
pub(crate) fn first_quoted_name(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}

/// Levenshtein's distance: names are short, so the plain table does.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        assert_eq!(
            nearest_name_hint("surnme", ["surname", "title"].into_iter()),
            "; the nearest name is `surname`"
        );
        assert_eq!(nearest_name_hint("xyz", ["surname"].into_iter()), "");
        let said =
            explain_serde_error("unknown field `topik`, expected one of `topic`, `key`\n --> more");
        assert!(said.ends_with("; the nearest name is `topic`"), "{said}");
    }

    #[test]
    fn a_spot_is_a_word_of_its_own() {
        let text = "# name\nfull_name: x\nä: {name: y}\n";
        assert_eq!(
            Location::find_word(text, "name", 1),
            Location { line: 3, column: 5 }
        );
        assert_eq!(
            Location::find_word(text, "full_name", 1),
            Location { line: 2, column: 1 }
        );
        assert_eq!(
            Location::find_word(text, "nothing", 2),
            Location { line: 2, column: 1 }
        );
    }
}

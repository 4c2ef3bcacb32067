//! A problem in a contract or mapping, described so that its author can fix it.

use std::fmt;

/// How much a problem matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemLevel {
    /// The file does not compile; no function starts with it.
    Error,
    /// It compiles, and its author should look at it.
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
    /// A problem with which the file does not compile.
    pub(crate) fn error(file: &str, location: Location, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            location,
            message: message.into(),
            level: ProblemLevel::Error,
        }
    }

    /// A problem with which the file compiles.
    pub(crate) fn advice(file: &str, location: Location, message: impl Into<String>) -> Self {
        Self {
            level: ProblemLevel::Advice,
            ..Self::error(file, location, message)
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if self.location.line > 0 {
            write!(f, ":{}:{}", self.location.line, self.location.column)?;
        }
        // A message quotes the contract, and a problem is one line of several.
        write!(f, ": {}", self.message.replace('\n', "\\n"))
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

    /// Where the parser saw it.
    pub(crate) fn from_parser(location: serde_saphyr::Location) -> Self {
        Self {
            line: usize::try_from(location.line()).unwrap_or_default(),
            column: usize::try_from(location.column()).unwrap_or_default(),
        }
    }
}

/// The nearest of the known names, as the end of an error message; empty where none is near.
#[must_use]
pub fn nearest_name_hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
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
    }

    #[test]
    fn a_problem_is_one_line_whatever_it_quotes() {
        let problem = Problem::error("a.yaml", Location::WHOLE_FILE, "no `x\n0 errors`");
        assert_eq!(problem.to_string(), "a.yaml: no `x\\n0 errors`");
    }
}

//! A problem in a contract or mapping, said so that its author can mend it.

use std::fmt;

/// What is wrong in a declared file, where, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was given.
    pub file: String,
    /// The line, from 1; 0 when the whole file is meant.
    pub line: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}: {}", self.file, self.message)
        } else {
            write!(f, "{}:{}: {}", self.file, self.line, self.message)
        }
    }
}

impl std::error::Error for Problem {}

/// `name` with the nearest of `known`, for "did you mean".
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let best = known.map(|candidate| (distance(name, candidate), candidate)).min();
    match best {
        Some((steps, candidate)) if steps <= name.len().max(3) / 2 => {
            format!("; the nearest name is `{candidate}`")
        }
        _ => String::new(),
    }
}

/// Levenshtein's distance: names are short, so the plain table does.
fn distance(a: &str, b: &str) -> usize {
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

/// The line, from 1, of the first place after line `from` where `needle` stands; `from` when it stands nowhere.
pub(crate) fn line_of(text: &str, needle: &str, from: usize) -> usize {
    let skipped = from.saturating_sub(1);
    text.lines()
        .skip(skipped)
        .position(|line| line.contains(needle))
        .map_or(from, |found| skipped + found + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_far_one_is_not() {
        assert_eq!(nearest("surnme", ["surname", "title"].into_iter()), "; the nearest name is `surname`");
        assert_eq!(nearest("xyz", ["surname"].into_iter()), "");
    }
}

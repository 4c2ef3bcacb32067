//! The workspace's own Rust files, read as text: for tests about how the code is written.

use std::ops::Range;
use std::path::Path;

use crate::lake_under_test::{repository_root, visit_files};

/// A Rust file, its unit tests blanked.
pub(crate) struct RustSource {
    /// Its path from the repository's root, such as `shared/lake/src/day.rs`.
    pub(crate) path: String,
    /// Its text, with unit tests blanked; lines and columns stay.
    pub(crate) text: String,
}

impl RustSource {
    /// A file that is no file of the workspace.
    pub(crate) fn synthetic(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    /// The text with comments and the insides of string literals blanked; lines and columns stay.
    pub(crate) fn code(&self) -> String {
        blank_pieces(&self.text, true)
    }

    /// The literals of every `format!` call, each with its line from 1.
    pub(crate) fn format_literals(&self) -> Vec<(usize, String)> {
        let text = blank_pieces(&self.text, false);
        text.match_indices("format!(")
            .filter_map(|(start, call)| {
                let argument = text[start + call.len()..].trim_start();
                let (piece, length) = next_piece(argument);
                let literal = &argument[..length];
                (piece == Piece::Literal).then(|| {
                    let content = &literal[content_range(literal)];
                    (line_of(&text, start), content.to_owned())
                })
            })
            .collect()
    }
}

/// The Rust files below folders of the repository, without files of unit tests.
pub(crate) fn read_sources(folders: &[&str]) -> Vec<RustSource> {
    let root = repository_root();
    let sources: Vec<RustSource> = rust_files(folders)
        .iter()
        .filter(|path| !holds_unit_tests(path))
        .map(|path| read_source(&root, path))
        .collect();
    assert!(sources.len() > 20, "there are too few files: {folders:?}");
    sources
}

/// The paths of all Rust files below folders of the repository, from its root.
pub(crate) fn rust_files(folders: &[&str]) -> Vec<String> {
    let root = repository_root();
    let mut paths = Vec::new();
    for folder in folders {
        visit_files(&root.join(folder), &mut |path| {
            if is_rust(path) {
                let below_root = path.strip_prefix(&root).unwrap();
                paths.push(below_root.to_string_lossy().into_owned());
            }
        });
    }
    paths.sort();
    paths
}

fn is_rust(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "rs")
}

/// Whether a file holds unit tests alone: `tests.rs` of a module, or a part of it.
fn holds_unit_tests(path: &str) -> bool {
    let below_source = path.split_once("/src/").map_or("", |(_, below)| below);
    path.ends_with("/tests.rs") || below_source.contains("tests/")
}

fn read_source(root: &Path, path: &str) -> RustSource {
    let text = std::fs::read_to_string(root.join(path)).unwrap();
    RustSource::synthetic(path, &blank_unit_tests(&text))
}

/// The text with every item blanked that only tests have.
fn blank_unit_tests(text: &str) -> String {
    let code = blank_pieces(text, true);
    let mut blanked = String::with_capacity(text.len());
    let mut done = 0;
    for (start, attribute) in code.match_indices("#[cfg(test)]") {
        let end = item_end(&code, start + attribute.len());
        blanked.push_str(&text[done..start.max(done)]);
        blank_into(&mut blanked, &text[start.max(done)..end.max(done)]);
        done = end.max(done);
    }
    blanked.push_str(&text[done..]);
    blanked
}

/// Where an item ends: at a semicolon, or at the brace that closes its first.
fn item_end(code: &str, start: usize) -> usize {
    let mut depth = 0;
    for (position, byte) in code.bytes().enumerate().skip(start) {
        match byte {
            b';' if depth == 0 => return position + 1,
            b'{' => depth += 1,
            b'}' if depth <= 1 => return position + 1,
            b'}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// The line of a position, from 1.
pub(crate) fn line_of(text: &str, position: usize) -> usize {
    text[..position].matches('\n').count() + 1
}

/// What a stretch of a Rust file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piece {
    Comment,
    Literal,
    Code,
}

/// The kind and the length of the stretch that begins the text. Code comes one character or name at
/// a time.
fn next_piece(text: &str) -> (Piece, usize) {
    let up_to = |end: &str, from: usize| {
        text[from..]
            .find(end)
            .map_or(text.len(), |found| from + found + end.len())
    };
    if text.starts_with("//") {
        return (Piece::Comment, text.find('\n').unwrap_or(text.len()));
    }
    if text.starts_with("/*") {
        return (Piece::Comment, up_to("*/", 2));
    }
    if let Some(hashes) = raw_hashes(text) {
        let opening = text.find('"').unwrap_or_default() + 1;
        return (Piece::Literal, up_to(&format!("\"{hashes}"), opening));
    }
    match text.as_bytes() {
        [b'"', ..] => (Piece::Literal, quoted_length(text)),
        [b'\'', b'\\', _, ..] => (Piece::Code, up_to("'", 3)),
        [b'\'', _, b'\'', ..] => (Piece::Code, 3),
        _ => (Piece::Code, name_length(text)),
    }
}

/// The hashes of a raw string literal that begins the text.
fn raw_hashes(text: &str) -> Option<&str> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = &after[..after.len() - after.trim_start_matches('#').len()];
    after[hashes.len()..].starts_with('"').then_some(hashes)
}

fn quoted_length(text: &str) -> usize {
    let mut is_escaped = false;
    for (position, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !is_escaped => return position + 1,
            b'\\' => is_escaped = !is_escaped,
            _ => is_escaped = false,
        }
    }
    text.len()
}

/// The length of the name that begins the text, or of one other character.
fn name_length(text: &str) -> usize {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let name = text.find(|c| !is_name(c)).unwrap_or(text.len());
    if name > 0 {
        name
    } else {
        text.chars().next().map_or(1, char::len_utf8)
    }
}

/// Where the content of a literal is, between its quotes. One that the end of the text cuts off has
/// only the first.
fn content_range(literal: &str) -> Range<usize> {
    let start = literal.find('"').map_or(0, |quote| quote + 1);
    let end = literal.rfind('"').filter(|end| *end >= start);
    start..end.unwrap_or(literal.len())
}

/// The text with its comments blanked, and with `literals` the insides of its string literals too.
fn blank_pieces(text: &str, literals: bool) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (piece, length) = next_piece(rest);
        let (stretch, after) = rest.split_at(length);
        match piece {
            Piece::Comment => blank_into(&mut blanked, stretch),
            Piece::Literal if literals => {
                let content = content_range(stretch);
                blanked.push_str(&stretch[..content.start]);
                blank_into(&mut blanked, &stretch[content.clone()]);
                blanked.push_str(&stretch[content.end..]);
            }
            Piece::Literal | Piece::Code => blanked.push_str(stretch),
        }
        rest = after;
    }
    blanked
}

/// Spaces for every byte but line ends.
fn blank_into(blanked: &mut String, stretch: &str) {
    blanked.extend(
        stretch
            .bytes()
            .map(|byte| if byte == b'\n' { '\n' } else { ' ' }),
    );
}

#[test]
fn comments_and_literals_are_blanked_and_lines_stay() {
    let text = "let a = \"x // \\\" y\"; // é z\nlet b = r#\"raw \"q\" /* \"#; /* c\n\
        d */ let c = '\"';\nlet r = 'r';";
    let source = RustSource::synthetic("a.rs", text);

    let code = source.code();
    assert_eq!(code.lines().count(), text.lines().count());
    for gone in ["x", "y\"", "z", "raw", "c\nd"] {
        assert!(!code.contains(gone), "{gone} in {code}");
    }
    for kept in [
        "let a = \"",
        "let b = r#\"",
        "let c = '\"';",
        "let r = 'r';",
    ] {
        assert!(code.contains(kept), "{kept} in {code}");
    }
}

#[test]
fn unit_tests_are_blanked_and_code_after_them_stays() {
    let text = "#[cfg(test)]\nmod tests;\nfn a() {}\n#[cfg(test)]\nmod more { fn b() { \"}\" } }\n\
        fn c() {}\n";
    let blanked = blank_unit_tests(text);
    assert_eq!(
        blanked.split_whitespace().collect::<String>(),
        "fna(){}fnc(){}"
    );
    assert_eq!(
        (
            blanked.len(),
            line_of(&blanked, blanked.find("fn c").unwrap())
        ),
        (text.len(), 6)
    );
}

#[test]
fn format_calls_give_their_literals() {
    let text =
        "let a = format!(\"raw/{}\", b);\n// format!(\"no\")\nlet c = format!(\n    r\"x{d}\"\n);";
    let literals = RustSource::synthetic("a.rs", text).format_literals();
    assert_eq!(literals, [(1, "raw/{}".to_owned()), (3, "x{d}".to_owned())]);
}

//! Documents compared with the code: commands, flags, files, symbols and links that they name
//! exist, and nothing stale stands in them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;

use crate::lake_under_test::{repository_root, visit_files};

/// A document, by its path below the root.
struct Document {
    path: String,
    text: String,
}

impl Document {
    /// The text without fenced blocks: what is said, not what is typed.
    fn prose(&self) -> String {
        pattern(r"(?s)```.*?```")
            .replace_all(&self.text, "")
            .into_owned()
    }

    /// The lines of the shell blocks; a line that ends in a backslash is joined to the next.
    fn shell_lines(&self) -> Vec<String> {
        let joined = pattern(r"\\\n\s*")
            .replace_all(&self.text, " ")
            .into_owned();
        pattern(r"(?s)```sh[^\n]*\n(.*?)```")
            .captures_iter(&joined)
            .flat_map(|block| block[1].lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }

    fn is_changelog(&self) -> bool {
        self.path == "CHANGELOG.md"
    }
}

fn pattern(text: &str) -> Regex {
    Regex::new(text).unwrap()
}

/// Every document that people read, in the order of its path.
fn documents() -> Vec<Document> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for folder in ["docs", "functions", "infra", "examples"] {
        visit_files(&repository_root().join(folder), &mut |path| {
            paths.push(path.to_owned());
        });
    }
    for name in [
        "README.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
    ] {
        paths.push(repository_root().join(name));
    }

    paths.retain(|path| {
        let is_markdown = path.extension().is_some_and(|extension| extension == "md");
        is_markdown
            && !path
                .components()
                .any(|part| part.as_os_str() == "node_modules")
    });
    paths.sort();
    let documents: Vec<Document> = paths.iter().map(|path| read_document(path)).collect();
    assert!(documents.len() > 40, "the documents have moved");
    documents
}

fn read_document(path: &Path) -> Document {
    let below_root = path.strip_prefix(repository_root()).unwrap();
    Document {
        path: below_root.to_string_lossy().into_owned(),
        text: std::fs::read_to_string(path).unwrap(),
    }
}

#[track_caller]
fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}", faults.join("\n"));
}

/// The help of a command, from the command itself; none when there is no such command.
struct Helps {
    known: BTreeMap<Vec<String>, Option<String>>,
}

impl Helps {
    fn of(&mut self, arguments: &[&str]) -> Option<String> {
        let key: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        self.known
            .entry(key)
            .or_insert_with(|| read_help(arguments))
            .clone()
    }
}

fn read_help(arguments: &[&str]) -> Option<String> {
    let output = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"))
        .args(arguments)
        .arg("--help")
        .output()
        .unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

/// A command that a document shows: the words behind the program's name.
fn shown_commands(document: &Document) -> Vec<(bool, String)> {
    let typed = pattern(
        r"(?:^|[|&;(]\s*)(cargo run(?: --bin polelake-bench)? -- |polelake-bench |polelake )([^|&;#>]*)",
    );
    let named = pattern(r"`(polelake(?:-bench)? )([a-z][a-z-]+[^`]*)`");
    let lines = document.shell_lines();

    let in_blocks = lines.iter().flat_map(|line| typed.captures_iter(line));
    let prose = document.prose();
    let in_prose = named.captures_iter(&prose);
    in_blocks
        .chain(in_prose)
        .map(|shown| (shown[1].contains("bench"), shown[2].trim().to_owned()))
        .collect()
}

/// What is wrong with a shown command.
fn check_command(is_bench: bool, shown: &str, helps: &mut Helps) -> Option<String> {
    let words: Vec<&str> = shown.split_whitespace().collect();
    // A placeholder, or the program alone with an option.
    let first = words.first()?;
    if !first.starts_with(|c: char| c.is_ascii_lowercase()) {
        return None;
    }

    let mut path = if is_bench { vec!["bench"] } else { Vec::new() };
    path.push(first);
    let Some(help) = helps.of(&path) else {
        return Some(format!("no command `{shown}`"));
    };
    let listed =
        |word: &str| pattern(&format!(r"(?m)^  {}\b", regex::escape(word))).is_match(&help);
    if let Some(second) = words.get(1)
        && second.chars().all(|c| c.is_ascii_lowercase() || c == '-')
        && !second.starts_with('-')
        && listed(second)
    {
        path.push(second);
    }

    let help = helps.of(&path)?;
    let flags = pattern(r"(?:^|\s)(--[a-z][a-z-]+)");
    let unknown = flags
        .captures_iter(shown)
        .map(|flag| flag[1].to_owned())
        .find(|flag| !help.contains(flag.as_str()));
    unknown.map(|flag| format!("no option {flag} in `{shown}`"))
}

#[test]
fn commands_and_options_that_documents_show_exist() {
    let mut helps = Helps {
        known: BTreeMap::new(),
    };
    let (mut faults, mut shown_count) = (Vec::new(), 0);
    for document in documents() {
        if document.is_changelog() {
            continue;
        }
        for (is_bench, shown) in shown_commands(&document) {
            shown_count += 1;
            let fault = check_command(is_bench, &shown, &mut helps);
            faults.extend(fault.map(|fault| format!("{}: {fault}", document.path)));
        }
    }
    assert!(shown_count > 60, "only {shown_count} commands were found");
    assert_none(&faults);
}

#[test]
fn a_command_that_does_not_exist_is_noticed() {
    let mut helps = Helps {
        known: BTreeMap::new(),
    };
    assert!(check_command(false, "demmo", &mut helps).is_some());
    assert!(check_command(false, "audit --deeply", &mut helps).is_some());
    assert!(check_command(false, "snapshot diff A B --colour", &mut helps).is_some());
    assert!(check_command(true, "land --events 5", &mut helps).is_none());
    assert!(check_command(false, "quality report 2026-03-03 --junit x", &mut helps).is_none());
}

#[test]
fn files_that_documents_name_exist() {
    let path_pattern = pattern(
        r"`((?:shared|functions|cli|tests|infra|contracts|docs|examples|\.github|\.ci)/[A-Za-z0-9_./*-]+)`",
    );
    let file_pattern = pattern(r"`([a-z_]+\.rs)`");
    let rust_files: BTreeSet<String> = rust_sources()
        .iter()
        .map(|(path, _)| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();

    let mut faults = Vec::new();
    for document in documents()
        .iter()
        .filter(|document| !document.is_changelog())
    {
        let prose = document.prose();
        for named in path_pattern.captures_iter(&prose) {
            // The walk of add-a-source.md makes this folder.
            let is_made_by_the_walk = named[1].starts_with("contracts/sources/library");
            if !is_made_by_the_walk && !exists(&named[1]) {
                faults.push(format!("{}: there is no {}", document.path, &named[1]));
            }
        }
        for named in file_pattern.captures_iter(&prose) {
            if !rust_files.contains(&named[1]) {
                faults.push(format!(
                    "{}: no file is called {}",
                    document.path, &named[1]
                ));
            }
        }
    }
    assert_none(&faults);
}

/// Whether a path exists; a `*` stands for any one name.
fn exists(path: &str) -> bool {
    let mut folders = vec![repository_root()];
    for part in path.trim_end_matches('/').split('/') {
        folders = folders
            .iter()
            .flat_map(|folder| matching_entries(folder, part))
            .collect();
    }
    !folders.is_empty()
}

fn matching_entries(folder: &Path, part: &str) -> Vec<PathBuf> {
    if !part.contains('*') {
        let path = folder.join(part);
        return if path.exists() {
            vec![path]
        } else {
            Vec::new()
        };
    }

    let name_pattern = format!("^{}$", regex::escape(part).replace(r"\*", ".*"));
    let name_pattern = pattern(&name_pattern);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter(|entry| name_pattern.is_match(&entry.file_name().to_string_lossy()))
        .map(|entry| entry.path())
        .collect()
}

fn rust_sources() -> Vec<(PathBuf, String)> {
    let mut sources = Vec::new();
    for folder in ["shared", "functions", "cli", "tests"] {
        visit_files(&repository_root().join(folder), &mut |path| {
            if path.extension().is_some_and(|extension| extension == "rs") {
                sources.push((path.to_owned(), std::fs::read_to_string(path).unwrap()));
            }
        });
    }
    sources
}

#[test]
fn symbols_that_documents_name_exist() {
    let code: String = rust_sources().into_iter().map(|(_, text)| text).collect();
    let defined: BTreeSet<String> =
        pattern(r"\b(?:fn|struct|enum|trait|const|static|type|mod)\s+(\w+)")
            .captures_iter(&code)
            .map(|definition| definition[1].to_owned())
            .collect();
    let symbol = pattern(r"`([a-z_]+(?:::[A-Za-z_]+)+)(?:\(\))?`");

    let mut faults = Vec::new();
    for document in documents()
        .iter()
        .filter(|document| !document.is_changelog())
    {
        for named in symbol.captures_iter(&document.prose()) {
            let last = named[1].rsplit("::").next().unwrap_or_default().to_owned();
            if !defined.contains(&last) {
                faults.push(format!("{}: nothing defines {}", document.path, &named[1]));
            }
        }
    }
    assert_none(&faults);
}

/// A heading's anchor, as Markdown renderers make it.
fn anchor(heading: &str) -> String {
    let plain = pattern(r"[^\w\- ]")
        .replace_all(&heading.to_lowercase(), "")
        .into_owned();
    plain.trim().replace(' ', "-")
}

fn anchors(document: &Document) -> BTreeSet<String> {
    pattern(r"(?m)^#+ (.*)$")
        .captures_iter(&document.prose())
        .map(|heading| anchor(&heading[1]))
        .collect()
}

#[test]
fn links_lead_somewhere() {
    let documents = documents();
    let known: BTreeMap<PathBuf, BTreeSet<String>> = documents
        .iter()
        .map(|document| (repository_root().join(&document.path), anchors(document)))
        .collect();
    let link = pattern(r"\[[^\]]*\]\(([^)\s]+)\)");

    let mut faults = Vec::new();
    for document in &documents {
        let own_path = repository_root().join(&document.path);
        for target in link.captures_iter(&document.prose()) {
            let target = target[1].to_owned();
            if target.starts_with("http") {
                continue;
            }
            let (file, heading) = target.split_once('#').unwrap_or((&target, ""));
            let path = match file {
                "" => own_path.clone(),
                file => own_path.parent().unwrap().join(file),
            };
            if !path.exists() {
                faults.push(format!("{}: {target} leads nowhere", document.path));
            } else if let Some(anchors) = known.get(&normalised(&path))
                && !heading.is_empty()
                && !anchors.contains(heading)
            {
                faults.push(format!("{}: {target} has no such heading", document.path));
            }
        }
    }
    assert_none(&faults);
}

/// The path without `..`, below the same root as the documents' paths.
fn normalised(path: &Path) -> PathBuf {
    let real = std::fs::canonicalize(path).unwrap();
    let real_root = std::fs::canonicalize(repository_root()).unwrap();
    repository_root().join(real.strip_prefix(real_root).unwrap())
}

#[test]
fn nothing_stale_stands_in_documents() {
    // Counts that a change makes wrong, commands of an earlier layout, marks of what was still to
    // be filled in.
    let stale = [
        r"\b\d+ (?:sources|tables|rules|ADRs|crates)\b",
        r"\b(?:in|of) \d+ lines\b",
        r"\bpolelake bench\b",
        r"cargo test --workspace",
        r"@@[^@\n]+@@",
    ];
    // Arguments and limits, not counts of what the repository holds.
    let meant = ["48 tables", "3 tables"];
    let uncounted = ["CHANGELOG.md", "docs/cost.md", "docs/pole-standard.md"];

    let mut faults = Vec::new();
    for document in documents() {
        let counts_its_own_facts =
            uncounted.contains(&document.path.as_str()) || document.path.starts_with("docs/adr/");
        for stale in stale {
            if counts_its_own_facts && !stale.starts_with("@@") {
                continue;
            }
            for found in pattern(stale).find_iter(&document.text) {
                if !meant.contains(&found.as_str()) {
                    faults.push(format!("{}: `{}`", document.path, found.as_str()));
                }
            }
        }
    }
    assert_none(&faults);
}

#[test]
fn every_decision_is_in_the_index_under_its_title() {
    let index = read_document(&repository_root().join("docs/adr/README.md")).text;
    let title = pattern(r"(?m)^# (\d{4}):? (.*)$");
    let mut count = 0;
    for document in documents() {
        let is_decision = document.path.starts_with("docs/adr/0");
        if !is_decision {
            continue;
        }
        count += 1;
        let title = title
            .captures(&document.text)
            .unwrap_or_else(|| panic!("{} has no title", document.path));
        let file = document.path.rsplit('/').next().unwrap_or_default();
        let line = index
            .lines()
            .find(|line| line.contains(&format!("({file})")));
        let line = line.unwrap_or_else(|| panic!("{file} is not in the index"));
        assert!(
            line.contains(title[2].trim()),
            "{file} has another title: {line}"
        );
    }
    assert!(count > 25);
}

#[test]
fn the_glossary_is_in_alphabetical_order() {
    let glossary = read_document(&repository_root().join("docs/glossary.md"));
    let terms: Vec<String> = pattern(r"(?m)^\| ([^|]+) \|")
        .captures_iter(&glossary.text)
        .map(|row| row[1].trim().trim_matches('`').to_lowercase())
        .filter(|term| term != "term" && !term.starts_with("---"))
        .collect();
    let mut sorted = terms.clone();
    sorted.sort();
    sorted.dedup();
    assert!(terms.len() > 40);
    assert_eq!(terms, sorted);
}

//! Rules of the repository's code that no compiler checks. Each is an absence, so that a test can
//! find what breaks it.

use std::collections::BTreeMap;
use std::path::Path;

use crate::lake_under_test::repository_root;
use crate::rust_source::{RustSource, line_of, read_sources, rust_files};

/// Where the product's code is.
const CODE: [&str; 3] = ["functions", "shared", "cli"];

/// Lines of a file, of tests as well.
const FILE_LINES_MAX: usize = 500;

/// The crates of `shared`, each of which may depend on those before it.
const SHARED_CRATES: [&str; 8] = [
    "pole",
    "contract",
    "quality",
    "lake",
    "store",
    "trigger",
    "host",
    "operations",
];

/// The functions, none of which depends on another.
const FUNCTIONS: [&str; 5] = [
    "event-relay",
    "raw-landing",
    "pole-transform",
    "snapshot-merge",
    "quality-report",
];

/// Fails when `text` is in a line of code of these folders, but for the files that are allowed to
/// have it.
#[track_caller]
fn assert_absent(folders: &[&str], text: &str, allowed_files: &[&str]) {
    for source in read_sources(folders) {
        let position = source.code().find(text);
        assert!(
            position.is_none() || is_named(&source, allowed_files),
            "`{text}` in {}:{}",
            source.path,
            line_of(&source.text, position.unwrap_or_default())
        );
    }
}

/// Whether the file's path ends with one of these names or paths.
fn is_named(source: &RustSource, files: &[&str]) -> bool {
    files
        .iter()
        .any(|file| Path::new(&source.path).ends_with(file))
}

#[test]
fn only_the_context_reads_the_environment() {
    assert_absent(&["functions", "shared"], "env::var", &["context.rs"]);
}

#[test]
fn no_run_date_comes_from_the_wall_clock() {
    // Deadlines, the ages of connections and secrets, and the end of a token: none of these is a
    // date of a run. `clock.rs` refuses days and events that have not begun.
    let clocks = [
        "host/src/clock.rs",
        "budget.rs",
        "telemetry.rs",
        "producer.rs",
        "relay.rs",
        "fetch.rs",
        "secret.rs",
        "caller.rs",
        "redrive.rs",
        "event-relay/src/queue/sink.rs",
        "event-relay/src/retry.rs",
    ];
    assert_absent(&["functions", "shared"], "::now()", &clocks);
}

#[test]
fn krafka_is_used_in_one_folder() {
    let folder = [
        "connection.rs",
        "producer.rs",
        "properties.rs",
        "properties/tests.rs",
        "reader.rs",
        "topics.rs",
    ];
    let files = folder.map(|file| format!("event-relay/src/kafka/{file}"));
    let mut files: Vec<&str> = files.iter().map(String::as_str).collect();
    // And by the consumer of one benchmark.
    files.push("bench/src/land_peers/whole_topic.rs");
    assert_absent(&CODE, "krafka::", &files);
}

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    for path in rust_files(&[&CODE[..], &["tests"]].concat()) {
        let text = std::fs::read_to_string(repository_root().join(&path)).unwrap();
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            long.push(format!("{path} has {lines} lines"));
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn files_have_no_open_ends() {
    // The synthetic council has a code that no list has; drafts mark what a person must decide.
    let with_marks = ["synthetic/days.rs", "draft/mod.rs", "contract/new.rs"];
    for source in read_sources(&CODE) {
        for mark in ["TODO", "FIXME", "XXX"] {
            assert!(
                !source.text.contains(mark) || is_named(&source, &with_marks),
                "{mark} in {}",
                source.path
            );
        }
    }
}

#[test]
fn type_names_are_unique() {
    let repeated = find_repeated_types(&read_sources(&["functions", "shared", "cli", "tests"]));
    assert!(repeated.is_empty(), "{}", repeated.join("\n"));
}

/// The names of types that several declarations have, with their files. Every function has its own
/// `Context`.
fn find_repeated_types(sources: &[RustSource]) -> Vec<String> {
    let mut places: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for source in sources {
        for name in declared_types(&source.code()) {
            places.entry(name).or_default().push(&source.path);
        }
    }

    places
        .iter()
        .filter(|(name, files)| files.len() > 1 && *name != "Context")
        .map(|(name, files)| format!("{name}: {}", files.join(", ")))
        .collect()
}

/// The types that the code declares. An indented `type` is a trait's, and stands for another in
/// each implementation.
fn declared_types(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for line in code.lines() {
        let is_indented = line.starts_with(' ');
        let mut words = line
            .split_whitespace()
            .skip_while(|word| word.starts_with("pub"));
        let is_type = match words.next() {
            Some("struct" | "enum" | "trait") => true,
            Some("type") => !is_indented,
            _ => false,
        };
        let name = words
            .next()
            .unwrap_or_default()
            .split(|c: char| !c.is_alphanumeric())
            .next()
            .unwrap_or_default();
        if is_type && !name.is_empty() {
            names.push(name.to_owned());
        }
    }
    names
}

#[test]
fn a_planted_type_is_found() {
    let one =
        "pub struct Books<'a> {\n    type Value = u8;\n}\nstruct Context;\n// struct Comment;";
    let two =
        "pub(crate) enum Books {}\n    type Value = u8;\ntrait Other: Send {}\nstruct Context;";
    let sources = [
        RustSource::synthetic("shared/x/src/a.rs", one),
        RustSource::synthetic("shared/y/src/b.rs", two),
    ];
    assert_eq!(
        find_repeated_types(&sources),
        ["Books: shared/x/src/a.rs, shared/y/src/b.rs"]
    );
}

#[test]
fn dependencies_point_one_way() {
    for (position, name) in SHARED_CRATES.iter().enumerate() {
        let manifest = read_cargo_manifest(&format!("shared/{name}"));
        let later = SHARED_CRATES[position + 1..]
            .iter()
            .find(|later| depends_on(&manifest, later));
        assert!(
            later.is_none(),
            "{name} depends on {}",
            later.unwrap_or(&"")
        );
    }
}

#[test]
fn functions_stand_alone_and_have_a_readme() {
    for function in FUNCTIONS {
        let folder = format!("functions/{function}");
        let manifest = read_cargo_manifest(&folder);
        assert!(
            !FUNCTIONS.iter().any(|other| depends_on(&manifest, other)),
            "{function} imports another function"
        );

        let readme = repository_root().join(folder).join("README.md");
        assert!(readme.is_file(), "{function} has no README");
    }
}

fn read_cargo_manifest(folder: &str) -> String {
    std::fs::read_to_string(repository_root().join(folder).join("Cargo.toml")).unwrap()
}

fn depends_on(manifest: &str, name: &str) -> bool {
    let dependency = format!("{name}.workspace");
    manifest.lines().any(|line| line.starts_with(&dependency))
}

//! Modules of a crate use each other in one direction: a circle of modules can only be understood
//! as a whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::rust_source::{RustSource, read_sources};

/// Which module uses which, each named from its crate's root by at most two names, such as
/// `iceberg::day`.
type ModuleGraph = BTreeMap<String, BTreeSet<String>>;

/// The names of a file's module from its crate's root; none for the root itself.
fn module_path(source: &RustSource) -> Option<Vec<String>> {
    let (_, below) = source.path.split_once("/src/")?;
    let mut names: Vec<String> = below
        .strip_suffix(".rs")?
        .split('/')
        .map(str::to_owned)
        .collect();
    names.pop_if(|last| last == "mod");
    let is_root = matches!(names.as_slice(), [only] if only == "lib" || only == "main");
    (!names.is_empty() && !is_root).then_some(names)
}

/// The longest known module, of at most two names, that the path leads into.
fn known_module(path: &[String], known: &BTreeSet<String>) -> Option<String> {
    let lengths = [2, 1].into_iter().filter(|length| *length <= path.len());
    lengths
        .map(|length| path[..length].join("::"))
        .find(|name| known.contains(name))
}

/// The paths below `crate` and `super` that a file uses, from the crate's root.
fn used_paths(code: &str, module: &[String]) -> Vec<Vec<String>> {
    let parent = &module[..module.len() - 1];
    let mut paths = Vec::new();
    for (root, base) in [("crate::", [].as_slice()), ("super::", parent)] {
        for (start, _) in code.match_indices(root) {
            let before = &code[..start];
            if !before.ends_with(is_name_character) && !before.ends_with("super::") {
                collect_paths(&code[start + root.len()..], base.to_vec(), &mut paths);
            }
        }
    }
    paths
}

fn is_name_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Adds the paths that begin the text: one, or in braces a list of them.
fn collect_paths(text: &str, mut base: Vec<String>, paths: &mut Vec<Vec<String>>) {
    if let Some(list) = text.strip_prefix('{') {
        for entry in list_entries(list) {
            collect_paths(entry, base.clone(), paths);
        }
        return;
    }

    let end = text.find(|c| !is_name_character(c)).unwrap_or(text.len());
    let name = &text[..end];
    if name == "super" {
        base.pop();
    } else {
        base.push(name.to_owned());
    }
    match text[end..].strip_prefix("::") {
        Some(rest) => collect_paths(rest, base, paths),
        None => paths.push(base),
    }
}

/// The entries of a list in braces, up to the brace that ends it; lists within an entry stay whole.
fn list_entries(text: &str) -> Vec<&str> {
    let mut entries = Vec::new();
    let mut depth = 0;
    let mut start = 0;
    for (position, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                entries.push(text[start..position].trim());
                start = position + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    entries
}

/// The graph of a crate's files.
fn build_graph(sources: &[&RustSource]) -> ModuleGraph {
    let modules: Vec<(Vec<String>, String)> = sources
        .iter()
        .filter_map(|source| Some((module_path(source)?, source.code())))
        .collect();
    let known: BTreeSet<String> = modules
        .iter()
        .map(|(path, _)| path[..path.len().min(2)].join("::"))
        .collect();

    let mut graph = ModuleGraph::new();
    for (path, code) in &modules {
        let Some(user) = known_module(path, &known) else {
            continue;
        };
        for used in used_paths(code, path) {
            let used = known_module(&used, &known).filter(|used| !is_same_or_within(&user, used));
            graph.entry(user.clone()).or_default().extend(used);
        }
    }
    graph
}

/// Whether one of the modules is the other, or within it: a module and its children may know each
/// other.
fn is_same_or_within(one: &str, other: &str) -> bool {
    let is_within = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    is_within(one, other) || is_within(other, one)
}

/// The modules that can be reached from one.
fn reachable<'g>(graph: &'g ModuleGraph, from: &str) -> BTreeSet<&'g str> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from.to_owned()];
    while let Some(module) = open.pop() {
        for used in graph.get(&module).into_iter().flatten() {
            if reached.insert(used.as_str()) {
                open.push(used.clone());
            }
        }
    }
    reached
}

/// The modules of each crate that use themselves through others, as `crate: module module ...`.
fn find_cycles(sources: &[RustSource]) -> Vec<String> {
    let mut crates: BTreeMap<&str, Vec<&RustSource>> = BTreeMap::new();
    for source in sources {
        if let Some((name, _)) = source.path.split_once("/src/") {
            crates.entry(name).or_default().push(source);
        }
    }

    let mut cycles = Vec::new();
    for (name, files) in crates {
        let graph = build_graph(&files);
        let circular: Vec<&str> = graph
            .keys()
            .map(String::as_str)
            .filter(|module| reachable(&graph, module).contains(module))
            .collect();
        if !circular.is_empty() {
            cycles.push(format!("{name}: {}", circular.join(" ")));
        }
    }
    cycles
}

#[test]
fn modules_do_not_use_each_other_in_a_circle() {
    let cycles = find_cycles(&read_sources(&["functions", "shared", "cli"]));
    assert!(cycles.is_empty(), "{}", cycles.join("\n"));
}

#[test]
fn modules_in_one_direction_are_no_cycle() {
    let sources = [
        RustSource::synthetic(
            "shared/x/src/lib.rs",
            "mod a;\nmod b;\nmod c;\npub use a::A;",
        ),
        RustSource::synthetic(
            "shared/x/src/a.rs",
            "use crate::b::{B, helper};\npub struct A;",
        ),
        RustSource::synthetic(
            "shared/x/src/b/mod.rs",
            "mod inner;\nuse self::inner::Inner;",
        ),
        RustSource::synthetic("shared/x/src/b/inner.rs", "use crate::{c, d::D};"),
        RustSource::synthetic("shared/x/src/c.rs", "fn run() { super::d::start(); }"),
        RustSource::synthetic(
            "shared/x/src/d.rs",
            "// use crate::a::A;\nconst A: &str = \"crate::a\";",
        ),
        RustSource::synthetic("shared/y/src/a.rs", "use crate::b;"),
        RustSource::synthetic("shared/y/src/b.rs", "use x::a;"),
    ];
    assert_eq!(find_cycles(&sources), Vec::<String>::new());
}

#[test]
fn a_planted_cycle_is_found() {
    let sources = [
        RustSource::synthetic(
            "shared/x/src/a.rs",
            "use crate::{\n    c::{C, D},\n    b::B,\n};",
        ),
        RustSource::synthetic("shared/x/src/b.rs", "use super::a;"),
        RustSource::synthetic("shared/x/src/c.rs", ""),
        RustSource::synthetic("shared/x/src/d/e.rs", "use super::f::F;"),
        RustSource::synthetic("shared/x/src/d/f.rs", "use crate::d::e::E;"),
        // Three modules, the last of them from a child: g -> h -> i -> g.
        RustSource::synthetic("shared/x/src/g.rs", "fn run() { crate::h::run(); }"),
        RustSource::synthetic("shared/x/src/h.rs", "use super::i;"),
        RustSource::synthetic("shared/x/src/i.rs", "mod child { use super::super::g; }"),
    ];
    assert_eq!(find_cycles(&sources), ["shared/x: a b d::e d::f g h i"]);
}

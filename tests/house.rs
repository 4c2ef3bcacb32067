//! The house's invariants, each an absence: they are easier to keep than to mend.

use std::path::{Path, PathBuf};

use crate::lake_under_test::{repository_root, visit_files};

/// Our Rust files below the folders, without tests.
fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in folders {
        visit_files(&repository_root().join(folder), &mut |path| {
            let test = path.components().any(|part| part.as_os_str() == "tests.rs");
            if path.extension().is_some_and(|extension| extension == "rs") && !test {
                let text = std::fs::read_to_string(path).unwrap();
                let code = text
                    .split("#[cfg(test)]")
                    .next()
                    .unwrap_or_default()
                    .to_owned();
                files.push((path.to_owned(), code));
            }
        });
    }
    assert!(files.len() > 20, "the house has moved");
    files
}

#[track_caller]
fn nowhere(folders: &[&str], needle: &str, but: impl Fn(&Path) -> bool) {
    for (path, text) in sources(folders) {
        let here = text
            .lines()
            .position(|line| line.contains(needle) && !line.trim_start().starts_with("//"));
        assert!(
            but(&path) || here.is_none(),
            "`{needle}` in {}:{}",
            path.display(),
            here.unwrap_or_default() + 1
        );
    }
}

fn named(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|found| found == name)
}

#[test]
fn only_the_context_reads_the_environment() {
    nowhere(&["functions", "shared"], "env::var", |path| {
        named(path, "context.rs")
    });
}

#[test]
fn keys_are_made_in_the_lake_and_nowhere_else() {
    for needle in ["partition={", "epoch={", "shard={", "date={"] {
        nowhere(&["functions", "shared", "cli/src"], needle, |path| {
            path.to_string_lossy().contains("shared/lake/")
        });
    }
}

#[test]
fn no_run_date_comes_from_the_wall_clock() {
    // Deadlines, the ages of connections and secrets, and the end of a token: none of these is a date of a run.
    let clocks = [
        "budget.rs",
        "telemetry.rs",
        "producer.rs",
        "relay.rs",
        "fetch.rs",
        "secret.rs",
        "caller.rs",
    ];
    let allowed = |path: &Path| clocks.iter().any(|name| named(path, name));
    nowhere(&["functions", "shared"], "::now()", allowed);
}

#[test]
fn krafka_stands_in_one_file() {
    nowhere(&["functions", "shared", "cli/src"], "krafka::", |path| {
        named(path, "producer.rs")
    });
}

#[test]
fn files_are_short_and_hold_no_loose_ends() {
    for (path, text) in sources(&["functions", "shared", "cli/src"]) {
        assert!(
            text.lines().count() <= 500,
            "{} has {} lines",
            path.display(),
            text.lines().count()
        );
        for loose in ["TODO", "FIXME", "XXX"] {
            // The town has a code that nobody knows; drafts mark what a person must decide.
            let meant = ["days.rs", "draft/mod.rs", "contract/new.rs"]
                .iter()
                .any(|file| path.ends_with(file));
            assert!(
                !text.contains(loose) || meant,
                "{loose} in {}",
                path.display()
            );
        }
    }
}

#[test]
fn dependencies_point_one_way() {
    let order = [
        "pole", "contract", "quality", "lake", "store", "trigger", "host",
    ];
    let manifest = |folder: &str| {
        std::fs::read_to_string(repository_root().join(folder).join("Cargo.toml")).unwrap()
    };
    let depends = |text: &str, name: &str| {
        text.lines()
            .any(|line| line.starts_with(&format!("{name}.workspace")))
    };
    for (place, name) in order.iter().enumerate() {
        let text = manifest(&format!("shared/{name}"));
        let later = order[place + 1..]
            .iter()
            .find(|later| depends(&text, later));
        assert!(
            later.is_none(),
            "{name} depends on {}",
            later.unwrap_or(&"")
        );
    }
    let functions = [
        "event-relay",
        "raw-landing",
        "pole-transform",
        "snapshot-merge",
        "quality-report",
    ];
    for function in functions {
        let text = manifest(&format!("functions/{function}"));
        assert!(
            !functions.iter().any(|other| depends(&text, other)),
            "{function} imports another function"
        );
        assert!(
            repository_root()
                .join(format!("functions/{function}/README.md"))
                .is_file(),
            "{function} has no README"
        );
    }
}

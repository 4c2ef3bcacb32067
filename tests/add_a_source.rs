//! The walk of `docs/add-a-source.md`, as it stands: a stranger who follows it arrives.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::lake_under_test::{copy_contracts, parquet_rows, repository_root};

/// A fenced block: what stands behind its fence, and what is in it.
struct Block {
    info: String,
    text: String,
}

fn blocks(markdown: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let text: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            found.push(Block {
                info: info.to_owned(),
                text: text.join("\n") + "\n",
            });
        }
    }
    found
}

fn shell(folder: &Path, line: &str) -> Output {
    let binary = format!("'{}'", env!("CARGO_BIN_EXE_polelake-under-test"));
    let line = line.replace("cargo run --", &binary);
    Command::new("sh")
        .arg("-c")
        .arg(line)
        .current_dir(folder)
        .output()
        .unwrap()
}

fn run(folder: &Path, block: &Block) {
    let wanted = block
        .info
        .strip_prefix("sh exit=")
        .map_or(0, |code| code.parse().unwrap());
    for line in block.text.lines() {
        let output = shell(folder, line);
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(wanted), "{line}\n{said}");
    }
}

#[test]
fn a_stranger_arrives() {
    let folder = std::env::temp_dir().join(format!("polelake-walk-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    copy_contracts(&folder.join("contracts"));
    let page = std::fs::read_to_string(repository_root().join("docs/add-a-source.md")).unwrap();
    let mut ran = 0;
    for block in blocks(&page) {
        match block.info.split_once(" file=") {
            Some((_, file)) => std::fs::write(folder.join(file), &block.text).unwrap(),
            None if block.info.starts_with("sh") => {
                run(&folder, &block);
                ran += 1;
            }
            None => panic!("what is to be done with `{}`?", block.info),
        }
    }
    assert_eq!(ran, 4, "the page's steps");
    arrived(&folder.join("polelake-data/s3"));
    std::fs::remove_dir_all(folder).unwrap();
}

/// The day's report, for machines.
fn report(site: &Path) -> Value {
    let mut data = std::fs::read_dir(site.join("data")).unwrap().flatten();
    let report = data.find(|entry| entry.path().is_file()).unwrap();
    serde_json::from_slice(&std::fs::read(report.path()).unwrap()).unwrap()
}

fn arrived(s3: &Path) {
    let report = report(&s3.join("site"));
    assert_eq!(report["sources"]["library-loans"]["refined"], 3);
    assert_eq!(
        report["sources"]["library-loans"]["undeclared"],
        serde_json::json!({})
    );
    for (table, count) in [
        ("object", 3),
        ("person", 2),
        ("location", 2),
        ("link", 6),
        ("event", 4),
    ] {
        assert_eq!(report["tables"][table]["rows"], count, "{table}");
    }
    let key = report["tables"]["person"]["shards"][0]["rows_file"]["key"]
        .as_str()
        .unwrap();
    let people = parquet_rows(std::fs::read(s3.join("curated").join(key)).unwrap().into());
    let jay = people
        .iter()
        .find(|row| row["surname"] == "Specimen")
        .unwrap();
    assert_eq!(jay.get("date_of_birth"), None, "the placeholder is none");
    let page = std::fs::read_to_string(s3.join("site/table/object.html")).unwrap();
    assert!(
        page.contains("library-loans: $.Title"),
        "the page tells where a column comes from"
    );
    assert!(
        std::fs::read_to_string(s3.join("site/index.html"))
            .unwrap()
            .contains("library-loans")
    );
}

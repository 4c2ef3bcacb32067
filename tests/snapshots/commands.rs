//! The commands by which an operator lists, shows and compares the days of a table.

use std::path::Path;

use serde_json::{Value, json};

use super::{TUESDAY, told};
use crate::lake_under_test::{LakeUnderTest, MONDAY, repository_root};
use crate::quarantine::polelake;
use crate::readers::{has, python};

/// The line that `show` prints for a reader.
fn reading_line(shown: &Value, reader: &str) -> String {
    let lines = shown["reading"].as_array().unwrap();
    lines.iter().find(|line| line["reader"] == reader).unwrap()["line"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Runs the lines that `show` prints with the readers that are here: how many rows they see.
fn read(shown: &Value) -> Vec<u64> {
    let mut seen = Vec::new();
    if has("duckdb", "duckdb") {
        let script = "import sys, duckdb\nrows = duckdb.sql(sys.argv[1])\nassert 'shard' not in rows.columns\nprint(len(rows.fetchall()))";
        seen.extend(python(script, &[reading_line(shown, "DuckDB")]).as_u64());
    }
    if has("pyarrow", "pyarrow") {
        let script = "import sys\nsetup, rows = sys.argv[1].split('; ')\nexec(setup)\nprint(eval(rows).num_rows)";
        seen.extend(python(script, &[reading_line(shown, "PyArrow")]).as_u64());
    }
    seen
}

/// Runs a `snapshot` command on the lake under the shipped contracts.
fn snapshot(lake: &LakeUnderTest, arguments: &[&str]) -> (i32, Value, String) {
    let contracts = repository_root().join("contracts");
    polelake(lake, &contracts, &[&["snapshot"], arguments].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_lists_shows_and_compares_days() {
    let lake = LakeUnderTest::start().await;
    run_two_days(&lake).await;

    assert_days_are_listed(&lake);
    assert_day_is_shown(&lake);
    assert_diff_hides_values(&lake);
    assert_diff_counts_rows(&lake);
    assert_absent_is_told(&lake);
}

/// A person on Monday; on Tuesday they have another name, and there is a second person.
async fn run_two_days(lake: &LakeUnderTest) {
    let first = told("PersonCreatedEvent", 1, 1, "Adelheid");
    lake.push_events("housing-person", &[first]).await;
    lake.run_day(MONDAY).await;

    lake.set_date(TUESDAY);
    let renamed = told("PersonCreatedEvent", 1, 2, "Brunhild");
    lake.push_events("housing-person", &[renamed]).await;
    let second = told("PersonCreatedEvent", 2, 2, "Cunegund");
    lake.push_events("housing-person", &[second]).await;
    lake.run_day(TUESDAY).await;
}

fn assert_days_are_listed(lake: &LakeUnderTest) {
    let (code, listed, text) = snapshot(lake, &["ls", "--table", "person", "--json"]);
    assert_eq!((code, listed.as_array().unwrap().len()), (0, 2), "{text}");

    let (code, _, text) = snapshot(lake, &["ls"]);
    assert!(
        code == 0 && text.contains("person_name") && text.contains(TUESDAY),
        "{text}"
    );
}

/// A day is shown with its counts, its files, and lines that readers can use.
fn assert_day_is_shown(lake: &LakeUnderTest) {
    let (code, shown, text) = snapshot(lake, &["show", "person", TUESDAY, "--json"]);
    assert_eq!((code, &shown["manifest"]["rows"]), (0, &json!(2)), "{text}");
    assert!(read(&shown).iter().all(|rows| *rows == 2));
    let hint = shown["iceberg_hint"].as_str().unwrap();
    assert!(Path::new(hint).is_file(), "{hint}");

    let (_, _, text) = snapshot(lake, &["show", "person", TUESDAY]);
    let key = &lake.read_manifest("person", TUESDAY).shards[0]
        .rows_file
        .key;
    assert!(
        text.contains(&*lake.object_path("curated", key).to_string_lossy()),
        "{text}"
    );
    assert!(
        text.contains("housing-person") && text.contains("built on 2026-03-02"),
        "{text}"
    );
}

/// A diff tells which columns changed; names are shown only when they are asked for.
fn assert_diff_hides_values(lake: &LakeUnderTest) {
    let days = ["diff", MONDAY, TUESDAY, "--table", "person", "--rows", "9"];
    let (code, _, text) = snapshot(lake, &days);
    assert!(
        code == 0 && text.contains("given_name: (personal") && text.contains("given_name 1"),
        "{text}"
    );
    assert!(
        !["Adelheid", "Brunhild", "Cunegund"]
            .iter()
            .any(|name| text.contains(name)),
        "{text}"
    );

    let (_, _, text) = snapshot(lake, &[&days[..], &["--values"]].concat());
    assert!(
        text.contains(r#"given_name: "Adelheid" -> "Brunhild""#) && text.contains("Cunegund"),
        "{text}"
    );
}

/// A diff of all tables counts the rows of each.
fn assert_diff_counts_rows(lake: &LakeUnderTest) {
    let (code, told, text) = snapshot(lake, &["diff", MONDAY, TUESDAY, "--json"]);
    let tables = told["tables"].as_array().unwrap();
    assert_eq!(
        (code, tables.len()),
        (0, lake.count_merged_tables()),
        "{text}"
    );

    let person = tables
        .iter()
        .find(|table| table["table"] == "person")
        .unwrap();
    assert_eq!(
        (&person["added"], &person["changed"]),
        (&json!(1), &json!(1))
    );
}

/// A day or a table that is not there is told with what is there.
fn assert_absent_is_told(lake: &LakeUnderTest) {
    let (code, _, text) = snapshot(lake, &["show", "person", "2026-02-01"]);
    assert!(code == 2 && text.contains(MONDAY), "{text}");
    let (code, _, text) = snapshot(lake, &["diff", MONDAY, "2026-04-01"]);
    assert!(
        code == 2 && text.contains("nearest to it: 2026-03-03"),
        "{text}"
    );
    let (code, _, text) = snapshot(lake, &["show", "persons", MONDAY]);
    assert!(code == 2 && text.contains("there are"), "{text}");
}

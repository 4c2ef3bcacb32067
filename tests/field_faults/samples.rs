//! What lint finds by a source's samples and declared types: keys that are not unique, times that
//! never parse, and counts in another unit.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use contract::{Catalogue, DeclaredFile};
use polelake::sample_faults::find_sample_problems;

use super::time::{CONTRACT, MAPPING};
use crate::days_in_memory::{contracts, problems_of};

/// A folder with the samples of one source, gone with the test.
struct SampleFolder(PathBuf);

impl SampleFolder {
    fn of(contract: &str, samples: &[(&str, &str)]) -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let number = COUNTER.fetch_add(1, Ordering::SeqCst);
        let name = format!("polelake-samples-{}-{number}", std::process::id());
        let folder = Self(std::env::temp_dir().join(name));
        folder.write("contract.odcs.yaml", contract);
        for (name, text) in samples {
            folder.write(&format!("samples/{name}"), text);
        }
        folder
    }

    fn write(&self, name: &str, text: &str) {
        let file = self.0.join("sources/test/clock").join(name);
        std::fs::create_dir_all(file.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(file, text).unwrap();
    }
}

impl Drop for SampleFolder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn declared(event_time: &str) -> String {
    CONTRACT.replace("EVENT_TIME", event_time)
}

fn clock_files(contract: &str) -> [DeclaredFile; 2] {
    [("contract.odcs.yaml", contract), ("mapping.yaml", MAPPING)].map(|(name, text)| {
        DeclaredFile::new(format!("sources/test/clock/{name}"), text.to_owned())
    })
}

/// What the samples of the source show, as text.
fn shown(contract: &str, samples: &[(&str, &str)]) -> String {
    let catalogue: Catalogue = contracts(|files| files.extend(clock_files(contract)));
    let folder = SampleFolder::of(contract, samples);
    let problems = find_sample_problems(&catalogue, &folder.0).unwrap();
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

#[test]
fn m3_two_rows_of_a_file_with_one_key_are_an_error_with_both_lines() {
    let without_time = declared("event_time_default: 2020-01-01T00:00:00Z");
    for (rows, found) in [
        (
            "{\"id\": \"a\", \"text\": \"2026-03-01\"}\n\n{\"id\": \" a\", \"text\": \"2026-03-02\"}\n",
            "different",
        ),
        ("{\"id\": \"a\"}\n\n{\"id\": \"a\"}\n", "equal"),
    ] {
        let why = shown(&without_time, &[("rows.jsonl", rows)]);
        let place = "sources/test/clock/samples/rows.jsonl:3:1: rows 1 and 3";
        assert!(why.starts_with(place), "{why}");
        assert!(why.contains(found) && why.contains("($.id)"), "{why}");
        assert!(why.contains("`row-number` in `backfill.key`"), "{why}");
    }
    let timed = declared("event_time: $.at");
    let rows = "{\"id\": \"a\", \"at\": \"2026-03-01\", \"text\": \"2026-03-01\"}\n\
                {\"id\": \"a\", \"at\": \"2026-03-01\", \"text\": \"2026-03-02\"}\n";
    let why = shown(&timed, &[("rows.jsonl", rows)]);
    assert!(
        why.contains("rows 1 and 2 of the file are two different rows"),
        "{why}"
    );
}

#[test]
fn m3_rows_of_a_table_are_those_that_its_reader_counts() {
    let without_time = "event_time_default: 2020-01-01T00:00:00Z\n      \
        files: {skip_rows: 1}\n      \
        backfill: {event_type: reading, key: [$.id], time_default: 2020-01-01T00:00:00Z}";
    let rows = "Readings,,,\nid,at,text,short\na,,,\nb,,,\na,,,\n";
    let why = shown(&declared(without_time), &[("rows.csv", rows)]);
    let place = "sources/test/clock/samples/rows.csv:5:1: rows 3 and 5";
    assert!(why.starts_with(place), "{why}");
    assert!(why.contains("delete it from the sample"), "{why}");
}

#[test]
fn m3_a_record_that_changes_over_time_is_no_error() {
    let timed = declared("event_time: $.at");
    let rows = "{\"id\": \"a\", \"at\": \"2026-03-01\", \"text\": \"2026-03-01\"}\n\
                {\"id\": \"a\", \"at\": \"2026-03-02\", \"text\": \"2026-03-02\"}\n\
                {\"id\": \"a\", \"at\": \"2026-03-02\", \"text\": \"2026-03-02\"}\n\
                {\"id\": \"b\", \"at\": \"2026-03-02\"}\n{broken\n";
    assert_eq!(shown(&timed, &[("rows.jsonl", rows)]), "");
    // States of a stream without times lie in files of their own.
    let without_time = declared("event_time_default: 2020-01-01T00:00:00Z");
    let states = [
        ("open.json", "{\"id\": \"a\", \"text\": \"2026-03-01\"}"),
        ("done.json", "{\"id\": \"a\", \"text\": \"2026-03-02\"}"),
        ("rows.jsonl", "{\"id\": \"a\"}\n{\"id\": \"b\"}\n"),
    ];
    assert_eq!(shown(&without_time, &states), "");
}

#[test]
fn l1_a_number_that_is_copied_as_a_time_is_an_error_that_names_epoch() {
    let number = "logicalType: integer";
    let contract = declared("event_time: $.at");
    let contract = contract.replace(
        "      - name: at\n        logicalType: string\n",
        &format!("      - name: at\n        {number}\n"),
    );
    let contract = contract.replace(
        "        customProperties: [{property: polelake, value: {accepts: [number]}}]\n",
        "",
    );
    let why = problems_of(clock_files(&contract).to_vec());
    assert!(
        why.contains("event_time: {epoch: {from: $.at, unit: millis}}"),
        "{why}"
    );
    assert!(
        why.starts_with("sources/test/clock/contract.odcs.yaml:"),
        "{why}"
    );

    // A column of dates likewise.
    let contract = declared("event_time: $.at");
    let contract = contract.replace(
        "{name: text, logicalType: string",
        "{name: text, logicalType: number",
    );
    let why = problems_of(clock_files(&contract).to_vec());
    assert!(why.contains("occurred_at: {epoch: {from: $.text"), "{why}");
    assert!(why.contains("occurred_on: {epoch: {from: $.text"), "{why}");
}

#[test]
fn l1_a_time_that_no_sample_has_is_an_error() {
    let contract = declared("event_time: $.at");
    let slashes = ("a.json", "{\"id\": \"a\", \"at\": \"02/03/2026 08:00\"}");
    let why = shown(&contract, &[slashes]);
    assert!(
        why.starts_with("sources/test/clock/samples/a.json: `event_time` reads no"),
        "{why}"
    );
    let right = (
        "b.json",
        "{\"id\": \"b\", \"at\": \"2026-03-02T08:00:00Z\"}",
    );
    assert_eq!(shown(&contract, &[slashes, right]), "");
}

#[test]
fn z7_a_count_in_another_unit_is_an_error_by_the_samples() {
    for (unit, at) in [
        ("millis", "1772438400"),
        ("micros", "1772438400000"),
        ("nanos", "1772438400000000"),
        ("millis", "0"),
        ("millis", "-62135596800000"),
        ("seconds", "1772438400000"),
    ] {
        let time = format!("event_time: {{epoch: {{from: $.at, unit: {unit}}}}}");
        let contract = declared(&time);
        let sample = format!("{{\"id\": \"a\", \"at\": {at}}}");
        let why = shown(&contract, &[("a.json", sample.as_str())]);
        assert!(
            why.contains("`event_time` reads no sample's time at $.at"),
            "{unit} {at}: {why}"
        );
    }
}

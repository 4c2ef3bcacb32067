//! Keys of objects are written in `shared/lake` alone: a key that two crates write can be written
//! in two ways.

use crate::rust_source::{RustSource, read_sources};

/// What the keys of the data's zones begin with.
const ZONE_PREFIXES: [&str; 4] = ["raw/", "refined/", "curated/", "quarantine/"];

/// What the keys of the site's pages and of the reports begin with.
const SITE_PREFIXES: [&str; 4] = ["data/{", "day/{", "table/{", "source/{"];

/// Parts that only keys have.
const KEY_PARTS: [&str; 16] = [
    "epoch={",
    "partition={",
    "shard={",
    "date={",
    "/v={",
    "_state/",
    "_records/",
    "_manifests/",
    "_receipts/",
    "_work/",
    "_log/",
    "_swept/",
    "_erasures",
    "_losses/",
    "_events/",
    "metadata/{",
];

/// What the keys of objects end with.
const KEY_SUFFIXES: [&str; 7] = [
    ".parquet", ".json", ".ndjson", ".avro", ".html", ".xml", ".text",
];

/// Whether the literal of a `format!` call writes the key of an object, with or without its bucket
/// before it.
fn is_object_key(literal: &str) -> bool {
    let key = literal
        .strip_prefix("s3://{")
        .and_then(|rest| rest.split_once("}/"))
        .map_or(literal, |(_, key)| key);
    let is_named = KEY_SUFFIXES.iter().any(|suffix| key.ends_with(suffix));

    ZONE_PREFIXES.iter().any(|zone| key.starts_with(zone))
        || KEY_PARTS.iter().any(|part| key.contains(part))
        || (is_named && SITE_PREFIXES.iter().any(|prefix| key.starts_with(prefix)))
        || (is_named && joins_prefix_and_name(key))
}

/// Whether it begins with two placeholders side by side, as a prefix and a name: `{}{name}.json`.
fn joins_prefix_and_name(key: &str) -> bool {
    key.starts_with('{')
        && key
            .split_once('}')
            .is_some_and(|(_, rest)| rest.starts_with('{'))
}

/// The places of keys outside of the lake, as `path:line: literal`.
fn find_keys_outside_lake(sources: &[RustSource]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        if source.path.starts_with("shared/lake/") {
            continue;
        }
        for (line, literal) in source.format_literals() {
            if is_object_key(&literal) {
                found.push(format!("{}:{line}: {literal}", source.path));
            }
        }
    }
    found
}

#[test]
fn keys_are_written_in_the_lake_alone() {
    let found = find_keys_outside_lake(&read_sources(&["functions", "shared", "cli"]));
    assert!(
        found.is_empty(),
        "move these into a function of shared/lake:\n{}",
        found.join("\n")
    );
}

#[test]
fn a_key_is_known_from_a_text_that_is_none() {
    for key in [
        "raw/{topic}/",
        "s3://{}/curated/{}/",
        "quarantine/date={day}/{}",
        "{}{:020}.parquet",
        "{prefix}{name}.metadata.json",
        "table/{}.json",
        "{}date={day}/{}",
    ] {
        assert!(is_object_key(key), "{key}");
    }
    for text in [
        "{topic}.json",
        "{source}-{}.json",
        "s3://{}/{}",
        "table/{name}",
        "'{folder}/s3/curated/{}'",
        "{}: {error}",
        "quality/{}/{day}",
    ] {
        assert!(!is_object_key(text), "{text}");
    }
}

#[test]
fn a_planted_key_is_found() {
    let planted = "fn key(t: &str) -> String {\n    format!(\"refined/{t}/x\")\n}\n";
    let sources = [
        RustSource::synthetic("shared/lake/src/chunk.rs", planted),
        RustSource::synthetic("functions/f/src/lib.rs", planted),
    ];
    assert_eq!(
        find_keys_outside_lake(&sources),
        ["functions/f/src/lib.rs:2: refined/{t}/x"]
    );
}

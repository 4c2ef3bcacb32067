//! The bills of materials of the functions name what is compiled into them, and nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on must stop"
)]

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use infra_tests::{FUNCTIONS, repository_root};
use serde_json::Value;

/// Licences under which the project may pass a crate on, alone or as a choice.
const LICENCES: [&str; 11] = [
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CC0-1.0",
    // The list of root certificates.
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// The bills, written once for all tests of the process.
fn bills() -> &'static [(&'static str, Value)] {
    static BILLS: OnceLock<Vec<(&'static str, Value)>> = OnceLock::new();
    BILLS.get_or_init(write_bills)
}

fn write_bills() -> Vec<(&'static str, Value)> {
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bills");
    let run = Command::new(repository_root().join("infra/sbom"))
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );

    let read = |function: &'static str| {
        let text = std::fs::read_to_string(out.join(format!("{function}.cdx.json")));
        (function, serde_json::from_str(&text.unwrap()).unwrap())
    };
    FUNCTIONS.map(read).into()
}

fn components(bill: &Value) -> &[Value] {
    bill["components"].as_array().unwrap()
}

/// Whether one of the licences of each part of an expression is among those that are allowed.
fn is_licence_allowed(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], " ");
    plain.split(" AND ").all(|part| {
        part.split(" OR ").any(|one| {
            let name = one.split(" WITH ").next().unwrap_or_default().trim();
            LICENCES.contains(&name)
        })
    })
}

#[test]
fn a_bill_names_what_is_compiled_into_a_function() {
    for (function, bill) in bills() {
        assert_eq!(bill["metadata"]["component"]["name"], *function);
        let names: BTreeSet<&str> = components(bill)
            .iter()
            .filter_map(|component| component["name"].as_str())
            .collect();
        for linked in ["lambda_runtime", "aws-sdk-s3", "tokio", "store"] {
            assert!(names.contains(linked), "{function} lacks {linked}");
        }
        // What only tests, the command or a build use.
        for absent in ["axum", "proptest", "clap", "cc", "local-platform", "insta"] {
            assert!(!names.contains(absent), "{function} has {absent}");
        }
    }
}

#[test]
fn every_crate_from_elsewhere_has_a_digest_and_an_allowed_licence() {
    for (function, bill) in bills() {
        for component in components(bill) {
            let name = component["name"].as_str().unwrap();
            let is_own = repository_root().join("shared").join(name).is_dir();
            let digest = component["hashes"][0]["content"].as_str();
            assert!(
                is_own || digest.is_some_and(|digest| digest.len() == 64),
                "{name}"
            );

            let licence = component["licenses"][0]["expression"].as_str();
            let is_allowed = licence.is_some_and(is_licence_allowed);
            assert!(
                is_own || is_allowed,
                "{function}: {name} has the licence {licence:?}"
            );
        }
    }
}

#[test]
fn licences_are_read_with_their_choices() {
    for (expression, expected) in [
        ("MIT OR Apache-2.0", true),
        ("Unlicense OR MIT", true),
        ("(Apache-2.0 OR MIT) AND BSD-3-Clause", true),
        ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
        ("GPL-3.0-only", false),
        ("MIT AND GPL-3.0-only", false),
        ("AGPL-3.0 OR SSPL-1.0", false),
    ] {
        assert_eq!(is_licence_allowed(expression), expected, "{expression}");
    }
}

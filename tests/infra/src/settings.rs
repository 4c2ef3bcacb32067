//! The settings that a function's `context.rs` reads.

use std::collections::BTreeSet;

/// The names of environment variables that a `context.rs` reads, without those that Lambda itself
/// sets.
#[must_use]
pub fn settings_read_by(context: &str) -> BTreeSet<String> {
    let calls = [
        "required_text(\"",
        "optional_text(\"",
        "number_or(\"",
        "choice(\"",
        "number_from(\"",
    ];
    let named = calls.iter().flat_map(|call| context.split(call).skip(1));
    let names = named.filter_map(|rest| rest.split_once('"').map(|(name, _)| name.to_owned()));
    names.filter(|name| !name.starts_with("AWS_")).collect()
}

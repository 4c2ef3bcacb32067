//! The settings that a function's `context.rs` reads.

use std::collections::BTreeSet;

/// The names of environment variables that a `context.rs` reads, itself or by a function of
/// `host`, without those that Lambda itself sets. `host` is the text of that crate.
#[must_use]
pub fn settings_read_by(context: &str, host: &str) -> BTreeSet<String> {
    let shared = host
        .split("\npub fn ")
        .skip(1)
        .filter(|function| is_called_with_settings(function, context));
    let bodies = shared.filter_map(|function| function.split("\n}\n").next());
    std::iter::once(context)
        .chain(bodies)
        .flat_map(settings_named_in)
        .collect()
}

/// Whether a function of `host`, by its text from its name on, takes settings and is called with
/// them.
fn is_called_with_settings(function: &str, context: &str) -> bool {
    function
        .split_once("(settings: &mut Settings")
        .is_some_and(|(name, _)| context.contains(&format!("host::{name}(&mut settings")))
}

/// The names that a text asks settings for.
fn settings_named_in(text: &str) -> Vec<String> {
    let calls = [
        "required_text(\"",
        "optional_text(\"",
        "number_or(\"",
        "choice(\"",
        "number_from(\"",
    ];
    let named = calls.iter().flat_map(|call| text.split(call).skip(1));
    let names = named.filter_map(|rest| rest.split_once('"').map(|(name, _)| name.to_owned()));
    names.filter(|name| !name.starts_with("AWS_")).collect()
}

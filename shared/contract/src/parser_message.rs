//! What the parsers say of a value that does not fit, in the words of contracts: a parser names types
//! of the program, which no author of a contract knows.

use serde_json::Value;

use crate::problem::nearest_name_hint;

/// The types of whole numbers from 0, and those of all whole numbers.
const COUNT_TYPES: [&str; 6] = ["u8", "u16", "u32", "u64", "u128", "usize"];
const WHOLE_TYPES: [&str; 6] = ["i8", "i16", "i32", "i64", "i128", "isize"];

/// Characters of a text that a message repeats.
const QUOTED_CHARS_MAX: usize = 40;

/// Why the value at a path of a declared file does not fit: what stands there, where that is known,
/// and what must.
pub(crate) fn explain_misfit(message: &str, path: &str, found: Option<&Value>) -> String {
    let message = parser_words(message);
    let Some(expected) = expected_words(message) else {
        return explain_parser_message(message);
    };
    let subject = match path {
        "" | "." | "?" => "this".to_owned(),
        path => format!("`{path}`"),
    };
    match found {
        Some(found) if found.is_u64() && expected == type_words("u32") => {
            format!("{subject} is the number `{found}`, which is too large")
        }
        Some(found) => format!("{subject} must be {expected}, not {}", value_words(found)),
        None => format!("{subject} must be {expected}"),
    }
}

/// A parser's message without its location, which the problem has itself; an unknown name gets the
/// nearest of the known ones.
pub(crate) fn explain_parser_message(message: &str) -> String {
    let message = parser_words(message);
    if let Some(name) = repeated_name(message) {
        return format!("`{name}` stands twice");
    }
    if message.starts_with("multiple YAML documents") {
        return "the file holds several documents: give each a file of its own".to_owned();
    }
    if message.starts_with("budget breached") {
        return "the file is too large, or nested too deep".to_owned();
    }
    if message.starts_with("unknown field") || message.starts_with("unknown variant") {
        return format!("{message}{}", nearest_expected_name(message));
    }
    match expected_words(message) {
        Some(expected) => format!("this must be {expected}"),
        None => message.to_owned(),
    }
}

/// The first line of a parser's message, without the location before or behind it.
fn parser_words(message: &str) -> &str {
    let message = without_location(message.lines().next().unwrap_or_default());
    match message.rsplit_once(" at line ") {
        Some((what, place)) if place.contains(" column ") => what,
        _ => message,
    }
}

/// The message without `error: line 3 column 5: ` in front of it.
fn without_location(message: &str) -> &str {
    let message = message.strip_prefix("error: ").unwrap_or(message);
    let located = message
        .strip_prefix("line ")
        .and_then(|rest| rest.split_once(": "));
    match located {
        Some((place, what)) if place.contains(" column ") => what,
        _ => message,
    }
}

/// The name of a member that stands twice in one object.
fn repeated_name(message: &str) -> Option<&str> {
    let rest = message.strip_prefix("duplicate mapping key")?;
    let name = rest.split(", set DuplicateKeyPolicy").next();
    name.map(|name| name.trim_start_matches(": "))
}

/// What must stand where a parser found something of another type; none of any other message.
fn expected_words(message: &str) -> Option<String> {
    let of_type = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .or_else(|| message.strip_prefix("invalid length "));
    if let Some(rest) = of_type {
        let (_, expected) = rest.split_once(", expected ")?;
        return Some(type_words(expected));
    }
    if let Some(words) = message.strip_prefix("must be ") {
        return Some(words.to_owned());
    }
    if message.starts_with("invalid boolean") {
        return Some(type_words("a boolean"));
    }
    if message.starts_with("The string value [") {
        return Some("a text, with quotes around it".to_owned());
    }
    if message.starts_with("cannot deserialize null into string") {
        return Some(type_words("a string"));
    }
    if message.contains("externally tagged enum") || message.contains("unit enum variant") {
        return Some(type_words("a string"));
    }
    let expected = message
        .strip_prefix("invalid ")
        .or_else(|| message.strip_prefix("expected "))?;
    is_type_name(expected).then(|| type_words(expected))
}

/// Whether a parser's word is that of a type.
fn is_type_name(word: &str) -> bool {
    const OTHER_NAMES: [&str; 11] = [
        "boolean",
        "floating point",
        "f32",
        "f64",
        "string",
        "string scalar",
        "scalar",
        "seq",
        "map",
        "mapping start",
        "sequence start",
    ];
    COUNT_TYPES.contains(&word) || WHOLE_TYPES.contains(&word) || OTHER_NAMES.contains(&word)
}

/// A type of the program in the words of contracts; a text that a reader of ours wrote stays.
fn type_words(expected: &str) -> String {
    let words = match expected {
        name if COUNT_TYPES.contains(&name) => "a whole number from 0",
        name if WHOLE_TYPES.contains(&name) || name == "an integer" => "a whole number",
        "f32" | "f64" | "floating point" | "a floating point number" => "a number",
        "a boolean" | "boolean" | "bool" => "`true` or `false`",
        "a string" | "string" | "string scalar" | "scalar" | "string or map" | "a character"
        | "variant identifier" | "field identifier" => "a text",
        "a sequence" | "seq" | "sequence start" => "a list",
        "a map" | "map" | "mapping start" | "map with a single key" => "an object",
        name if name.starts_with("struct ") => "an object",
        name if name.starts_with("tuple ") => "a list",
        name if name.starts_with("enum ") || name.starts_with("unit ") => "a text",
        other => other,
    };
    words.to_owned()
}

/// A value of a declared file, in words.
fn value_words(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(truth) => format!("`{truth}`"),
        Value::Number(number) => format!("the number `{number}`"),
        Value::String(text) if text.chars().count() <= QUOTED_CHARS_MAX => {
            format!("the text `{text}`")
        }
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The nearest of the names that a message expects, with or without quotes around them.
fn nearest_expected_name(message: &str) -> String {
    let Some(given) = message.split('`').nth(1) else {
        return String::new();
    };
    let expected = message.split_once(", expected ").map(|(_, names)| names);
    let names = expected.unwrap_or_default();
    let names = names.strip_prefix("one of ").unwrap_or(names);
    let names = names.split(", ").flat_map(|name| name.split(" or "));
    nearest_name_hint(given, names.map(|name| name.trim_matches('`')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let message = explain_parser_message(
            "unknown field `topik`, expected one of `topic`, `key`\n --> more",
        );
        assert!(
            message.ends_with("; the nearest name is `topic`"),
            "{message}"
        );
        let message = explain_parser_message(
            "error: line 5 column 11: unknown variant `sett`, expected one of entity, set, log",
        );
        assert!(message.starts_with("unknown variant `sett`"), "{message}");
        assert!(
            message.ends_with("; the nearest name is `set`"),
            "{message}"
        );
    }

    #[test]
    fn a_value_of_another_type_is_told_without_the_names_of_the_program() {
        for (message, found, told) in [
            (
                "invalid type: string \"one\", expected u32",
                json!("one"),
                "`a.b` must be a whole number from 0, not the text `one`",
            ),
            (
                "invalid value: integer `-1`, expected usize",
                json!(-1),
                "`a.b` must be a whole number from 0, not the number `-1`",
            ),
            (
                "invalid value: integer `5000000000`, expected u32",
                json!(5_000_000_000_u64),
                "`a.b` is the number `5000000000`, which is too large",
            ),
            (
                "invalid type: map, expected a string",
                json!({}),
                "`a.b` must be a text, not an object",
            ),
            (
                "invalid type: unit value, expected struct FileDialect",
                json!(null),
                "`a.b` must be an object, not nothing",
            ),
            (
                "error: line 3 column 4: invalid boolean (strict mode expects true/false)",
                json!("yes"),
                "`a.b` must be `true` or `false`, not the text `yes`",
            ),
            (
                "expected sequence start at line 5, column 12",
                json!("x"),
                "`a.b` must be a list, not the text `x`",
            ),
            (
                "invalid type: integer `7`, expected a path such as $.name",
                json!(7),
                "`a.b` must be a path such as $.name, not the number `7`",
            ),
            ("missing field `key`", json!({}), "missing field `key`"),
            (
                "multiple YAML documents detected; use from_str_multiple",
                json!({}),
                "the file holds several documents: give each a file of its own",
            ),
            (
                "duplicate mapping key: key, set DuplicateKeyPolicy in Options if acceptable",
                json!({}),
                "`key` stands twice",
            ),
        ] {
            assert_eq!(explain_misfit(message, "a.b", Some(&found)), told);
        }
    }
}

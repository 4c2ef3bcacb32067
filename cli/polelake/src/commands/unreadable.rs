//! Objects that a command could not read, printed for people and for machines.

use serde_json::{Value, json};
use store::UnreadableObject;

use super::terminal::escape_line;

/// The objects, each with its cause and what to do about it, one a line.
pub(super) fn describe_unreadable(objects: &[UnreadableObject]) -> String {
    let lines = objects.iter().map(|object| {
        let line = format!("by hand: {object}");
        escape_line(&line) + "\n"
    });
    lines.collect()
}

/// Prints the objects below a command's own result.
pub(super) fn print_unreadable(objects: &[UnreadableObject]) {
    print!("{}", describe_unreadable(objects));
    if !objects.is_empty() {
        println!(
            "{} objects could not be read; everything that does not need them is done",
            objects.len()
        );
    }
}

/// The JSON of a command's result, with the member `unreadable` when an object could not be read.
pub(super) fn with_unreadable(mut result: Value, objects: &[UnreadableObject]) -> Value {
    if !objects.is_empty() {
        result["unreadable"] = json!(objects);
    }
    result
}

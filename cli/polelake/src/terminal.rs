//! The one way to the terminal: texts of contracts and records are printed with their control
//! characters escaped, so that no terminal acts on them.
//!
//! The crate's `print!`, `println!` and `eprintln!` are those of this file. They stand in front of
//! the standard library's under the same names, so that every command escapes.

use std::fmt::Arguments;

/// Whether a character is no control and still changes what a reader sees: it turns the direction
/// of the text beside it, or begins a line.
fn is_layout_mark(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    )
}

/// Prints on standard output, escaped.
macro_rules! print {
    ($($text:tt)*) => { $crate::terminal::print_escaped(format_args!($($text)*)) };
}

/// Prints a line on standard output, escaped.
macro_rules! println {
    () => { $crate::terminal::print_escaped(format_args!("\n")) };
    ($($text:tt)*) => {
        $crate::terminal::print_escaped(format_args!("{}\n", format_args!($($text)*)))
    };
}

/// Prints a line on standard error, escaped.
macro_rules! eprintln {
    ($($text:tt)*) => {
        $crate::terminal::print_error_escaped(format_args!("{}\n", format_args!($($text)*)))
    };
}

pub(crate) fn print_escaped(text: Arguments<'_>) {
    std::print!("{}", escape_controls(&text.to_string()));
}

pub(crate) fn print_error_escaped(text: Arguments<'_>) {
    std::eprint!("{}", escape_controls(&text.to_string()));
}

/// Prints a text that this program itself made, such as a script, as it is: its tabs count.
pub(crate) fn print_script(text: &str) {
    std::print!("{text}");
}

/// The text with its control characters escaped as JSON has them, so that printed JSON stays JSON;
/// line breaks stay.
pub(crate) fn escape_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden_control(c) {
            escaped.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// The text in one line: the key of an object may hold a line break.
pub(crate) fn escape_line(text: &str) -> String {
    escape_controls(text).replace('\n', "\\n")
}

fn is_hidden_control(c: char) -> bool {
    (c.is_control() && c != '\n') || is_layout_mark(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let escaped = escape_controls("a\u{1b}[2J\u{9b}b\t\r\u{7f}\u{202e}\n");
        assert_eq!(escaped, "a\\u001b[2J\\u009bb\\u0009\\u000d\\u007f\\u202e\n");
        let marks = "\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{2066}\u{2069}";
        assert!(escape_controls(marks).is_ascii());
        assert_eq!(escape_controls("Zoë, ≥ 1 – ελ"), "Zoë, ≥ 1 – ελ");
    }

    #[test]
    fn a_line_stays_one_line() {
        assert_eq!(escape_line("a\nb\u{2028}c"), "a\\nb\\u2028c");
    }

    #[test]
    fn printed_json_stays_json() {
        let value = serde_json::json!({"a": "\u{1b}\u{7f}\u{9b}\u{202e}ü"});
        let printed = escape_controls(&format!("{value:#}"));
        let read: serde_json::Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(read, value);
    }
}

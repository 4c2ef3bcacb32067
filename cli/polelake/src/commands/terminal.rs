//! Text of a lake's records, safe to print: a terminal must not act on it.

/// The text with its control characters escaped; line breaks stay.
pub(super) fn escape_controls(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() && c != '\n' {
            escaped.extend(c.escape_default());
        } else {
            escaped.push(c);
        }
    }
    escaped
}

/// The text in one line: the key of an object may hold a line break.
pub(super) fn escape_line(text: &str) -> String {
    escape_controls(text).replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_gets_no_control_characters() {
        let escaped = escape_controls("a\u{1b}[2J\u{9b}b\n");
        assert_eq!(escaped, "a\\u{1b}[2J\\u{9b}b\n");
        assert_eq!(escape_line("a\nb"), "a\\nb");
    }
}

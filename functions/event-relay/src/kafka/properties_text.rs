//! The text of a properties file, as Java reads it: comments, continued lines, escapes.

/// A property, with the line on which it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FileProperty {
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) value: String,
}

/// The properties of a text, in their order.
///
/// # Errors
/// When an escape names no character; the text names its line, and never a value.
pub(crate) fn parse_properties(text: &str) -> Result<Vec<FileProperty>, String> {
    let mut properties = Vec::new();
    let mut lines = (1..).zip(text.lines());
    while let Some((line, begun)) = lines.next() {
        let mut logical = begun.trim_start().to_owned();
        if logical.is_empty() || logical.starts_with(['#', '!']) {
            continue;
        }
        while is_continued(&logical) {
            logical.pop();
            let Some((_, next)) = lines.next() else { break };
            logical += next.trim_start();
        }

        let (key, value) = split_property(&logical);
        let fault = |why| format!("line {line}: {why}");
        properties.push(FileProperty {
            line,
            key: unescape(key).map_err(fault)?,
            value: unescape(value).map_err(fault)?,
        });
    }
    Ok(properties)
}

/// Whether the next line belongs to this one: it ends with an odd number of backslashes.
fn is_continued(line: &str) -> bool {
    let before = line.trim_end_matches('\\');
    (line.len() - before.len()) % 2 == 1
}

/// The key, which ends at the first `=`, `:` or space that is not escaped, and the value.
fn split_property(line: &str) -> (&str, &str) {
    let mut escaped = false;
    let end = line.find(|c: char| {
        let ends = !escaped && (c == '=' || c == ':' || c.is_ascii_whitespace());
        escaped = c == '\\' && !escaped;
        ends
    });

    let (key, rest) = line.split_at(end.unwrap_or(line.len()));
    let rest = rest.trim_ascii_start();
    let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
    (key, value.trim_ascii_start())
}

fn unescape(text: &str) -> Result<String, String> {
    let mut plain = String::with_capacity(text.len());
    let mut signs = text.chars();
    while let Some(sign) = signs.next() {
        if sign != '\\' {
            plain.push(sign);
            continue;
        }
        match signs.next() {
            Some('t') => plain.push('\t'),
            Some('n') => plain.push('\n'),
            Some('r') => plain.push('\r'),
            Some('f') => plain.push('\u{c}'),
            Some('u') => plain.push(unescape_unit(&signs.by_ref().take(4).collect::<String>())?),
            Some(other) => plain.push(other),
            None => {}
        }
    }
    Ok(plain)
}

fn unescape_unit(digits: &str) -> Result<char, String> {
    let is_unit = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let unit = is_unit.then(|| u32::from_str_radix(digits, 16).ok());
    unit.flatten()
        .and_then(char::from_u32)
        .ok_or_else(|| "after `\\u` come the four hexadecimal digits of a character".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(usize, String, String)> {
        let parsed = parse_properties(text).unwrap();
        let pairs = parsed.into_iter().map(|one| (one.line, one.key, one.value));
        pairs.collect()
    }

    #[test]
    fn a_text_is_read_as_java_reads_it() {
        let text = "# a comment\n! another\n\na=1\n  b : 2\r\nc 3\nd\ne==f\n\
                    long=one \\\n     two\\\\\ng\\=h=\\u0041\\tz\\:\\q\nlast=x\\";
        let expected = [
            (4, "a", "1"),
            (5, "b", "2"),
            (6, "c", "3"),
            (7, "d", ""),
            (8, "e", "=f"),
            (9, "long", "one two\\"),
            (11, "g=h", "A\tz:q"),
            (12, "last", "x"),
        ];
        let expected = expected.map(|(line, key, value)| (line, key.to_owned(), value.to_owned()));
        assert_eq!(pairs(text), expected);
    }

    #[test]
    fn a_character_that_is_none_is_refused_without_the_value() {
        for wrong in ["\\u12", "\\ud800", "\\uzzzz", "\\u+123"] {
            let error = parse_properties(&format!("\na=secret{wrong}")).unwrap_err();
            assert!(error.starts_with("line 2: "), "{wrong}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}

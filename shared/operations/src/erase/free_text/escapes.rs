//! Texts out of bytes that are no JSON: in any encoding that names are likely to have.

use std::borrow::Cow;

/// The digits of an escaped UTF-16 unit.
const UNIT_DIGITS: usize = 4;

/// Every reading of the bytes: as UTF-8; where they are none, also as Latin-1, or as UTF-16 where
/// every other byte is NUL.
pub(super) fn readings_of(bytes: &[u8]) -> Vec<Cow<'_, str>> {
    match String::from_utf8_lossy(bytes) {
        Cow::Borrowed(text) if !text.contains('\0') => vec![Cow::Borrowed(text)],
        text => vec![
            text,
            Cow::Owned(bytes.iter().copied().map(char::from).collect()),
            Cow::Owned(read_utf16(bytes, u16::from_le_bytes)),
            Cow::Owned(read_utf16(bytes, u16::from_be_bytes)),
        ],
    }
}

fn read_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
    char::decode_utf16(units)
        .map(|read| read.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

/// The text with the escapes of JSON resolved; none where it has none. A document that was cut off
/// has them, and so has a text within a text.
pub(super) fn resolve_escapes(text: &str) -> Option<String> {
    let (mut rest, mut resolved) = (text, String::new());
    let first = rest.find('\\')?;
    resolved.push_str(&rest[..first]);
    rest = &rest[first..];

    while let Some(escaped) = rest.strip_prefix('\\') {
        rest = push_escaped(escaped, &mut resolved);
        let plain = rest.find('\\').unwrap_or(rest.len());
        resolved.push_str(&rest[..plain]);
        rest = &rest[plain..];
    }
    Some(resolved)
}

/// Appends the character that stands behind a backslash; gives the text behind it.
fn push_escaped<'t>(escaped: &'t str, out: &mut String) -> &'t str {
    let mut chars = escaped.chars();
    match chars.next() {
        Some('u') => {
            let digits = escaped.get(1..=UNIT_DIGITS);
            let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
            if let Some(unit) = unit {
                out.push(char::from_u32(unit.into()).unwrap_or(' '));
                return &escaped[1 + UNIT_DIGITS..];
            }
            out.push(' ');
        }
        Some('n' | 'r' | 't' | 'b' | 'f') | None => out.push(' '),
        Some(other) => out.push(other),
    }
    chars.as_str()
}

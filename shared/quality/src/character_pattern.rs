//! Character patterns: a text without its letters and digits. A capital letter becomes `A`, a small
//! letter `a`, a digit `9`; other characters stay. In a coarse pattern, equal characters that
//! follow each other become one.
//!
//! The Home Office's profiler calls these patterns masks of high and low grain. Here one pass
//! counts both.

/// Characters of a pattern: the rest of a longer text becomes one `…`.
const PATTERN_CHARS_MAX: usize = 32;

/// The pattern character of each byte of ASCII.
const ASCII_CLASSES: [u8; 128] = ascii_class_table();

const fn ascii_class_table() -> [u8; 128] {
    let mut table = [0u8; 128];
    let mut byte = 0u8;
    while byte < 128 {
        table[byte as usize] = match byte {
            b'0'..=b'9' => b'9',
            b'A'..=b'Z' => b'A',
            b'a'..=b'z' => b'a',
            0..=31 | 127 => b'?',
            other => other,
        };
        byte += 1;
    }
    table
}

/// Writes the pattern of a text over what `pattern` held.
pub(crate) fn write_pattern(text: &str, pattern: &mut String) {
    pattern.clear();
    if text.is_ascii() {
        let classes = text
            .bytes()
            .take(PATTERN_CHARS_MAX)
            .map(|byte| char::from(ASCII_CLASSES[usize::from(byte & 127)]));
        pattern.extend(classes);
    } else {
        pattern.extend(text.chars().take(PATTERN_CHARS_MAX).map(character_class));
    }

    if text.len() > PATTERN_CHARS_MAX && text.chars().nth(PATTERN_CHARS_MAX).is_some() {
        pattern.push('…');
    }
}

fn character_class(char: char) -> char {
    match char {
        _ if char.is_ascii() => char::from(ASCII_CLASSES[char as usize & 127]),
        _ if char.is_uppercase() => 'A',
        _ if char.is_alphabetic() => 'a',
        _ if char.is_numeric() => '9',
        // A symbol outside of ASCII, or an invisible character.
        _ => '?',
    }
}

/// The coarse pattern of a pattern.
pub(crate) fn coarse_pattern(pattern: &str) -> String {
    let mut previous = None;
    pattern
        .chars()
        .filter(|char| previous.replace(*char) != Some(*char))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns_of(text: &str) -> (String, String) {
        let mut pattern = String::new();
        write_pattern(text, &mut pattern);
        let coarse = coarse_pattern(&pattern);
        (pattern, coarse)
    }

    #[test]
    fn patterns_are_those_of_the_home_office_profiler() {
        let known = [
            ("SW1A 2AA", "AA9A 9AA", "A9A 9A"),
            ("O'Brien-Smith", "A'Aaaaa-Aaaaa", "A'Aa-Aa"),
            ("Zoë Ångström", "Aaa Aaaaaaaa", "Aa Aa"),
            ("07700 900123", "99999 999999", "9 9"),
            ("a\tb", "a?a", "a?a"),
            ("李小龍", "aaa", "a"),
            ("", "", ""),
        ];
        for (text, pattern, coarse) in known {
            assert_eq!(
                patterns_of(text),
                (pattern.to_owned(), coarse.to_owned()),
                "{text}"
            );
        }
    }

    #[test]
    fn a_long_text_has_a_short_pattern() {
        assert_eq!(patterns_of(&"x".repeat(32)).0, "a".repeat(32));
        assert_eq!(patterns_of(&"é9".repeat(40)).0.chars().count(), 33);
        assert_eq!(patterns_of(&"7".repeat(33)).1, "9…");
    }
}

//! Masks: the shape of a text without its letters. A capital becomes `A`, a small letter `a`, a digit `9`; what is no letter
//! and no digit stays. In the low grain, signs of one kind that follow each other are one.
//!
//! The grains are those of the Home Office's profiler; here one pass counts both.

/// Signs of a mask: what a longer text has behind them is one `…`.
const PATTERN_CHARS_MAX: usize = 32;

/// What each byte of ASCII becomes.
const ASCII_CLASSES: [u8; 128] = ascii_class_table();

const fn ascii_class_table() -> [u8; 128] {
    let (mut table, mut byte) = ([0u8; 128], 0u8);
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

/// Writes the mask of a text, in the high grain.
pub(crate) fn write_pattern(text: &str, mask: &mut String) {
    mask.clear();
    if text.is_ascii() {
        let signs = text
            .bytes()
            .take(PATTERN_CHARS_MAX)
            .map(|byte| char::from(ASCII_CLASSES[usize::from(byte & 127)]));
        mask.extend(signs);
    } else {
        mask.extend(text.chars().take(PATTERN_CHARS_MAX).map(character_class));
    }
    if text.len() > PATTERN_CHARS_MAX && text.chars().nth(PATTERN_CHARS_MAX).is_some() {
        mask.push('…');
    }
}

fn character_class(char: char) -> char {
    match char {
        _ if char.is_ascii() => char::from(ASCII_CLASSES[char as usize & 127]),
        _ if char.is_uppercase() => 'A',
        _ if char.is_alphabetic() => 'a',
        _ if char.is_numeric() => '9',
        // A sign of another script, or one that cannot be seen.
        _ => '?',
    }
}

/// The low grain of a mask.
pub(crate) fn coarse_pattern(mask: &str) -> String {
    let mut last = None;
    mask.chars()
        .filter(|sign| last.replace(*sign) != Some(*sign))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> (String, String) {
        let mut mask = String::new();
        write_pattern(text, &mut mask);
        let low = coarse_pattern(&mask);
        (mask, low)
    }

    #[test]
    fn shapes_are_as_the_profiler_has_them() {
        let known = [
            ("SW1A 2AA", "AA9A 9AA", "A9A 9A"),
            ("O'Brien-Smith", "A'Aaaaa-Aaaaa", "A'Aa-Aa"),
            ("Zoë Ångström", "Aaa Aaaaaaaa", "Aa Aa"),
            ("07700 900123", "99999 999999", "9 9"),
            ("a\tb", "a?a", "a?a"),
            ("李小龍", "aaa", "a"),
            ("", "", ""),
        ];
        for (text, high, low) in known {
            assert_eq!(masked(text), (high.to_owned(), low.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_long_text_has_a_short_mask() {
        assert_eq!(masked(&"x".repeat(32)).0, "a".repeat(32));
        assert_eq!(masked(&"é9".repeat(40)).0.chars().count(), 33);
        assert_eq!(masked(&"7".repeat(33)).1, "9…");
    }
}

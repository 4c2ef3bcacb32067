//! Masks: the shape of a text without its letters. A capital becomes `A`, a small letter `a`, a digit `9`; what is no letter
//! and no digit stays. In the low grain, signs of one kind that follow each other are one.
//!
//! The grains are those of the Home Office's profiler; here one pass counts both.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use arrow_array::StringArray;
use twox_hash::XxHash64;

use crate::frequent::Frequent;

/// Signs of a mask: what a longer text has behind them is one `…`.
const SIGNS: usize = 32;

/// What each byte of ASCII becomes.
const SIGN: [u8; 128] = signs();

const fn signs() -> [u8; 128] {
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
fn write(text: &str, mask: &mut String) {
    mask.clear();
    if text.is_ascii() {
        let signs = text.bytes().take(SIGNS).map(|byte| char::from(SIGN[usize::from(byte & 127)]));
        mask.extend(signs);
    } else {
        mask.extend(text.chars().take(SIGNS).map(sign));
    }
    if text.len() > SIGNS && text.chars().nth(SIGNS).is_some() {
        mask.push('…');
    }
}

fn sign(char: char) -> char {
    match char {
        _ if char.is_ascii() => char::from(SIGN[char as usize & 127]),
        _ if char.is_uppercase() => 'A',
        _ if char.is_alphabetic() => 'a',
        _ if char.is_numeric() => '9',
        // A sign of another script, or one that cannot be seen.
        _ => '?',
    }
}

/// The low grain of a mask.
fn coarse(mask: &str) -> String {
    let mut last = None;
    mask.chars().filter(|sign| last.replace(*sign) != Some(*sign)).collect()
}

/// The shapes of a column's texts.
pub(crate) fn count(texts: &StringArray, high: &mut Frequent, low: &mut Frequent) {
    let mut counts: HashMap<String, u64, BuildHasherDefault<XxHash64>> = HashMap::default();
    let mut mask = String::with_capacity(SIGNS + 4);
    for text in texts.iter().flatten() {
        write(text, &mut mask);
        match counts.get_mut(mask.as_str()) {
            Some(count) => *count += 1,
            None => drop(counts.insert(mask.clone(), 1)),
        }
    }
    let mut coarser: HashMap<String, u64> = HashMap::new();
    for (mask, count) in &counts {
        *coarser.entry(coarse(mask)).or_default() += count;
    }
    // All counts of the batch at once: so nothing depends on the order of the map.
    high.add(counts.iter().map(|(mask, count)| (mask.as_str(), *count)));
    low.add(coarser.iter().map(|(mask, count)| (mask.as_str(), *count)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> (String, String) {
        let mut mask = String::new();
        write(text, &mut mask);
        let low = coarse(&mask);
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

    #[test]
    fn a_column_is_counted_in_both_grains() {
        let (mut high, mut low) = (Frequent::default(), Frequent::default());
        let texts = StringArray::from(vec![Some("M1 1AA"), None, Some("M20 4BX"), Some("M2 7QQ")]);
        count(&texts, &mut high, &mut low);
        assert_eq!(high.commonest(), [("A9 9AA".to_owned(), 2), ("A99 9AA".to_owned(), 1)]);
        assert_eq!(low.commonest(), [("A9 9A".to_owned(), 3)]);
    }
}

//! The canonical form of the parts of a natural key: one thing has one key, however a source writes
//! it.

use std::borrow::Cow;

use uuid::Uuid;

/// Bytes of a UUID with its hyphens.
const UUID_BYTES: usize = 36;

/// Whether the case of letters tells keys of a namespace apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyCase {
    /// `AB1` and `ab1` are two keys.
    #[default]
    Sensitive,
    /// `AB1` and `ab1` are one key, `ab1`.
    Insensitive,
}

/// The canonical form of one part of a key: without outer spaces; a UUID in lower case, for it is
/// the same number in every case; other letters in lower case where the namespace says so.
///
/// ```
/// use pole::{KeyCase, canonical_key_part};
///
/// let sensitive = KeyCase::Sensitive;
/// let guid = "9E8D7C6B-5A49-4382-B1C0-D9E8F7A6B5C4";
/// assert_eq!(canonical_key_part(guid, sensitive), guid.to_lowercase());
/// assert_eq!(canonical_key_part(&format!("{{{guid}}}"), sensitive), guid.to_lowercase());
/// assert_eq!(canonical_key_part(" AB1 ", sensitive), "AB1");
/// assert_eq!(canonical_key_part("AB1", KeyCase::Insensitive), "ab1");
/// ```
#[must_use]
pub fn canonical_key_part(text: &str, case: KeyCase) -> Cow<'_, str> {
    let trimmed = text.trim();
    if let Some(uuid) = parse_written_uuid(trimmed) {
        return lower_case(uuid);
    }
    match case {
        KeyCase::Sensitive => Cow::Borrowed(trimmed),
        KeyCase::Insensitive => lower_case(trimmed),
    }
}

/// The hyphenated UUID in a text that holds nothing else; SQL Server and .NET write braces around
/// it, RFC 9562 allows `urn:uuid:` before it. 32 digits without hyphens may be any hash.
fn parse_written_uuid(text: &str) -> Option<&str> {
    if text.len() < UUID_BYTES {
        return None;
    }
    let braced = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let urn = text
        .get(..9)
        .filter(|head| head.eq_ignore_ascii_case("urn:uuid:"))
        .and_then(|_| text.get(9..));

    let uuid = braced.or(urn).unwrap_or(text);
    (uuid.len() == UUID_BYTES && Uuid::try_parse(uuid).is_ok()).then_some(uuid)
}

fn lower_case(text: &str) -> Cow<'_, str> {
    // Most keys are in lower case already, and then nothing is copied.
    let has_capital = match text.is_ascii() {
        true => text.bytes().any(|byte| byte.is_ascii_uppercase()),
        false => text.chars().any(char::is_uppercase),
    };
    if has_capital {
        // Letter by letter: a Greek word's last sigma would otherwise have a form of its own.
        Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// The parts of a record's key as one text, joined by `/`. Of several parts each is escaped as in a
/// JSON Pointer (RFC 6901: `~` as `~0`, `/` as `~1`), so that (`a/b`, `c`) and (`a`, `b/c`) differ.
/// A key of one part stays as it is.
///
/// ```
/// assert_eq!(pole::join_key_parts(&["2026/7"]), "2026/7");
/// assert_eq!(pole::join_key_parts(&["North/2026", "7"]), "North~12026/7");
/// assert_eq!(pole::join_key_parts(&["North", "2026/7"]), "North/2026~17");
/// ```
#[must_use]
pub fn join_key_parts(parts: &[impl AsRef<str>]) -> String {
    if let [only] = parts {
        return only.as_ref().to_owned();
    }
    let escaped: Vec<String> = parts
        .iter()
        .map(|part| part.as_ref().replace('~', "~0").replace('/', "~1"))
        .collect();
    escaped.join("/")
}

/// The parts of a key that [`join_key_parts`] has joined; none when it has another number of parts.
///
/// ```
/// let parts = pole::split_key_parts("North~12026/7", 2).unwrap();
/// assert_eq!(parts, ["North/2026", "7"]);
/// assert_eq!(pole::split_key_parts("2026/7", 1).unwrap(), ["2026/7"]);
/// assert_eq!(pole::split_key_parts("7", 2), None);
/// ```
#[must_use]
pub fn split_key_parts(key: &str, count: usize) -> Option<Vec<String>> {
    if count == 1 {
        return Some(vec![key.to_owned()]);
    }
    let parts: Vec<String> = key
        .split('/')
        .map(|part| part.replace("~1", "/").replace("~0", "~"))
        .collect();
    (parts.len() == count).then_some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUID: &str = "9e8d7c6b-5a49-4382-b1c0-d9e8f7a6b5c4";

    #[test]
    fn a_uuid_has_one_form() {
        let upper = GUID.to_uppercase();
        for written in [
            upper.clone(),
            format!("{{{upper}}}"),
            format!("urn:uuid:{upper}"),
            format!("URN:UUID:{GUID}"),
            format!("\t{upper} "),
        ] {
            assert_eq!(
                canonical_key_part(&written, KeyCase::Sensitive),
                GUID,
                "{written}"
            );
        }
    }

    #[test]
    fn what_only_looks_like_a_uuid_keeps_its_case() {
        for text in [
            "9E8D7C6B5A494382B1C0D9E8F7A6B5C4",
            "AB1",
            "urn:uuid:AB1",
            "{AB1}",
        ] {
            assert_eq!(canonical_key_part(text, KeyCase::Sensitive), text);
        }
        let no_uuid = "9E8D7C6B-5A49-4382-B1C0-D9E8F7A6B5CZ";
        assert_eq!(canonical_key_part(no_uuid, KeyCase::Sensitive), no_uuid);
    }

    #[test]
    fn letters_of_every_script_lose_their_case() {
        assert_eq!(
            canonical_key_part("ÉCOLE ΟΔΟΣ", KeyCase::Insensitive),
            "école οδοσ"
        );
    }

    #[test]
    fn no_two_lists_of_parts_have_one_key() {
        let parts = ["", "a", "/", "~", "~1", "a/", "/a", "~0"];
        let mut keys = std::collections::BTreeSet::new();
        for first in parts {
            for second in parts {
                let key = join_key_parts(&[first, second]);
                assert_eq!(split_key_parts(&key, 2).unwrap(), [first, second]);
                assert!(keys.insert(key), "{first} {second}");
            }
        }
    }
}

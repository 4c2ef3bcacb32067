//! Identities: UUIDs of version 5, so that the same key always gives the same id, on every machine.

use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

/// The root of every namespace: UUIDv5 of the DNS name `polelake.example`.
/// A change of it would change every id that was ever given.
const ROOT_NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_79a4_2d5e_5b0b_9c3f_8a1d_44e7_20b1);

/// Parts of a key are joined by a character that no key holds, so that (`a`,`bc`) and (`ab`,`c`)
/// differ.
const KEY_PART_SEPARATOR: &[u8] = b"\x1f";

/// A UUID of version 5 in our root namespace, of a name that comes in pieces.
fn uuid_v5<'n>(pieces: impl IntoIterator<Item = &'n [u8]>) -> Uuid {
    let mut hash = Sha1::new_with_prefix(ROOT_NAMESPACE.as_bytes());
    pieces.into_iter().for_each(|piece| hash.update(piece));
    let digest: [u8; 20] = hash.finalize().into();
    let mut head = [0; 16];
    head.copy_from_slice(&digest[..16]);
    Builder::from_sha1_bytes(head).into_uuid()
}

/// A name's pieces: the namespace and each part, apart from each other.
fn name_pieces<'n>(namespace: &'n str, parts: &'n [&'n str]) -> impl Iterator<Item = &'n [u8]> {
    let separated = parts
        .iter()
        .flat_map(|part| [KEY_PART_SEPARATOR, part.as_bytes()]);
    std::iter::once(namespace.as_bytes()).chain(separated)
}

/// The id of a person, object, location or event: the same for every source that names it by the
/// same key.
///
/// `namespace` says what kind of key it is (`housing-person`, `uprn`), `key` is the natural key's
/// parts.
///
/// ```
/// let housing = pole::pole_id("uprn", &["199900001234"]);
/// let planning = pole::pole_id("uprn", &["199900001234"]);
/// assert_eq!(housing, planning);
/// ```
#[must_use]
pub fn pole_id(namespace: &str, key: &[&str]) -> Uuid {
    uuid_v5(name_pieces(namespace, key))
}

/// The id of a row that belongs to another record, such as a notice of a tenancy.
/// `owner` is that record's id, `set` the name of the list that has the row.
#[must_use]
pub fn owned_id(owner: &Uuid, set: &str, key: &[&str]) -> Uuid {
    let mut text = Uuid::encode_buffer();
    let owner = owner.hyphenated().encode_lower(&mut text);
    let mut parts = Vec::with_capacity(key.len() + 2);
    parts.extend([&*owner, set]);
    parts.extend_from_slice(key);
    uuid_v5(name_pieces("owned", &parts))
}

/// The id of a link between `from` and `to` that belongs to `owner`.
#[must_use]
pub fn link_id(owner: &Uuid, from: &Uuid, to: &Uuid, link_type: &str, role: &str) -> Uuid {
    let mut from_text = Uuid::encode_buffer();
    let mut to_text = Uuid::encode_buffer();
    let from = from.hyphenated().encode_lower(&mut from_text);
    let to = to.hyphenated().encode_lower(&mut to_text);
    owned_id(owner, "link", &[from, to, link_type, role])
}

/// An event id for sources that give none: a hash of the event's bytes, so that a repeat has the
/// same id.
#[must_use]
pub fn derived_event_id(source: &str, value: &[u8]) -> Uuid {
    uuid_v5([
        b"event".as_slice(),
        KEY_PART_SEPARATOR,
        source.as_bytes(),
        KEY_PART_SEPARATOR,
        value,
    ])
}

/// A name for content: the same bytes have the same name.
#[must_use]
pub fn content_id(content: &[u8]) -> Uuid {
    uuid_v5([content])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_change() {
        let id = pole_id("housing-person", &["9e8d7c6b-5a49-4382-b1c0-d9e8f7a6b5c4"]);
        assert_eq!(id.to_string(), "bc8064cc-bc4d-52e3-bcbb-6493662a12bd");
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(pole_id("n", &["a", "bc"]), pole_id("n", &["ab", "c"]));
        assert_ne!(pole_id("n", &["a"]), pole_id("n", &["a", ""]));
    }

    #[test]
    fn a_link_differs_by_role_and_owner() {
        let (a, b) = (pole_id("n", &["a"]), pole_id("n", &["b"]));
        assert_ne!(
            link_id(&a, &a, &b, "occupies", "tenant"),
            link_id(&a, &a, &b, "occupies", "occupant")
        );
        assert_ne!(
            link_id(&a, &a, &b, "occupies", "tenant"),
            link_id(&b, &a, &b, "occupies", "tenant")
        );
    }
}

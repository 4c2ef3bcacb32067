//! Names that are no identities of people: of content, of events without ids, of topics and files.
//! UUIDs of version 5, without a key: anyone who has the bytes can derive the same name.

use sha1::{Digest, Sha1};
use uuid::{Builder, Uuid};

/// The root of every namespace: UUIDv5 of the DNS name `polelake.example`.
/// A change of it would change every name that was ever given.
const ROOT_NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_79a4_2d5e_5b0b_9c3f_8a1d_44e7_20b1);

/// Parts of a name are joined by a character that none of them holds, so that (`a`,`bc`) and
/// (`ab`,`c`) differ.
const PART_SEPARATOR: &[u8] = b"\x1f";

/// A UUID of version 5 in our root namespace, of a name that comes in pieces.
fn uuid_v5<'n>(pieces: impl IntoIterator<Item = &'n [u8]>) -> Uuid {
    let mut hash = Sha1::new_with_prefix(ROOT_NAMESPACE.as_bytes());
    pieces.into_iter().for_each(|piece| hash.update(piece));
    let digest: [u8; 20] = hash.finalize().into();

    let mut head = [0; 16];
    head.copy_from_slice(&digest[..16]);
    Builder::from_sha1_bytes(head).into_uuid()
}

/// The name of a thing of the platform itself, such as a topic or an Iceberg table. `namespace`
/// says what kind of thing it is, `parts` are what tells it from others of its kind.
///
/// ```
/// assert_ne!(pole::stable_id("topic", &["a"]), pole::stable_id("topic", &["b"]));
/// ```
#[must_use]
pub fn stable_id(namespace: &str, parts: &[&str]) -> Uuid {
    let separated = parts
        .iter()
        .flat_map(|part| [PART_SEPARATOR, part.as_bytes()]);
    uuid_v5(std::iter::once(namespace.as_bytes()).chain(separated))
}

/// An event id for sources that give none, of what tells the event from others: the request and the
/// position in it, the place in the log, the file and the row.
#[must_use]
pub fn derived_event_id(source: &str, origin: &[u8]) -> Uuid {
    uuid_v5([
        b"event".as_slice(),
        PART_SEPARATOR,
        source.as_bytes(),
        PART_SEPARATOR,
        origin,
    ])
}

/// A name for content: the same bytes have the same name.
#[must_use]
pub fn content_id(content: &[u8]) -> Uuid {
    uuid_v5([content])
}

/// The hash under which the list of erased subjects holds a subject. It has no key, so that a
/// replay of the log leaves out an erased person even where the identity key was lost.
/// `kind` is `record` or `id`, `parts` are what identifies the subject.
#[must_use]
pub fn erasure_hash(kind: &str, parts: &[&str]) -> Uuid {
    let lengths: Vec<[u8; 8]> = parts.iter().map(|part| length_bytes(part)).collect();
    let measured = parts
        .iter()
        .zip(&lengths)
        .flat_map(|(part, length)| [length.as_slice(), part.as_bytes()]);
    uuid_v5(
        [b"erasure".as_slice(), PART_SEPARATOR, kind.as_bytes()]
            .into_iter()
            .chain(measured),
    )
}

fn length_bytes(part: &str) -> [u8; 8] {
    (part.len() as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_into_each_other() {
        assert_ne!(stable_id("n", &["a", "bc"]), stable_id("n", &["ab", "c"]));
        assert_ne!(
            erasure_hash("record", &["a/b", "c"]),
            erasure_hash("record", &["a", "b/c"])
        );
    }

    #[test]
    fn names_never_change() {
        let id = stable_id("housing-person", &["9e8d7c6b-5a49-4382-b1c0-d9e8f7a6b5c4"]);
        assert_eq!(id.to_string(), "bc8064cc-bc4d-52e3-bcbb-6493662a12bd");
    }
}

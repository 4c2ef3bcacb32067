//! Identities of people, objects, locations, events and links: keyed hashes of their natural keys.
//!
//! Keys such as UPRNs are few enough to be tried one by one. The hash therefore has a key
//! (HMAC-SHA256), so that a reader of ids cannot recompute them (docs/adr/0034). An id is a UUID of
//! version 8: the version that RFC 9562 leaves to the application.

use hmac::digest::{Key, KeyInit};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::{Builder, Uuid};

/// The number of the rules that derive ids. A change of these rules changes every id.
pub const IDENTITY_FORMAT: u32 = 2;

/// The fewest bytes of a key: as many as the hash has.
pub const IDENTITY_KEY_BYTES_MIN: usize = 32;

/// The secret of [`IdentityKey::for_tests`]: one block of SHA-256.
pub const TEST_IDENTITY_SECRET: [u8; 64] =
    *b"the identity key of polelake's tests and samples, not any secret";

/// The key under which ids are derived. It has no `Debug`: nothing of it belongs in a log.
#[derive(Clone)]
pub struct IdentityKey {
    /// The hash after the key's own block, so that an id costs no further work for the key.
    keyed_hash: Hmac<Sha256>,
    fingerprint: String,
}

impl IdentityKey {
    /// The key of a secret's bytes. White space around them does not count, for editors and shells
    /// end a file with a line break.
    ///
    /// # Errors
    /// When the secret has fewer than [`IDENTITY_KEY_BYTES_MIN`] bytes.
    pub fn from_secret(secret: &[u8]) -> Result<Self, String> {
        let secret = secret.trim_ascii();
        if secret.len() < IDENTITY_KEY_BYTES_MIN {
            return Err(format!(
                "an identity key has at least {IDENTITY_KEY_BYTES_MIN} bytes, this one has {}",
                secret.len()
            ));
        }
        <Hmac<Sha256> as Mac>::new_from_slice(secret)
            .map(Self::from_keyed_hash)
            .map_err(|error| error.to_string())
    }

    fn from_keyed_hash(keyed_hash: Hmac<Sha256>) -> Self {
        let mut key = Self {
            keyed_hash,
            fingerprint: String::new(),
        };
        key.fingerprint = key.derive_id("fingerprint", &[], &[]).to_string();
        key
    }

    /// A key for tests and for the golden files of mappings, which everyone knows.
    #[must_use]
    pub fn for_tests() -> Self {
        let block = Key::<Hmac<Sha256>>::from(TEST_IDENTITY_SECRET);
        Self::from_keyed_hash(<Hmac<Sha256> as KeyInit>::new(&block))
    }

    /// What tells the key from other keys and says nothing about it.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// The id of a person, object, location or event: the same for every source that names it by
    /// the same key.
    ///
    /// `namespace` says what kind of key it is (`housing-person`, `uprn`); `key` has the natural
    /// key's parts in their canonical form ([`crate::canonical_key_part`]).
    ///
    /// ```
    /// let key = pole::IdentityKey::for_tests();
    /// let housing = key.pole_id("uprn", &["199900001234"]);
    /// let planning = key.pole_id("uprn", &["199900001234"]);
    /// assert_eq!(housing, planning);
    /// ```
    #[must_use]
    pub fn pole_id(&self, namespace: &str, key: &[&str]) -> Uuid {
        self.derive_id("pole", &[namespace], key)
    }

    /// The id of a row that belongs to another record, such as a notice of a tenancy. `owner` is
    /// that record's id, `set` the name of the list that has the row.
    #[must_use]
    pub fn owned_id(&self, owner: &Uuid, set: &str, key: &[&str]) -> Uuid {
        let mut text = Uuid::encode_buffer();
        let owner = owner.hyphenated().encode_lower(&mut text);

        self.derive_id("owned", &[owner, set], key)
    }

    /// The id of a link between `from` and `to` that belongs to `owner`.
    #[must_use]
    pub fn link_id(
        &self,
        owner: &Uuid,
        from: &Uuid,
        to: &Uuid,
        link_type: &str,
        role: &str,
    ) -> Uuid {
        let mut from_text = Uuid::encode_buffer();
        let mut to_text = Uuid::encode_buffer();
        let from = from.hyphenated().encode_lower(&mut from_text);
        let to = to.hyphenated().encode_lower(&mut to_text);
        self.owned_id(owner, "link", &[from, to, link_type, role])
    }

    /// The first 122 bits of the keyed hash. The length of each part is hashed before the part, so
    /// that no part can hold what tells parts from each other. `kind` keeps apart what has its own
    /// rules, such as the rows of another record.
    fn derive_id(&self, kind: &str, scope: &[&str], key: &[&str]) -> Uuid {
        let mut hash = self.keyed_hash.clone();
        for text in std::iter::once(&kind).chain(scope).chain(key) {
            hash.update(&(text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        let digest: [u8; 32] = hash.finalize().into_bytes().into();

        let mut head = [0; 16];
        head.copy_from_slice(&digest[..16]);
        Builder::from_custom_bytes(head).into_uuid()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_never_change() {
        let key = IdentityKey::from_secret(b"0123456789abcdef0123456789abcdef").unwrap();
        let id = key.pole_id("housing-person", &["9e8d7c6b-5a49-4382-b1c0-d9e8f7a6b5c4"]);
        // Computed with Python's hmac: the lengths as eight bytes, each before its text.
        assert_eq!(id.to_string(), "12441f30-0f62-8b10-8ffb-c1438cb3e902");
        assert_eq!(id.get_version_num(), 8);
    }

    #[test]
    fn the_tests_key_is_that_of_its_secret() {
        let read = IdentityKey::from_secret(&TEST_IDENTITY_SECRET).unwrap();
        assert_eq!(read.fingerprint(), IdentityKey::for_tests().fingerprint());
    }

    #[test]
    fn another_key_gives_other_ids_and_a_short_key_is_refused() {
        let one = IdentityKey::from_secret(&[1; 32]).unwrap();
        let two = IdentityKey::from_secret(&[2; 32]).unwrap();
        assert_ne!(one.pole_id("uprn", &["1"]), two.pole_id("uprn", &["1"]));
        assert_ne!(one.fingerprint(), two.fingerprint());
        assert!(IdentityKey::from_secret(&[1; 31]).is_err());

        let copied = [[1; 32].as_slice(), b"\r\n"].concat();
        let copied = IdentityKey::from_secret(&copied).unwrap();
        assert_eq!(one.fingerprint(), copied.fingerprint());
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let key = IdentityKey::for_tests();
        let id = |parts: &[&str]| key.pole_id("n", parts);
        assert_ne!(id(&["a", "bc"]), id(&["ab", "c"]));
        assert_ne!(id(&["a"]), id(&["a", ""]));
        assert_ne!(id(&["a\u{1f}b"]), id(&["a", "b"]));
    }

    #[test]
    fn a_link_differs_by_role_and_owner() {
        let key = IdentityKey::for_tests();
        let (a, b) = (key.pole_id("n", &["a"]), key.pole_id("n", &["b"]));
        assert_ne!(
            key.link_id(&a, &a, &b, "occupies", "tenant"),
            key.link_id(&a, &a, &b, "occupies", "occupant")
        );
        assert_ne!(
            key.link_id(&a, &a, &b, "occupies", "tenant"),
            key.link_id(&b, &a, &b, "occupies", "tenant")
        );
    }
}

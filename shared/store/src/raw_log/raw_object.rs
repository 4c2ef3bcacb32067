//! What a raw object's metadata record of it: where its range ends, and its digest.

use bytes::Bytes;
use lake::{LakeError, ObjectDigest, Sha256Digest};

use super::log_end::{METADATA_NEWEST, METADATA_NEXT};
use crate::{ObjectMetadata, StoredObject};

/// The metadata of a raw object that holds the SHA-256 of its content.
pub(super) const METADATA_SHA256: &str = "sha256";

/// A raw object whose content is what its metadata record.
#[derive(Clone, Debug)]
pub struct RawObject {
    /// The Parquet file.
    pub body: Bytes,
    /// The offset behind its range.
    pub next: i64,
    /// The digest of the content.
    pub digest: ObjectDigest,
}

impl RawObject {
    /// Checks a raw object.
    ///
    /// # Errors
    /// When the metadata are not those of the raw log, or the content is not what they record.
    pub fn check(object: &StoredObject) -> Result<Self, LakeError> {
        let next = recorded_next(&object.metadata).ok_or_else(|| foreign_object(METADATA_NEXT))?;
        let sha256 =
            recorded_sha256(&object.metadata).ok_or_else(|| foreign_object(METADATA_SHA256))?;
        let digest = ObjectDigest {
            bytes: object.body.len() as u64,
            sha256,
        };
        digest.check(&object.body)?;

        Ok(Self {
            body: object.body.clone(),
            next,
            digest,
        })
    }
}

/// The offset behind a raw object's range, by its metadata.
#[must_use]
pub fn recorded_next(metadata: &ObjectMetadata) -> Option<i64> {
    metadata.get(METADATA_NEXT)?.parse().ok()
}

/// When the latest record of the log up to a raw object's end came, by its metadata, in
/// milliseconds since 1970.
#[must_use]
pub fn recorded_newest(metadata: &ObjectMetadata) -> Option<i64> {
    metadata.get(METADATA_NEWEST)?.parse().ok()
}

/// The SHA-256 of a raw object's content, by its metadata.
#[must_use]
pub fn recorded_sha256(metadata: &ObjectMetadata) -> Option<Sha256Digest> {
    Sha256Digest::parse(metadata.get(METADATA_SHA256)?)
}

/// The metadata of a raw object that gets other content, such as by an erasure.
#[must_use]
pub fn record_content(metadata: &ObjectMetadata, body: &[u8]) -> ObjectMetadata {
    let mut metadata = metadata.clone();
    let sha256 = Sha256Digest::of_bytes(body).to_string();
    metadata.insert(METADATA_SHA256.to_owned(), sha256);
    metadata
}

fn foreign_object(missing: &str) -> LakeError {
    LakeError::Unexpected(format!(
        "it has no `{missing}` and is not part of the raw log"
    ))
}

//! Declared losses: an operator states that offsets of a stream are lost for good, and why.
//!
//! The document stands in the refined zone beside the receipts, for it says what a receipt would:
//! what became of the offsets of one raw object. It names no person.

use serde::{Deserialize, Serialize};

use crate::format::{decode_document, encode_pretty_document};
use crate::receipt::StreamKey;
use crate::{Chunk, LakeError};

/// The prefix of every declared loss.
const LOSSES_PREFIX: &str = "refined/_losses/";

/// Offsets of a stream of which no raw object holds the records any more, as an operator declared
/// it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeclaredLoss {
    /// The stream.
    #[serde(flatten)]
    pub stream: StreamKey,
    /// The first lost offset. It names the raw object.
    pub first: i64,
    /// The offset behind the last lost one.
    pub next: i64,
    /// The raw object that held the first of the records.
    pub object: String,
    /// How many records were landed there, by the receipt; none where there was no receipt.
    pub records: Option<u64>,
    /// Whether the refined zone had all that the records became when the loss was declared.
    pub rows_kept: bool,
    /// Why, in the operator's words.
    pub reason: String,
    /// When it was declared, in microseconds since 1970.
    pub declared_at: i64,
}

impl DeclaredLoss {
    /// The prefix of every declared loss.
    #[must_use]
    pub const fn prefix() -> &'static str {
        LOSSES_PREFIX
    }

    /// The prefix of the declared losses of a chunk's stream.
    #[must_use]
    pub fn stream_prefix(stream: &Chunk) -> String {
        format!("{LOSSES_PREFIX}{}/", stream.stream_path())
    }

    /// The key of the document that declares the raw object of a chunk lost.
    #[must_use]
    pub fn key_of(chunk: &Chunk) -> String {
        format!("{}{:020}.json", Self::stream_prefix(chunk), chunk.offset)
    }

    /// The chunk whose loss the document of this key declares.
    #[must_use]
    pub fn parse_key(key: &str) -> Option<Chunk> {
        Chunk::parse_stream_path(key.strip_prefix(LOSSES_PREFIX)?.strip_suffix(".json")?)
    }

    /// The chunk that is lost.
    #[must_use]
    pub fn chunk(&self) -> Chunk {
        Chunk {
            topic: self.stream.topic.clone(),
            epoch: self.stream.epoch,
            partition: self.stream.partition,
            offset: self.first,
        }
    }

    /// The document, with a line for every field: people read it.
    ///
    /// # Errors
    /// Never for such a document; JSON's writer could refuse.
    pub fn to_json(&self) -> Result<Vec<u8>, LakeError> {
        encode_pretty_document(self)
    }

    /// Reads the document that has this key.
    ///
    /// # Errors
    /// When the bytes are no such document, or one of another loss than the key says.
    pub fn from_json(key: &str, bytes: &[u8]) -> Result<Self, LakeError> {
        let loss: Self = decode_document("declared loss", bytes)?;
        let chunk = loss.chunk();
        if Self::key_of(&chunk) != key {
            let what = format!("it declares the loss of {}", loss.object);
            return Err(LakeError::Unexpected(what));
        }
        if loss.object != chunk.raw_key() || loss.next <= loss.first {
            let what = "it names another raw object than its offsets do, or no offset";
            return Err(LakeError::Unexpected(what.into()));
        }
        Ok(loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loss() -> DeclaredLoss {
        let stream = StreamKey {
            topic: "t".into(),
            epoch: 2,
            partition: -1,
        };
        let mut loss = DeclaredLoss {
            stream,
            first: 7,
            next: 9,
            object: String::new(),
            records: Some(2),
            rows_kept: true,
            reason: "a disk burnt".into(),
            declared_at: 1,
        };
        loss.object = loss.chunk().raw_key();
        loss
    }

    #[test]
    fn a_declaration_is_read_under_its_own_key_alone() {
        let loss = loss();
        let key = DeclaredLoss::key_of(&loss.chunk());
        assert_eq!(
            key,
            "refined/_losses/t/epoch=2/partition=-1/00000000000000000007.json"
        );
        assert_eq!(DeclaredLoss::parse_key(&key), Some(loss.chunk()));

        let bytes = loss.to_json().unwrap();
        assert_eq!(DeclaredLoss::from_json(&key, &bytes).unwrap(), loss);
        let other = key.replace("epoch=2", "epoch=3");
        let error = DeclaredLoss::from_json(&other, &bytes).unwrap_err();
        assert!(error.to_string().contains(&loss.object), "{error}");
    }

    #[test]
    fn a_declaration_of_no_offset_or_of_another_object_is_refused() {
        let key = DeclaredLoss::key_of(&loss().chunk());
        let empty = DeclaredLoss { next: 7, ..loss() };
        let other = DeclaredLoss {
            object: "raw/x".into(),
            ..loss()
        };
        for wrong in [empty, other] {
            let bytes = wrong.to_json().unwrap();
            assert!(DeclaredLoss::from_json(&key, &bytes).is_err(), "{wrong:?}");
        }
    }
}

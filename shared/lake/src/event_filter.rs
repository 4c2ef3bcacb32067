//! Which events a raw object may hold: a split-block Bloom filter of their ids.
//!
//! The format is stored for years and must stay as it is. The hash of an id is the first eight
//! bytes of its SHA-256, read as a big-endian number. A filter is a row of blocks of 32 bytes, one
//! block for every 16 ids. The upper half of the hash chooses the block. The lower half, times each
//! of eight odd numbers, chooses one bit of each of the block's eight little-endian words. Blocks
//! and numbers are those of Parquet's Bloom filters; the hash is another, because every tool has
//! SHA-256.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of a block.
const BLOCK_BYTES: usize = 32;

/// Ids for each block of 256 bits: 16 bits an id. Of other ids, one in a thousand is taken for one
/// of the filter's.
const BLOCK_IDS: usize = 16;

/// One odd number for each word of a block, as Parquet's specification lists them.
const WORD_SALTS: [u32; 8] = [
    0x47b6_137b,
    0x4497_4d91,
    0x8824_ad5b,
    0xa2b7_289d,
    0x7054_95c7,
    0x2df1_424b,
    0x9efc_4947,
    0x5c6b_fb31,
];

/// The hash of an event's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventIdHash(u64);

impl EventIdHash {
    /// The hash of this id.
    #[must_use]
    pub fn of_id(id: &str) -> Self {
        let digest = Sha256::digest(id.as_bytes());
        let first = digest.first_chunk::<8>().copied().unwrap_or_default();
        Self(u64::from_be_bytes(first))
    }

    /// Where the hash's block begins among so many bytes of blocks.
    fn block_start(self, bytes: usize) -> usize {
        let blocks = (bytes / BLOCK_BYTES) as u64;
        let block = ((self.0 >> 32) * blocks) >> 32;
        usize::try_from(block).unwrap_or_default() * BLOCK_BYTES
    }

    /// The bits of the hash in a block: the byte, and the bit of it, of each word.
    fn bits(self) -> impl Iterator<Item = (usize, u8)> {
        let low = self.0 as u32;
        WORD_SALTS.into_iter().enumerate().map(move |(word, salt)| {
            let bit = (low.wrapping_mul(salt) >> 27) as usize;
            (word * 4 + bit / 8, 1 << (bit % 8))
        })
    }
}

/// A Bloom filter of event ids. It never denies an id that was put in; one in a thousand others is
/// taken for one of them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EventIdFilter(Vec<u8>);

impl EventIdFilter {
    /// The filter of these ids, in any order and with repeats: the same ids give the same bytes.
    #[must_use]
    pub fn of_hashes(mut hashes: Vec<EventIdHash>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        let mut bytes = vec![0; hashes.len().div_ceil(BLOCK_IDS) * BLOCK_BYTES];
        for hash in hashes {
            let start = hash.block_start(bytes.len());
            for (byte, bit) in hash.bits() {
                bytes[start + byte] |= bit;
            }
        }
        Self(bytes)
    }

    /// The filter that these bytes are; none when they are no row of blocks.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes
            .len()
            .is_multiple_of(BLOCK_BYTES)
            .then(|| Self(bytes.to_vec()))
    }

    /// Its bytes: two for an id, in whole blocks of 32.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether the id of this hash may be one of the filter's.
    #[must_use]
    pub fn may_contain(&self, hash: EventIdHash) -> bool {
        let start = hash.block_start(self.0.len());
        let block = self.0.get(start..start + BLOCK_BYTES);
        block.is_some_and(|block| hash.bits().all(|(byte, bit)| block[byte] & bit != 0))
    }
}

/// Without its bits: they are hashes of ids.
impl fmt::Debug for EventIdFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventIdFilter({} bytes)", self.0.len())
    }
}

impl Serialize for EventIdFilter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&base64_simd::STANDARD.encode_to_string(&self.0))
    }
}

impl<'de> Deserialize<'de> for EventIdFilter {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(FilterText)
    }
}

struct FilterText;

impl Visitor<'_> for FilterText {
    type Value = EventIdFilter;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("blocks of 32 bytes in base64")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        let bytes = base64_simd::STANDARD.decode_to_vec(text).ok();
        let filter = bytes.as_deref().and_then(EventIdFilter::from_bytes);
        filter.ok_or_else(|| E::custom("a filter is blocks of 32 bytes in base64"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn filter_of<'i>(ids: impl IntoIterator<Item = &'i str>) -> EventIdFilter {
        EventIdFilter::of_hashes(ids.into_iter().map(EventIdHash::of_id).collect())
    }

    proptest! {
        #[test]
        fn no_id_that_was_put_in_is_denied(
            ids in proptest::collection::vec("\\PC{0,40}", 0..300)
        ) {
            let filter = filter_of(ids.iter().map(String::as_str));
            for id in &ids {
                prop_assert!(filter.may_contain(EventIdHash::of_id(id)));
            }
            let mut turned = ids.clone();
            turned.reverse();
            turned.extend(ids);
            prop_assert_eq!(filter_of(turned.iter().map(String::as_str)), filter);
        }
    }

    #[test]
    fn one_other_id_in_a_thousand_is_taken_for_one_of_them() {
        for count in [16, 500, 3_500, 10_000] {
            let ids: Vec<String> = (0..count).map(|id| format!("in-{id}")).collect();
            let filter = filter_of(ids.iter().map(String::as_str));
            assert_eq!(filter.as_bytes().len(), usize::div_ceil(count, 16) * 32);
            let others = (0..200_000).map(|id| EventIdHash::of_id(&format!("out-{id}")));
            let taken = others.filter(|hash| filter.may_contain(*hash)).count();
            assert!(taken < 300, "{taken} of 200,000 with {count} ids");
        }
    }

    #[test]
    fn the_stored_format_stays_as_it_is() {
        // printf 5a0c6f0e-2b1d-4c7e-9a35-0d6f1b2c3e4f | sha256sum
        let filter = filter_of(["5a0c6f0e-2b1d-4c7e-9a35-0d6f1b2c3e4f"]);
        let json = serde_json::to_string(&filter).unwrap();
        assert_eq!(json, FORMAT_EXAMPLE);
        let read: EventIdFilter = serde_json::from_str(&json).unwrap();
        assert_eq!(read, filter);
        assert_eq!(format!("{filter:?}"), "EventIdFilter(32 bytes)");
    }

    /// What the first build of this format wrote.
    const FORMAT_EXAMPLE: &str = "\"AEAAAAAgAAAABAAAAAAEAEAAAAAAAAQAAAAIAAAAACA=\"";

    #[test]
    fn an_empty_filter_denies_every_id_and_a_broken_one_is_refused() {
        let empty = filter_of([]);
        assert_eq!(serde_json::to_string(&empty).unwrap(), "\"\"");
        assert!(!empty.may_contain(EventIdHash::of_id("x")));
        for text in ["\"AA==\"", "\"?\"", "7"] {
            assert!(
                serde_json::from_str::<EventIdFilter>(text).is_err(),
                "{text}"
            );
        }
    }
}

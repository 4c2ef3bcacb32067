//! Sketches of distinct counts as text: the binary form that every DataSketches library reads, in
//! base64.

use datasketches::hll::HllSketch;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

/// The offset of the entries of a small sketch, which is a hash set of numbers of four bytes.
const ENTRIES_OFFSET: usize = 12;

/// The offset of the byte whose last two bits say how the sketch is stored.
const MODE_OFFSET: usize = 7;

/// The mode of a small sketch: a hash set. The others are a list (0) and registers (2).
const SET_MODE: u8 = 1;

pub(crate) fn serialize<S: Serializer>(
    sketch: &Option<HllSketch>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let Some(sketch) = sketch else {
        return serializer.serialize_none();
    };

    let bytes = canonical_bytes(sketch.serialize());
    serializer.serialize_some(&base64_simd::STANDARD.encode_to_string(bytes))
}

pub(crate) fn deserialize<'d, D: Deserializer<'d>>(
    deserializer: D,
) -> Result<Option<HllSketch>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    let bytes = base64_simd::STANDARD
        .decode_to_vec(text)
        .map_err(D::Error::custom)?;

    HllSketch::deserialize(&bytes)
        .map(Some)
        .map_err(D::Error::custom)
}

/// The same sketch with the entries of a hash set in sorted order: their order would otherwise
/// depend on how the set was filled.
fn canonical_bytes(mut bytes: Vec<u8>) -> Vec<u8> {
    let is_set = bytes
        .get(MODE_OFFSET)
        .is_some_and(|mode| mode & 3 == SET_MODE);
    let Some(entries) = bytes.get_mut(ENTRIES_OFFSET..).filter(|_| is_set) else {
        return bytes;
    };

    let mut sorted: Vec<[u8; 4]> = entries
        .chunks_exact(4)
        .filter_map(|entry| entry.try_into().ok())
        .collect();
    sorted.sort_unstable();
    for (entry, sorted) in entries.chunks_exact_mut(4).zip(sorted) {
        entry.copy_from_slice(&sorted);
    }
    bytes
}

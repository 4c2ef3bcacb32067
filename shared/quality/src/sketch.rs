//! Sketches as text, in the binary form that every DataSketches library reads, so that they can be kept.

use datasketches::hll::HllSketch;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(
    sketch: &Option<HllSketch>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match sketch {
        Some(sketch) => to.serialize_some(
            &base64_simd::STANDARD.encode_to_string(canonical_bytes(sketch.serialize())),
        ),
        None => to.serialize_none(),
    }
}

pub(crate) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<HllSketch>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else {
        return Ok(None);
    };
    let bytes = base64_simd::STANDARD
        .decode_to_vec(text)
        .map_err(D::Error::custom)?;
    HllSketch::deserialize(&bytes)
        .map(Some)
        .map_err(D::Error::custom)
}

/// Where the entries of a small sketch begin, which is a set of numbers of four bytes.
const ENTRIES_OFFSET: usize = 12;

/// The same sketch in one spelling: a small one is a hash table, whose order depends on how it was filled.
fn canonical_bytes(mut bytes: Vec<u8>) -> Vec<u8> {
    // The last two bits of the eighth byte tell a list (0), a set (1) and registers (2).
    if bytes.get(7).is_some_and(|mode| mode & 3 == 1) {
        let (_, entries) = bytes.split_at_mut(ENTRIES_OFFSET);
        let mut sorted: Vec<[u8; 4]> = entries
            .chunks_exact(4)
            .filter_map(|entry| entry.try_into().ok())
            .collect();
        sorted.sort_unstable();
        entries
            .chunks_exact_mut(4)
            .zip(sorted)
            .for_each(|(entry, sorted)| entry.copy_from_slice(&sorted));
    }
    bytes
}

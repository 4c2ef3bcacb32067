//! Sketches as text, in the binary form that every DataSketches library reads, so that they can be kept.

use datasketches::hll::HllSketch;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

pub(crate) fn serialize<S: Serializer>(sketch: &Option<HllSketch>, to: S) -> Result<S::Ok, S::Error> {
    match sketch {
        Some(sketch) => to.serialize_some(&base64_simd::STANDARD.encode_to_string(sketch.serialize())),
        None => to.serialize_none(),
    }
}

pub(crate) fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<HllSketch>, D::Error> {
    let Some(text) = Option::<String>::deserialize(from)? else { return Ok(None) };
    let bytes = base64_simd::STANDARD.decode_to_vec(text).map_err(D::Error::custom)?;
    HllSketch::deserialize(&bytes).map(Some).map_err(D::Error::custom)
}

//! Centiles of a column's values, by a t-digest. Of the sketches that add up it is the one whose outcome depends on nothing
//! but the values and their order (KLL and REQ toss coins), so that the same rows give the same manifest.

use datasketches::tdigest::TDigestMut;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The compression: some 100 centroids, 2 KB. Within 1.7 % of the rank, less towards the ends (a test holds it).
const COMPRESSION: u16 = 100;

/// The ranks of what is told.
const PERCENTILE_RANKS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// A sketch of values, which are whole numbers.
#[derive(Clone, Debug)]
pub(crate) struct Percentiles(TDigestMut);

impl Percentiles {
    pub(crate) fn new() -> Option<Self> {
        TDigestMut::new(COMPRESSION).ok().map(Self)
    }

    pub(crate) fn add_value(&mut self, value: i64) {
        self.0.update(value as f64);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.0.merge(&other.0);
    }

    /// The 5th, 25th, 50th, 75th and 95th centile; none of no values.
    pub(crate) fn rounded_percentiles(&self) -> Option<[i64; 5]> {
        let found = self.0.clone().quantiles(&PERCENTILE_RANKS).ok().flatten()?;
        // A whole number that f64 holds, as it went in.
        let whole: Vec<i64> = found
            .into_iter()
            .map(|value| value.round() as i64)
            .collect();
        whole.try_into().ok()
    }

    fn sketch_bytes(&self) -> Vec<u8> {
        self.0.clone().serialize()
    }
}

impl PartialEq for Percentiles {
    fn eq(&self, other: &Self) -> bool {
        self.sketch_bytes() == other.sketch_bytes()
    }
}

impl Serialize for Percentiles {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&base64_simd::STANDARD.encode_to_string(self.sketch_bytes()))
    }
}

impl<'d> Deserialize<'d> for Percentiles {
    fn deserialize<D: Deserializer<'d>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = base64_simd::STANDARD
            .decode_to_vec(text)
            .map_err(D::Error::custom)?;
        TDigestMut::deserialize(&bytes)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By how much of all ranks the told centiles are off, at most.
    fn error(parts: &[Vec<i64>]) -> f64 {
        let mut sum = Percentiles::new().unwrap();
        for part in parts {
            let mut mine = Percentiles::new().unwrap();
            part.iter().for_each(|value| mine.add_value(*value));
            let kept = serde_json::to_string(&mine).unwrap();
            sum.merge(&serde_json::from_str(&kept).unwrap());
        }
        let mut all: Vec<i64> = parts.concat();
        all.sort_unstable();
        let told = sum.rounded_percentiles().unwrap();
        let off = |(told, rank): (i64, f64)| {
            let below = all.partition_point(|value| *value < told) as f64 / all.len() as f64;
            let upto = all.partition_point(|value| *value <= told) as f64 / all.len() as f64;
            (below - rank).max(rank - upto).max(0.0)
        };
        told.into_iter()
            .zip(PERCENTILE_RANKS)
            .map(off)
            .fold(0.0, f64::max)
    }

    #[test]
    fn centiles_are_as_near_as_is_said_however_the_values_come() {
        let mut random = 7u64;
        let mut next = move || {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) as i64
        };
        let even: Vec<i64> = (0..200_000).map(|_| next() % 1_000_000).collect();
        let skewed: Vec<i64> = even.iter().map(|value| (value / 1_000).pow(3)).collect();
        let few: Vec<i64> = even.iter().map(|value| value % 7).collect();
        let mut sorted = even.clone();
        sorted.sort_unstable();
        for values in [even, skewed, few, sorted] {
            for part in [200_000, 9_999, 613] {
                let parts: Vec<Vec<i64>> = values.chunks(part).map(<[i64]>::to_vec).collect();
                let error = error(&parts);
                assert!(error <= 0.017, "{error} in parts of {part}");
            }
        }
    }

    #[test]
    fn what_is_kept_is_read_as_it_was() {
        for count in [1, 7, 300, 1_200, 1_201, 20_000, 39_822] {
            let mut centiles = Percentiles::new().unwrap();
            (0..count).for_each(|value: i64| centiles.add_value(value * 7_919 % 1_009));
            let kept: Percentiles =
                serde_json::from_str(&serde_json::to_string(&centiles).unwrap()).unwrap();
            assert_eq!(kept, centiles, "{count}");
        }
    }

    #[test]
    fn the_same_values_in_the_same_order_are_the_same_bytes() {
        let of = || {
            let mut centiles = Percentiles::new().unwrap();
            (0..50_000).for_each(|value| centiles.add_value(value * 37 % 1_009));
            centiles.sketch_bytes()
        };
        assert_eq!(of(), of());
        assert_eq!(Percentiles::new().unwrap().rounded_percentiles(), None);
    }
}

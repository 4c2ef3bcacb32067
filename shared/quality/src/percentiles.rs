//! Percentiles of a column's values, by a t-digest. Of the sketches that can be merged it is the
//! one whose outcome depends on the values and their order alone (KLL and REQ draw random numbers),
//! so that the same rows give the same manifest.

use datasketches::tdigest::TDigestMut;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The compression: some 100 centroids, 2 KB. The error is at most 1.7 % of the rank, less towards
/// the ends (a test measures it).
const COMPRESSION: u16 = 100;

/// The ranks of the reported percentiles.
const PERCENTILE_RANKS: [f64; 5] = [0.05, 0.25, 0.5, 0.75, 0.95];

/// A sketch of integer values.
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

    /// The 5th, 25th, 50th, 75th and 95th percentile, rounded to integers; none without values.
    pub(crate) fn rounded_percentiles(&self) -> Option<[i64; 5]> {
        let quantiles = self.0.clone().quantiles(&PERCENTILE_RANKS).ok().flatten()?;

        let rounded: Vec<i64> = quantiles
            .into_iter()
            .map(|value| value.round() as i64)
            .collect();
        rounded.try_into().ok()
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
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = base64_simd::STANDARD.encode_to_string(self.sketch_bytes());
        serializer.serialize_str(&text)
    }
}

impl<'d> Deserialize<'d> for Percentiles {
    fn deserialize<D: Deserializer<'d>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
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

    /// The greatest error of the percentiles, as a share of all ranks.
    fn rank_error(parts: &[Vec<i64>]) -> f64 {
        let mut sum = Percentiles::new().unwrap();
        for part in parts {
            let mut percentiles = Percentiles::new().unwrap();
            part.iter().for_each(|value| percentiles.add_value(*value));
            let stored = serde_json::to_string(&percentiles).unwrap();
            sum.merge(&serde_json::from_str(&stored).unwrap());
        }
        let mut all: Vec<i64> = parts.concat();
        all.sort_unstable();
        let percentiles = sum.rounded_percentiles().unwrap();

        percentiles
            .into_iter()
            .zip(PERCENTILE_RANKS)
            .map(|(percentile, rank)| {
                let below = all.partition_point(|value| *value < percentile);
                let up_to = all.partition_point(|value| *value <= percentile);
                let total = all.len() as f64;
                (below as f64 / total - rank).max(rank - up_to as f64 / total)
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn percentiles_are_within_their_error_in_every_order_of_values() {
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
                let error = rank_error(&parts);
                assert!(error <= 0.017, "{error} in parts of {part}");
            }
        }
    }

    #[test]
    fn a_stored_sketch_is_read_as_it_was() {
        for count in [1, 7, 300, 1_200, 1_201, 20_000, 39_822] {
            let mut percentiles = Percentiles::new().unwrap();
            (0..count).for_each(|value: i64| percentiles.add_value(value * 7_919 % 1_009));
            let stored: Percentiles =
                serde_json::from_str(&serde_json::to_string(&percentiles).unwrap()).unwrap();
            assert_eq!(stored, percentiles, "{count}");
        }
    }

    #[test]
    fn the_same_values_in_the_same_order_are_the_same_bytes() {
        let fill_sketch = || {
            let mut percentiles = Percentiles::new().unwrap();
            (0..50_000).for_each(|value| percentiles.add_value(value * 37 % 1_009));
            percentiles.sketch_bytes()
        };
        assert_eq!(fill_sketch(), fill_sketch());
        assert_eq!(Percentiles::new().unwrap().rounded_percentiles(), None);
    }
}

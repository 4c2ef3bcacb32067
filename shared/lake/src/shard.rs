//! Shards: ranges of owners, and how many of them a table is cut into.

use crate::{ManifestShard, SnapshotManifest};

/// Bytes of a row in a file, before a table has any to measure.
const DEFAULT_ROW_BYTES: u64 = 100;

/// No table has more shards: at 256 MB each they hold 256 GB.
const SHARDS_MAX: u32 = 1_024;

/// A range of owners: from one id on, up to another that is not in it. Ids are UUIDs: spread
/// evenly, in the order of text.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct OwnerRange {
    /// The minimum owner that may be in it.
    pub from: String,
    /// The first owner after it; none for the last shard.
    pub to: Option<String>,
}

impl OwnerRange {
    /// The owners of a shard of so many.
    ///
    /// ```
    /// let half = lake::OwnerRange::of_shard(1, 2);
    /// assert!(half.contains("80000000-0000-5000-8000-000000000000"));
    /// assert!(!half.contains("7fffffff-ffff-5fff-bfff-ffffffffffff"));
    /// ```
    #[must_use]
    pub fn of_shard(shard: u32, shards: u32) -> Self {
        let from = if shard == 0 {
            String::new()
        } else {
            first_owner(shard, shards)
        };
        let to = (shard + 1 < shards).then(|| first_owner(shard + 1, shards));

        Self { from, to }
    }

    /// Whether an owner is in the range.
    #[must_use]
    pub fn contains(&self, owner: &str) -> bool {
        owner >= self.from.as_str() && self.begins_before_end(owner)
    }

    /// Whether some owner from `minimum` to `maximum` can be in the range.
    #[must_use]
    pub fn overlaps_bounds(&self, minimum: &str, maximum: &str) -> bool {
        maximum >= self.from.as_str() && self.begins_before_end(minimum)
    }

    /// Whether some owner can be in both ranges.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        other.begins_before_end(&self.from) && self.begins_before_end(&other.from)
    }

    fn begins_before_end(&self, owner: &str) -> bool {
        self.to.as_deref().is_none_or(|to| owner < to)
    }

    /// Whether every owner from `minimum` to `maximum` is in the range.
    #[must_use]
    pub fn contains_bounds(&self, minimum: &str, maximum: &str) -> bool {
        self.contains(minimum) && self.contains(maximum)
    }
}

/// The first owner of a shard of so many: the first 32 bits of ids are cut into ranges of one
/// length.
fn first_owner(shard: u32, shards: u32) -> String {
    let first = (u64::from(shard) << 32).div_ceil(u64::from(shards.max(1)));
    format!("{first:08x}")
}

/// Into how many shards a table is cut when `new_rows` are added: as many as its base has, unless
/// they would become larger than twice the target, or smaller than a quarter of it. Powers of two,
/// so that each new shard is a full part of an old one. With a target of 256 MB a file has between
/// the 64 MB that Redshift Spectrum asks for and 512 MB.
#[must_use]
pub fn shard_count(base: Option<&SnapshotManifest>, new_rows: u64, target: u64) -> u32 {
    let base_shards = base.map_or(&[][..], |base| &base.shards);
    let shards = u32::try_from(base_shards.len()).unwrap_or(SHARDS_MAX);
    let bytes: u64 = base_shards.iter().map(ManifestShard::bytes).sum();
    let row_bytes = base
        .and_then(|base| bytes.checked_div(base.rows))
        .unwrap_or(DEFAULT_ROW_BYTES)
        .max(1);
    let expected_bytes = bytes.saturating_add(new_rows.saturating_mul(row_bytes));

    let shard_bytes = expected_bytes / u64::from(shards.max(1));
    let is_small_enough = shard_bytes <= target.saturating_mul(2);
    let is_large_enough = shard_bytes >= target / 4 || shards == 1;
    if shards > 0 && is_small_enough && is_large_enough {
        return shards;
    }

    let wanted = u32::try_from(expected_bytes.div_ceil(target.max(1))).unwrap_or(SHARDS_MAX);
    wanted.clamp(1, SHARDS_MAX).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{FileDigest, NamedFile};

    proptest! {
        #[test]
        fn every_owner_is_in_exactly_one_shard(head: u32, shards in 1..40u32) {
            let owner = format!("{head:08x}-0000-5000-8000-000000000000");
            let homes = (0..shards)
                .filter(|shard| OwnerRange::of_shard(*shard, shards).contains(&owner))
                .count();
            prop_assert_eq!(homes, 1);
        }
    }

    fn base(shards: u32, bytes: u64, rows: u64) -> SnapshotManifest {
        let shard = |shard| ManifestShard {
            shard,
            rows_file: NamedFile {
                key: String::new(),
                digest: FileDigest {
                    bytes: bytes / u64::from(shards),
                    ..FileDigest::default()
                },
            },
            ..ManifestShard::default()
        };
        SnapshotManifest {
            rows,
            shards: (0..shards).map(shard).collect(),
            ..SnapshotManifest::default()
        }
    }

    #[test]
    fn the_count_follows_the_data_and_does_not_flutter() {
        let count = |base: Option<&SnapshotManifest>, rows| shard_count(base, rows, 256 << 20);
        assert_eq!(count(None, 0), 1);
        assert_eq!(count(None, 100_000), 1);
        assert_eq!(count(None, 100_000_000), 64);
        assert_eq!(
            count(Some(&base(1, 300 << 20, 3_000_000)), 1_000),
            1,
            "within bounds it stays"
        );
        assert_eq!(count(Some(&base(1, 511 << 20, 3_000_000)), 100_000), 4);
        assert_eq!(count(Some(&base(8, 700 << 20, 7_000_000)), 0), 8);
        assert_eq!(
            count(Some(&base(8, 400 << 20, 7_000_000)), 0),
            2,
            "an emptied table is joined"
        );
        assert_eq!(count(None, u64::MAX), SHARDS_MAX);
    }
}

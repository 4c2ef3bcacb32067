//! Shards: ranges of owners, and how many of them a table is cut into.

use crate::SnapshotManifest;

/// Bytes of a row in a file, before a table has any to measure.
const DEFAULT_ROW_BYTES: u64 = 100;

/// No table has more shards: at 256 MB each they hold 256 GB.
const SHARDS_MAX: u32 = 1_024;

/// A range of owners: from one id on, up to another that is not in it. Ids are UUIDs: spread evenly, in the order of text.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct OwnerRange {
    /// The least owner that may be in it.
    pub from: String,
    /// The first owner behind it; none for the last shard.
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
        let bound = |shard: u32| {
            let first = (u64::from(shard) << 32).div_ceil(u64::from(shards.max(1)));
            format!("{first:08x}")
        };
        let from = if shard == 0 {
            String::new()
        } else {
            bound(shard)
        };
        Self {
            from,
            to: (shard + 1 < shards).then(|| bound(shard + 1)),
        }
    }

    /// Whether an owner is in the range.
    #[must_use]
    pub fn contains(&self, owner: &str) -> bool {
        owner >= self.from.as_str() && self.to.as_deref().is_none_or(|to| owner < to)
    }

    /// Whether some owner from `least` to `greatest` can be in the range.
    #[must_use]
    pub fn overlaps_bounds(&self, least: &str, greatest: &str) -> bool {
        greatest >= self.from.as_str() && self.to.as_deref().is_none_or(|to| least < to)
    }

    /// Whether some owner can be in both ranges.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        let before_end = |from: &str, to: &Option<String>| to.as_deref().is_none_or(|to| from < to);
        before_end(&self.from, &other.to) && before_end(&other.from, &self.to)
    }

    /// Whether every owner from `least` to `greatest` is in the range.
    #[must_use]
    pub fn contains_bounds(&self, least: &str, greatest: &str) -> bool {
        self.contains(least) && self.contains(greatest)
    }
}

/// Into how many shards a table is cut that gets so many rows more: as many as its base has, unless they would become
/// larger than twice the target, or smaller than a quarter of it. Powers of two, so that a shard that is cut holds
/// whole halves of the old one. With a target of 256 MB a file has between the 64 MB that Redshift Spectrum asks for
/// and 512 MB.
#[must_use]
pub fn shard_count(base: Option<&SnapshotManifest>, new_rows: u64, target: u64) -> u32 {
    let (shards, bytes, rows) = base.map_or((0, 0, 0), |base| {
        let bytes = base.shards.iter().map(|shard| shard.bytes).sum::<u64>();
        (
            u32::try_from(base.shards.len()).unwrap_or(SHARDS_MAX),
            bytes,
            base.rows,
        )
    });
    let of_row = bytes.checked_div(rows).unwrap_or(DEFAULT_ROW_BYTES).max(1);
    let expected = bytes.saturating_add(new_rows.saturating_mul(of_row));
    let each = expected / u64::from(shards.max(1));
    let fits = each <= target.saturating_mul(2) && (each >= target / 4 || shards == 1);
    if shards > 0 && fits {
        return shards;
    }
    let wanted = u32::try_from(expected.div_ceil(target.max(1))).unwrap_or(SHARDS_MAX);
    wanted.clamp(1, SHARDS_MAX).next_power_of_two()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ManifestShard;

    proptest! {
        #[test]
        fn every_owner_is_in_exactly_one_shard(head: u32, shards in 1..40u32) {
            let owner = format!("{head:08x}-0000-5000-8000-000000000000");
            let homes = (0..shards).filter(|shard| OwnerRange::of_shard(*shard, shards).contains(&owner)).count();
            prop_assert_eq!(homes, 1);
        }
    }

    fn base(shards: u32, bytes: u64, rows: u64) -> SnapshotManifest {
        let shard = |shard| ManifestShard {
            shard,
            bytes: bytes / u64::from(shards),
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

//! Several ranges of owners, such as those whose rows a day changed.

use std::sync::Arc;

use arrow_array::RecordBatch;
use lake::{LakeError, OwnerRange};
use store::sorted_file::{FileRowGroup, SortedFile, select_row_groups};

use crate::batch_columns::{owner_ids, rows_in_owner_range};

/// Ranges of owners in their order, no two of which overlap or touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OwnerRanges(Vec<OwnerRange>);

/// The first owner that can come behind `owner`.
pub(crate) fn owner_after(owner: &str) -> String {
    format!("{owner}\0")
}

/// The range from one owner to another, with both.
pub(crate) fn closed_range(minimum: &str, maximum: &str) -> OwnerRange {
    OwnerRange {
        from: minimum.to_owned(),
        to: Some(owner_after(maximum)),
    }
}

/// Whether a range ends before an owner.
fn ends_before(range: &OwnerRange, owner: &str) -> bool {
    range.to.as_deref().is_some_and(|to| to < owner)
}

impl OwnerRanges {
    /// Every owner.
    pub(crate) fn all() -> Self {
        Self(vec![OwnerRange::default()])
    }

    /// The owners of these ranges, in any order.
    pub(crate) fn of_ranges(mut ranges: Vec<OwnerRange>) -> Self {
        ranges.retain(|range| range.to.as_ref().is_none_or(|to| range.from < *to));
        ranges.sort_by(|a, b| a.from.cmp(&b.from));
        let mut joined: Vec<OwnerRange> = Vec::new();
        for range in ranges {
            match joined.last_mut() {
                Some(last) if !ends_before(last, &range.from) => {
                    last.to = last.to.take().zip(range.to).map(|(a, b)| a.max(b));
                }
                _ => joined.push(range),
            }
        }
        Self(joined)
    }

    /// Those of the owners that are in `owners`.
    pub(crate) fn within(&self, owners: &OwnerRange) -> Self {
        let clipped = self.0.iter().map(|range| OwnerRange {
            from: range.from.clone().max(owners.from.clone()),
            to: match (&range.to, &owners.to) {
                (Some(a), Some(b)) => Some(a.min(b).clone()),
                (Some(to), None) | (None, Some(to)) => Some(to.clone()),
                (None, None) => None,
            },
        });
        Self::of_ranges(clipped.collect())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether some owner can be in one of the ranges and in `owners`.
    pub(crate) fn overlaps(&self, owners: &OwnerRange) -> bool {
        self.0.iter().any(|range| range.overlaps(owners))
    }

    /// Whether an owner is in one of the ranges.
    pub(crate) fn contains(&self, owner: &str) -> bool {
        self.overlaps_bounds(owner, owner)
    }

    /// Whether some owner from `minimum` to `maximum` can be in one of the ranges.
    pub(crate) fn overlaps_bounds(&self, minimum: &str, maximum: &str) -> bool {
        let first = self.first_reaching(minimum);
        self.0
            .get(first)
            .is_some_and(|range| range.overlaps_bounds(minimum, maximum))
    }

    /// The index of the first range that does not end before `owner` or at it.
    fn first_reaching(&self, owner: &str) -> usize {
        self.0
            .partition_point(|range| range.to.as_deref().is_some_and(|to| to <= owner))
    }

    /// The row groups of files that can hold an owner of the ranges, in their order.
    pub(crate) fn select_groups(&self, files: &[Arc<SortedFile>]) -> Vec<FileRowGroup> {
        let mut parts = select_row_groups(files, &OwnerRange::default());
        parts.retain(|part| self.overlaps_bounds(&part.group.min_owner, &part.group.max_owner));
        parts
    }

    /// The rows of a sorted batch whose owners are in the ranges, in pieces that are not empty.
    pub(crate) fn select_rows(&self, batch: &RecordBatch) -> Result<Vec<RecordBatch>, LakeError> {
        let owners = owner_ids(batch)?;
        let Some(last) = batch.num_rows().checked_sub(1) else {
            return Ok(Vec::new());
        };
        let (minimum, maximum) = (owners.value(0), owners.value(last));

        let mut pieces = Vec::new();
        for range in &self.0[self.first_reaching(minimum)..] {
            if !range.overlaps_bounds(minimum, maximum) {
                break;
            }
            let rows = rows_in_owner_range(batch, range)?;
            if rows.num_rows() > 0 {
                pieces.push(rows);
            }
        }
        Ok(pieces)
    }
}

impl From<&OwnerRange> for OwnerRanges {
    fn from(range: &OwnerRange) -> Self {
        Self::of_ranges(vec![range.clone()])
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::{ArrayRef, StringArray};
    use proptest::prelude::*;

    use super::*;

    fn range() -> impl Strategy<Value = OwnerRange> {
        (0..40u32, proptest::option::of(0..40u32)).prop_map(|(from, to)| OwnerRange {
            from: format!("{from:02}"),
            to: to.map(|to| format!("{to:02}")),
        })
    }

    fn owners_of(pieces: &[RecordBatch]) -> Vec<String> {
        let owners = pieces.iter().flat_map(|rows| owner_ids(rows).unwrap());
        owners.flatten().map(str::to_owned).collect()
    }

    proptest! {
        #[test]
        fn several_ranges_have_the_owners_of_each_of_them(
            ranges in proptest::collection::vec(range(), 0..6),
            bounds in range(),
        ) {
            let all = OwnerRanges::of_ranges(ranges.clone());
            let within = all.within(&bounds);
            let mut expected = Vec::new();
            for owner in (0..41).map(|owner| format!("{owner:02}")) {
                let is_in = ranges.iter().any(|range| range.contains(&owner));
                prop_assert_eq!(all.contains(&owner), is_in);
                prop_assert_eq!(within.contains(&owner), is_in && bounds.contains(&owner));
                if is_in {
                    expected.push(owner);
                }
            }
            prop_assert!(all.0.windows(2).all(|pair| ends_before(&pair[0], &pair[1].from)));
            prop_assert!(OwnerRanges::all().within(&bounds) == OwnerRanges::from(&bounds));

            let owners: ArrayRef =
                Arc::new(StringArray::from_iter_values((0..41).map(|owner| format!("{owner:02}"))));
            let batch = RecordBatch::try_from_iter([("owner_id", owners)]).unwrap();
            prop_assert_eq!(owners_of(&all.select_rows(&batch).unwrap()), expected);
        }

        #[test]
        fn bounds_overlap_ranges_as_their_owners_do(
            ranges in proptest::collection::vec(range(), 0..6),
            first in 0..41u32,
            length in 0..8u32,
        ) {
            let all = OwnerRanges::of_ranges(ranges);
            let bound = |owner: u32| format!("{owner:02}");
            let any = (first..=first + length).any(|owner| all.contains(&bound(owner)));
            let said = all.overlaps_bounds(&bound(first), &bound(first + length));
            // Bounds reach over owners that no range can tell apart: an overlap may hold none.
            prop_assert!(said || !any);
            if length == 0 {
                prop_assert_eq!(said, any);
            }
        }
    }

    #[test]
    fn a_closed_range_ends_behind_its_last_owner() {
        let range = closed_range("a", "b");
        assert!(range.contains("a") && range.contains("b"));
        assert!(!range.contains("b\0") && !range.contains("bb"));
        let touching = OwnerRanges::of_ranges(vec![closed_range("a", "b"), closed_range("b", "c")]);
        assert_eq!(touching, OwnerRanges::from(&closed_range("a", "c")));
    }
}

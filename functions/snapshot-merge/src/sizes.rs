//! How much is held in memory and written at once.

use arrow_array::{Array, RecordBatch};
use contract::TableContract;
use lake::file::{BATCH_ROWS, ROW_GROUP_ROWS};

/// A sixteenth of the function's memory is for sorting: sorted rows are held twice, and the merge
/// needs the remainder.
const SORT_SHARE: usize = 16;

/// Rows of statements are some eight times as wide as those of tables: a row group has fewer.
const RECORD_GROUPS: usize = 8;

/// Sizes of a merge. Tests make them small, to see many groups, runs and shards of few rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeSizes {
    /// Bytes of increments that are sorted at once; more are sorted in runs.
    pub sort_bytes: usize,
    /// About how large a shard's file is when a table is cut into another number of shards.
    pub shard_bytes: u64,
    /// Rows of a row group of a new file.
    pub group_rows: usize,
    /// Rows that are assembled at once; a group that is cut has a multiple of them.
    pub batch_rows: usize,
    /// Rows of a group of a sorted run at most: a merge holds two of every run.
    pub run_group_rows: usize,
    /// Bytes of such a group in memory, about: rows that hold documents fill it before
    /// `run_group_rows`. Of each run, a merge holds the group four times: decoded, decoded ahead,
    /// as pages, and fetched ahead.
    pub run_group_bytes: usize,
    /// Runs that are merged at once: more are first merged into fewer.
    pub max_merged_runs: usize,
}

/// The least size of a shard's file that can be set: below it, a table of the demo would be cut into
/// hundreds of files.
pub(crate) const SHARD_BYTES_MIN: u32 = 50_000;

/// The size of a shard's file that is not set.
pub(crate) const SHARD_BYTES: u32 = 256 << 20;

impl Default for MergeSizes {
    /// 32 MB are sorted at once, 256 MB are a shard, and 1 MB is a group of a sorted run.
    fn default() -> Self {
        Self {
            sort_bytes: 32 << 20,
            shard_bytes: SHARD_BYTES.into(),
            group_rows: ROW_GROUP_ROWS,
            batch_rows: BATCH_ROWS,
            run_group_rows: 4 * 1024,
            run_group_bytes: 1 << 20,
            max_merged_runs: 16,
        }
    }
}

impl MergeSizes {
    /// The sizes for a function with this many megabytes of memory.
    #[must_use]
    pub fn for_memory(megabytes: Option<usize>) -> Self {
        let sizes = Self::default();
        Self {
            sort_bytes: megabytes.map_or(sizes.sort_bytes, |size| (size << 20) / SORT_SHARE),
            ..sizes
        }
    }

    /// The sizes of a table's files: the row groups of statements have fewer rows.
    pub(crate) fn of_table(self, table: &TableContract) -> Self {
        if !table.holds_records() {
            return self;
        }
        let rows = self.group_rows / RECORD_GROUPS;
        Self {
            group_rows: rows.max(self.batch_rows).min(self.group_rows),
            ..self
        }
    }

    /// The limits of a group of a sorted run.
    pub(crate) fn run_group(&self) -> GroupLimits {
        GroupLimits {
            rows: self.run_group_rows,
            bytes: self.run_group_bytes,
        }
    }

    /// A group with fewer rows is joined to its neighbour, unless that becomes too large: every
    /// group costs its readers a request.
    pub(crate) fn min_group_rows(&self) -> usize {
        self.group_rows / 4
    }

    /// A group with more rows is cut in two.
    pub(crate) fn max_group_rows(&self) -> usize {
        self.group_rows / 2 * 3
    }

    /// Bytes of the tables' row groups that may be open at once where `entity` is made: an eighth of
    /// the memory. Larger ones are first written to temporary files.
    pub(crate) fn open_group_bytes(&self) -> u64 {
        2 * self.sort_bytes as u64
    }

    /// The limits of a group of such a file. The reader holds a group of every table, and the
    /// footers, which grow with the number of groups.
    pub(crate) fn spilled_group(&self) -> GroupLimits {
        GroupLimits {
            rows: 4 * self.run_group_rows,
            bytes: 4 * self.run_group_bytes,
        }
    }
}

/// Where a row group of a file that only merges read ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GroupLimits {
    rows: usize,
    bytes: usize,
}

impl GroupLimits {
    /// Rows of a group with rows as wide as those of the batch: at least one.
    pub(crate) fn row_limit(&self, batch: &RecordBatch) -> usize {
        let bytes = batch
            .columns()
            .iter()
            .map(|column| column.to_data().get_slice_memory_size().unwrap_or_default())
            .sum::<usize>();
        let row_bytes = bytes.div_ceil(batch.num_rows().max(1)).max(1);
        (self.bytes / row_bytes).clamp(1, self.rows.max(1))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, StringArray};

    use super::*;

    fn rows_of_texts(count: usize, bytes: usize) -> RecordBatch {
        let text = "x".repeat(bytes);
        let texts = StringArray::from_iter_values((0..count).map(|_| &text));
        RecordBatch::try_from_iter([("text", Arc::new(texts) as ArrayRef)]).unwrap()
    }

    #[test]
    fn a_group_of_wide_rows_ends_by_its_bytes_and_one_of_narrow_rows_by_their_number() {
        let limits = MergeSizes::default().run_group();
        assert_eq!(limits.row_limit(&rows_of_texts(10, 20)), 4 * 1024);
        assert_eq!(limits.row_limit(&rows_of_texts(10, 4_000)), 261);
        assert_eq!(limits.row_limit(&rows_of_texts(2, 3 << 20)), 1);
        assert_eq!(limits.row_limit(&rows_of_texts(0, 0)), 4 * 1024);
    }

    #[test]
    fn a_slice_counts_its_own_rows() {
        let limits = MergeSizes::default().run_group();
        let slice = rows_of_texts(1_000, 4_000).slice(10, 2);
        assert_eq!(limits.row_limit(&slice), 261);
    }
}

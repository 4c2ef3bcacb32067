//! How much is held in memory and written at once.

use lake::file::{BATCH_ROWS, ROW_GROUP_ROWS};

/// A sixteenth of the function's memory is for sorting: sorted rows are held twice, and the merge
/// needs the remainder.
const SORT_SHARE: usize = 16;

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
    /// Rows of a group of a sorted run: a merge holds two of every run.
    pub run_group_rows: usize,
    /// Runs that are merged at once: more are first merged into fewer.
    pub max_merged_runs: usize,
}

impl Default for MergeSizes {
    /// 32 MB are sorted at once, 256 MB are a shard.
    fn default() -> Self {
        Self {
            sort_bytes: 32 << 20,
            shard_bytes: 256 << 20,
            group_rows: ROW_GROUP_ROWS,
            batch_rows: BATCH_ROWS,
            run_group_rows: 4 * 1024,
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

    /// Rows of a group of such a file. The reader holds a group of every table, and the footers,
    /// which grow with the number of groups.
    pub(crate) fn spilled_group_rows(&self) -> usize {
        4 * self.run_group_rows
    }
}

//! The days of the tables, as operators look at them: which are retained, what is in one, how two
//! of them differ.
//!
//! Nothing here writes. [`days`] reads manifests, [`pair_days`] says which files two days do not
//! share, and [`DayPairs::compare_days`] reads those side by side, a row group of each at a time.

mod columns;
mod day_pairs;
pub mod days;
mod diff;
mod diff_counter;
pub mod reader_snippets;
mod row_differences;
mod stream;

pub use day_pairs::{DayPair, DayPairs, UnpairedTable, pair_days};
pub use diff_counter::{ColumnChangeCount, TableDiff};
pub use row_differences::{ColumnDifference, DiffDisplay, RowChangeKind, RowDifference};

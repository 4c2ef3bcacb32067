//! The days of the tables, as operators look at them: which are kept, what is in one, how two of them differ.
//!
//! Nothing here writes. [`days`] reads manifests, [`pairs`] says which files two days do not share, and
//! [`Pair::diff`] reads those side by side, a row group of each at a time.

mod columns;
pub mod days;
mod diff;
mod differences;
mod pairs;
pub mod reading;
mod stream;
mod tally;

pub use differences::{Change, Difference, Show, What};
pub use pairs::{Pair, Pairs, Skipped, pairs};
pub use tally::{ColumnChanges, TableDiff};

//! Rules and profiles as states: updated batch by batch, merged shard by shard, read at the end.
//!
//! The crate does no IO. `snapshot-merge` computes the states in the pass that writes the snapshot,
//! which costs about 15 % of the writing; a later pass over the files would cost 2.5 times as much
//! and read everything again. A state holds counts, sketches, codes and character patterns: no
//! value of a personal column.

mod calendar;
mod character_pattern;
mod compare;
mod distinct;
mod expectation;
mod frequent;
mod pattern_counts;
mod percentiles;
mod profile;
mod references;
mod sketch;
mod state;
mod texts;
mod times;
mod trend;
mod verdict;

pub use calendar::{is_bank_holiday, weekday_index};
pub use compare::hash_row_keys;
pub use expectation::evaluate_expectation;
pub use pattern_counts::TextCounts;
pub use profile::ColumnState;
pub use references::CrossTableCheck;
pub use state::{RuleCount, TableState};
pub use trend::{COMPARED_DAYS_MIN, LOOKBACK_DAYS, UsualRange, comparable_values, usual_range};
pub use verdict::RowVerdict;

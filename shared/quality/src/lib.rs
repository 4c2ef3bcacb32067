//! Rules and profiles as states: updated batch by batch, merged shard by shard, read at the end.
//!
//! Pure: no IO. A merge computes them in the pass that writes the snapshot, which costs about 15 % of the writing;
//! a later pass over the files would cost 2.5 times as much and read everything again.
//! A state is counts only: no value of a personal column is in it.

mod calendar;
mod centiles;
mod compare;
mod demand;
mod distinct;
mod frequent;
mod mask;
mod profile;
mod shapes;
mod sketch;
mod state;
mod trend;

pub use calendar::{is_bank_holiday, weekday};
pub use compare::key_hashes;
pub use demand::{Elsewhere, Said, verdicts};
pub use profile::ColumnState;
pub use shapes::Counts;
pub use state::{RuleCount, TableState};
pub use trend::{DAYS_BACK, DAYS_LEAST, Expected, alike, expected};

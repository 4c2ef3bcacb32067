//! Rules and profiles as states: updated batch by batch, merged shard by shard, read at the end.
//!
//! Pure: no IO. A merge computes them in the pass that writes the snapshot, which costs about 15 % of the writing;
//! a later pass over the files would cost 2.5 times as much and read everything again.
//! A state is counts only: no value of a personal column is in it.

mod demand;
mod profile;
mod sketch;
mod state;

pub use demand::{Elsewhere, Said, verdicts};
pub use profile::ColumnState;
pub use state::{RuleCount, TableState};

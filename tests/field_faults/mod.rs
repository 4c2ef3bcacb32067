//! Faults that people's real data show: a named test for each kind and each example.

mod arrival;
mod keys;
mod patches;
mod samples;
mod time;
mod timeless;
mod types;

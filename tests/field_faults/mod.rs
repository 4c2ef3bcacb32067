//! Faults that people's real data show: a named test for each kind and each example.

mod keys;
mod samples;
mod time;
mod types;

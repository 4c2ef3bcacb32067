//! Benchmarks of single steps, and of a load.

pub(crate) mod bench;
pub(crate) mod load;

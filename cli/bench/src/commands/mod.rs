//! Benchmarks of single steps, of a load, and of cold starts.

pub(crate) mod bench;
pub(crate) mod cold_start;
pub(crate) mod load;

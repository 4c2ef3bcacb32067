//! The `polelake` command: the local platform, and the operator's tools.

pub mod platform;

//! What operators do with a lake: prove that nothing was lost, erase, send refused records on their way again, look at days.
//!
//! Library code over stores and contracts: nothing is printed and nothing knows whether it works on a laptop or on AWS.
//! [`audit`] reconciles the zones, [`erase`] removes a person, [`quarantine`] finds refused records and redrives them,
//! [`snapshots`] lists days and compares them. All of them work on [`Zones`].

pub mod audit;
pub mod erase;
pub mod quarantine;
pub mod snapshots;
mod zones;

pub use zones::{PartitionOffsets, Zones};

/// What went wrong, in words for the operator.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;

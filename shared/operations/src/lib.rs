//! What operators do with a lake: prove that nothing was lost, erase, send refused records on their way again, look at days.
//!
//! Library code over stores and contracts: nothing is printed and nothing knows whether it works on a laptop or on AWS.
//! [`audit`] reconciles the zones, [`erase`] removes a person, [`quarantine`] finds refused records and redrives them,
//! [`snapshots`] lists days and compares them. All of them work on [`LakeHandle`].

pub mod audit;
pub mod erase;
mod lake_handle;
pub mod quarantine;
pub mod snapshots;

pub use lake_handle::{LakeHandle, PartitionOffsets};

/// What went wrong, in words for the operator.
pub type OperationError = Box<dyn std::error::Error + Send + Sync>;

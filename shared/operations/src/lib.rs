//! What operators do with a lake: prove that no record was lost, erase a person, process refused
//! records again, build days again, and look at the days of tables.
//!
//! Library code over stores and contracts. It prints nothing, and it does not know whether it works
//! on one machine or on AWS. [`audit`] reconciles the zones, [`erase`] removes a person,
//! [`quarantine`] finds refused records and redrives them, [`rebuild`] builds days again,
//! [`repair`] makes damaged objects again and declares what is lost, [`reports`] reads what `quality-report` wrote,
//! [`snapshots`] lists days and compares them, [`status`] says how far a lake is and what needs
//! attention, [`trace`] finds one event, and [`events_queue`] deletes what the queue needs no longer.
//! All of them work on a [`LakeHandle`]. Where a function's own code must run, the caller brings
//! it: [`erase::CuratedEraser`], [`rebuild::DayRebuilder`].

pub mod audit;
mod declared_losses;
pub mod erase;
mod error;
pub mod events_queue;
mod lake_handle;
pub mod quarantine;
pub mod rebuild;
pub mod repair;
pub mod reports;
pub mod snapshots;
pub mod status;
pub mod tables;
mod text_column;
pub mod trace;
mod work_stage;

pub use error::OperationError;
pub use lake_handle::{LakeHandle, PartitionOffsets, TopicOffsets};
pub use work_stage::WorkStage;

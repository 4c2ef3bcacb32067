//! A Kafka broker for one machine: real clients talk to it over the wire protocol.
//!
//! Why our own broker: see docs/adr/0003. Brokers that run without a container keep their records
//! in memory; ours writes them to files, because an acknowledged record must survive a restart of
//! the platform.

mod configs;
pub mod fault_injection;
mod groups;
mod log;
mod records;
mod requests;
mod server;

pub use log::{PARTITIONS, PartitionLog, TopicLogs};
pub use records::LogRecord;
pub use server::serve_broker;

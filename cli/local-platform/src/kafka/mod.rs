//! A Kafka broker for one machine: real clients talk to it over the wire protocol.
//!
//! Why our own, in 500 lines: see docs/adr/0003. The brokers that run without a container keep their records in
//! memory; ours must survive the platform, for an acknowledged record may not be lost.

pub mod fault_injection;
mod log;
mod records;
mod server;

pub use log::{PARTITIONS, PartitionLog, TopicLogs};
pub use records::LogRecord;
pub use server::serve_broker;

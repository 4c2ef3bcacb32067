//! A Kafka broker for one machine: real clients talk to it over the wire protocol.
//!
//! Why our own, in 500 lines: see docs/adr/0003. The brokers that run without a container keep their records in
//! memory; ours must survive the platform, for an acknowledged record may not be lost.

mod log;
mod records;
mod server;
pub mod weather;

pub use log::{Log, PARTITIONS, Topics};
pub use records::LogRecord;
pub use server::serve;

//! Kafka, through krafka: it is before 1.0, and this folder alone uses it.

mod connection;
mod producer;
mod topics;

pub use connection::KafkaSettings;
pub use producer::{EventSink, KafkaSink};
pub use topics::partition_bounds;

pub use crate::delivery::{OutgoingRecord, SendError};

//! Kafka, through krafka: it is before 1.0, and this folder alone uses it.

mod connection;
mod jaas;
mod producer;
mod properties;
mod properties_text;
mod reader;
mod topics;

pub use connection::{KafkaSecurity, KafkaSettings};
pub use producer::KafkaSink;
pub use properties::KafkaProperties;
pub use reader::{TopicReader, TopicRecord};
pub use topics::{OffsetsClient, partition_bounds};

pub use crate::delivery::{EventSink, OutgoingRecord, SendError};

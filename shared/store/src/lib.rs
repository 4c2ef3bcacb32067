//! Ports to storage, to the catalogue, to the queue of events and to the people on duty, with
//! adapters for AWS and for memory.
//!
//! Functions know [`ObjectStore`], [`TableCatalogue`], [`MessageQueue`], [`MessageReceiver`] and
//! [`Notifier`] only. [`S3Store`] and [`GlueCatalogue`] run on AWS and on the local platform alike; [`MemoryStore`] and
//! [`MemoryCatalogue`] are for unit tests; [`OverlayStore`] keeps writes away from the store below
//! it. One conformance suite ([`conformance`]) runs over every one of them.

mod catalogue;
pub mod conformance;
mod error;
mod glue;
mod glue_inputs;
mod glue_statistics;
mod json;
pub mod lane_states;
pub mod losses;
mod memory;
mod message_queue;
mod message_receiver;
mod notifier;
mod object;
mod overlay;
mod queue_counts;
pub mod raw_log;
pub mod replacements;
mod retry;
mod s3;
mod s3_error;
pub mod sorted_file;
pub mod streams;
mod unreadable;
mod versions;

pub use catalogue::{
    ColumnSpec, ColumnStatistics, MemoryCatalogue, PartitionSpec, TableCatalogue, TableSpec,
};
pub use error::{StoreError, StoreErrorKind, describe_causes};
pub use glue::GlueCatalogue;
pub use json::{
    JsonDocumentError, read_json_if_present, read_json_if_valid, read_named_json_if_valid,
};
pub use memory::MemoryStore;
pub use message_queue::{
    MemoryQueue, MessageQueue, OutgoingMessage, SQS_DELAY_MAX, SQS_MESSAGE_BYTES_MAX, SqsQueue,
};
pub use message_receiver::{DeliveredMessage, MessageReceiver, SQS_BATCH_MESSAGES_MAX};
pub use notifier::{MemoryNotifier, Notifier, SnsNotifier};
pub use object::{ListedObject, ObjectHead, ObjectMetadata, ObjectStore, StoredObject};
pub use overlay::OverlayStore;
pub use queue_counts::QueueCounts;
pub use retry::{RetryPolicy, retry_with_backoff};
pub use s3::{S3Store, s3_client};
pub use unreadable::{ObjectError, UnreadableObject, UnreadableObjects};

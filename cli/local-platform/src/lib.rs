//! The local platform: what the five functions find on AWS, on one machine, without an account or a
//! container.
//!
//! The functions are processes of their own, and nothing in them knows that it is not AWS. All
//! state is in one folder, which only its owner can read; listeners answer to programs of this
//! machine, and to no web page.

pub mod clock;
pub mod disk;
mod external_topic;
mod file_error;
pub mod gateway;
pub mod glue;
mod header_text;
pub mod identity_key;
pub mod kafka;
pub mod kafka_mapping;
pub mod lambda;
mod landed_records;
mod landing_schedule;
mod listener;
mod listing_positions;
mod operator_api;
pub mod operator_token;
pub mod parts;
pub mod ports;
pub mod private_files;
mod problem;
pub mod queue;
mod queue_mapping;
mod raw_object_watch;
mod record_source;
mod request_counts;
pub mod run_contracts;
pub mod running;
pub mod s3;
pub mod schedule;
pub mod secrets;
mod services;
pub mod sqs;
pub mod startup;
pub mod synthetic;
pub mod tokens;
mod transport;
pub mod try_page;

pub use glue::LOCAL_DATABASE_PREFIX;
pub use landing_schedule::QueueLanding;
pub use operator_token::OperatorToken;
pub use parts::ExternalParts;
pub use request_counts::{OperationCounts, RequestCounts};
pub use running::RunningPlatform;
pub use startup::{LocalPlatform, PlatformOptions};

/// The buckets of the local platform, one for each zone.
pub const BUCKETS: [&str; 4] = ["raw", "refined", "curated", "site"];

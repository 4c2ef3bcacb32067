//! Ports to storage, catalogue and whoever is on duty, with their AWS adapters and in-memory twins.
//!
//! Functions know [`ObjectStore`], [`TableCatalogue`] and [`Notifier`] only. [`S3Store`] and [`GlueCatalogue`] are what runs, on AWS
//! and on the local platform alike; [`MemoryStore`] and [`MemoryCatalogue`] are for unit tests. One conformance
//! suite ([`conformance`]) runs over every one of them.

mod catalogue;
pub mod conformance;
mod error;
mod glue;
mod glue_statistics;
mod memory;
mod notifier;
mod object;
pub mod raw_log;
mod s3;
pub mod sorted_file;
pub mod streams;
mod versions;

pub use catalogue::{
    ColumnSpec, ColumnStatistics, MemoryCatalogue, PartitionSpec, TableCatalogue, TableSpec,
};
pub use error::{StoreError, StoreErrorKind};
pub use glue::GlueCatalogue;
pub use memory::MemoryStore;
pub use notifier::{MemoryNotifier, Notifier, SnsNotifier};
pub use object::{ListedObject, ObjectHead, ObjectMetadata, ObjectStore, StoredObject};
pub use s3::S3Store;

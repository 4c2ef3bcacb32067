//! Ports to storage, catalogue and whoever is on duty, with their AWS adapters and in-memory twins.
//!
//! Functions know [`ObjectStore`], [`Catalogue`] and [`Notifier`] only. [`S3Store`] and [`GlueCatalogue`] are what runs, on AWS
//! and on the local platform alike; [`MemoryStore`] and [`MemoryCatalogue`] are for unit tests. One conformance
//! suite ([`conformance`]) runs over every one of them.

mod catalogue;
pub mod chain;
pub mod conformance;
mod error;
mod glue;
mod memory;
mod notifier;
mod object;
mod s3;
mod statistics;
pub mod streams;
mod versions;

pub use catalogue::{
    Catalogue, ColumnSpec, ColumnStatistics, MemoryCatalogue, PartitionSpec, TableSpec,
};
pub use error::{StoreError, StoreErrorKind};
pub use glue::GlueCatalogue;
pub use memory::MemoryStore;
pub use notifier::{MemoryNotifier, Notifier, SnsNotifier};
pub use object::{Entry, Head, Metadata, Object, ObjectStore};
pub use s3::S3Store;

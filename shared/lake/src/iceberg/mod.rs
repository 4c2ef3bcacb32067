//! Apache Iceberg's table metadata, format version 2, for a table's daily snapshots.
//!
//! A day's snapshot is a list of immutable Parquet files already; this says the same in Iceberg's words, so that its readers
//! travel in time with no help of ours. Bytes, no storage, and a pure function: no clock, no lots. To publish a day:
//!
//! 1. read the current metadata with [`IcebergDays::read`], and the manifest of the day before
//!    ([`IcebergDays::before`], [`SnapshotEntry::manifest_key`]) with [`Lineage::read`];
//! 2. write the files of [`IcebergTable::write_day`];
//! 3. [`IcebergDays::put`] its entry, [`IcebergDays::keep`] what is kept, and write [`IcebergTable::metadata`];
//! 4. write the hint last: that is the commit for who reads the folder; for a catalogue it is its update.

mod avro;
mod data_file;
mod day;
mod days;
mod manifest;
mod manifest_list;
mod metadata;
mod schema;

pub use data_file::DataFile;
pub use day::{DayFiles, WrittenDay};
pub use days::{IcebergDays, SnapshotEntry};
pub use manifest::FileLineage;
pub use metadata::WrittenMetadata;

use contract::TableContract;

use crate::LakeError;
use schema::IcebergSchema;

/// A file of the metadata: where it goes and what is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcebergFile {
    /// Its key, beside the data.
    pub key: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// A table as Iceberg's readers see it.
pub struct IcebergTable<'t> {
    name: &'t str,
    root: &'t str,
    contract_version: &'t str,
    schema: IcebergSchema,
}

impl<'t> IcebergTable<'t> {
    /// The table of this contract, whose keys lie below `root`: `s3://bucket`, or an absolute path.
    ///
    /// # Errors
    /// When two columns have the same field id: one of them needs another name.
    pub fn new(contract: &'t TableContract, root: &'t str) -> Result<Self, LakeError> {
        Ok(Self {
            name: &contract.name,
            root: root.trim_end_matches('/'),
            contract_version: &contract.version,
            schema: IcebergSchema::from_contract(contract)?,
        })
    }

    /// The table's folder.
    #[must_use]
    pub fn table_location(&self) -> String {
        self.full_path(
            crate::curated_keys::iceberg_prefix(self.name).trim_end_matches("/metadata/"),
        )
    }

    /// The full path of a key, as Iceberg wants all of them.
    #[must_use]
    pub fn full_path(&self, key: &str) -> String {
        format!("{}/{key}", self.root)
    }
}

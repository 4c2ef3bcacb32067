//! Apache Iceberg's table metadata, format version 2, for a table's daily snapshots.
//!
//! A day's snapshot is a list of immutable Parquet files already; this module lists the same files
//! as Iceberg does, so that its readers can ask for any kept day. Bytes, no storage, and a pure
//! function: no clock, no random numbers. To publish a day:
//!
//! 1. read the current metadata with [`IcebergDays::from_metadata`], and the manifest of the day
//!    before ([`IcebergDays::entry_before`], [`SnapshotEntry::manifest_key`]) with
//!    [`FileLineage::from_manifest`];
//! 2. write the files of [`IcebergTable::write_day`];
//! 3. [`IcebergDays::put_entry`] its entry, [`IcebergDays::retain_days`] that are kept, and write
//!    [`IcebergTable::write_metadata`];
//! 4. write the hint last: for readers of the folder that is the commit; for a catalogue it is its
//!    update.

mod avro;
mod data_file;
mod day;
mod days;
mod manifest;
mod manifest_list;
mod metadata;
mod raw_file;
mod raw_table;
mod schema;

pub use data_file::{ColumnCounts, DataFile};
pub use day::{DayFiles, WrittenDay};
pub use days::{IcebergDays, SnapshotEntry};
pub use manifest::FileLineage;
pub use metadata::WrittenMetadata;
pub use raw_file::{RawObjectFile, read_raw_manifest};
pub use raw_table::{EpochPartition, RawDayEntry, RawDays, RawIcebergTable, WrittenRawTable};

use contract::TableContract;

use crate::LakeError;
use schema::IcebergSchema;

/// A file of the metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IcebergFile {
    /// Its key, in a folder beside the data.
    pub key: String,
    /// Its content.
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
    /// The table of this contract, whose keys are below `root`: `s3://bucket`, or an absolute path.
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

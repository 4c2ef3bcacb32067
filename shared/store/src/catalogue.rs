//! The port to the catalogue that Athena and the others read: tables and where their partitions lie.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::StoreError;

/// A table as the catalogue shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// Its name.
    pub name: String,
    /// What its rows are.
    pub description: String,
    /// Where its files lie; partitions name their own places.
    pub location: String,
    /// (name, Glue's type, meaning)
    pub columns: Vec<(String, String, String)>,
    /// The names of the partition keys; all of them text, so that Athena prunes on the server's side.
    pub partition_keys: Vec<String>,
}

/// A partition: its values and where its files lie.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionSpec {
    /// The values of the partition keys.
    pub values: Vec<String>,
    /// The prefix, as a URL.
    pub location: String,
}

/// One database of a catalogue.
#[async_trait]
pub trait Catalogue: Send + Sync {
    /// Makes the table, or brings it up to date.
    ///
    /// # Errors
    /// The service's failure.
    async fn put_table(&self, table: &TableSpec) -> Result<(), StoreError>;

    /// Makes the partitions, or points those that there are to their new places.
    ///
    /// # Errors
    /// The service's failure.
    async fn put_partitions(&self, table: &TableSpec, partitions: &[PartitionSpec])
    -> Result<(), StoreError>;

    /// The table's partitions.
    ///
    /// # Errors
    /// The service's failure.
    async fn partitions(&self, table: &str) -> Result<Vec<PartitionSpec>, StoreError>;

    /// Deletes partitions by their values; one that is not there is deleted already.
    ///
    /// # Errors
    /// The service's failure.
    async fn delete_partitions(&self, table: &str, values: &[Vec<String>]) -> Result<(), StoreError>;
}

/// Tables by name, each with the places of its partitions by their values.
type Tables = BTreeMap<String, (TableSpec, BTreeMap<Vec<String>, String>)>;

/// A catalogue in memory, for unit tests.
#[derive(Debug, Default)]
pub struct MemoryCatalogue {
    tables: Mutex<Tables>,
}

impl MemoryCatalogue {
    fn tables(&self) -> std::sync::MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Catalogue for MemoryCatalogue {
    async fn put_table(&self, table: &TableSpec) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let partitions = tables.remove(&table.name).map(|(_, partitions)| partitions).unwrap_or_default();
        tables.insert(table.name.clone(), (table.clone(), partitions));
        Ok(())
    }

    async fn put_partitions(
        &self,
        table: &TableSpec,
        partitions: &[PartitionSpec],
    ) -> Result<(), StoreError> {
        let mut tables = self.tables();
        let known = tables.entry(table.name.clone()).or_insert_with(|| (table.clone(), BTreeMap::new()));
        known.1.extend(
            partitions.iter().map(|partition| (partition.values.clone(), partition.location.clone())),
        );
        Ok(())
    }

    async fn partitions(&self, table: &str) -> Result<Vec<PartitionSpec>, StoreError> {
        let tables = self.tables();
        let partitions = tables.get(table).map(|(_, partitions)| partitions.iter());
        let spec = |(values, location): (&Vec<String>, &String)| PartitionSpec {
            values: values.clone(),
            location: location.clone(),
        };
        Ok(partitions.map(|partitions| partitions.map(spec).collect()).unwrap_or_default())
    }

    async fn delete_partitions(&self, table: &str, values: &[Vec<String>]) -> Result<(), StoreError> {
        if let Some((_, partitions)) = self.tables().get_mut(table) {
            partitions.retain(|known, _| !values.contains(known));
        }
        Ok(())
    }
}

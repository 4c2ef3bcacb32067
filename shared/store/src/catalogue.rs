//! The port to the catalogue that Athena and other query engines read: tables and the locations of
//! their partitions.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::{StoreError, StoreErrorKind};

/// A column as the catalogue shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnSpec {
    /// Its name.
    pub name: String,
    /// Its type, as Glue and Athena write it.
    pub kind: String,
    /// What it means.
    pub meaning: String,
    /// `public`, `internal` or `personal`: grants go by it.
    pub classification: String,
}

/// A table as the catalogue shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// The database: a zone of a department.
    pub database: String,
    /// Its name.
    pub name: String,
    /// What its rows are.
    pub description: String,
    /// The location of its files; partitions have their own locations.
    pub location: String,
    /// Its columns.
    pub columns: Vec<ColumnSpec>,
    /// Names and types of the partition keys.
    pub partition_keys: Vec<(String, String)>,
    /// Further facts: owner, contract, last passing snapshot. Parameters of other programs are left
    /// alone.
    pub parameters: BTreeMap<String, String>,
}

/// What is known of a column's values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnStatistics {
    /// The column.
    pub name: String,
    /// Its type.
    pub kind: String,
    /// The snapshot's day, as days since 1970-01-01.
    pub day: i32,
    /// Rows without a value.
    pub nulls: u64,
    /// Different values, estimated.
    pub distinct: u64,
    /// Bytes of the longest text.
    pub max_bytes: u64,
    /// Bytes of all texts, and rows with a value: their quotient is the mean length.
    pub bytes: u64,
    /// Rows with a value.
    pub filled: u64,
    /// The minimum and the maximum: days, whole numbers, decimals without their point.
    pub range: Option<(i64, i64)>,
}

/// Whether an existing table may become the wanted one: columns may be added, and nothing else may
/// change.
///
/// # Errors
/// What changed, and what to do.
pub(crate) fn check_additive(
    known: &[(String, String)],
    keys: &[String],
    wanted: &TableSpec,
) -> Result<(), String> {
    let wanted_keys: Vec<&String> = wanted.partition_keys.iter().map(|(name, _)| name).collect();
    if keys.iter().ne(wanted_keys.iter().copied()) {
        return Err(format!(
            "its partition keys are {}, and would become others",
            keys.join(", ")
        ));
    }
    for (name, kind) in known {
        match wanted.columns.iter().find(|column| column.name == *name) {
            None => {
                return Err(format!(
                    "its column `{name}` is in no contract any more; keep it, or give the table a \
                     new name"
                ));
            }
            Some(column) if column.kind != *kind => {
                return Err(format!(
                    "its column `{name}` of type {kind} would become {}; add a column of another \
                     name instead",
                    column.kind
                ));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// A partition: its values, the location of its files, and how much is there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PartitionSpec {
    /// The values of the partition keys.
    pub values: Vec<String>,
    /// The prefix, as a URL.
    pub location: String,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of its files.
    pub bytes: u64,
}

/// A catalogue of tables in databases, which must exist: Terraform creates them.
#[async_trait]
pub trait TableCatalogue: Send + Sync {
    /// Creates or updates the table: columns are added, meanings and parameters follow.
    ///
    /// # Errors
    /// The service's failure; [`crate::StoreErrorKind::Refused`] when it would be another change
    /// than an addition.
    async fn put_table(&self, table: &TableSpec) -> Result<(), StoreError>;

    /// Writes the statistics of the columns' values: those of the partition with these values, or
    /// of the table where none is given.
    ///
    /// # Errors
    /// The service's failure.
    async fn put_statistics(
        &self,
        table: &TableSpec,
        partition: Option<&[String]>,
        columns: &[ColumnStatistics],
    ) -> Result<(), StoreError>;

    /// Creates the partitions, or points existing ones to their new locations.
    ///
    /// # Errors
    /// The service's failure.
    async fn put_partitions(
        &self,
        table: &TableSpec,
        partitions: &[PartitionSpec],
    ) -> Result<(), StoreError>;

    /// The table's partitions.
    ///
    /// # Errors
    /// The service's failure.
    async fn list_partitions(&self, table: &TableSpec) -> Result<Vec<PartitionSpec>, StoreError>;

    /// Deletes partitions by their values; no error for one that does not exist.
    ///
    /// # Errors
    /// The service's failure.
    async fn delete_partitions(
        &self,
        table: &TableSpec,
        values: &[Vec<String>],
    ) -> Result<(), StoreError>;
}

/// (database, table)
type TableKey = (String, String);

/// A table, and its partitions by their values.
type TableAndPartitions = (TableSpec, BTreeMap<Vec<String>, PartitionSpec>);

/// A catalogue in memory, for unit tests.
#[derive(Debug, Default)]
pub struct MemoryCatalogue {
    tables: Mutex<BTreeMap<TableKey, TableAndPartitions>>,
}

impl TableSpec {
    fn table_key(&self) -> TableKey {
        (self.database.clone(), self.name.clone())
    }
}

impl MemoryCatalogue {
    fn lock_tables(&self) -> std::sync::MutexGuard<'_, BTreeMap<TableKey, TableAndPartitions>> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl TableCatalogue for MemoryCatalogue {
    async fn put_table(&self, table: &TableSpec) -> Result<(), StoreError> {
        let mut tables = self.lock_tables();
        let Some((known, _)) = tables.get_mut(&table.table_key()) else {
            tables.insert(table.table_key(), (table.clone(), BTreeMap::new()));
            return Ok(());
        };
        let columns: Vec<_> = known
            .columns
            .iter()
            .map(|c| (c.name.clone(), c.kind.clone()))
            .collect();
        let keys: Vec<_> = known
            .partition_keys
            .iter()
            .map(|(name, _)| name.clone())
            .collect();
        check_additive(&columns, &keys, table).map_err(|why| {
            StoreError::new(StoreErrorKind::Refused, "update table", &table.name, why)
        })?;
        *known = table.clone();
        Ok(())
    }

    async fn put_statistics(
        &self,
        table: &TableSpec,
        partition: Option<&[String]>,
        _columns: &[ColumnStatistics],
    ) -> Result<(), StoreError> {
        let tables = self.lock_tables();
        let known = tables.get(&table.table_key());
        let is_known = known.is_some_and(|(_, partitions)| {
            partition.is_none_or(|values| partitions.contains_key(values))
        });
        if is_known {
            return Ok(());
        }
        Err(StoreError::new(
            StoreErrorKind::NotFound,
            "write statistics of",
            &table.name,
            "no such table or partition",
        ))
    }

    async fn put_partitions(
        &self,
        table: &TableSpec,
        partitions: &[PartitionSpec],
    ) -> Result<(), StoreError> {
        let mut tables = self.lock_tables();
        let known = tables
            .entry(table.table_key())
            .or_insert_with(|| (table.clone(), BTreeMap::new()));
        known.1.extend(
            partitions
                .iter()
                .map(|partition| (partition.values.clone(), partition.clone())),
        );
        Ok(())
    }

    async fn list_partitions(&self, table: &TableSpec) -> Result<Vec<PartitionSpec>, StoreError> {
        let tables = self.lock_tables();
        let Some((_, partitions)) = tables.get(&table.table_key()) else {
            return Ok(Vec::new());
        };
        Ok(partitions.values().cloned().collect())
    }

    async fn delete_partitions(
        &self,
        table: &TableSpec,
        values: &[Vec<String>],
    ) -> Result<(), StoreError> {
        if let Some((_, partitions)) = self.lock_tables().get_mut(&table.table_key()) {
            partitions.retain(|known, _| !values.contains(known));
        }
        Ok(())
    }
}

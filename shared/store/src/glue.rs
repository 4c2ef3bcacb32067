//! The catalogue on AWS Glue, and on the local platform's Glue endpoint.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_glue::Client;
use aws_sdk_glue::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_glue::types::{
    BatchUpdatePartitionRequestEntry, Column, PartitionInput, PartitionValueList, SerDeInfo,
    StorageDescriptor, Table, TableInput,
};

use crate::catalogue::check_additive;
use crate::glue_statistics::build_glue_statistics;
use crate::{
    ColumnSpec, ColumnStatistics, PartitionSpec, StoreError, StoreErrorKind, TableCatalogue,
    TableSpec,
};

/// Glue takes no more columns in one UpdateColumnStatisticsForTable.
const STATISTICS_BATCH_MAX: usize = 25;

/// How often an update is tried when somebody else updates the same table.
const UPDATE_ATTEMPTS_MAX: u32 = 4;

/// Glue takes no more partitions in one BatchCreatePartition or BatchUpdatePartition.
const CREATE_BATCH_MAX: usize = 100;

/// Glue takes no more partitions in one BatchDeletePartition.
const DELETE_BATCH_MAX: usize = 25;

/// Glue.
#[derive(Clone, Debug)]
pub struct GlueCatalogue {
    client: Client,
}

impl GlueCatalogue {
    /// The catalogue of the client's account.
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { client }
    }

    async fn find_table(&self, table: &TableSpec) -> Result<Option<Table>, StoreError> {
        let answer = self
            .client
            .get_table()
            .database_name(&table.database)
            .name(&table.name)
            .send()
            .await;
        match answer {
            Ok(answer) => Ok(answer.table),
            // No such table, or no such database: creating it tells which.
            Err(error) if error.code() == Some("EntityNotFoundException") => Ok(None),
            Err(error) => Err(glue_error("look up table", &table.name, &error)),
        }
    }

    /// Makes the table; false when somebody else has just done it.
    async fn create_table(&self, table: &TableSpec) -> Result<bool, StoreError> {
        let input = build_table_input(table, None)?;
        match self
            .client
            .create_table()
            .database_name(&table.database)
            .table_input(input)
            .send()
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("AlreadyExistsException") => Ok(false),
            Err(error) => Err(glue_error("create table", &table.name, &error)),
        }
    }

    /// Brings a table up to date, if nobody has changed it since it was looked up; false when somebody has.
    async fn update_table(&self, table: &TableSpec, known: &Table) -> Result<bool, StoreError> {
        let columns = known
            .storage_descriptor
            .as_ref()
            .map(StorageDescriptor::columns)
            .unwrap_or_default();
        let kind = |column: &Column| {
            (
                column.name.clone(),
                column.r#type.clone().unwrap_or_default(),
            )
        };
        let keys: Vec<String> = known
            .partition_keys()
            .iter()
            .map(|key| key.name.clone())
            .collect();
        let columns: Vec<(String, String)> = columns.iter().map(kind).collect();
        check_additive(&columns, &keys, table).map_err(|why| {
            StoreError::new(StoreErrorKind::Refused, "update table", &table.name, why)
        })?;
        let input = build_table_input(table, Some(known))?;
        if is_up_to_date(&input, known) {
            return Ok(true);
        }
        // Without the archive: Glue would keep a version of every day for ever.
        let request = self
            .client
            .update_table()
            .database_name(&table.database)
            .skip_archive(true);
        let request = request
            .table_input(input)
            .set_version_id(known.version_id.clone());
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.code() == Some("ConcurrentModificationException") => Ok(false),
            Err(error) => Err(glue_error("update table", &table.name, &error)),
        }
    }

    /// Makes partitions and gives those that were there already.
    async fn create_partitions(
        &self,
        spec: &TableSpec,
        inputs: Vec<PartitionInput>,
    ) -> Result<Vec<Vec<String>>, StoreError> {
        let table = spec.name.as_str();
        let request = self
            .client
            .batch_create_partition()
            .database_name(&spec.database)
            .table_name(table);
        let answer = request.set_partition_input_list(Some(inputs)).send().await;
        let answer = answer.map_err(|error| glue_error("create partitions of", table, &error))?;
        let mut known = Vec::new();
        for error in answer.errors.unwrap_or_default() {
            let code = error
                .error_detail
                .as_ref()
                .and_then(|detail| detail.error_code());
            if code != Some("AlreadyExistsException") {
                let said = format!(
                    "a partition was refused: {}",
                    code.unwrap_or("no reason given")
                );
                return Err(StoreError::new(
                    StoreErrorKind::Refused,
                    "create partitions of",
                    table,
                    said,
                ));
            }
            known.extend(error.partition_values);
        }
        Ok(known)
    }

    async fn update_partitions(
        &self,
        spec: &TableSpec,
        inputs: Vec<PartitionInput>,
    ) -> Result<(), StoreError> {
        let table = spec.name.as_str();
        let entry = |input: PartitionInput| {
            let values = input.values.clone().unwrap_or_default();
            let entry =
                BatchUpdatePartitionRequestEntry::builder().set_partition_value_list(Some(values));
            entry
                .partition_input(input)
                .build()
                .map_err(|error| build_error(table, &error))
        };
        let entries = inputs
            .into_iter()
            .map(entry)
            .collect::<Result<Vec<_>, _>>()?;
        let request = self
            .client
            .batch_update_partition()
            .database_name(&spec.database)
            .table_name(table);
        let answer = request.set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| glue_error("update partitions of", table, &error))?;
        match answer.errors.unwrap_or_default().first() {
            None => Ok(()),
            Some(error) => {
                let detail = error
                    .error_detail
                    .as_ref()
                    .and_then(|detail| detail.error_message());
                let said = detail.unwrap_or("a partition was refused");
                Err(StoreError::new(
                    StoreErrorKind::Refused,
                    "update partitions of",
                    table,
                    said,
                ))
            }
        }
    }
}

#[async_trait]
impl TableCatalogue for GlueCatalogue {
    async fn put_table(&self, table: &TableSpec) -> Result<(), StoreError> {
        for _ in 0..UPDATE_ATTEMPTS_MAX {
            let done = match self.find_table(table).await? {
                Some(known) => self.update_table(table, &known).await?,
                None => self.create_table(table).await?,
            };
            if done {
                return Ok(());
            }
        }
        let said = "somebody else changes it again and again";
        Err(StoreError::new(
            StoreErrorKind::Unavailable,
            "update table",
            &table.name,
            said,
        ))
    }

    async fn put_statistics(
        &self,
        table: &TableSpec,
        columns: &[ColumnStatistics],
    ) -> Result<(), StoreError> {
        let statistics = columns
            .iter()
            .filter_map(|column| build_glue_statistics(column).transpose());
        let statistics = statistics
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| build_error(&table.name, &error))?;
        for chunk in statistics.chunks(STATISTICS_BATCH_MAX) {
            let request = self
                .client
                .update_column_statistics_for_table()
                .database_name(&table.database);
            let request = request
                .table_name(&table.name)
                .set_column_statistics_list(Some(chunk.to_vec()));
            request
                .send()
                .await
                .map_err(|error| glue_error("write statistics of", &table.name, &error))?;
        }
        Ok(())
    }

    async fn put_partitions(
        &self,
        table: &TableSpec,
        partitions: &[PartitionSpec],
    ) -> Result<(), StoreError> {
        for chunk in partitions.chunks(CREATE_BATCH_MAX) {
            let inputs = chunk
                .iter()
                .map(|partition| build_partition_input(table, partition))
                .collect::<Result<Vec<_>, _>>()?;
            let known = self.create_partitions(table, inputs.clone()).await?;
            let again: Vec<PartitionInput> = inputs
                .into_iter()
                .filter(|input| input.values.as_ref().is_some_and(|v| known.contains(v)))
                .collect();
            if !again.is_empty() {
                self.update_partitions(table, again).await?;
            }
        }
        Ok(())
    }

    async fn list_partitions(&self, spec: &TableSpec) -> Result<Vec<PartitionSpec>, StoreError> {
        let table = spec.name.as_str();
        let request = self
            .client
            .get_partitions()
            .database_name(&spec.database)
            .table_name(table);
        let mut pages = request.into_paginator().send();
        let mut partitions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| glue_error("list partitions of", table, &error))?;
            partitions.extend(
                page.partitions
                    .unwrap_or_default()
                    .into_iter()
                    .map(|partition| PartitionSpec {
                        values: partition.values.unwrap_or_default(),
                        location: partition
                            .storage_descriptor
                            .and_then(|descriptor| descriptor.location)
                            .unwrap_or_default(),
                    }),
            );
        }
        Ok(partitions)
    }

    async fn delete_partitions(
        &self,
        spec: &TableSpec,
        values: &[Vec<String>],
    ) -> Result<(), StoreError> {
        let table = spec.name.as_str();
        for chunk in values.chunks(DELETE_BATCH_MAX) {
            let list = |values: &Vec<String>| {
                let list = PartitionValueList::builder().set_values(Some(values.clone()));
                list.build().map_err(|error| build_error(table, &error))
            };
            let lists = chunk.iter().map(list).collect::<Result<Vec<_>, _>>()?;
            let request = self
                .client
                .batch_delete_partition()
                .database_name(&spec.database)
                .table_name(table);
            let answer = request.set_partitions_to_delete(Some(lists)).send().await;
            answer.map_err(|error| glue_error("delete partitions of", table, &error))?;
        }
        Ok(())
    }
}

/// The table as Glue is told of it; what others have written into the parameters of a known one stays.
fn build_table_input(table: &TableSpec, known: Option<&Table>) -> Result<TableInput, StoreError> {
    let key = |(name, kind): &(String, String)| Column::builder().name(name).r#type(kind).build();
    let keys = table
        .partition_keys
        .iter()
        .map(key)
        .collect::<Result<Vec<_>, _>>();
    let mut parameters: HashMap<String, String> = known
        .and_then(|known| known.parameters.clone())
        .unwrap_or_default();
    parameters.insert("classification".into(), "parquet".into());
    parameters.extend(table.parameters.clone());
    TableInput::builder()
        .name(&table.name)
        .description(&table.description)
        .table_type("EXTERNAL_TABLE")
        .set_parameters(Some(parameters))
        .set_partition_keys(Some(
            keys.map_err(|error| build_error(&table.name, &error))?,
        ))
        .storage_descriptor(build_storage_descriptor(table, &table.location)?)
        .build()
        .map_err(|error| build_error(&table.name, &error))
}

/// Whether an update would change nothing.
fn is_up_to_date(input: &TableInput, known: &Table) -> bool {
    let place = |descriptor: &Option<StorageDescriptor>| {
        descriptor
            .as_ref()
            .map(|descriptor| (descriptor.columns.clone(), descriptor.location.clone()))
    };
    input.description == known.description
        && input.parameters == known.parameters
        && place(&input.storage_descriptor) == place(&known.storage_descriptor)
}

fn build_partition_input(
    table: &TableSpec,
    partition: &PartitionSpec,
) -> Result<PartitionInput, StoreError> {
    let descriptor = build_storage_descriptor(table, &partition.location)?;
    Ok(PartitionInput::builder()
        .set_values(Some(partition.values.clone()))
        .storage_descriptor(descriptor)
        .build())
}

/// Every partition is registered with the table's present columns: Athena refuses one that differs in type.
fn build_storage_descriptor(
    table: &TableSpec,
    location: &str,
) -> Result<StorageDescriptor, StoreError> {
    let column = |column: &ColumnSpec| {
        let ColumnSpec {
            name,
            kind,
            meaning,
            classification,
        } = column;
        // Glue takes no longer comment.
        let comment: String = meaning.chars().take(255).collect();
        let column = Column::builder().name(name).r#type(kind).comment(comment);
        column
            .parameters("polelake.classification", classification)
            .build()
    };
    let columns = table
        .columns
        .iter()
        .map(column)
        .collect::<Result<Vec<_>, _>>();
    let serde = SerDeInfo::builder()
        .serialization_library("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe");
    Ok(StorageDescriptor::builder()
        .set_columns(Some(
            columns.map_err(|error| build_error(&table.name, &error))?,
        ))
        .location(location)
        .input_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat")
        .output_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat")
        .serde_info(serde.build())
        .build())
}

fn build_error(table: &str, error: &BuildError) -> StoreError {
    StoreError::new(
        StoreErrorKind::Refused,
        "describe table",
        table,
        error.to_string(),
    )
}

fn glue_error<E: ProvideErrorMetadata>(
    operation: &'static str,
    name: &str,
    error: &SdkError<E>,
) -> StoreError {
    let kind = match error.code() {
        Some("EntityNotFoundException") => StoreErrorKind::NotFound,
        Some("InvalidInputException" | "AccessDeniedException" | "AlreadyExistsException") => {
            StoreErrorKind::Refused
        }
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(
        kind,
        operation,
        name,
        error.message().unwrap_or("the service did not answer"),
    )
}

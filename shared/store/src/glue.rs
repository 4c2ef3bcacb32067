//! The catalogue on AWS Glue, and on the local platform's Glue endpoint.

use std::collections::HashMap;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_glue::Client;
use aws_sdk_glue::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_glue::types::{
    BatchUpdatePartitionRequestEntry, Column, ErrorDetail, Partition, PartitionInput,
    PartitionValueList, SerDeInfo, StorageDescriptor, Table, TableInput,
};

use crate::catalogue::check_additive;
use crate::glue_statistics::build_glue_statistics;
use crate::{
    ColumnSpec, ColumnStatistics, PartitionSpec, RetryPolicy, StoreError, StoreErrorKind,
    TableCatalogue, TableSpec, describe_causes, retry_with_backoff,
};

/// Glue takes no more columns in one UpdateColumnStatisticsForTable.
const STATISTICS_BATCH_MAX: usize = 25;

/// A table is looked up and updated again when another function has changed it in between.
const UPDATE_RETRY: RetryPolicy = RetryPolicy::new(4, Duration::from_millis(50));

/// Glue takes no more partitions in one BatchCreatePartition or BatchUpdatePartition.
const CREATE_BATCH_MAX: usize = 100;

/// Glue takes no longer comment on a column.
const COMMENT_CHARS_MAX: usize = 255;

/// Glue takes no more partitions in one BatchDeletePartition.
const DELETE_BATCH_MAX: usize = 25;

/// Why a table was not updated.
enum UpdateFailure {
    /// Another function created or changed it at the same moment.
    Conflict,
    /// The service's failure.
    Store(StoreError),
}

impl From<StoreError> for UpdateFailure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// The catalogue of an AWS account.
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
            // No such table, or no such database: the call that creates the table says which.
            Err(error) if error.code() == Some("EntityNotFoundException") => Ok(None),
            Err(error) => Err(glue_error("look up table", &table.name, &error)),
        }
    }

    /// Creates or updates the table, in one attempt.
    async fn put_table_once(&self, table: &TableSpec) -> Result<(), UpdateFailure> {
        let is_done = match self.find_table(table).await? {
            Some(known) => self.update_table(table, &known).await?,
            None => self.create_table(table).await?,
        };
        if is_done {
            Ok(())
        } else {
            Err(UpdateFailure::Conflict)
        }
    }

    /// Creates the table; false when another function has just done it.
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

    /// Updates a table; false when another function has changed it since it was looked up.
    async fn update_table(&self, table: &TableSpec, known: &Table) -> Result<bool, StoreError> {
        check_known_columns(table, known)?;
        let input = build_table_input(table, Some(known))?;
        if is_up_to_date(&input, known) {
            return Ok(true);
        }

        // Without the archive: Glue would keep a version of the table for every day.
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

    /// Creates partitions. Gives the values of those that existed already.
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
            let detail = error.error_detail.as_ref();
            let code = detail.and_then(ErrorDetail::error_code);
            if code != Some("AlreadyExistsException") {
                let message = format!(
                    "a partition was refused: {}",
                    code.unwrap_or("no reason given")
                );
                return Err(StoreError::new(
                    StoreErrorKind::Refused,
                    "create partitions of",
                    table,
                    message,
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
        let mut entries = Vec::with_capacity(inputs.len());
        for input in inputs {
            let values = input.values.clone().unwrap_or_default();
            let entry = BatchUpdatePartitionRequestEntry::builder()
                .set_partition_value_list(Some(values))
                .partition_input(input)
                .build();
            entries.push(entry.map_err(|error| build_error(table, &error))?);
        }

        let request = self
            .client
            .batch_update_partition()
            .database_name(&spec.database)
            .table_name(table);
        let answer = request.set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| glue_error("update partitions of", table, &error))?;

        let Some(error) = answer.errors.unwrap_or_default().into_iter().next() else {
            return Ok(());
        };
        let detail = error.error_detail.as_ref();
        let message = detail.and_then(ErrorDetail::error_message);
        Err(StoreError::new(
            StoreErrorKind::Refused,
            "update partitions of",
            table,
            message.unwrap_or("a partition was refused"),
        ))
    }
}

#[async_trait]
impl TableCatalogue for GlueCatalogue {
    async fn put_table(&self, table: &TableSpec) -> Result<(), StoreError> {
        let answer = retry_with_backoff(
            UPDATE_RETRY,
            || self.put_table_once(table),
            |failure| matches!(failure, UpdateFailure::Conflict),
        )
        .await;

        answer.map_err(|failure| match failure {
            UpdateFailure::Store(error) => error,
            UpdateFailure::Conflict => StoreError::new(
                StoreErrorKind::Unavailable,
                "update table",
                &table.name,
                "other writers change it again and again",
            ),
        })
    }

    async fn put_statistics(
        &self,
        table: &TableSpec,
        columns: &[ColumnStatistics],
    ) -> Result<(), StoreError> {
        let statistics = columns
            .iter()
            .filter_map(|column| build_glue_statistics(column).transpose())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| build_error(&table.name, &error))?;

        for chunk in statistics.chunks(STATISTICS_BATCH_MAX) {
            let request = self
                .client
                .update_column_statistics_for_table()
                .database_name(&table.database)
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

            let to_update: Vec<PartitionInput> = inputs
                .into_iter()
                .filter(|input| {
                    let values = input.values.as_ref();
                    values.is_some_and(|values| known.contains(values))
                })
                .collect();
            if !to_update.is_empty() {
                self.update_partitions(table, to_update).await?;
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
            let listed = page.partitions.unwrap_or_default();
            partitions.extend(listed.into_iter().map(to_partition_spec));
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
            let mut lists = Vec::with_capacity(chunk.len());
            for values in chunk {
                let list = PartitionValueList::builder().set_values(Some(values.clone()));
                lists.push(list.build().map_err(|error| build_error(table, &error))?);
            }

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

/// A table may get columns; every other change is refused.
fn check_known_columns(table: &TableSpec, known: &Table) -> Result<(), StoreError> {
    let descriptor = known.storage_descriptor.as_ref();
    let columns: Vec<(String, String)> = descriptor
        .map(StorageDescriptor::columns)
        .unwrap_or_default()
        .iter()
        .map(|column| {
            (
                column.name.clone(),
                column.r#type.clone().unwrap_or_default(),
            )
        })
        .collect();
    let keys: Vec<String> = known
        .partition_keys()
        .iter()
        .map(|key| key.name.clone())
        .collect();

    check_additive(&columns, &keys, table)
        .map_err(|why| StoreError::new(StoreErrorKind::Refused, "update table", &table.name, why))
}

fn to_partition_spec(partition: Partition) -> PartitionSpec {
    let descriptor = partition.storage_descriptor;
    PartitionSpec {
        values: partition.values.unwrap_or_default(),
        location: descriptor
            .and_then(|descriptor| descriptor.location)
            .unwrap_or_default(),
    }
}

/// The table as Glue stores it. Parameters that other programs have written stay.
fn build_table_input(table: &TableSpec, known: Option<&Table>) -> Result<TableInput, StoreError> {
    let mut keys = Vec::with_capacity(table.partition_keys.len());
    for (name, kind) in &table.partition_keys {
        let key = Column::builder().name(name).r#type(kind).build();
        keys.push(key.map_err(|error| build_error(&table.name, &error))?);
    }

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
        .set_partition_keys(Some(keys))
        .storage_descriptor(build_storage_descriptor(table, &table.location)?)
        .build()
        .map_err(|error| build_error(&table.name, &error))
}

/// Whether an update would change nothing.
fn is_up_to_date(input: &TableInput, known: &Table) -> bool {
    let wanted = input.storage_descriptor.as_ref();
    let present = known.storage_descriptor.as_ref();

    input.description == known.description
        && input.parameters == known.parameters
        && wanted.map(|wanted| (&wanted.columns, &wanted.location))
            == present.map(|present| (&present.columns, &present.location))
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

/// Every partition is registered with the table's present columns: Athena refuses one that differs
/// in type.
fn build_storage_descriptor(
    table: &TableSpec,
    location: &str,
) -> Result<StorageDescriptor, StoreError> {
    let columns = table
        .columns
        .iter()
        .map(build_glue_column)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| build_error(&table.name, &error))?;

    let serde = SerDeInfo::builder()
        .serialization_library("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe");
    Ok(StorageDescriptor::builder()
        .set_columns(Some(columns))
        .location(location)
        .input_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat")
        .output_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat")
        .serde_info(serde.build())
        .build())
}

fn build_glue_column(column: &ColumnSpec) -> Result<Column, BuildError> {
    let comment: String = column.meaning.chars().take(COMMENT_CHARS_MAX).collect();
    Column::builder()
        .name(&column.name)
        .r#type(&column.kind)
        .comment(comment)
        .parameters("polelake.classification", &column.classification)
        .build()
}

fn build_error(table: &str, error: &BuildError) -> StoreError {
    StoreError::new(
        StoreErrorKind::Refused,
        "describe table",
        table,
        error.to_string(),
    )
}

fn glue_error<E: ProvideErrorMetadata + std::error::Error + 'static>(
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
        error
            .message()
            .map_or_else(|| describe_causes(error), str::to_owned),
    )
}

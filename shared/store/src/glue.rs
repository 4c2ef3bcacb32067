//! The catalogue on AWS Glue, and on the local platform's Glue endpoint.

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_glue::Client;
use aws_sdk_glue::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_glue::types::{
    BatchUpdatePartitionRequestEntry, ColumnStatistics as GlueStatistics, ErrorDetail,
    PartitionError, PartitionInput, PartitionValueList, StorageDescriptor, Table,
};

use crate::catalogue::check_additive;
use crate::glue_inputs::{
    build_error, build_partition_input, build_table_input, is_up_to_date, to_partition_spec,
};
use crate::glue_statistics::build_glue_statistics;
use crate::{
    ColumnStatistics, PartitionSpec, RetryPolicy, StoreError, StoreErrorKind, TableCatalogue,
    TableSpec, describe_causes, retry_with_backoff,
};

/// Glue takes no more columns in one UpdateColumnStatisticsForTable.
const STATISTICS_BATCH_MAX: usize = 25;

/// A table is looked up and updated again when another function has changed it in between.
const UPDATE_RETRY: RetryPolicy = RetryPolicy::new(4, Duration::from_millis(50));

/// Glue takes no more partitions in one BatchCreatePartition or BatchUpdatePartition.
const CREATE_BATCH_MAX: usize = 100;

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

    /// Writes the statistics of some columns of a table.
    async fn put_table_chunk(
        &self,
        table: &TableSpec,
        chunk: &[GlueStatistics],
    ) -> Result<(), StoreError> {
        let request = self
            .client
            .update_column_statistics_for_table()
            .database_name(&table.database)
            .table_name(&table.name)
            .set_column_statistics_list(Some(chunk.to_vec()));
        let answer = request.send().await;
        answer.map_err(|error| glue_error("write statistics of", &table.name, &error))?;
        Ok(())
    }

    /// Writes the statistics of some columns of a partition.
    async fn put_partition_chunk(
        &self,
        table: &TableSpec,
        values: &[String],
        chunk: &[GlueStatistics],
    ) -> Result<(), StoreError> {
        let request = self
            .client
            .update_column_statistics_for_partition()
            .database_name(&table.database)
            .table_name(&table.name)
            .set_partition_values(Some(values.to_vec()))
            .set_column_statistics_list(Some(chunk.to_vec()));
        let answer = request.send().await;
        let operation = "write statistics of a partition of";
        answer.map_err(|error| glue_error(operation, &table.name, &error))?;
        Ok(())
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
        partition: Option<&[String]>,
        columns: &[ColumnStatistics],
    ) -> Result<(), StoreError> {
        let statistics = columns
            .iter()
            .filter_map(|column| build_glue_statistics(column).transpose())
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| build_error(&table.name, &error))?;

        for chunk in statistics.chunks(STATISTICS_BATCH_MAX) {
            match partition {
                Some(values) => self.put_partition_chunk(table, values, chunk).await?,
                None => self.put_table_chunk(table, chunk).await?,
            }
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
            let answer =
                answer.map_err(|error| glue_error("delete partitions of", table, &error))?;
            check_deletions(table, answer.errors())?;
        }
        Ok(())
    }
}

/// Glue answers a request of which it deleted nothing with success, and lists what it refused. A
/// partition that is not there is as good as deleted.
fn check_deletions(table: &str, errors: &[PartitionError]) -> Result<(), StoreError> {
    let details = errors.iter().filter_map(PartitionError::error_detail);
    let refused = details
        .into_iter()
        .find(|detail| detail.error_code() != Some("EntityNotFoundException"));
    let Some(refused) = refused else {
        return Ok(());
    };
    let why = refused.error_message().or(refused.error_code());
    Err(StoreError::new(
        StoreErrorKind::Refused,
        "delete partitions of",
        table,
        format!(
            "a partition was refused: {}",
            why.unwrap_or("no reason given")
        ),
    ))
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

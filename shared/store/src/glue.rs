//! The catalogue on AWS Glue, and on the local platform's Glue endpoint.

use async_trait::async_trait;
use aws_sdk_glue::Client;
use aws_sdk_glue::error::{BuildError, ProvideErrorMetadata, SdkError};
use aws_sdk_glue::types::{
    BatchUpdatePartitionRequestEntry, Column, PartitionInput, PartitionValueList, SerDeInfo,
    StorageDescriptor, TableInput,
};

use crate::{Catalogue, PartitionSpec, StoreError, StoreErrorKind, TableSpec};

/// Glue takes no more partitions in one BatchCreatePartition or BatchUpdatePartition.
const CREATE_BATCH: usize = 100;

/// Glue takes no more partitions in one BatchDeletePartition.
const DELETE_BATCH: usize = 25;

/// A database of Glue.
#[derive(Clone, Debug)]
pub struct GlueCatalogue {
    client: Client,
    database: String,
}

impl GlueCatalogue {
    /// The database `database`, which must exist: Terraform makes it.
    #[must_use]
    pub fn new(client: Client, database: impl Into<String>) -> Self {
        Self { client, database: database.into() }
    }

    /// Makes partitions and gives those that were there already.
    async fn create(&self, table: &str, inputs: Vec<PartitionInput>) -> Result<Vec<Vec<String>>, StoreError> {
        let request = self.client.batch_create_partition().database_name(&self.database).table_name(table);
        let answer = request.set_partition_input_list(Some(inputs)).send().await;
        let answer = answer.map_err(|error| failure("create partitions of", table, &error))?;
        let mut known = Vec::new();
        for error in answer.errors.unwrap_or_default() {
            let code = error.error_detail.as_ref().and_then(|detail| detail.error_code());
            if code != Some("AlreadyExistsException") {
                let said = format!("a partition was refused: {}", code.unwrap_or("no reason given"));
                return Err(StoreError::new(StoreErrorKind::Refused, "create partitions of", table, said));
            }
            known.extend(error.partition_values);
        }
        Ok(known)
    }

    async fn update(&self, table: &str, inputs: Vec<PartitionInput>) -> Result<(), StoreError> {
        let entry = |input: PartitionInput| {
            let values = input.values.clone().unwrap_or_default();
            let entry = BatchUpdatePartitionRequestEntry::builder().set_partition_value_list(Some(values));
            entry.partition_input(input).build().map_err(|error| mistake(table, &error))
        };
        let entries = inputs.into_iter().map(entry).collect::<Result<Vec<_>, _>>()?;
        let request = self.client.batch_update_partition().database_name(&self.database).table_name(table);
        let answer = request.set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|error| failure("update partitions of", table, &error))?;
        match answer.errors.unwrap_or_default().first() {
            None => Ok(()),
            Some(error) => {
                let detail = error.error_detail.as_ref().and_then(|detail| detail.error_message());
                let said = detail.unwrap_or("a partition was refused");
                Err(StoreError::new(StoreErrorKind::Refused, "update partitions of", table, said))
            }
        }
    }
}

#[async_trait]
impl Catalogue for GlueCatalogue {
    async fn put_table(&self, table: &TableSpec) -> Result<(), StoreError> {
        let input = table_input(table)?;
        let created =
            self.client.create_table().database_name(&self.database).table_input(input.clone()).send().await;
        match created {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("AlreadyExistsException") => {
                // Without the archive: Glue would keep a version of every day for ever.
                let request = self.client.update_table().database_name(&self.database).skip_archive(true);
                let answer = request.table_input(input).send().await;
                answer.map(drop).map_err(|error| failure("update table", &table.name, &error))
            }
            Err(error) => Err(failure("create table", &table.name, &error)),
        }
    }

    async fn put_partitions(
        &self,
        table: &TableSpec,
        partitions: &[PartitionSpec],
    ) -> Result<(), StoreError> {
        for chunk in partitions.chunks(CREATE_BATCH) {
            let inputs = chunk
                .iter()
                .map(|partition| partition_input(table, partition))
                .collect::<Result<Vec<_>, _>>()?;
            let known = self.create(&table.name, inputs.clone()).await?;
            let again: Vec<PartitionInput> = inputs
                .into_iter()
                .filter(|input| input.values.as_ref().is_some_and(|v| known.contains(v)))
                .collect();
            if !again.is_empty() {
                self.update(&table.name, again).await?;
            }
        }
        Ok(())
    }

    async fn partitions(&self, table: &str) -> Result<Vec<PartitionSpec>, StoreError> {
        let request = self.client.get_partitions().database_name(&self.database).table_name(table);
        let mut pages = request.into_paginator().send();
        let mut partitions = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| failure("list partitions of", table, &error))?;
            partitions.extend(page.partitions.unwrap_or_default().into_iter().map(|partition| {
                PartitionSpec {
                    values: partition.values.unwrap_or_default(),
                    location: partition
                        .storage_descriptor
                        .and_then(|descriptor| descriptor.location)
                        .unwrap_or_default(),
                }
            }));
        }
        Ok(partitions)
    }

    async fn delete_partitions(&self, table: &str, values: &[Vec<String>]) -> Result<(), StoreError> {
        for chunk in values.chunks(DELETE_BATCH) {
            let list = |values: &Vec<String>| {
                let list = PartitionValueList::builder().set_values(Some(values.clone()));
                list.build().map_err(|error| mistake(table, &error))
            };
            let lists = chunk.iter().map(list).collect::<Result<Vec<_>, _>>()?;
            let request =
                self.client.batch_delete_partition().database_name(&self.database).table_name(table);
            let answer = request.set_partitions_to_delete(Some(lists)).send().await;
            answer.map_err(|error| failure("delete partitions of", table, &error))?;
        }
        Ok(())
    }
}

fn table_input(table: &TableSpec) -> Result<TableInput, StoreError> {
    let key = |name: &String| Column::builder().name(name).r#type("string").build();
    let keys = table.partition_keys.iter().map(key).collect::<Result<Vec<_>, _>>();
    TableInput::builder()
        .name(&table.name)
        .description(&table.description)
        .table_type("EXTERNAL_TABLE")
        .parameters("classification", "parquet")
        .set_partition_keys(Some(keys.map_err(|error| mistake(&table.name, &error))?))
        .storage_descriptor(descriptor(table, &table.location)?)
        .build()
        .map_err(|error| mistake(&table.name, &error))
}

fn partition_input(table: &TableSpec, partition: &PartitionSpec) -> Result<PartitionInput, StoreError> {
    let descriptor = descriptor(table, &partition.location)?;
    Ok(PartitionInput::builder()
        .set_values(Some(partition.values.clone()))
        .storage_descriptor(descriptor)
        .build())
}

/// Every partition is registered with the table's present columns: Athena refuses one that differs in type.
fn descriptor(table: &TableSpec, location: &str) -> Result<StorageDescriptor, StoreError> {
    let column = |(name, kind, meaning): &(String, String, String)| {
        Column::builder().name(name).r#type(kind).comment(meaning).build()
    };
    let columns = table.columns.iter().map(column).collect::<Result<Vec<_>, _>>();
    let serde = SerDeInfo::builder()
        .serialization_library("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe");
    Ok(StorageDescriptor::builder()
        .set_columns(Some(columns.map_err(|error| mistake(&table.name, &error))?))
        .location(location)
        .input_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat")
        .output_format("org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat")
        .serde_info(serde.build())
        .build())
}

fn mistake(table: &str, error: &BuildError) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, "describe table", table, error.to_string())
}

fn failure<E: ProvideErrorMetadata>(operation: &'static str, name: &str, error: &SdkError<E>) -> StoreError {
    let kind = match error.code() {
        Some("EntityNotFoundException") => StoreErrorKind::NotFound,
        Some("InvalidInputException" | "AccessDeniedException" | "AlreadyExistsException") => {
            StoreErrorKind::Refused
        }
        _ => StoreErrorKind::Unavailable,
    };
    StoreError::new(kind, operation, name, error.message().unwrap_or("the service did not answer"))
}

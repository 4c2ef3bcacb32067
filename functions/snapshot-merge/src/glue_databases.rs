//! The zones in the catalogue: databases by zone and department, and the tables of raw and refined
//! objects.
//!
//! Athena finds raw and refined objects by partition projection: it derives their locations from
//! the names of the keys, so that no partition is registered for each of them. The projection names
//! the streams and the days that there are when a day is merged.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Catalogue, Column, CompiledMapping, TableContract};
use host::{Failure, FailureKind};
use lake::{Chunk, Day, database_name, raw_table_name, schema, table_prefix};
use store::{ColumnSpec, StoreError, StoreErrorKind, TableSpec};

use crate::context::Context;
use crate::zone_extents::{
    StreamExtent, TopicStreams, day_range, find_first_refined_day, find_history_days,
};

/// The department of the metrics' history.
const QUALITY_DEPARTMENT: &str = "quality";

/// A table's name, its columns (name, type, meaning), and its description.
type HistoryTable = (
    &'static str,
    &'static [(&'static str, &'static str, &'static str)],
    &'static str,
);

/// The tables that `quality-report` writes.
const HISTORY_TABLES: [HistoryTable; 2] = [
    (
        lake::METRICS_TABLE,
        &lake::METRIC_COLUMNS,
        "The metrics of every day: a number for each metric of a table or source",
    ),
    (
        lake::RULES_TABLE,
        &lake::RULE_COLUMNS,
        "The result of every rule on every day",
    ),
];

/// A failure of the catalogue. A change that the catalogue refuses is an operator's to fix; any
/// other failure may pass by itself.
pub(crate) fn catalogue_failure(error: StoreError) -> Failure {
    match error.kind {
        StoreErrorKind::Refused => Failure::new(FailureKind::Configuration, error.to_string()),
        _ => error.into(),
    }
}

/// Creates the table in the catalogue, or brings it up to date.
pub(crate) async fn put_table(spec: &TableSpec, context: &Context) -> Result<(), Failure> {
    context
        .glue
        .put_table(spec)
        .await
        .map_err(catalogue_failure)
}

/// Days behind the newest one in which refined rows can be found before the next merge: those of
/// the next day, and of the hours until it is merged.
const DAYS_UNTIL_NEXT_MERGE: i32 = 2;

/// Brings the tables of raw topics and refined increments up to date. `day` is the day that is
/// merged, `newest` the latest one on which a record was appended.
///
/// # Errors
/// When the catalogue does not answer, or refuses a change.
pub(crate) async fn publish_zone_tables(
    day: Day,
    newest: Option<Day>,
    context: &Context,
) -> Result<(), Failure> {
    let mappings = &context.catalogue.mappings;
    let topics = mappings
        .iter()
        .map(|mapping| mapping.contract.topic.as_str());
    let streams = TopicStreams::find(topics, &*context.raw, &*context.refined).await?;
    for mapping in mappings {
        let extent = streams.extent_of(&[&mapping.contract.topic]);
        put_table(&raw_table_spec(mapping, &extent, context), context).await?;
    }
    for table in &context.catalogue.tables {
        let topics = context.catalogue.topics_of_table(&table.name);
        if !topics.is_empty() {
            let last = Day(day.0 + DAYS_UNTIL_NEXT_MERGE).max(newest.unwrap_or(day));
            let spec = refined_table_spec(table, last, context).await?;
            put_table(&spec, context).await?;
        }
    }
    for (name, columns, meaning) in HISTORY_TABLES {
        // The day's report comes after its merge.
        let known = find_history_days(name, &*context.curated).await?;
        let (first, last) = known.unwrap_or((day, day));
        let days = day_range(Some(first.min(day)), last.max(day));
        let spec = metric_history_spec(name, columns, meaning, &days, context);
        put_table(&spec, context).await?;
    }
    Ok(())
}

/// Every database that the contracts need. The platform's deployment creates them.
#[must_use]
pub fn required_databases(prefix: &str, catalogue: &Catalogue) -> BTreeSet<String> {
    let mut databases = BTreeSet::new();
    for mapping in &catalogue.mappings {
        databases.insert(database_name(prefix, "raw", &mapping.contract.domain));
    }
    for table in &catalogue.tables {
        databases.insert(database_name(prefix, "refined", &table.domain));
        databases.insert(database_name(prefix, "curated", &table.domain));
    }
    databases.insert(database_name(prefix, "curated", QUALITY_DEPARTMENT));
    databases
}

/// A table's snapshots, as the catalogue shows them under `name`.
pub(crate) fn curated_table_spec(
    table: &TableContract,
    name: &str,
    keys: &[&str],
    context: &Context,
) -> TableSpec {
    TableSpec {
        database: database_name(&context.database_prefix, "curated", &table.domain),
        name: name.to_owned(),
        description: table.meaning.clone(),
        location: format!(
            "s3://{}/{}",
            context.buckets.curated,
            table_prefix(&table.name)
        ),
        columns: table.columns.iter().map(contract_column_spec).collect(),
        partition_keys: keys
            .iter()
            .map(|key| ((*key).to_owned(), "string".to_owned()))
            .collect(),
        parameters: table_parameters(
            &table.owner,
            &format!("pole/{}", table.name),
            &table.version,
            data_classification(table),
        ),
    }
}

fn contract_column_spec(column: &Column) -> ColumnSpec {
    let kind = column.kind.glue_type();
    let described = (&column.name[..], &kind[..], &column.meaning[..]);
    column_spec(described, &column.classification)
}

fn data_classification(table: &TableContract) -> &'static str {
    if table.columns.iter().any(|column| column.personal) {
        "personal"
    } else {
        "internal"
    }
}

fn table_parameters(
    owner: &str,
    contract: &str,
    version: &str,
    classification: &str,
) -> BTreeMap<String, String> {
    let pairs = [
        ("polelake.owner", owner),
        ("polelake.contract", contract),
        ("polelake.contract_version", version),
        ("polelake.data_classification", classification),
    ];
    pairs
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Increments of a table, by the day on which the first record of their raw object was appended.
async fn refined_table_spec(
    table: &TableContract,
    last: Day,
    context: &Context,
) -> Result<TableSpec, Failure> {
    let bucket = &context.buckets.refined;
    let mut spec = curated_table_spec(table, &table.name, &[], context);
    spec.database = database_name(&context.database_prefix, "refined", &table.domain);
    spec.location = format!("s3://{bucket}/{}", Chunk::refined_prefix(&table.name));
    for (name, meaning, classification) in [
        (
            schema::OPERATION_COLUMN,
            "What the row does: u upsert, p patch, d delete, r its set is replaced; of statements \
             of records, S whole state, P patch, C patch that may begin a record, D deletion",
            "internal",
        ),
        (
            schema::CHANGED_COLUMNS_COLUMN,
            "The columns that a patch carries",
            "internal",
        ),
        (
            schema::STATEMENT_COLUMN,
            "What the event states of its record, as JSON, for sources with patches",
            "personal",
        ),
    ] {
        let column = column_spec((name, "string", meaning), classification);
        spec.columns.push(column);
    }

    let first = find_first_refined_day(&table.name, &*context.refined).await?;
    let template = Chunk::refined_location_template(&table.name);
    project_days(
        &mut spec,
        format!("s3://{bucket}/{template}"),
        "in_date",
        &day_range(first, last),
    );
    Ok(spec)
}

/// A table of the metrics' history, by day.
fn metric_history_spec(
    name: &str,
    columns: &[(&str, &str, &str)],
    meaning: &str,
    days: &str,
    context: &Context,
) -> TableSpec {
    let bucket = &context.buckets.curated;
    let mut spec = TableSpec {
        database: database_name(&context.database_prefix, "curated", QUALITY_DEPARTMENT),
        name: name.to_owned(),
        description: meaning.to_owned(),
        location: format!("s3://{bucket}/{}", lake::history_prefix(name)),
        columns: columns
            .iter()
            .map(|column| column_spec(*column, "internal"))
            .collect(),
        partition_keys: Vec::new(),
        parameters: table_parameters("polelake", name, "1.0.0", "internal"),
    };

    let template = lake::history_location_template(name);
    project_days(
        &mut spec,
        format!("s3://{bucket}/{template}"),
        "report_date",
        days,
    );
    spec
}

/// Raw objects of a topic, as Kafka brought them, by their streams.
fn raw_table_spec(
    mapping: &CompiledMapping,
    extent: &StreamExtent,
    context: &Context,
) -> TableSpec {
    let mut spec = raw_records_spec(mapping, context);
    let bucket = &context.buckets.raw;
    let template = Chunk::raw_location_template(&mapping.contract.topic);
    project_streams(&mut spec, format!("s3://{bucket}/{template}"), extent);
    spec
}

/// The same as an Iceberg table, by the day on which they landed. `path` is that of its metadata.
pub(crate) fn raw_iceberg_spec(
    mapping: &CompiledMapping,
    path: String,
    context: &Context,
) -> TableSpec {
    let mut spec = raw_records_spec(mapping, context);
    spec.name.push_str("_iceberg");
    spec.location = format!(
        "s3://{}/{}",
        context.buckets.curated,
        table_prefix(&raw_table_name(&mapping.contract.topic))
    );
    let parameters = [
        ("table_type", "ICEBERG".to_owned()),
        ("metadata_location", path),
    ];
    spec.parameters
        .extend(parameters.map(|(name, value)| (name.to_owned(), value)));
    spec
}

/// The records of a topic, without the places of their objects.
fn raw_records_spec(mapping: &CompiledMapping, context: &Context) -> TableSpec {
    let contract = &mapping.contract;
    let bucket = &context.buckets.raw;
    TableSpec {
        database: database_name(&context.database_prefix, "raw", &contract.domain),
        name: contract
            .topic
            .replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
        description: format!("{}: every record as Kafka brought it", contract.title),
        location: format!("s3://{bucket}/{}", Chunk::topic_raw_prefix(&contract.topic)),
        columns: schema::RAW_COLUMNS
            .into_iter()
            .map(|column| column_spec(column, "personal"))
            .collect(),
        partition_keys: Vec::new(),
        parameters: table_parameters(
            &contract.owner,
            &contract.name,
            &contract.version,
            "personal",
        ),
    }
}

/// Sets where Athena finds the partitions of a topic's streams.
fn project_streams(spec: &mut TableSpec, template: String, extent: &StreamExtent) {
    project_key(spec, "in_epoch", "integer", &extent.epoch_range());
    project_key(spec, "in_partition", "integer", &extent.partition_range());
    set_location_template(spec, template);
}

/// Sets where Athena finds the partitions of days.
fn project_days(spec: &mut TableSpec, template: String, key: &str, days: &str) {
    project_key(spec, key, "date", days);
    spec.parameters
        .insert(format!("projection.{key}.format"), "yyyy-MM-dd".into());
    set_location_template(spec, template);
}

/// Adds a partition key with the range of its values.
fn project_key(spec: &mut TableSpec, key: &str, kind: &str, range: &str) {
    let key_type = if kind == "date" { "string" } else { "int" };
    spec.partition_keys
        .push((key.to_owned(), key_type.to_owned()));
    spec.parameters
        .insert(format!("projection.{key}.type"), kind.to_owned());
    spec.parameters
        .insert(format!("projection.{key}.range"), range.to_owned());
}

fn set_location_template(spec: &mut TableSpec, template: String) {
    spec.parameters
        .insert("projection.enabled".into(), "true".into());
    spec.parameters
        .insert("storage.location.template".into(), template);
}

fn column_spec((name, kind, meaning): (&str, &str, &str), classification: &str) -> ColumnSpec {
    ColumnSpec {
        name: name.to_owned(),
        kind: kind.to_owned(),
        meaning: meaning.to_owned(),
        classification: classification.to_owned(),
    }
}

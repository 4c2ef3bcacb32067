//! The zones in the catalogue: databases by zone and department, and the tables of raw and refined objects.
//!
//! Raw and refined objects are found by partition projection: Athena makes their places from the keys' names, so that no
//! partition is registered for each of them.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Catalogue, CompiledMapping, TableContract};
use host::Failure;
use lake::{Chunk, schema};
use store::{ColumnSpec, TableSpec};

use crate::context::Context;
use crate::publish::catalogue_failure;

/// The first day that a projection looks at.
const FIRST_DAY: &str = "2020-01-01";

/// Lives of a topic that a projection looks at.
const EPOCHS: &str = "1,99";

/// Partitions that a projection looks at: `-1` holds what was redriven.
const PARTITIONS: &str = "-1,999";

/// The department of the metrics' history.
const QUALITY_DEPARTMENT: &str = "quality";

/// A table's name, its columns (name, type, meaning), and what it is.
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
        "What every day came to: a number for each metric of a table or source",
    ),
    (
        lake::RULES_TABLE,
        &lake::RULE_COLUMNS,
        "What became of every rule on every day",
    ),
];

/// Brings the tables of raw topics and refined increments up to date.
///
/// # Errors
/// When the catalogue does not answer, or refuses a change.
pub(crate) async fn publish_zone_tables(context: &Context) -> Result<(), Failure> {
    for plan in &context.catalogue.mappings {
        context
            .glue
            .put_table(&raw_table_spec(plan, context))
            .await
            .map_err(|error| catalogue_failure(&error))?;
    }
    for table in &context.catalogue.tables {
        let topics = context.catalogue.topics_of_table(&table.name);
        if !topics.is_empty() {
            let spec = refined_table_spec(table, &topics, context);
            context
                .glue
                .put_table(&spec)
                .await
                .map_err(|error| catalogue_failure(&error))?;
        }
    }
    for (name, columns, meaning) in HISTORY_TABLES {
        context
            .glue
            .put_table(&metric_history_spec(name, columns, meaning, context))
            .await
            .map_err(|error| catalogue_failure(&error))?;
    }
    Ok(())
}

/// `<prefix>_<zone>_<department>`, as Glue and Athena take names.
fn database_name(prefix: &str, zone: &str, department: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    format!(
        "{prefix}_{zone}_{}",
        department.chars().map(plain).collect::<String>()
    )
}

/// Every database that the contracts need: who deploys the platform makes them.
#[must_use]
pub fn required_databases(prefix: &str, catalogue: &Catalogue) -> BTreeSet<String> {
    let raw = catalogue
        .mappings
        .iter()
        .map(|plan| database_name(prefix, "raw", &plan.contract.domain));
    let of = |table: &TableContract| {
        ["refined", "curated"].map(|zone| database_name(prefix, zone, &table.domain))
    };
    let history = database_name(prefix, "curated", QUALITY_DEPARTMENT);
    raw.chain(catalogue.tables.iter().flat_map(of))
        .chain([history])
        .collect()
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
            lake::table_prefix(&table.name)
        ),
        columns: column_specs(table),
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

fn column_specs(table: &TableContract) -> Vec<ColumnSpec> {
    let known = |known: &contract::Column| {
        column_spec(
            (&known.name, &known.kind.glue_type(), &known.meaning),
            &known.classification,
        )
    };
    table.columns.iter().map(known).collect()
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

/// Increments of a table, by day, topic and partition.
fn refined_table_spec(table: &TableContract, topics: &[&str], context: &Context) -> TableSpec {
    let mut spec = curated_table_spec(table, &table.name, &[], context);
    spec.database = database_name(&context.database_prefix, "refined", &table.domain);
    spec.location = format!(
        "s3://{}/{}",
        context.buckets.refined,
        Chunk::refined_prefix(&table.name)
    );
    for (name, meaning) in [
        (
            schema::OPERATION_COLUMN,
            "What the row does: u upsert, p patch, d delete, r its set is stated anew",
        ),
        (
            schema::CHANGED_COLUMNS_COLUMN,
            "The columns that a patch carries",
        ),
    ] {
        spec.columns
            .push(column_spec((name, "string", meaning), "internal"));
    }
    let template = format!(
        "s3://{}/{}",
        context.buckets.refined,
        Chunk::refined_location_template(&table.name)
    );
    let (days, topics) = (format!("{FIRST_DAY},NOW"), topics.join(","));
    project_streams(
        &mut spec,
        template,
        &[("in_date", "date", &days), ("in_topic", "enum", &topics)],
    );
    spec.parameters
        .insert("projection.in_date.format".into(), "yyyy-MM-dd".into());
    spec
}

/// A table of the metrics' history, by day.
fn metric_history_spec(
    name: &str,
    columns: &[(&str, &str, &str)],
    meaning: &str,
    context: &Context,
) -> TableSpec {
    let mut spec = TableSpec {
        database: database_name(&context.database_prefix, "curated", QUALITY_DEPARTMENT),
        name: name.to_owned(),
        description: meaning.to_owned(),
        location: format!(
            "s3://{}/{}",
            context.buckets.curated,
            lake::history_prefix(name)
        ),
        columns: columns
            .iter()
            .map(|known| column_spec(*known, "internal"))
            .collect(),
        partition_keys: Vec::new(),
        parameters: table_parameters("polelake", name, "1.0.0", "internal"),
    };
    let template = format!(
        "s3://{}/{}",
        context.buckets.curated,
        lake::history_location_template(name)
    );
    let days = format!("{FIRST_DAY},NOW");
    project_keys(&mut spec, template, &[("report_date", "date", &days)]);
    spec.parameters
        .insert("projection.report_date.format".into(), "yyyy-MM-dd".into());
    spec
}

/// Raw objects of a topic, as Kafka brought them.
fn raw_table_spec(plan: &CompiledMapping, context: &Context) -> TableSpec {
    let contract = &plan.contract;
    let mut spec = TableSpec {
        database: database_name(&context.database_prefix, "raw", &contract.domain),
        name: contract
            .topic
            .replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
        description: format!("{}: every record as Kafka brought it", contract.title),
        location: format!(
            "s3://{}/{}",
            context.buckets.raw,
            Chunk::topic_raw_prefix(&contract.topic)
        ),
        columns: schema::RAW_COLUMNS
            .into_iter()
            .map(|known| column_spec(known, "personal"))
            .collect(),
        partition_keys: Vec::new(),
        parameters: table_parameters(
            &contract.owner,
            &contract.name,
            &contract.version,
            "personal",
        ),
    };
    let template = format!(
        "s3://{}/{}",
        context.buckets.raw,
        Chunk::raw_location_template(&contract.topic)
    );
    project_streams(&mut spec, template, &[]);
    spec
}

/// Tells Athena where the partitions of streams are: (key, kind of projection, range or values).
fn project_streams(spec: &mut TableSpec, template: String, keys: &[(&str, &str, &str)]) {
    let streams = [
        ("in_epoch", "integer", EPOCHS),
        ("in_partition", "integer", PARTITIONS),
    ];
    project_keys(spec, template, &[keys, &streams].concat());
}

fn project_keys(spec: &mut TableSpec, template: String, keys: &[(&str, &str, &str)]) {
    for (key, kind, values) in keys {
        let (what, of) = match *kind {
            "enum" => ("values", "string"),
            "date" => ("range", "string"),
            _ => ("range", "int"),
        };
        spec.partition_keys.push(((*key).to_owned(), of.to_owned()));
        spec.parameters
            .insert(format!("projection.{key}.type"), (*kind).to_owned());
        spec.parameters
            .insert(format!("projection.{key}.{what}"), (*values).to_owned());
    }
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

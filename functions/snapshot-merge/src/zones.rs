//! The zones in the catalogue: databases by zone and department, and the tables of raw and refined objects.
//!
//! Raw and refined objects are found by partition projection: Athena makes their places from the keys' names, so that no
//! partition is registered for each of them.

use std::collections::{BTreeMap, BTreeSet};

use contract::{Catalogue, Plan, TableContract};
use host::Failure;
use lake::{Chunk, schema};
use store::{ColumnSpec, TableSpec};

use crate::context::Context;
use crate::publish::failed;

/// The first day that a projection looks at.
const FIRST_DAY: &str = "2020-01-01";

/// Lives of a topic that a projection looks at.
const EPOCHS: &str = "1,99";

/// Partitions that a projection looks at: `-1` holds what was redriven.
const PARTITIONS: &str = "-1,999";

/// The department of the metrics' history.
const QUALITY: &str = "quality";

/// A table's name, its columns (name, type, meaning), and what it is.
type History = (
    &'static str,
    &'static [(&'static str, &'static str, &'static str)],
    &'static str,
);

/// The tables that `quality-report` writes.
const HISTORY: [History; 2] = [
    (
        lake::METRICS,
        &lake::METRIC_COLUMNS,
        "What every day came to: a number for each metric of a table or source",
    ),
    (
        lake::RULES,
        &lake::RULE_COLUMNS,
        "What became of every rule on every day",
    ),
];

/// Brings the tables of raw topics and refined increments up to date.
///
/// # Errors
/// When the catalogue does not answer, or refuses a change.
pub(crate) async fn publish(context: &Context) -> Result<(), Failure> {
    for plan in &context.catalogue.plans {
        context
            .glue
            .put_table(&raw(plan, context))
            .await
            .map_err(|error| failed(&error))?;
    }
    for table in &context.catalogue.tables {
        let topics = context.catalogue.topics_of(&table.name);
        if !topics.is_empty() {
            let spec = refined(table, &topics, context);
            context
                .glue
                .put_table(&spec)
                .await
                .map_err(|error| failed(&error))?;
        }
    }
    for (name, columns, meaning) in HISTORY {
        context
            .glue
            .put_table(&history(name, columns, meaning, context))
            .await
            .map_err(|error| failed(&error))?;
    }
    Ok(())
}

/// `<prefix>_<zone>_<department>`, as Glue and Athena take names.
fn database(prefix: &str, zone: &str, department: &str) -> String {
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
pub fn databases(prefix: &str, catalogue: &Catalogue) -> BTreeSet<String> {
    let raw = catalogue
        .plans
        .iter()
        .map(|plan| database(prefix, "raw", &plan.contract.domain));
    let of = |table: &TableContract| {
        ["refined", "curated"].map(|zone| database(prefix, zone, &table.domain))
    };
    let history = database(prefix, "curated", QUALITY);
    raw.chain(catalogue.tables.iter().flat_map(of))
        .chain([history])
        .collect()
}

/// A table's snapshots, as the catalogue shows them under `name`.
pub(crate) fn curated(
    table: &TableContract,
    name: &str,
    keys: &[&str],
    context: &Context,
) -> TableSpec {
    TableSpec {
        database: database(&context.databases, "curated", &table.domain),
        name: name.to_owned(),
        description: table.meaning.clone(),
        location: format!("s3://{}/curated/{}/", context.buckets.curated, table.name),
        columns: columns(table),
        partition_keys: keys
            .iter()
            .map(|key| ((*key).to_owned(), "string".to_owned()))
            .collect(),
        parameters: parameters(
            &table.owner,
            &format!("pole/{}", table.name),
            &table.version,
            classification(table),
        ),
    }
}

fn columns(table: &TableContract) -> Vec<ColumnSpec> {
    let known = |known: &contract::Column| {
        column(
            (&known.name, &known.kind.glue(), &known.meaning),
            &known.classification,
        )
    };
    table.columns.iter().map(known).collect()
}

fn classification(table: &TableContract) -> &'static str {
    if table.columns.iter().any(|column| column.personal) {
        "personal"
    } else {
        "internal"
    }
}

fn parameters(
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
fn refined(table: &TableContract, topics: &[&str], context: &Context) -> TableSpec {
    let mut spec = curated(table, &table.name, &[], context);
    spec.database = database(&context.databases, "refined", &table.domain);
    spec.location = format!(
        "s3://{}/{}",
        context.buckets.refined,
        Chunk::refined_prefix(&table.name)
    );
    for (name, meaning) in [
        (
            schema::OP,
            "What the row does: u upsert, p patch, d delete, r its set is stated anew",
        ),
        (schema::CARRIED, "The columns that a patch carries"),
    ] {
        spec.columns
            .push(column((name, "string", meaning), "internal"));
    }
    let template = format!(
        "s3://{}/{}",
        context.buckets.refined,
        Chunk::refined_template(&table.name)
    );
    let (days, topics) = (format!("{FIRST_DAY},NOW"), topics.join(","));
    project(
        &mut spec,
        template,
        &[("in_date", "date", &days), ("in_topic", "enum", &topics)],
    );
    spec.parameters
        .insert("projection.in_date.format".into(), "yyyy-MM-dd".into());
    spec
}

/// A table of the metrics' history, by day.
fn history(
    name: &str,
    columns: &[(&str, &str, &str)],
    meaning: &str,
    context: &Context,
) -> TableSpec {
    let mut spec = TableSpec {
        database: database(&context.databases, "curated", QUALITY),
        name: name.to_owned(),
        description: meaning.to_owned(),
        location: format!(
            "s3://{}/{}",
            context.buckets.curated,
            lake::history_prefix(name)
        ),
        columns: columns
            .iter()
            .map(|known| column(*known, "internal"))
            .collect(),
        partition_keys: Vec::new(),
        parameters: parameters("polelake", name, "1.0.0", "internal"),
    };
    let template = format!(
        "s3://{}/{}",
        context.buckets.curated,
        lake::history_template(name)
    );
    let days = format!("{FIRST_DAY},NOW");
    project_keys(&mut spec, template, &[("report_date", "date", &days)]);
    spec.parameters
        .insert("projection.report_date.format".into(), "yyyy-MM-dd".into());
    spec
}

/// Raw objects of a topic, as Kafka brought them.
fn raw(plan: &Plan, context: &Context) -> TableSpec {
    let contract = &plan.contract;
    let mut spec = TableSpec {
        database: database(&context.databases, "raw", &contract.domain),
        name: contract
            .topic
            .replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
        description: format!("{}: every record as Kafka brought it", contract.title),
        location: format!(
            "s3://{}/{}",
            context.buckets.raw,
            Chunk::topic_raw(&contract.topic)
        ),
        columns: schema::RAW_COLUMNS
            .into_iter()
            .map(|known| column(known, "personal"))
            .collect(),
        partition_keys: Vec::new(),
        parameters: parameters(
            &contract.owner,
            &contract.name,
            &contract.version,
            "personal",
        ),
    };
    let template = format!(
        "s3://{}/{}",
        context.buckets.raw,
        Chunk::raw_template(&contract.topic)
    );
    project(&mut spec, template, &[]);
    spec
}

/// Tells Athena where the partitions of streams are: (key, kind of projection, range or values).
fn project(spec: &mut TableSpec, template: String, keys: &[(&str, &str, &str)]) {
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

fn column((name, kind, meaning): (&str, &str, &str), classification: &str) -> ColumnSpec {
    ColumnSpec {
        name: name.to_owned(),
        kind: kind.to_owned(),
        meaning: meaning.to_owned(),
        classification: classification.to_owned(),
    }
}

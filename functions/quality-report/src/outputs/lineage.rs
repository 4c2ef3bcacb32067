//! OpenLineage events of a day: for every table the run that wrote its snapshot, and the run that
//! checked it.
//!
//! `snapshot.<table>` has the landed records as inputs and the table as output; the lineage of the
//! columns names the fields of the records by their paths. `quality.<table>` has the table as
//! input, because the specification gives the facets of data quality to inputs only.

use std::collections::BTreeMap;

use contract::{Column, ColumnType, TableContract};
use lake::{Chunk, ColumnProfile, Day, RuleResult, RuleVerdict, SnapshotManifest, table_prefix};
use serde_json::{Map, Value, json};

use super::format_midnight;
use crate::context::Context;
use crate::report::Report;
use crate::wording::format_thousands;

/// The producer of the events.
const PRODUCER: &str = "https://polelake.example/quality-report";

/// The namespace of the jobs.
const JOB_NAMESPACE: &str = "polelake";

/// Where the specification's documents are published.
const SPECIFICATION_URL: &str = "https://openlineage.io/spec";

/// The percentiles of a profile, as OpenLineage names them.
const QUANTILES: [&str; 5] = ["0.05", "0.25", "0.5", "0.75", "0.95"];

/// The events of every table that has a snapshot of the day: two for each.
pub(super) fn openlineage_events(report: &Report, day: Day, context: &Context) -> Vec<Value> {
    let mut events = Vec::new();
    for table in &context.catalogue.tables {
        if let Some(manifest) = report.tables.get(&table.name) {
            events.push(snapshot_event(table, manifest, day, context));
            events.push(quality_event(table, manifest, day, context));
        }
    }
    events
}

/// The run that wrote the snapshot.
fn snapshot_event(
    table: &TableContract,
    manifest: &SnapshotManifest,
    day: Day,
    context: &Context,
) -> Value {
    let (fields, topics) = column_lineage(table, context);
    let inputs: Vec<Value> = topics
        .iter()
        .map(|topic| raw_dataset(topic, context))
        .collect();

    let column_lineage = json!({"fields": fields});
    let statistics = json!({
        "rowCount": manifest.rows,
        "size": snapshot_bytes(manifest),
        "fileCount": manifest.shards.len(),
    });
    let mut output = curated_dataset(table, context);
    output["facets"] = json!({
        "schema": schema_facet(table),
        "columnLineage": build_facet("ColumnLineageDatasetFacet", "1-2-0", column_lineage),
    });
    output["outputFacets"] = json!({
        "outputStatistics": build_facet("OutputStatisticsOutputDatasetFacet", "1-0-2", statistics),
    });

    run_event(&format!("snapshot.{}", table.name), day, &inputs, &[output])
}

/// The run that checked the snapshot.
fn quality_event(
    table: &TableContract,
    manifest: &SnapshotManifest,
    day: Day,
    context: &Context,
) -> Value {
    let metrics = quality_metrics(table, manifest);
    let assertions: Vec<Value> = manifest
        .rules
        .iter()
        .map(|result| rule_assertion(result, table))
        .collect();
    let assertions = json!({"assertions": assertions});
    let assertions = build_facet("DataQualityAssertionsDatasetFacet", "1-1-0", assertions);

    let mut input = curated_dataset(table, context);
    input["facets"] = json!({"schema": schema_facet(table)});
    input["inputFacets"] = json!({
        "dataQualityMetrics": build_facet("DataQualityMetricsInputDatasetFacet", "1-0-3", metrics),
        "dataQualityAssertions": assertions,
    });

    run_event(&format!("quality.{}", table.name), day, &[input], &[])
}

/// A finished run of a job: its times are those of the logical day.
fn run_event(job: &str, day: Day, inputs: &[Value], outputs: &[Value]) -> Value {
    let start = format_midnight(day);
    let end = format_midnight(day.next());
    let run_id = pole::content_id(format!("openlineage/{job}/{day}").as_bytes());
    let nominal_time = json!({"nominalStartTime": start, "nominalEndTime": end});

    json!({
        "eventType": "COMPLETE",
        "eventTime": end,
        "producer": PRODUCER,
        "schemaURL": format!("{SPECIFICATION_URL}/2-0-2/OpenLineage.json#/$defs/RunEvent"),
        "run": {
            "runId": run_id.to_string(),
            "facets": {"nominalTime": build_facet("NominalTimeRunFacet", "1-0-1", nominal_time)},
        },
        "job": {"namespace": JOB_NAMESPACE, "name": job},
        "inputs": inputs,
        "outputs": outputs,
    })
}

fn build_facet(name: &str, version: &str, mut content: Value) -> Value {
    content["_producer"] = json!(PRODUCER);
    content["_schemaURL"] = json!(format!(
        "{SPECIFICATION_URL}/facets/{version}/{name}.json#/$defs/{name}"
    ));
    content
}

fn raw_dataset(topic: &str, context: &Context) -> Value {
    s3_dataset(
        &context.output_settings.raw_bucket,
        &Chunk::topic_raw_prefix(topic),
    )
}

fn curated_dataset(table: &TableContract, context: &Context) -> Value {
    s3_dataset(
        &context.output_settings.curated_bucket,
        &table_prefix(&table.name),
    )
}

/// A dataset of S3, as OpenLineage names it.
fn s3_dataset(bucket: &str, prefix: &str) -> Value {
    json!({"namespace": format!("s3://{bucket}"), "name": prefix.trim_end_matches('/')})
}

fn schema_facet(table: &TableContract) -> Value {
    let mut fields = Vec::new();
    for (index, column) in table.columns.iter().enumerate() {
        fields.push(json!({
            "name": column.name,
            "type": column.kind.glue_type(),
            "description": column.meaning,
            "ordinal_position": index + 1,
        }));
    }
    build_facet("SchemaDatasetFacet", "1-2-0", json!({"fields": fields}))
}

/// From which fields of which topics each column comes, and the topics.
fn column_lineage<'c>(
    table: &TableContract,
    context: &'c Context,
) -> (Map<String, Value>, Vec<&'c str>) {
    // By column, then by topic and path: each input field is listed once, in a fixed order.
    let mut inputs: BTreeMap<String, BTreeMap<(&str, String), Value>> = BTreeMap::new();
    for mapping in &context.catalogue.mappings {
        let topic = mapping.contract.topic.as_str();
        for (table_index, column, paths) in mapping.column_lineage() {
            if context.catalogue.tables[table_index].name != table.name {
                continue;
            }
            let column_inputs = inputs.entry(column).or_default();
            for path in paths {
                let field = input_field(topic, &path, context);
                column_inputs.insert((topic, path), field);
            }
        }
    }

    let mut fields = Map::new();
    for (column, column_inputs) in inputs {
        let input_fields: Vec<Value> = column_inputs.into_values().collect();
        fields.insert(column, json!({"inputFields": input_fields}));
    }
    (fields, context.catalogue.topics_of_table(&table.name))
}

fn input_field(topic: &str, path: &str, context: &Context) -> Value {
    let mut field = raw_dataset(topic, context);
    field["field"] = json!(path);
    field["transformations"] = json!([{"type": "DIRECT"}]);
    field
}

fn snapshot_bytes(manifest: &SnapshotManifest) -> u64 {
    manifest.shards.iter().map(lake::ManifestShard::bytes).sum()
}

fn quality_metrics(table: &TableContract, manifest: &SnapshotManifest) -> Value {
    let mut columns = Map::new();
    for column in &table.columns {
        if let Some(profile) = manifest.columns.get(&column.name) {
            let metrics = column_metrics(column, profile, manifest.rows);
            columns.insert(column.name.clone(), metrics);
        }
    }

    json!({
        "rowCount": manifest.rows,
        "bytes": snapshot_bytes(manifest),
        "fileCount": manifest.shards.len(),
        "columnMetrics": columns,
    })
}

/// Counts of a column; of numbers that are not personal also the range and the percentiles.
fn column_metrics(column: &Column, profile: &ColumnProfile, rows: u64) -> Value {
    let mut metrics =
        json!({"count": profile.filled, "nullCount": rows.saturating_sub(profile.filled)});
    if let Some(distinct) = profile.distinct {
        metrics["distinctCount"] = json!(distinct);
    }
    let Some(scale) = disclosed_scale(column) else {
        return metrics;
    };

    if let Some(minimum) = profile.minimum {
        metrics["min"] = scaled_number(minimum, scale);
    }
    if let Some(maximum) = profile.maximum {
        metrics["max"] = scaled_number(maximum, scale);
    }
    if let Some(percentiles) = profile.percentiles {
        let mut quantiles = Map::new();
        for (name, value) in QUANTILES.iter().zip(percentiles) {
            quantiles.insert((*name).to_owned(), scaled_number(value, scale));
        }
        metrics["quantiles"] = Value::Object(quantiles);
    }
    metrics
}

/// The digits after the point of a column whose values may be disclosed as numbers. Days and
/// instants are no numbers in the sense of OpenLineage, and no value of a personal column is
/// disclosed.
fn disclosed_scale(column: &Column) -> Option<i32> {
    match column.kind {
        _ if column.personal => None,
        ColumnType::Integer => Some(0),
        ColumnType::Decimal(_, scale) => Some(i32::from(scale)),
        ColumnType::Text
        | ColumnType::Float
        | ColumnType::Boolean
        | ColumnType::Date
        | ColumnType::Timestamp => None,
    }
}

/// A value of a profile, which is a decimal without its point, as a number.
fn scaled_number(value: i64, scale: i32) -> Value {
    match scale {
        0 => json!(value),
        _ => json!(value as f64 / 10f64.powi(scale)),
    }
}

fn rule_assertion(result: &RuleResult, table: &TableContract) -> Value {
    let rule = table.rules.iter().find(|rule| rule.id == result.rule);
    let failed = format_thousands(result.failed);
    let checked = format_thousands(result.checked);

    let mut assertion = json!({
        "assertion": rule.map_or("rule", contract::Rule::check_type),
        "success": result.verdict == RuleVerdict::Pass,
        "severity": if result.severity == "block" { "error" } else { "warn" },
        "name": result.rule,
        "description": result.description,
        "expected": result.target,
        "actual": format!("{failed} of {checked} rows"),
        "params": {"dimension": result.dimension},
    });
    if let Some(column) = &result.column {
        assertion["column"] = json!(column);
    }
    assertion
}

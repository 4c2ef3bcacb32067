//! OpenLineage events of a day: for every table how its snapshot came about, and what was found in it.
//!
//! Two runs for each table. `snapshot.<table>` has the landed records as inputs, by whose paths the columns' lineage names its
//! fields, and the table as output. `quality.<table>` has the table as input: the specification gives the facets of data
//! quality to inputs only.

use std::collections::BTreeMap;

use contract::{ColumnType, TableContract};
use lake::{Chunk, ColumnProfile, Day, RuleVerdict, SnapshotManifest, table_prefix};
use serde_json::{Map, Value, json};

use super::format_midnight;
use crate::context::Context;
use crate::report::Report;
use crate::wording::format_thousands;

/// Who says it.
const PRODUCER: &str = "https://polelake.example/quality-report";

/// The namespace of our jobs.
const JOB_NAMESPACE: &str = "polelake";

/// Where the specification's documents stand.
const SPECIFICATION_URL: &str = "https://openlineage.io/spec";

/// The centiles of a profile, as OpenLineage names them.
const QUANTILES: [&str; 5] = ["0.05", "0.25", "0.5", "0.75", "0.95"];

/// Two events of every table that has a snapshot of the day.
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

/// How the snapshot came about.
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
    let mut output = curated_dataset(table, context);
    output["facets"] = json!({"schema": schema_facet(table), "columnLineage": build_facet("ColumnLineageDatasetFacet", "1-2-0", json!({"fields": fields}))});
    let bytes: u64 = manifest.shards.iter().map(|shard| shard.bytes).sum();
    let written =
        json!({"rowCount": manifest.rows, "size": bytes, "fileCount": manifest.shards.len()});
    output["outputFacets"] = json!({"outputStatistics": build_facet("OutputStatisticsOutputDatasetFacet", "1-0-2", written)});
    run_event(&format!("snapshot.{}", table.name), day, &inputs, &[output])
}

/// What was found in it.
fn quality_event(
    table: &TableContract,
    manifest: &SnapshotManifest,
    day: Day,
    context: &Context,
) -> Value {
    let mut input = curated_dataset(table, context);
    input["facets"] = json!({"schema": schema_facet(table)});
    input["inputFacets"] = json!({
        "dataQualityMetrics": build_facet("DataQualityMetricsInputDatasetFacet", "1-0-3", quality_metrics(table, manifest)),
        "dataQualityAssertions": build_facet("DataQualityAssertionsDatasetFacet", "1-1-0", json!({"assertions": rule_assertions(table, manifest)})),
    });
    run_event(&format!("quality.{}", table.name), day, &[input], &[])
}

/// A finished run of a job: its times are those of the logical day.
fn run_event(job: &str, day: Day, inputs: &[Value], outputs: &[Value]) -> Value {
    let (begins, ends) = (format_midnight(day), format_midnight(day.next()));
    let nominal = json!({"nominalStartTime": begins, "nominalEndTime": ends});
    json!({
        "eventType": "COMPLETE",
        "eventTime": ends,
        "producer": PRODUCER,
        "schemaURL": format!("{SPECIFICATION_URL}/2-0-2/OpenLineage.json#/$defs/RunEvent"),
        "run": {
            "runId": pole::content_id(format!("openlineage/{job}/{day}").as_bytes()).to_string(),
            "facets": {"nominalTime": build_facet("NominalTimeRunFacet", "1-0-1", nominal)},
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

/// A dataset of S3, as OpenLineage names them.
fn s3_dataset(bucket: &str, prefix: &str) -> Value {
    json!({"namespace": format!("s3://{bucket}"), "name": prefix.trim_end_matches('/')})
}

fn schema_facet(table: &TableContract) -> Value {
    let field = |(place, column): (usize, &contract::Column)| {
        json!({
            "name": column.name, "type": column.kind.glue_type(), "description": column.meaning, "ordinal_position": place + 1,
        })
    };
    let fields: Vec<Value> = table.columns.iter().enumerate().map(field).collect();
    build_facet("SchemaDatasetFacet", "1-2-0", json!({"fields": fields}))
}

/// From which fields of which topics each column comes, and the topics.
fn column_lineage<'c>(
    table: &TableContract,
    context: &'c Context,
) -> (Map<String, Value>, Vec<&'c str>) {
    let mut columns: BTreeMap<String, BTreeMap<(&str, String), Value>> = BTreeMap::new();
    for plan in &context.catalogue.mappings {
        let topic = plan.contract.topic.as_str();
        let mine = plan
            .column_lineage()
            .into_iter()
            .filter(|(place, ..)| context.catalogue.tables[*place].name == table.name);
        for (_, column, paths) in mine {
            let fields = columns.entry(column).or_default();
            for path in paths {
                let mut field = raw_dataset(topic, context);
                field["field"] = json!(path);
                field["transformations"] = json!([{"type": "DIRECT"}]);
                fields.insert((topic, path), field);
            }
        }
    }
    let fields = |fields: BTreeMap<_, Value>| json!({"inputFields": fields.into_values().collect::<Vec<_>>()});
    let columns = columns
        .into_iter()
        .map(|(column, found)| (column, fields(found)))
        .collect();
    (columns, context.catalogue.topics_of_table(&table.name))
}

fn quality_metrics(table: &TableContract, manifest: &SnapshotManifest) -> Value {
    let bytes: u64 = manifest.shards.iter().map(|shard| shard.bytes).sum();
    let of = |column: &contract::Column| {
        let profile = manifest.columns.get(&column.name)?;
        Some((
            column.name.clone(),
            column_metrics(column, profile, manifest.rows),
        ))
    };
    let columns: Map<String, Value> = table.columns.iter().filter_map(of).collect();
    json!({"rowCount": manifest.rows, "bytes": bytes, "fileCount": manifest.shards.len(), "columnMetrics": columns})
}

/// Counts of a column; of numbers also from where to where they go, unless they are people's.
fn column_metrics(column: &contract::Column, profile: &ColumnProfile, rows: u64) -> Value {
    let mut metrics =
        json!({"count": profile.filled, "nullCount": rows.saturating_sub(profile.filled)});
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            metrics[name] = value;
        }
    };
    add("distinctCount", profile.distinct.map(Value::from));
    // Days and instants are no numbers in this facet's sense.
    let scale = match column.kind {
        ColumnType::Integer if !column.personal => 0,
        ColumnType::Decimal(_, scale) if !column.personal => i32::from(scale),
        _ => return metrics,
    };
    let number = |value: i64| match scale {
        0 => json!(value),
        _ => json!(value as f64 / 10f64.powi(scale)),
    };
    add("min", profile.minimum.map(number));
    add("max", profile.maximum.map(number));
    let centiles = |centiles: [i64; 5]| {
        QUANTILES
            .iter()
            .zip(centiles)
            .map(|(name, value)| ((*name).to_owned(), number(value)))
            .collect()
    };
    add(
        "quantiles",
        profile.percentiles.map(centiles).map(Value::Object),
    );
    metrics
}

fn rule_assertions(table: &TableContract, manifest: &SnapshotManifest) -> Vec<Value> {
    let assertion = |result: &lake::RuleResult| {
        let rule = table.rules.iter().find(|rule| rule.id == result.rule);
        let mut said = json!({
            "assertion": rule.map_or("rule", contract::Rule::check_type),
            "success": result.verdict == RuleVerdict::Pass,
            "severity": if result.severity == "block" { "error" } else { "warn" },
            "name": result.rule,
            "description": result.description,
            "expected": result.target,
            "actual": format!("{} of {} rows", format_thousands(result.failed), format_thousands(result.checked)),
            "params": {"dimension": result.dimension},
        });
        if let Some(column) = &result.column {
            said["column"] = json!(column);
        }
        said
    };
    manifest.rules.iter().map(assertion).collect()
}

//! OpenLineage events of a day: for every table how its snapshot came about, and what was found in it.
//!
//! Two runs for each table. `snapshot.<table>` has the landed records as inputs, by whose paths the columns' lineage names its
//! fields, and the table as output. `quality.<table>` has the table as input: the specification gives the facets of data
//! quality to inputs only.

use std::collections::BTreeMap;

use contract::{ColumnType, TableContract};
use lake::{Chunk, ColumnProfile, Day, Manifest, Verdict, table_prefix};
use serde_json::{Map, Value, json};

use super::midnight;
use super::run::kind;
use crate::context::Context;
use crate::report::Report;
use crate::words::thousands;

/// Who says it.
const PRODUCER: &str = "https://polelake.example/quality-report";

/// The namespace of our jobs.
const JOBS: &str = "polelake";

/// Where the specification's documents stand.
const SPECIFICATION: &str = "https://openlineage.io/spec";

/// The centiles of a profile, as OpenLineage names them.
const QUANTILES: [&str; 5] = ["0.05", "0.25", "0.5", "0.75", "0.95"];

/// Two events of every table that has a snapshot of the day.
pub(super) fn events(report: &Report, day: Day, context: &Context) -> Vec<Value> {
    let mut events = Vec::new();
    for table in &context.catalogue.tables {
        if let Some(manifest) = report.tables.get(&table.name) {
            events.push(snapshot(table, manifest, day, context));
            events.push(quality(table, manifest, day, context));
        }
    }
    events
}

/// How the snapshot came about.
fn snapshot(table: &TableContract, manifest: &Manifest, day: Day, context: &Context) -> Value {
    let (fields, topics) = lineage(table, context);
    let inputs: Vec<Value> = topics.iter().map(|topic| landed(topic, context)).collect();
    let mut output = curated(table, context);
    output["facets"] = json!({"schema": schema(table), "columnLineage": facet("ColumnLineageDatasetFacet", "1-2-0", json!({"fields": fields}))});
    let bytes: u64 = manifest.shards.iter().map(|shard| shard.bytes).sum();
    let written =
        json!({"rowCount": manifest.rows, "size": bytes, "fileCount": manifest.shards.len()});
    output["outputFacets"] =
        json!({"outputStatistics": facet("OutputStatisticsOutputDatasetFacet", "1-0-2", written)});
    event(&format!("snapshot.{}", table.name), day, &inputs, &[output])
}

/// What was found in it.
fn quality(table: &TableContract, manifest: &Manifest, day: Day, context: &Context) -> Value {
    let mut input = curated(table, context);
    input["facets"] = json!({"schema": schema(table)});
    input["inputFacets"] = json!({
        "dataQualityMetrics": facet("DataQualityMetricsInputDatasetFacet", "1-0-3", metrics(table, manifest)),
        "dataQualityAssertions": facet("DataQualityAssertionsDatasetFacet", "1-1-0", json!({"assertions": assertions(table, manifest)})),
    });
    event(&format!("quality.{}", table.name), day, &[input], &[])
}

/// A finished run of a job: its times are those of the logical day.
fn event(job: &str, day: Day, inputs: &[Value], outputs: &[Value]) -> Value {
    let (begins, ends) = (midnight(day), midnight(day.next()));
    let nominal = json!({"nominalStartTime": begins, "nominalEndTime": ends});
    json!({
        "eventType": "COMPLETE",
        "eventTime": ends,
        "producer": PRODUCER,
        "schemaURL": format!("{SPECIFICATION}/2-0-2/OpenLineage.json#/$defs/RunEvent"),
        "run": {
            "runId": pole::content_id(format!("openlineage/{job}/{day}").as_bytes()).to_string(),
            "facets": {"nominalTime": facet("NominalTimeRunFacet", "1-0-1", nominal)},
        },
        "job": {"namespace": JOBS, "name": job},
        "inputs": inputs,
        "outputs": outputs,
    })
}

fn facet(name: &str, version: &str, mut content: Value) -> Value {
    content["_producer"] = json!(PRODUCER);
    content["_schemaURL"] = json!(format!(
        "{SPECIFICATION}/facets/{version}/{name}.json#/$defs/{name}"
    ));
    content
}

fn landed(topic: &str, context: &Context) -> Value {
    dataset(&context.outlets.raw_bucket, &Chunk::topic_raw(topic))
}

fn curated(table: &TableContract, context: &Context) -> Value {
    dataset(&context.outlets.curated_bucket, &table_prefix(&table.name))
}

/// A dataset of S3, as OpenLineage names them.
fn dataset(bucket: &str, prefix: &str) -> Value {
    json!({"namespace": format!("s3://{bucket}"), "name": prefix.trim_end_matches('/')})
}

fn schema(table: &TableContract) -> Value {
    let field = |(place, column): (usize, &contract::Column)| {
        json!({
            "name": column.name, "type": column.kind.glue(), "description": column.meaning, "ordinal_position": place + 1,
        })
    };
    let fields: Vec<Value> = table.columns.iter().enumerate().map(field).collect();
    facet("SchemaDatasetFacet", "1-2-0", json!({"fields": fields}))
}

/// From which fields of which topics each column comes, and the topics.
fn lineage<'c>(table: &TableContract, context: &'c Context) -> (Map<String, Value>, Vec<&'c str>) {
    let mut columns: BTreeMap<String, BTreeMap<(&str, String), Value>> = BTreeMap::new();
    for plan in &context.catalogue.plans {
        let topic = plan.contract.topic.as_str();
        let mine = plan
            .lineage()
            .into_iter()
            .filter(|(place, ..)| context.catalogue.tables[*place].name == table.name);
        for (_, column, paths) in mine {
            let fields = columns.entry(column).or_default();
            for path in paths {
                let mut field = landed(topic, context);
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
    (columns, context.catalogue.topics_of(&table.name))
}

fn metrics(table: &TableContract, manifest: &Manifest) -> Value {
    let bytes: u64 = manifest.shards.iter().map(|shard| shard.bytes).sum();
    let of = |column: &contract::Column| {
        let profile = manifest.columns.get(&column.name)?;
        Some((
            column.name.clone(),
            of_column(column, profile, manifest.rows),
        ))
    };
    let columns: Map<String, Value> = table.columns.iter().filter_map(of).collect();
    json!({"rowCount": manifest.rows, "bytes": bytes, "fileCount": manifest.shards.len(), "columnMetrics": columns})
}

/// Counts of a column; of numbers also from where to where they go, unless they are people's.
fn of_column(column: &contract::Column, profile: &ColumnProfile, rows: u64) -> Value {
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
    add("min", profile.least.map(number));
    add("max", profile.greatest.map(number));
    let centiles = |centiles: [i64; 5]| {
        QUANTILES
            .iter()
            .zip(centiles)
            .map(|(name, value)| ((*name).to_owned(), number(value)))
            .collect()
    };
    add(
        "quantiles",
        profile.centiles.map(centiles).map(Value::Object),
    );
    metrics
}

fn assertions(table: &TableContract, manifest: &Manifest) -> Vec<Value> {
    let assertion = |result: &lake::RuleResult| {
        let rule = table.rules.iter().find(|rule| rule.id == result.rule);
        let mut said = json!({
            "assertion": rule.map_or("rule", kind),
            "success": result.verdict == Verdict::Pass,
            "severity": if result.severity == "block" { "error" } else { "warn" },
            "name": result.rule,
            "description": result.description,
            "expected": result.target,
            "actual": format!("{} of {} rows", thousands(result.failed), thousands(result.checked)),
            "params": {"dimension": result.dimension},
        });
        if let Some(column) = &result.column {
            said["column"] = json!(column);
        }
        said
    };
    manifest.rules.iter().map(assertion).collect()
}

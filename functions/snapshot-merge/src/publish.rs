//! A committed snapshot in the catalogue: repairable and harmless to repeat, for the manifest is the truth.

use contract::TableContract;
use host::{Failure, FailureKind};
use lake::{Day, ShardVersion, SnapshotManifest, manifest_prefix};
use store::{ColumnStatistics, PartitionSpec, StoreError, StoreErrorKind, TableSpec};

use crate::context::Context;
use crate::glue_databases;
use crate::iceberg;

/// Shows the day in `<table>_history` and `<table>_iceberg`, and the newest passing day in `<table>`. A day that did not
/// pass is shown nowhere.
pub(crate) async fn publish_snapshot(
    table: &TableContract,
    manifest: &SnapshotManifest,
    day: Day,
    context: &Context,
) -> Result<(), Failure> {
    let history = history_table_spec(table, context);
    context
        .glue
        .put_table(&history)
        .await
        .map_err(|error| catalogue_failure(&error))?;
    let days = if manifest.passed {
        partition_specs(manifest, Some(day), context)
    } else {
        Vec::new()
    };
    context
        .glue
        .put_partitions(&history, &days)
        .await
        .map_err(|error| catalogue_failure(&error))?;
    drop_stale_partitions(&history, &days, |shown| shown == day.to_string(), context).await?;
    publish_iceberg_table(table, |changed| changed == day, context).await?;
    match read_newest_passing(&table.name, context).await? {
        Some(newest) => publish_current_table(table, &newest, context).await,
        None => Ok(()),
    }
}

/// Takes days out of `<table>_history`.
pub(crate) async fn withdraw_days(
    table: &TableContract,
    days: &[Day],
    context: &Context,
) -> Result<(), Failure> {
    if days.is_empty() {
        return Ok(());
    }
    let history = history_table_spec(table, context);
    context
        .glue
        .put_table(&history)
        .await
        .map_err(|error| catalogue_failure(&error))?;
    drop_stale_partitions(
        &history,
        &[],
        |shown| days.iter().any(|day| day.to_string() == shown),
        context,
    )
    .await
}

/// The table of all kept days.
fn history_table_spec(table: &TableContract, context: &Context) -> TableSpec {
    glue_databases::curated_table_spec(
        table,
        &format!("{}_history", table.name),
        &["snapshot_date", "shard"],
        context,
    )
}

/// Shows a day in `<table>`.
async fn publish_current_table(
    table: &TableContract,
    manifest: &SnapshotManifest,
    context: &Context,
) -> Result<(), Failure> {
    let mut current = glue_databases::curated_table_spec(table, &table.name, &["shard"], context);
    current.parameters.insert(
        "polelake.last_passing_snapshot".into(),
        manifest.date.clone(),
    );
    current
        .parameters
        .insert("recordCount".into(), manifest.rows.to_string());
    context
        .glue
        .put_table(&current)
        .await
        .map_err(|error| catalogue_failure(&error))?;
    let shards = partition_specs(manifest, None, context);
    context
        .glue
        .put_partitions(&current, &shards)
        .await
        .map_err(|error| catalogue_failure(&error))?;
    drop_stale_partitions(&current, &shards, |_| true, context).await?;
    let statistics = column_statistics(table, manifest);
    context
        .glue
        .put_statistics(&current, &statistics)
        .await
        .map_err(|error| catalogue_failure(&error))
}

/// Shows the table to engines that read Iceberg: one snapshot for each kept day that passed.
pub(crate) async fn publish_iceberg_table(
    table: &TableContract,
    changed: impl Fn(Day) -> bool,
    context: &Context,
) -> Result<(), Failure> {
    let bucket = &context.buckets.curated;
    let path = iceberg::publish_metadata(table, changed, bucket, &*context.curated).await?;
    let Some(path) = path else { return Ok(()) };
    let mut spec =
        glue_databases::curated_table_spec(table, &format!("{}_iceberg", table.name), &[], context);
    spec.parameters
        .insert("table_type".into(), "ICEBERG".into());
    spec.parameters.insert("metadata_location".into(), path);
    context
        .glue
        .put_table(&spec)
        .await
        .map_err(|error| catalogue_failure(&error))
}

/// A change that the catalogue refuses is an operator's to mend; anything else may go away by itself.
pub(crate) fn catalogue_failure(error: &StoreError) -> Failure {
    match error.kind {
        StoreErrorKind::Refused => Failure::new(FailureKind::Configuration, error.to_string()),
        _ => Failure::unavailable(error),
    }
}

/// What the merge measured of each column.
fn column_statistics(table: &TableContract, manifest: &SnapshotManifest) -> Vec<ColumnStatistics> {
    let day = Day::parse(&manifest.date).map_or(0, |day| day.0);
    let of = |column: &contract::Column| {
        let profile = manifest.columns.get(&column.name)?;
        Some(ColumnStatistics {
            name: column.name.clone(),
            kind: column.kind.glue_type(),
            day,
            nulls: manifest.rows.saturating_sub(profile.filled),
            distinct: profile.distinct?,
            max_bytes: profile.max_bytes,
            bytes: profile.bytes,
            filled: profile.filled,
            range: profile.minimum.zip(profile.maximum),
        })
    };
    table.columns.iter().filter_map(of).collect()
}

/// The newest day that passed: one that is run again late does not take its place.
async fn read_newest_passing(
    table: &str,
    context: &Context,
) -> Result<Option<SnapshotManifest>, Failure> {
    let listed = context.curated.list(&manifest_prefix(table), None).await;
    for entry in listed
        .map_err(|error| Failure::unavailable(&error))?
        .iter()
        .rev()
    {
        let object = context
            .curated
            .get(&entry.key)
            .await
            .map_err(|error| Failure::unavailable(&error))?;
        let manifest =
            SnapshotManifest::from_json(&object.body).map_err(|error| Failure::corrupt(&error))?;
        if manifest.passed {
            return Ok(Some(manifest));
        }
    }
    Ok(None)
}

/// Drops the partitions of the concerned days that are not kept; the first value of a history's partition is its day.
async fn drop_stale_partitions(
    table: &TableSpec,
    kept: &[PartitionSpec],
    concerns: impl Fn(&str) -> bool,
    context: &Context,
) -> Result<(), Failure> {
    let present = context
        .glue
        .list_partitions(table)
        .await
        .map_err(|error| Failure::unavailable(&error))?;
    let concerned = |values: &Vec<String>| values.first().is_some_and(|first| concerns(first));
    let named = |values: &Vec<String>| kept.iter().any(|partition| partition.values == *values);
    let stale: Vec<Vec<String>> = present
        .into_iter()
        .map(|partition| partition.values)
        .filter(|v| concerned(v) && !named(v))
        .collect();
    if stale.is_empty() {
        return Ok(());
    }
    context
        .glue
        .delete_partitions(table, &stale)
        .await
        .map_err(|error| Failure::unavailable(&error))
}

fn partition_specs(
    manifest: &SnapshotManifest,
    day: Option<Day>,
    context: &Context,
) -> Vec<PartitionSpec> {
    let partition = |shard: &lake::ManifestShard| {
        let snapshot = ShardVersion {
            table: &manifest.table,
            shard: shard.shard,
            version: &shard.version,
        };
        let mut values: Vec<String> = day.iter().map(ToString::to_string).collect();
        values.push(format!("{:03}", shard.shard));
        PartitionSpec {
            values,
            location: format!(
                "s3://{}/{}",
                context.buckets.curated,
                snapshot.rows_prefix()
            ),
        }
    };
    manifest.shards.iter().map(partition).collect()
}

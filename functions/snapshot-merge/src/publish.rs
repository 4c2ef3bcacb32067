//! A committed snapshot in the catalogue: repairable and harmless to repeat, for the manifest is the truth.

use contract::TableContract;
use host::{Failure, FailureKind};
use lake::{Day, Manifest, Snapshot, manifest_prefix};
use store::{ColumnStatistics, PartitionSpec, StoreError, StoreErrorKind, TableSpec};

use crate::context::Context;
use crate::zones;

/// Shows the day in `<table>_history`, and in `<table>` when it is the newest passing day.
pub(crate) async fn publish(
    table: &TableContract,
    manifest: &Manifest,
    day: Day,
    context: &Context,
) -> Result<(), Failure> {
    let unavailable = |error: StoreError| failed(&error);
    let history =
        zones::curated(table, &format!("{}_history", table.name), &["snapshot_date", "shard"], context);
    context.glue.put_table(&history).await.map_err(unavailable)?;
    let days = partitions(manifest, Some(day), context);
    context.glue.put_partitions(&history, &days).await.map_err(unavailable)?;
    drop_others(&history, &days, Some(&day.to_string()), context).await?;
    if newer_passes(table, day, context).await? {
        return Ok(());
    }
    let mut current = zones::curated(table, &table.name, &["shard"], context);
    current.parameters.insert("polelake.last_passing_snapshot".into(), day.to_string());
    current.parameters.insert("recordCount".into(), manifest.rows.to_string());
    context.glue.put_table(&current).await.map_err(unavailable)?;
    let shards = partitions(manifest, None, context);
    context.glue.put_partitions(&current, &shards).await.map_err(unavailable)?;
    drop_others(&current, &shards, None, context).await?;
    context.glue.put_statistics(&current, &statistics(table, manifest, day)).await.map_err(unavailable)
}

/// A change that the catalogue refuses is an operator's to mend; anything else may go away by itself.
pub(crate) fn failed(error: &StoreError) -> Failure {
    match error.kind {
        StoreErrorKind::Refused => Failure::new(FailureKind::Configuration, error.to_string()),
        _ => Failure::unavailable(error),
    }
}

/// What the merge measured of each column.
fn statistics(table: &TableContract, manifest: &Manifest, day: Day) -> Vec<ColumnStatistics> {
    let of = |column: &contract::Column| {
        let profile = manifest.columns.get(&column.name)?;
        Some(ColumnStatistics {
            name: column.name.clone(),
            kind: column.kind.glue(),
            day: day.0,
            nulls: manifest.rows.saturating_sub(profile.filled),
            distinct: profile.distinct?,
            longest: profile.longest,
            bytes: profile.bytes,
            filled: profile.filled,
            range: profile.least.zip(profile.greatest),
        })
    };
    table.columns.iter().filter_map(of).collect()
}

/// Whether a later day is shown already: a day that is run again must not take its place.
async fn newer_passes(table: &TableContract, day: Day, context: &Context) -> Result<bool, Failure> {
    let key = lake::manifest_key(&table.name, day);
    let later = context.curated.list(&manifest_prefix(&table.name), Some(&key)).await;
    for entry in later.map_err(|error| Failure::unavailable(&error))? {
        let object = context.curated.get(&entry.key).await.map_err(|error| Failure::unavailable(&error))?;
        if Manifest::decode(&object.body).map_err(|error| Failure::corrupt(&error))?.passed {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Drops partitions that the manifest does not name, of one day or of the whole table.
async fn drop_others(
    table: &TableSpec,
    kept: &[PartitionSpec],
    day: Option<&str>,
    context: &Context,
) -> Result<(), Failure> {
    let present = context.glue.partitions(table).await.map_err(|error| Failure::unavailable(&error))?;
    let concerned =
        |values: &Vec<String>| day.is_none_or(|day| values.first().is_some_and(|first| first == day));
    let named = |values: &Vec<String>| kept.iter().any(|partition| partition.values == *values);
    let stale: Vec<Vec<String>> =
        present.into_iter().map(|partition| partition.values).filter(|v| concerned(v) && !named(v)).collect();
    if stale.is_empty() {
        return Ok(());
    }
    context.glue.delete_partitions(table, &stale).await.map_err(|error| Failure::unavailable(&error))
}

fn partitions(manifest: &Manifest, day: Option<Day>, context: &Context) -> Vec<PartitionSpec> {
    let partition = |shard: &lake::ManifestShard| {
        let snapshot = Snapshot { table: &manifest.table, shard: shard.shard, version: &shard.version };
        let mut values: Vec<String> = day.iter().map(ToString::to_string).collect();
        values.push(format!("{:03}", shard.shard));
        PartitionSpec {
            values,
            location: format!("s3://{}/{}", context.buckets.curated, snapshot.location()),
        }
    };
    manifest.shards.iter().map(partition).collect()
}

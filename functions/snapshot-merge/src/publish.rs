//! A committed snapshot in the catalogue: repairable and harmless to repeat, for the manifest is the truth.

use contract::TableContract;
use host::Failure;
use lake::{Day, Manifest, Snapshot, manifest_prefix};
use store::{PartitionSpec, StoreError, TableSpec};

use crate::context::Context;

/// Shows the day in `<table>_history`, and in `<table>` when it is the newest passing day.
pub(crate) async fn publish(
    table: &TableContract,
    manifest: &Manifest,
    day: Day,
    context: &Context,
) -> Result<(), Failure> {
    let unavailable = |error: StoreError| Failure::unavailable(&error);
    let history = spec(table, &format!("{}_history", table.name), &["snapshot_date", "shard"], context);
    context.glue.put_table(&history).await.map_err(unavailable)?;
    let days = partitions(manifest, Some(day), context);
    context.glue.put_partitions(&history, &days).await.map_err(unavailable)?;
    drop_others(&history.name, &days, Some(&day.to_string()), context).await?;
    if newer_passes(table, day, context).await? {
        return Ok(());
    }
    let current = spec(table, &table.name, &["shard"], context);
    context.glue.put_table(&current).await.map_err(unavailable)?;
    let shards = partitions(manifest, None, context);
    context.glue.put_partitions(&current, &shards).await.map_err(unavailable)?;
    drop_others(&current.name, &shards, None, context).await
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
    name: &str,
    kept: &[PartitionSpec],
    day: Option<&str>,
    context: &Context,
) -> Result<(), Failure> {
    let present = context.glue.partitions(name).await.map_err(|error| Failure::unavailable(&error))?;
    let concerned =
        |values: &Vec<String>| day.is_none_or(|day| values.first().is_some_and(|first| first == day));
    let named = |values: &Vec<String>| kept.iter().any(|partition| partition.values == *values);
    let stale: Vec<Vec<String>> =
        present.into_iter().map(|partition| partition.values).filter(|v| concerned(v) && !named(v)).collect();
    if stale.is_empty() {
        return Ok(());
    }
    context.glue.delete_partitions(name, &stale).await.map_err(|error| Failure::unavailable(&error))
}

fn partitions(manifest: &Manifest, day: Option<Day>, context: &Context) -> Vec<PartitionSpec> {
    let partition = |shard: &lake::ManifestShard| {
        let snapshot = Snapshot { table: &manifest.table, shard: shard.shard, version: &shard.version };
        let mut values: Vec<String> = day.iter().map(ToString::to_string).collect();
        values.push(format!("{:03}", shard.shard));
        PartitionSpec { values, location: format!("s3://{}/{}", context.curated_bucket, snapshot.location()) }
    };
    manifest.shards.iter().map(partition).collect()
}

fn spec(table: &TableContract, name: &str, keys: &[&str], context: &Context) -> TableSpec {
    let columns =
        table.columns.iter().map(|column| (column.name.clone(), column.kind.glue(), column.meaning.clone()));
    TableSpec {
        name: name.to_owned(),
        description: table.meaning.clone(),
        location: format!("s3://{}/curated/{}/", context.curated_bucket, table.name),
        columns: columns.collect(),
        partition_keys: keys.iter().map(|key| (*key).to_owned()).collect(),
    }
}

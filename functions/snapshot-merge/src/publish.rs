//! Publication of a committed snapshot in the catalogue. It can be repeated without harm, because
//! the manifest alone says what the snapshot is. A record table is not published: readers do not
//! see it.

use contract::{Column, TableContract};
use futures_util::{StreamExt, TryStreamExt, stream};
use host::Failure;
use lake::{Day, ManifestShard, ShardVersion, SnapshotManifest, manifest_prefix};
use store::{ColumnStatistics, PartitionSpec, TableSpec};

use crate::context::Context;
use crate::derived_steps::DerivedStep;
use crate::glue_databases::{catalogue_failure, curated_table_spec, put_table};
use crate::iceberg;
use crate::manifest_lookup::read_manifest_at;
use crate::shard_columns::read_shard_statistics;

/// Shards whose statistics are written at once: the catalogue answers some requests a second.
const SHARDS_AT_ONCE: usize = 8;

/// Shows the day in `<table>_history` and `<table>_iceberg`, and the newest passing day in
/// `<table>`. A day that did not pass is not shown. Gives the derived steps that failed when the
/// tables were published already.
pub(crate) async fn publish_snapshot(
    table: &TableContract,
    manifest: &SnapshotManifest,
    day: Day,
    context: &Context,
) -> Result<Vec<(DerivedStep, Failure)>, Failure> {
    if table.holds_records() {
        return Ok(Vec::new());
    }
    publish_history(table, manifest, day, context).await?;
    let newest = read_newest_passing(&table.name, context).await?;
    if let Some(newest) = &newest {
        publish_current_table(table, newest, context).await?;
    }

    let iceberg = publish_iceberg_table(table, |changed| changed == day, context).await;
    let statistics = put_statistics(table, manifest, newest.as_ref(), day, context).await;
    let outcomes = [
        (DerivedStep::Iceberg, iceberg),
        (DerivedStep::Statistics, statistics),
    ];
    let failed = outcomes.into_iter();
    let failed = failed.filter_map(|(step, outcome)| Some((step, outcome.err()?)));
    Ok(failed.collect())
}

/// Writes the statistics of the day in the table of all days, and those of the newest day that
/// passed in `<table>`. A day that did not pass gives `<table>` back to an earlier one; those of a
/// later one are written already.
async fn put_statistics(
    table: &TableContract,
    manifest: &SnapshotManifest,
    newest: Option<&SnapshotManifest>,
    day: Day,
    context: &Context,
) -> Result<(), Failure> {
    if manifest.passed {
        let history = history_table_spec(table, context);
        put_partition_statistics(table, &history, Some(day), manifest, context).await?;
    }
    match newest.filter(|newest| newest.date <= manifest.date) {
        Some(newest) => put_current_statistics(table, newest, context).await,
        None => Ok(()),
    }
}

/// Writes the statistics of `<table>` and of its partitions.
async fn put_current_statistics(
    table: &TableContract,
    newest: &SnapshotManifest,
    context: &Context,
) -> Result<(), Failure> {
    put_table_statistics(table, newest, context).await?;
    let current = current_table_spec(table, context);
    put_partition_statistics(table, &current, None, newest, context).await
}

/// Shows the day in `<table>_history`.
async fn publish_history(
    table: &TableContract,
    manifest: &SnapshotManifest,
    day: Day,
    context: &Context,
) -> Result<(), Failure> {
    let history = history_table_spec(table, context);
    put_table(&history, context).await?;
    let partitions = if manifest.passed {
        partition_specs(manifest, Some(day), context)
    } else {
        Vec::new()
    };
    put_partitions(&history, &partitions, context).await?;

    let shown_day = day.to_string();
    drop_stale_partitions(&history, &partitions, |value| value == shown_day, context).await
}

/// Shows the newest day that passed in `<table>`; no row when there is none any more.
pub(crate) async fn publish_newest_passing(
    table: &TableContract,
    context: &Context,
) -> Result<(), Failure> {
    if table.holds_records() {
        return Ok(());
    }
    if let Some(newest) = read_newest_passing(&table.name, context).await? {
        publish_current_table(table, &newest, context).await?;
        return put_current_statistics(table, &newest, context).await;
    }
    let current = current_table_spec(table, context);
    put_table(&current, context).await?;
    drop_stale_partitions(&current, &[], |_| true, context).await
}

/// Removes days from `<table>_history`.
pub(crate) async fn withdraw_days(
    table: &TableContract,
    days: &[Day],
    context: &Context,
) -> Result<(), Failure> {
    if days.is_empty() || table.holds_records() {
        return Ok(());
    }
    let history = history_table_spec(table, context);
    put_table(&history, context).await?;
    let withdrawn: Vec<String> = days.iter().map(ToString::to_string).collect();
    let is_withdrawn = |value: &str| withdrawn.iter().any(|day| day == value);
    drop_stale_partitions(&history, &[], is_withdrawn, context).await
}

/// The table of the newest day.
fn current_table_spec(table: &TableContract, context: &Context) -> TableSpec {
    curated_table_spec(table, &table.name, &["shard"], context)
}

/// The table of all retained days.
fn history_table_spec(table: &TableContract, context: &Context) -> TableSpec {
    let name = format!("{}_history", table.name);
    curated_table_spec(table, &name, &["snapshot_date", "shard"], context)
}

/// Shows a day in `<table>`.
async fn publish_current_table(
    table: &TableContract,
    manifest: &SnapshotManifest,
    context: &Context,
) -> Result<(), Failure> {
    let mut current = current_table_spec(table, context);
    current.parameters.insert(
        "polelake.last_passing_snapshot".into(),
        manifest.date.clone(),
    );
    current
        .parameters
        .insert("recordCount".into(), manifest.rows.to_string());
    put_table(&current, context).await?;

    let partitions = partition_specs(manifest, None, context);
    put_partitions(&current, &partitions, context).await?;
    drop_stale_partitions(&current, &partitions, |_| true, context).await
}

/// Writes the statistics of the columns of `<table>`, by which Athena plans.
async fn put_table_statistics(
    table: &TableContract,
    manifest: &SnapshotManifest,
    context: &Context,
) -> Result<(), Failure> {
    let current = current_table_spec(table, context);
    context
        .glue
        .put_statistics(&current, None, &column_statistics(table, manifest))
        .await
        .map_err(catalogue_failure)
}

/// Writes the statistics of each shard's partition, by which Trino and Spark plan; with `day` those
/// in the table of all days.
async fn put_partition_statistics(
    table: &TableContract,
    spec: &TableSpec,
    day: Option<Day>,
    manifest: &SnapshotManifest,
    context: &Context,
) -> Result<(), Failure> {
    let shards: Vec<_> = manifest
        .shards
        .iter()
        .map(|shard| put_shard_statistics(table, spec, day, (manifest, shard), context))
        .collect();
    stream::iter(shards)
        .buffered(SHARDS_AT_ONCE)
        .try_collect()
        .await
}

async fn put_shard_statistics(
    table: &TableContract,
    spec: &TableSpec,
    day: Option<Day>,
    (manifest, shard): (&SnapshotManifest, &ManifestShard),
    context: &Context,
) -> Result<(), Failure> {
    let measured_on = Day::parse(&manifest.date).map_or(0, |day| day.0);
    let columns = read_shard_statistics(table, shard, measured_on, &*context.curated).await?;
    let partition = shard_partition(&manifest.table, shard, day, context);
    context
        .glue
        .put_statistics(spec, Some(&partition.values), &columns)
        .await
        .map_err(catalogue_failure)
}

/// Shows the table to engines that read Iceberg: one snapshot for each retained day that passed.
pub(crate) async fn publish_iceberg_table(
    table: &TableContract,
    is_changed: impl Fn(Day) -> bool,
    context: &Context,
) -> Result<(), Failure> {
    if table.holds_records() {
        return Ok(());
    }
    let bucket = &context.buckets.curated;
    let path = iceberg::publish_metadata(table, is_changed, bucket, &*context.curated).await?;
    let Some(path) = path else { return Ok(()) };

    let name = format!("{}_iceberg", table.name);
    let mut spec = curated_table_spec(table, &name, &[], context);
    spec.parameters
        .insert("table_type".into(), "ICEBERG".into());
    spec.parameters.insert("metadata_location".into(), path);
    put_table(&spec, context).await
}

/// The statistics of the columns that the merge measured.
fn column_statistics(table: &TableContract, manifest: &SnapshotManifest) -> Vec<ColumnStatistics> {
    let day = Day::parse(&manifest.date).map_or(0, |day| day.0);
    table
        .columns
        .iter()
        .filter_map(|column| statistics_of_column(column, manifest, day))
        .collect()
}

fn statistics_of_column(
    column: &Column,
    manifest: &SnapshotManifest,
    day: i32,
) -> Option<ColumnStatistics> {
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
}

/// The newest day that passed. A day that is merged again late does not replace it.
async fn read_newest_passing(
    table: &str,
    context: &Context,
) -> Result<Option<SnapshotManifest>, Failure> {
    let curated = &*context.curated;
    let listed = curated.list(&manifest_prefix(table), None).await?;
    for entry in listed.iter().rev() {
        let manifest = read_manifest_at(&entry.key, curated).await?;
        if manifest.passed {
            return Ok(Some(manifest));
        }
    }
    Ok(None)
}

async fn put_partitions(
    table: &TableSpec,
    partitions: &[PartitionSpec],
    context: &Context,
) -> Result<(), Failure> {
    context
        .glue
        .put_partitions(table, partitions)
        .await
        .map_err(catalogue_failure)
}

/// Drops the partitions that are not `retained` and whose first value `is_concerned`: the first
/// value of a history's partition is its day.
async fn drop_stale_partitions(
    table: &TableSpec,
    retained: &[PartitionSpec],
    is_concerned: impl Fn(&str) -> bool,
    context: &Context,
) -> Result<(), Failure> {
    let mut stale = context.glue.list_partitions(table).await?;
    stale.retain(|partition| {
        let concerned = partition
            .values
            .first()
            .is_some_and(|first| is_concerned(first));
        concerned
            && retained
                .iter()
                .all(|known| known.values != partition.values)
    });
    if stale.is_empty() {
        return Ok(());
    }
    let values: Vec<Vec<String>> = stale
        .into_iter()
        .map(|partition| partition.values)
        .collect();
    context.glue.delete_partitions(table, &values).await?;
    Ok(())
}

/// A partition for each shard; with `day`, one of the table of all days.
fn partition_specs(
    manifest: &SnapshotManifest,
    day: Option<Day>,
    context: &Context,
) -> Vec<PartitionSpec> {
    manifest
        .shards
        .iter()
        .map(|shard| shard_partition(&manifest.table, shard, day, context))
        .collect()
}

fn shard_partition(
    table: &str,
    shard: &ManifestShard,
    day: Option<Day>,
    context: &Context,
) -> PartitionSpec {
    let version = ShardVersion {
        table,
        shard: shard.shard,
        version: &shard.version,
    };
    let mut values: Vec<String> = day.iter().map(ToString::to_string).collect();
    values.push(format!("{:03}", shard.shard));
    PartitionSpec {
        values,
        location: format!("s3://{}/{}", context.buckets.curated, version.rows_prefix()),
        rows: shard.rows,
        bytes: shard.bytes(),
    }
}

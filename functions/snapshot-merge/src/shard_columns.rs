//! What planners are told of the columns of one shard: by its profile and by the footer of its
//! file. Neither decides what a reader sees, so a part that is lost is left out.

use std::collections::BTreeMap;

use contract::TableContract;
use host::Failure;
use lake::iceberg::ColumnCounts;
use lake::{ManifestShard, schema};
use quality::ColumnState;
use store::sorted_file::SortedFile;
use store::{ColumnStatistics, ObjectStore, UnreadableObjects};

use crate::plan::merge_rules;
use crate::profile::{ShardProfile, rules_fingerprint};

/// What was measured of each column of a shard, by name; empty when its profile is lost, or was
/// measured under other rules.
///
/// # Errors
/// When the storage fails.
pub(crate) async fn read_measured_columns(
    table: &TableContract,
    shard: &ManifestShard,
    curated: &dyn ObjectStore,
) -> Result<BTreeMap<String, ColumnState>, Failure> {
    let columns = table.measured_columns();
    let fingerprint = rules_fingerprint(&merge_rules(table), columns);
    let profile = ShardProfile::read_shard_profile(shard, &fingerprint, curated).await?;
    let Some(profile) = profile else {
        return Ok(BTreeMap::new());
    };

    let names = columns.iter().map(|column| column.name.clone());
    Ok(names.zip(profile.total.columns).collect())
}

/// The sizes of the columns of a shard's file, and their nulls, by Iceberg's field ids; empty when
/// the file cannot be read.
///
/// # Errors
/// When the storage fails.
pub(crate) async fn count_file_columns(
    table: &TableContract,
    shard: &ManifestShard,
    curated: &dyn ObjectStore,
) -> Result<BTreeMap<i32, ColumnCounts>, Failure> {
    // A damaged file is the audit's to name; the table is shown without what is known of it.
    let file = SortedFile::open(curated, &shard.rows_file).await;
    let Some(file) = UnreadableObjects::default().note(file)? else {
        return Ok(BTreeMap::new());
    };

    let measured = read_measured_columns(table, shard, curated).await?;
    let counts = file.footer.column_bytes().into_iter().map(|(name, bytes)| {
        let state = measured.get(name);
        let nulls = state.map(|state| shard.rows.saturating_sub(state.filled));
        (schema::field_id(name), ColumnCounts { bytes, nulls })
    });
    Ok(counts.collect())
}

/// The statistics of the columns of a shard, as the catalogue keeps them of a partition.
///
/// # Errors
/// When the storage fails.
pub(crate) async fn read_shard_statistics(
    table: &TableContract,
    shard: &ManifestShard,
    day: i32,
    curated: &dyn ObjectStore,
) -> Result<Vec<ColumnStatistics>, Failure> {
    let measured = read_measured_columns(table, shard, curated).await?;
    let columns = table.columns.iter().filter_map(|column| {
        let state = measured.get(&column.name)?;
        Some(ColumnStatistics {
            name: column.name.clone(),
            kind: column.kind.glue_type(),
            day,
            nulls: shard.rows.saturating_sub(state.filled),
            distinct: state.distinct_count()?,
            max_bytes: state.max_bytes,
            bytes: state.bytes,
            filled: state.filled,
            range: state.range,
        })
    });
    Ok(columns.collect())
}

//! Removes one day: its manifests, the files that no other day names, its partitions, its place in
//! the Iceberg metadata and its measures. What a merge of a wrong date made is undone so.

use std::collections::BTreeSet;

use contract::TableContract;
use host::Failure;
use lake::{
    Day, METRICS_TABLE, RULES_TABLE, history_key, iceberg_prefix, manifest_key, parse_version_day,
    work_prefix,
};
use serde::{Deserialize, Serialize};
use store::{ListedObject, ObjectStore, StoreError};

use crate::context::Context;
use crate::day_events::delete_day_events;
use crate::day_roots::write_day_root;
use crate::publish;
use crate::retention::{
    delete_objects, list_shard_files, read_each_manifest, read_swept_days, record_swept_days,
    referenced_keys,
};

/// What dropping a day removes of a table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedDay {
    /// The table.
    pub table: String,
    /// Whether the table has a snapshot of the day.
    pub snapshot: bool,
    /// Files that the day wrote and no other day names.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// What a table loses with a day.
struct DropPlan {
    has_manifest: bool,
    /// Whether a later day was built on it.
    is_base: bool,
    /// Whether another day stays.
    has_other_day: bool,
    garbage: Vec<ListedObject>,
}

/// Drops a day of every table; with `dry_run`, only reports what would be removed. No merge of the
/// day may run meanwhile. A drop that broke off is finished by the next.
///
/// # Errors
/// When the storage or the catalogue fails, or another day's manifest cannot be read: then
/// it is unknown which files that day needs.
pub async fn drop_day(
    day: Day,
    dry_run: bool,
    context: &Context,
) -> Result<Vec<DroppedDay>, Failure> {
    let mut dropped = Vec::new();
    for table in context.catalogue.stored_tables() {
        let plan = plan_drop(&table.name, day, &*context.curated).await?;
        let result = DroppedDay {
            table: table.name.clone(),
            snapshot: plan.has_manifest,
            files: plan.garbage.len() as u64,
            bytes: plan.garbage.iter().map(|file| file.size).sum(),
        };
        if !result.snapshot && result.files == 0 {
            continue;
        }
        if !dry_run {
            execute_drop(table, day, plan, context).await?;
        }
        dropped.push(result);
    }

    if !dry_run {
        let measures = [METRICS_TABLE, RULES_TABLE].map(|table| history_key(table, day));
        delete_objects(measures.into_iter(), &*context.curated).await?;
        write_day_root(day, context).await?;
        delete_day_events(day, context).await?;
    }
    Ok(dropped)
}

async fn plan_drop(table: &str, day: Day, curated: &dyn ObjectStore) -> Result<DropPlan, Failure> {
    let files = list_shard_files(table, curated).await?;
    let mut readings = read_each_manifest(table, curated).await?;
    let has_manifest = readings.remove(&day).is_some();
    let manifests = readings.into_values().collect::<Result<Vec<_>, _>>()?;

    let date = day.to_string();
    let is_base = manifests
        .iter()
        .any(|manifest| manifest.base.as_deref() == Some(&date));
    let named: BTreeSet<&str> = manifests.iter().flat_map(referenced_keys).collect();
    let mut garbage = files;
    garbage.retain(|file| {
        parse_version_day(&file.key) == Some(day) && !named.contains(file.key.as_str())
    });
    Ok(DropPlan {
        has_manifest,
        is_base,
        has_other_day: !manifests.is_empty(),
        garbage,
    })
}

/// Removes a table's day: it leaves the history first, then it loses its manifest, and only then
/// its files.
async fn execute_drop(
    table: &TableContract,
    day: Day,
    plan: DropPlan,
    context: &Context,
) -> Result<(), Failure> {
    let curated = &*context.curated;
    publish::withdraw_days(table, &[day], context).await?;
    if plan.is_base {
        let swept_before = read_swept_days(&table.name, curated).await?;
        record_swept_days(&table.name, swept_before, &[day.to_string()], curated).await?;
    }
    curated.delete(&manifest_key(&table.name, day)).await?;

    if plan.has_other_day {
        publish::publish_iceberg_table(table, |_| false, context).await?;
    } else {
        delete_prefix(&iceberg_prefix(&table.name), curated).await?;
    }
    publish::publish_newest_passing(table, context).await?;

    delete_objects(plan.garbage.into_iter().map(|file| file.key), curated).await?;
    delete_prefix(&work_prefix(&table.name, day), curated).await?;
    Ok(())
}

async fn delete_prefix(prefix: &str, curated: &dyn ObjectStore) -> Result<(), StoreError> {
    let listed = curated.list(prefix, None).await?;
    delete_objects(listed.into_iter().map(|entry| entry.key), curated).await
}

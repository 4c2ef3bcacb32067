//! The days' snapshots as Iceberg metadata, beside the data. It is derived from the manifests, and
//! rebuilt from them where it is lost. The hint names the current metadata; it is written by a
//! conditional PUT, so that no run undoes another's.

use std::collections::BTreeSet;

use bytes::Bytes;
use contract::TableContract;
use host::{Failure, FailureKind};
use lake::iceberg::{DayFiles, FileLineage, IcebergDays, IcebergFile, IcebergTable, WrittenDay};
use lake::{Day, iceberg_hint_key, iceberg_metadata_key, manifest_key};
use store::streams::list_manifest_days;
use store::{ObjectMetadata, ObjectStore, StoreError, StoredObject};

use crate::manifest_lookup::read_manifest_at;
use crate::shard_columns::count_file_columns;

/// Tries when other runs publish the same table at the same time.
const PUBLISH_ATTEMPTS: u32 = 4;

/// Shows every retained day in the table's Iceberg metadata; returns the full path of the metadata.
/// Days that `is_changed` are written again, though the metadata knows them, and so are the days
/// behind one that became another: a day names the snapshots that added its files.
pub(crate) async fn publish_metadata(
    table: &TableContract,
    is_changed: impl Fn(Day) -> bool,
    bucket: &str,
    curated: &dyn ObjectStore,
) -> Result<Option<String>, Failure> {
    let root = format!("s3://{bucket}");
    let iceberg = IcebergTable::new(table, &root)?;
    for _ in 0..PUBLISH_ATTEMPTS {
        let retained = list_manifest_days(&table.name, curated).await?;
        let (hint, mut days) = read_iceberg_days(&table.name, curated).await?;
        days.retain_days(|day| retained.contains(&day));
        let mut follows_changed = false;
        for day in retained {
            let known = days.entry_of(day).cloned();
            if follows_changed || known.is_none() || is_changed(day) {
                add_day(&iceberg, table, day, &mut days, curated).await?;
                follows_changed = days.entry_of(day) != known.as_ref();
            }
        }
        if days.newest_entry().is_none() {
            return Ok(None);
        }

        let written = iceberg.write_metadata(&days)?;
        put_iceberg_file(&written.metadata, curated).await?;
        if update_hint(&written.hint, hint, curated).await? {
            return Ok(Some(iceberg.full_path(&written.metadata.key)));
        }
    }
    let message = format!(
        "other runs published the Iceberg metadata of `{}` too often",
        table.name
    );
    Err(Failure::new(FailureKind::Unavailable, message))
}

/// Writes those of the lost metadata again that showed the days up to an earlier one. Readers that
/// hold such metadata may still ask for them; metadata that showed other days are not made again.
pub(crate) async fn restore_earlier_metadata(
    table: &TableContract,
    lost: &BTreeSet<String>,
    bucket: &str,
    curated: &dyn ObjectStore,
) -> Result<(), Failure> {
    let root = format!("s3://{bucket}");
    let iceberg = IcebergTable::new(table, &root)?;
    let (_, days) = read_iceberg_days(&table.name, curated).await?;
    let mut shown = IcebergDays::default();
    for entry in days.entries() {
        shown.put_entry(entry.clone());
        let metadata = iceberg.write_metadata(&shown)?.metadata;
        if lost.contains(&metadata.key) {
            put_iceberg_file(&metadata, curated).await?;
        }
    }
    Ok(())
}

/// The hint, and the days of the metadata that it names. The days are none when the metadata is
/// missing or damaged: all of it can be rebuilt.
pub(crate) async fn read_iceberg_days(
    table: &str,
    curated: &dyn ObjectStore,
) -> Result<(Option<StoredObject>, IcebergDays), Failure> {
    let Some(hint) = curated.get_if_present(&iceberg_hint_key(table)).await? else {
        return Ok((None, IcebergDays::default()));
    };
    let name = String::from_utf8_lossy(&hint.body);
    let key = iceberg_metadata_key(table, name.trim());
    let days = curated
        .get_if_within_limit(&key)
        .await?
        .and_then(|object| IcebergDays::from_metadata(&object.body).ok())
        .unwrap_or_default();
    Ok((Some(hint), days))
}

/// Adds a day, when it passed.
async fn add_day(
    iceberg: &IcebergTable<'_>,
    table: &TableContract,
    day: Day,
    days: &mut IcebergDays,
    curated: &dyn ObjectStore,
) -> Result<(), Failure> {
    let manifest = read_manifest_at(&manifest_key(&table.name, day), curated).await?;
    if !manifest.passed {
        days.retain_days(|known| known != day);
        return Ok(());
    }
    let lineage = read_lineage_before(day, days, curated).await?;
    let mut files = DayFiles::from_manifest(&manifest)?;
    for (file, shard) in files.files.iter_mut().zip(&manifest.shards) {
        let path = iceberg.full_path(&file.key);
        if lineage
            .as_ref()
            .is_none_or(|before| !before.has_file(&path))
        {
            file.columns = count_file_columns(table, shard, curated).await?;
        }
    }
    let WrittenDay {
        manifest,
        list,
        entry,
    } = iceberg.write_day(&files, lineage.as_ref())?;
    put_iceberg_file(&manifest, curated).await?;
    put_iceberg_file(&list, curated).await?;
    days.put_entry(entry);
    Ok(())
}

/// Which files the day before has, and which snapshots added them; none where that is lost or
/// damaged: the day then says that it added all of its files.
async fn read_lineage_before(
    day: Day,
    days: &IcebergDays,
    curated: &dyn ObjectStore,
) -> Result<Option<FileLineage>, Failure> {
    let before = days.entry_before(day);
    let Some(key) = before.and_then(|before| before.manifest_key()) else {
        return Ok(None);
    };
    match curated.get_if_present(key).await? {
        Some(object) => Ok(FileLineage::from_manifest(&object.body).ok()),
        None => Ok(None),
    }
}

pub(crate) async fn put_iceberg_file(
    file: &IcebergFile,
    curated: &dyn ObjectStore,
) -> Result<(), StoreError> {
    let body = Bytes::copy_from_slice(&file.bytes);
    curated
        .put(&file.key, body, "application/octet-stream")
        .await
}

/// Points the hint to the metadata, unless another run wrote the hint since it was read; returns
/// whether it did.
pub(crate) async fn update_hint(
    file: &IcebergFile,
    previous: Option<StoredObject>,
    curated: &dyn ObjectStore,
) -> Result<bool, StoreError> {
    let body = Bytes::copy_from_slice(&file.bytes);
    match previous {
        Some(previous) if previous.body == body => Ok(true),
        Some(previous) => curated.put_if_match(&file.key, &previous.etag, body).await,
        None => {
            curated
                .put_if_absent(&file.key, body, ObjectMetadata::new())
                .await
        }
    }
}

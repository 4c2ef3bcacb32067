//! The days' snapshots in Iceberg's words, beside the data: derived from the manifests, and made anew from them where it is
//! lost. The hint names what is current; it is written by a conditional PUT, so that no run undoes another's.

use bytes::Bytes;
use contract::TableContract;
use host::{Failure, FailureKind};
use lake::iceberg::{DayFiles, FileLineage, IcebergDays, IcebergFile, IcebergTable, WrittenDay};
use lake::{
    Day, LakeError, SnapshotManifest, iceberg_hint_key, iceberg_metadata_key, manifest_key,
};
use store::streams::list_manifest_days;
use store::{ObjectMetadata, ObjectStore, StoreError, StoredObject};

/// Tries when other runs publish the same table at the same time.
const PUBLISH_ATTEMPTS: u32 = 4;

fn store_failure(error: &StoreError) -> Failure {
    Failure::unavailable(error)
}

fn lake_failure(error: &LakeError) -> Failure {
    Failure::corrupt(error)
}

/// Shows every kept day in the table's Iceberg metadata; gives the full path of the metadata. `changed` are days that are
/// written anew though the metadata knows them.
pub(crate) async fn publish_metadata(
    table: &TableContract,
    changed: impl Fn(Day) -> bool,
    bucket: &str,
    curated: &dyn ObjectStore,
) -> Result<Option<String>, Failure> {
    let root = format!("s3://{bucket}");
    let iceberg = IcebergTable::new(table, &root).map_err(|error| lake_failure(&error))?;
    for _ in 0..PUBLISH_ATTEMPTS {
        let kept = list_manifest_days(&table.name, curated)
            .await
            .map_err(|error| store_failure(&error))?;
        let (hint, mut days) = read_iceberg_days(&table.name, curated).await?;
        days.retain_days(|day| kept.contains(&day));
        for day in &kept {
            if changed(*day) || days.entries().all(|known| known.date != *day) {
                add_day(&iceberg, &table.name, *day, &mut days, curated).await?;
            }
        }
        if days.newest_entry().is_none() {
            return Ok(None);
        }
        let written = iceberg
            .write_metadata(&days)
            .map_err(|error| lake_failure(&error))?;
        let path = iceberg.full_path(&written.metadata.key);
        put_iceberg_file(&written.metadata, curated).await?;
        if update_hint(&written.hint, hint, curated).await? {
            return Ok(Some(path));
        }
    }
    let message = format!(
        "other runs published the Iceberg metadata of `{}` too often",
        table.name
    );
    Err(Failure::new(FailureKind::Unavailable, message))
}

/// The hint, and the days that the metadata which it names knows; none when there is none, or it is damaged: all of it can
/// be made anew.
pub(crate) async fn read_iceberg_days(
    table: &str,
    curated: &dyn ObjectStore,
) -> Result<(Option<StoredObject>, IcebergDays), Failure> {
    let Some(hint) = curated.get_if_present(&iceberg_hint_key(table)).await? else {
        return Ok((None, IcebergDays::default()));
    };
    let name = String::from_utf8_lossy(&hint.body).trim().to_owned();
    let key = iceberg_metadata_key(table, &name);
    let metadata = curated.get_if_present(&key).await?;
    let days = metadata
        .and_then(|object| IcebergDays::from_metadata(&object.body).ok())
        .unwrap_or_default();
    Ok((Some(hint), days))
}

/// Adds a day, when it passed.
async fn add_day(
    iceberg: &IcebergTable<'_>,
    table: &str,
    day: Day,
    days: &mut IcebergDays,
    curated: &dyn ObjectStore,
) -> Result<(), Failure> {
    let object = curated
        .get(&manifest_key(table, day))
        .await
        .map_err(|error| store_failure(&error))?;
    let manifest =
        SnapshotManifest::from_json(&object.body).map_err(|error| lake_failure(&error))?;
    if !manifest.passed {
        days.retain_days(|known| known != day);
        return Ok(());
    }
    let before = match days
        .entry_before(day)
        .and_then(|before| before.manifest_key())
    {
        Some(key) => curated.get_if_present(key).await?,
        None => None,
    };
    let before = before
        .map(|object| FileLineage::from_manifest(&object.body))
        .transpose()
        .map_err(|error| lake_failure(&error))?;
    let files = DayFiles::from_manifest(&manifest).map_err(|error| lake_failure(&error))?;
    let written = iceberg
        .write_day(&files, before.as_ref())
        .map_err(|error| lake_failure(&error))?;
    let WrittenDay {
        manifest,
        list,
        entry,
    } = written;
    put_iceberg_file(&manifest, curated).await?;
    put_iceberg_file(&list, curated).await?;
    days.put_entry(entry);
    Ok(())
}

async fn put_iceberg_file(file: &IcebergFile, curated: &dyn ObjectStore) -> Result<(), Failure> {
    let body = Bytes::copy_from_slice(&file.bytes);
    curated
        .put(&file.key, body, "application/octet-stream")
        .await
        .map_err(|error| store_failure(&error))
}

/// Points the hint to the metadata; says whether it was still what it was when that was made.
async fn update_hint(
    file: &IcebergFile,
    was: Option<StoredObject>,
    curated: &dyn ObjectStore,
) -> Result<bool, Failure> {
    let body = Bytes::copy_from_slice(&file.bytes);
    let pointed = match was {
        Some(was) if was.body == body => return Ok(true),
        Some(was) => curated.put_if_match(&file.key, &was.etag, body).await,
        None => {
            curated
                .put_if_absent(&file.key, body, ObjectMetadata::new())
                .await
        }
    };
    pointed.map_err(|error| store_failure(&error))
}

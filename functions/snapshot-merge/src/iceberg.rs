//! The days' snapshots in Iceberg's words, beside the data: derived from the manifests, and made anew from them where it is
//! lost. The hint names what is current; it is written by a conditional PUT, so that no run undoes another's.

use bytes::Bytes;
use contract::TableContract;
use host::{Failure, FailureKind};
use lake::iceberg::{DayFiles, IcebergDays, IcebergFile, IcebergTable, Lineage, WrittenDay};
use lake::{Day, LakeError, Manifest, iceberg_hint_key, iceberg_prefix, manifest_key};
use store::streams::kept_days;
use store::{Metadata, Object, ObjectStore, StoreError};

/// Tries when other runs publish the same table at the same time.
const TRIES: u32 = 4;

fn unavailable(error: &StoreError) -> Failure {
    Failure::unavailable(error)
}

fn corrupt(error: &LakeError) -> Failure {
    Failure::corrupt(error)
}

/// Shows every kept day in the table's Iceberg metadata; gives the full path of the metadata. `changed` are days that are
/// written anew though the metadata knows them.
pub(crate) async fn publish(
    table: &TableContract,
    changed: impl Fn(Day) -> bool,
    bucket: &str,
    curated: &dyn ObjectStore,
) -> Result<Option<String>, Failure> {
    let root = format!("s3://{bucket}");
    let iceberg = IcebergTable::new(table, &root).map_err(|error| corrupt(&error))?;
    for _ in 0..TRIES {
        let kept = kept_days(&table.name, curated)
            .await
            .map_err(|error| unavailable(&error))?;
        let (hint, mut days) = known_days(&table.name, curated).await?;
        days.keep(|day| kept.contains(&day));
        for day in &kept {
            if changed(*day) || days.entries().all(|known| known.date != *day) {
                add(&iceberg, &table.name, *day, &mut days, curated).await?;
            }
        }
        if days.newest().is_none() {
            return Ok(None);
        }
        let written = iceberg.metadata(&days).map_err(|error| corrupt(&error))?;
        let path = iceberg.path(&written.metadata.key);
        put(&written.metadata, curated).await?;
        if point(&written.hint, hint, curated).await? {
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
pub(crate) async fn known_days(
    table: &str,
    curated: &dyn ObjectStore,
) -> Result<(Option<Object>, IcebergDays), Failure> {
    let Some(hint) = found(curated.get(&iceberg_hint_key(table)).await)? else {
        return Ok((None, IcebergDays::default()));
    };
    let name = String::from_utf8_lossy(&hint.body).trim().to_owned();
    let key = format!("{}{name}.metadata.json", iceberg_prefix(table));
    let metadata = found(curated.get(&key).await)?;
    let days = metadata
        .and_then(|object| IcebergDays::read(&object.body).ok())
        .unwrap_or_default();
    Ok((Some(hint), days))
}

fn found(answer: Result<Object, StoreError>) -> Result<Option<Object>, Failure> {
    match answer {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Adds a day, when it passed.
async fn add(
    iceberg: &IcebergTable<'_>,
    table: &str,
    day: Day,
    days: &mut IcebergDays,
    curated: &dyn ObjectStore,
) -> Result<(), Failure> {
    let object = curated
        .get(&manifest_key(table, day))
        .await
        .map_err(|error| unavailable(&error))?;
    let manifest = Manifest::decode(&object.body).map_err(|error| corrupt(&error))?;
    if !manifest.passed {
        days.keep(|known| known != day);
        return Ok(());
    }
    let before = match days.before(day).and_then(|before| before.manifest_key()) {
        Some(key) => found(curated.get(key).await)?,
        None => None,
    };
    let before = before
        .map(|object| Lineage::read(&object.body))
        .transpose()
        .map_err(|error| corrupt(&error))?;
    let files = DayFiles::of(&manifest).map_err(|error| corrupt(&error))?;
    let written = iceberg
        .write_day(&files, before.as_ref())
        .map_err(|error| corrupt(&error))?;
    let WrittenDay {
        manifest,
        list,
        entry,
    } = written;
    put(&manifest, curated).await?;
    put(&list, curated).await?;
    days.put(entry);
    Ok(())
}

async fn put(file: &IcebergFile, curated: &dyn ObjectStore) -> Result<(), Failure> {
    let body = Bytes::copy_from_slice(&file.bytes);
    curated
        .put(&file.key, body, "application/octet-stream")
        .await
        .map_err(|error| unavailable(&error))
}

/// Points the hint to the metadata; says whether it was still what it was when that was made.
async fn point(
    file: &IcebergFile,
    was: Option<Object>,
    curated: &dyn ObjectStore,
) -> Result<bool, Failure> {
    let body = Bytes::copy_from_slice(&file.bytes);
    let pointed = match was {
        Some(was) if was.body == body => return Ok(true),
        Some(was) => curated.put_over(&file.key, &was.etag, body).await,
        None => curated.put_new(&file.key, body, Metadata::new()).await,
    };
    pointed.map_err(|error| unavailable(&error))
}

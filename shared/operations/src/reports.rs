//! The objects that `quality-report` wrote about a day.

use bytes::Bytes;
use lake::{Day, day_page_key, junit_key, report_day_prefix, report_key};

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// The report of a day as JSON.
///
/// # Errors
/// When the site's bucket is not named, the day was not reported, or the storage does not answer.
pub async fn read_report(lake: &LakeHandle, day: Day) -> Result<Bytes, OperationError> {
    read_site_object(lake, &report_key(day), day).await
}

/// The results of a day as JUnit XML.
///
/// # Errors
/// As [`read_report`].
pub async fn read_junit(lake: &LakeHandle, day: Day) -> Result<Bytes, OperationError> {
    read_site_object(lake, &junit_key(day), day).await
}

/// Deletes what was reported of a day, and gives how many objects that is; with `dry_run`, only
/// counts them. Without a site nothing was reported.
///
/// # Errors
/// When the storage does not answer.
pub async fn delete_reports_of_day(
    lake: &LakeHandle,
    day: Day,
    dry_run: bool,
) -> Result<usize, OperationError> {
    let Some(site) = &lake.site else {
        return Ok(0);
    };
    let mut keys = Vec::new();
    for key in [report_key(day), day_page_key(day)] {
        if site.object_exists(&key).await? {
            keys.push(key);
        }
    }
    let listed = site.list(&report_day_prefix(day), None).await?;
    keys.extend(listed.into_iter().map(|entry| entry.key));

    if !dry_run {
        for key in &keys {
            site.delete(key).await?;
        }
    }
    Ok(keys.len())
}

async fn read_site_object(lake: &LakeHandle, key: &str, day: Day) -> Result<Bytes, OperationError> {
    let site = lake
        .site
        .as_ref()
        .ok_or("with --aws, SITE_BUCKET names the site's bucket")?;

    match site.get(key).await {
        Ok(object) => Ok(object.body),
        Err(error) if error.is_not_found() => Err(format!(
            "there is no {key}: {day} was not reported; `polelake run-day {day}` does it"
        )
        .into()),
        Err(error) => Err(error.into()),
    }
}

//! The objects that `quality-report` wrote about a day.

use bytes::Bytes;
use lake::{
    Day, REPORTS_PREFIX, day_page_key, junit_key, parse_report_day, report_day_prefix, report_key,
};
use store::ObjectStore;

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;
use crate::snapshots::days::nearest_days;

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

/// The reported days that are nearest to one, as the end of a message.
async fn nearest_reported_days(site: &dyn ObjectStore, day: Day) -> Result<String, OperationError> {
    let listed = site.list(REPORTS_PREFIX, None).await?;
    let reported = listed
        .iter()
        .filter_map(|entry| parse_report_day(&entry.key));
    let mut days: Vec<Day> = reported.collect();
    days.sort_unstable();
    let nearest = nearest_days(day, &days);
    if nearest.is_empty() {
        return Ok(". No day was reported yet".to_owned());
    }
    Ok(format!(
        ". Reported days that are nearest: {}",
        nearest.join(" and ")
    ))
}

async fn read_site_object(lake: &LakeHandle, key: &str, day: Day) -> Result<Bytes, OperationError> {
    let site = lake
        .site
        .as_ref()
        .ok_or("with --aws, SITE_BUCKET names the site's bucket")?;

    match site.get(key).await {
        Ok(object) => Ok(object.body),
        Err(error) if error.is_not_found() => {
            let nearest = nearest_reported_days(&**site, day).await?;
            let why = format!(
                "there is no {key}: {day} was not reported; `polelake run-day {day}` does \
                 it{nearest}"
            );
            Err(why.into())
        }
        Err(error) => Err(error.into()),
    }
}

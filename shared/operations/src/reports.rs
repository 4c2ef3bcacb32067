//! The objects that `quality-report` wrote about a day.

use bytes::Bytes;
use lake::{Day, junit_key, report_key};

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

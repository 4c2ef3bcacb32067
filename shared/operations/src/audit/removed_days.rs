//! Days that a sweep or a drop removed.

use lake::{Day, SweptDays};

use crate::error::OperationError;
use crate::lake_handle::LakeHandle;

/// Whether a sweep has dropped a day.
pub(super) async fn is_dropped(
    lake: &LakeHandle,
    table: &str,
    day: Day,
) -> Result<bool, OperationError> {
    let key = SweptDays::key(table);
    let object = lake.curated.get_if_present(&key).await;
    let Some(object) = lake.unreadable.note(object)?.flatten() else {
        return Ok(false);
    };
    let swept = SweptDays::from_json(&object.body);
    let swept = lake.unreadable.note_decoded(&key, swept);
    Ok(swept.is_some_and(|swept| swept.days.contains(&day.to_string())))
}

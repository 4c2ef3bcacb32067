//! The list of erased subjects, as functions read it.

use lake::{ERASURES_KEY, ErasedSubjects};
use store::ObjectStore;

use crate::failure::Failure;

/// The list as it is now; where there is no list, no subject is erased.
///
/// # Errors
/// When the list cannot be read: without it a replay could bring an erased person back, so nothing
/// is transformed or merged.
pub async fn read_erasures(refined: &dyn ObjectStore) -> Result<ErasedSubjects, Failure> {
    let Some(object) = refined.get_if_present(ERASURES_KEY).await? else {
        return Ok(ErasedSubjects::default());
    };
    ErasedSubjects::from_json(&object.body)
        .map_err(|error| Failure::damaged_object(ERASURES_KEY, &error))
}

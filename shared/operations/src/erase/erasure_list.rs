//! The list of who is forgotten, as it lies in the refined zone.

use bytes::Bytes;
use lake::{ERASURES_KEY, ErasedSubject, ErasedSubjects};
use pole::Uuid;
use store::{ObjectMetadata, ObjectStore};

use super::subject::Subjects;
use crate::OperationError;

/// How often the list is written anew when others write it at the same moment.
const WRITE_ATTEMPTS_MAX: u32 = 20;

/// The list, and the tag under which it was read; none where there is no list.
pub(super) async fn read_erasure_list(
    refined: &dyn ObjectStore,
) -> Result<(ErasedSubjects, Option<String>), OperationError> {
    let Some(object) = refined.get_if_present(ERASURES_KEY).await? else {
        return Ok((ErasedSubjects::default(), None));
    };

    let list = ErasedSubjects::from_json(&object.body)
        .map_err(|error| format!("{ERASURES_KEY}: {error}"))?;
    Ok((list, Some(object.etag)))
}

/// Puts the subjects on the list: events up to `now` say nothing more of them.
///
/// # Errors
/// When the storage does not answer, or others write the list too often.
pub(super) async fn add_erased_subjects(
    refined: &dyn ObjectStore,
    subjects: &Subjects,
    erasure: Uuid,
    now: i64,
) -> Result<(), OperationError> {
    for _ in 0..WRITE_ATTEMPTS_MAX {
        let (mut list, tag) = read_erasure_list(refined).await?;
        for hash in subjects.erasure_hashes() {
            list.insert_latest(ErasedSubject {
                hash,
                erased_before: now,
                erasure,
            });
        }
        let body = Bytes::from(list.to_json()?);
        let written = match tag {
            Some(tag) => refined.put_if_match(ERASURES_KEY, &tag, body).await?,
            None => {
                refined
                    .put_if_absent(ERASURES_KEY, body, ObjectMetadata::new())
                    .await?
            }
        };
        if written {
            return Ok(());
        }
    }
    Err(format!("{ERASURES_KEY}: others wrote it at every try; run the command again").into())
}

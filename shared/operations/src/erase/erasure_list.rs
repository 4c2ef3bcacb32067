//! The list of erased subjects, in the refined zone.

use bytes::Bytes;
use lake::{ERASURES_KEY, ErasedSubject, ErasedSubjects};
use pole::Uuid;
use store::streams::StreamError;
use store::{ObjectError, ObjectMetadata, ObjectStore};

use super::subjects::Subjects;
use crate::error::OperationError;

/// How often a write of the list is tried when other erasures write it at the same moment.
const WRITE_ATTEMPTS_MAX: u32 = 20;

/// The list, and the tag under which it was read; none where there is no list.
pub(super) async fn read_erasure_list(
    refined: &dyn ObjectStore,
) -> Result<(ErasedSubjects, Option<String>), StreamError> {
    let Some(object) = refined.get_if_present(ERASURES_KEY).await? else {
        return Ok((ErasedSubjects::default(), None));
    };

    let list = ErasedSubjects::from_json(&object.body)
        .map_err(|error| StreamError::Damaged(ERASURES_KEY.to_owned(), error))?;
    Ok((list, Some(object.etag)))
}

/// Adds the subjects to the list: from now on events up to `now` are suppressed.
///
/// # Errors
/// When the storage does not answer, the list cannot be read, or other erasures write it at every
/// try.
pub(super) async fn add_erased_subjects(
    refined: &dyn ObjectStore,
    subjects: &Subjects,
    erasure: Uuid,
    now: i64,
) -> Result<(), OperationError> {
    for _ in 0..WRITE_ATTEMPTS_MAX {
        let (mut list, tag) = read_erasure_list(refined).await.map_err(name_unreadable)?;
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
    let why =
        format!("{ERASURES_KEY}: other erasures wrote it at every try; run the command again");
    Err(why.into())
}

/// The error with the next step, when the list itself cannot be read. Nothing is erased without the
/// list: the next replay would bring the subjects back.
fn name_unreadable(error: StreamError) -> OperationError {
    match error.unreadable_object() {
        Some(object) => object.into(),
        None => error.into(),
    }
}

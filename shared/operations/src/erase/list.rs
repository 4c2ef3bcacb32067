//! The list of who is forgotten, as it lies in the refined zone.

use bytes::Bytes;
use lake::{ERASURES_KEY, Erasure, Erasures};
use pole::Uuid;
use store::{Metadata, ObjectStore};

use super::subject::Subjects;
use crate::Failed;

/// How often the list is written anew when others write it at the same moment.
const TRIES: u32 = 20;

/// The list, and the tag under which it was read; none where there is no list.
pub(super) async fn read(refined: &dyn ObjectStore) -> Result<(Erasures, Option<String>), Failed> {
    match refined.get(ERASURES_KEY).await {
        Ok(object) => {
            let list = Erasures::decode(&object.body)
                .map_err(|error| format!("{ERASURES_KEY}: {error}"))?;
            Ok((list, Some(object.etag)))
        }
        Err(error) if error.is_not_found() => Ok((Erasures::default(), None)),
        Err(error) => Err(error.into()),
    }
}

/// Puts the subjects on the list: events up to `now` say nothing more of them.
///
/// # Errors
/// When the storage does not answer, or others write the list too often.
pub(super) async fn remember(
    refined: &dyn ObjectStore,
    subjects: &Subjects,
    erasure: Uuid,
    now: i64,
) -> Result<(), Failed> {
    for _ in 0..TRIES {
        let (mut list, tag) = read(refined).await?;
        for hash in subjects.hashes() {
            list.add(Erasure {
                hash,
                erased_before: now,
                erasure,
            });
        }
        let body = Bytes::from(list.encode()?);
        let written = match tag {
            Some(tag) => refined.put_over(ERASURES_KEY, &tag, body).await?,
            None => refined.put_new(ERASURES_KEY, body, Metadata::new()).await?,
        };
        if written {
            return Ok(());
        }
    }
    Err(format!("{ERASURES_KEY}: others wrote it at every try; run the command again").into())
}

//! Small JSON documents of a bucket, which may not have been written yet.

use lake::NamedObject;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::{ObjectStore, StoreError};

/// Why a JSON document could not be read.
#[derive(Debug, Error)]
pub enum JsonDocumentError {
    /// The storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The object is not the JSON document that its key promises.
    #[error("{0} cannot be read: {1}; {next}", next = lake::repair_hint(.0))]
    Damaged(String, serde_json::Error),
}

/// Reads a JSON document; none where there is no such object.
///
/// # Errors
/// When the storage does not answer, or the document is damaged.
pub async fn read_json_if_present<T: DeserializeOwned>(
    store: &dyn ObjectStore,
    key: &str,
) -> Result<Option<T>, JsonDocumentError> {
    let Some(object) = store.get_if_present(key).await? else {
        return Ok(None);
    };

    serde_json::from_slice(&object.body)
        .map(Some)
        .map_err(|error| JsonDocumentError::Damaged(key.to_owned(), error))
}

/// Reads a JSON document; none where there is no such object, or where it cannot be read. This is
/// for documents that the platform can compute again, such as a list of what is already published:
/// a damaged one costs work, not data.
///
/// # Errors
/// When the storage does not answer.
pub async fn read_json_if_valid<T: DeserializeOwned>(
    store: &dyn ObjectStore,
    key: &str,
) -> Result<Option<T>, StoreError> {
    let object = store.get_if_within_limit(key).await?;

    Ok(object.and_then(|object| serde_json::from_slice(&object.body).ok()))
}

/// Reads a JSON document that another one names; none where there is no such object, or where it
/// is not the one that was written. This is for documents that can be computed again.
///
/// # Errors
/// When the storage does not answer.
pub async fn read_named_json_if_valid<T: DeserializeOwned>(
    store: &dyn ObjectStore,
    named: &NamedObject,
) -> Result<Option<T>, StoreError> {
    let object = store.get_if_within_limit(&named.key).await?;
    let written = object.filter(|object| named.digest.check(&object.body).is_ok());

    Ok(written.and_then(|object| serde_json::from_slice(&object.body).ok()))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::MemoryStore;

    #[tokio::test]
    async fn a_document_is_read_missing_or_damaged() {
        let store = MemoryStore::default();
        for (key, body) in [("good", "[1, 2]"), ("damaged", "[1, ")] {
            store
                .put(key, Bytes::from(body), "application/json")
                .await
                .unwrap();
        }

        let read = async |key| read_json_if_present::<Vec<u8>>(&store, key).await;
        assert_eq!(read("good").await.unwrap(), Some(vec![1, 2]));
        assert_eq!(read("missing").await.unwrap(), None);
        let damaged = read("damaged").await.unwrap_err();
        let damaged = damaged.to_string();
        let next = lake::repair_hint("damaged");
        assert!(damaged.starts_with("damaged cannot be read: "), "{damaged}");
        assert!(damaged.ends_with(next), "{damaged}");

        for (key, numbers) in [
            ("good", Some(vec![1, 2])),
            ("missing", None),
            ("damaged", None),
        ] {
            let valid: Option<Vec<u8>> = read_json_if_valid(&store, key).await.unwrap();
            assert_eq!(valid, numbers, "{key}");
        }
    }
}

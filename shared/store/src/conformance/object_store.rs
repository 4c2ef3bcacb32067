//! The promises of object storage.

use std::sync::Arc;

use bytes::Bytes;
use tempfile::NamedTempFile;

use super::{ConformanceError, check_promise};
use crate::{ObjectMetadata, ObjectStore, StoreError};

/// Every promise of object storage.
///
/// # Errors
/// The first promise that was broken.
pub async fn check_object_store(store: Arc<dyn ObjectStore>) -> Result<(), ConformanceError> {
    check_put_get_head_delete(&*store).await?;
    check_ranges_and_files(&*store).await?;
    check_conditional_puts(&*store).await?;
    check_replace(&*store).await?;
    check_listing(&*store).await?;
    check_odd_keys(&*store).await?;
    check_single_winner(store).await
}

async fn check_put_get_head_delete(store: &dyn ObjectStore) -> Result<(), ConformanceError> {
    let missing = store.get("conformance/none").await.err();
    check_promise(
        missing.is_some_and(|error| error.is_not_found()),
        "an absent object is not found",
    )?;
    check_promise(
        store
            .head("conformance/none")
            .await
            .is_err_and(|error| error.is_not_found()),
        "the head of an absent object is not found",
    )?;

    store
        .put("conformance/a", Bytes::from_static(b"one"), "text/plain")
        .await?;
    store
        .put("conformance/a", Bytes::from_static(b"two"), "text/plain")
        .await?;
    let object = store.get("conformance/a").await?;
    check_promise(object.body == "two", "the last put is read")?;

    let head = store.head("conformance/a").await?;
    check_promise(
        head.size == 3 && head.etag == object.etag,
        "a head has the size and the tag",
    )?;

    store.delete("conformance/a").await?;
    store.delete("conformance/a").await?;
    check_promise(
        store.get("conformance/a").await.is_err(),
        "a deleted object is not found",
    )
}

async fn check_ranges_and_files(store: &dyn ObjectStore) -> Result<(), ConformanceError> {
    let body: Vec<u8> = (0..200_000u32)
        .map(|number| number.to_le_bytes()[0])
        .collect();

    // A file of this run alone: two back ends can be tested at once in one process.
    let file = NamedTempFile::new()?;
    std::fs::write(file.path(), &body)?;
    store
        .put_file("conformance/file", file.path(), "text/plain")
        .await?;
    drop(file);
    check_promise(
        store.get("conformance/file").await?.body == body,
        "a file is written in full",
    )?;

    let part = store.get_range("conformance/file", 70_000..70_300).await?;
    check_promise(part == body[70_000..70_300], "a part is read")?;

    let all = store.get_range("conformance/file", 0..200_000).await?;
    check_promise(all == body, "the full object can be read as a range")?;
    check_promise(
        store.get_range("conformance/file", 5..5).await?.is_empty(),
        "an empty range is empty",
    )?;
    check_promise(
        store
            .get_range("conformance/file", 199_999..200_001)
            .await
            .is_err(),
        "a range past the end is refused",
    )?;

    let missing = store.get_range("conformance/none", 0..1).await;
    check_promise(
        missing.is_err_and(|error| error.is_not_found()),
        "a part of an absent object is not found",
    )
}

async fn check_conditional_puts(store: &dyn ObjectStore) -> Result<(), ConformanceError> {
    let metadata = next_metadata("42");
    let body = Bytes::from_static(b"first");
    check_promise(
        store
            .put_if_absent("conformance/c", body.clone(), metadata.clone())
            .await?,
        "the first put_if_absent stores",
    )?;
    check_promise(
        !store
            .put_if_absent("conformance/c", body.clone(), ObjectMetadata::new())
            .await?,
        "the second put_if_absent does not",
    )?;

    let object = store.get("conformance/c").await?;
    check_promise(object.metadata == metadata, "metadata is kept")?;

    let head = store.head("conformance/c").await?;
    check_promise(head.metadata == metadata, "metadata is in the head")?;
    check_promise(
        store
            .put_if_match("conformance/c", &object.etag, Bytes::from_static(b"second"))
            .await?,
        "put_if_match with the present tag stores",
    )?;
    check_promise(
        !store
            .put_if_match("conformance/c", &object.etag, body.clone())
            .await?,
        "put_if_match with an old tag does not",
    )?;
    check_promise(
        !store
            .put_if_match("conformance/absent", &object.etag, body.clone())
            .await?,
        "put_if_match of an absent object does not",
    )?;
    check_promise(
        store.get("conformance/c").await?.body == "second",
        "the content of the successful put is kept",
    )
}

async fn check_replace(store: &dyn ObjectStore) -> Result<(), ConformanceError> {
    let key = "conformance/replaced";
    let two = Bytes::from_static(b"two");
    store
        .put_if_absent(key, Bytes::from_static(b"one"), next_metadata("1"))
        .await?;
    let before = store.get(key).await?;
    let stored = store
        .replace_if_match(key, &before.etag, two.clone(), next_metadata("2"))
        .await?;
    check_promise(stored, "replace_if_match with the present tag stores")?;

    let stored = store
        .replace_if_match(key, &before.etag, two.clone(), next_metadata("3"))
        .await?;
    check_promise(!stored, "replace_if_match with an old tag does not")?;

    let stored = store
        .replace_if_match(
            "conformance/absent",
            &before.etag,
            two.clone(),
            next_metadata("3"),
        )
        .await;
    check_promise(!stored?, "replace_if_match of an absent object does not")?;

    let kept = store.get(key).await?;
    check_promise(
        kept.body == "two" && kept.metadata == next_metadata("2"),
        "content and metadata are the new ones",
    )?;

    store.purge_versions(key).await?;
    check_promise(
        store.get(key).await.is_ok_and(|kept| kept.body == "two"),
        "a purge leaves the present version",
    )?;

    let none = store.purge_versions("conformance/none").await?;
    check_promise(none == 0, "a purge of an absent object deletes no version")
}

fn next_metadata(next: &str) -> ObjectMetadata {
    ObjectMetadata::from([("next".to_owned(), next.to_owned())])
}

async fn check_listing(store: &dyn ObjectStore) -> Result<(), ConformanceError> {
    // More than a page of 1,000.
    for number in 0..1_005 {
        let key = format!("conformance/list/{number:04}");
        store
            .put(&key, Bytes::from_static(b"x"), "text/plain")
            .await?;
    }
    let all = store.list("conformance/list/", None).await?;
    check_promise(all.len() == 1_005, "a listing has every page")?;
    check_promise(all.is_sorted(), "a listing is in the order of keys")?;

    let rest = store
        .list("conformance/list/", Some("conformance/list/1000"))
        .await?;
    check_promise(
        rest.len() == 4 && rest[0].key.ends_with("1001"),
        "a listing begins after a key",
    )?;

    let between = store
        .list_between(
            "conformance/list/",
            "conformance/list/0002",
            "conformance/list/0005",
        )
        .await?;
    check_promise(
        between.len() == 2 && between[0].key.ends_with("0003"),
        "a listing ends before a key",
    )?;
    let read = store.get(&between[0].key).await?;
    check_promise(
        read.etag == between[0].etag,
        "a listing tells the entity tag that a read tells",
    )?;

    let first = store
        .find_first("conformance/list/", Some("conformance/list/0500"))
        .await?;
    check_promise(
        first.is_some_and(|entry| entry.key.ends_with("0501")),
        "the first entry after a key is found",
    )?;
    check_promise(
        store.find_first("conformance/none/", None).await?.is_none(),
        "an empty listing has no first entry",
    )
}

async fn check_odd_keys(store: &dyn ObjectStore) -> Result<(), ConformanceError> {
    let keys = [
        "conformance/odd/p",
        "conformance/odd/p/q",
        "conformance/odd/a//b",
        "conformance/odd/x/",
        "conformance/odd/date=2026-03-02/ü +%.json",
    ];
    for key in keys {
        store
            .put(key, Bytes::copy_from_slice(key.as_bytes()), "text/plain")
            .await?;
    }
    for key in keys {
        let object = store.get(key).await?;
        check_promise(
            object.body == key.as_bytes(),
            "keys that look alike hold their own content",
        )?;
    }
    let listed = store.list("conformance/odd/", None).await?;
    check_promise(listed.len() == keys.len(), "every odd key is listed")
}

/// Rounds of the race between writers, and writers in each.
const RACE_ROUNDS: usize = 40;
const RACE_WRITERS: u8 = 8;

/// Eight writers at once, forty times: always exactly one winner. Two of three servers that were
/// tried fail here.
async fn check_single_winner(store: Arc<dyn ObjectStore>) -> Result<(), ConformanceError> {
    for round in 0..RACE_ROUNDS {
        let key = format!("conformance/race/{round}");
        let winners = race_writers(&store, &key).await?;
        check_promise(winners.len() == 1, "exactly one of eight writers wins")?;

        let kept = store.get(&key).await?;
        check_promise(kept.body == winners, "the winner's content is kept")?;
    }
    Ok(())
}

/// Lets every writer put the object if it is absent, all at once. Gives the writers that succeeded.
async fn race_writers(
    store: &Arc<dyn ObjectStore>,
    key: &str,
) -> Result<Vec<u8>, ConformanceError> {
    let mut writers = Vec::new();
    for writer in 0..RACE_WRITERS {
        let store = Arc::clone(store);
        let key = key.to_owned();
        writers.push(tokio::spawn(async move {
            let content = Bytes::from(vec![writer]);
            let is_stored = store
                .put_if_absent(&key, content, ObjectMetadata::new())
                .await?;
            Ok::<_, StoreError>(is_stored.then_some(writer))
        }));
    }

    let mut winners = Vec::new();
    for writer in writers {
        winners.extend(writer.await??);
    }
    Ok(winners)
}

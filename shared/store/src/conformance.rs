//! What every back end must do, as functions that tests run over each of them.
//!
//! Each function gives what went wrong as text, so that a test says which promise was broken.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    ColumnSpec, ColumnStatistics, ObjectMetadata, ObjectStore, PartitionSpec, StoreError,
    StoreErrorKind, TableCatalogue, TableSpec,
};

type PromiseResult = Result<(), String>;

fn check_promise(holds: bool, promise: &str) -> PromiseResult {
    if holds {
        Ok(())
    } else {
        Err(format!("broken promise: {promise}"))
    }
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that map_err asks for"
)]
fn error_text(error: StoreError) -> String {
    error.to_string()
}

/// Every promise of object storage.
///
/// # Errors
/// The first promise that was broken.
pub async fn check_object_store(store: Arc<dyn ObjectStore>) -> PromiseResult {
    check_put_get_head_delete(&*store).await?;
    check_ranges_and_files(&*store).await?;
    check_conditional_puts(&*store).await?;
    check_replace(&*store).await?;
    check_listing(&*store).await?;
    check_odd_keys(&*store).await?;
    check_single_winner(store).await
}

async fn check_put_get_head_delete(store: &dyn ObjectStore) -> PromiseResult {
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
        "nor its head",
    )?;
    store
        .put("conformance/a", Bytes::from_static(b"one"), "text/plain")
        .await
        .map_err(error_text)?;
    store
        .put("conformance/a", Bytes::from_static(b"two"), "text/plain")
        .await
        .map_err(error_text)?;
    let object = store.get("conformance/a").await.map_err(error_text)?;
    check_promise(object.body == "two", "the last put is read")?;
    let head = store.head("conformance/a").await.map_err(error_text)?;
    check_promise(
        head.size == 3 && head.etag == object.etag,
        "a head tells size and tag",
    )?;
    store.delete("conformance/a").await.map_err(error_text)?;
    store.delete("conformance/a").await.map_err(error_text)?;
    check_promise(
        store.get("conformance/a").await.is_err(),
        "a deleted object is gone",
    )
}

async fn check_ranges_and_files(store: &dyn ObjectStore) -> PromiseResult {
    let file = std::env::temp_dir().join(format!("polelake-conformance-{}", std::process::id()));
    let body: Vec<u8> = (0..200_000u32)
        .map(|number| number.to_le_bytes()[0])
        .collect();
    std::fs::write(&file, &body).map_err(|error| error.to_string())?;
    store
        .put_file("conformance/file", &file, "text/plain")
        .await
        .map_err(error_text)?;
    std::fs::remove_file(file).map_err(|error| error.to_string())?;
    check_promise(
        store
            .get("conformance/file")
            .await
            .map_err(error_text)?
            .body
            == body,
        "a file is written whole",
    )?;
    let part = store
        .get_range("conformance/file", 70_000..70_300)
        .await
        .map_err(error_text)?;
    check_promise(part == body[70_000..70_300], "a part is read")?;
    let all = store
        .get_range("conformance/file", 0..200_000)
        .await
        .map_err(error_text)?;
    check_promise(all == body, "the whole is a part too")?;
    check_promise(
        store
            .get_range("conformance/file", 5..5)
            .await
            .map_err(error_text)?
            .is_empty(),
        "so is nothing",
    )?;
    check_promise(
        store
            .get_range("conformance/file", 199_999..200_001)
            .await
            .is_err(),
        "what is short is refused",
    )?;
    let missing = store.get_range("conformance/none", 0..1).await;
    check_promise(
        missing.is_err_and(|error| error.is_not_found()),
        "a part of an absent object is not found",
    )
}

async fn check_conditional_puts(store: &dyn ObjectStore) -> PromiseResult {
    let metadata = ObjectMetadata::from([("next".to_owned(), "42".to_owned())]);
    let body = || Bytes::from_static(b"first");
    check_promise(
        store
            .put_if_absent("conformance/c", body(), metadata.clone())
            .await
            .map_err(error_text)?,
        "the first put_new stores",
    )?;
    check_promise(
        !store
            .put_if_absent("conformance/c", body(), ObjectMetadata::new())
            .await
            .map_err(error_text)?,
        "the second does not",
    )?;
    let object = store.get("conformance/c").await.map_err(error_text)?;
    check_promise(object.metadata == metadata, "metadata is kept")?;
    let head = store.head("conformance/c").await.map_err(error_text)?;
    check_promise(head.metadata == metadata, "metadata is in the head")?;
    check_promise(
        store
            .put_if_match("conformance/c", &object.etag, Bytes::from_static(b"second"))
            .await
            .map_err(error_text)?,
        "put_over with the present tag stores",
    )?;
    check_promise(
        !store
            .put_if_match("conformance/c", &object.etag, body())
            .await
            .map_err(error_text)?,
        "put_over with an old tag does not",
    )?;
    check_promise(
        !store
            .put_if_match("conformance/absent", &object.etag, body())
            .await
            .map_err(error_text)?,
        "put_over of nothing does not",
    )?;
    check_promise(
        store.get("conformance/c").await.map_err(error_text)?.body == "second",
        "the right one was kept",
    )
}

async fn check_replace(store: &dyn ObjectStore) -> PromiseResult {
    let key = "conformance/replaced";
    let metadata = |next: &str| ObjectMetadata::from([("next".to_owned(), next.to_owned())]);
    store
        .put_if_absent(key, Bytes::from_static(b"one"), metadata("1"))
        .await
        .map_err(error_text)?;
    let before = store.get(key).await.map_err(error_text)?;
    let two = || Bytes::from_static(b"two");
    let stored = store
        .replace_if_match(key, &before.etag, two(), metadata("2"))
        .await
        .map_err(error_text)?;
    check_promise(stored, "replace with the present tag stores")?;
    let stored = store
        .replace_if_match(key, &before.etag, two(), metadata("3"))
        .await
        .map_err(error_text)?;
    check_promise(!stored, "replace with an old tag does not")?;
    let stored = store
        .replace_if_match("conformance/absent", &before.etag, two(), metadata("3"))
        .await;
    check_promise(!stored.map_err(error_text)?, "replace of nothing does not")?;
    let kept = store.get(key).await.map_err(error_text)?;
    check_promise(
        kept.body == "two" && kept.metadata == metadata("2"),
        "content and metadata are the new ones",
    )?;
    store.purge_versions(key).await.map_err(error_text)?;
    check_promise(
        store.get(key).await.is_ok_and(|kept| kept.body == "two"),
        "a purge leaves the present version",
    )?;
    let none = store
        .purge_versions("conformance/none")
        .await
        .map_err(error_text)?;
    check_promise(none == 0, "of an absent object nothing is purged")
}

async fn check_listing(store: &dyn ObjectStore) -> PromiseResult {
    // More than a page of 1,000.
    for number in 0..1_005 {
        let key = format!("conformance/list/{number:04}");
        store
            .put(&key, Bytes::from_static(b"x"), "text/plain")
            .await
            .map_err(error_text)?;
    }
    let all = store
        .list("conformance/list/", None)
        .await
        .map_err(error_text)?;
    check_promise(all.len() == 1_005, "a listing has every page")?;
    check_promise(all.is_sorted(), "a listing is in the order of keys")?;
    let rest = store
        .list("conformance/list/", Some("conformance/list/1000"))
        .await
        .map_err(error_text)?;
    check_promise(
        rest.len() == 4 && rest[0].key.ends_with("1001"),
        "a listing begins after a key",
    )?;
    let first = store
        .find_first("conformance/list/", Some("conformance/list/0500"))
        .await
        .map_err(error_text)?;
    check_promise(
        first.is_some_and(|entry| entry.key.ends_with("0501")),
        "the first entry after a key is found",
    )?;
    check_promise(
        store
            .find_first("conformance/none/", None)
            .await
            .map_err(error_text)?
            .is_none(),
        "there is no first of nothing",
    )
}

async fn check_odd_keys(store: &dyn ObjectStore) -> PromiseResult {
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
            .await
            .map_err(error_text)?;
    }
    for key in keys {
        let object = store.get(key).await.map_err(error_text)?;
        check_promise(
            object.body == key.as_bytes(),
            "keys that look alike hold their own content",
        )?;
    }
    let listed = store
        .list("conformance/odd/", None)
        .await
        .map_err(error_text)?;
    check_promise(listed.len() == keys.len(), "every odd key is listed")
}

/// Eight writers at once, forty times: always exactly one winner. Two of three servers that were tried fail here.
async fn check_single_winner(store: Arc<dyn ObjectStore>) -> PromiseResult {
    for round in 0..40 {
        let mut writers = Vec::new();
        for writer in 0..8u8 {
            let store = Arc::clone(&store);
            let key = format!("conformance/race/{round}");
            writers.push(tokio::spawn(async move {
                let won = store
                    .put_if_absent(&key, Bytes::from(vec![writer]), ObjectMetadata::new())
                    .await;
                won.map(|won| won.then_some(writer))
            }));
        }
        let mut winners = Vec::new();
        for writer in writers {
            winners.extend(
                writer
                    .await
                    .map_err(|error| error.to_string())?
                    .map_err(error_text)?,
            );
        }
        check_promise(winners.len() == 1, "exactly one of eight writers wins")?;
        let kept = store
            .get(&format!("conformance/race/{round}"))
            .await
            .map_err(error_text)?;
        check_promise(
            kept.body == vec![winners[0]],
            "the winner's content is kept",
        )?;
    }
    Ok(())
}

/// The database that the suite works in; back ends must have it.
pub const CONFORMANCE_DATABASE: &str = "polelake_curated_conformance";

/// Every promise of a catalogue.
///
/// # Errors
/// The first promise that was broken.
pub async fn check_catalogue(catalogue: Arc<dyn TableCatalogue>) -> PromiseResult {
    let table = check_tables(Arc::clone(&catalogue)).await?;
    check_statistics(&*catalogue, &table).await
}

/// The promises on tables and partitions alone: moto 5.2 knows no column statistics.
///
/// # Errors
/// The first promise that was broken.
pub async fn check_tables(catalogue: Arc<dyn TableCatalogue>) -> Result<TableSpec, String> {
    let column = |name: &str, kind: &str| ColumnSpec {
        name: name.into(),
        kind: kind.into(),
        meaning: format!("What {name} means"),
        classification: "internal".into(),
    };
    let mut table = TableSpec {
        database: CONFORMANCE_DATABASE.into(),
        name: "conformance".into(),
        description: "A table of the conformance suite".into(),
        location: "s3://bucket/conformance/".into(),
        columns: vec![column("pole_id", "string"), column("rent", "decimal(12,2)")],
        partition_keys: vec![
            ("snapshot_date".into(), "string".into()),
            ("shard".into(), "string".into()),
        ],
        parameters: [("polelake.owner".to_owned(), "somebody".to_owned())].into(),
    };
    catalogue.put_table(&table).await.map_err(error_text)?;
    catalogue.put_table(&table).await.map_err(error_text)?;
    check_partitions(&*catalogue, &table).await?;
    table.columns.push(column("floor", "bigint"));
    table
        .parameters
        .insert("polelake.last_passing_snapshot".into(), "2026-03-02".into());
    catalogue.put_table(&table).await.map_err(error_text)?;
    let kept = catalogue
        .list_partitions(&table)
        .await
        .map_err(error_text)?
        .len();
    check_promise(
        kept == 100,
        "a table that is brought up to date keeps its partitions",
    )?;
    let mut narrower = table.clone();
    narrower.columns.retain(|column| column.name != "rent");
    check_promise(
        is_refused(catalogue.put_table(&narrower).await),
        "a column that goes away is refused",
    )?;
    let mut other = table.clone();
    other.columns[1].kind = "double".into();
    check_promise(
        is_refused(catalogue.put_table(&other).await),
        "a column that changes its type is refused",
    )?;
    let mut keyed = table.clone();
    keyed.partition_keys.pop();
    check_promise(
        is_refused(catalogue.put_table(&keyed).await),
        "other partition keys are refused",
    )?;
    catalogue.put_table(&table).await.map_err(error_text)?;
    Ok(table)
}

fn is_refused(answer: Result<(), StoreError>) -> bool {
    answer.is_err_and(|error| error.kind == StoreErrorKind::Refused)
}

async fn check_partitions(catalogue: &dyn TableCatalogue, table: &TableSpec) -> PromiseResult {
    let partition = |day: usize, location: &str| PartitionSpec {
        values: vec![
            format!("2026-{:02}-{:02}", day / 28 + 1, day % 28 + 1),
            "0".into(),
        ],
        location: format!("s3://bucket/{location}/{day}/"),
    };
    // More than the hundred of one call.
    let first: Vec<_> = (0..130).map(|day| partition(day, "a")).collect();
    catalogue
        .put_partitions(table, &first)
        .await
        .map_err(error_text)?;
    let moved: Vec<_> = (0..2).map(|day| partition(day, "b")).collect();
    catalogue
        .put_partitions(table, &moved)
        .await
        .map_err(error_text)?;
    let mut found = catalogue.list_partitions(table).await.map_err(error_text)?;
    found.sort();
    check_promise(found.len() == 130, "every partition is there once")?;
    check_promise(
        found[..2] == moved[..],
        "a partition is pointed to its new place",
    )?;
    check_promise(found[2] == first[2], "the others stay")?;
    let values: Vec<_> = first[..30]
        .iter()
        .map(|partition| partition.values.clone())
        .collect();
    catalogue
        .delete_partitions(table, &values)
        .await
        .map_err(error_text)?;
    check_promise(
        catalogue
            .list_partitions(table)
            .await
            .map_err(error_text)?
            .len()
            == 100,
        "deleted partitions are gone",
    )
}

async fn check_statistics(catalogue: &dyn TableCatalogue, table: &TableSpec) -> PromiseResult {
    let of = |column: &ColumnSpec| ColumnStatistics {
        name: column.name.clone(),
        kind: column.kind.clone(),
        day: 20_000,
        nulls: 1,
        distinct: 7,
        max_bytes: 36,
        bytes: 72,
        filled: 2,
        range: Some((-5, 1_000_000)),
    };
    let columns: Vec<ColumnStatistics> = table.columns.iter().map(of).collect();
    catalogue
        .put_statistics(table, &columns)
        .await
        .map_err(error_text)?;
    let nowhere = TableSpec {
        name: "nowhere".into(),
        ..table.clone()
    };
    let answer = catalogue.put_statistics(&nowhere, &columns).await;
    check_promise(
        answer.is_err_and(|error| error.is_not_found()),
        "there are no statistics of a table that is not there",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_memory_store_keeps_every_promise() {
        check_object_store(Arc::new(crate::MemoryStore::default()))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn the_memory_catalogue_keeps_every_promise() {
        check_catalogue(Arc::new(crate::MemoryCatalogue::default()))
            .await
            .unwrap();
    }
}

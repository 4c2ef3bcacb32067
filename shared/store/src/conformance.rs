//! What every back end must do, as functions that tests run over each of them.
//!
//! Each function gives what went wrong as text, so that a test says which promise was broken.

use std::sync::Arc;

use bytes::Bytes;

use crate::{
    Catalogue, ColumnSpec, ColumnStatistics, Metadata, ObjectStore, PartitionSpec, StoreError,
    StoreErrorKind, TableSpec,
};

type Checked = Result<(), String>;

fn must(holds: bool, promise: &str) -> Checked {
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
fn said(error: StoreError) -> String {
    error.to_string()
}

/// Every promise of object storage.
///
/// # Errors
/// The first promise that was broken.
pub async fn objects(store: Arc<dyn ObjectStore>) -> Checked {
    put_get_head_delete(&*store).await?;
    parts_and_files(&*store).await?;
    conditions(&*store).await?;
    replacing(&*store).await?;
    listing(&*store).await?;
    odd_keys(&*store).await?;
    one_winner(store).await
}

async fn put_get_head_delete(store: &dyn ObjectStore) -> Checked {
    let missing = store.get("conformance/none").await.err();
    must(
        missing.is_some_and(|error| error.is_not_found()),
        "an absent object is not found",
    )?;
    must(
        store
            .head("conformance/none")
            .await
            .is_err_and(|error| error.is_not_found()),
        "nor its head",
    )?;
    store
        .put("conformance/a", Bytes::from_static(b"one"), "text/plain")
        .await
        .map_err(said)?;
    store
        .put("conformance/a", Bytes::from_static(b"two"), "text/plain")
        .await
        .map_err(said)?;
    let object = store.get("conformance/a").await.map_err(said)?;
    must(object.body == "two", "the last put is read")?;
    let head = store.head("conformance/a").await.map_err(said)?;
    must(
        head.size == 3 && head.etag == object.etag,
        "a head tells size and tag",
    )?;
    store.delete("conformance/a").await.map_err(said)?;
    store.delete("conformance/a").await.map_err(said)?;
    must(
        store.get("conformance/a").await.is_err(),
        "a deleted object is gone",
    )
}

async fn parts_and_files(store: &dyn ObjectStore) -> Checked {
    let file = std::env::temp_dir().join(format!("polelake-conformance-{}", std::process::id()));
    let body: Vec<u8> = (0..200_000u32)
        .map(|number| number.to_le_bytes()[0])
        .collect();
    std::fs::write(&file, &body).map_err(|error| error.to_string())?;
    store
        .put_file("conformance/file", &file, "text/plain")
        .await
        .map_err(said)?;
    std::fs::remove_file(file).map_err(|error| error.to_string())?;
    must(
        store.get("conformance/file").await.map_err(said)?.body == body,
        "a file is written whole",
    )?;
    let part = store
        .get_range("conformance/file", 70_000..70_300)
        .await
        .map_err(said)?;
    must(part == body[70_000..70_300], "a part is read")?;
    let all = store
        .get_range("conformance/file", 0..200_000)
        .await
        .map_err(said)?;
    must(all == body, "the whole is a part too")?;
    must(
        store
            .get_range("conformance/file", 5..5)
            .await
            .map_err(said)?
            .is_empty(),
        "so is nothing",
    )?;
    must(
        store
            .get_range("conformance/file", 199_999..200_001)
            .await
            .is_err(),
        "what is short is refused",
    )?;
    let missing = store.get_range("conformance/none", 0..1).await;
    must(
        missing.is_err_and(|error| error.is_not_found()),
        "a part of an absent object is not found",
    )
}

async fn conditions(store: &dyn ObjectStore) -> Checked {
    let metadata = Metadata::from([("next".to_owned(), "42".to_owned())]);
    let body = || Bytes::from_static(b"first");
    must(
        store
            .put_new("conformance/c", body(), metadata.clone())
            .await
            .map_err(said)?,
        "the first put_new stores",
    )?;
    must(
        !store
            .put_new("conformance/c", body(), Metadata::new())
            .await
            .map_err(said)?,
        "the second does not",
    )?;
    let object = store.get("conformance/c").await.map_err(said)?;
    must(object.metadata == metadata, "metadata is kept")?;
    let head = store.head("conformance/c").await.map_err(said)?;
    must(head.metadata == metadata, "metadata is in the head")?;
    must(
        store
            .put_over("conformance/c", &object.etag, Bytes::from_static(b"second"))
            .await
            .map_err(said)?,
        "put_over with the present tag stores",
    )?;
    must(
        !store
            .put_over("conformance/c", &object.etag, body())
            .await
            .map_err(said)?,
        "put_over with an old tag does not",
    )?;
    must(
        !store
            .put_over("conformance/absent", &object.etag, body())
            .await
            .map_err(said)?,
        "put_over of nothing does not",
    )?;
    must(
        store.get("conformance/c").await.map_err(said)?.body == "second",
        "the right one was kept",
    )
}

async fn replacing(store: &dyn ObjectStore) -> Checked {
    let key = "conformance/replaced";
    let metadata = |next: &str| Metadata::from([("next".to_owned(), next.to_owned())]);
    store
        .put_new(key, Bytes::from_static(b"one"), metadata("1"))
        .await
        .map_err(said)?;
    let before = store.get(key).await.map_err(said)?;
    let two = || Bytes::from_static(b"two");
    let stored = store
        .replace(key, &before.etag, two(), metadata("2"))
        .await
        .map_err(said)?;
    must(stored, "replace with the present tag stores")?;
    let stored = store
        .replace(key, &before.etag, two(), metadata("3"))
        .await
        .map_err(said)?;
    must(!stored, "replace with an old tag does not")?;
    let stored = store
        .replace("conformance/absent", &before.etag, two(), metadata("3"))
        .await;
    must(!stored.map_err(said)?, "replace of nothing does not")?;
    let kept = store.get(key).await.map_err(said)?;
    must(
        kept.body == "two" && kept.metadata == metadata("2"),
        "content and metadata are the new ones",
    )?;
    store.purge_versions(key).await.map_err(said)?;
    must(
        store.get(key).await.is_ok_and(|kept| kept.body == "two"),
        "a purge leaves the present version",
    )?;
    let none = store
        .purge_versions("conformance/none")
        .await
        .map_err(said)?;
    must(none == 0, "of an absent object nothing is purged")
}

async fn listing(store: &dyn ObjectStore) -> Checked {
    // More than a page of 1,000.
    for number in 0..1_005 {
        let key = format!("conformance/list/{number:04}");
        store
            .put(&key, Bytes::from_static(b"x"), "text/plain")
            .await
            .map_err(said)?;
    }
    let all = store.list("conformance/list/", None).await.map_err(said)?;
    must(all.len() == 1_005, "a listing has every page")?;
    must(all.is_sorted(), "a listing is in the order of keys")?;
    let rest = store
        .list("conformance/list/", Some("conformance/list/1000"))
        .await
        .map_err(said)?;
    must(
        rest.len() == 4 && rest[0].key.ends_with("1001"),
        "a listing begins after a key",
    )?;
    let first = store
        .first("conformance/list/", Some("conformance/list/0500"))
        .await
        .map_err(said)?;
    must(
        first.is_some_and(|entry| entry.key.ends_with("0501")),
        "the first entry after a key is found",
    )?;
    must(
        store
            .first("conformance/none/", None)
            .await
            .map_err(said)?
            .is_none(),
        "there is no first of nothing",
    )
}

async fn odd_keys(store: &dyn ObjectStore) -> Checked {
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
            .map_err(said)?;
    }
    for key in keys {
        let object = store.get(key).await.map_err(said)?;
        must(
            object.body == key.as_bytes(),
            "keys that look alike hold their own content",
        )?;
    }
    let listed = store.list("conformance/odd/", None).await.map_err(said)?;
    must(listed.len() == keys.len(), "every odd key is listed")
}

/// Eight writers at once, forty times: always exactly one winner. Two of three servers that were tried fail here.
async fn one_winner(store: Arc<dyn ObjectStore>) -> Checked {
    for round in 0..40 {
        let mut writers = Vec::new();
        for writer in 0..8u8 {
            let store = Arc::clone(&store);
            let key = format!("conformance/race/{round}");
            writers.push(tokio::spawn(async move {
                let won = store
                    .put_new(&key, Bytes::from(vec![writer]), Metadata::new())
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
                    .map_err(said)?,
            );
        }
        must(winners.len() == 1, "exactly one of eight writers wins")?;
        let kept = store
            .get(&format!("conformance/race/{round}"))
            .await
            .map_err(said)?;
        must(
            kept.body == vec![winners[0]],
            "the winner's content is kept",
        )?;
    }
    Ok(())
}

/// The database that the suite works in; back ends must have it.
pub const DATABASE: &str = "polelake_curated_conformance";

/// Every promise of a catalogue.
///
/// # Errors
/// The first promise that was broken.
pub async fn catalogue(catalogue: Arc<dyn Catalogue>) -> Checked {
    let table = tables(Arc::clone(&catalogue)).await?;
    statistics(&*catalogue, &table).await
}

/// The promises on tables and partitions alone: moto 5.2 knows no column statistics.
///
/// # Errors
/// The first promise that was broken.
pub async fn tables(catalogue: Arc<dyn Catalogue>) -> Result<TableSpec, String> {
    let column = |name: &str, kind: &str| ColumnSpec {
        name: name.into(),
        kind: kind.into(),
        meaning: format!("What {name} means"),
        classification: "internal".into(),
    };
    let mut table = TableSpec {
        database: DATABASE.into(),
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
    catalogue.put_table(&table).await.map_err(said)?;
    catalogue.put_table(&table).await.map_err(said)?;
    partitions(&*catalogue, &table).await?;
    table.columns.push(column("floor", "bigint"));
    table
        .parameters
        .insert("polelake.last_passing_snapshot".into(), "2026-03-02".into());
    catalogue.put_table(&table).await.map_err(said)?;
    let kept = catalogue.partitions(&table).await.map_err(said)?.len();
    must(
        kept == 100,
        "a table that is brought up to date keeps its partitions",
    )?;
    let mut narrower = table.clone();
    narrower.columns.retain(|column| column.name != "rent");
    must(
        refused(catalogue.put_table(&narrower).await),
        "a column that goes away is refused",
    )?;
    let mut other = table.clone();
    other.columns[1].kind = "double".into();
    must(
        refused(catalogue.put_table(&other).await),
        "a column that changes its type is refused",
    )?;
    let mut keyed = table.clone();
    keyed.partition_keys.pop();
    must(
        refused(catalogue.put_table(&keyed).await),
        "other partition keys are refused",
    )?;
    catalogue.put_table(&table).await.map_err(said)?;
    Ok(table)
}

fn refused(answer: Result<(), StoreError>) -> bool {
    answer.is_err_and(|error| error.kind == StoreErrorKind::Refused)
}

async fn partitions(catalogue: &dyn Catalogue, table: &TableSpec) -> Checked {
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
        .map_err(said)?;
    let moved: Vec<_> = (0..2).map(|day| partition(day, "b")).collect();
    catalogue
        .put_partitions(table, &moved)
        .await
        .map_err(said)?;
    let mut found = catalogue.partitions(table).await.map_err(said)?;
    found.sort();
    must(found.len() == 130, "every partition is there once")?;
    must(
        found[..2] == moved[..],
        "a partition is pointed to its new place",
    )?;
    must(found[2] == first[2], "the others stay")?;
    let values: Vec<_> = first[..30]
        .iter()
        .map(|partition| partition.values.clone())
        .collect();
    catalogue
        .delete_partitions(table, &values)
        .await
        .map_err(said)?;
    must(
        catalogue.partitions(table).await.map_err(said)?.len() == 100,
        "deleted partitions are gone",
    )
}

async fn statistics(catalogue: &dyn Catalogue, table: &TableSpec) -> Checked {
    let of = |column: &ColumnSpec| ColumnStatistics {
        name: column.name.clone(),
        kind: column.kind.clone(),
        day: 20_000,
        nulls: 1,
        distinct: 7,
        longest: 36,
        bytes: 72,
        filled: 2,
        range: Some((-5, 1_000_000)),
    };
    let columns: Vec<ColumnStatistics> = table.columns.iter().map(of).collect();
    catalogue
        .put_statistics(table, &columns)
        .await
        .map_err(said)?;
    let nowhere = TableSpec {
        name: "nowhere".into(),
        ..table.clone()
    };
    let answer = catalogue.put_statistics(&nowhere, &columns).await;
    must(
        answer.is_err_and(|error| error.is_not_found()),
        "there are no statistics of a table that is not there",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_memory_store_keeps_every_promise() {
        objects(Arc::new(crate::MemoryStore::default()))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn the_memory_catalogue_keeps_every_promise() {
        catalogue(Arc::new(crate::MemoryCatalogue::default()))
            .await
            .unwrap();
    }
}

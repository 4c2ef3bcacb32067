//! The rows of one raw object, its refused records and its receipt, made again from the raw object.

use std::collections::{BTreeMap, BTreeSet};

use lake::{Chunk, ObjectDigest, Receipt};
use store::ObjectError;
use store::replacements::is_replaced_since;

use super::RepairRun;
use crate::error::OperationError;

/// What the objects that a receipt names hold, by key; those that it names as lost among them.
type NamedContents<'r> = BTreeMap<&'r str, ObjectDigest>;

/// What a raw object gave.
struct MadeRows {
    receipt: Receipt,
    /// What is stored where each object was made, by key.
    compared: BTreeMap<String, StoredContent>,
}

impl RepairRun<'_> {
    /// Repairs the damaged objects of `keys`, when the raw object gives today what was recorded.
    pub(super) async fn repair_chunk(
        &mut self,
        chunk: &Chunk,
        keys: &BTreeSet<String>,
    ) -> Result<(), OperationError> {
        let layers = self.layers;
        let receipt_key = chunk.receipt_key();
        let stored = self.read_stored_receipt(chunk).await?;
        let etag = layers.refined.find_etag_below(&receipt_key).await?;

        match self.make_again(chunk, stored.as_ref()).await? {
            Ok(made) => {
                self.keep_objects(chunk, &made.compared).await?;
                let is_receipt_right = stored.is_some_and(|stored| {
                    !keys.contains(&receipt_key)
                        && named_contents(&stored) == named_contents(&made.receipt)
                });
                if !is_receipt_right {
                    let document = (receipt_key.as_str(), etag.as_deref());
                    self.keep_document(&layers.refined, document, &chunk.raw_key())
                        .await?;
                }
                self.refuse_unmade(keys, &made.receipt, chunk);
            }
            Err(cause) => self.refuse_all(keys, &cause),
        }
        layers.forget_undecided();
        Ok(())
    }

    /// Transforms the raw object into the layer; gives what was made, or why it must not be kept.
    async fn make_again(
        &self,
        chunk: &Chunk,
        stored: Option<&Receipt>,
    ) -> Result<Result<MadeRows, String>, OperationError> {
        if let Err(failure) = self.rebuilder.retransform_chunk(chunk).await {
            let object = failure.unreadable_object().ok_or(failure)?;
            return Ok(Err(format!("it is made from {object}")));
        }

        let receipt = self.lake.read_receipt(chunk).await?.unwrap_or_default();
        if let Some(key) = self.find_erased_content(&receipt).await? {
            return Ok(Err(format!("an erasure has replaced {key} since")));
        }
        let compared = self.compare_with_stored(&receipt).await?;
        let checked = check_made_rows(stored, &receipt, &compared);
        Ok(checked.map(|()| MadeRows { receipt, compared }))
    }

    /// The receipt of a raw object as it was before the repair; none when it cannot be read, or is
    /// that of another raw object.
    async fn read_stored_receipt(&self, chunk: &Chunk) -> Result<Option<Receipt>, OperationError> {
        let object = self
            .lake
            .refined
            .get_if_within_limit(&chunk.receipt_key())
            .await?;
        let receipt = object.and_then(|object| Receipt::from_json(&object.body).ok());
        Ok(receipt.filter(|receipt| is_receipt_of(receipt, chunk)))
    }

    /// Compares the objects that were made with those that are stored.
    async fn compare_with_stored(
        &self,
        made: &Receipt,
    ) -> Result<BTreeMap<String, StoredContent>, OperationError> {
        let mut compared = BTreeMap::new();
        for (key, digest) in named_contents(made) {
            let stored = self.layers.refined.read_below(key).await?;
            let content = match stored {
                None => StoredContent::Missing,
                Some(object) if digest.check(&object.body).is_ok() => StoredContent::Same,
                Some(_) => StoredContent::Other,
            };
            compared.insert(key.to_owned(), content);
        }
        Ok(compared)
    }

    /// The key of an object that was made as it was before an erasure; none when all are as they
    /// are now.
    async fn find_erased_content<'r>(
        &self,
        made: &'r Receipt,
    ) -> Result<Option<&'r str>, OperationError> {
        for (key, digest) in named_contents(made) {
            if is_replaced_since(&*self.lake.curated, digest.sha256).await? {
                return Ok(Some(key));
            }
        }
        Ok(None)
    }

    /// Keeps the objects that differ from what is stored.
    async fn keep_objects(
        &mut self,
        chunk: &Chunk,
        compared: &BTreeMap<String, StoredContent>,
    ) -> Result<(), OperationError> {
        let from = chunk.raw_key();
        let layer = &self.layers.refined;
        for (key, content) in compared {
            if *content != StoredContent::Same {
                self.layers.keep(layer, key, self.request.dry_run).await?;
                self.notes.note_repaired(key, &from);
            }
        }
        Ok(())
    }

    pub(super) fn refuse_all(&mut self, keys: &BTreeSet<String>, cause: &str) {
        for key in keys {
            self.notes.note_unrepaired(key, cause);
        }
    }

    /// Notes the damaged objects that the raw object does not give.
    fn refuse_unmade(&mut self, keys: &BTreeSet<String>, made: &Receipt, chunk: &Chunk) {
        let contents = named_contents(made);
        let receipt = chunk.receipt_key();
        for key in keys.iter().filter(|key| **key != receipt) {
            if !contents.contains_key(key.as_str()) {
                let cause = format!("{} gives no such object", chunk.raw_key());
                self.notes.note_unrepaired(key, cause);
            }
        }
    }
}

/// What is stored where an object was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StoredContent {
    Missing,
    Same,
    Other,
}

fn is_receipt_of(receipt: &Receipt, chunk: &Chunk) -> bool {
    let stream = &receipt.stream;
    let named = (
        &stream.topic,
        stream.epoch,
        stream.partition,
        receipt.offset,
    );
    named == (&chunk.topic, chunk.epoch, chunk.partition, chunk.offset)
}

fn named_contents(receipt: &Receipt) -> NamedContents<'_> {
    let refined = receipt.tables.values().chain(receipt.lost.tables.values());
    let refined = refined.map(|object| (object.key.as_str(), object.digest));
    let quarantine = receipt.quarantine.iter().chain(&receipt.lost.quarantine);
    let quarantine = quarantine.map(|object| (object.key.as_str(), object.digest));
    refined.chain(quarantine).collect()
}

/// Checks that the rows that were made are those that were recorded: the receipt says so, or, where
/// it cannot be read or is an earlier one, every stored object does.
fn check_made_rows(
    recorded: Option<&Receipt>,
    made: &Receipt,
    compared: &BTreeMap<String, StoredContent>,
) -> Result<(), String> {
    let made_contents = named_contents(made);
    let recorded = recorded.filter(|recorded| recorded.raw == made.raw);
    if recorded.is_some_and(|recorded| named_contents(recorded) == made_contents) {
        return Ok(());
    }

    // Where the receipt names an object that is not made, an erasure wrote that one.
    let same_keys = recorded.is_none_or(|recorded| {
        let recorded = named_contents(recorded);
        recorded.keys().eq(made_contents.keys())
    });
    let has = |wanted| compared.values().any(|content| *content == wanted);
    let all_same =
        !compared.is_empty() && !has(StoredContent::Missing) && !has(StoredContent::Other);
    if (all_same && same_keys) || (recorded.is_none() && !has(StoredContent::Other)) {
        return Ok(());
    }
    let versions = recorded.map_or_else(
        || "of then".to_owned(),
        |known| {
            format!(
                "with version {} of the contract and {} of the mapping",
                known.contract_version, known.mapping_version
            )
        },
    );
    Err(format!(
        "under these contracts its raw object gives other rows than those that were recorded: \
         repair with the contracts {versions} (--contracts), or build its days again with \
         `polelake rebuild --raw`"
    ))
}

#[cfg(test)]
mod tests {
    use lake::{RefinedObject, StreamKey};

    use super::*;

    fn receipt(raw: &[u8], objects: &[(&str, &[u8])]) -> Receipt {
        let tables = objects.iter().map(|(key, body)| {
            let object = RefinedObject {
                key: (*key).to_owned(),
                rows: 1,
                digest: ObjectDigest::of_content(body),
            };
            ((*key).to_owned(), object)
        });
        Receipt {
            stream: StreamKey::default(),
            raw: ObjectDigest::of_content(raw),
            tables: tables.collect(),
            ..Receipt::default()
        }
    }

    fn stored(contents: &[(&str, StoredContent)]) -> BTreeMap<String, StoredContent> {
        let owned = contents
            .iter()
            .map(|(key, content)| ((*key).to_owned(), *content));
        owned.collect()
    }

    #[test]
    fn rows_are_kept_only_when_something_records_them() {
        use StoredContent::{Missing, Other, Same};

        let made = receipt(b"raw", &[("a", b"1"), ("b", b"2")]);
        let same = Some(made.clone());
        let older_raw = Some(receipt(b"before", &[("a", b"1"), ("b", b"2")]));
        let other_rows = Some(receipt(b"raw", &[("a", b"1"), ("b", b"3")]));
        for (recorded, contents, is_kept) in [
            // The receipt decides, whatever is stored.
            (&same, [("a", Other), ("b", Missing)], true),
            (&other_rows, [("a", Same), ("b", Missing)], false),
            (&other_rows, [("a", Same), ("b", Other)], false),
            // An earlier receipt in the place of the present one.
            (&other_rows, [("a", Same), ("b", Same)], true),
            (&older_raw, [("a", Same), ("b", Missing)], true),
            (&older_raw, [("a", Same), ("b", Other)], false),
            // No receipt.
            (&None, [("a", Same), ("b", Missing)], true),
            (&None, [("a", Missing), ("b", Missing)], true),
            (&None, [("a", Same), ("b", Other)], false),
        ] {
            let checked = check_made_rows(recorded.as_ref(), &made, &stored(&contents));
            assert_eq!(checked.is_ok(), is_kept, "{recorded:?} {contents:?}");
        }
    }

    #[test]
    fn an_object_that_an_erasure_wrote_is_not_left_out() {
        let made = receipt(b"raw", &[("a", b"1")]);
        let recorded = receipt(b"raw", &[("a", b"1"), ("refused", b"")]);
        let contents = stored(&[("a", StoredContent::Same)]);
        assert!(check_made_rows(Some(&recorded), &made, &contents).is_err());
    }

    #[test]
    fn a_receipt_that_names_rows_is_not_replaced_by_one_that_names_none() {
        let made = receipt(b"raw", &[]);
        let recorded = receipt(b"raw", &[("a", b"1")]);
        let error = check_made_rows(Some(&recorded), &made, &stored(&[])).unwrap_err();
        assert!(error.contains("--contracts"), "{error}");
    }
}

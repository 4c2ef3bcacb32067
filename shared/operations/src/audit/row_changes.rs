//! How the rows of a day differ from those of its base, counted while both are read: of each two
//! row groups and the rows of one owner are held, whatever the table's size.

use std::sync::Arc;

use arrow_array::{Array, RecordBatch, StringArray};
use lake::{LakeError, ManifestShard, NamedFile, is_statements_key};
use store::ObjectStore;
use store::sorted_file::{RowGroupBatches, RowGroupFetcher, SortedFileError};

use crate::text_column::text_column;

/// What names a row of a table, beside its owner.
const ROW_KEY_COLUMNS: [&str; 2] = ["pole_id", "source"];

/// What names a statement in a record table, beside its owner.
const STATEMENT_KEY_COLUMNS: [&str; 2] = ["owner_set", "source_event_id"];

/// How two days differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct RowChanges {
    /// Rows that only the later day has.
    pub(super) inserted: u64,
    /// Rows that only the earlier day has.
    pub(super) deleted: u64,
    /// Rows that the later day has more than once.
    pub(super) repeated: u64,
}

/// Counts how the rows of files differ. Both lists are in the order of their owners.
///
/// # Errors
/// When the storage fails, or a file is not what was written.
pub(super) async fn count_row_changes(
    store: &Arc<dyn ObjectStore>,
    old: Vec<ManifestShard>,
    new: Vec<ManifestShard>,
) -> Result<RowChanges, SortedFileError> {
    let mut old = OwnerKeys::new(store, old);
    let mut new = OwnerKeys::new(store, new);
    let mut before = old.next().await?;
    let mut after = new.next().await?;
    let mut changes = RowChanges::default();
    loop {
        match (&before, &after) {
            (None, None) => return Ok(changes),
            (Some(was), Some(is)) if was.owner == is.owner => {
                changes.add_owner(&was.keys, &is.keys);
                before = old.next().await?;
                after = new.next().await?;
            }
            (Some(was), is) if is.as_ref().is_none_or(|is| was.owner < is.owner) => {
                changes.add_owner(&was.keys, &[]);
                before = old.next().await?;
            }
            (_, is) => {
                let keys = is.as_ref().map_or(&[][..], |is| &is.keys);
                changes.add_owner(&[], keys);
                after = new.next().await?;
            }
        }
    }
}

impl RowChanges {
    /// Adds the rows of an owner. Both lists are sorted.
    fn add_owner(&mut self, old: &[String], new: &[String]) {
        self.repeated += new.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
        let mut old = old.iter().peekable();
        let mut new = new.iter().peekable();
        loop {
            match (old.peek(), new.peek()) {
                (None, None) => return,
                (Some(before), Some(after)) if before == after => {
                    old.next();
                    new.next();
                }
                (Some(before), after) if after.is_none_or(|after| before < after) => {
                    old.next();
                    self.deleted += 1;
                }
                _ => {
                    new.next();
                    self.inserted += 1;
                }
            }
        }
    }
}

/// The sorted keys of an owner's rows.
struct OwnedRows {
    owner: String,
    keys: Vec<String>,
}

/// The rows of sorted files, owner by owner.
struct OwnerKeys {
    batches: RowGroupBatches,
    key_columns: [&'static str; 2],
    batch: Option<KeyedRows>,
    row: usize,
}

/// A batch with what names its rows.
struct KeyedRows {
    owners: StringArray,
    keys: [StringArray; 2],
}

impl KeyedRows {
    fn new(batch: &RecordBatch, key_columns: [&'static str; 2]) -> Result<Self, LakeError> {
        let [first, second] = key_columns;
        Ok(Self {
            owners: text_column(batch, "owner_id")?,
            keys: [text_column(batch, first)?, text_column(batch, second)?],
        })
    }

    fn key(&self, row: usize) -> String {
        let [first, second] = &self.keys;
        format!("{}/{}", first.value(row), second.value(row))
    }
}

impl OwnerKeys {
    fn new(store: &Arc<dyn ObjectStore>, mut shards: Vec<ManifestShard>) -> Self {
        shards.sort_by_key(|shard| shard.shard);
        let holds_statements = shards
            .first()
            .is_some_and(|shard| is_statements_key(&shard.rows_file.key));
        let key_columns = if holds_statements {
            STATEMENT_KEY_COLUMNS
        } else {
            ROW_KEY_COLUMNS
        };
        let files: Vec<NamedFile> = shards.into_iter().map(|shard| shard.rows_file).collect();
        let fetcher = RowGroupFetcher::for_files(store, files);
        let columns = std::iter::once("owner_id").chain(key_columns);
        Self {
            batches: RowGroupBatches::with_columns(fetcher, columns),
            key_columns,
            batch: None,
            row: 0,
        }
    }

    /// The next owner's rows; none behind the last one.
    async fn next(&mut self) -> Result<Option<OwnedRows>, SortedFileError> {
        let mut owned: Option<OwnedRows> = None;
        while self.has_row().await? {
            let Some(batch) = &self.batch else { break };
            let owner = batch.owners.value(self.row);
            match &mut owned {
                None => {
                    owned = Some(OwnedRows {
                        owner: owner.to_owned(),
                        keys: vec![batch.key(self.row)],
                    });
                }
                Some(owned) if owned.owner == owner => owned.keys.push(batch.key(self.row)),
                Some(_) => break,
            }
            self.row += 1;
        }

        if let Some(owned) = &mut owned {
            owned.keys.sort_unstable();
        }
        Ok(owned)
    }

    /// Whether there is one more row; its batch is then read.
    async fn has_row(&mut self) -> Result<bool, SortedFileError> {
        while self
            .batch
            .as_ref()
            .is_none_or(|batch| self.row >= batch.owners.len())
        {
            let Some((file, batch)) = self.batches.next().await? else {
                return Ok(false);
            };
            let keyed = KeyedRows::new(&batch, self.key_columns);
            self.batch = Some(keyed.map_err(|error| file.damaged(error))?);
            self.row = 0;
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_and_went_is_counted() {
        let texts = |text: &str| {
            text.split(' ')
                .filter(|part| !part.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        for (old, new, expected) in [
            ("a b d", "b c d e", (2, 1, 0)),
            ("", "a b", (2, 0, 0)),
            ("a", "", (0, 1, 0)),
            ("a", "a a", (1, 0, 1)),
        ] {
            let mut changes = RowChanges::default();
            changes.add_owner(&texts(old), &texts(new));
            let counted = (changes.inserted, changes.deleted, changes.repeated);
            assert_eq!(counted, expected, "{old} -> {new}");
        }
    }
}

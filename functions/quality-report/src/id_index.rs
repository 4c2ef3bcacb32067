//! Which ids the day's rows have, and which ids are linked to which tables.
//!
//! Memory: of an id, which is a hash, 8 bytes are held, and of at most [`IDS_PER_PASS`] ids at once.
//! More ids are checked in several passes, each over a range of ids; a pass reads the columns that
//! it needs again, one shard at a time. In a table of 100 million rows, an id that is not there is
//! taken for one that is with a probability of 5 in 10^12.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{RecordBatch, StringArray};
use contract::Catalogue;
use host::Failure;
use lake::SnapshotManifest;
use pole::Uuid;
use quality::CrossTableCheck;
use store::ObjectStore;

use crate::snapshot_batches::for_each_batch;

/// Ids that are held at once: 64 MB.
const IDS_PER_PASS: u64 = 8_000_000;

/// The table of links.
const LINK_TABLE: &str = "link";

/// The column with the id of the person that a row describes.
const PERSON_ID: &str = "person_id";

/// A range of ids: one of so many passes.
#[derive(Clone, Copy)]
pub(crate) struct IdRange {
    pub(crate) pass: u64,
    pub(crate) passes: u64,
}

impl IdRange {
    /// Divides all ids into ranges of at most some [`IDS_PER_PASS`] ids.
    pub(crate) fn divide_ids(
        manifests: &BTreeMap<String, SnapshotManifest>,
        catalogue: &Catalogue,
    ) -> impl Iterator<Item = Self> {
        let ids = manifests
            .iter()
            .map(|(table, manifest)| manifest.rows * ids_of_row(table, catalogue));
        let passes = ids.sum::<u64>().div_ceil(IDS_PER_PASS).max(1);

        (0..passes).map(move |pass| Self { pass, passes })
    }

    /// Whether the id is in this range. Ids are hashes, so that the ranges are about equally full.
    fn contains_id(self, id: IdHash) -> bool {
        ((id >> 32) * self.passes) >> 32 == self.pass
    }

    /// Whether a row is checked in this pass; a row without an id is checked in the first.
    pub(crate) fn covers_row(self, id: Option<&str>) -> bool {
        id.and_then(parse_id)
            .map_or(self.pass == 0, |id| self.contains_id(id))
    }
}

/// Both halves of an id in one.
type IdHash = u64;

fn parse_id(id: &str) -> Option<IdHash> {
    let (high, low) = Uuid::try_parse(id).ok()?.as_u64_pair();
    Some(high ^ low)
}

/// Sorted ids, by table.
type IdsByTable = BTreeMap<String, Vec<IdHash>>;

/// Which ids there are within a range, and which of them are linked to which tables.
pub(crate) struct IdIndex {
    /// The ids of the rows of each table.
    rows: IdsByTable,
    /// Ends of links, by the table at the other end.
    linked: IdsByTable,
    /// People that rows of a table describe, by that table.
    owners: IdsByTable,
    /// Whether the day has a snapshot of links.
    has_links: bool,
}

impl IdIndex {
    /// Reads the ids of a range from all snapshots of the day.
    pub(crate) async fn from_snapshots(
        range: IdRange,
        manifests: &BTreeMap<String, SnapshotManifest>,
        catalogue: &Catalogue,
        curated: &Arc<dyn ObjectStore>,
    ) -> Result<Self, Failure> {
        let mut index = Self {
            rows: IdsByTable::new(),
            linked: IdsByTable::new(),
            owners: IdsByTable::new(),
            has_links: manifests.contains_key(LINK_TABLE),
        };
        for (table, manifest) in manifests {
            // A table without rows is known as well: no id is one of its rows.
            index.rows.entry(table.clone()).or_default();
            for_each_batch(manifest, id_columns(table, catalogue), curated, |batch| {
                index.add_batch(table, batch, range);
                Ok(())
            })
            .await?;
        }

        index.sort_ids();
        Ok(index)
    }

    fn add_batch(&mut self, table: &str, batch: &RecordBatch, range: IdRange) {
        let rows = self.rows.entry(table.to_owned()).or_default();
        rows.extend(ids_in_range(batch, "pole_id", range).flatten());
        let owners = self.owners.entry(table.to_owned()).or_default();
        owners.extend(ids_in_range(batch, PERSON_ID, range).flatten());

        for (end, other_table) in [("from_id", "to_table"), ("to_id", "from_table")] {
            let other_tables = text_column(batch, other_table).into_iter().flatten();
            for (id, other_table) in ids_in_range(batch, end, range).zip(other_tables) {
                if let (Some(id), Some(other_table)) = (id, other_table) {
                    self.add_link_end(id, other_table);
                }
            }
        }
    }

    fn add_link_end(&mut self, id: IdHash, other_table: &str) {
        match self.linked.get_mut(other_table) {
            Some(ids) => ids.push(id),
            None => drop(self.linked.insert(other_table.to_owned(), vec![id])),
        }
    }

    fn sort_ids(&mut self) {
        for ids_by_table in [&mut self.rows, &mut self.linked, &mut self.owners] {
            for ids in ids_by_table.values_mut() {
                ids.sort_unstable();
                ids.dedup();
            }
        }
    }

    /// Whether a row of the table is linked to the id, or belongs to it: an address of a person
    /// ties the person to that table as a link does.
    fn is_tied_to(&self, id: IdHash, table: &str) -> bool {
        let linked = self.linked.get(table);
        let owners = self.owners.get(table);
        linked
            .into_iter()
            .chain(owners)
            .any(|ids| ids.binary_search(&id).is_ok())
    }
}

/// How many ids the index takes of a row of a table.
fn ids_of_row(table: &str, catalogue: &Catalogue) -> u64 {
    let columns = id_columns(table, catalogue).iter();
    columns.filter(|column| column.ends_with("_id")).count() as u64
}

/// The columns of a table that hold ids, and of links the tables of these ids.
fn id_columns(table: &str, catalogue: &Catalogue) -> &'static [&'static str] {
    let has_person_id = catalogue
        .table_contract(table)
        .is_some_and(|contract| contract.column_index(PERSON_ID).is_some());
    match table {
        LINK_TABLE => &["from_id", "from_table", "to_id", "to_table"],
        _ if has_person_id => &["pole_id", PERSON_ID],
        _ => &["pole_id"],
    }
}

fn text_column<'b>(batch: &'b RecordBatch, name: &str) -> Option<&'b StringArray> {
    batch.column_by_name(name)?.as_string_opt::<i32>()
}

/// The ids of a column, row by row; none for those that are not in the range, and no rows where
/// there is no such column.
fn ids_in_range(
    batch: &RecordBatch,
    name: &str,
    range: IdRange,
) -> impl Iterator<Item = Option<IdHash>> {
    text_column(batch, name)
        .into_iter()
        .flatten()
        .map(move |id| id.and_then(parse_id).filter(|id| range.contains_id(*id)))
}

impl CrossTableCheck for IdIndex {
    fn has_pole_id(&self, table: &str, value: &str) -> Option<bool> {
        let ids = self.rows.get(table)?;
        Some(parse_id(value).is_some_and(|id| ids.binary_search(&id).is_ok()))
    }

    fn is_linked(&self, pole_id: &str, tables: &[String]) -> Option<bool> {
        if !self.has_links {
            return None;
        }
        let Some(id) = parse_id(pole_id) else {
            return Some(false);
        };

        let is_linked = if tables.is_empty() {
            let mut all_linked = self.linked.values();
            all_linked.any(|ids| ids.binary_search(&id).is_ok())
        } else {
            tables.iter().any(|table| self.is_tied_to(id, table))
        };
        Some(is_linked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_in_one_pass() {
        for seed in 0..200u32 {
            let id = pole::stable_id("n", &[&seed.to_string()]);
            for passes in [1, 2, 7, 64] {
                let takers = (0..passes)
                    .filter(|pass| {
                        IdRange {
                            pass: *pass,
                            passes,
                        }
                        .contains_id(parse_id(&id.to_string()).unwrap())
                    })
                    .count();
                assert_eq!(takers, 1);
            }
        }
        assert!(IdRange { pass: 0, passes: 3 }.covers_row(None));
        assert!(!IdRange { pass: 1, passes: 3 }.covers_row(Some("not an id")));
    }
}

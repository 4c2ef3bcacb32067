//! Rules that look into other tables: references, ends of links, orphans. They are run over the day's snapshots, when all
//! of them are there.
//!
//! Memory: an id takes 16 bytes, and only so many are held at once. More of them are looked at in several passes, each
//! over a range of ids; a pass reads the columns that it needs again, one shard at a time.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;
use contract::{Catalogue, Expectation, Rule, TableContract};
use host::Failure;
use lake::{Day, LakeError, RuleResult, SnapshotManifest, file};
use pole::Uuid;
use quality::{CrossTableCheck, RuleCount, evaluate_expectation};
use store::ObjectStore;

/// Ids that are held at once: 128 MB.
const IDS_AT_ONCE: u64 = 8_000_000;

/// Microseconds of an hour.
const MICROS_PER_HOUR: f64 = 3_600_000_000.0;

/// The table of links.
const LINK_TABLE: &str = "link";

/// The column in which rows that belong to a person name them.
const PERSON_ID: &str = "person_id";

/// What rules that look elsewhere found, by table.
///
/// # Errors
/// When a snapshot cannot be read.
pub(crate) async fn evaluate_cross_table_rules(
    manifests: &BTreeMap<String, SnapshotManifest>,
    catalogue: &Catalogue,
    curated: &dyn ObjectStore,
) -> Result<BTreeMap<String, Vec<RuleResult>>, Failure> {
    let looks = catalogue
        .tables
        .iter()
        .filter(|table| table.rules_by_cross_table(true).next().is_some());
    let tables: Vec<(&TableContract, &SnapshotManifest)> = looks
        .filter_map(|table| Some((table, manifests.get(&table.name)?)))
        .collect();
    let held: u64 = manifests.values().map(|manifest| manifest.rows).sum();
    let links = manifests.get(LINK_TABLE).map_or(0, |links| 2 * links.rows);
    let passes = (held + links).div_ceil(IDS_AT_ONCE).max(1);
    let mut counts: BTreeMap<(&str, &str), RuleCount> = BTreeMap::new();
    for pass in 0..passes {
        let range = IdRange { pass, passes };
        let index = IdIndex::from_snapshots(range, manifests, catalogue, curated).await?;
        for (table, manifest) in &tables {
            let rules = table.rules_by_cross_table(true).collect();
            for (rule, count) in count_rule_results(rules, manifest, &index, range, curated).await?
            {
                counts
                    .entry((&table.name, &rule.id))
                    .or_default()
                    .add_count(count);
            }
        }
    }
    for (table, manifest) in &tables {
        for rule in table.rules_by_cross_table(true) {
            if let Expectation::Fresh(hours) = rule.expectation {
                counts.insert((&table.name, &rule.id), check_freshness(manifest, hours));
            }
        }
    }
    let result = |rule: &Rule, manifest: &SnapshotManifest, table: &str| {
        let count = counts
            .get(&(table, rule.id.as_str()))
            .copied()
            .unwrap_or_default();
        RuleResult::from_count(rule, count, manifest.rows)
    };
    let of_table = |(table, manifest): &(&TableContract, &SnapshotManifest)| {
        let rules = table.rules_by_cross_table(true);
        (
            table.name.clone(),
            rules
                .map(|rule| result(rule, manifest, &table.name))
                .collect(),
        )
    };
    Ok(tables.iter().map(of_table).collect())
}

/// Whether the newest event of a snapshot is young enough at the end of its day. Of no events nothing is said: that there
/// are rows at all is what `rowCount` is for.
fn check_freshness(manifest: &SnapshotManifest, hours: f64) -> RuleCount {
    let old = hours_old(manifest);
    RuleCount {
        failed: u64::from(old.is_some_and(|old| old > hours)),
        checked: u64::from(old.is_some()),
    }
}

/// Hours from a snapshot's newest event to the end of its day.
pub(crate) fn hours_old(manifest: &SnapshotManifest) -> Option<f64> {
    let end = Day::parse(&manifest.date)?.next().start_micros();
    manifest
        .newest_event
        .map(|newest| (end - newest) as f64 / MICROS_PER_HOUR)
}

/// A range of ids: one of so many passes.
#[derive(Clone, Copy)]
struct IdRange {
    pass: u64,
    passes: u64,
}

impl IdRange {
    /// Ids are spread evenly, by their making.
    fn contains_id(self, id: u128) -> bool {
        let head = u64::try_from(id >> 96).unwrap_or_default();
        (head * self.passes) >> 32 == self.pass
    }

    /// Whether a row is looked at in this pass; one without an id is in the first.
    fn covers_row(self, id: Option<&str>) -> bool {
        id.and_then(parse_id)
            .map_or(self.pass == 0, |id| self.contains_id(id))
    }
}

fn parse_id(id: &str) -> Option<u128> {
    Uuid::try_parse(id).ok().map(|id| id.as_u128())
}

/// Which ids there are, and which are linked to what, within a range.
struct IdIndex {
    rows: BTreeMap<String, Vec<u128>>,
    /// Ends of links, by the table at the other end.
    linked: BTreeMap<String, Vec<u128>>,
    /// People whom the rows of a table name as theirs, by that table.
    named: BTreeMap<String, Vec<u128>>,
    /// Whether the links of the day are known.
    has_links: bool,
}

impl IdIndex {
    async fn from_snapshots(
        range: IdRange,
        manifests: &BTreeMap<String, SnapshotManifest>,
        catalogue: &Catalogue,
        curated: &dyn ObjectStore,
    ) -> Result<Self, Failure> {
        let (rows, linked, named) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut index = Self {
            rows,
            linked,
            named,
            has_links: manifests.contains_key(LINK_TABLE),
        };
        for (table, manifest) in manifests {
            index.rows.entry(table.clone()).or_default();
            let named = catalogue
                .table_contract(table)
                .is_some_and(|known| known.column_index(PERSON_ID).is_some());
            let columns: &[&str] = match table.as_str() {
                LINK_TABLE => &["from_id", "from_table", "to_id", "to_table"],
                _ if named => &["pole_id", PERSON_ID],
                _ => &["pole_id"],
            };
            for_each_batch(manifest, columns, curated, |batch| {
                index.add_batch(table, batch, range);
                Ok(())
            })
            .await?;
        }
        let all = index
            .rows
            .values_mut()
            .chain(index.linked.values_mut())
            .chain(index.named.values_mut());
        all.for_each(|ids| {
            ids.sort_unstable();
            ids.dedup();
        });
        Ok(index)
    }

    fn add_batch(&mut self, table: &str, batch: &RecordBatch, range: IdRange) {
        let texts = |name: &str| {
            batch
                .column_by_name(name)
                .and_then(|column| column.as_string_opt::<i32>())
        };
        let ids = |name: &str| {
            texts(name)
                .into_iter()
                .flatten()
                .map(|id| id.and_then(parse_id).filter(|id| range.contains_id(*id)))
        };
        self.rows
            .entry(table.to_owned())
            .or_default()
            .extend(ids("pole_id").flatten());
        self.named
            .entry(table.to_owned())
            .or_default()
            .extend(ids(PERSON_ID).flatten());
        for (end, other) in [("from_id", "to_table"), ("to_id", "from_table")] {
            for (id, other) in ids(end).zip(texts(other).into_iter().flatten()) {
                if let (Some(id), Some(other)) = (id, other) {
                    match self.linked.get_mut(other) {
                        Some(known) => known.push(id),
                        None => drop(self.linked.insert(other.to_owned(), vec![id])),
                    }
                }
            }
        }
    }
}

impl CrossTableCheck for IdIndex {
    fn has_pole_id(&self, table: &str, value: &str) -> Option<bool> {
        let ids = self.rows.get(table)?;
        Some(parse_id(value).is_some_and(|id| ids.binary_search(&id).is_ok()))
    }

    fn is_linked(&self, pole_id: &str, tables: &[String]) -> Option<bool> {
        let Some(id) = parse_id(pole_id).filter(|_| self.has_links) else {
            return self.has_links.then_some(false);
        };
        let held = |ids: &Vec<u128>| ids.binary_search(&id).is_ok();
        if tables.is_empty() {
            return Some(self.linked.values().any(held));
        }
        // A row of the person's own, such as an address, is a tie to that table as a link is.
        let ties = |table: &String| {
            self.linked
                .get(table)
                .into_iter()
                .chain(self.named.get(table))
        };
        Some(tables.iter().flat_map(ties).any(held))
    }
}

/// Counts what the rules say of a table's rows whose deciding ids are in the range.
async fn count_rule_results<'r>(
    rules: Vec<&'r Rule>,
    manifest: &SnapshotManifest,
    index: &IdIndex,
    range: IdRange,
    curated: &dyn ObjectStore,
) -> Result<Vec<(&'r Rule, RuleCount)>, Failure> {
    let mut columns = BTreeSet::new();
    rules
        .iter()
        .for_each(|rule| rule.expectation.collect_columns(&mut columns));
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
    let mut counts: Vec<(&Rule, RuleCount)> = rules
        .into_iter()
        .map(|rule| (rule, RuleCount::default()))
        .collect();
    // A thing's rows lie together, but perhaps in two batches: the row before is looked at again, and counts for nothing.
    let mut last: Option<RecordBatch> = None;
    for_each_batch(manifest, &columns, curated, |batch| {
        for (rule, count) in &mut counts {
            let agrees = matches!(rule.expectation, Expectation::Agrees(_));
            let mine = match last.as_ref().filter(|_| agrees) {
                Some(last) => concat_batches(&batch.schema(), [last, batch])?,
                None => batch.clone(),
            };
            let mine = rows_in_range(&mine, rule, range)?;
            count.add_count(RuleCount::from_verdicts(&evaluate_expectation(
                &rule.expectation,
                &mine,
                Some(index),
            )));
        }
        last = batch
            .num_rows()
            .checked_sub(1)
            .map(|row| batch.slice(row, 1))
            .or(last.take());
        Ok(())
    })
    .await?;
    Ok(counts)
}

/// The rows of a batch whose deciding id is in the range.
fn rows_in_range(
    batch: &RecordBatch,
    rule: &Rule,
    range: IdRange,
) -> Result<RecordBatch, LakeError> {
    let key = rule.expectation.looked_up_column();
    let ids = key
        .and_then(|key| batch.column_by_name(key))
        .and_then(|column| column.as_string_opt::<i32>());
    let Some(ids) = ids.filter(|_| range.passes > 1) else {
        return Ok(batch.clone());
    };
    let taken: BooleanArray = ids.iter().map(|id| Some(range.covers_row(id))).collect();
    Ok(filter_record_batch(batch, &taken)?)
}

/// Hands some columns of a snapshot on, batch by batch; one shard's file is held at a time.
async fn for_each_batch(
    manifest: &SnapshotManifest,
    columns: &[&str],
    curated: &dyn ObjectStore,
    mut take: impl FnMut(&RecordBatch) -> Result<(), LakeError>,
) -> Result<(), Failure> {
    for shard in &manifest.shards {
        let object = curated
            .get(&shard.rows_key)
            .await
            .map_err(|error| Failure::unavailable(&error))?;
        read_batches(object.body, columns, &mut take).map_err(|error| Failure::corrupt(&error))?;
    }
    Ok(())
}

fn read_batches(
    file: Bytes,
    columns: &[&str],
    take: &mut impl FnMut(&RecordBatch) -> Result<(), LakeError>,
) -> Result<(), LakeError> {
    for batch in file::read_columns(file, columns.iter().copied())? {
        take(&batch?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_in_one_pass() {
        for seed in 0..200u32 {
            let id = pole::pole_id("n", &[&seed.to_string()]);
            for passes in [1, 2, 7, 64] {
                let takers = (0..passes)
                    .filter(|pass| {
                        IdRange {
                            pass: *pass,
                            passes,
                        }
                        .contains_id(id.as_u128())
                    })
                    .count();
                assert_eq!(takers, 1);
            }
        }
        assert!(IdRange { pass: 0, passes: 3 }.covers_row(None));
        assert!(!IdRange { pass: 1, passes: 3 }.covers_row(Some("not an id")));
    }
}

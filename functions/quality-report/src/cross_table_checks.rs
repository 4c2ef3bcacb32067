//! Rules that look into other tables: references, links, agreement of sources, and freshness. They
//! are evaluated over the day's snapshots, when the snapshots of all tables are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use contract::{Catalogue, Expectation, Rule, TableContract};
use host::Failure;
use lake::{Day, LakeError, RuleResult, SnapshotManifest};
use quality::{RuleCount, evaluate_expectation};
use store::ObjectStore;

use crate::id_index::{IdIndex, IdRange};
use crate::snapshot_batches::for_each_batch;

/// Microseconds of an hour.
const MICROS_PER_HOUR: f64 = 3_600_000_000.0;

/// Evaluates the rules that look into other tables, and returns their results by table.
///
/// # Errors
/// When a snapshot cannot be read.
pub(crate) async fn evaluate_cross_table_rules(
    manifests: &BTreeMap<String, SnapshotManifest>,
    catalogue: &Catalogue,
    curated: &Arc<dyn ObjectStore>,
) -> Result<BTreeMap<String, Vec<RuleResult>>, Failure> {
    let tables: Vec<(&TableContract, &SnapshotManifest)> = catalogue
        .tables
        .iter()
        .filter(|table| table.rules_by_cross_table(true).next().is_some())
        .filter_map(|table| Some((table, manifests.get(&table.name)?)))
        .collect();

    let mut counts: BTreeMap<(&str, &str), RuleCount> = BTreeMap::new();
    for range in IdRange::divide_ids(manifests, catalogue) {
        let index = IdIndex::from_snapshots(range, manifests, catalogue, curated).await?;
        for (table, manifest) in &tables {
            let rules = table.rules_by_cross_table(true).collect();
            for (rule, count) in count_verdicts(rules, manifest, &index, range, curated).await? {
                let sum = counts.entry((&table.name, &rule.id)).or_default();
                sum.add_count(count);
            }
        }
    }

    let mut results = BTreeMap::new();
    for (table, manifest) in tables {
        let table_results = table.rules_by_cross_table(true).map(|rule| {
            let count = match rule.expectation {
                Expectation::Fresh(hours_max) => check_freshness(manifest, hours_max),
                _ => counts
                    .get(&(table.name.as_str(), rule.id.as_str()))
                    .copied()
                    .unwrap_or_default(),
            };
            RuleResult::from_count(rule, count, manifest.rows)
        });
        results.insert(table.name.clone(), table_results.collect());
    }
    Ok(results)
}

/// Checks that the newest event of a snapshot is young enough at the end of its day. A snapshot
/// without events is not checked: that there are rows at all is what `rowCount` is for.
fn check_freshness(manifest: &SnapshotManifest, hours_max: f64) -> RuleCount {
    let age = newest_event_age_hours(manifest);
    RuleCount {
        failed: u64::from(age.is_some_and(|hours| hours > hours_max)),
        checked: u64::from(age.is_some()),
    }
}

/// Hours from a snapshot's newest event to the end of its day; never less than none.
pub(crate) fn newest_event_age_hours(manifest: &SnapshotManifest) -> Option<f64> {
    let day_end = Day::parse(&manifest.date)?.next().start_micros();
    let newest_event = manifest.newest_event?;

    Some((day_end - newest_event).max(0) as f64 / MICROS_PER_HOUR)
}

/// Counts the verdicts of the rules on a table's rows whose deciding ids are in the range.
async fn count_verdicts<'r>(
    rules: Vec<&'r Rule>,
    manifest: &SnapshotManifest,
    index: &IdIndex,
    range: IdRange,
    curated: &Arc<dyn ObjectStore>,
) -> Result<Vec<(&'r Rule, RuleCount)>, Failure> {
    let mut columns = BTreeSet::new();
    for rule in &rules {
        rule.expectation.collect_columns(&mut columns);
    }
    let columns: Vec<&str> = columns.iter().map(String::as_str).collect();

    let mut counter = VerdictCounter::new(rules);
    for_each_batch(manifest, &columns, curated, |batch| {
        counter.add_batch(batch, index, range)
    })
    .await?;
    Ok(counter.counts)
}

/// Counts the verdicts of rules over the batches of a table.
struct VerdictCounter<'r> {
    counts: Vec<(&'r Rule, RuleCount)>,
    /// The last row of the batches so far.
    last_row: Option<RecordBatch>,
}

impl<'r> VerdictCounter<'r> {
    fn new(rules: Vec<&'r Rule>) -> Self {
        let counts = rules
            .into_iter()
            .map(|rule| (rule, RuleCount::default()))
            .collect();
        Self {
            counts,
            last_row: None,
        }
    }

    fn add_batch(
        &mut self,
        batch: &RecordBatch,
        index: &IdIndex,
        range: IdRange,
    ) -> Result<(), LakeError> {
        for (rule, count) in &mut self.counts {
            // The sources of one thing are compared row by row, and its rows may be in two batches:
            // the last row of the batch before is compared with the first row of this one. On its
            // own it has no verdict and is not counted.
            let rows = match &self.last_row {
                Some(last_row) if matches!(rule.expectation, Expectation::Agrees(_)) => {
                    concat_batches(&batch.schema(), [last_row, batch])?
                }
                _ => batch.clone(),
            };
            let rows = select_rows_in_range(&rows, rule, range)?;
            let verdicts = evaluate_expectation(&rule.expectation, &rows, Some(index));
            count.add_count(RuleCount::from_verdicts(&verdicts));
        }

        if let Some(last) = batch.num_rows().checked_sub(1) {
            self.last_row = Some(batch.slice(last, 1));
        }
        Ok(())
    }
}

/// The rows of a batch whose deciding id is in the range.
fn select_rows_in_range(
    batch: &RecordBatch,
    rule: &Rule,
    range: IdRange,
) -> Result<RecordBatch, LakeError> {
    if range.passes == 1 {
        return Ok(batch.clone());
    }
    let ids = rule
        .expectation
        .looked_up_column()
        .and_then(|name| batch.column_by_name(name))
        .and_then(|column| column.as_string_opt::<i32>());
    let Some(ids) = ids else {
        return Ok(batch.clone());
    };

    let is_selected: BooleanArray = ids.iter().map(|id| Some(range.covers_row(id))).collect();
    Ok(filter_record_batch(batch, &is_selected)?)
}

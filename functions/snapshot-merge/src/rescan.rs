//! An audit of what was measured: the files of a snapshot read again, group by group, by the same code. What the merge kept
//! must come out, to the last byte.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use contract::{Rule, TableContract};
use host::Failure;
use lake::{LakeError, ManifestShard, OwnerRange, RuleResult, SnapshotManifest, schema};
use quality::TableState;
use serde::Serialize;
use store::ObjectStore;

use crate::increments::conform_to_schema;
use crate::plan::merge_rules;
use crate::profile::{ShardProfile, is_measured_under, rules_fingerprint};
use crate::sorted_file::{RowGroupFetcher, SortedFile, select_row_groups};
use crate::table::{ManifestMeasures, measure_shards};

/// What reading a snapshot again came to.
#[derive(Clone, Debug, Serialize)]
pub struct RescanReport {
    /// The table.
    pub table: String,
    /// The day.
    pub date: String,
    /// Rows that were read.
    pub rows: u64,
    /// Row groups that were read.
    pub groups: usize,
    /// Whether the snapshot was measured under today's contract: otherwise there is nothing to compare with.
    pub comparable: bool,
    /// What became of the rules, by what was read.
    pub rules: Vec<RuleResult>,
    /// What differs from what the merge kept, a line each.
    pub differences: Vec<String>,
}

/// Reads a snapshot again and compares. Holds two row groups, and what is kept of one shard.
///
/// # Errors
/// When a file cannot be read.
pub async fn rescan_snapshot(
    table: &TableContract,
    manifest: &SnapshotManifest,
    curated: &Arc<dyn ObjectStore>,
) -> Result<RescanReport, Failure> {
    let rules = merge_rules(table);
    let fingerprint = rules_fingerprint(&rules, &table.columns);
    let comparable = manifest.contract_version == table.version
        && manifest
            .shards
            .iter()
            .all(|shard| is_measured_under(shard, &fingerprint));
    let mut found = RescanReport {
        table: table.name.clone(),
        date: manifest.date.clone(),
        rows: 0,
        groups: 0,
        comparable,
        rules: Vec::new(),
        differences: Vec::new(),
    };
    let mut total = TableState::new(&rules, &table.columns);
    for shard in &manifest.shards {
        let kept = ShardProfile::read_shard_profile(shard, &fingerprint, &**curated)
            .await?
            .filter(|_| comparable);
        let mut groups = ShardGroupReader::open(table, shard, curated).await?;
        // Added up as the merge does it, shard by shard: sketches are not the same in another order.
        let (mut of_shard, mut place) = (TableState::new(&rules, &table.columns), 0);
        while let Some(again) = groups.next(table, &rules).await? {
            if let Some(kept) = &kept
                && kept.groups.get(place).and_then(state_json) != state_json(&again)
            {
                found.differences.push(format!(
                    "shard {}: group {place} was measured otherwise",
                    shard.shard
                ));
            }
            of_shard.merge(&again);
            place += 1;
        }
        total.merge(&of_shard);
        if let Some(kept) = kept.filter(|kept| kept.groups.len() > place) {
            let before = kept.groups.len();
            found.differences.push(format!(
                "shard {}: {before} groups were measured, the file has {place}",
                shard.shard
            ));
        }
        found.groups += place;
    }
    found.rows = total.rows;
    let again = measure_shards(table, &rules, &total, &manifest.shards, curated).await?;
    if comparable {
        found
            .differences
            .extend(describe_differences(manifest, &total, &again));
    }
    found.rules = again.rules;
    Ok(found)
}

/// What the manifest says otherwise than its files.
fn describe_differences(
    manifest: &SnapshotManifest,
    total: &TableState,
    again: &ManifestMeasures,
) -> Vec<String> {
    let pairs = manifest
        .rules
        .iter()
        .zip(&again.rules)
        .filter(|(before, now)| before != now);
    let mut lines: Vec<String> = pairs
        .map(|(before, now)| {
            let (rule, failed, checked) = (&before.rule, before.failed, before.checked);
            format!(
                "rule {rule}: {failed} of {checked} in the manifest, {} of {} in the files",
                now.failed, now.checked
            )
        })
        .collect();
    let names = manifest
        .columns
        .keys()
        .filter(|name| manifest.columns.get(*name) != again.columns.get(*name));
    lines.extend(
        names.map(|name| format!("column {name}: the manifest says otherwise than the files")),
    );
    if (manifest.rows, manifest.newest_event) != (total.rows, total.newest_event) {
        lines.push(format!(
            "{} rows in the manifest, {} in the files",
            manifest.rows, total.rows
        ));
    }
    lines
}

/// The groups of a shard's file, one after the other.
struct ShardGroupReader {
    schema: SchemaRef,
    fetcher: RowGroupFetcher,
}

impl ShardGroupReader {
    async fn open(
        table: &TableContract,
        shard: &ManifestShard,
        curated: &Arc<dyn ObjectStore>,
    ) -> Result<Self, Failure> {
        let file =
            Arc::new(SortedFile::open(&**curated, &shard.rows_key, Some(shard.bytes)).await?);
        let fetcher = RowGroupFetcher::new(
            Arc::clone(curated),
            select_row_groups(&[file], &OwnerRange::of_shard(0, 1)),
        );
        Ok(Self {
            schema: schema::curated_schema(table),
            fetcher,
        })
    }

    /// The next group, measured.
    async fn next(
        &mut self,
        table: &TableContract,
        rules: &[Rule],
    ) -> Result<Option<TableState>, Failure> {
        let Some(((file, group), bytes)) = self.fetcher.next().await? else {
            return Ok(None);
        };
        let names: Vec<&str> = self
            .schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        let mut state = TableState::new(rules, &table.columns);
        let batches = file
            .footer
            .decode_group_columns(&group, bytes, &names)
            .map_err(|error| file.corrupt_failure(&error))?;
        for batch in batches {
            let batch = batch.map_err(LakeError::from);
            let batch = batch.and_then(|batch| conform_to_schema(&batch, &self.schema));
            state.add_batch(rules, &batch.map_err(|error| file.corrupt_failure(&error))?);
        }
        Ok(Some(state))
    }
}

/// What is kept of a group, as it is kept.
fn state_json(state: &TableState) -> Option<String> {
    serde_json::to_string(state).ok()
}

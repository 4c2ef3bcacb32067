//! An audit of the stored measures: the files of a snapshot are read again, group by group, and
//! measured by the same code. The result must equal what the merge stored, byte for byte.

use std::sync::Arc;

use arrow_schema::SchemaRef;
use contract::{Rule, TableContract};
use host::Failure;
use lake::{
    BoundedBatches, FileWindow, LakeError, ManifestShard, OwnerRange, RuleResult, SnapshotManifest,
    schema,
};
use quality::TableState;
use serde::Serialize;
use store::ObjectStore;
use store::sorted_file::{RowGroupFetcher, SortedFile, select_row_groups};

use crate::batch_columns::conform_to_schema;
use crate::plan::merge_rules;
use crate::profile::{ShardProfile, is_measured_under, rules_fingerprint};
use crate::table::{ManifestMeasures, measure_shards};

/// The result of reading a snapshot again.
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
    /// Whether the snapshot was measured under today's contract: otherwise its measures cannot be
    /// compared.
    pub comparable: bool,
    /// The results of the rules on the rows that were read.
    pub rules: Vec<RuleResult>,
    /// How the stored measures differ from the rows, a line each.
    pub differences: Vec<String>,
}

/// Reads a snapshot again and compares. Holds two row groups, and the stored measures of one shard.
///
/// # Errors
/// When a file cannot be read.
pub async fn rescan_snapshot(
    table: &TableContract,
    manifest: &SnapshotManifest,
    curated: &Arc<dyn ObjectStore>,
) -> Result<RescanReport, Failure> {
    let rules = merge_rules(table);
    let fingerprint = rules_fingerprint(&rules, table.measured_columns());
    let comparable = manifest.contract_version == table.version
        && manifest
            .shards
            .iter()
            .all(|shard| is_measured_under(shard, &fingerprint));
    let mut report = RescanReport {
        table: table.name.clone(),
        date: manifest.date.clone(),
        rows: 0,
        groups: 0,
        comparable,
        rules: Vec::new(),
        differences: Vec::new(),
    };

    let mut total = TableState::new(&rules, table.measured_columns());
    for shard in &manifest.shards {
        let stored = ShardProfile::read_shard_profile(shard, &fingerprint, &**curated)
            .await?
            .filter(|_| comparable);
        let groups = ShardGroupReader::open(table, &rules, shard, curated).await?;
        // Added up as the merge does it, shard by shard: sketches differ when they are added in
        // another order.
        total.merge(&rescan_shard(groups, shard.shard, stored, &mut report).await?);
    }

    report.rows = total.rows;
    let measured = measure_shards(table, &rules, &total, &manifest.shards, curated).await?;
    if comparable {
        let differences = describe_differences(manifest, &total, &measured);
        report.differences.extend(differences);
    }
    report.rules = measured.rules;
    Ok(report)
}

/// Measures a shard's groups again and compares each with its stored measures.
async fn rescan_shard(
    mut groups: ShardGroupReader<'_>,
    shard: u32,
    stored: Option<ShardProfile>,
    report: &mut RescanReport,
) -> Result<TableState, Failure> {
    let mut total = TableState::new(groups.rules, groups.table.measured_columns());
    let mut count = 0;
    while let Some(measured) = groups.next().await? {
        if let Some(stored) = &stored
            && stored.groups.get(count).and_then(state_json) != state_json(&measured)
        {
            let line = format!("shard {shard}: group {count} has other stored measures");
            report.differences.push(line);
        }
        total.merge(&measured);
        count += 1;
    }
    if let Some(stored) = stored
        && stored.groups.len() > count
    {
        let before = stored.groups.len();
        report.differences.push(format!(
            "shard {shard}: {before} groups were measured, the file has {count}"
        ));
    }
    report.groups += count;
    Ok(total)
}

/// How the manifest differs from its files.
fn describe_differences(
    manifest: &SnapshotManifest,
    total: &TableState,
    measured: &ManifestMeasures,
) -> Vec<String> {
    let mut lines = Vec::new();
    for (before, after) in manifest.rules.iter().zip(&measured.rules) {
        if before != after {
            lines.push(format!(
                "rule {}: {} of {} in the manifest, {} of {} in the files",
                before.rule, before.failed, before.checked, after.failed, after.checked
            ));
        }
    }
    for (name, column) in &manifest.columns {
        if measured.columns.get(name) != Some(column) {
            lines.push(format!(
                "column {name}: the manifest says otherwise than the files"
            ));
        }
    }
    if (manifest.rows, manifest.newest_event) != (total.rows, total.newest_event) {
        lines.push(format!(
            "{} rows in the manifest, {} in the files",
            manifest.rows, total.rows
        ));
    }
    lines
}

/// The groups of a shard's file, one after the other.
struct ShardGroupReader<'r> {
    table: &'r TableContract,
    rules: &'r [Rule],
    schema: SchemaRef,
    fetcher: RowGroupFetcher,
}

impl<'r> ShardGroupReader<'r> {
    async fn open(
        table: &'r TableContract,
        rules: &'r [Rule],
        shard: &ManifestShard,
        curated: &Arc<dyn ObjectStore>,
    ) -> Result<Self, Failure> {
        let file = SortedFile::open(&**curated, &shard.rows_file).await?;
        let groups = select_row_groups(&[Arc::new(file)], &OwnerRange::default());
        let schema = schema::stored_schema(table);
        let names = schema.fields().iter().map(|field| field.name().as_str());
        let fetcher = RowGroupFetcher::for_groups(curated, groups).with_columns(names);
        Ok(Self {
            table,
            rules,
            fetcher,
            schema,
        })
    }

    /// The next group, measured.
    async fn next(&mut self) -> Result<Option<TableState>, Failure> {
        let Some(fetched) = self.fetcher.next().await? else {
            return Ok(None);
        };
        let file = Arc::clone(&fetched.file);
        let state = self
            .measure_group(fetched.decode()?)
            .map_err(|error| file.damaged(error))?;
        Ok(Some(state))
    }

    fn measure_group(&self, batches: BoundedBatches<FileWindow>) -> Result<TableState, LakeError> {
        let mut state = TableState::new(self.rules, self.table.measured_columns());
        for batch in batches {
            let batch = conform_to_schema(&batch?, &self.schema)?;
            state.add_batch(self.rules, &batch);
        }
        Ok(state)
    }
}

/// The stored form of a group's measures.
fn state_json(state: &TableState) -> Option<String> {
    serde_json::to_string(state).ok()
}

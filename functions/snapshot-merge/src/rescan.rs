//! An audit of what was measured: the files of a snapshot read again, group by group, by the same code. What the merge kept
//! must come out, to the last byte.

use std::sync::Arc;

use contract::{Rule, TableContract};
use host::Failure;
use lake::{LakeError, Manifest, ManifestShard, Owners, RuleResult, schema};
use quality::TableState;
use serde::Serialize;
use store::ObjectStore;

use crate::plan::rules;
use crate::profile::{Profile, fingerprint, is_measured};
use crate::sorted::{Fetcher, SortedFile, parts};
use crate::table::{Measured, measured};

/// What reading a snapshot again came to.
#[derive(Clone, Debug, Serialize)]
pub struct Rescan {
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
pub async fn rescan(
    table: &TableContract,
    manifest: &Manifest,
    curated: &Arc<dyn ObjectStore>,
) -> Result<Rescan, Failure> {
    let rules = rules(table);
    let fingerprint = fingerprint(&rules, &table.columns);
    let comparable = manifest.contract_version == table.version
        && manifest.shards.iter().all(|shard| is_measured(shard, &fingerprint));
    let mut found = Rescan {
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
        let groups = groups(table, &rules, shard, curated).await?;
        let profile = Profile::of(&groups, &rules, &table.columns);
        found.groups += groups.len();
        let kept = Profile::of_shard(shard, &fingerprint, &**curated).await?.filter(|_| comparable);
        if let Some(kept) = kept {
            found.differences.extend(differences(shard, &kept, &profile));
        }
        total.merge(&profile.total);
    }
    found.rows = total.rows;
    let again = measured(table, &rules, &total, &manifest.shards, curated).await?;
    if comparable {
        found.differences.extend(otherwise(manifest, &total, &again));
    }
    found.rules = again.rules;
    Ok(found)
}

/// What the manifest says otherwise than its files.
fn otherwise(manifest: &Manifest, total: &TableState, again: &Measured) -> Vec<String> {
    let pairs = manifest.rules.iter().zip(&again.rules).filter(|(before, now)| before != now);
    let mut lines: Vec<String> = pairs
        .map(|(before, now)| {
            let (rule, failed, checked) = (&before.rule, before.failed, before.checked);
            format!(
                "rule {rule}: {failed} of {checked} in the manifest, {} of {} in the files",
                now.failed, now.checked
            )
        })
        .collect();
    let names =
        manifest.columns.keys().filter(|name| manifest.columns.get(*name) != again.columns.get(*name));
    lines.extend(names.map(|name| format!("column {name}: the manifest says otherwise than the files")));
    if (manifest.rows, manifest.newest_event) != (total.rows, total.newest_event) {
        lines.push(format!("{} rows in the manifest, {} in the files", manifest.rows, total.rows));
    }
    lines
}

/// Every group of a shard's file, measured.
async fn groups(
    table: &TableContract,
    rules: &[Rule],
    shard: &ManifestShard,
    curated: &Arc<dyn ObjectStore>,
) -> Result<Vec<TableState>, Failure> {
    let schema = schema::curated(table);
    let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
    let file = Arc::new(SortedFile::open(&**curated, &shard.rows_key, Some(shard.bytes)).await?);
    let mut fetcher = Fetcher::new(Arc::clone(curated), parts(&[file], &Owners::of(0, 1)));
    let mut measured = Vec::new();
    while let Some(((file, group), bytes)) = fetcher.next().await? {
        let mut state = TableState::new(rules, &table.columns);
        let batches =
            file.footer.decode_columns(&group, bytes, &names).map_err(|error| file.corrupt(&error))?;
        for batch in batches {
            let batch = batch.map_err(LakeError::from);
            let batch = batch.and_then(|batch| crate::increments::conform(&batch, &schema));
            state.update(rules, &batch.map_err(|error| file.corrupt(&error))?);
        }
        measured.push(state);
    }
    Ok(measured)
}

fn differences(shard: &ManifestShard, kept: &Profile, again: &Profile) -> Vec<String> {
    if kept.groups.len() != again.groups.len() {
        let (before, now) = (kept.groups.len(), again.groups.len());
        return vec![format!("shard {}: {before} groups were measured, the file has {now}", shard.shard)];
    }
    let pairs = kept.groups.iter().zip(&again.groups).enumerate();
    let differ = pairs.filter(|(_, (before, now))| text(before) != text(now));
    differ.map(|(group, _)| format!("shard {}: group {group} was measured otherwise", shard.shard)).collect()
}

/// What is kept of a group, as it is kept.
fn text(state: &TableState) -> Option<String> {
    serde_json::to_string(state).ok()
}

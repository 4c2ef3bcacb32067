//! `polelake quarantine ls|show|redrive`.

use std::collections::BTreeMap;
use std::time::Duration;

use lake::RedriveOrigin;
use serde_json::{Value, json};

use super::audit::parse_optional_date;
use crate::args::RefusedRecordArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use operations::quarantine::{
    self, QuarantineEntry, QuarantineFilter, RedriveOutcome, RedriveStatus, list_entries,
};

async fn find_entries(
    refusals: &RefusedRecordArgs,
) -> Result<(OpenLake, Vec<QuarantineEntry>), CliError> {
    let since = parse_optional_date(refusals.since.as_deref())?;
    let lake = OpenLake::open(&refusals.lake).await?;
    let zones = &lake.zones;
    if let Some(source) = &refusals.source
        && zones.catalogue.mapping_of_source(source).is_none()
    {
        let names: Vec<&str> = zones
            .catalogue
            .mappings
            .iter()
            .map(|plan| plan.contract.name.as_str())
            .collect();
        return Err(format!(
            "there is no source `{source}`; there are {}",
            names.join(", ")
        )
        .into());
    }
    let filter = QuarantineFilter {
        source: refusals.source.clone(),
        rule: refusals.rule.clone(),
        since,
    };
    let entries = list_entries(zones, &filter).await?;
    Ok((lake, entries))
}

fn status_label(status: &RedriveStatus) -> &'static str {
    match status {
        RedriveStatus::Open => "open",
        RedriveStatus::Underway => "underway",
        RedriveStatus::Refined => "refined",
        RedriveStatus::Ignored => "ignored",
    }
}

pub(crate) async fn list_refused(refusals: &RefusedRecordArgs) -> Result<bool, CliError> {
    let (_, entries) = find_entries(refusals).await?;
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&QuarantineEntry>> = BTreeMap::new();
    for entry in &entries {
        let refused = &entry.refused;
        groups
            .entry((&refused.source, &refused.rule, status_label(&entry.status)))
            .or_default()
            .push(entry);
    }
    let lines = groups.iter().map(|((source, rule, status), entries)| {
        let first = entries.iter().map(|entry| entry.origin.timestamp).min().unwrap_or_default();
        let last = entries.iter().map(|entry| entry.origin.timestamp).max().unwrap_or_default();
        json!({"source": source, "rule": rule, "status": status, "records": entries.len(), "first": format_date(first), "last": format_date(last)})
    });
    let lines: Vec<Value> = lines.collect();
    if refusals.json {
        println!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(true);
    }
    println!(
        "{:20} {:40} {:9} {:>8}  {:10}  {:10}",
        "source", "rule", "status", "records", "first", "last"
    );
    for line in &lines {
        let text = |name: &str| line[name].as_str().unwrap_or_default();
        println!(
            "{:20} {:40} {:9} {:>8}  {:10}  {:10}",
            text("source"),
            text("rule"),
            text("status"),
            line["records"].to_string(),
            text("first"),
            text("last")
        );
    }
    let open = entries
        .iter()
        .filter(|entry| entry.status == RedriveStatus::Open)
        .count();
    println!("{} refused records, {open} of them open", entries.len());
    Ok(true)
}

/// The day of an instant in milliseconds since 1970.
fn format_date(millis: i64) -> String {
    lake::Day::from_micros(millis * 1_000).to_string()
}

/// How a record is named: where it was first landed.
fn format_position(topic: &str, origin: RedriveOrigin) -> String {
    format!(
        "{topic}-{}@{} (epoch {})",
        origin.partition, origin.offset, origin.epoch
    )
}

pub(crate) async fn show_refused(
    refusals: &RefusedRecordArgs,
    limit: usize,
    values: bool,
) -> Result<bool, CliError> {
    let (_, entries) = find_entries(refusals).await?;
    let shown = entries.iter().take(limit);
    if refusals.json {
        let lines: Vec<Value> = shown.map(|entry| entry_json(entry, values)).collect();
        println!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(true);
    }
    for entry in shown {
        let refused = &entry.refused;
        println!(
            "{}  {}  {}",
            format_position(&entry.topic, entry.origin),
            refused.source,
            status_label(&entry.status)
        );
        println!("  {} at {}: {}", refused.rule, refused.path, refused.reason);
        println!(
            "  appended {}, contract {}, mapping {}, redriven {} times",
            format_date(entry.origin.timestamp),
            refused.contract_version,
            refused.mapping_version,
            entry.redrives
        );
        if values {
            println!("  {}", printable_value(entry));
        }
    }
    if entries.len() > limit {
        println!("{} more; --limit shows them", entries.len() - limit);
    }
    Ok(true)
}

fn entry_json(entry: &QuarantineEntry, values: bool) -> Value {
    let refused = &entry.refused;
    let mut line = json!({
        "topic": entry.topic,
        "epoch": entry.origin.epoch,
        "partition": entry.origin.partition,
        "offset": entry.origin.offset,
        "appended": entry.origin.timestamp,
        "source": refused.source,
        "status": status_label(&entry.status),
        "redrives": entry.redrives,
        "rule": refused.rule,
        "path": refused.path,
        "reason": refused.reason,
        "contract_version": refused.contract_version,
        "mapping_version": refused.mapping_version,
    });
    if values {
        line["value"] = json!(printable_value(entry));
    }
    line
}

/// The record's bytes as text; what a terminal would act on is escaped.
fn printable_value(entry: &QuarantineEntry) -> String {
    let value = entry.refused.value.as_deref().unwrap_or_default();
    String::from_utf8_lossy(value)
        .chars()
        .flat_map(|c| {
            let plain = !c.is_control() || c == '\n';
            let escaped = if plain {
                None
            } else {
                Some(c.escape_default())
            };
            escaped.into_iter().flatten().chain(plain.then_some(c))
        })
        .collect()
}

pub(crate) async fn redrive_refused(
    refusals: &RefusedRecordArgs,
    dry_run: bool,
    wait: u64,
) -> Result<bool, CliError> {
    let (lake, entries) = find_entries(refusals).await?;
    let open = entries
        .iter()
        .filter(|entry| entry.status == RedriveStatus::Open)
        .count();
    if dry_run || open == 0 {
        if refusals.json {
            println!("{}", json!({"open": open, "redriven": 0}));
        } else {
            println!(
                "{open} open records would be processed again; {} are not open",
                entries.len() - open
            );
        }
        return Ok(true);
    }
    let chunks =
        quarantine::redrive_entries(&lake.zones, &entries, lake.current_millis().await?).await?;
    let outcomes =
        quarantine::wait_for_outcomes(&lake.zones, &chunks, Duration::from_secs(wait)).await?;
    let done = |outcome: &RedriveOutcome| matches!(outcome.outcome.as_str(), "refined" | "ignored");
    if refusals.json {
        let line = |outcome: &RedriveOutcome| {
            let origin = outcome.origin;
            json!({"topic": outcome.topic, "epoch": origin.epoch, "partition": origin.partition, "offset": origin.offset, "outcome": outcome.outcome})
        };
        let lines: Vec<Value> = outcomes.iter().map(line).collect();
        println!(
            "{}",
            json!({"open": open, "redriven": outcomes.len(), "outcomes": lines})
        );
    } else {
        for outcome in &outcomes {
            println!(
                "{}  {}",
                format_position(&outcome.topic, outcome.origin),
                outcome.outcome
            );
        }
        let count = outcomes.iter().filter(|outcome| done(outcome)).count();
        println!(
            "{} records processed again: {count} done, {} not",
            outcomes.len(),
            outcomes.len() - count
        );
        println!("The next daily run takes them into the snapshots.");
    }
    Ok(outcomes.iter().all(done))
}

//! `polelake quarantine ls|show|redrive`.

use std::collections::BTreeMap;
use std::time::Duration;

use lake::Origin;
use serde_json::{Value, json};

use super::audit::day;
use crate::args::Refusals;
use crate::error::Failed;
use crate::lake_handle::OpenLake;
use operations::quarantine::{self, Entry, Filter, Outcome, Status, list};

async fn find(refusals: &Refusals) -> Result<(OpenLake, Vec<Entry>), Failed> {
    let since = day(refusals.since.as_deref())?;
    let lake = OpenLake::open(&refusals.lake).await?;
    let zones = &lake.zones;
    if let Some(source) = &refusals.source
        && zones.catalogue.source(source).is_none()
    {
        let names: Vec<&str> = zones
            .catalogue
            .plans
            .iter()
            .map(|plan| plan.contract.name.as_str())
            .collect();
        return Err(format!(
            "there is no source `{source}`; there are {}",
            names.join(", ")
        )
        .into());
    }
    let filter = Filter {
        source: refusals.source.clone(),
        rule: refusals.rule.clone(),
        since,
    };
    let entries = list(zones, &filter).await?;
    Ok((lake, entries))
}

fn told(status: &Status) -> &'static str {
    match status {
        Status::Open => "open",
        Status::Underway => "underway",
        Status::Refined => "refined",
        Status::Ignored => "ignored",
    }
}

pub(crate) async fn ls(refusals: &Refusals) -> Result<bool, Failed> {
    let (_, entries) = find(refusals).await?;
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&Entry>> = BTreeMap::new();
    for entry in &entries {
        let refused = &entry.refused;
        groups
            .entry((&refused.source, &refused.rule, told(&entry.status)))
            .or_default()
            .push(entry);
    }
    let lines = groups.iter().map(|((source, rule, status), entries)| {
        let first = entries.iter().map(|entry| entry.origin.timestamp).min().unwrap_or_default();
        let last = entries.iter().map(|entry| entry.origin.timestamp).max().unwrap_or_default();
        json!({"source": source, "rule": rule, "status": status, "records": entries.len(), "first": date(first), "last": date(last)})
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
        .filter(|entry| entry.status == Status::Open)
        .count();
    println!("{} refused records, {open} of them open", entries.len());
    Ok(true)
}

/// The day of an instant in milliseconds since 1970.
fn date(millis: i64) -> String {
    lake::Day::of_micros(millis * 1_000).to_string()
}

/// How a record is named: where it was first landed.
fn place(topic: &str, origin: Origin) -> String {
    format!(
        "{topic}-{}@{} (epoch {})",
        origin.partition, origin.offset, origin.epoch
    )
}

pub(crate) async fn show(refusals: &Refusals, limit: usize, values: bool) -> Result<bool, Failed> {
    let (_, entries) = find(refusals).await?;
    let shown = entries.iter().take(limit);
    if refusals.json {
        let lines: Vec<Value> = shown.map(|entry| described(entry, values)).collect();
        println!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(true);
    }
    for entry in shown {
        let refused = &entry.refused;
        println!(
            "{}  {}  {}",
            place(&entry.topic, entry.origin),
            refused.source,
            told(&entry.status)
        );
        println!("  {} at {}: {}", refused.rule, refused.path, refused.reason);
        println!(
            "  appended {}, contract {}, mapping {}, redriven {} times",
            date(entry.origin.timestamp),
            refused.contract_version,
            refused.mapping_version,
            entry.redrives
        );
        if values {
            println!("  {}", printable(entry));
        }
    }
    if entries.len() > limit {
        println!("{} more; --limit shows them", entries.len() - limit);
    }
    Ok(true)
}

fn described(entry: &Entry, values: bool) -> Value {
    let refused = &entry.refused;
    let mut line = json!({
        "topic": entry.topic,
        "epoch": entry.origin.epoch,
        "partition": entry.origin.partition,
        "offset": entry.origin.offset,
        "appended": entry.origin.timestamp,
        "source": refused.source,
        "status": told(&entry.status),
        "redrives": entry.redrives,
        "rule": refused.rule,
        "path": refused.path,
        "reason": refused.reason,
        "contract_version": refused.contract_version,
        "mapping_version": refused.mapping_version,
    });
    if values {
        line["value"] = json!(printable(entry));
    }
    line
}

/// The record's bytes as text; what a terminal would act on is escaped.
fn printable(entry: &Entry) -> String {
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

pub(crate) async fn redrive(refusals: &Refusals, dry_run: bool, wait: u64) -> Result<bool, Failed> {
    let (lake, entries) = find(refusals).await?;
    let open = entries
        .iter()
        .filter(|entry| entry.status == Status::Open)
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
    let chunks = quarantine::redrive(&lake.zones, &entries, lake.now().await?).await?;
    let outcomes = quarantine::wait(&lake.zones, &chunks, Duration::from_secs(wait)).await?;
    let done = |outcome: &Outcome| matches!(outcome.outcome.as_str(), "refined" | "ignored");
    if refusals.json {
        let line = |outcome: &Outcome| {
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
                place(&outcome.topic, outcome.origin),
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

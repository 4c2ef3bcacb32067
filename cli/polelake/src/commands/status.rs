//! `polelake status`.

use std::collections::BTreeMap;

use operations::status::{
    AttentionItem, LakeStatus, SourceStatus, StatusRequest, TableStatus, read_status,
};

use crate::args::lake::StatusArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::terminal::escape_line;

/// Items that are printed; `--json` has all of them.
const ITEMS_SHOWN: usize = 20;

pub(crate) async fn run(args: &StatusArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.lake).await?;
    let request = StatusRequest {
        now_millis: lake.current_millis().await?,
        dead_letters: count_dead_letters(&lake).await?,
        on_aws: args.lake.aws,
    };
    let status = read_status(&lake.handle, request).await?;

    if args.json {
        println!("{}", serde_json::to_string_pretty(&status)?);
    } else {
        print_status(&status);
    }
    Ok(status.attention.is_empty())
}

/// The dead letters of the local platform's queues; none of an account, whose queues are not asked.
async fn count_dead_letters(lake: &OpenLake) -> Result<Option<u64>, CliError> {
    match lake.platform_client() {
        Some(client) => Ok(client.platform_status().await?["dead_letters"].as_u64()),
        None => Ok(None),
    }
}

fn print_status(status: &LakeStatus) {
    if status.is_empty {
        println!(
            "This lake is empty: nothing has landed and no day was merged. `polelake push SOURCE \
             FILE` sends events, `polelake demo` three days of a synthetic council."
        );
    } else {
        print_tables(&status.tables);
        status.sources.iter().for_each(print_source);
        print_platform(status);
    }

    print_attention(&status.attention);
}

fn print_tables(tables: &[TableStatus]) {
    println!(
        "{:26} {:11} {:12} {:>11} {:>14}  contract",
        "table", "last merged", "last passing", "rows", "bytes"
    );
    for table in tables {
        println!(
            "{:26} {:11} {:12} {:>11} {:>14}  {}",
            table.table,
            table.last_merged.as_deref().unwrap_or("-"),
            table.last_passing.as_deref().unwrap_or("-"),
            table.rows,
            table.bytes,
            describe_version(table.contract_merged.as_deref(), &table.contract_given)
        );
    }
}

/// A version that was applied, with the one given where that is another.
fn describe_version(applied: Option<&str>, given: &str) -> String {
    match applied {
        None => format!("{given} (not applied yet)"),
        Some(applied) if applied == given => given.to_owned(),
        Some(applied) => format!("{applied} (given: {given})"),
    }
}

fn print_source(source: &SourceStatus) {
    if source.raw.objects == 0 && source.not_landed.unwrap_or(0) == 0 {
        return;
    }
    let newest = match (&source.newest_append, source.newest_append_age) {
        (Some(newest), Some(age)) => format!("{newest}, {} ago", describe_age(age)),
        _ => "unknown".to_owned(),
    };
    let kafka = source.not_landed.map_or_else(
        || "Kafka not asked".into(),
        |count| format!("{count} to land"),
    );
    let versions = &source.versions;

    println!("\n{}", source.source);
    println!("  newest record  {newest}");
    println!(
        "  lag            {kafka}, {} raw objects to transform",
        source.not_transformed
    );
    println!(
        "  quarantine     {}",
        describe_open(&source.open_quarantine)
    );
    println!(
        "  versions       contract {}, mapping {}",
        describe_version(
            versions.contract_applied.as_deref(),
            &versions.contract_given
        ),
        describe_version(versions.mapping_applied.as_deref(), &versions.mapping_given)
    );
}

fn describe_open(rules: &BTreeMap<String, usize>) -> String {
    if rules.is_empty() {
        return "none open".to_owned();
    }
    let rules: Vec<String> = rules
        .iter()
        .map(|(rule, records)| format!("{records} {rule}"))
        .collect();
    format!("open: {}", rules.join(", "))
}

/// An age in its largest unit.
fn describe_age(seconds: i64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn print_platform(status: &LakeStatus) {
    println!("\n{:20} {:>9} {:>14}", "zone", "objects", "bytes");
    let sizes = &status.sizes;
    for (zone, size) in [
        ("raw", sizes.raw),
        ("refined", sizes.refined),
        ("quarantine", sizes.quarantine),
        ("newest snapshots", sizes.newest_snapshots),
    ] {
        println!("{zone:20} {:>9} {:>14}", size.objects, size.bytes);
    }

    match status.dead_letters {
        Some(count) => println!("dead letters: {count}"),
        None => println!(
            "dead letters: not asked; on AWS the alarms of the queues tell (docs/runbook.md, Raw \
             to refined)"
        ),
    }
    println!("polelake {}", status.polelake);
}

fn print_attention(items: &[AttentionItem]) {
    if items.is_empty() {
        println!("\nNothing needs attention.");
        return;
    }

    println!("\nWhat needs attention");
    for item in items.iter().take(ITEMS_SHOWN) {
        println!(
            "{}",
            escape_line(&format!("! {}: {}", item.object, item.what))
        );
        println!("    next: {}", escape_line(&item.next));
    }
    if items.len() > ITEMS_SHOWN {
        println!(
            "{} items, {ITEMS_SHOWN} of them above; --json has all",
            items.len()
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_their_largest_unit() {
        let ages = [5, 61, 7_300, 200_000].map(describe_age);
        assert_eq!(ages, ["5 s", "1 min", "2 h", "2 days"]);
    }

    #[test]
    fn a_version_is_said_once_where_nothing_changed() {
        assert_eq!(describe_version(Some("1.0.0"), "1.0.0"), "1.0.0");
        assert_eq!(
            describe_version(Some("1.0.0"), "1.1.0"),
            "1.0.0 (given: 1.1.0)"
        );
        assert_eq!(describe_version(None, "1.1.0"), "1.1.0 (not applied yet)");
    }
}

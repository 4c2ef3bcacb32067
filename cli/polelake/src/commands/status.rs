//! `polelake status`.

use std::collections::BTreeMap;

use operations::status::{
    AttentionItem, EventsQueueAnswer, EventsQueueStatus, LakeStatus, SourceStatus, StatusRequest,
    TableStatus, read_status,
};
use serde::Deserialize;
use serde_json::Value;

use crate::args::lake::StatusArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::terminal::escape_line;

/// Items that are printed; `--json` has all of them.
const ITEMS_SHOWN: usize = 20;

pub(crate) async fn run(args: &StatusArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.lake).await?;
    let now_millis = lake.current_millis().await?;
    let (dead_letters, events_queue) = ask_queues(&lake).await?;
    let request = StatusRequest {
        now_millis,
        dead_letters,
        events_queue,
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

/// The dead letters of all queues of the local platform, and what the events queue holds. Of an
/// account the events queue alone is asked, where the environment names it.
async fn ask_queues(lake: &OpenLake) -> Result<(Option<u64>, Option<EventsQueueAnswer>), CliError> {
    if let Some(client) = lake.platform_client() {
        let status = client.platform_status().await?;
        let answer = read_platform_queue(&status["events_queue"]);
        return Ok((status["dead_letters"].as_u64(), Some(answer)));
    }

    let Some(queue) = lake.events_queue() else {
        return Ok((None, None));
    };
    let answer = match queue.count_messages().await {
        Ok(counts) => EventsQueueAnswer::Counts(counts.into()),
        Err(error) => EventsQueueAnswer::Failure {
            failure: error.to_string(),
        },
    };
    Ok((None, Some(answer)))
}

/// What the local platform's status says of the events queue.
fn read_platform_queue(counts: &Value) -> EventsQueueAnswer {
    match EventsQueueStatus::deserialize(counts) {
        Ok(counts) => EventsQueueAnswer::Counts(counts),
        Err(_) => EventsQueueAnswer::Failure {
            failure: "another version started the platform that runs".to_owned(),
        },
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
    let lost = source.declared_lost;
    if source.raw.objects == 0 && source.not_landed.unwrap_or(0) == 0 && lost.objects == 0 {
        return;
    }
    let newest = match (&source.newest_append, source.newest_append_age) {
        (Some(newest), Some(age)) => format!("{newest}, {} ago", describe_age(age)),
        _ => "unknown".to_owned(),
    };
    let kafka = source.not_landed.map_or_else(
        || "Kafka not asked".into(),
        |count| format!("{count} in Kafka to land"),
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
    if lost.objects > 0 {
        println!(
            "  declared lost  {} raw objects with {} offsets; `polelake audit` names them",
            lost.objects, lost.offsets
        );
    }
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

    println!(
        "events queue: {}",
        describe_queue(status.events_queue.as_ref())
    );
    match status.dead_letters {
        Some(count) => println!("dead letters of all queues: {count}"),
        None => println!(
            "dead letters of other queues: not asked; on AWS their alarms tell (docs/runbook.md, \
             Raw to refined)"
        ),
    }
    println!("polelake {}", status.polelake);
}

/// What the events queue holds, in one line.
fn describe_queue(answer: Option<&EventsQueueAnswer>) -> String {
    let counts = match answer {
        Some(EventsQueueAnswer::Counts(counts)) => counts,
        Some(EventsQueueAnswer::Failure { .. }) => {
            return "it does not say what it holds, see below".to_owned();
        }
        None => return "not asked; EVENTS_QUEUE_URL names it (docs/runbook.md)".to_owned(),
    };

    let dead_letters = counts.dead_letters.map_or_else(
        || "no queue for dead letters".to_owned(),
        |count| format!("{count} dead letters"),
    );
    let oldest = counts.oldest_age.map_or_else(String::new, |age| {
        format!("; the oldest is there for {}", describe_age(age))
    });
    format!(
        "{} messages wait, {} in flight, {} delayed, {dead_letters}{oldest}",
        counts.waiting, counts.in_flight, counts.delayed
    )
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
    fn what_the_queue_holds_is_one_line() {
        let mut counts = EventsQueueStatus {
            waiting: 3,
            in_flight: 1,
            delayed: 2,
            dead_letters: Some(0),
            oldest_age: Some(130),
        };
        let line = |counts| describe_queue(Some(&EventsQueueAnswer::Counts(counts)));
        assert_eq!(
            line(counts),
            "3 messages wait, 1 in flight, 2 delayed, 0 dead letters; the oldest is there for 2 min"
        );
        (counts.dead_letters, counts.oldest_age) = (None, None);
        assert_eq!(
            line(counts),
            "3 messages wait, 1 in flight, 2 delayed, no queue for dead letters"
        );
        assert!(describe_queue(None).contains("EVENTS_QUEUE_URL"));
    }

    #[test]
    fn a_platform_of_another_version_does_not_tell() {
        let answer = read_platform_queue(&Value::Null);
        assert!(answer.counts().is_none(), "{answer:?}");
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

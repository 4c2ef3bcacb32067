//! `polelake demo`: days of a synthetic council, or the Manchester data, through the full platform.

use std::path::Path;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar};
use lake::Day;
use local_platform::LocalPlatform;
use local_platform::private_files::replace_private_file;
use local_platform::synthetic::{self, CouncilDay, SourceEvents, SyntheticCouncil};
use quality_report::{Report, SourceReconciliation};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use snapshot_merge::MergeRun;

use super::progress::SETTLING;
use super::push::event_progress_bar;
use super::verdicts::balance_label;
use super::{manchester, run_day};
use crate::args::platform::DemoArgs;
use crate::client::{PlatformClient, PushCounts, platform_options};
use crate::error::CliError;
use crate::work_progress::{BarWords, WorkProgress};

/// The council's first day: a Monday.
const FIRST_DAY: &str = "2026-03-02";

/// The Manchester data describe August 2017; they arrive on the day after it.
const MANCHESTER_DAY: &str = "2017-09-01";

/// Milliseconds of half an hour.
const HALF_HOUR_MILLIS: i64 = 1_800_000;

/// The seed of the council's events.
const SYNTHETIC_SEED: u64 = 42;

/// One day of the demonstration.
struct DemoDay {
    run: MergeRun,
    report: Report,
    pushed: PushCounts,
    seconds: f64,
}

pub(crate) async fn run(args: &DemoArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let begun = Instant::now();
    let platform = LocalPlatform::start(platform_options(&args.place, 0)?).await?;
    let days = match &args.data {
        Some(folder) => vec![run_manchester_day(&platform, folder, progress).await?],
        None => run_synthetic_days(&platform, args, progress).await?,
    };

    let seconds = begun.elapsed().as_secs_f64();
    if args.json {
        println!("{}", demo_json(&days, seconds));
    } else {
        print_demo(&days, &args.place.dir, seconds)?;
    }
    Ok(days.iter().all(|day| day.report.all_sources_balance()))
}

/// How far earlier runs in the same folder have come.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
struct DemoState {
    /// The number of the next day; the first one is 0.
    next_day: usize,
    /// The people of the synthetic council, which stay the same.
    people: Option<usize>,
}

async fn run_synthetic_days(
    platform: &LocalPlatform,
    args: &DemoArgs,
    progress: &WorkProgress,
) -> Result<Vec<DemoDay>, CliError> {
    let file = args.place.dir.join("demo.json");
    let state = read_demo_state(&file);
    let people = state.people.unwrap_or(args.people);
    let default_days = if state.next_day == 0 { 3 } else { 1 };
    let count = args.days.unwrap_or(default_days) as usize;
    let first = Day::parse(FIRST_DAY).ok_or("the first day is no day")?;

    let mut days = Vec::new();
    for number in state.next_day..state.next_day + count {
        let date = Day(first.0 + i32::try_from(number)?);
        let batches = synthetic::day_events(&CouncilDay {
            council: SyntheticCouncil {
                seed: SYNTHETIC_SEED,
                people,
            },
            number,
            start_millis: date.start_micros() / 1_000,
        });
        days.push(run_full_day(platform, date, batches, progress).await?);

        let state = DemoState {
            next_day: number + 1,
            people: Some(people),
        };
        replace_private_file(&file, &serde_json::to_vec(&state)?)?;
        note_done_days(&days, date, progress);
    }
    Ok(days)
}

/// Notes the days of this run that are done, for when it is interrupted.
fn note_done_days(days: &[DemoDay], last: Day, progress: &WorkProgress) {
    let dates: Vec<&str> = days.iter().map(|day| day.run.date.as_str()).collect();
    let text = format!(
        "done are {}; the same command continues with {}, and an event that is sent twice counts \
         once",
        dates.join(", "),
        last.next()
    );
    let details = Map::from_iter([("days".to_owned(), json!(dates))]);
    progress.note_done(text, details);
}

/// The state that an earlier run left; a folder without one, or with a damaged one, begins with the
/// first day.
fn read_demo_state(file: &Path) -> DemoState {
    let bytes = std::fs::read(file).unwrap_or_default();
    serde_json::from_slice(&bytes).unwrap_or_default()
}

async fn run_manchester_day(
    platform: &LocalPlatform,
    folder: &Path,
    progress: &WorkProgress,
) -> Result<DemoDay, CliError> {
    let date = Day::parse(MANCHESTER_DAY).ok_or("the day is no day")?;
    let batch = SourceEvents {
        source: "police-manchester",
        events: manchester::read_manchester_events(folder)?,
    };
    run_full_day(platform, date, vec![batch], progress).await
}

/// Pushes a day's events, waits until they are landed and transformed, merges and reports.
async fn run_full_day(
    platform: &LocalPlatform,
    date: Day,
    batches: Vec<SourceEvents>,
    progress: &WorkProgress,
) -> Result<DemoDay, CliError> {
    let begun = Instant::now();
    // Records are stamped with the day's last half hour: no event is ahead of its arrival by more.
    let evening = date.next().start_micros() / 1_000 - HALF_HOUR_MILLIS;
    platform.running.clock.set_millis(evening);
    eprintln!("{date}");

    let bars = MultiProgress::new();
    let client = PlatformClient::for_platform(platform);
    let pushed = push_batches(&client, &batches, &bars, progress).await?;

    progress.begin_stage(SETTLING);
    platform.running.wait_until_settled().await;
    progress.begin_stage(&format!("merging and reporting {date}"));
    let (run, report) = run_day::merge_and_report(&client, &date.to_string()).await?;
    progress.end_stage();

    let seconds = begun.elapsed().as_secs_f64();
    let events = pushed.accepted + pushed.refused;
    eprintln!("  {events} events in {seconds:.1} s");
    Ok(DemoDay {
        run,
        report,
        pushed,
        seconds,
    })
}

/// Pushes the events of all sources at once; gives the counts of them together.
async fn push_batches(
    client: &PlatformClient,
    batches: &[SourceEvents],
    bars: &MultiProgress,
    progress: &WorkProgress,
) -> Result<PushCounts, CliError> {
    let pushes = batches.iter().map(|batch| {
        let bar = event_progress_bar(batch.events.len() as u64, batch.source);
        let bar = progress.add_bar(bars.add(bar.with_message("events")), BarWords::Share);
        push_batch(client, batch, bar)
    });

    let mut sum = PushCounts::default();
    for pushed in futures_util::future::try_join_all(pushes).await? {
        sum.accepted += pushed.accepted;
        sum.refused += pushed.refused;
    }
    Ok(sum)
}

async fn push_batch(
    client: &PlatformClient,
    batch: &SourceEvents,
    bar: ProgressBar,
) -> Result<PushCounts, CliError> {
    let pushed = client
        .push_events(batch.source, &batch.events, |count| bar.inc(count as u64))
        .await?;
    bar.finish_and_clear();
    Ok(pushed)
}

/// The counts of a day, summed over all sources.
fn sum_reconciliations(report: &Report) -> SourceReconciliation {
    let mut sum = SourceReconciliation::default();
    for source in report.sources.values() {
        sum.landed += source.landed;
        sum.refined += source.refined;
        sum.ignored += source.ignored;
        // Which rule refused a record does not matter in the sum.
        *sum.quarantined.entry(String::new()).or_default() += source.quarantined_total();
    }
    sum
}

fn print_demo(days: &[DemoDay], folder: &Path, seconds: f64) -> Result<(), CliError> {
    print_events(days);
    print_rows(days);
    print_quality(days);

    let folder = std::path::absolute(folder)?;
    let folder = folder.display();
    println!("\nCurated Parquet  {folder}/s3/curated/curated");
    println!("Report pages     {folder}/s3/site/index.html");
    if let Some(newest) = days.last() {
        println!("\nQuery the newest day yourself, with DuckDB:");
        println!("  {}", example_query(newest, &folder.to_string()));
    }
    println!("\n{seconds:.1} s in all");
    Ok(())
}

fn print_events(days: &[DemoDay]) {
    println!("\nEvents");
    println!(
        "{:12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12}  balance",
        "day", "accepted", "refused", "landed", "refined", "ignored", "quarantined"
    );
    for day in days {
        let sum = sum_reconciliations(&day.report);
        println!(
            "{:12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12}  {}",
            day.run.date,
            day.pushed.accepted,
            day.pushed.refused,
            sum.landed,
            sum.refined,
            sum.ignored,
            sum.quarantined_total(),
            balance_label(day.report.all_sources_balance())
        );
    }
}

/// Prints a line for each table, with its rows on each day.
fn print_rows(days: &[DemoDay]) {
    let Some(first) = days.first() else { return };
    println!("\nRows");
    print!("{:18}", "table");
    for day in days {
        print!(" {:>11}", day.run.date);
    }
    println!();

    for (index, table) in first.run.tables.iter().enumerate() {
        print!("{:18}", table.table);
        for day in days {
            print!(" {:>11}", day.run.tables[index].rows);
        }
        println!();
    }
}

fn print_quality(days: &[DemoDay]) {
    println!("\nQuality");
    for day in days {
        let (passed, warned, failed) = day.report.count_verdicts();
        let date = &day.run.date;
        println!("{date:12} {passed} rules passed, {warned} warn, {failed} block");
    }
}

/// A query over a day's files, as the manifests name them.
fn example_query(day: &DemoDay, folder: &str) -> String {
    let links = read_parquet_call(day, "link", folder);
    let people = read_parquet_call(day, "person", folder);
    format!(
        "duckdb -c \"select l.link_type, l.role, count(*) as links, \
         count(distinct p.pole_id) as people \
         from {links} l join {people} p on p.pole_id = l.from_id \
         group by all order by links desc\""
    )
}

/// DuckDB's call that reads a table's files of a day.
fn read_parquet_call(day: &DemoDay, table: &str, folder: &str) -> String {
    let manifest = day.report.tables.get(table);
    let shards = manifest.map_or(&[][..], |manifest| manifest.shards.as_slice());
    let files: Vec<String> = shards
        .iter()
        .map(|shard| format!("'{folder}/s3/curated/{}'", shard.rows_file.key))
        .collect();
    format!("read_parquet([{}])", files.join(", "))
}

fn demo_json(days: &[DemoDay], seconds: f64) -> Value {
    let days: Vec<Value> = days.iter().map(day_json).collect();
    json!({"days": days, "seconds": seconds})
}

fn day_json(day: &DemoDay) -> Value {
    json!({
        "run": day.run,
        "accepted": day.pushed.accepted,
        "refused": day.pushed.refused,
        "sources": day.report.sources,
        "seconds": day.seconds,
        "balanced": day.report.all_sources_balance(),
    })
}

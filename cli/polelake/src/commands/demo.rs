//! `polelake demo`: days of an invented town, or the Manchester data, through the whole platform.

use std::path::Path;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar};
use lake::Day as Date;
use quality_report::{Report, SourceReconciliation};
use serde_json::{Value, json};
use snapshot_merge::MergeRun;

use super::push::event_progress_bar;
use super::{manchester, run_day};
use crate::client::{PlatformClient, PushCounts, platform_options};
use crate::error::CliError;
use crate::place::PlatformArgs;
use local_platform::LocalPlatform;
use local_platform::synthetic::{self, SourceEvents, SyntheticCouncil};

/// The town's first day: a Monday.
const FIRST_DAY: &str = "2026-03-02";

/// The Manchester data tell of August 2017; they arrive on the day after.
const MANCHESTER_DAY: &str = "2017-09-01";

/// Milliseconds of a day.
const DAY_MILLIS: i64 = 86_400_000;

/// The seed of the town.
const SYNTHETIC_SEED: u64 = 42;

/// What one day came to.
struct DemoDay {
    run: MergeRun,
    report: Report,
    pushed: PushCounts,
    seconds: f64,
}

pub(crate) async fn run(
    place: &PlatformArgs,
    data: Option<&Path>,
    days: Option<u32>,
    people: usize,
    as_json: bool,
) -> Result<bool, CliError> {
    let begun = Instant::now();
    let platform = LocalPlatform::start(platform_options(place, 0)?).await?;
    let done = match data {
        Some(folder) => vec![run_manchester_day(&platform, folder).await?],
        None => run_synthetic_days(&platform, place, days, people).await?,
    };
    if as_json {
        println!("{}", demo_json(&done, begun.elapsed().as_secs_f64()));
    } else {
        print_demo(&done, place, begun.elapsed().as_secs_f64())?;
    }
    Ok(done.iter().all(|day| day.report.all_sources_balance()))
}

async fn run_synthetic_days(
    platform: &LocalPlatform,
    place: &PlatformArgs,
    days: Option<u32>,
    people: usize,
) -> Result<Vec<DemoDay>, CliError> {
    let file = place.dir.join("demo.json");
    let known: Value = std::fs::read(&file)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let next = known["next_day"]
        .as_u64()
        .and_then(|day| usize::try_from(day).ok())
        .unwrap_or_default();
    let people = known["people"]
        .as_u64()
        .and_then(|people| usize::try_from(people).ok())
        .unwrap_or(people);
    let days = days.unwrap_or(if next == 0 { 3 } else { 1 }) as usize;
    let first = Date::parse(FIRST_DAY).ok_or("the first day is no day")?;
    let town = SyntheticCouncil {
        seed: SYNTHETIC_SEED,
        people,
    };
    let mut done = Vec::new();
    for number in next..next + days {
        let date = Date(first.0 + i32::try_from(number)?);
        let batches = synthetic::day_events(&synthetic::CouncilDay {
            council: town,
            number,
            start_millis: date.start_micros() / 1_000,
        });
        done.push(run_full_day(platform, date, batches).await?);
        std::fs::write(
            &file,
            json!({"next_day": number + 1, "people": people}).to_string(),
        )?;
    }
    Ok(done)
}

async fn run_manchester_day(platform: &LocalPlatform, folder: &Path) -> Result<DemoDay, CliError> {
    let date = Date::parse(MANCHESTER_DAY).ok_or("the day is no day")?;
    let events = manchester::read_manchester_events(folder)?;
    run_full_day(
        platform,
        date,
        vec![SourceEvents {
            source: "police-manchester",
            events,
        }],
    )
    .await
}

/// Pushes a day's events, waits until they are landed and transformed, merges and reports.
async fn run_full_day(
    platform: &LocalPlatform,
    date: Date,
    batches: Vec<SourceEvents>,
) -> Result<DemoDay, CliError> {
    let begun = Instant::now();
    // Records are stamped as on that morning.
    platform
        .running
        .clock
        .set_millis(date.start_micros() / 1_000 + DAY_MILLIS / 3);
    eprintln!("{date}");
    let bars = MultiProgress::new();
    let client = PlatformClient::for_api(&platform.api);
    let pushes = batches.iter().map(|batch| {
        push_batch(
            &client,
            batch,
            bars.add(event_progress_bar(batch.events.len() as u64, batch.source)),
        )
    });
    let mut pushed = PushCounts::default();
    for result in futures_util::future::join_all(pushes).await {
        let one = result?;
        pushed.accepted += one.accepted;
        pushed.refused += one.refused;
    }
    let spinner = bars.add(ProgressBar::new_spinner().with_message("landing and transforming"));
    spinner.enable_steady_tick(std::time::Duration::from_millis(100));
    platform.running.wait_until_settled().await;
    spinner.set_message("merging and reporting");
    let (run, report) = run_day::merge_and_report(&client, &date.to_string()).await?;
    spinner.finish_and_clear();
    let seconds = begun.elapsed().as_secs_f64();
    eprintln!(
        "  {} events in {seconds:.1} s",
        pushed.accepted + pushed.refused
    );
    Ok(DemoDay {
        run,
        report,
        pushed,
        seconds,
    })
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

/// The sum of a day's books over all sources.
fn sum_reconciliations(report: &Report) -> SourceReconciliation {
    let mut sum = SourceReconciliation::default();
    for books in report.sources.values() {
        sum.landed += books.landed;
        sum.refined += books.refined;
        sum.ignored += books.ignored;
        *sum.quarantined.entry(String::new()).or_default() += books.quarantined_total();
    }
    sum
}

fn print_demo(done: &[DemoDay], place: &PlatformArgs, seconds: f64) -> Result<(), CliError> {
    println!("\nEvents");
    println!(
        "{:12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12}  books",
        "day", "accepted", "refused", "landed", "refined", "ignored", "quarantined"
    );
    for day in done {
        let books = sum_reconciliations(&day.report);
        let closed = if day.report.all_sources_balance() {
            "close"
        } else {
            "do not close"
        };
        println!(
            "{:12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12}  {closed}",
            day.run.date,
            day.pushed.accepted,
            day.pushed.refused,
            books.landed,
            books.refined,
            books.ignored,
            books.quarantined_total()
        );
    }
    println!("\nRows");
    print!("{:18}", "table");
    done.iter().for_each(|day| print!(" {:>11}", day.run.date));
    println!();
    for (place, table) in done[0].run.tables.iter().enumerate() {
        print!("{:18}", table.table);
        done.iter()
            .for_each(|day| print!(" {:>11}", day.run.tables[place].rows));
        println!();
    }
    println!("\nQuality");
    for day in done {
        let (passed, warned, failed) = day.report.count_verdicts();
        println!(
            "{:12} {passed} rules hold, {warned} warn, {failed} block",
            day.run.date
        );
    }
    let folder = std::path::absolute(&place.dir)?;
    let folder = folder.display();
    println!("\nCurated Parquet  {folder}/s3/curated/curated");
    println!("Report pages     {folder}/s3/site/index.html");
    println!("\nAsk it yourself, with DuckDB:");
    println!("  {}", example_query(done, &folder.to_string()));
    println!("\n{seconds:.1} s in all");
    Ok(())
}

/// A query over the newest day's files, as its manifest names them.
fn example_query(done: &[DemoDay], folder: &str) -> String {
    let files = |table: &str| {
        let manifest = done.last().and_then(|day| day.report.tables.get(table));
        let shards = manifest
            .map(|manifest| manifest.shards.as_slice())
            .unwrap_or_default();
        let names: Vec<String> = shards
            .iter()
            .map(|shard| format!("'{folder}/s3/curated/{}'", shard.rows_key))
            .collect();
        format!("read_parquet([{}])", names.join(", "))
    };
    format!(
        "duckdb -c \"select l.link_type, l.role, count(*) as links, count(distinct p.pole_id) as people from {} l join {} p on p.pole_id = l.from_id group by all order by links desc\"",
        files("link"),
        files("person")
    )
}

fn demo_json(done: &[DemoDay], seconds: f64) -> Value {
    let day = |day: &DemoDay| {
        json!({
            "run": day.run,
            "accepted": day.pushed.accepted,
            "refused": day.pushed.refused,
            "sources": day.report.sources,
            "seconds": day.seconds,
            "books_close": day.report.all_sources_balance(),
        })
    };
    json!({"days": done.iter().map(day).collect::<Vec<_>>(), "seconds": seconds})
}

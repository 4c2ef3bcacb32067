//! `polelake demo`: days of a synthetic council, or the Manchester data, through the full platform.

use std::path::Path;
use std::time::Instant;

use indicatif::{MultiProgress, ProgressBar};
use lake::Day;
use local_platform::private_files::replace_private_file;
use local_platform::synthetic::{self, CouncilDay, SourceEvents, SyntheticCouncil};
use local_platform::{LocalPlatform, PlatformOptions};
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::demo_output::{DemoDay, demo_json, print_demo};
use super::progress::SETTLING;
use super::push::event_progress_bar;
use super::up::describe_missing_topics;
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

pub(crate) async fn run(args: &DemoArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let begun = Instant::now();
    let options = PlatformOptions {
        parts: args.parts.to_parts()?,
        transport: args.parts.transport,
        queue_landing: args.parts.queue_landing,
        ..platform_options(&args.place, 0)?
    };
    let platform = LocalPlatform::start(options).await?;
    if !platform.missing_topics.is_empty() {
        return Err(describe_missing_topics(&platform).into());
    }
    let days = match &args.data {
        Some(folder) => vec![run_manchester_day(&platform, folder, progress).await?],
        None => run_synthetic_days(&platform, args, progress).await?,
    };

    let seconds = begun.elapsed().as_secs_f64();
    if args.json {
        println!("{}", demo_json(&days, seconds));
    } else {
        print_demo(&days, &platform.parts, &args.place.dir, seconds)?;
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
    let mut gathered = GatheredDays::default();
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
        if platform.parts.kafka.is_some() {
            gathered
                .push_day(platform, date, &batches, progress)
                .await?;
            continue;
        }
        days.push(run_full_day(platform, date, batches, progress).await?);
        write_demo_state(&file, number + 1, people)?;
        note_done_days(&days, date, progress);
    }
    if platform.parts.kafka.is_some() {
        days.push(gathered.finish(platform, progress).await?);
        write_demo_state(&file, state.next_day + count, people)?;
    }
    Ok(days)
}

fn write_demo_state(file: &Path, next_day: usize, people: usize) -> Result<(), CliError> {
    let state = DemoState {
        next_day,
        people: Some(people),
    };
    replace_private_file(file, &serde_json::to_vec(&state)?)?;
    Ok(())
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
    if platform.parts.kafka.is_none() {
        return run_full_day(platform, date, vec![batch], progress).await;
    }
    let mut gathered = GatheredDays::default();
    gathered
        .push_day(platform, date, &[batch], progress)
        .await?;
    gathered.finish(platform, progress).await
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

    let pushed = push_and_settle(platform, date, &batches, progress).await?;
    finish_day(platform, date, pushed, begun, progress).await
}

async fn push_and_settle(
    platform: &LocalPlatform,
    date: Day,
    batches: &[SourceEvents],
    progress: &WorkProgress,
) -> Result<PushCounts, CliError> {
    eprintln!("{date}");
    let bars = MultiProgress::new();
    let client = PlatformClient::for_platform(platform);
    let pushed = push_batches(&client, batches, &bars, progress).await?;

    progress.begin_stage(SETTLING);
    platform.running.wait_until_settled().await?;
    Ok(pushed)
}

/// Merges and reports the day of events that are transformed.
async fn finish_day(
    platform: &LocalPlatform,
    date: Day,
    pushed: PushCounts,
    begun: Instant,
    progress: &WorkProgress,
) -> Result<DemoDay, CliError> {
    let client = PlatformClient::for_platform(platform);
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

/// Days over an external Kafka: it stamps every record with the time of now, so that all
/// of them count on one day.
struct GatheredDays {
    begun: Instant,
    pushed: PushCounts,
}

impl Default for GatheredDays {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            pushed: PushCounts::default(),
        }
    }
}

impl GatheredDays {
    async fn push_day(
        &mut self,
        platform: &LocalPlatform,
        date: Day,
        batches: &[SourceEvents],
        progress: &WorkProgress,
    ) -> Result<(), CliError> {
        let pushed = push_and_settle(platform, date, batches, progress).await?;
        self.pushed.accepted += pushed.accepted;
        self.pushed.refused += pushed.refused;
        Ok(())
    }

    async fn finish(
        self,
        platform: &LocalPlatform,
        progress: &WorkProgress,
    ) -> Result<DemoDay, CliError> {
        let today = Day::from_micros(platform.running.clock.now_millis() * 1_000);
        finish_day(platform, today, self.pushed, self.begun, progress).await
    }
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

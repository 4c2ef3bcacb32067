//! `polelake rebuild --from DATE`: days merged again, one after the other, from what lies in the refined zone, or from raw.

use std::time::Duration;

use host::Budget;
use indicatif::{ProgressBar, ProgressStyle};
use lake::{Chunk, Day, Receipt};
use pole_transform::Context as TransformContext;
use serde_json::json;
use snapshot_merge::Context;
use store::streams::{first_chunks, kept_days, receipts};
use trigger::Schedule;

use crate::error::Failed;
use crate::lake_handle::OpenLake;
use crate::place::Lake;
use operations::Zones;

/// Time for one day: nobody's deadline is near.
const DAY_TIME: Duration = Duration::from_secs(24 * 3_600);

/// What to rebuild.
pub(crate) struct Rebuild {
    /// The lake.
    pub(crate) lake: Lake,
    /// The first day.
    pub(crate) from: String,
    /// The last day; the newest that there is, when none is given.
    pub(crate) to: Option<String>,
    /// Only these tables.
    pub(crate) tables: Vec<String>,
    /// Whether raw objects are transformed again first.
    pub(crate) raw: bool,
}

fn day(text: &str) -> Result<Day, Failed> {
    Day::parse(text).ok_or_else(|| format!("`{text}` is not a day; write YYYY-MM-DD").into())
}

impl Rebuild {
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, Failed> {
        let lake = OpenLake::open(&self.lake).await?;
        let zones = &lake.zones;
        let context = lake.merge_context().await?;
        let newest = newest(zones).await?;
        let from = day(&self.from)?;
        let to = match (&self.to, newest) {
            (Some(to), _) => day(to)?,
            (None, Some(newest)) => newest,
            (None, None) => {
                return Err("there is no snapshot yet; say with --to which day is the last".into());
            }
        };
        if to < from {
            return Err(format!("the last day, {to}, is before the first, {from}").into());
        }
        let objects = if self.raw {
            self.transform_again(zones, from, to).await?
        } else {
            0
        };
        let written = self.merge(from, to, &context).await?;
        let later = newest.filter(|newest| *newest > to);
        if as_json {
            let later = later.map(|day| day.to_string());
            println!(
                "{}",
                json!({"from": from.to_string(), "to": to.to_string(), "raw_objects": objects, "manifests_written": written, "later_days_until": later})
            );
        } else {
            println!(
                "{from} to {to}: {objects} raw objects transformed again, {written} manifests are new"
            );
            if let Some(later) = later {
                println!(
                    "the days after {to}, up to {later}, stand on what was; rebuild without --to to renew them too"
                );
            }
        }
        Ok(true)
    }

    /// Merges every day; gives how many manifests are not what they were.
    async fn merge(&self, from: Day, to: Day, context: &Context) -> Result<usize, Failed> {
        let days = from.0..=to.0;
        let bar = bar(days.clone().count() as u64, "days");
        let mut written = 0;
        for day in days {
            let (date, tables) = (Some(Day(day).to_string()), self.tables.clone());
            let schedule = Schedule {
                date,
                tables,
                ..Schedule::default()
            };
            let run = snapshot_merge::handle(&schedule, context, Budget::lasting(DAY_TIME)).await?;
            written += run.tables.iter().filter(|table| table.written).count();
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(written)
    }

    /// Transforms the raw objects anew that hold records of the days.
    async fn transform_again(&self, zones: &Zones, from: Day, to: Day) -> Result<usize, Failed> {
        let context = TransformContext {
            raw: zones.raw.clone(),
            refined: zones.refined.clone(),
            catalogue: zones.catalogue.clone(),
        };
        let chunks = self.chunks(zones, from, to).await?;
        let bar = bar(chunks.len() as u64, "raw objects");
        for chunk in &chunks {
            pole_transform::transform_again(chunk, &context).await?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(chunks.len())
    }

    /// The transformed raw objects of the topics that fill the tables, with records of the days.
    async fn chunks(&self, zones: &Zones, from: Day, to: Day) -> Result<Vec<Chunk>, Failed> {
        let mut chunks = Vec::new();
        for topic in self.topics(zones)? {
            for first in first_chunks(&topic, &*zones.raw).await? {
                let wanted = receipts(&first, &*zones.refined).await?;
                let wanted = wanted
                    .into_iter()
                    .filter(|receipt| meets(receipt, from, to));
                chunks.extend(wanted.map(|receipt| Chunk {
                    offset: receipt.offset,
                    ..first.clone()
                }));
            }
        }
        Ok(chunks)
    }

    fn topics(&self, zones: &Zones) -> Result<Vec<String>, Failed> {
        let catalogue = &zones.catalogue;
        if let Some(unknown) = self
            .tables
            .iter()
            .find(|table| catalogue.table(table).is_none())
        {
            return Err(format!("there is no table `{unknown}`").into());
        }
        let asked =
            |table: &str| self.tables.is_empty() || self.tables.iter().any(|asked| asked == table);
        let tables = catalogue.tables.iter().filter(|table| asked(&table.name));
        let mut topics: Vec<String> = tables
            .flat_map(|table| catalogue.topics_of(&table.name))
            .map(str::to_owned)
            .collect();
        topics.sort();
        topics.dedup();
        Ok(topics)
    }
}

/// Whether a raw object holds records of the days.
fn meets(receipt: &Receipt, from: Day, to: Day) -> bool {
    let days = || {
        receipt
            .days
            .iter()
            .filter_map(|start| Day::parse(&start.date))
    };
    days().min().is_some_and(|first| first <= to) && days().max().is_some_and(|last| last >= from)
}

/// The newest day of any table.
async fn newest(zones: &Zones) -> Result<Option<Day>, Failed> {
    let mut newest = None;
    for table in &zones.catalogue.tables {
        newest = newest.max(
            kept_days(&table.name, &*zones.curated)
                .await?
                .last()
                .copied(),
        );
    }
    Ok(newest)
}

fn bar(length: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    let bar = ProgressBar::new(length).with_message(what.to_owned());
    style
        .map(|style| bar.clone().with_style(style))
        .unwrap_or(bar)
}

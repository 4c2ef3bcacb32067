//! `polelake rebuild --from DATE`: days merged again, one after the other, from what lies in the refined zone, or from raw.

use std::time::Duration;

use host::TimeBudget;
use indicatif::{ProgressBar, ProgressStyle};
use lake::{Chunk, Day, Receipt};
use pole_transform::Context as TransformContext;
use serde_json::json;
use snapshot_merge::Context;
use store::streams::{find_first_chunks, list_manifest_days, read_receipts};
use trigger::ScheduleRequest;

use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::place::LakeArgs;
use operations::LakeHandle;

/// Time for one day: nobody's deadline is near.
const DAY_BUDGET: Duration = Duration::from_secs(24 * 3_600);

/// What to rebuild.
pub(crate) struct RebuildCommand {
    /// The lake.
    pub(crate) lake: LakeArgs,
    /// The first day.
    pub(crate) from: String,
    /// The last day; the newest that there is, when none is given.
    pub(crate) to: Option<String>,
    /// Only these tables.
    pub(crate) tables: Vec<String>,
    /// Whether raw objects are transformed again first.
    pub(crate) raw: bool,
}

fn parse_date(text: &str) -> Result<Day, CliError> {
    Day::parse(text).ok_or_else(|| format!("`{text}` is not a day; write YYYY-MM-DD").into())
}

impl RebuildCommand {
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, CliError> {
        let lake = OpenLake::open(&self.lake).await?;
        let zones = &lake.zones;
        let context = lake.merge_context().await?;
        let newest = newest_day(zones).await?;
        let from = parse_date(&self.from)?;
        let to = match (&self.to, newest) {
            (Some(to), _) => parse_date(to)?,
            (None, Some(newest)) => newest,
            (None, None) => {
                return Err("there is no snapshot yet; say with --to which day is the last".into());
            }
        };
        if to < from {
            return Err(format!("the last day, {to}, is before the first, {from}").into());
        }
        let objects = if self.raw {
            self.retransform_days(zones, from, to).await?
        } else {
            0
        };
        let written = self.merge_days(from, to, &context).await?;
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
    async fn merge_days(&self, from: Day, to: Day, context: &Context) -> Result<usize, CliError> {
        let days = from.0..=to.0;
        let bar = count_progress_bar(days.clone().count() as u64, "days");
        let mut written = 0;
        for day in days {
            let (date, tables) = (Some(Day(day).to_string()), self.tables.clone());
            let schedule = ScheduleRequest {
                date,
                tables,
                ..ScheduleRequest::default()
            };
            let run =
                snapshot_merge::handle(&schedule, context, TimeBudget::lasting_for(DAY_BUDGET))
                    .await?;
            written += run.tables.iter().filter(|table| table.written).count();
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(written)
    }

    /// Transforms the raw objects anew that hold records of the days.
    async fn retransform_days(
        &self,
        zones: &LakeHandle,
        from: Day,
        to: Day,
    ) -> Result<usize, CliError> {
        let context = TransformContext {
            raw: zones.raw.clone(),
            refined: zones.refined.clone(),
            catalogue: zones.catalogue.clone(),
        };
        let chunks = self.affected_chunks(zones, from, to).await?;
        let bar = count_progress_bar(chunks.len() as u64, "raw objects");
        for chunk in &chunks {
            pole_transform::retransform_chunk(chunk, &context).await?;
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(chunks.len())
    }

    /// The transformed raw objects of the topics that fill the tables, with records of the days.
    async fn affected_chunks(
        &self,
        zones: &LakeHandle,
        from: Day,
        to: Day,
    ) -> Result<Vec<Chunk>, CliError> {
        let mut chunks = Vec::new();
        for topic in self.source_topics(zones)? {
            for first in find_first_chunks(&topic, &*zones.raw).await? {
                let wanted = read_receipts(&first, &*zones.refined).await?;
                let wanted = wanted
                    .into_iter()
                    .filter(|receipt| has_records_within(receipt, from, to));
                chunks.extend(wanted.map(|receipt| Chunk {
                    offset: receipt.offset,
                    ..first.clone()
                }));
            }
        }
        Ok(chunks)
    }

    fn source_topics(&self, zones: &LakeHandle) -> Result<Vec<String>, CliError> {
        let catalogue = &zones.catalogue;
        if let Some(unknown) = self
            .tables
            .iter()
            .find(|table| catalogue.table_contract(table).is_none())
        {
            return Err(format!("there is no table `{unknown}`").into());
        }
        let asked =
            |table: &str| self.tables.is_empty() || self.tables.iter().any(|asked| asked == table);
        let tables = catalogue.tables.iter().filter(|table| asked(&table.name));
        let mut topics: Vec<String> = tables
            .flat_map(|table| catalogue.topics_of_table(&table.name))
            .map(str::to_owned)
            .collect();
        topics.sort();
        topics.dedup();
        Ok(topics)
    }
}

/// Whether a raw object holds records of the days.
fn has_records_within(receipt: &Receipt, from: Day, to: Day) -> bool {
    let days = || {
        receipt
            .days
            .iter()
            .filter_map(|start| Day::parse(&start.date))
    };
    days().min().is_some_and(|first| first <= to) && days().max().is_some_and(|last| last >= from)
}

/// The newest day of any table.
async fn newest_day(zones: &LakeHandle) -> Result<Option<Day>, CliError> {
    let mut newest = None;
    for table in &zones.catalogue.tables {
        newest = newest.max(
            list_manifest_days(&table.name, &*zones.curated)
                .await?
                .last()
                .copied(),
        );
    }
    Ok(newest)
}

fn count_progress_bar(length: u64, what: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {msg}");
    let bar = ProgressBar::new(length).with_message(what.to_owned());
    style
        .map(|style| bar.clone().with_style(style))
        .unwrap_or(bar)
}

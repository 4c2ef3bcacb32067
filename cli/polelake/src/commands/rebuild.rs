//! `polelake rebuild`: merges days again, with the merge's and the transform's own code.

use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;
use lake::Day;
use operations::rebuild::{
    RebuildOutcome, RebuildProgress, RebuildRequest, SkippedDay, rebuild_days,
};
use serde_json::{Map, Value, json};

use super::declare_lost::print_declared;
use super::progress::styled_bar;
use super::unreadable::print_unreadable;
use crate::args::lake::RebuildArgs;
use crate::error::CliError;
use crate::function_rebuilder::{FunctionRebuilder, RemadeReports, UnmadeReport};
use crate::open_lake::OpenLake;
use crate::work_progress::{BarWords, WorkProgress};

/// Lines about raw objects at most, where no bar can be drawn.
const RAW_LINES: usize = 20;

pub(crate) async fn run(args: &RebuildArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let lake = OpenLake::open_with_identity_key(&args.lake).await?;
    let rebuilder = FunctionRebuilder::of_lake(&lake).await?;
    let request = RebuildRequest {
        from: args.from,
        to: args.to,
        today: Day::from_micros(host::now_micros()),
        tables: args.tables.clone(),
        raw: args.raw,
    };

    let shown = ShownRebuild::new(args.raw, progress);
    let show_progress = |progress| shown.show(progress);
    let outcome = rebuild_days(&lake.handle, &request, &rebuilder, &show_progress).await?;
    shown.bar.finish_and_clear();

    let reports = rebuilder.into_reports();
    if args.json {
        println!("{}", outcome_json(&outcome, &reports)?);
    } else {
        print_outcome(&outcome);
        print_reports(&outcome, &reports);
    }
    Ok(outcome.is_complete() && reports.failed.is_empty())
}

/// The outcome with the days whose reports were made again, and those whose reports were not.
fn outcome_json(outcome: &RebuildOutcome, reports: &RemadeReports) -> Result<Value, CliError> {
    let mut told = serde_json::to_value(outcome)?;
    told["reported"] = json!(reports.days);
    if !reports.failed.is_empty() {
        told["not_reported"] = json!(reports.failed);
    }
    Ok(told)
}

/// The progress as the operator sees it: a bar on a terminal, lines otherwise.
struct ShownRebuild<'r> {
    bar: ProgressBar,
    progress: &'r WorkProgress,
    is_raw: bool,
    done_days: Mutex<Vec<Day>>,
}

impl<'r> ShownRebuild<'r> {
    fn new(is_raw: bool, progress: &'r WorkProgress) -> Self {
        let bar = styled_bar(0, "{bar:30} {pos}/{len} {msg}");
        Self {
            bar: progress.add_bar(bar.with_message("days"), BarWords::Share),
            progress,
            is_raw,
            done_days: Mutex::default(),
        }
    }

    fn show(&self, progress: RebuildProgress) {
        let (done, total, what, line) = match progress {
            RebuildProgress::RawObjects { done, total } => {
                let line = format!("{done} of {total} raw objects are transformed again");
                let is_step = done == total || done % total.div_ceil(RAW_LINES).max(1) == 0;
                (done, total, "raw objects", is_step.then_some(line))
            }
            RebuildProgress::Days { day, done, total } => {
                self.note_day(day);
                let line = format!("{day} is merged again, {done} of {total} days");
                (done, total, "days", Some(line))
            }
        };

        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        self.bar.set_message(what);
        if let Some(line) = line {
            self.progress.tell_line(&line);
        }
    }

    fn note_day(&self, day: Day) {
        let days = self.done_days.lock();
        let mut days = days.unwrap_or_else(PoisonError::into_inner);
        days.push(day);

        let named: Vec<String> = days.iter().map(ToString::to_string).collect();
        let details = Map::from_iter([("days".to_owned(), json!(named))]);
        let text = describe_done_days(self.is_raw, &named, day);
        self.progress.note_done(text, details);
    }
}

/// Which days are done when the operator stops, and how to go on. A table commits a day alone: the
/// day that was being merged is finished by its next merge.
fn describe_done_days(is_raw: bool, days: &[String], last: Day) -> String {
    let without_raw = if is_raw { ", without `--raw`," } else { "" };
    format!(
        "merged again are {}; the same command{without_raw} from `--from {}` on does \
         the rest",
        days.join(", "),
        last.next()
    )
}

fn print_outcome(outcome: &RebuildOutcome) {
    let RebuildOutcome {
        from,
        to,
        days,
        raw_objects,
        manifests_written,
        roots,
        later_days_until,
        declared_lost,
        skipped,
        unreadable,
    } = outcome;
    println!(
        "{from} to {to}: {raw_objects} raw objects transformed again, {} days merged again, \
         {manifests_written} manifests changed",
        days.len()
    );
    for (day, root) in roots {
        println!("root of {day}: {root}");
    }
    if let Some(later) = later_days_until {
        println!(
            "the days after {to}, up to {later}, are still built on the old state; rebuild without \
             --to to renew them too"
        );
    }

    print_declared(declared_lost);
    if !declared_lost.is_empty() {
        println!("the days have the rows that were made of them before, as far as those are kept");
    }
    for SkippedDay {
        table,
        date,
        object,
    } in skipped
    {
        println!("{date} of {table} stays as it was: it needs {object}");
    }
    print_unreadable(unreadable);
}

fn print_reports(outcome: &RebuildOutcome, reports: &RemadeReports) {
    let RemadeReports { days, failed } = reports;
    if !days.is_empty() {
        println!(
            "the reports and the pages of {} days are made again",
            days.len()
        );
    }
    for UnmadeReport { date, cause } in failed {
        println!(
            "the report of {date} stays as it was: {cause}; `polelake rebuild --from {date} --to \
             {date}` makes it once that is fixed"
        );
    }
    if days.is_empty() && failed.is_empty() && !outcome.days.is_empty() {
        println!(
            "the reports stay as they were: SITE_BUCKET names the bucket of the pages \
             (docs/runbook.md); set it, and run the same command again"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interruption_names_the_days_that_are_done_and_the_next() {
        let days = ["2026-03-02", "2026-03-04"].map(str::to_owned);
        let last = Day::parse("2026-03-04").unwrap();
        let said = describe_done_days(true, &days, last);
        for part in [
            "2026-03-02, 2026-03-04",
            "without `--raw`",
            "--from 2026-03-05",
        ] {
            assert!(said.contains(part), "{said}");
        }
    }
}

//! `polelake quality report`.

use std::path::Path;

use bytes::Bytes;
use lake::{Day, RuleResult, Verdict, junit_key, report_key};
use quality_report::{Report, TrendState};
use serde_json::json;
use store::ObjectStore;

use super::audit::day;
use crate::error::Failed;
use crate::lake_handle::OpenLake;
use crate::place::Lake;

pub(crate) async fn report(
    lake: &Lake,
    date: &str,
    junit: Option<&Path>,
    as_json: bool,
) -> Result<bool, Failed> {
    let date = day(Some(date))?.ok_or("a day is missing; write it as 2026-03-02")?;
    let lake = OpenLake::open(lake).await?;
    let zones = &lake.zones;
    let site = zones
        .site
        .as_deref()
        .ok_or("with --aws, SITE_BUCKET names the site's bucket")?;
    let report: Report = serde_json::from_slice(&read(site, &report_key(date), date).await?)?;
    let standard_output = Path::new("-");
    if let Some(file) = junit {
        let xml = read(site, &junit_key(date), date).await?;
        if file == standard_output {
            print!("{}", String::from_utf8_lossy(&xml));
        } else {
            std::fs::write(file, &xml).map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    if as_json {
        println!("{}", serde_json::to_string_pretty(&told(&report))?);
    } else if junit != Some(standard_output) {
        print(&report);
    }
    let (.., failed) = report.verdicts();
    Ok(failed == 0)
}

async fn read(site: &dyn ObjectStore, key: &str, date: Day) -> Result<Bytes, Failed> {
    match site.get(key).await {
        Ok(object) => Ok(object.body),
        Err(error) if error.is_not_found() => Err(format!(
            "there is no {key}: {date} was not reported; `polelake run-day {date}` does it"
        )
        .into()),
        Err(error) => Err(error.into()),
    }
}

/// The rules that do not hold, with their tables; those that block first.
fn broken(report: &Report) -> Vec<(&str, &RuleResult)> {
    let of = |verdict: Verdict| {
        let tables = report.tables.iter();
        let rules = tables.flat_map(|(table, manifest)| {
            manifest
                .rules
                .iter()
                .map(move |rule| (table.as_str(), rule))
        });
        rules.filter(move |(_, rule)| rule.verdict == verdict)
    };
    of(Verdict::Fail).chain(of(Verdict::Warn)).collect()
}

fn told(report: &Report) -> serde_json::Value {
    let (passed, warned, failed) = report.verdicts();
    let broken: Vec<_> = broken(report)
        .into_iter()
        .map(|(table, rule)| json!({"table": table, "result": rule}))
        .collect();
    json!({
        "date": report.date,
        "rules": {"passed": passed, "warned": warned, "failed": failed},
        "books_close": report.books_close(),
        "broken": broken,
        "trends": report.trends,
    })
}

fn print(report: &Report) {
    let broken = broken(report);
    if !broken.is_empty() {
        println!(
            "{:20} {:7} {:>10} {:>11}  {:18} rule",
            "table", "", "failed", "of", "target"
        );
    }
    for (table, rule) in &broken {
        let word = if rule.verdict == Verdict::Fail {
            "blocks"
        } else {
            "warns"
        };
        println!(
            "{table:20} {word:7} {:>10} {:>11}  {:18} {}: {}",
            rule.failed, rule.checked, rule.target, rule.rule, rule.description
        );
    }
    for trend in report
        .trends
        .iter()
        .filter(|trend| trend.state == TrendState::Unusual)
    {
        let usual = trend
            .expected
            .map(|(least, most)| format!(", usually {least} to {most}"));
        let column = trend
            .column
            .as_deref()
            .map(|column| format!(" of {column}"))
            .unwrap_or_default();
        println!(
            "{} is unusual: {}{column} is {}{}",
            trend.dataset,
            trend.metric,
            trend.observed,
            usual.unwrap_or_default()
        );
    }
    let (passed, warned, failed) = report.verdicts();
    let books = if report.books_close() {
        "close"
    } else {
        "do not close"
    };
    println!(
        "{}: {passed} rules hold, {warned} warn, {failed} block; the books {books}",
        report.date
    );
}

//! `polelake quality report`.

use std::path::Path;

use bytes::Bytes;
use lake::{Day, RuleResult, RuleVerdict, junit_key, report_key};
use quality_report::{Report, TrendState};
use serde_json::json;
use store::ObjectStore;

use super::audit::parse_optional_date;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::place::LakeArgs;

pub(crate) async fn show_report(
    lake: &LakeArgs,
    date: &str,
    junit: Option<&Path>,
    as_json: bool,
) -> Result<bool, CliError> {
    let date =
        parse_optional_date(Some(date))?.ok_or("a day is missing; write it as 2026-03-02")?;
    let lake = OpenLake::open(lake).await?;
    let zones = &lake.zones;
    let site = zones
        .site
        .as_deref()
        .ok_or("with --aws, SITE_BUCKET names the site's bucket")?;
    let report = Report::from_json(&read_site_object(site, &report_key(date), date).await?)?;
    let standard_output = Path::new("-");
    if let Some(file) = junit {
        let xml = read_site_object(site, &junit_key(date), date).await?;
        if file == standard_output {
            print!("{}", String::from_utf8_lossy(&xml));
        } else {
            std::fs::write(file, &xml).map_err(|error| format!("{}: {error}", file.display()))?;
        }
    }
    if as_json {
        println!("{}", serde_json::to_string_pretty(&report_json(&report))?);
    } else if junit != Some(standard_output) {
        print_report(&report);
    }
    let (.., failed) = report.count_verdicts();
    Ok(failed == 0)
}

async fn read_site_object(site: &dyn ObjectStore, key: &str, date: Day) -> Result<Bytes, CliError> {
    let Some(object) = site.get_if_present(key).await? else {
        let why = format!(
            "there is no {key}: {date} was not reported; `polelake run-day {date}` does it"
        );
        return Err(why.into());
    };

    Ok(object.body)
}

/// The rules that do not hold, with their tables; those that block first.
fn unmet_rules(report: &Report) -> Vec<(&str, &RuleResult)> {
    let of = |verdict: RuleVerdict| {
        let tables = report.tables.iter();
        let rules = tables.flat_map(|(table, manifest)| {
            manifest
                .rules
                .iter()
                .map(move |rule| (table.as_str(), rule))
        });
        rules.filter(move |(_, rule)| rule.verdict == verdict)
    };
    of(RuleVerdict::Fail).chain(of(RuleVerdict::Warn)).collect()
}

fn report_json(report: &Report) -> serde_json::Value {
    let (passed, warned, failed) = report.count_verdicts();
    let broken: Vec<_> = unmet_rules(report)
        .into_iter()
        .map(|(table, rule)| json!({"table": table, "result": rule}))
        .collect();
    json!({
        "date": report.date,
        "rules": {"passed": passed, "warned": warned, "failed": failed},
        "books_close": report.all_sources_balance(),
        "broken": broken,
        "trends": report.trends,
    })
}

fn print_report(report: &Report) {
    let broken = unmet_rules(report);
    if !broken.is_empty() {
        println!(
            "{:20} {:7} {:>10} {:>11}  {:18} rule",
            "table", "", "failed", "of", "target"
        );
    }
    for (table, rule) in &broken {
        let word = if rule.verdict == RuleVerdict::Fail {
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
    let (passed, warned, failed) = report.count_verdicts();
    let books = if report.all_sources_balance() {
        "close"
    } else {
        "do not close"
    };
    println!(
        "{}: {passed} rules hold, {warned} warn, {failed} block; the books {books}",
        report.date
    );
}

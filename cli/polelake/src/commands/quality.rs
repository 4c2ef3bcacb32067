//! `polelake quality report`.

use std::path::Path;

use lake::{RuleResult, RuleVerdict, report_key};
use operations::reports::{read_junit, read_report};
use quality_report::{Report, Trend, TrendState};
use serde_json::{Value, json};

use super::verdicts::{balance_label, failure_label};
use crate::args::quality::QualityReportArgs;
use crate::error::CliError;
use crate::named_file::write_file;
use crate::open_lake::OpenLake;

/// The file name of standard output.
const STANDARD_OUTPUT: &str = "-";

pub(crate) async fn show_report(args: &QualityReportArgs) -> Result<bool, CliError> {
    let lake = OpenLake::open(&args.lake).await?;
    let stored = read_report(&lake.handle, args.date).await?;
    let report: Report = serde_json::from_slice(&stored).map_err(|error| {
        let (key, day) = (report_key(args.date), args.date);
        format!(
            "{key} of the site cannot be read: {error}; move it away, and `polelake run-day {day}` \
             writes it again"
        )
    })?;
    if let Some(file) = &args.junit {
        write_junit(file, &read_junit(&lake.handle, args.date).await?)?;
    }

    let is_output_taken = args.junit.as_deref() == Some(Path::new(STANDARD_OUTPUT));
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report_json(&report))?);
    } else if !is_output_taken {
        print_report(&report);
    }
    let (.., failed) = report.count_verdicts();
    Ok(failed == 0)
}

fn write_junit(file: &Path, xml: &[u8]) -> Result<(), CliError> {
    if file == Path::new(STANDARD_OUTPUT) {
        print!("{}", String::from_utf8_lossy(xml));
        return Ok(());
    }

    write_file(file, xml)
}

/// The rules that did not pass, with their tables; those that block first.
pub(super) fn unmet_rules(report: &Report) -> Vec<(&str, &RuleResult)> {
    let mut unmet = Vec::new();
    for verdict in [RuleVerdict::Fail, RuleVerdict::Warn] {
        for (table, manifest) in &report.tables {
            let rules = manifest.rules.iter();
            let of_verdict = rules.filter(|rule| rule.verdict == verdict);
            unmet.extend(of_verdict.map(|rule| (table.as_str(), rule)));
        }
    }
    unmet
}

/// The rules that did not pass, for programs.
pub(super) fn broken_rules_json(report: &Report) -> Vec<Value> {
    unmet_rules(report)
        .into_iter()
        .map(|(table, rule)| json!({"table": table, "result": rule}))
        .collect()
}

fn report_json(report: &Report) -> Value {
    let (passed, warned, failed) = report.count_verdicts();
    json!({
        "date": report.date,
        "rules": {"passed": passed, "warned": warned, "failed": failed},
        "balanced": report.all_sources_balance(),
        "broken": broken_rules_json(report),
        "trends": report.trends,
    })
}

fn print_report(report: &Report) {
    print_unmet_rules(&unmet_rules(report));
    if report.tables.is_empty() {
        println!(
            "No table had a snapshot of {} when it was reported.",
            report.date
        );
    }
    let trends = report.trends.iter();
    trends
        .filter(|trend| trend.state == TrendState::Unusual)
        .for_each(print_trend);

    let (passed, warned, failed) = report.count_verdicts();
    let balance = balance_label(report.all_sources_balance());
    println!(
        "{}: {passed} rules passed, {warned} warn, {failed} block; the reconciliation is {balance}",
        report.date
    );
}

pub(super) fn print_unmet_rules(unmet: &[(&str, &RuleResult)]) {
    if unmet.is_empty() {
        return;
    }

    println!(
        "{:20} {:7} {:>10} {:>11}  {:18} rule",
        "table", "", "failed", "of", "target"
    );
    for (table, rule) in unmet {
        let label = failure_label(rule.verdict);
        println!(
            "{table:20} {label:7} {:>10} {:>11}  {:18} {}: {}",
            rule.failed, rule.checked, rule.target, rule.rule, rule.description
        );
    }
}

fn print_trend(trend: &Trend) {
    let column = match &trend.column {
        Some(column) => format!(" of {column}"),
        None => String::new(),
    };
    let usual = match trend.expected {
        Some((minimum, maximum)) => format!(", usually {minimum} to {maximum}"),
        None => String::new(),
    };
    println!(
        "{} is unusual: {}{column} is {}{usual}",
        trend.dataset, trend.metric, trend.observed
    );
}

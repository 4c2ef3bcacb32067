//! A table's results of a day in the shape that datacontract-cli gives its own, so that what reads those reads ours.

use contract::{Catalogue, Demand, Rule, TableContract};
use lake::{Day, RuleResult, Verdict};
use serde::Serialize;
use serde_json::{Value, json};

use super::midnight;
use crate::report::{Report, Trend, TrendState};
use crate::words::{finding, observation};

/// The results of one table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Run {
    run_id: String,
    data_contract_id: String,
    data_contract_version: String,
    /// The zone that was looked at.
    server: &'static str,
    timestamp_start: String,
    timestamp_end: String,
    pub(super) result: Outcome,
    pub(super) checks: Vec<Check>,
    /// There are none: what was logged is no function of the day.
    logs: [(); 0],
    #[serde(skip)]
    pub(super) table: String,
}

/// One rule's result, or one metric beside its usual range.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Check {
    pub(super) id: String,
    category: &'static str,
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) name: String,
    model: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// Of the rules that a contract writes out under this id.
    #[serde(skip_serializing_if = "Option::is_none")]
    quality_id: Option<String>,
    engine: &'static str,
    pub(super) result: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    diagnostics: Value,
}

/// What a check comes to, in datacontract-cli's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Outcome {
    /// It holds.
    Passed,
    /// It does not, and somebody should look.
    Warning,
    /// It does not, and readers do not get the day.
    Failed,
    /// There was nothing to run it on that there should have been.
    Error,
    /// It does not hold, and somebody has said why.
    Info,
    /// It looked at nothing.
    Skipped,
    /// Nothing was run.
    Unknown,
}

/// The day's results of every table that a source fills.
pub(super) fn runs(report: &Report, day: Day, catalogue: &Catalogue) -> Vec<Run> {
    let due = |table: &&TableContract| {
        report.tables.contains_key(&table.name) || !catalogue.topics_of(&table.name).is_empty()
    };
    catalogue
        .tables
        .iter()
        .filter(due)
        .map(|table| run(table, report, day))
        .collect()
}

fn run(table: &TableContract, report: &Report, day: Day) -> Run {
    let manifest = report.tables.get(&table.name);
    let mut checks = vec![published(table, manifest.is_some())];
    let results = manifest.into_iter().flat_map(|manifest| &manifest.rules);
    checks.extend(results.map(|result| of_rule(result, table)));
    let dataset = format!("table/{}", table.name);
    let trends = report
        .trends
        .iter()
        .filter(|trend| trend.dataset == dataset);
    checks.extend(trends.map(|trend| of_trend(trend, table)));
    let version = manifest.map_or(&table.version, |manifest| &manifest.contract_version);
    Run {
        run_id: pole::content_id(format!("quality/{}/{day}", table.name).as_bytes()).to_string(),
        data_contract_id: table.id.clone(),
        data_contract_version: version.clone(),
        server: "curated",
        timestamp_start: midnight(day),
        timestamp_end: midnight(day.next()),
        result: whole(&checks),
        checks,
        logs: [],
        table: table.name.clone(),
    }
}

/// The worst of the checks, as datacontract-cli reckons it.
fn whole(checks: &[Check]) -> Outcome {
    let worst = [
        Outcome::Error,
        Outcome::Failed,
        Outcome::Warning,
        Outcome::Passed,
    ];
    let found = worst
        .into_iter()
        .find(|outcome| checks.iter().any(|check| check.result == *outcome));
    found.unwrap_or(Outcome::Unknown)
}

fn published(table: &TableContract, there: bool) -> Check {
    Check {
        id: format!("{}-snapshot-exists", table.name),
        category: "servicelevel",
        kind: "snapshot".into(),
        name: format!("{} has a snapshot of the day", table.name),
        model: table.name.clone(),
        field: None,
        quality_id: None,
        engine: ENGINE,
        result: if there {
            Outcome::Passed
        } else {
            Outcome::Error
        },
        reason: (!there).then(|| "there is no snapshot of the day, so no rule was run".into()),
        diagnostics: json!({"dimension": "timeliness"}),
    }
}

fn of_rule(result: &RuleResult, table: &TableContract) -> Check {
    let rule = table.rules.iter().find(|rule| rule.id == result.rule);
    let written = table.writes_out(&result.rule);
    let outcome = match result.verdict {
        Verdict::Fail => Outcome::Failed,
        Verdict::Warn => Outcome::Warning,
        Verdict::Pass if result.checked == 0 => Outcome::Skipped,
        Verdict::Pass => Outcome::Passed,
    };
    let reason = match outcome {
        Outcome::Passed => None,
        Outcome::Skipped => Some("no row has a value that it looks at".into()),
        _ => Some(finding(result, "the rule")),
    };
    Check {
        id: result.rule.clone(),
        category: if written { "quality" } else { "schema" },
        kind: rule.map_or("rule", kind).into(),
        name: result.description.clone(),
        model: table.name.clone(),
        field: result.column.clone(),
        quality_id: written.then(|| result.rule.clone()),
        engine: ENGINE,
        result: outcome,
        reason,
        diagnostics: json!({
            "failed": result.failed, "checked": result.checked, "target": result.target,
            "dimension": result.dimension, "severity": result.severity,
        }),
    }
}

fn of_trend(trend: &Trend, table: &TableContract) -> Check {
    let place = trend
        .column
        .iter()
        .chain([&trend.metric])
        .map(String::as_str);
    let result = match trend.state {
        TrendState::Usual => Outcome::Passed,
        TrendState::Unusual => Outcome::Warning,
        TrendState::Young => Outcome::Skipped,
        TrendState::Acknowledged => Outcome::Info,
    };
    let reason = match trend.state {
        TrendState::Usual => None,
        TrendState::Unusual => Some(observation(trend)),
        TrendState::Young => Some("there are too few days to compare with".into()),
        TrendState::Acknowledged => Some(format!("{}; somebody has said why", observation(trend))),
    };
    Check {
        id: place.fold(format!("{}-trend", table.name), |id, part| {
            format!("{id}-{part}")
        }),
        category: "anomaly",
        kind: format!("trend_{}", trend.metric),
        name: format!("the usual range of {}", trend.metric.replace('_', " ")),
        model: table.name.clone(),
        field: trend.column.clone(),
        quality_id: None,
        engine: ENGINE,
        result,
        reason,
        diagnostics: json!({
            "observed": trend.observed, "compared": trend.compared, "dimension": trend.dimension,
            "expected": trend.expected.map(|(least, greatest)| json!({"least": least, "greatest": greatest})),
        }),
    }
}

/// Who ran the checks.
const ENGINE: &str = "polelake";

/// The kind of a rule; datacontract-cli's own name, where it has such a check.
pub(super) fn kind(rule: &Rule) -> &'static str {
    match &rule.demand {
        Demand::Filled(_) if rule.column.is_some() => "field_required",
        Demand::Filled(_) => "row_required",
        Demand::OneOf(..) => "field_enum",
        Demand::Pattern(..) => "field_regex",
        Demand::Length(..) => "field_length",
        Demand::Check(..) => "field_check",
        Demand::NotFuture(_) => "field_not_future",
        Demand::NotBefore(..) => "field_not_before",
        Demand::AgeAtMost(..) => "field_age",
        Demand::References(..) => "field_reference",
        Demand::Compare(..) => "field_comparison",
        Demand::Agrees(_) => "field_reconciliation",
        Demand::Unique(_) if rule.column.is_some() => "field_unique",
        Demand::Unique(_) => "model_duplicate_values",
        Demand::Fresh(_) => "servicelevel_freshness",
        Demand::AtLeast(..) => "row_at_least",
        Demand::ExactlyOne(_) => "row_exactly_one",
        Demand::If(..) => "row_condition",
        Demand::All(_) => "row_all",
        Demand::Linked(_) => "row_linked",
        Demand::UniqueKey => "primary_key_unique",
        Demand::RowCount => "row_count",
    }
}

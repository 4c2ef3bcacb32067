//! A table's results of a day in the format of datacontract-cli, so that programs which read its
//! results can read these.

use contract::{Catalogue, Rule, TableContract};
use lake::{Day, RuleResult, RuleVerdict};
use serde::Serialize;
use serde_json::{Value, json};

use super::format_midnight;
use crate::report::{Report, Trend, TrendState};
use crate::wording::{describe_finding, describe_trend};

/// The results of one table.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatacontractRun {
    run_id: String,
    data_contract_id: String,
    data_contract_version: String,
    /// The zone that was checked.
    server: &'static str,
    timestamp_start: String,
    timestamp_end: String,
    pub(super) result: DatacontractOutcome,
    pub(super) checks: Vec<DatacontractCheck>,
    /// Always empty: logs are no function of the day.
    logs: [(); 0],
    #[serde(skip)]
    pub(super) table: String,
}

/// One rule's result, or one metric beside its usual range.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DatacontractCheck {
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
    pub(super) result: DatacontractOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<String>,
    diagnostics: Value,
}

/// The outcome of a check, in datacontract-cli's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum DatacontractOutcome {
    /// It holds.
    Passed,
    /// It does not hold, and an operator should look.
    Warning,
    /// It does not hold, and readers do not get the day.
    Failed,
    /// It could not be run: the snapshot is missing.
    Error,
    /// It does not hold, and `contracts/incidents.yaml` says why.
    Info,
    /// No row had a value to check.
    Skipped,
    /// No check was run.
    Unknown,
}

/// The day's results of every table that has a snapshot or that a source fills.
pub(super) fn table_runs(report: &Report, day: Day, catalogue: &Catalogue) -> Vec<DatacontractRun> {
    let expected_tables = catalogue.tables.iter().filter(|table| {
        report.tables.contains_key(&table.name)
            || !catalogue.topics_of_table(&table.name).is_empty()
    });

    expected_tables
        .map(|table| table_run(table, report, day))
        .collect()
}

fn table_run(table: &TableContract, report: &Report, day: Day) -> DatacontractRun {
    let manifest = report.tables.get(&table.name);
    let mut checks = vec![snapshot_check(table, manifest.is_some())];
    let results = manifest.into_iter().flat_map(|manifest| &manifest.rules);
    checks.extend(results.map(|result| rule_check(result, table)));

    let dataset = format!("table/{}", table.name);
    let trends = report
        .trends
        .iter()
        .filter(|trend| trend.dataset == dataset);
    checks.extend(trends.map(|trend| trend_check(trend, table)));

    let version = manifest.map_or(&table.version, |manifest| &manifest.contract_version);
    DatacontractRun {
        run_id: pole::content_id(format!("quality/{}/{day}", table.name).as_bytes()).to_string(),
        data_contract_id: table.id.clone(),
        data_contract_version: version.clone(),
        server: "curated",
        timestamp_start: format_midnight(day),
        timestamp_end: format_midnight(day.next()),
        result: worst_outcome(&checks),
        checks,
        logs: [],
        table: table.name.clone(),
    }
}

/// The worst outcome of the checks, in the order of datacontract-cli.
fn worst_outcome(checks: &[DatacontractCheck]) -> DatacontractOutcome {
    [
        DatacontractOutcome::Error,
        DatacontractOutcome::Failed,
        DatacontractOutcome::Warning,
        DatacontractOutcome::Passed,
    ]
    .into_iter()
    .find(|outcome| checks.iter().any(|check| check.result == *outcome))
    .unwrap_or(DatacontractOutcome::Unknown)
}

fn snapshot_check(table: &TableContract, exists: bool) -> DatacontractCheck {
    DatacontractCheck {
        id: format!("{}-snapshot-exists", table.name),
        category: "servicelevel",
        kind: "snapshot".into(),
        name: format!("{} has a snapshot of the day", table.name),
        model: table.name.clone(),
        field: None,
        quality_id: None,
        engine: ENGINE,
        result: if exists {
            DatacontractOutcome::Passed
        } else {
            DatacontractOutcome::Error
        },
        reason: (!exists).then(|| "there is no snapshot of the day, so no rule was run".into()),
        diagnostics: json!({"dimension": "timeliness"}),
    }
}

fn rule_check(result: &RuleResult, table: &TableContract) -> DatacontractCheck {
    let rule = table.rules.iter().find(|rule| rule.id == result.rule);
    let is_declared = table.declares_rule(&result.rule);
    let outcome = match result.verdict {
        RuleVerdict::Fail => DatacontractOutcome::Failed,
        RuleVerdict::Warn => DatacontractOutcome::Warning,
        RuleVerdict::Pass if result.checked == 0 => DatacontractOutcome::Skipped,
        RuleVerdict::Pass => DatacontractOutcome::Passed,
    };
    let reason = match outcome {
        DatacontractOutcome::Passed => None,
        DatacontractOutcome::Skipped => Some("no row has a value that it looks at".into()),
        _ => Some(describe_finding(result, "the rule")),
    };

    DatacontractCheck {
        id: result.rule.clone(),
        category: if is_declared { "quality" } else { "schema" },
        kind: rule.map_or("rule", Rule::check_type).into(),
        name: result.description.clone(),
        model: table.name.clone(),
        field: result.column.clone(),
        quality_id: is_declared.then(|| result.rule.clone()),
        engine: ENGINE,
        result: outcome,
        reason,
        diagnostics: json!({
            "failed": result.failed, "checked": result.checked, "target": result.target,
            "dimension": result.dimension, "severity": result.severity,
        }),
    }
}

fn trend_check(trend: &Trend, table: &TableContract) -> DatacontractCheck {
    let column = trend
        .column
        .as_ref()
        .map(|column| format!("-{column}"))
        .unwrap_or_default();
    let result = match trend.state {
        TrendState::Usual => DatacontractOutcome::Passed,
        TrendState::Unusual => DatacontractOutcome::Warning,
        TrendState::Young => DatacontractOutcome::Skipped,
        TrendState::Acknowledged => DatacontractOutcome::Info,
    };
    let reason = match trend.state {
        TrendState::Usual => None,
        TrendState::Unusual => Some(describe_trend(trend)),
        TrendState::Young => Some("there are too few days to compare with".into()),
        TrendState::Acknowledged => Some(format!(
            "{}; acknowledged in contracts/incidents.yaml",
            describe_trend(trend)
        )),
    };
    let expected = trend
        .expected
        .map(|(minimum, maximum)| json!({"least": minimum, "greatest": maximum}));

    DatacontractCheck {
        id: format!("{}-trend{column}-{}", table.name, trend.metric),
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
            "expected": expected,
        }),
    }
}

/// Who ran the checks.
const ENGINE: &str = "polelake";

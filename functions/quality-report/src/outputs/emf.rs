//! Metrics in the log: those of this function, and the rules of each table under the names that
//! Glue Data Quality uses, so that alarms and dashboards for Glue Data Quality work with them.

use host::{emit_metric, emit_metric_in, stack_name};
use lake::{RuleVerdict, SnapshotManifest};

use crate::report::{Report, TrendState};

/// The namespace of Glue Data Quality's metrics.
const GLUE_NAMESPACE: &str = "Glue Data Quality";

/// The dimension that names the dataset in Glue Data Quality; here it names the deployment and the
/// table.
const EVALUATION_CONTEXT: &str = "EvaluationContext";

/// Emits the day's metrics.
pub(super) fn emit_metrics(report: &Report) {
    emit_metric(&[("function", "quality-report")], &report_counts(report));
    for (table, manifest) in &report.tables {
        let context = evaluation_context(stack_name(), table);
        emit_metric_in(
            GLUE_NAMESPACE,
            &[(EVALUATION_CONTEXT, &context)],
            &glue_rule_counts(manifest),
        );
    }
}

/// The dataset's name: an account may have tables of one name in several deployments.
fn evaluation_context(stack: Option<&str>, table: &str) -> String {
    match stack {
        Some(stack) => format!("{stack}.{table}"),
        None => table.to_owned(),
    }
}

fn report_counts(report: &Report) -> [(&'static str, u64); 5] {
    let (passed, warned, failed) = report.count_verdicts();
    let unusual = report
        .trends
        .iter()
        .filter(|trend| trend.state == TrendState::Unusual);

    [
        ("rules_passed", passed as u64),
        ("rules_warned", warned as u64),
        ("rules_failed", failed as u64),
        (
            "reconciliation_open",
            u64::from(!report.all_sources_balance()),
        ),
        ("unusual_metrics", unusual.count() as u64),
    ]
}

/// Counts the rules as Glue Data Quality does: it has no warnings, so a rule that only warns counts
/// as failed.
fn glue_rule_counts(manifest: &SnapshotManifest) -> [(&'static str, u64); 2] {
    let passed = manifest
        .rules
        .iter()
        .filter(|rule| rule.verdict == RuleVerdict::Pass)
        .count();
    let failed = manifest.rules.len() - passed;

    [
        ("glue.data.quality.rules.passed", passed as u64),
        ("glue.data.quality.rules.failed", failed as u64),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outputs::tests::failing_report;

    #[test]
    fn tables_of_two_deployments_have_different_contexts() {
        assert_eq!(evaluation_context(Some("prod"), "person"), "prod.person");
        assert_eq!(evaluation_context(None, "person"), "person");
    }

    #[test]
    fn every_rule_is_counted_once() {
        let report = failing_report();
        let counts: Vec<u64> = report_counts(&report)
            .iter()
            .map(|(_, count)| *count)
            .collect();
        assert_eq!(counts, [2, 1, 1, 1, 1]);
        let glue = glue_rule_counts(&report.tables["thing"]);
        assert_eq!(
            glue,
            [
                ("glue.data.quality.rules.passed", 2),
                ("glue.data.quality.rules.failed", 2)
            ]
        );
    }
}

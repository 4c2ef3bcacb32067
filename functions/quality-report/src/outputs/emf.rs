//! Metrics in the log: our own, and the rules of each table under the names that Glue Data Quality uses, so that alarms and
//! dashboards made for it work with ours.

use host::{metric, metric_in};
use lake::{Manifest, Verdict};

use crate::report::{Report, TrendState};

/// The namespace of Glue Data Quality's metrics.
const GLUE: &str = "Glue Data Quality";

/// The dimension that Glue Data Quality tells datasets apart by; ours is the table.
const CONTEXT: &str = "EvaluationContext";

/// Tells the day's metrics.
pub(super) fn tell(report: &Report) {
    metric(&[("function", "quality-report")], &own(report));
    for (table, manifest) in &report.tables {
        metric_in(GLUE, &[(CONTEXT, table)], &of_table(manifest));
    }
}

fn own(report: &Report) -> [(&'static str, u64); 5] {
    let (passed, warned, failed) = report.verdicts();
    let unusual = report
        .trends
        .iter()
        .filter(|trend| trend.state == TrendState::Unusual);
    [
        ("rules_passed", passed as u64),
        ("rules_warned", warned as u64),
        ("rules_failed", failed as u64),
        ("books_open", u64::from(!report.books_close())),
        ("unusual_metrics", unusual.count() as u64),
    ]
}

/// Glue knows no warnings: there a rule holds or it does not, whatever comes of it.
fn of_table(manifest: &Manifest) -> [(&'static str, u64); 2] {
    let passed = manifest
        .rules
        .iter()
        .filter(|rule| rule.verdict == Verdict::Pass)
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
    use crate::outputs::tests::sample;

    #[test]
    fn every_rule_is_counted_once() {
        let report = sample();
        let counts: Vec<u64> = own(&report).iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [2, 1, 1, 1, 1]);
        let glue = of_table(&report.tables["thing"]);
        assert_eq!(
            glue,
            [
                ("glue.data.quality.rules.passed", 2),
                ("glue.data.quality.rules.failed", 2)
            ]
        );
    }
}

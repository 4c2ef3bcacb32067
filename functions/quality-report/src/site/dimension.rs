//! The six dimensions of the UK Government Data Quality Framework, and the results of their rules.

use std::collections::BTreeMap;

use contract::{Expectation, TableContract};
use lake::{RuleResult, RuleVerdict, SnapshotManifest};
use maud::{Markup, html};

use super::chart::sparkline_svg;
use super::govuk::{
    Colour, TableWidth, coloured_tag, data_table, details_box, numeric_header, text_header,
};
use super::text::{
    capitalise_first, count_with_noun, format_count, format_percent, format_short_date,
    is_suppressed_count,
};
use super::{SiteBuild, is_about_people};

/// The dimensions, with what each means.
pub(super) const DIMENSIONS: [(&str, &str); 6] = [
    ("completeness", "Required values are present"),
    ("uniqueness", "Each thing appears once"),
    (
        "consistency",
        "Values and tables do not contradict each other",
    ),
    (
        "timeliness",
        "Data is available when it is needed, and is up to date",
    ),
    (
        "validity",
        "Values have the right format, and codes are in their list",
    ),
    ("accuracy", "Values match reality"),
];

/// The government's name of a dimension that contracts name as the Open Data Contract Standard does.
pub(super) fn government_dimension(name: &str) -> &'static str {
    match name {
        "completeness" | "coverage" => "completeness",
        "uniqueness" => "uniqueness",
        "consistency" => "consistency",
        "timeliness" => "timeliness",
        "accuracy" => "accuracy",
        _ => "validity",
    }
}

/// The names under which contracts, and so the metrics, have a dimension.
fn dimension_aliases(name: &str) -> &'static [&'static str] {
    match name {
        "completeness" => &["completeness", "coverage"],
        "uniqueness" => &["uniqueness"],
        "consistency" => &["consistency"],
        "timeliness" => &["timeliness"],
        "accuracy" => &["accuracy"],
        _ => &["conformity", "validity"],
    }
}

/// The state of a dimension or of a table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum QualityState {
    /// No rule measures it.
    Unmeasured,
    /// Every rule is met.
    Good,
    /// A rule is not met, and an analyst should look.
    Warning,
    /// A critical rule is not met.
    Failing,
}

impl QualityState {
    pub(super) fn from_verdicts(verdicts: impl Iterator<Item = RuleVerdict>) -> Self {
        let state = |verdict| match verdict {
            RuleVerdict::Pass => Self::Good,
            RuleVerdict::Warn => Self::Warning,
            RuleVerdict::Fail => Self::Failing,
        };
        verdicts.map(state).max().unwrap_or(Self::Unmeasured)
    }

    pub(super) fn colour(self) -> Colour {
        match self {
            Self::Unmeasured => Colour::Grey,
            Self::Good => Colour::Green,
            Self::Warning => Colour::Yellow,
            Self::Failing => Colour::Red,
        }
    }

    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Unmeasured => "Not measured",
            Self::Good => "Good",
            Self::Warning => "Warning",
            Self::Failing => "Failing",
        }
    }

    pub(super) fn label_tag(self) -> Markup {
        coloured_tag(self.colour(), self.label())
    }
}

/// The results of one dimension's rules, in one table or in all.
pub(super) struct DimensionScore<'r> {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) rules: Vec<(Option<&'r TableContract>, &'r RuleResult)>,
}

impl DimensionScore<'_> {
    pub(super) fn state(&self) -> QualityState {
        QualityState::from_verdicts(self.rules.iter().map(|(_, rule)| rule.verdict))
    }

    pub(super) fn failed_rows(&self) -> u64 {
        self.rules.iter().map(|(_, rule)| rule.failed).sum()
    }

    pub(super) fn checked_rows(&self) -> u64 {
        self.rules.iter().map(|(_, rule)| rule.checked).sum()
    }

    /// Rules that are met.
    pub(super) fn rules_met(&self) -> usize {
        self.rules
            .iter()
            .filter(|(_, rule)| rule.verdict == RuleVerdict::Pass)
            .count()
    }

    /// Whether a rule compares with another source. Without one, accuracy is plausibility only.
    fn has_comparison_rule(&self) -> bool {
        let rule = |(table, result): &(Option<&TableContract>, &RuleResult)| {
            let known =
                table.and_then(|table| table.rules.iter().find(|rule| rule.id == result.rule));
            known.is_some_and(|rule| matches!(rule.expectation, Expectation::Agrees(_)))
        };
        self.rules.iter().any(rule)
    }

    fn fails_on_personal_data(&self) -> bool {
        self.rules
            .iter()
            .any(|(table, rule)| rule.failed > 0 && is_about_people(*table, rule))
    }
}

/// The six scores of rules.
pub(super) fn score_dimensions<'r>(
    rules: &[(Option<&'r TableContract>, &'r RuleResult)],
) -> Vec<DimensionScore<'r>> {
    let of = |(name, meaning): (&'static str, &'static str)| {
        let rules = rules
            .iter()
            .filter(|(_, rule)| government_dimension(&rule.dimension) == name)
            .copied()
            .collect();
        DimensionScore {
            name,
            meaning,
            rules,
        }
    };
    DIMENSIONS.into_iter().map(of).collect()
}

/// The rules of all tables of a report.
pub(super) fn all_rules<'e>(
    build: &SiteBuild<'e>,
) -> Vec<(Option<&'e TableContract>, &'e RuleResult)> {
    let of = |(name, manifest): (&'e String, &'e SnapshotManifest)| {
        let table = build.catalogue.table_contract(name);
        manifest.rules.iter().map(move |rule| (table, rule))
    };
    build.report.tables.iter().flat_map(of).collect()
}

/// `n of m critical rules met`: the only headline, for a mean would hide a broken key behind millions of clean texts.
pub(super) fn critical_rules_met<'r>(
    rules: impl Iterator<Item = &'r RuleResult>,
) -> (usize, usize) {
    let critical: Vec<RuleVerdict> = rules
        .filter(|rule| rule.severity == "block")
        .map(|rule| rule.verdict)
        .collect();
    (
        critical
            .iter()
            .filter(|verdict| **verdict == RuleVerdict::Pass)
            .count(),
        critical.len(),
    )
}

/// The worst dimension that is not good: by state, then by its share of failed rows.
pub(super) fn worst_dimension<'s, 'r>(
    scores: &'s [DimensionScore<'r>],
) -> Option<&'s DimensionScore<'r>> {
    let share = |score: &DimensionScore<'_>| {
        score.failed_rows() as f64 / score.checked_rows().max(1) as f64
    };
    let measured = scores
        .iter()
        .filter(|score| score.state() > QualityState::Good);
    measured.max_by(|a, b| {
        a.state()
            .cmp(&b.state())
            .then(share(a).total_cmp(&share(b)))
    })
}

/// The dimensions in a table. `trend` draws the history of one dimension.
pub(super) fn dimensions_table(
    caption: &str,
    scores: &[DimensionScore<'_>],
    trend: impl Fn(&str) -> Markup,
) -> Markup {
    let heads = [
        text_header("Dimension"),
        text_header("State"),
        numeric_header("Failed"),
        numeric_header("Checked"),
        numeric_header("Met"),
        text_header("Target"),
        text_header("Trend of the share met"),
    ];
    let row = |score: &DimensionScore<'_>| {
        let (failed, checked, people) = (
            score.failed_rows(),
            score.checked_rows(),
            score.fails_on_personal_data(),
        );
        let name = html! {
            (capitalise_first(score.name))
            span.app-muted.app-small { br; (score.meaning) }
        };
        if score.rules.is_empty() {
            let nothing = || html! { span.app-muted { "-" } };
            return vec![
                name,
                QualityState::Unmeasured.label_tag(),
                nothing(),
                nothing(),
                nothing(),
                html! { span.app-muted { "No rule" } },
                nothing(),
            ];
        }
        let share = if is_suppressed_count(failed, people) {
            "-".into()
        } else {
            format_percent(checked - failed.min(checked), checked)
        };
        let target = format!(
            "{} of {} met",
            score.rules_met(),
            count_with_noun(score.rules.len() as u64, "rule")
        );
        let only = score.name == "accuracy" && !score.has_comparison_rule();
        vec![
            name,
            score.state().label_tag(),
            html! { (format_count(failed, people)) },
            html! { (format_count(checked, false)) },
            html! { (share) },
            html! { (target) @if only { br; span.app-muted { "Plausibility only: not compared with a reference" } } },
            trend(score.name),
        ]
    };
    data_table(
        caption,
        TableWidth::Wide,
        &heads,
        scores.iter().map(row).collect(),
    )
}

/// The history of a dimension of a dataset: the share of rows that met its rules, by day.
pub(super) fn dimension_trend(build: &SiteBuild<'_>, dataset: &str, name: &str) -> Markup {
    let sums = |what: &str| {
        let mut days: BTreeMap<&str, f64> = BTreeMap::new();
        for alias in dimension_aliases(name) {
            let series =
                build
                    .history
                    .metric_series(dataset, "", &format!("dimension/{alias}/{what}"));
            series
                .into_iter()
                .for_each(|(date, value)| *days.entry(date).or_default() += value);
        }
        days
    };
    let (failed, checked) = (sums("failed"), sums("checked"));
    let of = |(date, whole): (&&'_ str, &f64)| {
        (*whole > 0.0)
            .then(|| 100.0 * (1.0 - failed.get(*date).copied().unwrap_or_default() / whole))
    };
    let points: Vec<(&str, f64)> = checked
        .iter()
        .filter_map(|point| Some((*point.0, of(point)?)))
        .collect();
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return html! { span.app-muted { "-" } };
    };
    if points.len() < 2 {
        return html! { span.app-muted { "One day so far" } };
    }
    let change = last.1 - first.1;
    let word = if change.abs() < 0.05 {
        "steady".to_owned()
    } else {
        format!("{change:+.1} points")
    };
    let since = format_short_date(first.0);
    html! {
        (sparkline_svg(&format!("Share of {name} rules met since {since}: {word}"), &points)) " "
        span.app-small { (word) " since " (since) }
    }
}

/// The rules of a table, dimension by dimension.
pub(super) fn rules_by_dimension(scores: &[DimensionScore<'_>]) -> Markup {
    html! {
        @for score in scores.iter().filter(|score| !score.rules.is_empty()) {
            (details_box(&format!("{}: {}", capitalise_first(score.name), count_with_noun(score.rules.len() as u64, "rule")), &rules_table(&format!("Rules of {}", score.name), &score.rules, false)))
        }
    }
}

/// Rules with the counts of failed and checked rows, and their targets.
pub(super) fn rules_table(
    caption: &str,
    rules: &[(Option<&TableContract>, &RuleResult)],
    with_table: bool,
) -> Markup {
    let heads = [
        text_header("Rule"),
        text_header("State"),
        numeric_header("Failed"),
        numeric_header("Checked"),
        numeric_header("Met"),
        text_header("Target"),
        text_header("Severity"),
    ];
    let row = |(table, rule): &(Option<&TableContract>, &RuleResult)| {
        let people = is_about_people(*table, rule);
        let (failed, checked) = (rule.failed, rule.checked);
        let share = if is_suppressed_count(failed, people) {
            "-".into()
        } else {
            format_percent(checked - failed.min(checked), checked)
        };
        let severity = if rule.severity == "block" {
            "Critical: holds the day back"
        } else {
            "Warning only"
        };
        vec![
            html! {
                @if let Some(table) = table.filter(|_| with_table) { a.govuk-link href={ "table/" (table.name) ".html" } { (table.name) } ": " }
                (rule.description)
                span.app-muted.app-small { br; code { (rule.rule) } }
            },
            QualityState::from_verdicts(std::iter::once(rule.verdict)).label_tag(),
            html! { (format_count(failed, people)) },
            html! { (format_count(checked, people)) },
            html! { (share) },
            html! { (rule.target) },
            html! { (severity) },
        ]
    };
    data_table(
        caption,
        TableWidth::Wide,
        &heads,
        rules.iter().map(row).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example_rule_result(dimension: &str, verdict: RuleVerdict, failed: u64) -> RuleResult {
        let text = String::new;
        let (severity, dimension) = (
            if verdict == RuleVerdict::Fail {
                "block"
            } else {
                "warn"
            }
            .into(),
            dimension.into(),
        );
        RuleResult {
            rule: "r".into(),
            description: text(),
            dimension,
            column: None,
            severity,
            failed,
            checked: 100,
            target: text(),
            verdict,
        }
    }

    #[test]
    fn odcs_dimensions_get_government_names_and_unmeasured_ones_are_shown() {
        let rules = [
            example_rule_result("conformity", RuleVerdict::Warn, 20),
            example_rule_result("coverage", RuleVerdict::Pass, 0),
            example_rule_result("uniqueness", RuleVerdict::Fail, 1),
        ];
        let rules: Vec<_> = rules.iter().map(|rule| (None, rule)).collect();
        let scores = score_dimensions(&rules);
        let states: Vec<QualityState> = scores.iter().map(DimensionScore::state).collect();
        use QualityState::{Failing, Good, Unmeasured, Warning};
        assert_eq!(
            states,
            [Good, Failing, Unmeasured, Unmeasured, Warning, Unmeasured]
        );
        assert_eq!(
            worst_dimension(&scores).unwrap().name,
            "uniqueness",
            "a critical rule goes before a share"
        );
        assert_eq!(
            critical_rules_met(rules.iter().map(|(_, rule)| *rule)),
            (0, 1)
        );
        let shown = dimensions_table("Six", &scores, |_| html! {}).into_string();
        assert_eq!(shown.matches("Not measured").count(), 3);
        assert!(
            shown.contains("fewer than 10") && shown.contains("80.0%"),
            "{shown}"
        );
    }
}

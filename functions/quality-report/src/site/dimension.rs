//! The six dimensions of the UK Government Data Quality Framework, and the results of their rules.

use std::collections::BTreeMap;

use contract::{Expectation, TableContract};
use lake::{RuleResult, RuleVerdict};
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

/// The government's name of a dimension that contracts name as the Open Data Contract Standard
/// does.
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
    /// The worst state of the verdicts.
    pub(super) fn from_verdicts(verdicts: impl Iterator<Item = RuleVerdict>) -> Self {
        verdicts
            .map(Self::from_verdict)
            .max()
            .unwrap_or(Self::Unmeasured)
    }

    fn from_verdict(verdict: RuleVerdict) -> Self {
        match verdict {
            RuleVerdict::Pass => Self::Good,
            RuleVerdict::Warn => Self::Warning,
            RuleVerdict::Fail => Self::Failing,
        }
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

    /// The share of checked rows that failed, from 0 to 1.
    fn failed_share(&self) -> f64 {
        self.failed_rows() as f64 / self.checked_rows().max(1) as f64
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
        self.rules.iter().any(|(table, result)| {
            table
                .and_then(|table| table.rules.iter().find(|rule| rule.id == result.rule))
                .is_some_and(|rule| matches!(rule.expectation, Expectation::Agrees(_)))
        })
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
    DIMENSIONS
        .into_iter()
        .map(|(name, meaning)| DimensionScore {
            name,
            meaning,
            rules: rules
                .iter()
                .filter(|(_, rule)| government_dimension(&rule.dimension) == name)
                .copied()
                .collect(),
        })
        .collect()
}

/// The rules of all tables of a report.
pub(super) fn all_rules<'e>(
    build: &SiteBuild<'e>,
) -> Vec<(Option<&'e TableContract>, &'e RuleResult)> {
    let mut rules = Vec::new();
    for (name, manifest) in &build.report.tables {
        let table = build.catalogue.table_contract(name);
        rules.extend(manifest.rules.iter().map(|rule| (table, rule)));
    }
    rules
}

/// `n of m critical rules met`: the only headline, for a mean would hide a broken key behind
/// millions of clean texts.
pub(super) fn critical_rules_met<'r>(
    rules: impl Iterator<Item = &'r RuleResult>,
) -> (usize, usize) {
    let critical: Vec<RuleVerdict> = rules
        .filter(|rule| rule.severity == "block")
        .map(|rule| rule.verdict)
        .collect();

    let met = critical
        .iter()
        .filter(|verdict| **verdict == RuleVerdict::Pass)
        .count();
    (met, critical.len())
}

/// The worst dimension that is not good: by state, then by its share of failed rows.
pub(super) fn worst_dimension<'s, 'r>(
    scores: &'s [DimensionScore<'r>],
) -> Option<&'s DimensionScore<'r>> {
    scores
        .iter()
        .filter(|score| score.state() > QualityState::Good)
        .max_by(|a, b| {
            a.state()
                .cmp(&b.state())
                .then(a.failed_share().total_cmp(&b.failed_share()))
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
    let rows = scores
        .iter()
        .map(|score| {
            if score.rules.is_empty() {
                unmeasured_dimension_row(score)
            } else {
                dimension_row(score, trend(score.name))
            }
        })
        .collect();
    data_table(caption, TableWidth::Wide, &heads, rows)
}

fn dimension_row(score: &DimensionScore<'_>, trend: Markup) -> Vec<Markup> {
    let failed = score.failed_rows();
    let checked = score.checked_rows();
    let personal = score.fails_on_personal_data();

    let target = format!(
        "{} of {} met",
        score.rules_met(),
        count_with_noun(score.rules.len() as u64, "rule")
    );
    let plausibility_only = score.name == "accuracy" && !score.has_comparison_rule();
    vec![
        dimension_heading(score),
        score.state().label_tag(),
        html! { (format_count(failed, personal)) },
        html! { (format_count(checked, false)) },
        html! { (format_share_met(failed, checked, personal)) },
        html! {
            (target)
            @if plausibility_only {
                br; span.app-muted { "Plausibility only: not compared with a reference" }
            }
        },
        trend,
    ]
}

/// The row of a dimension without rules: an empty one would look like a dimension without faults.
fn unmeasured_dimension_row(score: &DimensionScore<'_>) -> Vec<Markup> {
    vec![
        dimension_heading(score),
        QualityState::Unmeasured.label_tag(),
        muted_text("-"),
        muted_text("-"),
        muted_text("-"),
        muted_text("No rule"),
        muted_text("-"),
    ]
}

fn dimension_heading(score: &DimensionScore<'_>) -> Markup {
    html! {
        (capitalise_first(score.name))
        span.app-muted.app-small { br; (score.meaning) }
    }
}

fn muted_text(text: &str) -> Markup {
    html! { span.app-muted { (text) } }
}

/// The share of checked rows that met their rules. If the count of failed rows is suppressed, the
/// share is too: it would give the count away.
fn format_share_met(failed: u64, checked: u64, personal: bool) -> String {
    if is_suppressed_count(failed, personal) {
        "-".into()
    } else {
        format_percent(checked - failed.min(checked), checked)
    }
}

/// The history of a dimension of a dataset: the share of rows that met its rules, by day.
pub(super) fn dimension_trend(build: &SiteBuild<'_>, dataset: &str, name: &str) -> Markup {
    let points = shares_met_by_day(build, dataset, name);
    let (Some(first), Some(last)) = (points.first(), points.last()) else {
        return muted_text("-");
    };
    if points.len() < 2 {
        return muted_text("One day so far");
    }

    let change = last.1 - first.1;
    let direction = if change.abs() < 0.05 {
        "steady".to_owned()
    } else {
        format!("{change:+.1} points")
    };
    let since = format_short_date(first.0);
    html! {
        (sparkline_svg(&format!("Share of {name} rules met since {since}: {direction}"), &points))
        " "
        span.app-small { (direction) " since " (since) }
    }
}

/// The percentage of checked rows that met a dimension's rules, for each day with checked rows.
fn shares_met_by_day<'e>(build: &SiteBuild<'e>, dataset: &str, name: &str) -> Vec<(&'e str, f64)> {
    let failed = sum_rows_by_day(build, dataset, name, "failed");
    let checked = sum_rows_by_day(build, dataset, name, "checked");
    checked
        .into_iter()
        .filter(|(_, checked)| *checked > 0.0)
        .map(|(date, checked)| {
            let failed = failed.get(date).copied().unwrap_or_default();
            (date, 100.0 * (1.0 - failed / checked))
        })
        .collect()
}

/// Sums a row count of a dimension by day, over all names that contracts use for the dimension.
fn sum_rows_by_day<'e>(
    build: &SiteBuild<'e>,
    dataset: &str,
    name: &str,
    count: &str,
) -> BTreeMap<&'e str, f64> {
    let mut days = BTreeMap::new();
    for alias in dimension_aliases(name) {
        let metric = format!("dimension/{alias}/{count}");
        for (date, value) in build.history.metric_series(dataset, "", &metric) {
            *days.entry(date).or_default() += value;
        }
    }
    days
}

/// The rules of a table, dimension by dimension.
pub(super) fn rules_by_dimension(scores: &[DimensionScore<'_>]) -> Markup {
    html! {
        @for score in scores.iter().filter(|score| !score.rules.is_empty()) {
            (details_box(
                &format!(
                    "{}: {}",
                    capitalise_first(score.name),
                    count_with_noun(score.rules.len() as u64, "rule"),
                ),
                &rules_table(&format!("Rules of {}", score.name), &score.rules, false),
            ))
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
    let rows = rules
        .iter()
        .map(|(table, rule)| rule_row(*table, rule, with_table))
        .collect();
    data_table(caption, TableWidth::Wide, &heads, rows)
}

fn rule_row(table: Option<&TableContract>, rule: &RuleResult, with_table: bool) -> Vec<Markup> {
    let personal = is_about_people(table, rule);
    let severity = if rule.severity == "block" {
        "Critical: holds the day back"
    } else {
        "Warning only"
    };
    vec![
        html! {
            @if let Some(table) = table.filter(|_| with_table) {
                a.govuk-link href={ "table/" (table.name) ".html" } { (table.name) } ": "
            }
            (rule.description)
            span.app-muted.app-small { br; code { (rule.rule) } }
        },
        QualityState::from_verdict(rule.verdict).label_tag(),
        html! { (format_count(rule.failed, personal)) },
        html! { (format_count(rule.checked, personal)) },
        html! { (format_share_met(rule.failed, rule.checked, personal)) },
        html! { (rule.target) },
        html! { (severity) },
    ]
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

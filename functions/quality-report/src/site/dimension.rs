//! The six dimensions of the UK Government Data Quality Framework: what the rules of each come to.

use std::collections::BTreeMap;

use contract::{Demand, TableContract};
use lake::{Manifest, RuleResult, Verdict};
use maud::{Markup, html};

use super::chart::spark;
use super::govuk::{Colour, Width, details, numeric, table, tag, text};
use super::text::{count_of, counted, is_small, percent, sentence, short_date};
use super::{Edition, is_about_people};

/// The dimensions, with what each means.
pub(super) const SIX: [(&str, &str); 6] = [
    ("completeness", "What is needed is there"),
    ("uniqueness", "One thing appears once"),
    (
        "consistency",
        "Values and tables do not contradict each other",
    ),
    (
        "timeliness",
        "It is there when it is needed, and of the time that it claims",
    ),
    (
        "validity",
        "Values have the right form, and codes are on their list",
    ),
    ("accuracy", "Values are what is true"),
];

/// The government's name of a dimension that contracts name as the Open Data Contract Standard does.
pub(super) fn government(name: &str) -> &'static str {
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
fn aliases(name: &str) -> &'static [&'static str] {
    match name {
        "completeness" => &["completeness", "coverage"],
        "uniqueness" => &["uniqueness"],
        "consistency" => &["consistency"],
        "timeliness" => &["timeliness"],
        "accuracy" => &["accuracy"],
        _ => &["conformity", "validity"],
    }
}

/// How a dimension, or a table, stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum State {
    /// No rule measures it.
    Unmeasured,
    /// Every rule is met.
    Good,
    /// A rule is not met, and somebody should look.
    Warning,
    /// A critical rule is not met.
    Failing,
}

impl State {
    pub(super) fn of(verdicts: impl Iterator<Item = Verdict>) -> Self {
        let state = |verdict| match verdict {
            Verdict::Pass => Self::Good,
            Verdict::Warn => Self::Warning,
            Verdict::Fail => Self::Failing,
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

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Unmeasured => "Not measured",
            Self::Good => "Good",
            Self::Warning => "Warning",
            Self::Failing => "Failing",
        }
    }

    pub(super) fn tag(self) -> Markup {
        tag(self.colour(), self.word())
    }
}

/// What the rules of one dimension come to in one table, or in all.
pub(super) struct Score<'r> {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    pub(super) rules: Vec<(Option<&'r TableContract>, &'r RuleResult)>,
}

impl Score<'_> {
    pub(super) fn state(&self) -> State {
        State::of(self.rules.iter().map(|(_, rule)| rule.verdict))
    }

    pub(super) fn failed(&self) -> u64 {
        self.rules.iter().map(|(_, rule)| rule.failed).sum()
    }

    pub(super) fn checked(&self) -> u64 {
        self.rules.iter().map(|(_, rule)| rule.checked).sum()
    }

    /// Rules that are met.
    pub(super) fn met(&self) -> usize {
        self.rules
            .iter()
            .filter(|(_, rule)| rule.verdict == Verdict::Pass)
            .count()
    }

    /// Whether a rule compares with another source, and not with what is plausible.
    fn compares(&self) -> bool {
        let rule = |(table, result): &(Option<&TableContract>, &RuleResult)| {
            let known =
                table.and_then(|table| table.rules.iter().find(|rule| rule.id == result.rule));
            known.is_some_and(|rule| matches!(rule.demand, Demand::Agrees(_)))
        };
        self.rules.iter().any(rule)
    }

    fn people(&self) -> bool {
        self.rules
            .iter()
            .any(|(table, rule)| rule.failed > 0 && is_about_people(*table, rule))
    }
}

/// The six scores of rules.
pub(super) fn scores<'r>(rules: &[(Option<&'r TableContract>, &'r RuleResult)]) -> Vec<Score<'r>> {
    let of = |(name, meaning): (&'static str, &'static str)| {
        let rules = rules
            .iter()
            .filter(|(_, rule)| government(&rule.dimension) == name)
            .copied()
            .collect();
        Score {
            name,
            meaning,
            rules,
        }
    };
    SIX.into_iter().map(of).collect()
}

/// The rules of all tables of a report.
pub(super) fn all_rules<'e>(
    edition: &Edition<'e>,
) -> Vec<(Option<&'e TableContract>, &'e RuleResult)> {
    let of = |(name, manifest): (&'e String, &'e Manifest)| {
        let table = edition.catalogue.table(name);
        manifest.rules.iter().map(move |rule| (table, rule))
    };
    edition.report.tables.iter().flat_map(of).collect()
}

/// `n of m critical rules met`: the only headline, for a mean would hide a broken key behind millions of clean texts.
pub(super) fn critical<'r>(rules: impl Iterator<Item = &'r RuleResult>) -> (usize, usize) {
    let critical: Vec<Verdict> = rules
        .filter(|rule| rule.severity == "block")
        .map(|rule| rule.verdict)
        .collect();
    (
        critical
            .iter()
            .filter(|verdict| **verdict == Verdict::Pass)
            .count(),
        critical.len(),
    )
}

/// The dimension that stands worst: by state, then by its share of what fell short.
pub(super) fn worst<'s, 'r>(scores: &'s [Score<'r>]) -> Option<&'s Score<'r>> {
    let share = |score: &Score<'_>| score.failed() as f64 / score.checked().max(1) as f64;
    let measured = scores.iter().filter(|score| score.state() > State::Good);
    measured.max_by(|a, b| {
        a.state()
            .cmp(&b.state())
            .then(share(a).total_cmp(&share(b)))
    })
}

/// The dimensions in a table; `trend` draws what a dimension came to before.
pub(super) fn table_of(
    caption: &str,
    scores: &[Score<'_>],
    trend: impl Fn(&str) -> Markup,
) -> Markup {
    let heads = [
        text("Dimension"),
        text("State"),
        numeric("Fell short"),
        numeric("Checked"),
        numeric("Met"),
        text("Target"),
        text("Trend of what is met"),
    ];
    let row = |score: &Score<'_>| {
        let (failed, checked, people) = (score.failed(), score.checked(), score.people());
        let name = html! {
            (sentence(score.name))
            span.app-muted.app-small { br; (score.meaning) }
        };
        if score.rules.is_empty() {
            let nothing = || html! { span.app-muted { "-" } };
            return vec![
                name,
                State::Unmeasured.tag(),
                nothing(),
                nothing(),
                nothing(),
                html! { span.app-muted { "No rule" } },
                nothing(),
            ];
        }
        let share = if is_small(failed, people) {
            "-".into()
        } else {
            percent(checked - failed.min(checked), checked)
        };
        let target = format!(
            "{} of {} met",
            score.met(),
            counted(score.rules.len() as u64, "rule")
        );
        let only = score.name == "accuracy" && !score.compares();
        vec![
            name,
            score.state().tag(),
            html! { (count_of(failed, people)) },
            html! { (count_of(checked, false)) },
            html! { (share) },
            html! { (target) @if only { br; span.app-muted { "Plausibility only: not compared with what is true" } } },
            trend(score.name),
        ]
    };
    table(
        caption,
        Width::Wide,
        &heads,
        scores.iter().map(row).collect(),
    )
}

/// What a dimension of a dataset came to, day by day: the share that met its rules.
pub(super) fn trend(edition: &Edition<'_>, dataset: &str, name: &str) -> Markup {
    let sums = |what: &str| {
        let mut days: BTreeMap<&str, f64> = BTreeMap::new();
        for alias in aliases(name) {
            let series = edition
                .history
                .series(dataset, "", &format!("dimension/{alias}/{what}"));
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
    let since = short_date(first.0);
    html! {
        (spark(&format!("Share of {name} rules met since {since}: {word}"), &points)) " "
        span.app-small { (word) " since " (since) }
    }
}

/// The rules of a table, dimension by dimension.
pub(super) fn rules(scores: &[Score<'_>]) -> Markup {
    html! {
        @for score in scores.iter().filter(|score| !score.rules.is_empty()) {
            (details(&format!("{}: {}", sentence(score.name), counted(score.rules.len() as u64, "rule")), &rules_table(&format!("Rules of {}", score.name), &score.rules, false)))
        }
    }
}

/// Rules with what fell short, of what, and what is tolerated.
pub(super) fn rules_table(
    caption: &str,
    rules: &[(Option<&TableContract>, &RuleResult)],
    with_table: bool,
) -> Markup {
    let heads = [
        text("Rule"),
        text("State"),
        numeric("Fell short"),
        numeric("Checked"),
        numeric("Met"),
        text("Target"),
        text("Severity"),
    ];
    let row = |(table, rule): &(Option<&TableContract>, &RuleResult)| {
        let people = is_about_people(*table, rule);
        let (failed, checked) = (rule.failed, rule.checked);
        let share = if is_small(failed, people) {
            "-".into()
        } else {
            percent(checked - failed.min(checked), checked)
        };
        let severity = if rule.severity == "block" {
            "Critical: blocks the day"
        } else {
            "Warns"
        };
        vec![
            html! {
                @if let Some(table) = table.filter(|_| with_table) { a.govuk-link href={ "table/" (table.name) ".html" } { (table.name) } ": " }
                (rule.description)
                span.app-muted.app-small { br; code { (rule.rule) } }
            },
            State::of(std::iter::once(rule.verdict)).tag(),
            html! { (count_of(failed, people)) },
            html! { (count_of(checked, people)) },
            html! { (share) },
            html! { (rule.target) },
            html! { (severity) },
        ]
    };
    table(
        caption,
        Width::Wide,
        &heads,
        rules.iter().map(row).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(dimension: &str, verdict: Verdict, failed: u64) -> RuleResult {
        let text = String::new;
        let (severity, dimension) = (
            if verdict == Verdict::Fail {
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
    fn words_of_the_standard_become_the_governments_and_what_nobody_measures_is_shown() {
        let rules = [
            rule("conformity", Verdict::Warn, 20),
            rule("coverage", Verdict::Pass, 0),
            rule("uniqueness", Verdict::Fail, 1),
        ];
        let rules: Vec<_> = rules.iter().map(|rule| (None, rule)).collect();
        let scores = scores(&rules);
        let states: Vec<State> = scores.iter().map(Score::state).collect();
        use State::{Failing, Good, Unmeasured, Warning};
        assert_eq!(
            states,
            [Good, Failing, Unmeasured, Unmeasured, Warning, Unmeasured]
        );
        assert_eq!(
            worst(&scores).unwrap().name,
            "uniqueness",
            "a critical rule goes before a share"
        );
        assert_eq!(critical(rules.iter().map(|(_, rule)| *rule)), (0, 1));
        let shown = table_of("Six", &scores, |_| html! {}).into_string();
        assert_eq!(shown.matches("Not measured").count(), 3);
        assert!(
            shown.contains("fewer than 10") && shown.contains("80.0%"),
            "{shown}"
        );
    }
}

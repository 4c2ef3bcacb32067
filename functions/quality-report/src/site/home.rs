//! The home page: what is healthy, what is not, and what changed since the previous reported day.

use lake::{RuleResult, RuleVerdict, SnapshotManifest};
use maud::{Markup, html};

use super::day::{day_headline_figures, snapshots_table, sources_table};
use super::dimension::{QualityState, all_rules, dimensions_table, rules_table, score_dimensions};
use super::govuk::{Colour, PageLayout, SitePart, coloured_tag, notification_banner, page_section};
use super::text::{
    count_with_noun, format_count, format_date, format_long_date, format_metric_value,
    format_thousands,
};
use super::{SiteBuild, is_about_people, lists, trend};
use crate::report::{Trend, TrendState};

/// The most rules that the home page shows.
const RULES_MAX: usize = 12;

pub(super) fn home_page(build: &SiteBuild<'_>) -> Vec<u8> {
    let rules = all_rules(build);
    let broken: Vec<_> = rules
        .iter()
        .filter(|(_, rule)| rule.verdict != RuleVerdict::Pass)
        .copied()
        .collect();
    let body = html! {
        span.app-kicker { (format_long_date(&build.report.date)) }
        h1.govuk-heading-l { "Data and its quality" }
        p.app-lead {
            "Which data there is, how good it is, and who to ask. All figures are for the newest \
             reported day."
        }
        (lists::search_form("tables.html"))
        (attention_banner(build))
        (day_headline_figures(build))
        (page_section("changed", &changes_heading(build), &changes_list(build)))
        (page_section("dimensions", "The six dimensions", &html! {
            (dimensions_table(
                "The six dimensions, over all tables",
                &score_dimensions(&rules),
                |_| html! { span.app-muted { "By table" } },
            ))
        }))
        (page_section("broken", "Rules that are not met", &html! {
            @if broken.is_empty() { p.govuk-body { "Every rule is met." } }
            @else {
                (rules_table(
                    "Rules that are not met, those that block the day first",
                    &worst_rules_first(&broken),
                    true,
                ))
                @if broken.len() > RULES_MAX {
                    p.govuk-body {
                        a.govuk-link href={ "day/" (build.report.date) ".html#rules" } {
                            "All " (broken.len()) " rules that are not met"
                        }
                    }
                }
            }
        }))
        (page_section("tables", "Tables", &snapshots_table(build, "")))
        (page_section("sources", "Sources", &sources_table(build.report, build, "")))
    };
    let summary = "Which data there is, how good it is, and who to ask";
    PageLayout {
        title: "Data and its quality",
        summary,
        part: SitePart::Overview,
        depth: 0,
        is_subpage: false,
        script: false,
    }
    .render_page(&body)
}

type TableRuleResult<'r> = (Option<&'r contract::TableContract>, &'r RuleResult);

/// Failed rules first, then by the share of failed rows; at most as many as the home page shows.
fn worst_rules_first<'r>(broken: &[TableRuleResult<'r>]) -> Vec<TableRuleResult<'r>> {
    let mut rules = broken.to_vec();
    rules.sort_by(|(_, a), (_, b)| {
        blocks_day(b)
            .cmp(&blocks_day(a))
            .then(failed_share(b).total_cmp(&failed_share(a)))
    });
    rules.truncate(RULES_MAX);
    rules
}

fn blocks_day(rule: &RuleResult) -> bool {
    rule.verdict == RuleVerdict::Fail
}

fn failed_share(rule: &RuleResult) -> f64 {
    rule.failed as f64 / rule.checked.max(1) as f64
}

/// What needs attention today: held snapshots, unbalanced sources and unusual figures. Warnings are
/// listed further down the page.
fn attention_banner(build: &SiteBuild<'_>) -> Markup {
    let lines = attention_lines(build);
    let heading = match lines.len() {
        0 => "Every table is current, and every record is accounted for".to_owned(),
        count => format!("{} to review", count_with_noun(count as u64, "item")),
    };

    let (_, warned, _) = build.report.count_verdicts();
    let body = html! {
        @if lines.is_empty() {
            @if warned > 0 {
                p.govuk-body { "Warnings, which hold no snapshot back: " (warned) "." }
            }
        } @else { ul.govuk-list.govuk-list--bullet { @for line in &lines { li { (line) } } } }
    };
    notification_banner(lines.is_empty(), &heading, &body)
}

/// One line for each held snapshot, unbalanced source and unusual figure.
fn attention_lines(build: &SiteBuild<'_>) -> Vec<Markup> {
    let report = build.report;
    let mut lines: Vec<Markup> = report
        .tables
        .values()
        .filter(|manifest| !manifest.passed)
        .map(|manifest| held_back_line(build, &manifest.table))
        .collect();

    let unbalanced = report
        .sources
        .iter()
        .filter(|(_, reconciliation)| !reconciliation.balances());
    lines.extend(unbalanced.map(|(name, reconciliation)| unbalanced_line(name, reconciliation)));

    let unusual = report
        .trends
        .iter()
        .filter(|trend| trend.state == TrendState::Unusual);
    lines.extend(unusual.map(unusual_line));
    lines
}

fn held_back_line(build: &SiteBuild<'_>, table: &str) -> Markup {
    html! {
        a.govuk-link href={ "table/" (table) ".html" } { (table) }
        " is held back: a critical rule is not met. "
        @match build.passing.get(table) {
            Some(day) => { "Readers see " (format_date(day)) "." },
            None => "No day has passed yet.",
        }
    }
}

fn unbalanced_line(name: &str, reconciliation: &crate::SourceReconciliation) -> Markup {
    html! {
        "The reconciliation of "
        a.govuk-link href={ "source/" (name) ".html" } { (name) }
        " does not balance"
        @if reconciliation.waiting > 0 {
            ", raw objects that wait for the transform: " (reconciliation.waiting)
        }
        "."
    }
}

fn unusual_line(trend: &Trend) -> Markup {
    html! {
        a.govuk-link href=(trend::dataset_page_href(&trend.dataset)) {
            (trend.dataset.replace('/', " "))
        }
        " is unusual. "
        (trend::trend_label(trend)) ": " (format_metric_value(&trend.metric, trend.observed))
        ", usually " (trend::format_expected_range(trend)) "."
    }
}

fn changes_heading(build: &SiteBuild<'_>) -> String {
    build.earlier.map_or_else(
        || "What changed".into(),
        |earlier| format!("What changed since {}", format_date(&earlier.date)),
    )
}

/// Differences from the previous reported day: tables, rules, contracts.
fn changes_list(build: &SiteBuild<'_>) -> Markup {
    let Some(earlier) = build.earlier else {
        return html! { p.govuk-body { "This is the first reported day." } };
    };

    let mut lines = Vec::new();
    for (name, manifest) in &build.report.tables {
        match earlier.tables.get(name) {
            Some(before) => lines.extend(table_changes(build, before, manifest)),
            None => lines.push(change_item(
                name,
                &coloured_tag(Colour::Blue, "New"),
                &html! { "has its first snapshot, of " (count_with_noun(manifest.rows, "row")) },
            )),
        }
    }

    html! {
        (change_totals(build, earlier))
        @if lines.is_empty() {
            p.govuk-body { "No table, rule or contract changed since the day before." }
        } @else { ul.app-changes { @for line in lines { (line) } } }
    }
}

/// Differences between two snapshots of a table: held back or not, contract, verdicts of rules.
fn table_changes(
    build: &SiteBuild<'_>,
    before: &SnapshotManifest,
    manifest: &SnapshotManifest,
) -> Vec<Markup> {
    let name = &manifest.table;
    let mut lines: Vec<Markup> = passing_change(before, manifest).into_iter().collect();

    if before.contract_version != manifest.contract_version {
        lines.push(change_item(
            name,
            &coloured_tag(Colour::Blue, "Contract"),
            &html! { "version " (before.contract_version) " became " (manifest.contract_version) },
        ));
    }

    let table = build.catalogue.table_contract(name);
    for rule in &manifest.rules {
        let earlier = before.rules.iter().find(|other| other.rule == rule.rule);
        if let Some(earlier) = earlier.filter(|earlier| earlier.verdict != rule.verdict) {
            let state = QualityState::from_verdicts(std::iter::once(rule.verdict));
            let text = describe_rule_change(rule, earlier, is_about_people(table, rule));
            lines.push(change_item(name, &state.label_tag(), &text));
        }
    }
    lines
}

fn passing_change(before: &SnapshotManifest, manifest: &SnapshotManifest) -> Option<Markup> {
    let name = &manifest.table;
    match (before.passed, manifest.passed) {
        (true, false) => Some(change_item(
            name,
            &coloured_tag(Colour::Red, "Held back"),
            &html! { "passed on the day before" },
        )),
        (false, true) => Some(change_item(
            name,
            &coloured_tag(Colour::Green, "Current"),
            &html! { "was held back on the day before" },
        )),
        _ => None,
    }
}

fn describe_rule_change(rule: &RuleResult, earlier: &RuleResult, personal: bool) -> Markup {
    html! {
        (rule.description) ": " (format_count(rule.failed, personal)) " of "
        (format_count(rule.checked, personal))
        " failed, after " (format_count(earlier.failed, personal)) " on the day before"
    }
}

fn change_item(table: &str, tag: &Markup, says: &Markup) -> Markup {
    html! {
        li { (tag) span { a.govuk-link href={ "table/" (table) ".html" } { (table) } " " (says) } }
    }
}

/// Rows that changed over all tables, and the records of both days.
fn change_totals(build: &SiteBuild<'_>, earlier: &crate::Report) -> Markup {
    let manifests = || build.report.tables.values();
    let inserted: u64 = manifests().map(|manifest| manifest.inserted).sum();
    let updated: u64 = manifests().map(|manifest| manifest.updated).sum();
    let deleted: u64 = manifests().map(|manifest| manifest.deleted).sum();
    html! {
        p.govuk-body {
            (format_thousands(inserted)) " rows are new, " (format_thousands(updated))
            " changed and "
            (format_thousands(deleted)) " were deleted. "
            (count_with_noun(count_landed(build.report), "record")) " landed, after "
            (format_thousands(count_landed(earlier))) " on the day before."
        }
    }
}

fn count_landed(report: &crate::Report) -> u64 {
    report
        .sources
        .values()
        .map(|reconciliation| reconciliation.landed)
        .sum()
}

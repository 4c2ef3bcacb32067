//! The page of a day, and the listings that it shares with the home page.

use lake::{RuleVerdict, SnapshotManifest};
use maud::{Markup, html};

use super::dimension::{
    DimensionScore, all_rules, critical_rules_met, dimensions_table, rules_table, score_dimensions,
    worst_dimension,
};
use super::govuk::{
    Colour, KeyFigure, PageLayout, SitePart, TableWidth, coloured_tag, data_table, key_figures,
    numeric_header, sections_with_contents, text_header,
};
use super::source::reconciliation_tag;
use super::table::table_state_tag;
use super::text::{
    capitalise_first, count_with_noun, format_date, format_long_date, format_percent,
    format_thousands,
};
use super::{SiteBuild, trend};
use crate::reconciliation::SourceReconciliation;
use crate::report::{Report, TrendState};

pub(super) fn day_page(build: &SiteBuild<'_>) -> Vec<u8> {
    let report = build.report;
    let rules = all_rules(build);
    let broken: Vec<_> = rules
        .iter()
        .filter(|(_, rule)| rule.verdict != RuleVerdict::Pass)
        .copied()
        .collect();
    let unusual: Vec<_> = report
        .trends
        .iter()
        .filter(|trend| trend.state != TrendState::Usual && trend.state != TrendState::Young)
        .collect();
    let title = format_long_date(&report.date);
    let body = html! {
        span.app-kicker { "Day" }
        h1.govuk-heading-l { (title) }
        (day_headline_figures(build))
        (sections_with_contents(&[
            ("quality", "Quality", html! {
                (dimensions_table(
                    "The six dimensions, over all tables",
                    &score_dimensions(&rules),
                    |_| html! { span.app-muted { "See the tables" } },
                ))
            }),
            ("rules", "Rules that are not met", html! {
                @if broken.is_empty() { p.govuk-body { "Every rule is met." } }
                @else { (rebase_links(&rules_table("Rules that are not met", &broken, true))) }
            }),
            ("unusual", "Unusual figures", html! {
                @if unusual.is_empty() { p.govuk-body { "No figure is outside its usual range." } }
                @else {
                    (trend::render_trends(
                        "Observed figures and their usual ranges",
                        unusual,
                        Some("../"),
                    ))
                }
            }),
            ("tables", "Tables", snapshots_table(build, "../")),
            ("sources", "Sources", sources_table(report, build, "../")),
            ("data", "Machine-readable report", report_links(build)),
        ]))
    };
    let summary = format!("Data quality on {}", format_date(&report.date));
    PageLayout {
        title: &title,
        summary: &summary,
        part: SitePart::Days,
        depth: 1,
        is_subpage: true,
        script: false,
    }
    .render_page(&body)
}

/// The day's report as JSON, and the page of the previous reported day.
fn report_links(build: &SiteBuild<'_>) -> Markup {
    let date = &build.report.date;
    let before = build.days.iter().find(|day| *day < date);
    html! {
        p.govuk-body {
            a.govuk-link href={ "../data/" (date) ".json" } { "The day's report as JSON" }
        }
        @if let Some(before) = before {
            p.govuk-body {
                a.govuk-link href={ (before) ".html" } {
                    "The previous reported day, " (format_date(before))
                }
            }
        }
    }
}

/// Adapts the links of a rules table, which start at the site's root: the page of a day is one
/// folder deeper.
fn rebase_links(markup: &Markup) -> Markup {
    maud::PreEscaped(markup.0.replace("href=\"table/", "href=\"../table/"))
}

/// The day in four figures. There is no single score.
pub(super) fn day_headline_figures(build: &SiteBuild<'_>) -> Markup {
    let rules = all_rules(build);
    let scores = score_dimensions(&rules);
    let sources = build.report.sources.values();
    let landed = sources
        .clone()
        .map(|reconciliation| reconciliation.landed)
        .sum();
    let quarantined = sources.map(SourceReconciliation::quarantined_total).sum();
    key_figures(vec![
        critical_rules_figure(
            build,
            critical_rules_met(rules.iter().map(|(_, rule)| *rule)),
        ),
        worst_dimension_figure(worst_dimension(&scores)),
        reconciliation_figure(build.report, landed),
        quarantine_figure(quarantined, landed),
    ])
}

fn critical_rules_figure(build: &SiteBuild<'_>, (met, all): (usize, usize)) -> KeyFigure {
    let (passed, warned, failed) = build.report.count_verdicts();
    KeyFigure {
        name: "Critical rules met",
        number: format!("{met} of {all}"),
        note: html! { (passed) " of " (passed + warned + failed) " rules of every kind" },
        colour: good_unless(met != all, Colour::Red),
    }
}

fn worst_dimension_figure(worst: Option<&DimensionScore<'_>>) -> KeyFigure {
    let number = worst.map_or_else(|| "None".into(), |score| capitalise_first(score.name));
    let note = worst.map_or_else(
        || "Every rule is met".to_owned(),
        |score| {
            let not_met = score.rules.len() - score.rules_met();
            format!("{} not met", count_with_noun(not_met as u64, "rule"))
        },
    );
    KeyFigure {
        name: "Worst dimension",
        number,
        note: html! { (note) },
        colour: worst.map_or(Colour::Green, |score| score.state().colour()),
    }
}

fn reconciliation_figure(report: &Report, landed: u64) -> KeyFigure {
    let unbalanced = report
        .sources
        .values()
        .filter(|reconciliation| !reconciliation.balances())
        .count();
    let number = match unbalanced {
        0 => "Balanced".into(),
        count => format!("{count} not balanced"),
    };
    KeyFigure {
        name: "Reconciliation",
        number,
        note: html! {
            (count_with_noun(landed, "record")) " landed"
            @if unbalanced == 0 { ", all accounted for" }
        },
        colour: good_unless(unbalanced > 0, Colour::Red),
    }
}

fn quarantine_figure(quarantined: u64, landed: u64) -> KeyFigure {
    KeyFigure {
        name: "Quarantined",
        number: format_thousands(quarantined),
        note: html! { (format_percent(quarantined, landed)) " of landed records" },
        colour: good_unless(quarantined > 0, Colour::Yellow),
    }
}

/// Green, or another colour for a figure that needs attention.
fn good_unless(is_bad: bool, colour: Colour) -> Colour {
    if is_bad { colour } else { Colour::Green }
}

/// The tables of a day.
pub(super) fn snapshots_table(build: &SiteBuild<'_>, root: &str) -> Markup {
    let heads = [
        text_header("Table"),
        text_header("State"),
        numeric_header("Rows"),
        numeric_header("Since the day before"),
        numeric_header("Changed"),
        numeric_header("Critical rules met"),
        numeric_header("Rules not met"),
    ];
    let mut rows = Vec::new();
    let mut without = Vec::new();
    for table in &build.catalogue.tables {
        match build.report.tables.get(&table.name) {
            Some(manifest) => rows.push(snapshot_row(build, root, manifest)),
            None => without.push(table.name.as_str()),
        }
    }

    html! {
        (data_table("Snapshots of the day", TableWidth::Wide, &heads, rows))
        @if !without.is_empty() {
            p.govuk-body.app-small { "Without a snapshot: "
                @for (index, name) in without.iter().enumerate() {
                    @if index > 0 { ", " }
                    a.govuk-link href={ (root) "table/" (name) ".html" } { (name) }
                }
                "."
            }
        }
    }
}

fn snapshot_row(build: &SiteBuild<'_>, root: &str, manifest: &SnapshotManifest) -> Vec<Markup> {
    let name = &manifest.table;
    let rows_before = build
        .earlier
        .and_then(|report| report.tables.get(name))
        .map(|manifest| manifest.rows);

    let (met, all) = critical_rules_met(manifest.rules.iter());
    let not_met = manifest
        .rules
        .iter()
        .filter(|rule| rule.verdict != RuleVerdict::Pass)
        .count();
    vec![
        html! { a.govuk-link href={ (root) "table/" (name) ".html" } { (name) } },
        table_state_tag(Some(manifest)),
        html! { (format_thousands(manifest.rows)) },
        html! { (format_difference(rows_before, manifest.rows)) },
        html! { (format_thousands(manifest.updated)) },
        html! { (met) " of " (all) },
        html! { (not_met) },
    ]
}

/// Formats the difference between two counts, with its sign.
pub(super) fn format_difference(before: Option<u64>, now: u64) -> String {
    match before {
        None => "first day".into(),
        Some(before) if before == now => "no change".into(),
        Some(before) if before < now => format!("+{}", format_thousands(now - before)),
        Some(before) => format!("\u{2212}{}", format_thousands(before - now)),
    }
}

/// The sources of a day, with their reconciliation.
pub(super) fn sources_table(report: &Report, build: &SiteBuild<'_>, root: &str) -> Markup {
    let heads = [
        text_header("Source"),
        text_header("Reconciliation"),
        numeric_header("Landed"),
        numeric_header("Refined"),
        numeric_header("Ignored"),
        numeric_header("Quarantined"),
        numeric_header("Processed again"),
    ];
    let rows = report
        .sources
        .iter()
        .map(|(name, reconciliation)| source_row(build, root, name, reconciliation))
        .collect();
    data_table(
        "What became of the day's records",
        TableWidth::Wide,
        &heads,
        rows,
    )
}

fn source_row(
    build: &SiteBuild<'_>,
    root: &str,
    name: &str,
    reconciliation: &SourceReconciliation,
) -> Vec<Markup> {
    let title = build
        .catalogue
        .mapping_of_source(name)
        .map_or(name, |mapping| mapping.contract.title.as_str());
    vec![
        html! {
            a.govuk-link href={ (root) "source/" (name) ".html" } { (title) }
            br;
            code.app-muted { (name) }
        },
        reconciliation_tag(reconciliation),
        html! { (format_thousands(reconciliation.landed)) },
        html! { (format_thousands(reconciliation.refined)) },
        html! { (format_thousands(reconciliation.ignored)) },
        html! { (format_thousands(reconciliation.quarantined_total())) },
        html! { (format_thousands(reconciliation.redriven.total())) },
    ]
}

/// Whether the reconciliation of every source balances on a day.
pub(super) fn day_state_tag(report: &Report) -> Markup {
    if report.all_sources_balance() {
        coloured_tag(Colour::Green, "Balanced")
    } else {
        coloured_tag(Colour::Red, "Not balanced")
    }
}

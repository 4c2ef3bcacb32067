//! The page of a day, and the listings that it shares with the front page.

use lake::Verdict;
use maud::{Markup, html};

use super::dimension::{all_rules, critical, rules_table, scores, table_of, worst};
use super::govuk::{
    Colour, Figure, Frame, Part, Width, figures, numeric, sections, table, tag, text,
};
use super::source::books_tag;
use super::table::state_tag;
use super::text::{counted, date, long_date, percent, sentence, thousands};
use super::{Edition, trend};
use crate::report::{Report, TrendState};

pub(super) fn page(edition: &Edition<'_>) -> Vec<u8> {
    let report = edition.report;
    let rules = all_rules(edition);
    let broken: Vec<_> = rules
        .iter()
        .filter(|(_, rule)| rule.verdict != Verdict::Pass)
        .copied()
        .collect();
    let unusual: Vec<_> = report
        .trends
        .iter()
        .filter(|trend| trend.state != TrendState::Usual && trend.state != TrendState::Young)
        .collect();
    let before = edition.days.iter().find(|day| **day < report.date);
    let title = long_date(&report.date);
    let body = html! {
        span.app-kicker { "Day" }
        h1.govuk-heading-l { (title) }
        (headline(edition))
        (sections(&[
            ("quality", "Quality", html! {
                (table_of("The six dimensions, over all tables", &scores(&rules), |_| html! { span.app-muted { "See the tables" } }))
            }),
            ("rules", "Rules that are not met", html! {
                @if broken.is_empty() { p.govuk-body { "Every rule is met." } }
                @else { (rebased(&rules_table("Rules that are not met", &broken, true))) }
            }),
            ("unusual", "What is unusual", html! {
                @if unusual.is_empty() { p.govuk-body { "Nothing is outside of its expected range." } }
                @else { (trend::table_of("Observed beside the expected range", unusual, Some("../"))) }
            }),
            ("tables", "Tables", tables(edition, "../")),
            ("sources", "Sources", sources(report, edition, "../")),
            ("data", "For machines", html! {
                p.govuk-body { a.govuk-link href={ "../data/" (report.date) ".json" } { "The day's report as JSON" } }
                @if let Some(before) = before { p.govuk-body { a.govuk-link href={ (before) ".html" } { "The reported day before, " (date(before)) } } }
            }),
        ]))
    };
    let summary = format!("Data quality on {}", date(&report.date));
    Frame {
        title: &title,
        summary: &summary,
        part: Part::Days,
        depth: 1,
        below: true,
        script: false,
    }
    .page(&body)
}

/// Links of a rules table lead from the site's root; a page of a day lies one folder deeper.
fn rebased(markup: &Markup) -> Markup {
    maud::PreEscaped(markup.0.replace("href=\"table/", "href=\"../table/"))
}

/// The day in four figures. There is no single score.
pub(super) fn headline(edition: &Edition<'_>) -> Markup {
    let report = edition.report;
    let rules = all_rules(edition);
    let (met, all) = critical(rules.iter().map(|(_, rule)| *rule));
    let (passed, warned, failed) = report.verdicts();
    let scores = scores(&rules);
    let worst = worst(&scores);
    let open = report
        .sources
        .values()
        .filter(|books| !books.close())
        .count();
    let landed: u64 = report.sources.values().map(|books| books.landed).sum();
    let refused: u64 = report
        .sources
        .values()
        .map(crate::SourceBooks::quarantined_total)
        .sum();
    figures(vec![
        Figure {
            name: "Critical rules met",
            number: format!("{met} of {all}"),
            note: html! { (passed) " of " (passed + warned + failed) " rules of every kind" },
            colour: if met == all {
                Colour::Green
            } else {
                Colour::Red
            },
        },
        Figure {
            name: "Worst dimension",
            number: worst.map_or_else(|| "None".into(), |score| sentence(score.name)),
            note: html! { @if let Some(score) = worst { (counted((score.rules.len() - score.met()) as u64, "rule")) " not met" } @else { "Every rule is met" } },
            colour: worst.map_or(Colour::Green, |score| score.state().colour()),
        },
        Figure {
            name: "Books",
            number: if open == 0 {
                "Closed".into()
            } else {
                format!("{open} open")
            },
            note: html! { (counted(landed, "record")) " landed" @if open == 0 { ", all accounted for" } },
            colour: if open == 0 {
                Colour::Green
            } else {
                Colour::Red
            },
        },
        Figure {
            name: "Quarantined",
            number: thousands(refused),
            note: html! { (percent(refused, landed)) " of what landed" },
            colour: if refused == 0 {
                Colour::Green
            } else {
                Colour::Yellow
            },
        },
    ])
}

/// The tables of a day.
pub(super) fn tables(edition: &Edition<'_>, root: &str) -> Markup {
    let earlier = |name: &str| {
        edition
            .earlier
            .and_then(|report| report.tables.get(name))
            .map(|manifest| manifest.rows)
    };
    let row = |of: &contract::TableContract| {
        let manifest = edition.report.tables.get(&of.name)?;
        let (met, all) = critical(manifest.rules.iter());
        Some(vec![
            html! { a.govuk-link href={ (root) "table/" (of.name) ".html" } { (of.name) } },
            state_tag(Some(manifest)),
            html! { (thousands(manifest.rows)) },
            html! { (difference(earlier(&of.name), manifest.rows)) },
            html! { (thousands(manifest.updated)) },
            html! { (met) " of " (all) },
            html! { (manifest.rules.iter().filter(|rule| rule.verdict != Verdict::Pass).count()) },
        ])
    };
    let heads = [
        text("Table"),
        text("State"),
        numeric("Rows"),
        numeric("Since the day before"),
        numeric("Changed"),
        numeric("Critical rules met"),
        numeric("Rules not met"),
    ];
    let rows: Vec<Vec<Markup>> = edition.catalogue.tables.iter().filter_map(row).collect();
    let without: Vec<&str> = edition
        .catalogue
        .tables
        .iter()
        .map(|of| of.name.as_str())
        .filter(|name| !edition.report.tables.contains_key(*name))
        .collect();
    html! {
        (table("Snapshots of the day", Width::Wide, &heads, rows))
        @if !without.is_empty() {
            p.govuk-body.app-small { "Without a snapshot: "
                @for (place, name) in without.iter().enumerate() { @if place > 0 { ", " } a.govuk-link href={ (root) "table/" (name) ".html" } { (name) } } "."
            }
        }
    }
}

/// A change with its sign.
pub(super) fn difference(before: Option<u64>, now: u64) -> String {
    match before {
        None => "first day".into(),
        Some(before) if before == now => "no change".into(),
        Some(before) if before < now => format!("+{}", thousands(now - before)),
        Some(before) => format!("\u{2212}{}", thousands(before - now)),
    }
}

/// The sources of a day, with their books.
pub(super) fn sources(report: &Report, edition: &Edition<'_>, root: &str) -> Markup {
    let heads = [
        text("Source"),
        text("Books"),
        numeric("Landed"),
        numeric("Refined"),
        numeric("Ignored"),
        numeric("Quarantined"),
        numeric("Processed again"),
    ];
    let row = |(name, books): (&String, &crate::SourceBooks)| {
        let title = edition
            .catalogue
            .source(name)
            .map_or(name.as_str(), |plan| plan.contract.title.as_str());
        vec![
            html! { a.govuk-link href={ (root) "source/" (name) ".html" } { (title) } br; code.app-muted { (name) } },
            books_tag(books),
            html! { (thousands(books.landed)) },
            html! { (thousands(books.refined)) },
            html! { (thousands(books.ignored)) },
            html! { (thousands(books.quarantined_total())) },
            html! { (thousands(books.redriven.total())) },
        ]
    };
    table(
        "What became of the day's records",
        Width::Wide,
        &heads,
        report.sources.iter().map(row).collect(),
    )
}

/// A day of the list of days.
pub(super) fn state_of(report: &Report) -> Markup {
    if report.books_close() {
        tag(Colour::Green, "Books close")
    } else {
        tag(Colour::Red, "Books open")
    }
}

//! The front page: what is healthy, what is not, what changed since the reported day before.

use lake::{RuleResult, Verdict};
use maud::{Markup, html};

use super::day::{headline, sources, tables};
use super::dimension::{State, all_rules, rules_table, scores, table_of};
use super::govuk::{Colour, Frame, Part, banner, section, tag};
use super::text::{count_of, counted, date, long_date, measured, thousands};
use super::{Edition, is_about_people, lists, trend};
use crate::report::TrendState;

/// Rules that are shown on the front page.
const RULES_MAX: usize = 12;

pub(super) fn page(edition: &Edition<'_>) -> Vec<u8> {
    let rules = all_rules(edition);
    let broken: Vec<_> = rules
        .iter()
        .filter(|(_, rule)| rule.verdict != Verdict::Pass)
        .copied()
        .collect();
    let body = html! {
        span.app-kicker { (long_date(&edition.report.date)) }
        h1.govuk-heading-l { "Data and its quality" }
        p.app-lead { "What data there are, how good they are, and whom to ask. Every figure is of the newest reported day." }
        (lists::search("tables.html"))
        (attention(edition))
        (headline(edition))
        (section("changed", &since(edition), &changed(edition)))
        (section("dimensions", "The six dimensions", &html! {
            (table_of("The six dimensions, over all tables", &scores(&rules), |_| html! { span.app-muted { "By table" } }))
        }))
        (section("broken", "Rules that are not met", &html! {
            @if broken.is_empty() { p.govuk-body { "Every rule is met." } }
            @else {
                (rules_table("Rules that are not met, those that block the day first", &worst_first(&broken), true))
                @if broken.len() > RULES_MAX {
                    p.govuk-body { a.govuk-link href={ "day/" (edition.report.date) ".html#rules" } { "All " (broken.len()) " rules that are not met" } }
                }
            }
        }))
        (section("tables", "Tables", &tables(edition, "")))
        (section("sources", "Sources", &sources(edition.report, edition, "")))
    };
    let summary = "What data there are, how good they are, and whom to ask";
    Frame {
        title: "Data and its quality",
        summary,
        part: Part::Overview,
        depth: 0,
        below: false,
        script: false,
    }
    .page(&body)
}

type Ruled<'r> = (Option<&'r contract::TableContract>, &'r RuleResult);

fn worst_first<'r>(broken: &[Ruled<'r>]) -> Vec<Ruled<'r>> {
    let mut rules = broken.to_vec();
    let share = |rule: &RuleResult| rule.failed as f64 / rule.checked.max(1) as f64;
    let blocks = |rule: &RuleResult| rule.verdict == Verdict::Fail;
    rules.sort_by(|(_, a), (_, b)| {
        blocks(b)
            .cmp(&blocks(a))
            .then(share(b).total_cmp(&share(a)))
    });
    rules.truncate(RULES_MAX);
    rules
}

/// What needs somebody today, or that nothing does. Warnings stand further down.
fn attention(edition: &Edition<'_>) -> Markup {
    let report = edition.report;
    let held = report.tables.values().filter(|manifest| !manifest.passed);
    let open = report.sources.iter().filter(|(_, books)| !books.close());
    let unusual = report
        .trends
        .iter()
        .filter(|trend| trend.state == TrendState::Unusual);
    let mut lines: Vec<Markup> = held
        .map(|manifest| {
            let passing = edition.passing.get(&manifest.table);
            html! {
                a.govuk-link href={ "table/" (manifest.table) ".html" } { (manifest.table) } " is held back: a critical rule is not met. "
                @match passing { Some(day) => { "Readers see " (date(day)) "." }, None => "No day has passed yet." }
            }
        })
        .collect();
    lines.extend(open.map(|(name, books)| {
        html! {
            "The books of " a.govuk-link href={ "source/" (name) ".html" } { (name) } " do not close"
            @if books.waiting > 0 { ", raw objects that wait: " (books.waiting) } "."
        }
    }));
    lines.extend(unusual.map(|found| {
        html! {
            a.govuk-link href=(trend::address(&found.dataset)) { (found.dataset.replace('/', " ")) } " is unusual. " (trend::name(found)) ": " (measured(&found.metric, found.observed)) ", expected " (trend::expected(found)) "."
        }
    }));
    let (_, warned, _) = report.verdicts();
    let heading = match lines.len() {
        0 => "Every table is current, and every record is accounted for".to_owned(),
        count => format!("{} to look at", counted(count as u64, "thing")),
    };
    let body = html! {
        @if lines.is_empty() { @if warned > 0 { p.govuk-body { "Rules that warn, and hold nothing back: " (warned) "." } } }
        @else { ul.govuk-list.govuk-list--bullet { @for line in &lines { li { (line) } } } }
    };
    banner(lines.is_empty(), &heading, &body)
}

fn since(edition: &Edition<'_>) -> String {
    edition.earlier.map_or_else(
        || "What changed".into(),
        |earlier| format!("What changed since {}", date(&earlier.date)),
    )
}

/// What is another than on the reported day before: tables, rules, books, contracts.
fn changed(edition: &Edition<'_>) -> Markup {
    let Some(earlier) = edition.earlier else {
        return html! { p.govuk-body { "This is the first reported day." } };
    };
    let mut lines = Vec::new();
    for (name, manifest) in &edition.report.tables {
        let Some(before) = earlier.tables.get(name) else {
            lines.push(line(
                name,
                &tag(Colour::Blue, "New"),
                &html! { "has its first snapshot, of " (counted(manifest.rows, "row")) },
            ));
            continue;
        };
        match (before.passed, manifest.passed) {
            (true, false) => {
                lines.push(line(
                    name,
                    &tag(Colour::Red, "Held back"),
                    &html! { "passed on the day before" },
                ));
            }
            (false, true) => lines.push(line(
                name,
                &tag(Colour::Green, "Current"),
                &html! { "was held back on the day before" },
            )),
            _ => {}
        }
        if before.contract_version != manifest.contract_version {
            lines.push(line(
                name,
                &tag(Colour::Blue, "Contract"),
                &html! { "version " (before.contract_version) " became " (manifest.contract_version) },
            ));
        }
        let table = edition.catalogue.table(name);
        for rule in &manifest.rules {
            let then = before.rules.iter().find(|then| then.rule == rule.rule);
            if let Some(then) = then.filter(|then| then.verdict != rule.verdict) {
                let people = is_about_people(table, rule);
                let now = State::of(std::iter::once(rule.verdict));
                let text = html! { (rule.description) ": " (count_of(rule.failed, people)) " of " (count_of(rule.checked, people)) " fell short, after " (count_of(then.failed, people)) };
                lines.push(line(name, &now.tag(), &text));
            }
        }
    }
    html! {
        (totals(edition, earlier))
        @if lines.is_empty() { p.govuk-body { "No table, rule or contract stands otherwise than on the day before." } }
        @else { ul.app-changes { @for line in lines { (line) } } }
    }
}

fn line(table: &str, tag: &Markup, says: &Markup) -> Markup {
    html! { li { (tag) span { a.govuk-link href={ "table/" (table) ".html" } { (table) } " " (says) } } }
}

fn totals(edition: &Edition<'_>, earlier: &crate::Report) -> Markup {
    let count =
        |of: fn(&lake::Manifest) -> u64| -> u64 { edition.report.tables.values().map(of).sum() };
    let landed =
        |report: &crate::Report| -> u64 { report.sources.values().map(|books| books.landed).sum() };
    html! {
        p.govuk-body {
            (thousands(count(|manifest| manifest.inserted))) " rows are new, " (thousands(count(|manifest| manifest.updated))) " changed and "
            (thousands(count(|manifest| manifest.deleted))) " are gone. " (counted(landed(edition.report), "record")) " landed, after "
            (thousands(landed(earlier))) "."
        }
    }
}

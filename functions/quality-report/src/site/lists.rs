//! The lists of tables, sources and days, and how to read the pages.

use contract::TableContract;
use maud::{Markup, html};
use pole::PROVENANCE;

use super::day::{difference, state_of};
use super::dimension::{SIX, State};
use super::govuk::{Colour, Frame, Part, Width, details, numeric, table, tag, text};
use super::source::books_tag;
use super::table::{fed_by, state_tag};
use super::text::{counted, date, long_date, sentence, stopped, thousands};
use super::{Edition, trend};
use crate::report::TrendState;

/// The families of POLE, with what they are called in the plural.
const FAMILIES: [(&str, &str); 5] = [
    ("person", "People"),
    ("object", "Objects"),
    ("location", "Locations"),
    ("event", "Events"),
    ("link", "Links"),
];

/// The search: it leads to the list of tables, which a script then filters.
pub(super) fn search(action: &str) -> Markup {
    html! {
        form.app-search role="search" action=(action) method="get" {
            label.govuk-label for="q" { "Find a table or a column" }
            input.govuk-input id="q" name="q" type="search" autocomplete="off" spellcheck="false";
            button.govuk-button type="submit" { "Search" }
        }
    }
}

/// Every table with its columns: a plain list, which a script can filter.
pub(super) fn tables(edition: &Edition<'_>) -> Vec<u8> {
    let all = &edition.catalogue.tables;
    let columns: usize = all.iter().map(|of| of.own().len()).sum();
    let body = html! {
        h1.govuk-heading-l { "Tables" }
        p.app-lead { (counted(all.len() as u64, "table")) " with " (thousands(columns as u64)) " columns of their own. Every table begins with the same " (PROVENANCE.len()) " columns of provenance." }
        (search("tables.html"))
        noscript { p.govuk-body { "Filtering needs JavaScript. The list below is complete without it." } }
        p.govuk-body id="found" role="status" {}
        @for (family, plural) in FAMILIES {
            @let of_family: Vec<&TableContract> = all.iter().filter(|of| of.family.name() == family).collect();
            @if !of_family.is_empty() {
                section data-group="" {
                    h2.govuk-heading-m id={ "family-" (family) } { (plural) }
                    ul.app-entries { @for of in of_family { (entry(edition, of)) } }
                }
            }
        }
    };
    let frame = Frame {
        title: "Tables",
        summary: "Every table, with its columns",
        part: Part::Tables,
        depth: 0,
        below: false,
        script: true,
    };
    frame.page(&body)
}

fn entry(edition: &Edition<'_>, of: &TableContract) -> Markup {
    let manifest = edition.report.tables.get(&of.name);
    html! {
        li.app-entry data-entry="" {
            h3.govuk-heading-s { a.govuk-link href={ "table/" (of.name) ".html" } { (of.name) } }
            (state_tag(manifest))
            p data-text="" { (stopped(&of.meaning)) }
            p.app-muted {
                @if let Some(manifest) = manifest { (counted(manifest.rows, "row")) ". " }
                @match fed_by(edition.catalogue, &of.name).len() { 0 => "No source fills it.", count => { "Filled by " (counted(count as u64, "source")) "." } }
            }
            (details(&counted(of.own().len() as u64, "column of its own"), &html! {
                ul.app-fields {
                    @for column in of.own() {
                        li data-field="" { a.govuk-link href={ "table/" (of.name) ".html#column-" (column.name) } { code { (column.name) } } " " (column.meaning) }
                    }
                }
            }))
        }
    }
}

pub(super) fn sources(edition: &Edition<'_>) -> Vec<u8> {
    let nothing = crate::SourceBooks::default();
    let row = |plan: &contract::Plan| {
        let contract = &plan.contract;
        let books = edition
            .report
            .sources
            .get(&contract.name)
            .unwrap_or(&nothing);
        let before = edition
            .earlier
            .and_then(|report| report.sources.get(&contract.name))
            .map(|books| books.landed);
        vec![
            html! { a.govuk-link href={ "source/" (contract.name) ".html" } { (contract.title) } br; code.app-muted { (contract.name) } },
            html! { div.app-text { (stopped(&contract.purpose)) } },
            html! { (contract.owner) },
            books_tag(books),
            html! { (thousands(books.landed)) },
            html! { (difference(before, books.landed)) },
        ]
    };
    let heads = [
        text("Source"),
        text("What it holds"),
        text("Owner"),
        text("Books"),
        numeric("Landed"),
        numeric("Against the day before"),
    ];
    let plans = &edition.catalogue.plans;
    let body = html! {
        h1.govuk-heading-l { "Sources" }
        p.app-lead { (counted(plans.len() as u64, "source")) " push events. Figures are of " (date(&edition.report.date)) "." }
        (table("Sources and what they sent", Width::Wide, &heads, plans.iter().map(row).collect()))
    };
    let frame = Frame {
        title: "Sources",
        summary: "Who sends what",
        part: Part::Sources,
        depth: 0,
        below: false,
        script: false,
    };
    frame.page(&body)
}

pub(super) fn days(edition: &Edition<'_>) -> Vec<u8> {
    let known = |day: &str| {
        [Some(edition.report), edition.earlier]
            .into_iter()
            .flatten()
            .find(|report| report.date == day)
    };
    let body = html! {
        h1.govuk-heading-l { "Days" }
        p.app-lead { (counted(edition.days.len() as u64, "reported day")) ", newest first. A day ends at midnight UTC." }
        ul.app-changes {
            @for day in edition.days {
                li { a.govuk-link href={ "day/" (day) ".html" } { (long_date(day)) } @if let Some(report) = known(day) { (state_of(report)) } }
            }
        }
    };
    let frame = Frame {
        title: "Days",
        summary: "Every reported day",
        part: Part::Days,
        depth: 0,
        below: false,
        script: false,
    };
    frame.page(&body)
}

pub(super) fn about() -> Vec<u8> {
    let dimension = |(name, means): (&str, &str)| {
        let fed = match name {
            "completeness" => {
                "Required columns, missing values, rules of what must be filled together"
            }
            "uniqueness" => "Keys: exact, not estimated",
            "consistency" => "References, links, rules between columns",
            "timeliness" => "How old the newest event is, how late records come",
            "validity" => "Types, forms, lengths, ranges, lists of codes",
            _ => {
                "Plausibility, and a comparison with a reference where there is one; else it is not measured"
            }
        };
        vec![
            html! { (sentence(name)) },
            html! { (means) },
            html! { (fed) },
        ]
    };
    let states = [
        (
            State::Good.tag(),
            "Every rule is met: no more fell short than its target allows",
        ),
        (
            State::Warning.tag(),
            "A rule is not met, and somebody should look. Readers still get the day",
        ),
        (State::Failing.tag(), "A critical rule is not met"),
        (
            tag(Colour::Red, "Held back"),
            "A critical rule is not met: the snapshot is kept, and readers see the last one that passed",
        ),
        (
            tag(Colour::Grey, "Empty"),
            "There is a snapshot, without a row",
        ),
        (
            State::Unmeasured.tag(),
            "No rule looks at this dimension here. That is not the same as good",
        ),
        (
            trend::state(TrendState::Usual),
            "The number is within its expected range",
        ),
        (
            trend::state(TrendState::Unusual),
            "The number is outside of it",
        ),
        (
            trend::state(TrendState::Young),
            "There are too few days of the same kind to compare with",
        ),
        (
            trend::state(TrendState::Acknowledged),
            "The number is outside of its range, and somebody has said why",
        ),
    ];
    let body = html! {
        h1.govuk-heading-l { "How to read these pages" }
        div.app-measure {
            p.govuk-body { "Each table has a snapshot of every day, and each snapshot is measured while it is written. Rules stand in the table's contract; each belongs to one of the six dimensions of the Government Data Quality Framework." }
            p.govuk-body { "There is no single score. A mean would hide a broken key behind millions of clean texts. Beside each figure stand what fell short, what was checked, and what is tolerated." }
            p.govuk-body { "The expected range of a number is made of the same weekday in earlier weeks: their median, and how far they usually lie from it. A day is never part of its own range. Days that somebody has explained are left out." }
            p.govuk-body { "No page shows a value of a personal column. Counts of people's data below ten are told as " em { "fewer than 10" } "." }
        }
        (table("The six dimensions", Width::Narrow, &[text("Dimension"), text("It means"), text("What measures it")], SIX.into_iter().map(dimension).collect()))
        (table("States", Width::Narrow, &[text("State"), text("It means")], states.into_iter().map(|(tag, says)| vec![tag, html! { (says) }]).collect()))
        h2.govuk-heading-m { "What becomes of a record" }
        ul.govuk-list.govuk-list--bullet.app-measure {
            li { strong { "Landed" } ": it lies in the raw zone, unchanged." }
            li { strong { "Refined" } ": it became rows of tables." }
            li { strong { "Ignored" } ": its event type is declared as one to leave alone." }
            li { strong { "Quarantined" } ": it was refused, with the reason, and waits to be mended and processed again." }
        }
        p.govuk-body { "The books of a source close when landed is refined, ignored and quarantined together, and nothing waits." }
    };
    let summary = "What the dimensions, states and figures mean";
    Frame {
        title: "How to read these pages",
        summary,
        part: Part::About,
        depth: 0,
        below: false,
        script: false,
    }
    .page(&body)
}

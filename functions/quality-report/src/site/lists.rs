//! The lists of tables, sources and days, and how to read the pages.

use contract::TableContract;
use maud::{Markup, html};
use pole::PROVENANCE;

use super::day::{day_state_tag, format_difference};
use super::dimension::{DIMENSIONS, QualityState};
use super::govuk::{
    Colour, PageLayout, SitePart, TableWidth, coloured_tag, data_table, details_box,
    numeric_header, text_header,
};
use super::relations::sources_filling;
use super::source::reconciliation_tag;
use super::table::table_state_tag;
use super::text::{
    capitalise_first, count_with_noun, end_with_full_stop, format_date, format_long_date,
    format_thousands,
};
use super::{SiteBuild, trend};
use crate::report::TrendState;

/// The families of POLE and their plurals.
const FAMILIES: [(&str, &str); 5] = [
    ("person", "People"),
    ("object", "Objects"),
    ("location", "Locations"),
    ("event", "Events"),
    ("link", "Links"),
];

/// The search form. It opens the list of tables, which a script then filters.
pub(super) fn search_form(action: &str) -> Markup {
    html! {
        form.app-search role="search" action=(action) method="get" {
            label.govuk-label for="q" { "Find a table or a column" }
            input.govuk-input id="q" name="q" type="search" autocomplete="off" spellcheck="false";
            button.govuk-button type="submit" { "Search" }
        }
    }
}

/// Every table with its columns: a plain list, which a script can filter.
pub(super) fn tables_page(build: &SiteBuild<'_>) -> Vec<u8> {
    let all = &build.catalogue.tables;
    let columns: usize = all.iter().map(|table| table.own_columns().len()).sum();
    let body = html! {
        h1.govuk-heading-l { "Tables" }
        p.app-lead {
            (count_with_noun(all.len() as u64, "table")) " with " (format_thousands(columns as u64))
            " columns of their own. Every table begins with the same " (PROVENANCE.len())
            " provenance columns."
        }
        (search_form("tables.html"))
        noscript {
            p.govuk-body { "Filtering needs JavaScript. The list below is complete without it." }
        }
        p.govuk-body id="found" role="status" {}
        @for (family, plural) in FAMILIES {
            @let of_family: Vec<&TableContract> = all
                .iter()
                .filter(|table| table.family.name() == family)
                .collect();
            @if !of_family.is_empty() {
                section data-group="" {
                    h2.govuk-heading-m id={ "family-" (family) } { (plural) }
                    ul.app-entries { @for table in of_family { (table_entry(build, table)) } }
                }
            }
        }
    };
    let frame = PageLayout {
        title: "Tables",
        summary: "Every table, with its columns",
        part: SitePart::Tables,
        depth: 0,
        is_subpage: false,
        script: true,
    };
    frame.render_page(&body)
}

fn table_entry(build: &SiteBuild<'_>, table: &TableContract) -> Markup {
    let manifest = build.report.tables.get(&table.name);
    html! {
        li.app-entry data-entry="" {
            h3.govuk-heading-s {
                a.govuk-link href={ "table/" (table.name) ".html" } { (table.name) }
            }
            (table_state_tag(manifest))
            p data-text="" { (end_with_full_stop(&table.meaning)) }
            p.app-muted {
                @if let Some(manifest) = manifest { (count_with_noun(manifest.rows, "row")) ". " }
                @match sources_filling(build.catalogue, &table.name).len() {
                    0 => "No source fills it.",
                    count => { "Filled by " (count_with_noun(count as u64, "source")) "." },
                }
            }
            @let own_columns = table.own_columns().len() as u64;
            (details_box(&count_with_noun(own_columns, "column of its own"), &html! {
                ul.app-fields {
                    @for column in table.own_columns() {
                        li data-field="" {
                            a.govuk-link
                                href={ "table/" (table.name) ".html#column-" (column.name) } {
                                code { (column.name) }
                            }
                            " " (column.meaning)
                        }
                    }
                }
            }))
        }
    }
}

pub(super) fn sources_page(build: &SiteBuild<'_>) -> Vec<u8> {
    let nothing = crate::SourceReconciliation::default();
    let row = |plan: &contract::CompiledMapping| {
        let contract = &plan.contract;
        let reconciliation = build.report.sources.get(&contract.name).unwrap_or(&nothing);
        let before = build
            .earlier
            .and_then(|report| report.sources.get(&contract.name))
            .map(|reconciliation| reconciliation.landed);
        vec![
            html! {
                a.govuk-link href={ "source/" (contract.name) ".html" } { (contract.title) }
                br;
                code.app-muted { (contract.name) }
            },
            html! { div.app-text { (end_with_full_stop(&contract.purpose)) } },
            html! { (contract.owner) },
            reconciliation_tag(reconciliation),
            html! { (format_thousands(reconciliation.landed)) },
            html! { (format_difference(before, reconciliation.landed)) },
        ]
    };
    let heads = [
        text_header("Source"),
        text_header("What it holds"),
        text_header("Owner"),
        text_header("Reconciliation"),
        numeric_header("Landed"),
        numeric_header("Since the day before"),
    ];
    let plans = &build.catalogue.mappings;
    let body = html! {
        h1.govuk-heading-l { "Sources" }
        p.app-lead {
            (count_with_noun(plans.len() as u64, "source")) " send events. Figures are for "
            (format_date(&build.report.date)) "."
        }
        (data_table(
            "Sources and what they sent",
            TableWidth::Wide,
            &heads,
            plans.iter().map(row).collect(),
        ))
    };
    let frame = PageLayout {
        title: "Sources",
        summary: "Who sends what",
        part: SitePart::Sources,
        depth: 0,
        is_subpage: false,
        script: false,
    };
    frame.render_page(&body)
}

pub(super) fn days_page(build: &SiteBuild<'_>) -> Vec<u8> {
    let known = |day: &str| {
        [Some(build.report), build.earlier]
            .into_iter()
            .flatten()
            .find(|report| report.date == day)
    };
    let body = html! {
        h1.govuk-heading-l { "Days" }
        p.app-lead {
            (count_with_noun(build.days.len() as u64, "reported day"))
            ", newest first. A day ends at midnight UTC."
        }
        ul.app-changes {
            @for day in build.days {
                li {
                    a.govuk-link href={ "day/" (day) ".html" } { (format_long_date(day)) }
                    @if let Some(report) = known(day) { (day_state_tag(report)) }
                }
            }
        }
    };
    let frame = PageLayout {
        title: "Days",
        summary: "Every reported day",
        part: SitePart::Days,
        depth: 0,
        is_subpage: false,
        script: false,
    };
    frame.render_page(&body)
}

/// How to read the pages: the dimensions, the states and what becomes of a record.
pub(super) fn about_page() -> Vec<u8> {
    let body = html! {
        h1.govuk-heading-l { "How to read these pages" }
        (about_introduction())
        (dimension_guide())
        (state_guide())
        (record_outcomes())
    };
    let summary = "What the dimensions, states and figures mean";
    PageLayout {
        title: "How to read these pages",
        summary,
        part: SitePart::About,
        depth: 0,
        is_subpage: false,
        script: false,
    }
    .render_page(&body)
}

/// How snapshots are measured, and where small counts are suppressed.
fn about_introduction() -> Markup {
    html! {
        div.app-measure {
            p.govuk-body {
                "Each table has a snapshot of every day, and each snapshot is measured while it is \
                 written. The table's contract declares the rules. Each rule belongs to one of the \
                 six dimensions of the Government Data Quality Framework."
            }
            p.govuk-body {
                "There is no single score, because a mean would hide a broken key behind millions \
                 of correct values. Each rule shows how many rows failed, how many were checked, \
                 and how many may fail."
            }
            p.govuk-body {
                "The usual range of a figure comes from the same weekday in earlier weeks: their \
                 median, and their usual distance from it. A day is never part of its own range. \
                 Days with a recorded cause are left out."
            }
            p.govuk-body {
                "No page shows a value of a personal column. Counts of personal data below ten are \
                 shown as "
                em { "fewer than 10" }
                "."
            }
        }
    }
}

fn dimension_guide() -> Markup {
    let heads = [
        text_header("Dimension"),
        text_header("It means"),
        text_header("What measures it"),
    ];
    let rows = DIMENSIONS
        .into_iter()
        .map(|(name, meaning)| {
            vec![
                html! { (capitalise_first(name)) },
                html! { (meaning) },
                html! { (dimension_measures(name)) },
            ]
        })
        .collect();
    data_table("The six dimensions", TableWidth::Narrow, &heads, rows)
}

/// What the rules of a dimension look at.
fn dimension_measures(name: &str) -> &'static str {
    match name {
        "completeness" => {
            "Required columns, missing values, and columns that must be filled together"
        }
        "uniqueness" => "Keys, counted exactly",
        "consistency" => "References, links, and rules between columns",
        "timeliness" => "The age of the newest event, and the lag of records",
        "validity" => "Types, formats, lengths, ranges, and lists of codes",
        _ => {
            "Plausibility, and a comparison with a reference where there is one. Otherwise it is \
             not measured"
        }
    }
}

fn state_guide() -> Markup {
    let states = [
        (
            QualityState::Good.label_tag(),
            "Every rule is met: no more rows failed than its target allows",
        ),
        (
            QualityState::Warning.label_tag(),
            "A rule is not met, and an analyst should look. Readers still see the day",
        ),
        (
            QualityState::Failing.label_tag(),
            "A critical rule is not met",
        ),
        (
            coloured_tag(Colour::Red, "Held back"),
            "A critical rule is not met: the snapshot is stored, and readers see the newest one \
             that passed",
        ),
        (
            coloured_tag(Colour::Grey, "Empty"),
            "The snapshot has no rows",
        ),
        (
            QualityState::Unmeasured.label_tag(),
            "No rule measures this dimension here, which does not mean that it is good",
        ),
        (
            trend::trend_state_tag(TrendState::Usual),
            "The figure is within its usual range",
        ),
        (
            trend::trend_state_tag(TrendState::Unusual),
            "The figure is outside its usual range",
        ),
        (
            trend::trend_state_tag(TrendState::Young),
            "There are too few comparable days",
        ),
        (
            trend::trend_state_tag(TrendState::Acknowledged),
            "The figure is outside its usual range, and an operator has recorded the cause",
        ),
    ];

    let rows = states
        .into_iter()
        .map(|(tag, meaning)| vec![tag, html! { (meaning) }])
        .collect();
    data_table(
        "States",
        TableWidth::Narrow,
        &[text_header("State"), text_header("It means")],
        rows,
    )
}

/// What becomes of a record, and when the reconciliation of a source balances.
fn record_outcomes() -> Markup {
    html! {
        h2.govuk-heading-m { "What becomes of a record" }
        ul.govuk-list.govuk-list--bullet.app-measure {
            li { strong { "Landed" } ": it is stored in the raw zone, unchanged." }
            li { strong { "Refined" } ": it became rows of tables." }
            li {
                strong { "Ignored" }
                ": the contract declares that events of its type are left alone, or an erasure \
                 covers it."
            }
            li {
                strong { "Quarantined" }
                ": it was refused, with the reason. It can be processed again once the cause is \
                 fixed."
            }
        }
        p.govuk-body {
            "The reconciliation of a source is balanced when every landed record is refined, \
             ignored or quarantined, and no raw object waits for the transform."
        }
    }
}

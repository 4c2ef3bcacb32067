//! A table's columns: what each means, how full it is, and what it holds.

use contract::{Column, TableContract};
use lake::{ColumnProfile, Manifest};
use maud::{Markup, html};
use pole::PROVENANCE;

use super::Edition;
use super::govuk::{Colour, Width, details, numeric, table, tag, text};
use super::sample;
use super::text::{count_of, counted, is_small, percent, sentence, stopped, thousands, value};

/// Codes and masks that are shown of a column.
const SHOWN_MAX: usize = 12;

/// The table's own columns, then those that every table has.
pub(super) fn section(
    edition: &Edition<'_>,
    of: &TableContract,
    manifest: Option<&Manifest>,
) -> Markup {
    let (common, own) = of.columns.split_at(PROVENANCE.len().min(of.columns.len()));
    html! {
        p.govuk-body.app-measure {
            "Personal columns hold people's data. Of them no least or greatest value is shown, no code, and no count below ten. Distinct values are estimated, within 2.3%."
        }
        @if !own.is_empty() { (listing(edition, of, manifest, own, "Columns of its own")) }
        (details(
            &format!("{} of provenance, the same in every table", counted(common.len() as u64, "column")),
            &listing(edition, of, manifest, common, "Columns of provenance"),
        ))
    }
}

fn listing(
    edition: &Edition<'_>,
    of: &TableContract,
    manifest: Option<&Manifest>,
    columns: &[Column],
    caption: &str,
) -> Markup {
    let heads = [
        text("Column"),
        text("Type"),
        text("Meaning"),
        numeric("Filled"),
        numeric("Distinct"),
        text("What it holds"),
    ];
    let row = |column: &Column| {
        let known = manifest
            .and_then(|manifest| Some((manifest.columns.get(&column.name)?, manifest.rows)));
        vec![
            html! { code id={ "column-" (column.name) } { (column.name) } },
            html! { (column.kind.glue()) },
            html! { div.app-text { (stopped(&column.meaning)) (marks(column)) } },
            html! { (filled(column, known)) },
            html! { (distinct(column, known)) },
            holds(edition, column, known.map(|(profile, _)| profile)),
        ]
    };
    let caption = format!("{caption} ({} of {})", columns.len(), of.columns.len());
    table(
        &caption,
        Width::Wider,
        &heads,
        columns.iter().map(row).collect(),
    )
}

/// What else is to be known of a column.
fn marks(column: &Column) -> Markup {
    html! {
        br;
        @if column.personal { (tag(Colour::Purple, "Personal")) " " } @else { (tag(Colour::Grey, &sentence(&column.classification))) " " }
        @if column.key { (tag(Colour::Blue, "Key")) " " }
        @if column.required && !column.key { (tag(Colour::Blue, "Required")) " " }
        @for word in &column.tags { span.app-muted { (word) } " " }
    }
}

fn filled(column: &Column, known: Option<(&ColumnProfile, u64)>) -> String {
    match known {
        None | Some((_, 0)) => "-".into(),
        Some((profile, _)) if is_small(profile.filled, column.personal) => {
            count_of(profile.filled, true)
        }
        Some((profile, rows)) => percent(profile.filled, rows),
    }
}

fn distinct(column: &Column, known: Option<(&ColumnProfile, u64)>) -> String {
    let count = known.and_then(|(profile, _)| profile.distinct);
    count.map_or_else(|| "-".into(), |count| count_of(count, column.personal))
}

/// Codes with their labels, centiles, or the commonest shapes.
fn holds(edition: &Edition<'_>, column: &Column, profile: Option<&ColumnProfile>) -> Markup {
    let nothing = ColumnProfile::default();
    let profile = profile.unwrap_or(&nothing);
    html! {
        @if let Some(centiles) = profile.centiles.filter(|_| !column.personal) { (centile_list(column, centiles)) }
        @else if let (Some(least), Some(greatest)) = (profile.least.filter(|_| !column.personal), profile.greatest) {
            (value(column.kind, least)) " to " (value(column.kind, greatest))
        }
        (codes(edition, column, profile))
        (masks("Commonest shapes", column, &profile.masks))
        (masks("Coarse shapes", column, &profile.coarse_masks))
    }
}

fn centile_list(column: &Column, [low, quarter, middle, three, high]: [i64; 5]) -> Markup {
    let parts = [
        ("5% below", low),
        ("a quarter below", quarter),
        ("half below", middle),
        ("three quarters below", three),
        ("95% below", high),
    ];
    html! { ul { @for (name, raw) in parts { li { (value(column.kind, raw)) span.app-muted { " " (name) } } } } }
}

/// The column's codes: how often each stands there where that is measured, else what they are.
fn codes(edition: &Edition<'_>, column: &Column, profile: &ColumnProfile) -> Markup {
    let list = column
        .list
        .as_deref()
        .and_then(|name| Some((name, edition.catalogue.list(name)?)));
    let label = |code: &str| {
        let known = list.and_then(|(_, list)| list.codes.iter().find(|(known, _)| known == code));
        known
            .map(|(_, label)| label.as_str())
            .filter(|label| *label != code)
    };
    let line = |code: &str, count: Option<u64>| {
        html! {
            li {
                code { (code) }
                @if let Some(label) = label(code) { " " (label) }
                @if let Some(count) = count { span.app-muted { " " (thousands(count)) } }
            }
        }
    };
    html! {
        @if !profile.codes.is_empty() && !column.personal {
            ul { @for (code, count) in profile.codes.iter().take(SHOWN_MAX) { (line(code, Some(*count))) } }
            @if profile.codes.len() > SHOWN_MAX { span.app-muted { "and " (counted((profile.codes.len() - SHOWN_MAX) as u64, "more code")) } }
        }
        @if let Some((name, list)) = list {
            details {
                summary { "List " (name) ", " (counted(list.codes.len() as u64, "code")) }
                p.app-small { (stopped(&list.description)) " Version " (list.version) "." }
                ul { @for (code, _) in &list.codes { (line(code, None)) } }
            }
        }
    }
}

/// Shapes of values: 9 for a digit, A and a for letters. Of personal columns only those of many rows.
fn masks(name: &str, column: &Column, masks: &[(String, u64)]) -> Markup {
    let told: Vec<_> = masks
        .iter()
        .filter(|(_, rows)| !is_small(*rows, column.personal))
        .take(SHOWN_MAX)
        .collect();
    html! {
        @if !told.is_empty() {
            details {
                summary { (name) }
                ul { @for (mask, rows) in told { li { code { (mask) } span.app-muted { " " (thousands(*rows)) } } } }
            }
        }
    }
}

/// Sample rows, made from the contract.
pub(super) fn samples(edition: &Edition<'_>, of: &TableContract) -> Markup {
    let rows: Vec<Vec<String>> = (0..sample::ROWS)
        .map(|row| {
            of.own()
                .iter()
                .map(|column| sample::value(edition.catalogue, of, column, row))
                .collect()
        })
        .collect();
    let caption = "Synthetic sample rows";
    html! {
        p.app-synthetic { strong { "Synthetic. " } "Made from the contract's types, lists and checks. No value is of a record, and rows need not fit each other." }
        div.app-scroll role="region" aria-label=(caption) tabindex="0" {
            table.govuk-table.app-table.app-rows {
                caption.govuk-table__caption { (caption) }
                thead.govuk-table__head {
                    tr.govuk-table__row { @for column in of.own() { th.govuk-table__header scope="col" { code { (column.name) } } } }
                }
                tbody.govuk-table__body {
                    @for row in rows { tr.govuk-table__row { @for cell in row { td.govuk-table__cell { (cell) } } } }
                }
            }
        }
    }
}

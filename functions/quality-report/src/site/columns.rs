//! A table's columns: the meaning of each, its share of filled rows, and its values.

use contract::{Column, TableContract};
use lake::{ColumnProfile, SnapshotManifest};
use maud::{Markup, html};
use pole::PROVENANCE;

use super::SiteBuild;
use super::govuk::{
    Colour, TableWidth, coloured_tag, data_table, details_box, numeric_header, text_header,
};
use super::sample;
use super::text::{
    capitalise_first, count_with_noun, end_with_full_stop, format_count, format_percent,
    format_profile_value, format_thousands, is_suppressed_count,
};

/// The most codes, or character patterns, that a page shows for one column.
const SHOWN_MAX: usize = 12;

/// The table's own columns, then those that every table has.
pub(super) fn columns_section(
    build: &SiteBuild<'_>,
    table: &TableContract,
    manifest: Option<&SnapshotManifest>,
) -> Markup {
    let (common, own) = table
        .columns
        .split_at(PROVENANCE.len().min(table.columns.len()));
    html! {
        p.govuk-body.app-measure {
            "For personal columns, no minimum, maximum or code is shown, and no count below ten. \
             Counts of distinct values are estimates, within 2.3%."
        }
        @if !own.is_empty() {
            (columns_table(build, table, manifest, own, "Columns of this table"))
        }
        (details_box(
            &format!(
                    "{}, the same in every table",
                    count_with_noun(common.len() as u64, "provenance column"),
                ),
            &columns_table(build, table, manifest, common, "Provenance columns"),
        ))
    }
}

fn columns_table(
    build: &SiteBuild<'_>,
    table: &TableContract,
    manifest: Option<&SnapshotManifest>,
    columns: &[Column],
    caption: &str,
) -> Markup {
    let heads = [
        text_header("Column"),
        text_header("Type"),
        text_header("Meaning"),
        numeric_header("Filled"),
        numeric_header("Distinct"),
        text_header("What it holds"),
    ];
    let row = |column: &Column| {
        let known = manifest
            .and_then(|manifest| Some((manifest.columns.get(&column.name)?, manifest.rows)));
        vec![
            html! { code id={ "column-" (column.name) } { (column.name) } },
            html! { (column.kind.glue_type()) },
            html! { div.app-text { (end_with_full_stop(&column.meaning)) (column_tags(column)) } },
            html! { (filled_share(column, known)) },
            html! { (distinct_count(column, known)) },
            content_summary(build, column, known.map(|(profile, _)| profile)),
        ]
    };
    let caption = format!("{caption} ({} of {})", columns.len(), table.columns.len());
    data_table(
        &caption,
        TableWidth::Wider,
        &heads,
        columns.iter().map(row).collect(),
    )
}

/// Tags for a column's classification, key and requirement, and the contract's own tags.
fn column_tags(column: &Column) -> Markup {
    html! {
        br;
        @if column.personal {
            (coloured_tag(Colour::Purple, "Personal")) " "
        } @else {
            (coloured_tag(Colour::Grey, &capitalise_first(&column.classification))) " "
        }
        @if column.key { (coloured_tag(Colour::Blue, "Key")) " " }
        @if column.required && !column.key { (coloured_tag(Colour::Blue, "Required")) " " }
        @for word in &column.tags { span.app-muted { (word) } " " }
    }
}

fn filled_share(column: &Column, known: Option<(&ColumnProfile, u64)>) -> String {
    match known {
        None | Some((_, 0)) => "-".into(),
        Some((profile, _)) if is_suppressed_count(profile.filled, column.personal) => {
            format_count(profile.filled, true)
        }
        Some((profile, rows)) => format_percent(profile.filled, rows),
    }
}

fn distinct_count(column: &Column, known: Option<(&ColumnProfile, u64)>) -> String {
    let count = known.and_then(|(profile, _)| profile.distinct);
    count.map_or_else(|| "-".into(), |count| format_count(count, column.personal))
}

/// Percentiles or the range of values, codes with their labels, and character patterns.
fn content_summary(
    build: &SiteBuild<'_>,
    column: &Column,
    profile: Option<&ColumnProfile>,
) -> Markup {
    let nothing = ColumnProfile::default();
    let profile = profile.unwrap_or(&nothing);
    html! {
        @if let Some(percentiles) = profile.percentiles.filter(|_| !column.personal) {
            (percentile_list(column, percentiles))
        } @else if let (Some(minimum), Some(maximum)) =
            (profile.minimum.filter(|_| !column.personal), profile.maximum) {
            (format_profile_value(column.kind, minimum)) " to "
            (format_profile_value(column.kind, maximum))
        }
        (code_list(build, column, profile))
        (pattern_list("Character patterns", column, &profile.character_patterns))
        (pattern_list("Coarse patterns", column, &profile.coarse_patterns))
    }
}

fn percentile_list(column: &Column, [low, quarter, middle, three, high]: [i64; 5]) -> Markup {
    let parts = [
        ("5th percentile", low),
        ("25th percentile", quarter),
        ("median", middle),
        ("75th percentile", three),
        ("95th percentile", high),
    ];
    html! {
        ul {
            @for (name, raw) in parts {
                li { (format_profile_value(column.kind, raw)) span.app-muted { " " (name) } }
            }
        }
    }
}

/// The column's codes: how often each occurs if the profile counted them, and the reference list.
fn code_list(build: &SiteBuild<'_>, column: &Column, profile: &ColumnProfile) -> Markup {
    let list = column
        .list
        .as_deref()
        .and_then(|name| Some((name, build.catalogue.reference_list(name)?)));
    let labels = list.map_or(&[][..], |(_, list)| &list.codes[..]);

    html! {
        @if !profile.codes.is_empty() && !column.personal {
            (counted_codes(&profile.codes, labels))
        }
        @if let Some((name, list)) = list {
            details {
                summary { "List " (name) ", " (count_with_noun(list.codes.len() as u64, "code")) }
                p.app-small {
                    (end_with_full_stop(&list.description)) " Version " (list.version) "."
                }
                ul { @for (code, _) in &list.codes { (code_line(code, labels, None)) } }
            }
        }
    }
}

/// The codes that the profile counted, up to the number that a page shows.
fn counted_codes(codes: &[(String, u64)], labels: &[(String, String)]) -> Markup {
    html! {
        ul {
            @for (code, count) in codes.iter().take(SHOWN_MAX) {
                (code_line(code, labels, Some(*count)))
            }
        }
        @if codes.len() > SHOWN_MAX {
            span.app-muted {
                "and " (count_with_noun((codes.len() - SHOWN_MAX) as u64, "more code"))
            }
        }
    }
}

/// A code with its label, unless the label repeats the code, and its count if it is known.
fn code_line(code: &str, labels: &[(String, String)], count: Option<u64>) -> Markup {
    let label = labels
        .iter()
        .find(|(known, _)| known == code)
        .map(|(_, label)| label.as_str())
        .filter(|label| *label != code);
    html! {
        li {
            code { (code) }
            @if let Some(label) = label { " " (label) }
            @if let Some(count) = count { span.app-muted { " " (format_thousands(count)) } }
        }
    }
}

/// Character patterns of values. For personal columns, only patterns of ten rows or more.
fn pattern_list(name: &str, column: &Column, patterns: &[(String, u64)]) -> Markup {
    let shown: Vec<_> = patterns
        .iter()
        .filter(|(_, rows)| !is_suppressed_count(*rows, column.personal))
        .take(SHOWN_MAX)
        .collect();
    html! {
        @if !shown.is_empty() {
            details {
                summary { (name) }
                ul {
                    @for (pattern, rows) in shown {
                        li { code { (pattern) } span.app-muted { " " (format_thousands(*rows)) } }
                    }
                }
            }
        }
    }
}

/// Synthetic sample rows, made from the contract.
pub(super) fn sample_rows_table(build: &SiteBuild<'_>, table: &TableContract) -> Markup {
    let rows: Vec<Vec<String>> = (0..sample::SAMPLE_ROWS)
        .map(|row| {
            table
                .own_columns()
                .iter()
                .map(|column| sample::sample_value(build.catalogue, table, column, row))
                .collect()
        })
        .collect();
    let caption = "Synthetic sample rows";
    html! {
        p.app-synthetic {
            strong { "Synthetic. " }
            "Made from the contract's types, lists and checks. No value comes from a record, and \
             rows need not agree with each other."
        }
        div.app-scroll role="region" aria-label=(caption) tabindex="0" {
            table.govuk-table.app-table.app-rows {
                caption.govuk-table__caption { (caption) }
                thead.govuk-table__head {
                    tr.govuk-table__row {
                        @for column in table.own_columns() {
                            th.govuk-table__header scope="col" { code { (column.name) } }
                        }
                    }
                }
                tbody.govuk-table__body {
                    @for row in rows {
                        tr.govuk-table__row { @for cell in row { td.govuk-table__cell { (cell) } } }
                    }
                }
            }
        }
    }
}

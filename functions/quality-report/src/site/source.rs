//! The page of a source: what it sent, what became of the records, and their lag.

use std::collections::BTreeMap;

use contract::{CompiledMapping, EventOp, Property};
use lake::LAG_BOUNDS;
use maud::{Markup, html};

use super::chart::{line_chart, minute_chart, stacked_bar_chart};
use super::govuk::{
    Colour, KeyFigure, PageLayout, SitePart, TableWidth, code_block, coloured_tag, data_table,
    details_box, key_figures, numeric_header, sections_with_contents, summary_list, text_header,
};
use super::table::support_channels;
use super::text::{
    count_with_noun, end_with_full_stop, format_date, format_duration, format_metric_value,
    format_percent, format_thousands,
};
use super::{SiteBuild, trend};
use crate::reconciliation::SourceReconciliation;

struct SourcePageView<'v> {
    build: &'v SiteBuild<'v>,
    plan: &'v CompiledMapping,
    reconciliation: &'v SourceReconciliation,
    dataset: String,
}

pub(super) fn source_page(build: &SiteBuild<'_>, plan: &CompiledMapping) -> Vec<u8> {
    let contract = &plan.contract;
    let nothing = SourceReconciliation::default();
    let reconciliation = build.report.sources.get(&contract.name).unwrap_or(&nothing);
    let view = SourcePageView {
        build,
        plan,
        reconciliation,
        dataset: format!("source/{}", contract.name),
    };
    let body = html! {
        span.app-kicker { "Source, department " (contract.domain) }
        div.app-title { h1.govuk-heading-l { (contract.title) } (reconciliation_tag(reconciliation)) }
        p.app-lead { (end_with_full_stop(&contract.purpose)) }
        (view.headline_figures())
        (sections_with_contents(&[
            ("what", "What it is and who to ask", view.about_section()),
            ("day", "What became of the day's records", view.day_section()),
            ("refused", "Why records are in quarantine", view.quarantine_section()),
            ("history", "Over time", view.history_section()),
            ("minutes", "Through the day", view.minutes_section()),
            ("lag", "How late records come", view.lag_section()),
            ("unknown", "Undeclared fields and unlisted values", view.undeclared_section()),
            ("fields", "Its fields", view.fields_section()),
            ("feeds", "What it fills", view.filled_tables_section()),
            ("contract", "Contract", view.contract_section()),
        ]))
    };
    let frame = PageLayout {
        title: &contract.title,
        summary: &contract.purpose,
        part: SitePart::Sources,
        depth: 1,
        is_subpage: true,
        script: false,
    };
    frame.render_page(&body)
}

/// A tag that says whether a source's reconciliation balances.
pub(super) fn reconciliation_tag(reconciliation: &SourceReconciliation) -> Markup {
    match () {
        () if reconciliation.balances() && reconciliation.landed == 0 => {
            coloured_tag(Colour::Grey, "No records")
        }
        () if reconciliation.balances() => coloured_tag(Colour::Green, "Balanced"),
        () if reconciliation.waiting > 0 => coloured_tag(Colour::Yellow, "Records waiting"),
        () => coloured_tag(Colour::Red, "Not balanced"),
    }
}

/// Describes an upper bound of a lag. Lags above the greatest bound are counted together.
fn format_lag_bound(bound: u64) -> String {
    let greatest = LAG_BOUNDS.last().copied().unwrap_or_default();
    if bound > greatest {
        format!("more than {}", format_duration(greatest))
    } else {
        format!("within {}", format_duration(bound))
    }
}

impl SourcePageView<'_> {
    fn headline_figures(&self) -> Markup {
        let reconciliation = self.reconciliation;
        let refused = reconciliation.quarantined_total();
        key_figures(vec![
            KeyFigure {
                name: "Records landed",
                number: format_thousands(reconciliation.landed),
                note: html! { "on " (format_date(&self.build.report.date)) },
                colour: Colour::Blue,
            },
            KeyFigure {
                name: "Refined into rows",
                number: format_percent(reconciliation.refined, reconciliation.landed),
                note: html! { (count_with_noun(reconciliation.refined, "record")) },
                colour: Colour::Green,
            },
            KeyFigure {
                name: "Quarantined",
                number: format_thousands(refused),
                note: html! { (format_percent(refused, reconciliation.landed)) " of what landed" },
                colour: if refused == 0 {
                    Colour::Green
                } else {
                    Colour::Yellow
                },
            },
            KeyFigure {
                name: "Median lag",
                number: reconciliation
                    .lag_percentile(50)
                    .map_or_else(|| "-".into(), format_lag_bound),
                note: html! { @if let Some(bound) = reconciliation.lag_percentile(95) { "95% of records " (format_lag_bound(bound)) } @else { "No lag was measured" } },
                colour: Colour::Blue,
            },
        ])
    }

    fn about_section(&self) -> Markup {
        let contract = &self.plan.contract;
        let about = &contract.about;
        let mut facts = vec![
            ("Owner", html! { (contract.owner) }),
            ("Who to ask", support_channels(about)),
        ];
        if !about.limitations.is_empty() {
            facts.push((
                "Known limits",
                html! { (end_with_full_stop(&about.limitations)) },
            ));
        }
        facts.extend([
            ("Topic", html! { code { (contract.topic) } }),
            (
                "Name in tables",
                html! { code { (contract.name) } ", in the column " code { "source" } },
            ),
            (
                "Versions",
                html! { "contract " (contract.version) ", mapping " (self.plan.version) },
            ),
            ("Classification", html! { (about.security) }),
        ]);
        let row = |(name, op): (&String, &EventOp)| {
            vec![
                html! { code { (name) } },
                html! { (describe_event_op(*op)) },
            ]
        };
        html! {
            (summary_list(facts))
            (details_box(
                &count_with_noun(contract.events.len() as u64, "event type"),
                &data_table("Event types; one that is not declared is quarantined", TableWidth::Narrow, &[text_header("Type"), text_header("What it does")], contract.events.iter().map(row).collect()),
            ))
        }
    }

    fn day_section(&self) -> Markup {
        let reconciliation = self.reconciliation;
        let parts = [
            ("Refined into rows", reconciliation.refined),
            ("Ignored, as declared", reconciliation.ignored),
            ("Quarantined", reconciliation.quarantined_total()),
        ];
        let row = |(name, count): (&str, u64)| {
            vec![
                html! { (name) },
                html! { (format_thousands(count)) },
                html! { (format_percent(count, reconciliation.landed)) },
            ]
        };
        let mut rows: Vec<Vec<Markup>> = parts.into_iter().map(row).collect();
        rows.push(vec![
            html! { strong { "Landed" } },
            html! { strong { (format_thousands(reconciliation.landed)) } },
            html! { (format_percent(reconciliation.landed, reconciliation.landed)) },
        ]);
        let again = reconciliation.redriven;
        html! {
            (data_table("Landed records are refined, ignored or quarantined", TableWidth::Narrow, &[text_header("Outcome"), numeric_header("Records"), numeric_header("Share")], rows))
            @if reconciliation.waiting > 0 { p.govuk-body { "Raw objects that wait for the transform: " (reconciliation.waiting) "." } }
            @if reconciliation.offset_gaps > 0 { p.govuk-body { "Offset gaps, which are offsets of the topic without a record: " (reconciliation.offset_gaps) "." } }
            @if again.total() > 0 {
                p.govuk-body {
                    "Processed again: " (count_with_noun(again.total(), "record")) ", of which " (format_thousands(again.refined)) " became rows, "
                    (format_thousands(again.ignored)) " were ignored and " (format_thousands(again.quarantined)) " were quarantined again."
                }
            }
        }
    }

    fn quarantine_section(&self) -> Markup {
        let before = self
            .build
            .earlier
            .and_then(|report| report.sources.get(&self.plan.contract.name));
        let row = |(rule, count): (&String, &u64)| {
            let then = before.map_or_else(
                || "-".into(),
                |reconciliation| {
                    format_thousands(
                        reconciliation
                            .quarantined
                            .get(rule)
                            .copied()
                            .unwrap_or_default(),
                    )
                },
            );
            vec![
                html! { code { (rule) } },
                html! { (format_thousands(*count)) },
                html! { (then) },
            ]
        };
        let heads = [
            text_header("Rule"),
            numeric_header("Records"),
            numeric_header("The day before"),
        ];
        html! {
            @if self.reconciliation.quarantined.is_empty() { p.govuk-body { "No record of the day was refused." } }
            @else {
                (data_table("Refused records, by the rule that refused them", TableWidth::Narrow, &heads, self.reconciliation.quarantined.iter().map(row).collect()))
                p.govuk-body.app-measure { "The quarantine holds each of them with its bytes and the reason. Once the cause is fixed, " code { "polelake quarantine redrive" } " processes them again." }
            }
        }
    }

    fn history_section(&self) -> Markup {
        let series = |metric: &str| self.build.history.metric_series(&self.dataset, "", metric);
        let (refined, ignored, quarantined) =
            (series("refined"), series("ignored"), series("quarantined"));
        let on = |series: &[(&str, f64)], date: &str| {
            series
                .iter()
                .find(|(day, _)| *day == date)
                .map_or(0.0, |(_, value)| *value)
        };
        let days: Vec<(&str, Vec<f64>)> = refined
            .iter()
            .map(|(date, count)| {
                (
                    *date,
                    vec![*count, on(&ignored, date), on(&quarantined, date)],
                )
            })
            .collect();
        let mine: Vec<_> = self
            .build
            .report
            .trends
            .iter()
            .filter(|trend| trend.dataset == self.dataset)
            .collect();
        let expected = |metric: &str| {
            mine.iter()
                .filter(|trend| trend.metric == metric)
                .find_map(|trend| trend.expected)
        };
        html! {
            @if days.is_empty() { p.govuk-body { "Charts begin with the second day." } }
            @else {
                div.app-charts {
                    (stacked_bar_chart("What became of the records", &["Refined", "Ignored", "Quarantined"], &days))
                    (line_chart("Records landed", &series("landed"), expected("landed"), |value| format_metric_value("landed", value)))
                    (line_chart("Share of records quarantined", &series("quarantined_share"), expected("quarantined_share"), |value| format_metric_value("quarantined_share", value)))
                    @for rule in self.reconciliation.quarantined.keys() {
                        (line_chart(&format!("Quarantined by {rule}"), &self.build.history.metric_series(&self.dataset, rule, "quarantined"), None, |value| format_metric_value("quarantined", value)))
                    }
                }
            }
            @if !mine.is_empty() { (trend::render_trends("Observed figures and their usual ranges", mine, None)) }
        }
    }

    fn minutes_section(&self) -> Markup {
        html! {
            @if self.reconciliation.minutes.is_empty() { p.govuk-body { "No arrival times were recorded." } }
            @else { (minute_chart("Records a minute", self.reconciliation.minutes.iter())) }
        }
    }

    fn lag_section(&self) -> Markup {
        let lag = &self.reconciliation.lag;
        let all: u64 = lag.values().sum();
        if all == 0 {
            return html! { p.govuk-body { "No record of the day states its event time." } };
        }
        let centiles = [
            ("Median", 50),
            ("95th percentile", 95),
            ("99th percentile", 99),
        ];
        let facts = centiles
            .into_iter()
            .filter_map(|(name, share)| {
                Some((
                    name,
                    html! { (format_lag_bound(self.reconciliation.lag_percentile(share)?)) },
                ))
            })
            .collect();
        let mut sum = 0;
        let row = |(bound, count): (&u64, &u64)| {
            sum += count;
            vec![
                html! { (format_lag_bound(*bound)) },
                html! { (format_thousands(*count)) },
                html! { (format_percent(sum, all)) },
            ]
        };
        let rows = lag.iter().map(row).collect();
        html! {
            p.govuk-body.app-measure { "The time from an event to its append to the log: the first by the source's clock, the second by Kafka's." }
            (summary_list(facts))
            (details_box("All lags", &data_table("Records by lag", TableWidth::Narrow, &[text_header("Lag"), numeric_header("Records"), numeric_header("Cumulative share")], rows)))
        }
    }

    fn undeclared_section(&self) -> Markup {
        let list = |caption: &str, counts: &BTreeMap<String, u64>| {
            let rows = counts
                .iter()
                .map(|(path, count)| {
                    vec![
                        html! { code { (path) } },
                        html! { (format_thousands(*count)) },
                    ]
                })
                .collect();
            html! { @if !counts.is_empty() { (data_table(caption, TableWidth::Narrow, &[text_header("Field"), numeric_header("Times")], rows)) } }
        };
        html! {
            @if self.reconciliation.undeclared.is_empty() && self.reconciliation.unlisted.is_empty() { p.govuk-body { "Every field and value of the day is declared." } }
            (list("Undeclared fields: kept in the raw zone, in no table", &self.reconciliation.undeclared))
            (list("Unlisted values: kept as they were received", &self.reconciliation.unlisted))
        }
    }

    fn fields_section(&self) -> Markup {
        let heads = [
            text_header("Field"),
            text_header("Type"),
            text_header("Classification"),
            text_header("Meaning"),
        ];
        html! {
            @for object in &self.plan.contract.schema {
                @let rows = { let mut rows = Vec::new(); object.properties.iter().for_each(|property| add_field_rows(&mut rows, "", property)); rows };
                (details_box(
                    &format!("{}: {}", object.name, count_with_noun(rows.len() as u64, "field")),
                    &data_table(&format!("Fields of {}", object.name), TableWidth::Wide, &heads, rows),
                ))
            }
        }
    }

    fn filled_tables_section(&self) -> Markup {
        let tables = self.plan.table_indices();
        let row = |index: usize| {
            let table = &self.build.catalogue.tables[index];
            let rows = self
                .build
                .report
                .tables
                .get(&table.name)
                .map_or_else(|| "-".into(), |manifest| format_thousands(manifest.rows));
            vec![
                html! { a.govuk-link href={ "../table/" (table.name) ".html" } { (table.name) } },
                html! { (end_with_full_stop(&table.meaning)) },
                html! { (rows) },
            ]
        };
        let heads = [
            text_header("Table"),
            text_header("Meaning"),
            numeric_header("Rows of all sources"),
        ];
        data_table(
            "Tables that its events fill",
            TableWidth::Narrow,
            &heads,
            tables.into_iter().map(row).collect(),
        )
    }

    fn contract_section(&self) -> Markup {
        let about = &self.plan.contract.about;
        html! {
            p.govuk-body { "Version " (self.plan.contract.version) ", " (about.status) ", in the Open Data Contract Standard." }
            (details_box("The contract's text", &code_block("The contract's text", &about.text, true)))
        }
    }
}

fn describe_event_op(op: EventOp) -> &'static str {
    match op {
        EventOp::Upsert => "Carries the full record",
        EventOp::Patch => "Carries some fields of the record",
        EventOp::Delete => "Deletes the record",
        EventOp::Ignore => "Ignored: stays in the raw zone only",
    }
}

fn add_field_rows(rows: &mut Vec<Vec<Markup>>, above: &str, property: &Property) {
    let name = if property.name.is_empty() {
        above.to_owned()
    } else {
        format!("{above}{}", property.name)
    };
    let kind = property.logical_type.as_deref().unwrap_or("string");
    let (class, says) = (
        property.classification.as_deref().unwrap_or(""),
        property.description.as_deref().unwrap_or(""),
    );
    if !property.name.is_empty() {
        rows.push(vec![
            html! { code { (name) } },
            html! { (kind) @if property.required { ", required" } },
            html! { (class) },
            html! { (end_with_full_stop(says)) },
        ]);
    }
    property
        .properties
        .iter()
        .for_each(|below| add_field_rows(rows, &format!("{name}."), below));
    if let Some(items) = property.items.as_deref() {
        items
            .properties
            .iter()
            .for_each(|below| add_field_rows(rows, &format!("{name}[]."), below));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_bounds_are_described_in_words() {
        assert_eq!(format_lag_bound(3_600), "within 1 hour");
        assert!(format_lag_bound(5_000_000).starts_with("more than "));
    }
}

//! The page of a source: what it sent, what became of the records, and their lag.

use std::collections::BTreeMap;

use contract::{CompiledMapping, EventOp, TableContract};
use maud::{Markup, html};

use super::chart::{line_chart, minute_chart, stacked_bar_chart};
use super::contract_info::{contract_text, support_channels};
use super::field_rows::field_rows;
use super::govuk::{
    Colour, KeyFigure, PageLayout, SitePart, TableWidth, coloured_tag, data_table, details_box,
    key_figures, numeric_header, sections_with_contents, summary_list, text_header,
};
use super::lag::{format_lag_bound, lag_section};
use super::text::{
    count_with_noun, end_with_full_stop, format_date, format_metric_value, format_percent,
    format_thousands,
};
use super::{SiteBuild, trend};
use crate::reconciliation::SourceReconciliation;
use crate::report::Trend;

/// The inputs of a source's page.
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
        div.app-title {
            h1.govuk-heading-l { (contract.title) } (reconciliation_tag(reconciliation))
        }
        p.app-lead { (end_with_full_stop(&contract.purpose)) }
        (view.headline_figures())
        (sections_with_contents(&[
            ("what", "What it is and who to ask", view.about_section()),
            ("day", "What became of the day's records", view.day_section()),
            ("refused", "Why records are in quarantine", view.quarantine_section()),
            ("history", "Over time", view.history_section()),
            ("minutes", "Through the day", view.minutes_section()),
            ("lag", "How late records come", lag_section(reconciliation)),
            ("unknown", "Undeclared fields and unlisted values", view.undeclared_section()),
            ("fields", "Its fields", view.fields_section()),
            ("feeds", "What it fills", view.filled_tables_section()),
            ("contract", "Contract", contract_text(&contract.version, &contract.about)),
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
                note: html! {
                    (format_percent(refused, reconciliation.landed)) " of landed records"
                },
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
                note: html! {
                    @if let Some(bound) = reconciliation.lag_percentile(95) {
                        "95% of records " (format_lag_bound(bound))
                    } @else {
                        "No lag was measured"
                    }
                },
                colour: Colour::Blue,
            },
        ])
    }

    fn about_section(&self) -> Markup {
        let contract = &self.plan.contract;
        let rows = contract
            .events
            .iter()
            .map(|(name, op)| {
                vec![
                    html! { code { (name) } },
                    html! { (describe_event_op(*op)) },
                ]
            })
            .collect();
        let heads = [text_header("Type"), text_header("What it does")];
        let event_types = data_table(
            "Event types; one that is not declared is quarantined",
            TableWidth::Narrow,
            &heads,
            rows,
        );

        html! {
            (summary_list(self.about_facts()))
            (details_box(
                &count_with_noun(contract.events.len() as u64, "event type"),
                &event_types,
            ))
        }
    }

    fn about_facts(&self) -> Vec<(&'static str, Markup)> {
        let contract = &self.plan.contract;
        let about = &contract.about;
        let mut facts = vec![
            ("Owner", html! { (contract.owner) }),
            ("Who to ask", support_channels(about)),
        ];
        if !about.limitations.is_empty() {
            let limitations = end_with_full_stop(&about.limitations);
            facts.push(("Known limits", html! { (limitations) }));
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
        facts
    }

    fn day_section(&self) -> Markup {
        let reconciliation = self.reconciliation;
        let again = reconciliation.redriven;
        html! {
            (self.outcomes_table())
            @if reconciliation.waiting > 0 {
                p.govuk-body {
                    "Raw objects that wait for the transform: " (reconciliation.waiting) "."
                }
            }
            @if reconciliation.offset_gaps > 0 {
                p.govuk-body {
                    "Offset gaps, which are offsets of the topic without a record: "
                    (reconciliation.offset_gaps) "."
                }
            }
            @if again.total() > 0 {
                p.govuk-body {
                    "Processed again: " (count_with_noun(again.total(), "record")) ", of which "
                    (format_thousands(again.refined)) " became rows, "
                    (format_thousands(again.ignored)) " were ignored and "
                    (format_thousands(again.quarantined)) " were quarantined again."
                }
            }
        }
    }

    /// What became of the records, with their total in the last row.
    fn outcomes_table(&self) -> Markup {
        let reconciliation = self.reconciliation;
        let landed = reconciliation.landed;
        let outcomes = [
            ("Refined into rows", reconciliation.refined),
            ("Ignored, as declared", reconciliation.ignored),
            ("Quarantined", reconciliation.quarantined_total()),
        ];
        let mut rows: Vec<Vec<Markup>> = outcomes
            .into_iter()
            .map(|(name, count)| {
                vec![
                    html! { (name) },
                    html! { (format_thousands(count)) },
                    html! { (format_percent(count, landed)) },
                ]
            })
            .collect();
        rows.push(vec![
            html! { strong { "Landed" } },
            html! { strong { (format_thousands(landed)) } },
            html! { (format_percent(landed, landed)) },
        ]);

        let heads = [
            text_header("Outcome"),
            numeric_header("Records"),
            numeric_header("Share"),
        ];
        data_table(
            "Landed records are refined, ignored or quarantined",
            TableWidth::Narrow,
            &heads,
            rows,
        )
    }

    fn quarantine_section(&self) -> Markup {
        if self.reconciliation.quarantined.is_empty() {
            return html! { p.govuk-body { "No record of the day was refused." } };
        }

        let heads = [
            text_header("Rule"),
            numeric_header("Records"),
            numeric_header("The day before"),
        ];
        let rows = self
            .reconciliation
            .quarantined
            .iter()
            .map(|(rule, count)| {
                vec![
                    html! { code { (rule) } },
                    html! { (format_thousands(*count)) },
                    html! { (self.quarantined_the_day_before(rule)) },
                ]
            })
            .collect();
        html! {
            (data_table(
                "Refused records, by the rule that refused them",
                TableWidth::Narrow,
                &heads,
                rows,
            ))
            p.govuk-body.app-measure {
                "The quarantine holds each of them with its bytes and the reason. Once the cause \
                 is fixed, "
                code { "polelake quarantine redrive" }
                " processes them again."
            }
        }
    }

    fn quarantined_the_day_before(&self, rule: &str) -> String {
        let before = self
            .build
            .earlier
            .and_then(|report| report.sources.get(&self.plan.contract.name));
        before.map_or_else(
            || "-".into(),
            |before| format_thousands(before.quarantined.get(rule).copied().unwrap_or_default()),
        )
    }

    fn history_section(&self) -> Markup {
        let days = self.outcomes_by_day();
        let trends = self.trends();
        html! {
            @if days.is_empty() { p.govuk-body { "Charts begin with the second day." } }
            @else {
                div.app-charts {
                    (stacked_bar_chart(
                        "What became of the records",
                        &["Refined", "Ignored", "Quarantined"],
                        &days,
                    ))
                    (self.metric_chart("Records landed", "landed"))
                    (self.metric_chart("Share of records quarantined", "quarantined_share"))
                    @for rule in self.reconciliation.quarantined.keys() {
                        (self.quarantine_rule_chart(rule))
                    }
                }
            }
            @if !trends.is_empty() {
                (trend::render_trends("Observed figures and their usual ranges", trends, None))
            }
        }
    }

    /// Refined, ignored and quarantined records, for each day with a count of refined ones.
    fn outcomes_by_day(&self) -> Vec<(&str, Vec<f64>)> {
        let ignored = self.metric_series("ignored");
        let quarantined = self.metric_series("quarantined");
        self.metric_series("refined")
            .into_iter()
            .map(|(date, refined)| {
                let counts = vec![
                    refined,
                    value_on_day(&ignored, date),
                    value_on_day(&quarantined, date),
                ];
                (date, counts)
            })
            .collect()
    }

    fn metric_series(&self, metric: &str) -> Vec<(&str, f64)> {
        self.build.history.metric_series(&self.dataset, "", metric)
    }

    fn trends(&self) -> Vec<&Trend> {
        self.build
            .report
            .trends
            .iter()
            .filter(|trend| trend.dataset == self.dataset)
            .collect()
    }

    /// A metric of the source by day, with its usual range on the last day.
    fn metric_chart(&self, title: &str, metric: &str) -> Markup {
        let expected = self
            .trends()
            .into_iter()
            .filter(|trend| trend.metric == metric)
            .find_map(|trend| trend.expected);
        line_chart(title, &self.metric_series(metric), expected, |value| {
            format_metric_value(metric, value)
        })
    }

    fn quarantine_rule_chart(&self, rule: &str) -> Markup {
        let series = self
            .build
            .history
            .metric_series(&self.dataset, rule, "quarantined");
        line_chart(&format!("Quarantined by {rule}"), &series, None, |value| {
            format_metric_value("quarantined", value)
        })
    }

    fn minutes_section(&self) -> Markup {
        html! {
            @if self.reconciliation.minutes.is_empty() {
                p.govuk-body { "No arrival times were recorded." }
            } @else { (minute_chart("Records a minute", self.reconciliation.minutes.iter())) }
        }
    }

    fn undeclared_section(&self) -> Markup {
        let counted = &self.reconciliation;
        let undeclared = &counted.undeclared;
        let unlisted = &counted.unlisted;
        let unreadable = &counted.unreadable;
        let duplicates = &counted.duplicates;
        let found = [undeclared, unlisted, unreadable, duplicates];
        html! {
            @if found.iter().all(|counts| counts.is_empty()) {
                p.govuk-body { "Every field and value of the day is declared." }
            }
            (counts_by_path("Undeclared fields: kept in the raw zone, in no table", undeclared))
            (counts_by_path("Unlisted values: kept as they were received", unlisted))
            (counts_by_path("Unreadable values: null in their column", unreadable))
            (counts_by_path("Members of one name: the last one holds", duplicates))
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
                @let rows = field_rows(&object.properties);
                (details_box(
                    &format!("{}: {}", object.name, count_with_noun(rows.len() as u64, "field")),
                    &data_table(
                        &format!("Fields of {}", object.name),
                        TableWidth::Wide,
                        &heads,
                        rows,
                    ),
                ))
            }
        }
    }

    fn filled_tables_section(&self) -> Markup {
        let heads = [
            text_header("Table"),
            text_header("Meaning"),
            numeric_header("Rows of all sources"),
        ];
        let rows = self
            .plan
            .table_indices()
            .into_iter()
            .map(|index| self.filled_table_row(&self.build.catalogue.tables[index]))
            .collect();
        data_table(
            "Tables that its events fill",
            TableWidth::Narrow,
            &heads,
            rows,
        )
    }

    fn filled_table_row(&self, table: &TableContract) -> Vec<Markup> {
        let manifest = self.build.report.tables.get(&table.name);
        let rows = manifest.map_or_else(|| "-".into(), |manifest| format_thousands(manifest.rows));
        vec![
            html! { a.govuk-link href={ "../table/" (table.name) ".html" } { (table.name) } },
            html! { (end_with_full_stop(&table.meaning)) },
            html! { (rows) },
        ]
    }
}

fn describe_event_op(op: EventOp) -> &'static str {
    match op {
        EventOp::Upsert => "Carries the full record",
        EventOp::Patch => "Carries some fields of the record",
        EventOp::CreateOrPatch => {
            "Carries some fields of the record, and begins it anew where it is deleted"
        }
        EventOp::Delete => "Deletes the record",
        EventOp::Ignore => "Ignored: stays in the raw zone only",
    }
}

/// The value of a day in a series; zero if the series has none.
fn value_on_day(series: &[(&str, f64)], date: &str) -> f64 {
    series
        .iter()
        .find(|(day, _)| *day == date)
        .map_or(0.0, |(_, value)| *value)
}

/// Counts by path in a table, or nothing if there are none.
fn counts_by_path(caption: &str, counts: &BTreeMap<String, u64>) -> Markup {
    if counts.is_empty() {
        return html! {};
    }

    let heads = [text_header("Field"), numeric_header("Times")];
    let rows = counts
        .iter()
        .map(|(path, count)| {
            vec![
                html! { code { (path) } },
                html! { (format_thousands(*count)) },
            ]
        })
        .collect();
    data_table(caption, TableWidth::Narrow, &heads, rows)
}

//! The page of a table.

use contract::{CompiledMapping, TableContract};
use lake::{RuleResult, SnapshotManifest};
use maud::{Markup, html};

use super::chart::line_chart;
use super::contract_info::{access_roles, contract_text, document_links, support_channels};
use super::dimension::{self, QualityState, critical_rules_met, score_dimensions, worst_dimension};
use super::govuk::{
    Colour, KeyFigure, PageLayout, SitePart, TableWidth, code_block, coloured_tag, data_table,
    details_box, key_figures, sections_with_contents, summary_list, text_header,
};
use super::query::query_examples;
use super::relations::{column_lineage, related_tables, sources_filling};
use super::schemas::{PublishedSchemaChange, describe_schema_change};
use super::text::{
    capitalise_first, count_with_noun, end_with_full_stop, format_date, format_decimal,
    format_instant, format_metric_value, format_thousands,
};
use super::{SiteBuild, columns, trend};
use crate::report::Trend;

/// The inputs of a table's page.
struct TablePageView<'v> {
    build: &'v SiteBuild<'v>,
    table: &'v TableContract,
    manifest: Option<&'v SnapshotManifest>,
    dataset: String,
}

pub(super) fn table_page(build: &SiteBuild<'_>, table: &TableContract) -> Vec<u8> {
    let manifest = build.report.tables.get(&table.name);
    let view = TablePageView {
        build,
        table,
        manifest,
        dataset: format!("table/{}", table.name),
    };
    let body = html! {
        span.app-kicker { "Table, family " (table.family.name()) }
        div.app-title { h1.govuk-heading-l { (table.name) } (table_state_tag(manifest)) }
        p.app-lead { (end_with_full_stop(&table.meaning)) }
        (view.headline_figures())
        (sections_with_contents(&[
            ("what", "What it is and who to ask", view.about_section()),
            ("fresh", "How fresh it is", view.freshness_section()),
            ("quality", "Quality", view.quality_section()),
            ("history", "History", view.history_section()),
            ("columns", "Columns", columns::columns_section(build, table, manifest)),
            ("sample", "Sample rows", columns::sample_rows_table(build, table)),
            ("query", "How to query it", view.queries_section()),
            ("links", "Links to other tables", view.links_section()),
            ("lineage", "Where it comes from", view.lineage_section()),
            ("changes", "Changes to its columns", view.changes_section()),
            ("contract", "Contract", contract_text(&table.version, &table.about)),
        ]))
    };
    let frame = PageLayout {
        title: &table.name,
        summary: &table.meaning,
        part: SitePart::Tables,
        depth: 1,
        is_subpage: true,
        script: false,
    };
    frame.render_page(&body)
}

/// A tag for the state of a table.
pub(super) fn table_state_tag(manifest: Option<&SnapshotManifest>) -> Markup {
    match manifest {
        None => coloured_tag(Colour::Grey, "No snapshot"),
        Some(manifest) if !manifest.passed => coloured_tag(Colour::Red, "Held back"),
        Some(manifest) if manifest.rows == 0 => coloured_tag(Colour::Grey, "Empty"),
        Some(manifest) => {
            QualityState::from_verdicts(manifest.rules.iter().map(|rule| rule.verdict)).label_tag()
        }
    }
}

impl TablePageView<'_> {
    fn rule_results(&self) -> Vec<(Option<&TableContract>, &RuleResult)> {
        let rules = self
            .manifest
            .into_iter()
            .flat_map(|manifest| &manifest.rules);
        rules.map(|rule| (Some(self.table), rule)).collect()
    }

    fn last_passing_day(&self) -> Option<&str> {
        self.build.passing.get(&self.table.name).map(String::as_str)
    }

    fn headline_figures(&self) -> Markup {
        let Some(manifest) = self.manifest else {
            return html! {
                div.govuk-inset-text {
                    "There is no snapshot of " (format_date(&self.build.report.date))
                    ". The table fills when a source sends what is mapped to it."
                }
            };
        };
        let passing = self.last_passing_day();
        key_figures(vec![
            KeyFigure {
                name: "Rows",
                number: format_thousands(manifest.rows),
                note: html! {
                    (format_thousands(manifest.inserted)) " new, "
                    (format_thousands(manifest.updated)) " changed, "
                    (format_thousands(manifest.deleted)) " deleted"
                },
                colour: Colour::Blue,
            },
            critical_rules_figure(manifest),
            self.worst_dimension_figure(),
            KeyFigure {
                name: "Last passing snapshot",
                number: passing.map_or_else(|| "None yet".into(), format_date),
                note: html! { "Last updated " (format_date(&manifest.date)) },
                colour: if manifest.passed {
                    Colour::Green
                } else {
                    Colour::Red
                },
            },
        ])
    }

    fn worst_dimension_figure(&self) -> KeyFigure {
        let rules = self.rule_results();
        let scores = score_dimensions(&rules);
        let worst = worst_dimension(&scores);
        KeyFigure {
            name: "Worst dimension",
            number: worst.map_or_else(|| "None".into(), |score| capitalise_first(score.name)),
            note: html! {
                @if let Some(score) = worst {
                    (score.rules_met()) " of "
                    (count_with_noun(score.rules.len() as u64, "rule")) " met"
                } @else {
                    "Every rule is met"
                }
            },
            colour: worst.map_or(Colour::Green, |score| score.state().colour()),
        }
    }

    fn about_section(&self) -> Markup {
        let about = &self.table.about;
        let personal = self
            .table
            .columns
            .iter()
            .filter(|column| column.personal)
            .count();
        let mut facts = vec![("Purpose", html! { (end_with_full_stop(&about.purpose)) })];
        if !about.usage.is_empty() {
            facts.push(("Use", html! { (end_with_full_stop(&about.usage)) }));
        }
        if !about.limitations.is_empty() {
            facts.push((
                "Known limits",
                html! { (end_with_full_stop(&about.limitations)) },
            ));
        }
        facts.push(("Owner", html! { (about.owner) }));
        facts.push(("Who to ask", support_channels(about)));
        facts.push(("Access", access_roles(about)));
        facts.push(("Classification", html! {
            (about.security)
            @if personal > 0 {
                ". " (count_with_noun(personal as u64, "column")) " of " (self.table.columns.len())
                " hold personal data"
            }
        }));
        if !about.links.is_empty() {
            facts.push(("Documents", document_links(about)));
        }
        facts.push((
            "Machine-readable",
            html! { a.govuk-link href={ (self.table.name) ".json" } { "This page as JSON" } },
        ));
        summary_list(facts)
    }

    fn freshness_section(&self) -> Markup {
        let Some(manifest) = self.manifest else {
            return html! { p.govuk-body { "There is no snapshot to describe." } };
        };

        let mut facts = vec![
            (
                "Last updated",
                html! { (format_date(&manifest.date)) ", the end of the day, UTC" },
            ),
            ("Last passing snapshot", self.last_passing_fact(manifest)),
            (
                "Newest event in it",
                html! {
                    @match manifest.newest_event {
                        Some(micros) => (format_instant(micros)),
                        None => "None",
                    }
                },
            ),
            (
                "Built on",
                html! {
                    @match &manifest.base {
                        Some(base) => (format_date(base)),
                        None => "Nothing: this is the first day",
                    }
                },
            ),
        ];
        if let Some(frequency) = self.table.about.service_level_text("frequency") {
            facts.push(("Service level", self.frequency_fact(&frequency)));
        }
        summary_list(facts)
    }

    fn last_passing_fact(&self, manifest: &SnapshotManifest) -> Markup {
        html! {
            @match self.last_passing_day() {
                Some(day) => {
                    (format_date(day))
                    @if !manifest.passed {
                        ": readers see this one, and " (format_date(&manifest.date)) " is held back"
                    }
                },
                None => "None yet",
            }
        }
    }

    /// How often the contract says that the table is updated, with the contract's description.
    fn frequency_fact(&self, frequency: &str) -> Markup {
        let description = self
            .table
            .about
            .service_levels
            .iter()
            .find(|level| level.property == "frequency")
            .and_then(|level| level.description.as_deref());
        html! {
            "Every " @if frequency == "1 d" { "day" } @else { (frequency) }
            @if let Some(description) = description { ". " (end_with_full_stop(description)) }
        }
    }

    fn quality_section(&self) -> Markup {
        let rules = self.rule_results();
        let scores = score_dimensions(&rules);
        let dimensions = dimension::dimensions_table("The six dimensions", &scores, |name| {
            dimension::dimension_trend(self.build, &self.dataset, name)
        });

        let trends = self.trends();
        html! {
            (dimensions)
            @if !rules.is_empty() { (dimension::rules_by_dimension(&scores)) }
            h3.govuk-heading-s { "Compared with earlier days" }
            @if trends.is_empty() {
                p.govuk-body { "There are no earlier days to compare with yet." }
            } @else {
                (trend::render_trends("Observed figures and their usual ranges", trends, None))
            }
            p.govuk-body.app-small {
                a.govuk-link href="../about.html" { "What the dimensions and states mean" }
            }
        }
    }

    fn trends(&self) -> Vec<&Trend> {
        self.build
            .report
            .trends
            .iter()
            .filter(|trend| trend.dataset == self.dataset)
            .collect()
    }

    fn history_section(&self) -> Markup {
        let has_history = ["rows", "changed_rows", "freshness_hours"]
            .iter()
            .any(|metric| !self.metric_series(metric).is_empty());
        if !has_history {
            return html! { p.govuk-body { "Charts begin with the second day." } };
        }

        html! {
            div.app-charts {
                (self.metric_chart("Rows", "rows"))
                (self.metric_chart("Rows that changed", "changed_rows"))
                (self.metric_chart(
                    "Hours since the newest event, at the end of the day",
                    "freshness_hours",
                ))
            }
        }
    }

    fn metric_series(&self, metric: &str) -> Vec<(&str, f64)> {
        self.build.history.metric_series(&self.dataset, "", metric)
    }

    /// A metric of the whole table by day, with its usual range on the last day.
    fn metric_chart(&self, title: &str, metric: &str) -> Markup {
        let expected = self
            .trends()
            .into_iter()
            .filter(|trend| trend.column.is_none() && trend.metric == metric)
            .find_map(|trend| trend.expected);

        line_chart(title, &self.metric_series(metric), expected, |value| {
            // The chart's title already names the unit.
            if metric == "freshness_hours" {
                format_decimal(value)
            } else {
                format_metric_value(metric, value)
            }
        })
    }

    fn queries_section(&self) -> Markup {
        let Some(manifest) = self.manifest else {
            return html! { p.govuk-body { "There is nothing to query yet." } };
        };
        let shown = query_examples(
            self.table,
            manifest,
            self.build.catalogue,
            self.build.query_location,
        );
        html! {
            p.govuk-body.app-measure {
                "Glue's "
                code { (self.build.query_location.glue_database(self.table)) "." (self.table.name) }
                " holds the newest day that passed; "
                code { (self.table.name) "_history" }
                " holds every retained day. The platform's tests run these examples."
            }
            @for example in shown {
                h3.govuk-heading-s { (example.title) span.app-muted { ", " (example.engine) } }
                (code_block(&format!("Query: {}", example.title), &example.sql, false))
            }
        }
    }

    fn links_section(&self) -> Markup {
        let related = related_tables(self.build.catalogue, &self.table.name);
        if related.is_empty() {
            return html! {
                p.govuk-body {
                    "No rule in the contracts relates this table to another. Rows of any two \
                     tables are joined through the table "
                    a.govuk-link href="link.html" { "link" }
                    "."
                }
            };
        }

        let rows = related
            .into_iter()
            .map(|(relation, other)| {
                vec![
                    html! { a.govuk-link href={ (other) ".html" } { (other) } },
                    html! { (relation) },
                ]
            })
            .collect();
        data_table(
            "Related tables, by the rules of the contracts",
            TableWidth::Narrow,
            &[text_header("Table"), text_header("Relation")],
            rows,
        )
    }

    fn lineage_section(&self) -> Markup {
        let mappings = sources_filling(self.build.catalogue, &self.table.name);
        if mappings.is_empty() {
            return html! {
                p.govuk-body {
                    "No source fills this table: it is derived from other tables, or its first \
                     source is still to come."
                }
            };
        }

        let heads = [
            text_header("Source"),
            text_header("What it is"),
            text_header("Owner"),
        ];
        let rows = mappings.into_iter().map(source_row).collect();
        html! {
            (data_table("Sources that fill this table", TableWidth::Narrow, &heads, rows))
            (details_box("From fields to columns", &self.fields_by_column()))
        }
    }

    /// The sources' fields of each column that a mapping fills.
    fn fields_by_column(&self) -> Markup {
        let mut rows = Vec::new();
        for column in &self.table.columns {
            let lines = column_lineage(&self.table.name, &column.name, self.build.catalogue);
            if !lines.is_empty() {
                rows.push(vec![
                    html! { code { (column.name) } },
                    html! { ul { @for line in lines { li { code { (line) } } } } },
                ]);
            }
        }
        data_table(
            "Fields of the sources, by column",
            TableWidth::Wide,
            &[text_header("Column"), text_header("Source and field")],
            rows,
        )
    }

    fn changes_section(&self) -> Markup {
        let Some(published) = self.build.schemas.published_table(&self.table.name) else {
            return html! { p.govuk-body { "No version has been published yet." } };
        };

        let heads = [
            text_header("First day"),
            text_header("Version"),
            text_header("For readers"),
            text_header("What changed"),
        ];
        let rows = published.changes.iter().map(schema_change_row).collect();
        data_table(
            "Versions of the contract, newest first",
            TableWidth::Wide,
            &heads,
            rows,
        )
    }
}

fn critical_rules_figure(manifest: &SnapshotManifest) -> KeyFigure {
    let (met, all) = critical_rules_met(manifest.rules.iter());
    KeyFigure {
        name: "Critical rules met",
        number: format!("{met} of {all}"),
        note: html! {
            @if met == all { "This day is published" } @else { "This day is held back" }
        },
        colour: if met == all {
            Colour::Green
        } else {
            Colour::Red
        },
    }
}

fn source_row(mapping: &CompiledMapping) -> Vec<Markup> {
    let contract = &mapping.contract;
    vec![
        html! { a.govuk-link href={ "../source/" (contract.name) ".html" } { (contract.name) } },
        html! { (end_with_full_stop(&contract.purpose)) },
        html! { (contract.owner) },
    ]
}

fn schema_change_row(change: &PublishedSchemaChange) -> Vec<Markup> {
    let compatibility = if change.breaks_readers() {
        coloured_tag(Colour::Red, "Breaks readers")
    } else {
        coloured_tag(Colour::Green, "Safe for readers")
    };
    vec![
        html! { (format_date(&change.date)) },
        html! { (change.version) },
        compatibility,
        html! { (describe_schema_change(change)) },
    ]
}

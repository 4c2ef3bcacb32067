//! The page of a source: what it sent, what became of it, how late.

use std::collections::BTreeMap;

use contract::{EventOp, Plan, Property};
use lake::LAG_BOUNDS;
use maud::{Markup, html};

use super::chart::{line, minutes, stacked};
use super::govuk::{
    Colour, Figure, Frame, Part, Width, code, details, figures, numeric, sections, summary_list,
    table, tag, text,
};
use super::table::asking;
use super::text::{counted, date, measured, percent, seconds, stopped, thousands};
use super::{Edition, trend};
use crate::books::SourceBooks;

struct View<'v> {
    edition: &'v Edition<'v>,
    plan: &'v Plan,
    books: &'v SourceBooks,
    dataset: String,
}

pub(super) fn page(edition: &Edition<'_>, plan: &Plan) -> Vec<u8> {
    let contract = &plan.contract;
    let nothing = SourceBooks::default();
    let books = edition
        .report
        .sources
        .get(&contract.name)
        .unwrap_or(&nothing);
    let view = View {
        edition,
        plan,
        books,
        dataset: format!("source/{}", contract.name),
    };
    let body = html! {
        span.app-kicker { "Source, department " (contract.domain) }
        div.app-title { h1.govuk-heading-l { (contract.title) } (books_tag(books)) }
        p.app-lead { (stopped(&contract.purpose)) }
        (view.headline())
        (sections(&[
            ("what", "What it is and who to ask", view.about()),
            ("day", "What became of the day's records", view.day()),
            ("refused", "Why records are in quarantine", view.refused()),
            ("history", "Over time", view.history()),
            ("minutes", "Through the day", view.minutes()),
            ("lag", "How late records come", view.lag()),
            ("unknown", "What the contract does not know", view.unknown()),
            ("fields", "Its fields", view.fields()),
            ("feeds", "What it fills", view.feeds()),
            ("contract", "Contract", view.contract()),
        ]))
    };
    let frame = Frame {
        title: &contract.title,
        summary: &contract.purpose,
        part: Part::Sources,
        depth: 1,
        below: true,
        script: false,
    };
    frame.page(&body)
}

/// Whether a source's books close, in a word.
pub(super) fn books_tag(books: &SourceBooks) -> Markup {
    match () {
        () if books.close() && books.landed == 0 => tag(Colour::Grey, "Nothing came"),
        () if books.close() => tag(Colour::Green, "Books close"),
        () if books.waiting > 0 => tag(Colour::Yellow, "Records wait"),
        () => tag(Colour::Red, "Books open"),
    }
}

/// A bound of a lag in words.
fn within(bound: u64) -> String {
    let greatest = LAG_BOUNDS.last().copied().unwrap_or_default();
    if bound > greatest {
        format!("more than {}", seconds(greatest))
    } else {
        format!("within {}", seconds(bound))
    }
}

impl View<'_> {
    fn headline(&self) -> Markup {
        let books = self.books;
        let refused = books.quarantined_total();
        figures(vec![
            Figure {
                name: "Records landed",
                number: thousands(books.landed),
                note: html! { "on " (date(&self.edition.report.date)) },
                colour: Colour::Blue,
            },
            Figure {
                name: "Refined into rows",
                number: percent(books.refined, books.landed),
                note: html! { (counted(books.refined, "record")) },
                colour: Colour::Green,
            },
            Figure {
                name: "Quarantined",
                number: thousands(refused),
                note: html! { (percent(refused, books.landed)) " of what landed" },
                colour: if refused == 0 {
                    Colour::Green
                } else {
                    Colour::Yellow
                },
            },
            Figure {
                name: "Half of them came",
                number: books.lag_centile(50).map_or_else(|| "-".into(), within),
                note: html! { @if let Some(bound) = books.lag_centile(95) { "95% " (within(bound)) } @else { "No lag was measured" } },
                colour: Colour::Blue,
            },
        ])
    }

    fn about(&self) -> Markup {
        let contract = &self.plan.contract;
        let about = &contract.about;
        let mut facts = vec![
            ("Owner", html! { (contract.owner) }),
            ("Who to ask", asking(about)),
        ];
        if !about.limitations.is_empty() {
            facts.push(("Known limits", html! { (stopped(&about.limitations)) }));
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
            vec![html! { code { (name) } }, html! { (does(*op)) }]
        };
        html! {
            (summary_list(facts))
            (details(
                &counted(contract.events.len() as u64, "event type"),
                &table("Event types; one that is not declared is quarantined", Width::Narrow, &[text("Type"), text("What it does")], contract.events.iter().map(row).collect()),
            ))
        }
    }

    fn day(&self) -> Markup {
        let books = self.books;
        let parts = [
            ("Refined into rows", books.refined),
            ("Left alone, as declared", books.ignored),
            ("Quarantined", books.quarantined_total()),
        ];
        let row = |(name, count): (&str, u64)| {
            vec![
                html! { (name) },
                html! { (thousands(count)) },
                html! { (percent(count, books.landed)) },
            ]
        };
        let mut rows: Vec<Vec<Markup>> = parts.into_iter().map(row).collect();
        rows.push(vec![
            html! { strong { "Landed" } },
            html! { strong { (thousands(books.landed)) } },
            html! { (percent(books.landed, books.landed)) },
        ]);
        let again = books.redriven;
        html! {
            (table("Landed is refined, ignored and quarantined together", Width::Narrow, &[text("What became of them"), numeric("Records"), numeric("Share")], rows))
            @if books.waiting > 0 { p.govuk-body { "Raw objects that wait to be transformed: " (books.waiting) "." } }
            @if books.holes > 0 { p.govuk-body { "Offsets of the topic without a record: " (books.holes) "." } }
            @if again.total() > 0 {
                p.govuk-body {
                    "Processed again: " (counted(again.total(), "record")) ", of which " (thousands(again.refined)) " became rows, "
                    (thousands(again.ignored)) " were left alone and " (thousands(again.quarantined)) " were refused once more."
                }
            }
        }
    }

    fn refused(&self) -> Markup {
        let before = self
            .edition
            .earlier
            .and_then(|report| report.sources.get(&self.plan.contract.name));
        let row = |(rule, count): (&String, &u64)| {
            let then = before.map_or_else(
                || "-".into(),
                |books| thousands(books.quarantined.get(rule).copied().unwrap_or_default()),
            );
            vec![
                html! { code { (rule) } },
                html! { (thousands(*count)) },
                html! { (then) },
            ]
        };
        let heads = [text("Rule"), numeric("Records"), numeric("The day before")];
        html! {
            @if self.books.quarantined.is_empty() { p.govuk-body { "No record of the day was refused." } }
            @else {
                (table("Refused records, by the rule that refused them", Width::Narrow, &heads, self.books.quarantined.iter().map(row).collect()))
                p.govuk-body.app-measure { "Each lies in the quarantine with its bytes and the reason. Once its cause is mended: " code { "polelake quarantine redrive" } "." }
            }
        }
    }

    fn history(&self) -> Markup {
        let series = |metric: &str| self.edition.history.series(&self.dataset, "", metric);
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
            .edition
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
                    (stacked("What became of the records", &["Refined", "Ignored", "Quarantined"], &days))
                    (line("Records landed", &series("landed"), expected("landed"), |value| measured("landed", value)))
                    (line("Share of records quarantined", &series("quarantined_share"), expected("quarantined_share"), |value| measured("quarantined_share", value)))
                    @for rule in self.books.quarantined.keys() {
                        (line(&format!("Quarantined by {rule}"), &self.edition.history.series(&self.dataset, rule, "quarantined"), None, |value| measured("quarantined", value)))
                    }
                }
            }
            @if !mine.is_empty() { (trend::table_of("Observed beside the expected range", mine, None)) }
        }
    }

    fn minutes(&self) -> Markup {
        html! {
            @if self.books.minutes.is_empty() { p.govuk-body { "No record came with a minute of its own." } }
            @else { (minutes("Records a minute", self.books.minutes.iter())) }
        }
    }

    fn lag(&self) -> Markup {
        let lag = &self.books.lag;
        let all: u64 = lag.values().sum();
        if all == 0 {
            return html! { p.govuk-body { "No record of the day says when it happened." } };
        }
        let centiles = [
            ("Half of the records", 50),
            ("95 in a hundred", 95),
            ("99 in a hundred", 99),
        ];
        let facts = centiles
            .into_iter()
            .filter_map(|(name, share)| {
                Some((name, html! { (within(self.books.lag_centile(share)?)) }))
            })
            .collect();
        let mut sum = 0;
        let row = |(bound, count): (&u64, &u64)| {
            sum += count;
            vec![
                html! { (within(*bound)) },
                html! { (thousands(*count)) },
                html! { (percent(sum, all)) },
            ]
        };
        let rows = lag.iter().map(row).collect();
        html! {
            p.govuk-body.app-measure { "From the time that an event tells to its append to the log, by the clocks of both." }
            (summary_list(facts))
            (details("All lags", &table("Records by their lag", Width::Narrow, &[text("Lag"), numeric("Records"), numeric("This or less")], rows)))
        }
    }

    fn unknown(&self) -> Markup {
        let list = |caption: &str, counts: &BTreeMap<String, u64>| {
            let rows = counts
                .iter()
                .map(|(path, count)| vec![html! { code { (path) } }, html! { (thousands(*count)) }])
                .collect();
            html! { @if !counts.is_empty() { (table(caption, Width::Narrow, &[text("Field"), numeric("Times")], rows)) } }
        };
        html! {
            @if self.books.undeclared.is_empty() && self.books.unlisted.is_empty() { p.govuk-body { "Every field and every code of the day is declared." } }
            (list("Fields that the contract does not declare: kept in the raw zone, and in no table", &self.books.undeclared))
            (list("Codes that the contract does not list: kept as they came", &self.books.unlisted))
        }
    }

    fn fields(&self) -> Markup {
        let heads = [
            text("Field"),
            text("Type"),
            text("Classification"),
            text("Meaning"),
        ];
        html! {
            @for object in &self.plan.contract.schema {
                @let rows = { let mut rows = Vec::new(); object.properties.iter().for_each(|property| field(&mut rows, "", property)); rows };
                (details(
                    &format!("{}: {}", object.name, counted(rows.len() as u64, "field")),
                    &table(&format!("Fields of {}", object.name), Width::Wide, &heads, rows),
                ))
            }
        }
    }

    fn feeds(&self) -> Markup {
        let tables = self.plan.tables();
        let row = |place: usize| {
            let of = &self.edition.catalogue.tables[place];
            let rows = self
                .edition
                .report
                .tables
                .get(&of.name)
                .map_or_else(|| "-".into(), |manifest| thousands(manifest.rows));
            vec![
                html! { a.govuk-link href={ "../table/" (of.name) ".html" } { (of.name) } },
                html! { (stopped(&of.meaning)) },
                html! { (rows) },
            ]
        };
        let heads = [
            text("Table"),
            text("Its rows"),
            numeric("Rows of all sources"),
        ];
        table(
            "Tables that its events fill",
            Width::Narrow,
            &heads,
            tables.into_iter().map(row).collect(),
        )
    }

    fn contract(&self) -> Markup {
        let about = &self.plan.contract.about;
        html! {
            p.govuk-body { "Version " (self.plan.contract.version) ", " (about.status) ", in the Open Data Contract Standard." }
            (details("The contract's text", &code("The contract's text", &about.text, true)))
        }
    }
}

fn does(op: EventOp) -> &'static str {
    match op {
        EventOp::Upsert => "States the whole record",
        EventOp::Patch => "States some fields of the record",
        EventOp::Delete => "The record is gone",
        EventOp::Ignore => "Is kept in the raw zone and goes no further",
    }
}

fn field(rows: &mut Vec<Vec<Markup>>, above: &str, property: &Property) {
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
            html! { (stopped(says)) },
        ]);
    }
    property
        .properties
        .iter()
        .for_each(|below| field(rows, &format!("{name}."), below));
    if let Some(items) = property.items.as_deref() {
        items
            .properties
            .iter()
            .for_each(|below| field(rows, &format!("{name}[]."), below));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_told_in_words() {
        assert_eq!(within(3_600), "within 1 hour");
        assert!(within(5_000_000).starts_with("more than "));
    }
}

//! The pages: static, readable without a script, every text escaped by the template.

use std::collections::BTreeMap;

use contract::{Catalogue, TableContract};
use lake::{Manifest, Verdict};
use maud::{DOCTYPE, Markup, html};

use crate::books::SourceBooks;
use crate::report::Report;

/// The one style sheet. Colours have a contrast of at least 4.5 to 1.
pub(crate) const STYLE: &str = include_str!("style.css");

/// Every page of a report, by key. `days` are the reported days, newest first.
pub(crate) fn pages(report: &Report, days: &[String], catalogue: &Catalogue) -> Vec<(String, String)> {
    let mut pages = vec![(format!("day/{}.html", report.date), day(report, days, 1).into_string())];
    if days.first().is_some_and(|newest| *newest == report.date) {
        pages.push(("index.html".into(), day(report, days, 0).into_string()));
        for table in &catalogue.tables {
            let manifest = report.tables.get(&table.name);
            pages.push((
                format!("table/{}.html", table.name),
                table_page(table, manifest, catalogue).into_string(),
            ));
        }
    }
    pages
}

fn page(title: &str, depth: usize, body: &Markup) -> Markup {
    let root = "../".repeat(depth);
    html! {
        (DOCTYPE)
        html lang="en-GB" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'self'; img-src 'self'";
                title { (title) " - polelake" }
                link rel="stylesheet" href={ (root) "style.css" };
            }
            body {
                a.skip href="#main" { "Skip to main content" }
                header { a href={ (root) "index.html" } { "polelake" } }
                main id="main" { (body) }
                footer { "Counts only: no page shows a value of a record." }
            }
        }
    }
}

fn day(report: &Report, days: &[String], depth: usize) -> Markup {
    let (passed, warned, failed) = report.verdicts();
    let root = "../".repeat(depth);
    let body = html! {
        h1 { "Data quality on " (report.date) }
        p.lead {
            (passed) " rules hold, " (warned) " warn, " (failed) " block. "
            @if report.books_close() { "Every landed record is accounted for." }
            @else { strong { "The books do not close: see the sources." } }
        }
        h2 { "Tables" }
        (tables(report, &root))
        h2 { "Sources" }
        (sources(report))
        h2 { "Rules that do not hold" }
        (broken(report))
        h2 { "Days" }
        ul { @for date in days { li { a href={ (root) "day/" (date) ".html" } { (date) } } } }
    };
    page(&format!("Data quality on {}", report.date), depth, &body)
}

fn tables(report: &Report, root: &str) -> Markup {
    html! {
        table {
            caption { "Snapshots of the day" }
            thead { tr { th scope="col" { "Table" } @for name in ["Rows", "New", "Changed", "Gone"] { th.number scope="col" { (name) } } th scope="col" { "Current" } } }
            tbody { @for (name, manifest) in &report.tables {
                tr {
                    th scope="row" { a href={ (root) "table/" (name) ".html" } { (name) } }
                    @for count in [manifest.rows, manifest.inserted, manifest.updated, manifest.deleted] { td.number { (thousands(count)) } }
                    td { @if manifest.passed { "yes" } @else { strong { "held back" } } }
                }
            } }
        }
    }
}

fn sources(report: &Report) -> Markup {
    html! {
        table {
            caption { "What became of the day's records" }
            thead { tr { th scope="col" { "Source" } @for name in ["Landed", "Refined", "Ignored", "Quarantined", "Redriven"] { th.number scope="col" { (name) } } th scope="col" { "Books" } } }
            tbody { @for (name, books) in &report.sources {
                tr {
                    th scope="row" { (name) }
                    @for count in [books.landed, books.refined, books.ignored, books.quarantined_total(), books.redriven.total()] { td.number { (thousands(count)) } }
                    td { (closed(books)) }
                }
            } }
        }
        (reasons(report))
    }
}

fn closed(books: &SourceBooks) -> Markup {
    html! {
        @if books.close() { "closed" }
        @else if books.waiting > 0 { strong { (books.waiting) " raw objects wait" } }
        @else { strong { "open" } }
    }
}

/// What the receipts counted by name: why records wait, and what the contracts do not know.
fn reasons(report: &Report) -> Markup {
    html! {
        (named(report, "Why records are in quarantine", ["Rule", "Records"], |books| &books.quarantined))
        (named(report, "Fields that no contract declares: kept in the raw zone, and in no table", ["Field", "Times"], |books| &books.undeclared))
        (named(report, "Values that the contract does not list: kept as they came", ["Field", "Times"], |books| &books.unlisted))
    }
}

fn named(
    report: &Report,
    caption: &str,
    [name, number]: [&str; 2],
    counts: impl Fn(&SourceBooks) -> &BTreeMap<String, u64>,
) -> Markup {
    let of = |(source, books)| counts(books).iter().map(move |(name, count)| (source, name, count));
    let mut rows = report.sources.iter().flat_map(of).peekable();
    html! {
        @if rows.peek().is_some() {
            table {
                caption { (caption) }
                thead { tr { th scope="col" { "Source" } th scope="col" { (name) } th.number scope="col" { (number) } } }
                tbody { @for (source, name, count) in rows { tr { th scope="row" { (source) } td { code { (name) } } td.number { (thousands(*count)) } } } }
            }
        }
    }
}

fn broken(report: &Report) -> Markup {
    let broken: Vec<_> = report
        .tables
        .values()
        .flat_map(|manifest| &manifest.rules)
        .filter(|rule| rule.verdict != Verdict::Pass)
        .collect();
    html! {
        @if broken.is_empty() { p { "Every rule holds." } }
        @else { (rules(&broken)) }
    }
}

fn rules(rules: &[&lake::RuleResult]) -> Markup {
    html! {
        table {
            caption { "Rules, with what fell short of what was looked at" }
            thead { tr { th scope="col" { "Rule" } th scope="col" { "It demands" } th scope="col" { "Dimension" } th.number scope="col" { "Short" } th.number scope="col" { "Of" } th scope="col" { "Target" } th scope="col" { "Verdict" } } }
            tbody { @for rule in rules {
                tr {
                    th scope="row" { code { (rule.rule) } }
                    td { (rule.description) }
                    td { (rule.dimension) }
                    td.number { (thousands(rule.failed)) }
                    td.number { (thousands(rule.checked)) }
                    td { (rule.target) }
                    td { (verdict(rule.verdict)) }
                }
            } }
        }
    }
}

fn verdict(verdict: Verdict) -> Markup {
    match verdict {
        Verdict::Pass => html! { span.tag.pass { "holds" } },
        Verdict::Warn => html! { span.tag.warn { "warns" } },
        Verdict::Fail => html! { span.tag.fail { "blocks" } },
    }
}

fn table_page(table: &TableContract, manifest: Option<&Manifest>, catalogue: &Catalogue) -> Markup {
    let body = html! {
        h1 { (table.name) }
        p.lead { (table.meaning) }
        @match manifest {
            Some(manifest) => p { (thousands(manifest.rows)) " rows on " (manifest.date) ", contract version " (table.version) "." },
            None => p { strong { "There is no snapshot of this day." } },
        }
        h2 { "Columns" }
        (columns(table, manifest, catalogue))
        @if let Some(manifest) = manifest {
            h2 { "Rules" }
            (rules(&manifest.rules.iter().collect::<Vec<_>>()))
        }
    };
    page(&table.name, 1, &body)
}

fn columns(table: &TableContract, manifest: Option<&Manifest>, catalogue: &Catalogue) -> Markup {
    html! {
        table {
            caption { "What each column holds, how full it is, and where it comes from" }
            thead { tr { th scope="col" { "Column" } th scope="col" { "Type" } th scope="col" { "Meaning" } th.number scope="col" { "Filled" } th scope="col" { "From" } } }
            tbody { @for column in &table.columns {
                tr {
                    th scope="row" { code { (column.name) } @if column.personal { " " span.tag.personal { "personal" } } }
                    td { (column.kind.glue()) }
                    td { (column.meaning) }
                    td.number { (fill(&column.name, manifest)) }
                    td { @for line in lineage(&table.name, &column.name, catalogue) { code { (line) } br; } }
                }
            } }
        }
    }
}

fn fill(column: &str, manifest: Option<&Manifest>) -> String {
    let found = manifest.and_then(|manifest| Some((manifest.columns.get(column)?.filled, manifest.rows)));
    match found {
        Some((_, 0)) | None => "-".into(),
        Some((filled, rows)) => format!("{:.1} %", filled as f64 * 100.0 / rows as f64),
    }
}

/// `source: path` of every mapping that fills the column.
fn lineage(table: &str, column: &str, catalogue: &Catalogue) -> Vec<String> {
    let mut lines = Vec::new();
    for plan in &catalogue.plans {
        for (place, name, paths) in plan.lineage() {
            if catalogue.tables[place].name == table && name == column {
                lines.extend(paths.iter().map(|path| format!("{}: {path}", plan.contract.name)));
            }
        }
    }
    lines.sort();
    lines.dedup();
    lines
}

/// A count with thousands separated, as people read it.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_readable() {
        assert_eq!(
            (thousands(0), thousands(999), thousands(1_234_567)),
            ("0".into(), "999".into(), "1,234,567".into())
        );
    }

    #[test]
    fn contract_text_is_escaped() {
        let mut columns = String::new();
        for column in pole::PROVENANCE {
            let kind = match column.kind {
                pole::Kind::Text => "string",
                pole::Kind::Integer => "bigint",
                pole::Kind::Timestamp => "timestamp",
            };
            let (name, required) = (column.name, column.required);
            columns.push_str(&format!(
                "      - {{name: {name}, physicalType: {kind}, required: {required}, classification: internal}}\n"
            ));
        }
        let text = format!(
            "apiVersion: v3.1.0\nkind: DataContract\nid: t\nversion: 1.0.0\nschema:\n  - name: t\n    description: <script>alert(1)</script>\n    properties:\n{columns}customProperties:\n  - {{property: polelake, value: {{family: object}}}}\n"
        );
        let catalogue = Catalogue::compile(&[contract::File::new("pole/t.odcs.yaml", text)]).unwrap();
        let page = table_page(&catalogue.tables[0], None, &catalogue).into_string();
        assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"));
    }
}

//! The site: static pages that tell what there is, how good it is and whom to ask, and the same for machines.
//!
//! A page holds nothing but what the report, the history and the contracts say: no time of building. The same day gives the
//! same bytes, so that only pages that changed are written.

mod chart;
mod columns;
mod day;
mod dimension;
mod earlier;
mod exports;
mod govuk;
mod home;
mod lists;
mod query;
mod sample;
mod schemas;
mod source;
mod table;
mod text;
mod trend;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use contract::{Catalogue, TableContract};
use lake::{Day, RuleResult, day_page_key};

use crate::report::{MetricHistory, Report};

pub(crate) use earlier::read_earlier_reports;
pub use query::{QueryExample, QueryLocation, query_examples};
pub(crate) use schemas::PublishedSchemas;
pub(crate) use write::write_changed_pages;

/// Everything that an edition of the site is made from.
pub(crate) struct SiteBuild<'e> {
    /// The reported day.
    pub(crate) report: &'e Report,
    /// What earlier days came to.
    pub(crate) history: &'e MetricHistory,
    /// The reported days, newest first.
    pub(crate) days: &'e [String],
    /// The contracts.
    pub(crate) catalogue: &'e Catalogue,
    /// The report of the reported day before.
    pub(crate) earlier: Option<&'e Report>,
    /// The newest day on which each table passed, where one is known.
    pub(crate) passing: &'e BTreeMap<String, String>,
    /// The tables' columns since they were first published.
    pub(crate) schemas: &'e PublishedSchemas,
    /// Where readers find the tables.
    pub(crate) query_location: &'e QueryLocation,
}

/// An object of the site.
pub(crate) struct SitePage {
    /// Its key in the bucket.
    pub(crate) key: String,
    /// Its bytes.
    pub(crate) body: Vec<u8>,
    /// Its type.
    pub(crate) content_type: &'static str,
}

const HTML_TYPE: &str = "text/html; charset=utf-8";
const JSON_TYPE: &str = "application/json";

/// The sheet: that of govuk-frontend where npm has made it, else our own.
#[cfg(styles_built)]
const STYLESHEET: &str = include_str!("../../site/dist/site.css");
#[cfg(not(styles_built))]
const STYLESHEET: &str = concat!(
    include_str!("../../site/plain.css"),
    include_str!("../../site/app.css")
);

/// The only script: it filters the list of tables, and nothing needs it.
const SCRIPT: &str = include_str!("../../site/search.js");

const ICON: &str = include_str!("../../site/icon.svg");

/// Every page of an edition. The catalogue's pages are those of the newest reported day; an older day has its own page only.
pub(crate) fn build_site(edition: &SiteBuild<'_>) -> Vec<SitePage> {
    let reported_day = Day::parse(&edition.report.date);
    let mut pages: Vec<SitePage> = reported_day
        .map(|day| html_page(day_page_key(day), day::day_page(edition)))
        .into_iter()
        .collect();
    if edition
        .days
        .first()
        .is_none_or(|newest| *newest == edition.report.date)
    {
        pages.extend([
            html_page("index.html".into(), home::home_page(edition)),
            html_page("tables.html".into(), lists::tables_page(edition)),
            html_page("sources.html".into(), lists::sources_page(edition)),
            html_page("days.html".into(), lists::days_page(edition)),
            html_page("about.html".into(), lists::about_page()),
            SitePage {
                key: "site.css".into(),
                body: STYLESHEET.into(),
                content_type: "text/css; charset=utf-8",
            },
            SitePage {
                key: "search.js".into(),
                body: SCRIPT.into(),
                content_type: "text/javascript; charset=utf-8",
            },
            SitePage {
                key: "icon.svg".into(),
                body: ICON.into(),
                content_type: "image/svg+xml",
            },
        ]);
        for table in &edition.catalogue.tables {
            pages.push(html_page(
                lake::table_page_key(&table.name),
                table::table_page(edition, table),
            ));
        }
        for plan in &edition.catalogue.mappings {
            pages.push(html_page(
                lake::source_page_key(&plan.contract.name),
                source::source_page(edition, plan),
            ));
        }
        pages.extend(exports::export_pages(edition));
    }
    pages
}

fn html_page(key: String, body: Vec<u8>) -> SitePage {
    SitePage {
        key,
        body,
        content_type: HTML_TYPE,
    }
}

/// Whether a rule looks at people's data: then small counts of it are not told.
fn is_about_people(table: Option<&TableContract>, result: &RuleResult) -> bool {
    let Some(table) = table else { return true };
    let Some(rule) = table.rules.iter().find(|rule| rule.id == result.rule) else {
        return true;
    };
    let mut columns = std::collections::BTreeSet::new();
    rule.expectation.collect_columns(&mut columns);
    columns.extend(result.column.clone());
    let personal = |name: &String| {
        table
            .column_index(name)
            .is_some_and(|place| table.columns[place].personal)
    };
    columns.iter().any(personal)
}

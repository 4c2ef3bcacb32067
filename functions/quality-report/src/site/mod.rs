//! The site: static pages that show which data there is, how good it is and who to ask, and
//! machine-readable exports of the same.
//!
//! A page is made from the report, the history and the contracts alone, without the time of the
//! build. The same day gives the same bytes, so that only changed pages are written.

mod chart;
mod columns;
mod contract_info;
mod day;
mod dimension;
mod earlier;
mod exports;
mod field_rows;
mod govuk;
mod home;
mod lag;
mod lists;
mod query;
mod relations;
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

/// Everything that the site is built from.
pub(crate) struct SiteBuild<'e> {
    /// The reported day.
    pub(crate) report: &'e Report,
    /// The metrics of earlier days.
    pub(crate) history: &'e MetricHistory,
    /// The reported days, newest first.
    pub(crate) days: &'e [String],
    /// The contracts.
    pub(crate) catalogue: &'e Catalogue,
    /// The report of the previous reported day.
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

/// The stylesheet: govuk-frontend's if npm has built it, otherwise the plain one of this crate.
#[cfg(styles_built)]
const STYLESHEET: &str = include_str!("../../site/dist/site.css");
#[cfg(not(styles_built))]
const STYLESHEET: &str = concat!(
    include_str!("../../site/plain.css"),
    include_str!("../../site/app.css")
);

/// The only script. It filters the list of tables; every page works without it.
const SCRIPT: &str = include_str!("../../site/search.js");

const ICON: &str = include_str!("../../site/icon.svg");

/// Builds every page. The catalogue's pages show the newest reported day; an older day has only its
/// own page.
pub(crate) fn build_site(build: &SiteBuild<'_>) -> Vec<SitePage> {
    let date = &build.report.date;
    let mut pages: Vec<SitePage> = Day::parse(date)
        .map(|day| html_page(day_page_key(day), day::day_page(build)))
        .into_iter()
        .collect();

    let is_newest_day = build.days.first().is_none_or(|newest| newest == date);
    if is_newest_day {
        pages.extend(overview_pages(build));
        pages.extend(asset_files());
        pages.extend(build.catalogue.tables.iter().map(|table| {
            html_page(
                lake::table_page_key(&table.name),
                table::table_page(build, table),
            )
        }));
        pages.extend(build.catalogue.mappings.iter().map(|mapping| {
            html_page(
                lake::source_page_key(&mapping.contract.name),
                source::source_page(build, mapping),
            )
        }));
        pages.extend(exports::export_pages(build));
    }
    pages
}

/// The home page, the lists and the page that explains them.
fn overview_pages(build: &SiteBuild<'_>) -> [SitePage; 5] {
    [
        html_page("index.html".into(), home::home_page(build)),
        html_page("tables.html".into(), lists::tables_page(build)),
        html_page("sources.html".into(), lists::sources_page(build)),
        html_page("days.html".into(), lists::days_page(build)),
        html_page("about.html".into(), lists::about_page()),
    ]
}

/// The stylesheet, the script and the icon.
fn asset_files() -> [SitePage; 3] {
    [
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
    ]
}

fn html_page(key: String, body: Vec<u8>) -> SitePage {
    SitePage {
        key,
        body,
        content_type: HTML_TYPE,
    }
}

/// Whether a rule reads a personal column: then its small counts are suppressed. An unknown table
/// or rule counts as personal.
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
            .is_some_and(|index| table.columns[index].personal)
    };
    columns.iter().any(personal)
}

//! The site: static pages that tell what there is, how good it is and whom to ask, and the same for machines.
//!
//! A page holds nothing but what the report, the history and the contracts say: no time of building. The same day gives the
//! same bytes, so that only pages that changed are written.

mod chart;
mod columns;
mod day;
mod dimension;
mod earlier;
mod front;
mod govuk;
mod lists;
mod query;
mod sample;
mod schemas;
mod source;
mod table;
mod text;
mod trend;
mod twins;
mod write;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use contract::{Catalogue, TableContract};
use lake::RuleResult;

use crate::report::{History, Report};

pub(crate) use earlier::earlier;
pub use query::{Example, Place, examples};
pub(crate) use schemas::Schemas;
pub(crate) use write::write;

/// Everything that an edition of the site is made from.
pub(crate) struct Edition<'e> {
    /// The reported day.
    pub(crate) report: &'e Report,
    /// What earlier days came to.
    pub(crate) history: &'e History,
    /// The reported days, newest first.
    pub(crate) days: &'e [String],
    /// The contracts.
    pub(crate) catalogue: &'e Catalogue,
    /// The report of the reported day before.
    pub(crate) earlier: Option<&'e Report>,
    /// The newest day on which each table passed, where one is known.
    pub(crate) passing: &'e BTreeMap<String, String>,
    /// The tables' columns since they were first published.
    pub(crate) schemas: &'e Schemas,
    /// Where readers find the tables.
    pub(crate) place: &'e Place,
}

/// An object of the site.
pub(crate) struct Page {
    /// Its key in the bucket.
    pub(crate) key: String,
    /// Its bytes.
    pub(crate) body: Vec<u8>,
    /// Its type.
    pub(crate) content_type: &'static str,
}

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";

/// The sheet: that of govuk-frontend where npm has made it, else our own.
#[cfg(styles_built)]
const STYLE: &str = include_str!("../../site/dist/site.css");
#[cfg(not(styles_built))]
const STYLE: &str = concat!(
    include_str!("../../site/plain.css"),
    include_str!("../../site/app.css")
);

/// The only script: it filters the list of tables, and nothing needs it.
const SCRIPT: &str = include_str!("../../site/search.js");

const ICON: &str = include_str!("../../site/icon.svg");

/// Every page of an edition. The catalogue's pages are those of the newest reported day; an older day has its own page only.
pub(crate) fn site(edition: &Edition<'_>) -> Vec<Page> {
    let mut pages = vec![html_page(
        format!("day/{}.html", edition.report.date),
        day::page(edition),
    )];
    if edition
        .days
        .first()
        .is_none_or(|newest| *newest == edition.report.date)
    {
        pages.extend([
            html_page("index.html".into(), front::page(edition)),
            html_page("tables.html".into(), lists::tables(edition)),
            html_page("sources.html".into(), lists::sources(edition)),
            html_page("days.html".into(), lists::days(edition)),
            html_page("about.html".into(), lists::about()),
            Page {
                key: "site.css".into(),
                body: STYLE.into(),
                content_type: "text/css; charset=utf-8",
            },
            Page {
                key: "search.js".into(),
                body: SCRIPT.into(),
                content_type: "text/javascript; charset=utf-8",
            },
            Page {
                key: "icon.svg".into(),
                body: ICON.into(),
                content_type: "image/svg+xml",
            },
        ]);
        for table in &edition.catalogue.tables {
            pages.push(html_page(
                format!("table/{}.html", table.name),
                table::page(edition, table),
            ));
        }
        for plan in &edition.catalogue.plans {
            pages.push(html_page(
                format!("source/{}.html", plan.contract.name),
                source::page(edition, plan),
            ));
        }
        pages.extend(twins::pages(edition));
    }
    pages
}

fn html_page(key: String, body: Vec<u8>) -> Page {
    Page {
        key,
        body,
        content_type: HTML,
    }
}

/// Whether a rule looks at people's data: then small counts of it are not told.
fn is_about_people(table: Option<&TableContract>, result: &RuleResult) -> bool {
    let Some(table) = table else { return true };
    let Some(rule) = table.rules.iter().find(|rule| rule.id == result.rule) else {
        return true;
    };
    let mut columns = std::collections::BTreeSet::new();
    rule.demand.columns(&mut columns);
    columns.extend(result.column.clone());
    let personal = |name: &String| {
        table
            .position(name)
            .is_some_and(|place| table.columns[place].personal)
    };
    columns.iter().any(personal)
}

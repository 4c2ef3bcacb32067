//! What a page must not show: small counts of people, their values, and text that would run.

use std::collections::BTreeMap;

use lake::Day;

use super::super::*;
use super::synthetic::{build_synthetic_pages, synthetic_manifest, synthetic_report};
use super::{LAST_DAY, hostile_catalogue, load_shipped_contracts, page_text};

#[test]
fn small_counts_and_values_of_personal_columns_are_not_shown() {
    let catalogue = load_shipped_contracts();
    let pages = build_synthetic_pages(&catalogue);
    // No profile has percentiles of births. If one had them by mistake, no page may show them.
    let table = catalogue.table_contract("person").unwrap();
    let mut report = synthetic_report(&catalogue, Day::parse(LAST_DAY).unwrap());
    let manifest = report.tables.get_mut("person").unwrap();
    let births = manifest.columns.get_mut("date_of_birth").unwrap();
    (births.percentiles, births.minimum, births.maximum) =
        (Some([1, 2, 3, 4, 5]), Some(-7_000), Some(9_000));
    births.filled = 4;
    for rule in &mut manifest.rules {
        (rule.failed, rule.checked) = (7, 977_531);
    }
    let (days, history, passing, schemas) = (
        vec![LAST_DAY.to_owned()],
        MetricHistory::default(),
        BTreeMap::new(),
        PublishedSchemas::default(),
    );
    let location = QueryLocation {
        bucket: "b".into(),
        database_prefix: "d".into(),
    };
    let build = SiteBuild {
        report: &report,
        history: &history,
        days: &days,
        catalogue: &catalogue,
        earlier: None,
        passing: &passing,
        schemas: &schemas,
        query_location: &location,
    };
    let page = String::from_utf8(table::table_page(&build, table)).unwrap();
    assert!(
        !page.contains("1950-11-02")
            && !page.contains("1970-01-02")
            && page.contains("fewer than 10")
    );
    assert!(page.matches("977,531").count() > 10);
    let shown = page
        .split("person-date_of_birth-past")
        .nth(1)
        .unwrap()
        .split("977,531")
        .next()
        .unwrap();
    assert!(
        shown.contains("fewer than 10") && !shown.contains(">7<"),
        "{shown}"
    );
    assert!(page_text(&pages, "table/person.json").contains("\"failed\""));
}

#[test]
fn contract_text_is_escaped_everywhere_and_no_address_runs_a_script() {
    let catalogue = hostile_catalogue("<script>alert(1)</script>\"><b>");
    let table = &catalogue.tables[0];
    let mut report = Report {
        date: LAST_DAY.into(),
        sources: BTreeMap::new(),
        tables: BTreeMap::new(),
        trends: Vec::new(),
    };
    report.tables.insert(
        "t".into(),
        synthetic_manifest(table, &catalogue, Day::parse(LAST_DAY).unwrap(), false),
    );
    let (days, history, passing, mut schemas) = (
        vec![LAST_DAY.to_owned()],
        MetricHistory::default(),
        BTreeMap::new(),
        PublishedSchemas::default(),
    );
    schemas.record_contracts(&catalogue, LAST_DAY);
    let location = QueryLocation {
        bucket: "<i>".into(),
        database_prefix: "<i>".into(),
    };
    let build = SiteBuild {
        report: &report,
        history: &history,
        days: &days,
        catalogue: &catalogue,
        earlier: None,
        passing: &passing,
        schemas: &schemas,
        query_location: &location,
    };
    let pages = build_site(&build);
    for page in pages.iter().filter(|page| page.key.ends_with(".html")) {
        let text = std::str::from_utf8(&page.body).unwrap();
        let scripts = text.matches("<script").count();
        assert_eq!(
            scripts,
            usize::from(page.key == "tables.html"),
            "{}",
            page.key
        );
        assert!(
            !text.contains("<b>") && !text.contains("<i>"),
            "{}",
            page.key
        );
        assert!(!text.contains("href=\"javascript:"), "{}", page.key);
    }
    assert!(
        page_text(&pages, "table/t.html")
            .matches("&lt;script&gt;")
            .count()
            > 15
    );
}

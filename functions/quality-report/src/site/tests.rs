//! Builds of the whole site, from the shipped contracts and synthetic days with every state that a
//! page can show.

mod disclosure;
mod stored;
mod synthetic;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use contract::{Catalogue, DeclaredFile};
use synthetic::build_synthetic_pages;

use super::*;

/// The last synthetic day.
const LAST_DAY: &str = "2026-03-31";

fn load_shipped_contracts() -> Catalogue {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    host::load_contracts(&folder.to_string_lossy()).unwrap()
}

fn page_text<'p>(pages: &'p [SitePage], key: &str) -> &'p str {
    let page = pages
        .iter()
        .find(|page| page.key == key)
        .unwrap_or_else(|| panic!("no {key}"));
    std::str::from_utf8(&page.body).unwrap()
}

/// Writes the pages to the folder `SITE_SAMPLE`, for the browser's tests and for reviewers.
#[test]
fn a_site_has_a_page_for_everything_and_no_broken_link() {
    let catalogue = load_shipped_contracts();
    let pages = build_synthetic_pages(&catalogue);
    if let Some(folder) = std::env::var_os("SITE_SAMPLE").map(PathBuf::from) {
        for page in &pages {
            let file = folder.join(&page.key);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, &page.body).unwrap();
        }
    }
    let keys: BTreeSet<&str> = pages.iter().map(|page| page.key.as_str()).collect();
    assert_eq!(keys.len(), pages.len(), "no page twice");
    for table in &catalogue.tables {
        assert!(keys.contains(format!("table/{}.html", table.name).as_str()));
        assert!(keys.contains(format!("table/{}.json", table.name).as_str()));
    }
    for page in pages.iter().filter(|page| page.key.ends_with(".html")) {
        let text = std::str::from_utf8(&page.body).unwrap();
        let folder = page.key.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in text
            .split("href=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
        {
            let path = link.split(['#', '?']).next().unwrap();
            let outside = path.is_empty() || path.contains(':');
            let key = match path.strip_prefix("../") {
                Some(path) => path.to_owned(),
                None if folder.is_empty() => path.to_owned(),
                None => format!("{folder}/{path}"),
            };
            assert!(
                outside || keys.contains(key.as_str()),
                "{} leads to {link}",
                page.key
            );
        }
        assert!(
            !text.contains(" style=") && !text.contains("<style") && !text.contains(" onclick="),
            "{}",
            page.key
        );
        assert!(
            text.contains("Content-Security-Policy") && text.contains("lang=\"en-GB\""),
            "{}",
            page.key
        );
    }
}

#[test]
fn the_same_day_gives_the_same_bytes() {
    let catalogue = load_shipped_contracts();
    let (one, two) = (
        build_synthetic_pages(&catalogue),
        build_synthetic_pages(&catalogue),
    );
    assert!(
        one.iter()
            .zip(&two)
            .all(|(a, b)| a.key == b.key && a.body == b.body)
    );
}

#[test]
fn the_home_page_says_what_needs_attention() {
    let pages = build_synthetic_pages(&load_shipped_contracts());
    let home = page_text(&pages, "index.html");
    for part in [
        "Tuesday 31 March 2026",
        "is held back: a critical rule is not met",
        "Readers see 30 March 2026.",
        "The reconciliation of ",
        "usually 60,000 to 80,000",
        "What changed since 30 March 2026",
    ] {
        assert!(home.contains(part), "{part}");
    }
    assert!(
        page_text(&pages, "table/link.html").contains("Not measured"),
        "links have no rule on timeliness"
    );
    let location = page_text(&pages, "table/location.html");
    assert!(location.contains("Held back") && location.contains("readers see this one"));
}

#[test]
fn a_table_page_answers_what_who_when_how_good_and_how() {
    let pages = build_synthetic_pages(&load_shipped_contracts());
    let person = page_text(&pages, "table/person.html");
    for part in [
        "mailto:pole-data@example.org",
        "Known limits",
        "Data protection impact assessment",
        "Synthetic.",
        "FROM polelake_curated_pole.person",
        "read_parquet([",
        "housing-person: $.surname",
        "Plausibility only",
        "List gender",
        "Trans Male",
        "apiVersion: v3.1.0",
        "is the pole_id of a row of ",
        "First published version",
    ] {
        assert!(person.contains(part), "{part}");
    }
}

#[test]
fn exports_have_what_the_metadata_model_requires() {
    let pages = build_synthetic_pages(&load_shipped_contracts());
    let dcat: serde_json::Value =
        serde_json::from_str(page_text(&pages, "catalogue.jsonld")).unwrap();
    for dataset in dcat["dcat:dataset"].as_array().unwrap() {
        for name in [
            "dct:title",
            "dct:description",
            "dct:identifier",
            "dct:type",
            "dcat:version",
            "dct:creator",
            "dct:publisher",
            "dcat:contactPoint",
            "dct:license",
            "dct:accessRights",
            "uk:securityClassification",
            "dct:accrualPeriodicity",
        ] {
            assert!(!dataset[name].is_null(), "{name} of {}", dataset["@id"]);
        }
        assert_eq!(
            dataset["dcat:contactPoint"]["vcard:hasEmail"],
            "mailto:pole-data@example.org"
        );
    }
    let package: serde_json::Value =
        serde_json::from_str(page_text(&pages, "datapackage.json")).unwrap();
    let person = package["resources"]
        .as_array()
        .unwrap()
        .iter()
        .find(|of| of["name"] == "person")
        .unwrap();
    assert_eq!(
        person["schema"]["primaryKey"],
        serde_json::json!(["pole_id", "source"])
    );
}

/// A contract of one table, with the given text in every field that a page shows.
fn hostile_catalogue(text: &str) -> Catalogue {
    let mut columns = String::new();
    for column in pole::PROVENANCE {
        let kind = match column.kind {
            pole::ProvenanceKind::Text => "string",
            pole::ProvenanceKind::Integer => "bigint",
            pole::ProvenanceKind::Timestamp => "timestamp",
        };
        let (name, required) = (column.name, column.required);
        columns.push_str(&format!(
            "      - {{name: {name}, physicalType: {kind}, required: {required}, classification: \
             internal, description: '{text}'}}\n"
        ));
    }
    let contract = format!(
        "apiVersion: v3.1.0\n\
         kind: DataContract\n\
         id: t\n\
         name: '{text}'\n\
         version: '{text}'\n\
         status: '{text}'\n\
         description: {{purpose: '{text}', usage: '{text}', limitations: '{text}'}}\n\
         team: {{name: '{text}'}}\n\
         support:\n  \
         - {{channel: '{text}', url: 'javascript:alert(1)', description: '{text}'}}\n\
         roles:\n  \
         - {{role: '{text}', description: '{text}', firstLevelApprovers: '{text}'}}\n\
         slaProperties:\n  \
         - {{property: frequency, value: '{text}', description: '{text}'}}\n\
         authoritativeDefinitions:\n  \
         - {{type: '{text}', url: 'javascript:alert(2)'}}\n\
         schema:\n  \
         - name: t\n    \
         description: '{text}'\n    \
         properties:\n\
         {columns}      - {{name: own, physicalType: string, classification: internal, description: '{text}', tags: ['{text}'], examples: ['{text}']}}\n\
         customProperties:\n  \
         - {{property: polelake, value: {{family: object}}}}\n  \
         - {{property: securityClassification, value: '{text}'}}\n"
    );
    Catalogue::compile(&[DeclaredFile::new("pole/t.odcs.yaml", contract)]).unwrap()
}

#[test]
fn schema_changes_say_what_they_mean_for_readers() {
    let catalogue = hostile_catalogue("plain");
    let mut schemas = PublishedSchemas::default();
    schemas.record_contracts(&catalogue, "2026-03-01");
    schemas.record_contracts(&catalogue, "2026-03-02");
    assert_eq!(
        schemas.published_table("t").unwrap().changes.len(),
        1,
        "the same contract changes nothing"
    );
    let text = serde_json::to_string(&schemas)
        .unwrap()
        .replace("\"own\":\"string\"", "\"own\":\"bigint\",\"gone\":\"date\"");
    let mut schemas: PublishedSchemas = serde_json::from_str(&text).unwrap();
    schemas.record_contracts(&catalogue, "2026-03-03");
    let change = &schemas.published_table("t").unwrap().changes[0];
    assert_eq!(
        (change.removed.join(" "), change.retyped.join(" ")),
        ("gone".into(), "own: bigint → string".into())
    );
    assert!(change.breaks_readers() && change.added.is_empty() && change.date == "2026-03-03");
}

//! Builds of the whole site, from the shipped contracts and synthetic days with every state that a
//! page can show.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use contract::{Catalogue, DeclaredFile, TableContract};
use lake::{ColumnProfile, Day, ManifestShard, RuleResult, SnapshotManifest};
use quality::RuleCount;
use store::ObjectStore;

use super::*;
use crate::reconciliation::{RedrivenCounts, SourceReconciliation};
use crate::report::{Trend, TrendState};

/// The last synthetic day.
const LAST_DAY: &str = "2026-03-31";

/// The number of synthetic days.
const DAYS_BUILT: i32 = 30;

fn load_shipped_contracts() -> Catalogue {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../contracts");
    host::load_contracts(&folder.to_string_lossy()).unwrap()
}

/// A number that looks random and is always the same.
fn pseudo_random(text: &str, most: u64) -> u64 {
    u64::from_le_bytes(
        pole::content_id(text.as_bytes()).as_bytes()[..8]
            .try_into()
            .unwrap(),
    ) % most
}

fn synthetic_profile(
    column: &contract::Column,
    catalogue: &Catalogue,
    rows: u64,
    day: i32,
) -> ColumnProfile {
    let filled = if column.required {
        rows
    } else {
        rows - pseudo_random(&column.name, rows + 1)
    };
    let numeric = !matches!(
        column.kind,
        contract::ColumnType::Text | contract::ColumnType::Boolean
    ) && !column.personal;
    let base = i64::from(day) + i64::try_from(pseudo_random(&column.name, 500)).unwrap();
    let list = column
        .list
        .as_deref()
        .and_then(|name| catalogue.reference_list(name))
        .filter(|_| !column.personal);
    let text = column.kind == contract::ColumnType::Text;
    let patterns = [("Aaaaaa", 3), ("A9 9AA", 2), ("99/99", 1)];
    ColumnProfile {
        filled,
        distinct: Some(pseudo_random(
            &format!("{} distinct", column.name),
            filled + 1,
        )),
        minimum: numeric.then_some(base),
        maximum: numeric.then_some(base + 900),
        percentiles: numeric.then_some([base + 5, base + 25, base + 50, base + 75, base + 95]),
        character_patterns: patterns
            .iter()
            .filter(|_| text && list.is_none())
            .map(|(pattern, part)| ((*pattern).to_owned(), filled * part / 7))
            .collect(),
        coarse_patterns: if text {
            vec![("Aa".into(), filled / 2)]
        } else {
            Vec::new()
        },
        codes: list
            .map(|list| {
                list.codes
                    .iter()
                    .map(|(code, _)| (code.clone(), pseudo_random(code, 400)))
                    .collect()
            })
            .unwrap_or_default(),
        ..ColumnProfile::default()
    }
}

fn synthetic_manifest(
    table: &TableContract,
    catalogue: &Catalogue,
    day: Day,
    held: bool,
) -> SnapshotManifest {
    let rows = 600
        + pseudo_random(&table.name, 90_000)
        + u64::try_from(day.0 - 20_000).unwrap() * (3 + pseudo_random(&table.name, 9));
    let rule = |rule: &contract::Rule| {
        let checked = pseudo_random(&format!("{} {day}", rule.id), rows);
        // One rule in twelve fails; of the table that is held back, every critical rule.
        let short = pseudo_random(&rule.id, 12) == 0
            || (held && rule.severity == contract::Severity::Block);
        let failed = if short {
            pseudo_random(&rule.id, checked / 4 + 20)
                .max(3)
                .min(checked)
        } else {
            0
        };
        RuleResult::from_count(rule, RuleCount { failed, checked }, rows)
    };
    let rules: Vec<RuleResult> = table
        .rules
        .iter()
        .filter(|known| {
            held || known.severity == contract::Severity::Warn || pseudo_random(&known.id, 12) != 0
        })
        .map(rule)
        .collect();
    let passed = rules
        .iter()
        .all(|rule| rule.verdict != lake::RuleVerdict::Fail);
    let shard = |shard: u32| ManifestShard {
        shard,
        version: format!("{day}-x"),
        rows_key: format!("curated/{}/{shard}/part-0.parquet", table.name),
        rows: rows / 2,
        bytes: rows * 90,
        ..ManifestShard::default()
    };
    SnapshotManifest {
        table: table.name.clone(),
        date: day.to_string(),
        contract_version: table.version.clone(),
        base: Some(Day(day.0 - 1).to_string()),
        passed,
        rows,
        inserted: pseudo_random(&table.name, 90),
        updated: pseudo_random(&table.name, 300),
        deleted: pseudo_random(&table.name, 12),
        shards: (0..2).map(shard).collect(),
        rules,
        columns: table
            .columns
            .iter()
            .map(|column| {
                (
                    column.name.clone(),
                    synthetic_profile(column, catalogue, rows, day.0),
                )
            })
            .collect(),
        newest_event: Some(day.start_micros() + 80_000_000_000),
        ..SnapshotManifest::default()
    }
}

fn synthetic_reconciliation(source: &str, day: Day) -> SourceReconciliation {
    let landed = 400 + pseudo_random(&format!("{source} {day}"), 300);
    let waiting = u64::from(source == "planning-register");
    let quarantined = BTreeMap::from([
        ("parse.date".to_owned(), landed / 40),
        ("event.type".to_owned(), 3),
    ]);
    let refused = quarantined.values().sum::<u64>();
    SourceReconciliation {
        landed,
        refined: landed - refused - 20,
        ignored: 20,
        quarantined,
        undeclared: BTreeMap::from([("$.colour".to_owned(), 4)]),
        minutes: (0..1_440)
            .filter(|minute| minute % 7 == 0)
            .map(|minute| (minute, pseudo_random(&format!("{source} {minute}"), 9) + 1))
            .collect(),
        lag: BTreeMap::from([(1, landed / 2), (10, landed / 3), (3_600, landed / 6)]),
        waiting,
        redriven: RedrivenCounts {
            refined: 2,
            ignored: 0,
            quarantined: 1,
        },
        ..SourceReconciliation::default()
    }
}

fn synthetic_report(catalogue: &Catalogue, day: Day) -> Report {
    let last = day.to_string() == LAST_DAY;
    let of = |table: &TableContract| {
        (
            table.name.clone(),
            synthetic_manifest(table, catalogue, day, last && table.name == "location"),
        )
    };
    let filled = catalogue
        .tables
        .iter()
        .filter(|table| !relations::sources_filling(catalogue, &table.name).is_empty());
    let trend = |dataset: &str, metric: &str, observed, expected, state| Trend {
        dataset: dataset.into(),
        column: None,
        metric: metric.into(),
        dimension: "timeliness".into(),
        observed,
        expected,
        compared: 4,
        state,
    };
    let share = Trend {
        column: Some("surname".into()),
        ..trend(
            "table/person",
            "null_share",
            0.02,
            Some((0.0, 0.05)),
            TrendState::Usual,
        )
    };
    Report {
        date: day.to_string(),
        sources: catalogue
            .mappings
            .iter()
            .map(|plan| {
                (
                    plan.contract.name.clone(),
                    synthetic_reconciliation(&plan.contract.name, day),
                )
            })
            .collect(),
        tables: filled.map(of).collect(),
        trends: vec![
            share,
            trend(
                "table/person",
                "rows",
                90_000.0,
                Some((60_000.0, 80_000.0)),
                TrendState::Unusual,
            ),
            trend(
                "table/person",
                "freshness_hours",
                1.8,
                None,
                TrendState::Young,
            ),
            trend(
                "source/housing-person",
                "landed",
                700.0,
                Some((450.0, 650.0)),
                TrendState::Acknowledged,
            ),
        ],
    }
}

/// A dimension as contracts name it.
fn odcs_dimension(name: &str) -> &str {
    if name == "validity" {
        "conformity"
    } else {
        name
    }
}

fn synthetic_history(catalogue: &Catalogue, last: Day) -> MetricHistory {
    let mut history = MetricHistory::default();
    for day in (last.0 - DAYS_BUILT + 1..=last.0).map(Day) {
        let date = day.to_string();
        for (name, manifest) in synthetic_report(catalogue, day).tables {
            let dataset = format!("table/{name}");
            history.add_value((&dataset, "", "rows"), &date, manifest.rows as f64);
            history.add_value(
                (&dataset, "", "changed_rows"),
                &date,
                pseudo_random(&format!("{name} {day}"), 400) as f64,
            );
            history.add_value(
                (&dataset, "", "freshness_hours"),
                &date,
                1.0 + pseudo_random(&format!("{day} {name}"), 30) as f64 / 10.0,
            );
            for (dimension, _) in dimension::DIMENSIONS.iter().take(5) {
                history.add_value(
                    (
                        &dataset,
                        "",
                        &format!("dimension/{}/checked", odcs_dimension(dimension)),
                    ),
                    &date,
                    1_000.0,
                );
                let failed = pseudo_random(&format!("{dimension} {day}"), 90) as f64;
                history.add_value(
                    (
                        &dataset,
                        "",
                        &format!("dimension/{}/failed", odcs_dimension(dimension)),
                    ),
                    &date,
                    failed,
                );
            }
        }
        for plan in &catalogue.mappings {
            let (dataset, reconciliation) = (
                format!("source/{}", plan.contract.name),
                synthetic_reconciliation(&plan.contract.name, day),
            );
            let refused = reconciliation.quarantined_total() as f64;
            for (metric, value) in [
                ("landed", reconciliation.landed as f64),
                ("refined", reconciliation.refined as f64),
                ("ignored", reconciliation.ignored as f64),
                ("quarantined", refused),
                ("quarantined_share", refused / reconciliation.landed as f64),
            ] {
                history.add_value((&dataset, "", metric), &date, value);
            }
        }
    }
    history
}

/// The pages of the last two synthetic days.
fn build_synthetic_pages(catalogue: &Catalogue) -> Vec<SitePage> {
    let last = Day::parse(LAST_DAY).unwrap();
    let days: Vec<String> = (0..2).map(|back| Day(last.0 - back).to_string()).collect();
    let (report, before) = (
        synthetic_report(catalogue, last),
        synthetic_report(catalogue, Day(last.0 - 1)),
    );
    let mut passing: BTreeMap<String, String> = report
        .tables
        .keys()
        .map(|table| (table.clone(), LAST_DAY.to_owned()))
        .collect();
    passing.insert("location".into(), before.date.clone());
    let mut schemas = PublishedSchemas::default();
    schemas.record_contracts(catalogue, &days[1]);
    let location = QueryLocation {
        bucket: "curated".into(),
        database_prefix: "polelake".into(),
    };
    let history = synthetic_history(catalogue, last);
    let of = |report, earlier| SiteBuild {
        report,
        history: &history,
        days: &days,
        catalogue,
        earlier,
        passing: &passing,
        schemas: &schemas,
        query_location: &location,
    };
    let mut pages = build_site(&of(&report, Some(&before)));
    pages.extend(build_site(&of(&before, None)));
    for report in [&report, &before] {
        let body = serde_json::to_vec_pretty(report).unwrap();
        pages.push(SitePage {
            key: format!("data/{}.json", report.date),
            body,
            content_type: JSON_TYPE,
        });
    }
    pages
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

fn plain_test_page(key: &str, body: &str) -> SitePage {
    SitePage {
        key: key.into(),
        body: body.into(),
        content_type: HTML_TYPE,
    }
}

#[tokio::test]
async fn only_changed_pages_are_written_and_orphaned_pages_are_deleted() {
    let bucket = store::MemoryStore::default();
    let first = || {
        vec![
            plain_test_page("index.html", "a"),
            plain_test_page("table/t.html", "b"),
            plain_test_page("day/d.html", "c"),
        ]
    };
    let counts =
        |written: write::SiteWriteCounts| (written.pages, written.changed, written.deleted);
    assert_eq!(
        counts(write_changed_pages(first(), true, &bucket).await.unwrap()),
        (3, 3, 0)
    );
    assert_eq!(
        counts(write_changed_pages(first(), true, &bucket).await.unwrap()),
        (3, 0, 0)
    );
    let second = vec![
        plain_test_page("index.html", "A"),
        plain_test_page("day/e.html", "d"),
    ];
    assert_eq!(
        counts(write_changed_pages(second, true, &bucket).await.unwrap()),
        (2, 2, 1)
    );
    assert!(
        !bucket.object_exists("table/t.html").await.unwrap()
            && bucket.object_exists("day/d.html").await.unwrap()
    );
    // A damaged list of pages only means that every page is written again.
    bucket
        .put("pages.json", Bytes::from_static(b"{"), JSON_TYPE)
        .await
        .unwrap();
    assert_eq!(
        counts(write_changed_pages(first(), false, &bucket).await.unwrap()),
        (3, 3, 0)
    );
}

#[tokio::test]
async fn earlier_reports_show_when_a_table_last_passed() {
    let bucket = store::MemoryStore::default();
    let day = |date: &str, passed: bool| {
        let manifest = SnapshotManifest {
            table: "t".into(),
            date: date.into(),
            passed,
            ..SnapshotManifest::default()
        };
        Report {
            date: date.into(),
            sources: BTreeMap::new(),
            tables: BTreeMap::from([("t".into(), manifest)]),
            trends: Vec::new(),
        }
    };
    for (date, passed) in [("2026-03-01", true), ("2026-03-02", false)] {
        let json = day(date, passed).to_json().unwrap();
        bucket
            .put(
                &lake::report_key(Day::parse(date).unwrap()),
                Bytes::from(json),
                JSON_TYPE,
            )
            .await
            .unwrap();
    }
    let days = ["2026-03-03", "2026-03-02", "2026-03-01"].map(str::to_owned);
    let found = read_earlier_reports(&day("2026-03-03", false), None, &days, &bucket)
        .await
        .unwrap();
    assert_eq!(found.report.unwrap().date, "2026-03-02");
    assert_eq!(found.passing["t"], "2026-03-01");
    let found = read_earlier_reports(&day("2026-03-03", true), None, &days, &bucket)
        .await
        .unwrap();
    assert_eq!(found.passing["t"], "2026-03-03");
}

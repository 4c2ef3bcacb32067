//! Synthetic days with every state that a page can show.

use std::collections::BTreeMap;

use contract::{Catalogue, TableContract};
use lake::{
    ColumnProfile, Day, FileDigest, ManifestShard, NamedFile, RuleResult, SnapshotManifest,
};
use quality::RuleCount;

use super::super::*;
use super::LAST_DAY;
use crate::reconciliation::{RedrivenCounts, SourceReconciliation};
use crate::report::{Trend, TrendState};

/// The number of synthetic days.
const DAYS_BUILT: i32 = 30;

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

pub(super) fn synthetic_manifest(
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
        rows_file: NamedFile {
            key: format!("curated/{}/{shard}/part-0.parquet", table.name),
            digest: FileDigest {
                bytes: rows * 90,
                ..FileDigest::default()
            },
        },
        rows: rows / 2,
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

pub(super) fn synthetic_report(catalogue: &Catalogue, day: Day) -> Report {
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
pub(super) fn build_synthetic_pages(catalogue: &Catalogue) -> Vec<SitePage> {
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

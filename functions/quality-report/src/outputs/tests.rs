//! The outputs over a small sample, compared with files that a maintainer has reviewed.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use contract::{Catalogue, DeclaredFile};
use host::FailureKind;
use lake::{
    ColumnProfile, Day, FileDigest, ManifestShard, NamedFile, RuleResult, RuleVerdict,
    SnapshotManifest, alert_key, datacontract_run_key,
};
use serde_json::{Value, json};
use store::{MemoryNotifier, MemoryStore, Notifier, ObjectStore, StoreError, StoreErrorKind};

use super::alert::{VisibleDays, compose_alert};
use super::{datacontract, junit, lineage};
use crate::context::{Context, ReportOutputSettings};
use crate::reconciliation::SourceReconciliation;
use crate::report::{Report, Trend, TrendState};

/// A table of a personal text, an integer, an amount and a date, and a source that fills it.
fn example_catalogue() -> Catalogue {
    let files = [
        ("pole/thing.odcs.yaml", example_table()),
        ("sources/shop/thing/contract.odcs.yaml", example_source()),
        ("sources/shop/thing/mapping.yaml", example_mapping()),
    ];
    let files = files.map(|(path, document)| DeclaredFile::new(path, document.to_string()));
    Catalogue::compile(&files).unwrap()
}

/// The columns that every table has.
fn provenance_properties() -> Vec<Value> {
    let columns = pole::PROVENANCE.iter().map(|column| {
        let kind = match column.kind {
            pole::ProvenanceKind::Text => "string",
            pole::ProvenanceKind::Integer => "bigint",
            pole::ProvenanceKind::Timestamp => "timestamp",
        };
        json!({
            "name": column.name, "physicalType": kind, "required": column.required,
            "classification": "internal"
        })
    });
    columns.collect()
}

fn own_properties() -> [Value; 4] {
    [
        json!({
            "name": "holder", "physicalType": "string", "required": true,
            "classification": "personal", "description": "Who \"holds\" <it> & how"
        }),
        json!({
            "name": "count", "logicalType": "integer", "physicalType": "bigint",
            "classification": "personal", "description": "How many"
        }),
        json!({
            "name": "fee", "logicalType": "number", "physicalType": "decimal(12,2)",
            "classification": "internal", "description": "In pounds",
            "quality": [{
                "id": "thing-fee-given", "type": "library", "metric": "nullValues", "mustBe": 0,
                "severity": "warn", "dimension": "completeness",
                "description": "A fee is <given> & \"kept\""
            }]
        }),
        json!({
            "name": "made", "logicalType": "date", "physicalType": "date",
            "classification": "internal", "description": "When it was made"
        }),
    ]
}

fn example_table() -> Value {
    let mut properties = provenance_properties();
    properties.extend(own_properties());
    json!({
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "pole-thing", "version": "1.2.0",
        "status": "active",
        "schema": [{
            "name": "thing", "description": "Things", "properties": properties,
            "quality": [{
                "id": "thing-rows", "type": "library", "metric": "rowCount",
                "mustBeGreaterOrEqualTo": 1, "severity": "block", "dimension": "coverage",
                "description": "There are things"
            }]
        }],
        "customProperties": [{"property": "polelake", "value": {"family": "object"}}],
    })
}

fn example_source() -> Value {
    let properties = ["id", "at", "holder", "fee", "made"]
        .map(|name| json!({"name": name, "logicalType": "string", "classification": "internal"}));
    json!({
        "apiVersion": "v3.1.0", "kind": "DataContract", "id": "shop", "version": "1.0.0",
        "status": "active",
        "schema": [{"name": "thing", "properties": properties}],
        "customProperties": [{"property": "polelake", "value": {
            "topic": "shop-thing", "envelope": "plain", "events": {"ThingStated": "upsert"},
            "key": ["$.id"],
            "event_time": "$.at", "bad_records": "quarantine",
            "push": {"principals": ["arn:aws:iam::000000000000:role/shop"]},
        }}],
    })
}

fn example_mapping() -> Value {
    json!({
        "source": "shop", "version": "1.0.0",
        "records": [{
            "name": "thing", "table": "thing", "id": {"namespace": "shop", "key": ["$.id"]},
            "columns": {"holder": "$.holder", "fee": "$.fee", "made": "$.made"}
        }],
    })
}

fn example_rule_result(
    rule: &str,
    column: Option<&str>,
    severity: &str,
    counts: (u64, u64),
    verdict: RuleVerdict,
) -> RuleResult {
    let (failed, checked) = counts;
    RuleResult {
        rule: rule.into(),
        description: format!("what {rule} \u{1} <demands> & \"says\""),
        dimension: "completeness".into(),
        column: column.map(str::to_owned),
        severity: severity.into(),
        failed,
        checked,
        target: "at most 0 rows".into(),
        verdict,
    }
}

fn example_profile(filled: u64, range: Option<(i64, i64)>) -> ColumnProfile {
    ColumnProfile {
        filled,
        distinct: Some(filled / 2),
        minimum: range.map(|(minimum, _)| minimum),
        maximum: range.map(|(_, maximum)| maximum),
        percentiles: range.map(|(minimum, maximum)| [minimum, minimum, minimum, maximum, maximum]),
        ..ColumnProfile::default()
    }
}

/// A rule that fails, one that warns, one that passes, and one that had nothing to check.
fn failing_rules() -> Vec<RuleResult> {
    let rows = 10_397;
    let (fail, warn, pass) = (RuleVerdict::Fail, RuleVerdict::Warn, RuleVerdict::Pass);
    vec![
        example_rule_result("thing-key-unique", None, "block", (12, rows), fail),
        example_rule_result("thing-fee-given", Some("fee"), "warn", (1, rows), warn),
        example_rule_result(
            "thing-holder-required",
            Some("holder"),
            "warn",
            (0, rows),
            pass,
        ),
        example_rule_result("thing-made-past", Some("made"), "warn", (0, 0), pass),
    ]
}

/// A snapshot on which a blocking rule failed.
fn failing_snapshot() -> SnapshotManifest {
    SnapshotManifest {
        table: "thing".into(),
        date: "2026-03-03".into(),
        contract_version: "1.2.0".into(),
        base: Some("2026-03-02".into()),
        rows: 10_397,
        shards: vec![ManifestShard {
            rows_file: NamedFile {
                digest: FileDigest {
                    bytes: 4_096,
                    ..FileDigest::default()
                },
                ..NamedFile::default()
            },
            ..ManifestShard::default()
        }],
        rules: failing_rules(),
        columns: [
            // The range of a personal column is never measured; if it were, it would not be
            // disclosed.
            ("holder".to_owned(), example_profile(10_397, None)),
            ("count".to_owned(), example_profile(10, Some((7, 99)))),
            (
                "fee".to_owned(),
                example_profile(10_396, Some((1_050, 99_999))),
            ),
            ("made".to_owned(), example_profile(0, None)),
        ]
        .into(),
        ..SnapshotManifest::default()
    }
}

fn example_trend(metric: &str, observed: f64, state: TrendState) -> Trend {
    Trend {
        dataset: "table/thing".into(),
        column: None,
        metric: metric.into(),
        dimension: "timeliness".into(),
        observed,
        expected: Some((9_800.0, 10_390.5)),
        compared: 8,
        state,
    }
}

/// A day with every kind of problem.
pub(super) fn failing_report() -> Report {
    let shop = SourceReconciliation {
        landed: 5_000,
        refined: 4_000,
        waiting: 2,
        ..SourceReconciliation::default()
    };
    Report {
        date: "2026-03-03".into(),
        sources: [("shop".to_owned(), shop)].into(),
        tables: [("thing".to_owned(), failing_snapshot())].into(),
        trends: vec![
            example_trend("rows", 10_397.0, TrendState::Unusual),
            example_trend("changed_rows", 10_000.0, TrendState::Acknowledged),
        ],
    }
}

/// A day without any problem.
fn passing_report() -> Report {
    let mut report = failing_report();
    let thing = report.tables.get_mut("thing").unwrap();
    thing.passed = true;
    thing.rules.truncate(0);
    report.sources.clear();
    report.trends.clear();
    report
}

fn example_day() -> Day {
    Day::parse("2026-03-03").unwrap()
}

fn example_context(notifier: Option<Arc<dyn Notifier>>) -> Context {
    let store = || -> Arc<dyn ObjectStore> { Arc::new(MemoryStore::default()) };
    Context {
        raw: store(),
        refined: store(),
        curated: store(),
        site: store(),
        catalogue: Arc::new(example_catalogue()),
        output_settings: ReportOutputSettings {
            alert_notifier: notifier,
            site_url: Some("https://quality.example".into()),
            ..ReportOutputSettings::default()
        },
        query_location: crate::QueryLocation {
            bucket: "curated".into(),
            database_prefix: "polelake".into(),
        },
    }
}

/// Compares with a file that a maintainer has reviewed; `UPDATE_GOLDEN=1` writes it again.
#[track_caller]
fn assert_matches_golden(name: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    assert_eq!(
        text,
        std::fs::read_to_string(&file).unwrap(),
        "{name} differs; UPDATE_GOLDEN=1 writes it again"
    );
}

#[test]
fn results_have_the_shape_of_datacontract_clis_runs() {
    let runs = datacontract::table_runs(&failing_report(), example_day(), &example_catalogue());
    assert_matches_golden(
        "thing.run.json",
        &String::from_utf8(super::encode_json(&runs[0]).unwrap()).unwrap(),
    );
    let mut missing = failing_report();
    missing.tables.clear();
    let runs = datacontract::table_runs(&missing, example_day(), &example_catalogue());
    assert_eq!(
        runs[0].result,
        datacontract::DatacontractOutcome::Error,
        "a snapshot that is missing is an error"
    );
}

#[test]
fn junit_tells_failures_warnings_and_what_looked_at_nothing_apart() {
    let xml = junit::junit_document(
        &datacontract::table_runs(&failing_report(), example_day(), &example_catalogue()),
        example_day(),
    )
    .unwrap();
    let xml = String::from_utf8(xml).unwrap();
    assert!(!xml.contains('\u{1}') && !xml.contains("<demands>"));
    assert_matches_golden("junit.xml", &xml);
}

#[test]
fn lineage_tells_where_columns_come_from_and_no_value_of_a_person() {
    let events =
        lineage::openlineage_events(&failing_report(), example_day(), &example_context(None));
    let text: String = events.iter().map(|event| format!("{event}\n")).collect();
    assert_matches_golden("openlineage.ndjson", &text);
    let columns = &events[1]["inputs"][0]["inputFacets"]["dataQualityMetrics"]["columnMetrics"];
    assert_eq!(columns["fee"]["min"], 10.5);
    for value in ["min", "max", "quantiles"] {
        assert_eq!(
            columns["count"].get(value),
            None,
            "{value} of a personal column"
        );
    }
}

#[test]
fn an_alert_says_what_is_wrong_and_what_readers_see() {
    let visible_days: VisibleDays = [("thing".to_owned(), Some("2026-03-02".to_owned()))].into();
    let alert = compose_alert(
        &failing_report(),
        &example_catalogue(),
        &visible_days,
        Some("https://quality.example"),
    )
    .unwrap();
    assert_eq!(
        alert.subject,
        "polelake 2026-03-03: 1 table held back, 1 reconciliation open, 1 metric unusual"
    );
    assert_matches_golden("alert.txt", &alert.message);
    let mut missing = passing_report();
    missing.tables.clear();
    let alert =
        super::alert::compose_alert(&missing, &example_catalogue(), &VisibleDays::new(), None)
            .unwrap();
    assert_eq!(
        alert.message,
        "polelake 2026-03-03: there is no snapshot of the table thing for this day: the merge did \
         not end well."
    );
    assert_eq!(
        super::alert::compose_alert(
            &passing_report(),
            &example_catalogue(),
            &VisibleDays::new(),
            None
        ),
        None
    );
}

#[tokio::test]
async fn the_same_alert_is_sent_once_and_again_when_it_comes_back() {
    let notifier = Arc::new(MemoryNotifier::default());
    let context = example_context(Some(Arc::clone(&notifier) as _));
    super::write_outputs(&failing_report(), &context)
        .await
        .unwrap();
    super::write_outputs(&failing_report(), &context)
        .await
        .unwrap();
    assert_eq!(notifier.sent_messages().len(), 1);
    let (subject, message) = notifier.sent_messages().remove(0);
    assert!(subject.is_ascii() && subject.len() <= 100, "{subject}");
    assert!(
        message.contains("Readers see no day of it."),
        "there is no snapshot before it: {message}"
    );

    let mut worse = failing_report();
    worse.trends.clear();
    super::write_outputs(&worse, &context).await.unwrap();
    assert_eq!(
        notifier.sent_messages().len(),
        2,
        "another outcome is another alert"
    );
    super::write_outputs(&passing_report(), &context)
        .await
        .unwrap();
    assert_eq!(notifier.sent_messages().len(), 2);
    assert_eq!(
        context
            .site
            .get(&alert_key(example_day()))
            .await
            .unwrap()
            .body,
        "null\n",
        "an alert whose problems are fixed is forgotten"
    );
    super::write_outputs(&worse, &context).await.unwrap();
    assert_eq!(notifier.sent_messages().len(), 3);
}

#[tokio::test]
async fn readers_see_the_newest_day_that_passed() {
    let notifier = Arc::new(MemoryNotifier::default());
    let context = example_context(Some(Arc::clone(&notifier) as _));
    for (date, passed) in [
        ("2026-03-02", false),
        ("2026-03-01", true),
        ("2026-03-04", true),
    ] {
        let before = SnapshotManifest {
            table: "thing".into(),
            date: date.into(),
            passed,
            ..SnapshotManifest::default()
        };
        let key = lake::manifest_key("thing", Day::parse(date).unwrap());
        context
            .curated
            .put(&key, before.to_json().unwrap().into(), "application/json")
            .await
            .unwrap();
    }
    super::write_outputs(&failing_report(), &context)
        .await
        .unwrap();
    assert!(
        notifier.sent_messages()[0]
            .1
            .contains("Readers still see 2026-03-01."),
        "{:?}",
        notifier.sent_messages()
    );
}

struct UnreachableNotifier;

#[async_trait]
impl Notifier for UnreachableNotifier {
    async fn notify(&self, _subject: &str, _message: &str) -> Result<(), StoreError> {
        Err(StoreError::new(
            StoreErrorKind::Refused,
            "notify",
            "topic",
            "it is gone",
        ))
    }
}

#[tokio::test]
async fn an_alert_that_cannot_be_sent_fails_the_run_when_everything_else_is_written() {
    let context = example_context(Some(Arc::new(UnreachableNotifier)));
    let failure = super::write_outputs(&failing_report(), &context)
        .await
        .unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(
        context
            .site
            .object_exists(&datacontract_run_key("thing", example_day()))
            .await
            .unwrap()
    );
    assert!(
        !context
            .site
            .object_exists(&alert_key(example_day()))
            .await
            .unwrap(),
        "it is sent when the run is tried again"
    );
    let without_topic = self::example_context(None);
    super::write_outputs(&failing_report(), &without_topic)
        .await
        .unwrap();
    assert!(
        !without_topic
            .site
            .object_exists(&alert_key(example_day()))
            .await
            .unwrap(),
        "no alert was sent"
    );
}

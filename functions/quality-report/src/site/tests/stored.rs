//! What the site's bucket holds after a build, and what a build reads of earlier days.

use std::collections::BTreeMap;

use bytes::Bytes;
use lake::{Day, SnapshotManifest};
use store::ObjectStore;

use super::super::*;

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

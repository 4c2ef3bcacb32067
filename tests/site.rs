//! The catalogue site in a browser, and the queries that its pages show.
//!
//! Needs node with the packages of `tests/site`, and chromium. Where they are missing the test says
//! so and how to install them; CI has them. `SITE=…/s3/site` looks at the site of another lake
//! instead, such as a demo's, and `SITE_SCREENSHOTS` says where the pictures go.

use std::path::{Path, PathBuf};
use std::process::Command;

use contract::Catalogue;
use lake::SnapshotManifest;
use quality_report::{QueryExample, QueryLocation, query_examples};
use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, repository_root};
use crate::pole_to_snapshot::{push_day, town_on_monday};
use crate::readers::{has, python};

/// The day after Monday: the site then has something to compare.
const TUESDAY: &str = "2026-03-03";

/// What the browser's test cannot do without, and how to get it.
pub(crate) fn missing_for_browser() -> Option<&'static str> {
    let runs = |program: &str| {
        Command::new(program)
            .arg("--version")
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let chromium = std::env::var("CHROMIUM").unwrap_or_else(|_| "/usr/bin/chromium".into());
    match () {
        () if !runs("node") => Some("node: install it with `apt-get install nodejs npm`"),
        () if !Path::new(&chromium).is_file() => {
            Some("chromium: install it with `apt-get install chromium`")
        }
        () if !repository_root()
            .join("tests/site/node_modules/puppeteer-core")
            .is_dir() =>
        {
            Some("the browser's driver: install it with `npm ci --prefix tests/site`")
        }
        () => None,
    }
}

/// Visits every page of a site; the pictures of four of them are kept.
#[track_caller]
fn browse(site: &Path) {
    if let Some(what) = missing_for_browser() {
        assert!(std::env::var_os("CI").is_none(), "CI must have {what}");
        eprintln!("SKIPPED: there is no {what}");
        return;
    }
    let pictures = std::env::var_os("SITE_SCREENSHOTS")
        .map_or_else(|| repository_root().join("target/site"), PathBuf::from);
    let output = Command::new("node")
        .arg(repository_root().join("tests/site/check.mjs"))
        .args([site, &pictures])
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{told}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told: Value = serde_json::from_str(&told).unwrap();
    assert!(
        told["pages"].as_u64() > Some(30) && told["axe_rules"].as_u64() > Some(30),
        "{told}"
    );
    println!(
        "{} pages without a fault; pictures in {}",
        told["pages"],
        pictures.display()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_reads_well_in_a_browser_and_every_example_runs() {
    let lake = town_on_monday().await;
    lake.set_date(TUESDAY);
    push_day(&lake, 1).await;
    lake.run_day(TUESDAY).await;
    match std::env::var_os("SITE") {
        Some(site) => browse(Path::new(&site)),
        None => browse(lake.object_path("site", "index.html").parent().unwrap()),
    }
    if has("duckdb", "duckdb") {
        let catalogue =
            host::load_contracts(&repository_root().join("contracts").to_string_lossy()).unwrap();
        run_examples(&lake, &catalogue);
    }
}

/// Runs in DuckDB: views over the tables' files, and how many rows each query gives.
const COUNT_ROWS: &str = "
import sys, json, duckdb
asked = json.loads(open(sys.argv[1]).read())
lake = duckdb.connect()
for view in asked['views']:
    lake.execute(f\"create schema if not exists {view['database']}\")
    rows = f\"read_parquet({view['files']}, hive_partitioning = false)\"
    lake.execute(f\"create view {view['database']}.{view['table']} as select * from {rows}\")
    lake.execute(f\"create view {view['database']}.{view['table']}_history as select *, '{view['date']}' as snapshot_date from {rows}\")
count = lambda query: lake.execute('select count(*) from (' + query['sql'] + ')').fetchone()[0]
print(json.dumps([count(query) for query in asked['queries']]))
";

/// Runs every example that a page shows, with DuckDB: those for Athena over views of the same
/// names, and without Athena's own words, for they have none.
fn run_examples(lake: &LakeUnderTest, catalogue: &Catalogue) {
    let place = QueryLocation {
        bucket: "curated".into(),
        database_prefix: "polelake".into(),
    };
    let (mut views, mut queries) = (Vec::new(), Vec::new());
    for table in catalogue
        .tables
        .iter()
        .filter(|table| !catalogue.topics_of_table(&table.name).is_empty())
    {
        let manifest = lake.read_manifest(&table.name, TUESDAY);
        let files = shard_files(lake, &manifest);
        views.push(
            json!({"database": place.glue_database(table), "table": table.name, "files": files, "date": TUESDAY}),
        );
        let examples = query_examples(table, &manifest, catalogue, &place);
        queries.extend(shown_queries(lake, &table.name, examples));
    }

    let counts = count_rows(lake, &views, &queries);
    assert_examples_find_rows(&queries, &counts);
}

/// The folder that stands for the bucket of the curated zone.
fn curated_folder(lake: &LakeUnderTest) -> String {
    let zone = lake.object_path("curated", "curated");
    zone.parent().unwrap().to_string_lossy().into_owned()
}

fn shard_files(lake: &LakeUnderTest, manifest: &SnapshotManifest) -> Vec<String> {
    let folder = curated_folder(lake);
    let shards = manifest.shards.iter();
    shards
        .map(|shard| format!("{folder}/{}", shard.rows_file.key))
        .collect()
}

/// The examples of a table as queries over local files, after a look whether its page shows them.
fn shown_queries(lake: &LakeUnderTest, table: &str, examples: Vec<QueryExample>) -> Vec<Value> {
    let folder = curated_folder(lake);
    let page = lake.object_path("site", &format!("table/{table}.html"));
    let page = std::fs::read_to_string(page).unwrap();

    let mut queries = Vec::new();
    for QueryExample { title, engine, sql } in examples {
        assert!(
            page.contains(&escape_html(&sql)),
            "{engine}, {title}: {sql}"
        );
        let local = sql.replace("s3://curated", &folder);
        queries.push(json!({"table": table, "engine": engine, "sql": local}));
    }
    queries
}

fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// How many rows DuckDB finds for each query.
fn count_rows(lake: &LakeUnderTest, views: &[Value], queries: &[Value]) -> Vec<Value> {
    let file = lake.object_path("curated", "asked.json");
    let asked = json!({"views": views, "queries": queries});
    std::fs::write(&file, asked.to_string()).unwrap();

    let answers = python(COUNT_ROWS, &[file.to_string_lossy().into_owned()]);
    std::fs::remove_file(file).unwrap();
    answers.as_array().unwrap().clone()
}

/// Every example was run, and those about people found some.
fn assert_examples_find_rows(queries: &[Value], counts: &[Value]) {
    assert!(
        counts.len() == queries.len() && queries.len() > 50,
        "{} examples",
        queries.len()
    );
    let people: Vec<_> = queries
        .iter()
        .zip(counts)
        .filter(|(query, _)| query["table"] == "person")
        .collect();
    assert!(
        people.iter().all(|(_, rows)| rows.as_u64() > Some(0)),
        "{people:?}"
    );
}

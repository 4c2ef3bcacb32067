//! Backfill: old records take the way of every event, in every format, as often as it takes, and
//! undo nothing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde_json::{Value, json};

use crate::lake_under_test::{LakeUnderTest, MONDAY, person_event, repository_root};
use crate::quarantine::polelake;
use crate::readers::{has, python};

/// Runs the command on the lake's folder; gives the exit code and what it printed.
async fn backfill(lake: &LakeUnderTest, source: &str, arguments: &[&str]) -> (i32, Value, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_polelake-under-test"));
    command
        .args(["backfill", source, "--json", "--dir"])
        .arg(&*lake.folder)
        .args(arguments)
        .env("API_TOKEN", "secret");
    let output = command
        .current_dir(repository_root())
        .output()
        .await
        .unwrap();
    let told = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (
        output.status.code().unwrap_or(-1),
        told,
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn file(lake: &LakeUnderTest, name: &str, text: &str) -> PathBuf {
    let path = lake.folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn older_state_never_overwrites_newer_and_a_second_run_changes_nothing() {
    let lake = LakeUnderTest::start().await;
    // A live event, and then the dump of the old system: one older record, one newer record, one
    // unknown record.
    lake.push_events(
        "housing-person",
        &[person_event(
            "PersonCreatedEvent",
            "p1",
            0,
            json!({"surname": "Live"}),
        )],
    )
    .await;
    let dump = [
        json!({"id": "p1", "surname": "Old", "lastModified": "2026-03-01T08:00:00Z"}),
        json!({"id": "p2", "surname": "Sample", "lastModified": "2026-03-01T08:00:00Z"}),
        json!({"id": "p3", "surname": "Undated"}),
    ];
    let lines: String = dump.iter().map(|record| format!("{record}\n")).collect();
    let dump = file(&lake, "people.jsonl", &lines);
    let (code, told, said) = backfill(&lake, "housing-person", &[shown(&dump)]).await;
    assert_eq!((code, &told["accepted"]), (0, &json!(3)), "{said}");
    lake.run_day(MONDAY).await;
    let surnames = |lake: &LakeUnderTest| {
        let mut found: Vec<String> = lake
            .table_rows("person", MONDAY)
            .iter()
            .map(|row| row["surname"].clone())
            .collect();
        found.sort();
        found
    };
    assert_eq!(surnames(&lake), ["Live", "Sample", "Undated"]);
    let before = lake.read_manifest("person", MONDAY).shards;
    let (_, told, _) = backfill(&lake, "housing-person", &[shown(&dump)]).await;
    assert_eq!(
        (&told["skipped"], &told["accepted"]),
        (&json!(3), &json!(0)),
        "a finished run is not done again"
    );
    let (_, told, _) = backfill(&lake, "housing-person", &[shown(&dump), "--restart"]).await;
    assert_eq!(told["accepted"], 3, "unless it is asked for");
    lake.run_day(MONDAY).await;
    assert_eq!(
        lake.read_manifest("person", MONDAY).shards,
        before,
        "and then it changes no file"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_format_gives_the_same_rows() {
    let lake = LakeUnderTest::start().await;
    let record = |id: &str| {
        json!({
            "id": id, "reference": "2026/1", "status": "Decided", "fee": "258.00",
            "last_updated": "2026-02-01T10:00:00Z"
        })
    };
    let lines = file(&lake, "a.jsonl", &format!("{}\n", record("1")));
    let csv = file(
        &lake,
        "b.csv",
        "id,reference,status,fee,last_updated\n2,2026/1,Decided,258.00,2026-02-01T10:00:00Z\n",
    );
    let item: serde_json::Map<String, Value> = record("3")
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), json!({"S": value})))
        .collect();
    let export = file(&lake, "c.json", &format!("{}\n", json!({"Item": item})));
    let mut files = vec![shown(&lines), shown(&csv), shown(&export)];
    let parquet = lake.folder.join("d.parquet");
    let pyarrow = has("pyarrow", "pyarrow");
    if pyarrow {
        let script = "
import sys, datetime, decimal, pyarrow as pa, pyarrow.parquet as pq
utc = datetime.timezone.utc
pq.write_table(pa.table({'id': pa.array([4], pa.int64()), 'reference': ['2026/1'], 'status': ['Decided'],
  'fee': pa.array([decimal.Decimal('258.00')], pa.decimal128(12, 2)),
  'last_updated': pa.array([datetime.datetime(2026, 2, 1, 10, tzinfo=utc)], pa.timestamp('us', tz='UTC'))}), sys.argv[1])
print('{}')
";
        python(script, &[shown(&parquet).to_owned()]);
        files.push(shown(&parquet));
    }
    let (code, told, said) = backfill(&lake, "planning-register", &files).await;
    assert_eq!(
        (code, told["accepted"].as_u64()),
        (0, Some(files.len() as u64)),
        "{told} {said}"
    );
    lake.run_day(MONDAY).await;
    let mut rows = lake.table_rows("object_case", MONDAY);
    rows.sort_by_key(|row| row["source_record_id"].clone());
    let keys: Vec<&str> = rows
        .iter()
        .map(|row| row["source_record_id"].as_str())
        .collect();
    assert_eq!(
        keys,
        if pyarrow {
            vec!["1", "2", "3", "4"]
        } else {
            vec!["1", "2", "3"]
        }
    );
    for row in &rows {
        assert_eq!(
            (row["fee"].as_str(), row["status"].as_str()),
            ("258.00", "Decided")
        );
        assert!(
            row["event_time"].starts_with("2026-02-01 10:00:00"),
            "{row:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_or_not_sent_is_named_by_file_and_row() {
    let lake = LakeUnderTest::start().await;
    let header = "id,reference,status,fee,last_updated";
    let rows = "1,2026/1,Decided,258.00,2026-02-01T10:00:00Z\n2,2026/2,Decided,258.00,soon\n\
        3,2026/3,Decided\n";
    let files = ["january.csv", "february.csv"];
    let files = files.map(|name| file(&lake, name, &format!("{header}\n{rows}")));
    let paths: Vec<&str> = files.iter().map(|path| shown(path)).collect();
    let (code, told, said) = backfill(&lake, "planning-register", &paths).await;
    assert_eq!(
        (code, &told["refused"], &told["not_sent"]),
        (1, &json!(2), &json!(2)),
        "{told}"
    );
    let refused = told["reasons"]
        .as_object()
        .unwrap()
        .values()
        .next()
        .unwrap();
    assert_eq!(
        *refused,
        json!({"records": 2, "places": ["january.csv row 3", "february.csv row 3"]}),
        "{told}"
    );
    for row in ["january.csv row 4", "february.csv row 4"] {
        assert!(said.contains(row), "{row}: {said}");
    }
    assert!(!said.contains("soon") && !told.to_string().contains("soon"));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_records_are_named_without_their_values_and_the_others_go_on() {
    let lake = LakeUnderTest::start().await;
    let text = "{\"id\": \"p1\", \"surname\": \"Sample\"}\n{\"id\": Robin}\n\
        {\"surname\": \"Unnamed\"}\n{\"id\": \"p2\"}\n";
    let dump = file(&lake, "people.jsonl", text);
    let (code, told, said) = backfill(&lake, "housing-person", &[shown(&dump)]).await;
    assert_eq!(
        (code, &told["accepted"], &told["not_sent"]),
        (1, &json!(2), &json!(2))
    );
    assert!(
        said.contains("people.jsonl:2: not JSON: column") && said.contains("event.key at $.id"),
        "{said}"
    );
    assert!(
        !said.contains("Robin") && !said.contains("Unnamed"),
        "{said}"
    );
    // A run in which records failed is not done: the next one reads them again, and says so again.
    let (code, told, _) = backfill(&lake, "housing-person", &[shown(&dump)]).await;
    assert_eq!(
        (code, &told["skipped"], &told["not_sent"]),
        (1, &json!(0), &json!(2)),
        "{told}"
    );
    for (arguments, remedy) in [
        (vec!["nowhere.jsonl"], "nowhere.jsonl"),
        (
            vec![shown(&dump), "--to", "http://127.0.0.1:1"],
            "127.0.0.1:1",
        ),
    ] {
        let (code, _, said) = backfill(&lake, "planning-register", &arguments).await;
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(remedy), "{said}");
    }
    let (code, _, said) = backfill(&lake, "planning-registr", &[shown(&dump)]).await;
    assert!(code == 2 && said.contains("planning-register"), "{said}");
    let (code, _, said) = backfill(&lake, "immigration-case", &[shown(&dump)]).await;
    assert!(
        code == 2 && said.contains("declares no `backfill`"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_reaches_an_api_by_its_address_with_a_token_or_a_signature() {
    let lake = LakeUnderTest::start().await;
    let new = json!({"firstName": "Ada", "surname": "Byron"});
    let event = person_event("PersonCreatedEvent", "a", 1, new);
    let events = file(&lake, "events.jsonl", &event.to_string());
    let push = |api: &str, variables: &[(&str, &str)]| {
        let output = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"))
            .args([
                "push",
                "housing-person",
                shown(&events),
                "--json",
                "--to",
                api,
            ])
            .env_remove("AWS_PROFILE")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(variables.iter().copied())
            .current_dir(&*lake.folder)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output.status.code(), told, said)
    };

    // The folder of this run is no platform's: the address is enough.
    let (code, told, said) = push(&lake.platform.api, &[]);
    assert_eq!((code, &told["accepted"]), (Some(0), &json!(1)), "{said}");
    lake.platform.running.wait_until_settled().await.unwrap();
    lake.run_day(MONDAY).await;
    assert_eq!(lake.table_rows("person", MONDAY).len(), 1);

    let wrong = [("POLELAKE_TOKEN", "of another platform")];
    let (code, _, said) = push(&lake.platform.api, &wrong);
    assert!(code == Some(2) && said.contains("token"), "{said}");
    let (code, _, said) = push("https://127.0.0.1:1", &[]);
    assert!(code == Some(2) && said.contains("AWS_REGION"), "{said}");
    let keys = [
        ("AWS_REGION", "eu-west-2"),
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "not-a-secret"),
    ];
    let (code, _, said) = push("https://127.0.0.1:1", &keys);
    assert!(code == Some(2) && said.contains("127.0.0.1:1"), "{said}");
}

#[test]
fn a_run_that_is_killed_goes_on_where_it_was() {
    let folder = std::env::temp_dir().join(format!("polelake-resume-{}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    let dump = folder.join("register.jsonl");
    let record = |id: u32| json!({"id": id, "reference": id.to_string(), "status": "Decided"});
    let lines: String = (0..3_000).map(|id| format!("{}\n", record(id))).collect();
    std::fs::write(&dump, lines).unwrap();
    let command = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"));
        command
            .args(["backfill", "planning-register", "--json", "--dir"])
            .arg(folder.join("lake"));
        command.arg(&dump).current_dir(repository_root());
        command
    };
    let mut first = command()
        .args(["--rate", "400"])
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let journal = || {
        let entry = std::fs::read_dir(folder.join("lake/backfill"))
            .ok()?
            .flatten()
            .find(|entry| entry.path().extension().is_some_and(|e| e == "json"))?;
        let known: Value = serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok()?;
        known["records"].as_u64()
    };
    while journal().unwrap_or_default() < 300 {
        assert!(
            first.try_wait().unwrap().is_none(),
            "the rate is kept: 3,000 records are not sent at once"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    first.kill().unwrap();
    first.wait().unwrap();
    let done = journal().unwrap();
    let output = command().output().unwrap();
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (told["skipped"].as_u64(), told["accepted"].as_u64()),
        (Some(done), Some(3_000 - done)),
        "{told}"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

/// Pages of an API: what it was asked, and with which ETag.
#[derive(Clone, Default)]
struct Api {
    asked: Arc<Mutex<Vec<(String, bool)>>>,
    changed: Arc<Mutex<bool>>,
}

async fn page(State(api): State<Api>, uri: Uri, headers: HeaderMap) -> Response {
    if headers
        .get("authorization")
        .is_none_or(|token| token != "secret")
    {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let cursor = uri
        .query()
        .and_then(|query| query.strip_prefix("cursor="))
        .unwrap_or_default()
        .to_owned();
    let changed = *api.changed.lock().unwrap() && cursor == "b";
    let etag = format!("\"{cursor}-{changed}\"");
    let known = headers
        .get("if-none-match")
        .is_some_and(|known| known.to_str().unwrap() == etag);
    let mut asked = api.asked.lock().unwrap();
    let first = !asked.iter().any(|(page, _)| *page == cursor);
    asked.push((cursor.clone(), known));
    // The second page falters once.
    if cursor == "b" && first {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if known {
        return StatusCode::NOT_MODIFIED.into_response();
    }
    let record = |id: &str, status: &str| {
        json!({
            "id": id, "reference": id, "status": status, "last_updated": "2026-02-01T10:00:00Z"
        })
    };
    let body = match cursor.as_str() {
        "" => json!({"results": [record("1", "Decided"), record("2", "Decided")], "next": "b"}),
        "b" if changed => {
            json!({
                "results": [{
                    "id": "3", "reference": "3", "status": "Appealed",
                    "last_updated": "2026-02-02T10:00:00Z"
                }],
                "next": null
            })
        }
        _ => json!({"results": [record("3", "Decided")], "next": null}),
    };
    ([("etag", etag)], body.to_string()).into_response()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paged_api_is_read_to_its_end_and_pages_that_are_the_same_are_not_read_again() {
    let lake = LakeUnderTest::start().await;
    let api = Api::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/applications", listener.local_addr().unwrap());
    let router = Router::new()
        .route("/applications", get(page))
        .with_state(api.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let arguments = [
        "--api",
        &url,
        "--items",
        "/results",
        "--cursor",
        "/next",
        "--page-param",
        "cursor",
        "--header",
        "authorization=API_TOKEN",
    ];
    let (code, told, said) = backfill(&lake, "planning-register", &arguments).await;
    assert_eq!(
        (code, told["accepted"].as_u64()),
        (0, Some(3)),
        "{told} {said}"
    );
    let (_, told, _) = backfill(&lake, "planning-register", &arguments).await;
    assert_eq!(
        (told["read"].as_u64(), told["unchanged_pages"].as_u64()),
        (Some(0), Some(2)),
        "{told}"
    );
    *api.changed.lock().unwrap() = true;
    let (_, told, _) = backfill(&lake, "planning-register", &arguments).await;
    assert_eq!(
        (told["accepted"].as_u64(), told["unchanged_pages"].as_u64()),
        (Some(1), Some(1)),
        "{told}"
    );
    lake.run_day(MONDAY).await;
    let third = lake
        .table_rows("object_case", MONDAY)
        .into_iter()
        .find(|row| row["source_record_id"] == "3")
        .unwrap();
    assert_eq!(third["status"], "Appealed");
    let wrong = [
        "--api",
        &url,
        "--items",
        "/rows",
        "--header",
        "authorization=API_TOKEN",
    ];
    let (code, _, said) = backfill(&lake, "planning-register", &wrong).await;
    assert!(code == 2 && said.contains("--items"), "{said}");
}

/// What `quarantine show` says.
fn refused_records(lake: &LakeUnderTest, options: &[&str]) -> String {
    let arguments = [
        &["quarantine", "show", "--source", "planning-register"],
        options,
    ]
    .concat();
    let (_, _, said) = polelake(lake, &repository_root().join("contracts"), &arguments);
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_refused_later_is_found_in_its_file() {
    let lake = LakeUnderTest::start().await;
    let header = "id,reference,status,fee,last_updated";
    let time = "2026-02-01T10:00:00Z";
    let text = format!("{header}\n1,2026/1,Decided,258.00,{time}\n2,2026/2,Decided,much,{time}\n");
    let table = file(&lake, "fees, May.csv", &text);
    let record = json!({
        "id": "key-of-3", "reference": "2026/3", "status": "Decided", "fee": "more",
        "last_updated": time
    });
    let lines = file(&lake, "fees.jsonl", &format!("{record}\n"));
    let files = [shown(&table), shown(&lines)];
    let (code, told, said) = backfill(&lake, "planning-register", &files).await;
    assert_eq!((code, &told["accepted"]), (0, &json!(3)), "{said}");

    let said = refused_records(&lake, &[]);
    for part in [
        "file fees, May.csv, row 3; event ",
        "file fees.jsonl, record 1; event ",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("key-of-3"), "a key may be personal: {said}");
    assert!(refused_records(&lake, &["--values"]).contains("key key-of-3"));

    let told: Value = serde_json::from_str(&refused_records(&lake, &["--json"])).unwrap();
    let of_table = told.as_array().unwrap().iter();
    let mut of_table = of_table.filter(|one| one["file"] == "fees, May.csv");
    let refused = of_table.next().unwrap();
    assert_eq!(refused["file_place"], "row 3");
    assert!(refused["event_id"].is_string() && refused["key"].is_null());
}

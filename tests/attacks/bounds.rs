//! Files and answers that are small and become large: every reader ends with a message that names the object and the limit,
//! and takes less than 512 MB, what the functions have.

mod files;
mod measure;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use files::{RawFile, lying_raw_file, plain, raw_file};
use flate2::Compression as GzipLevel;
use flate2::write::GzEncoder;
use lake::{Chunk, Receipt};
use measure::{PEAK_MEGABYTES_MAX, function_peak_megabytes, run_command};
use parquet::arrow::ArrowWriter;
use serde_json::{Value, json};
use store::ObjectStore;

use crate::lake_under_test::{LakeUnderTest, person_event, repository_root};

const MIB: usize = 1 << 20;

const KEY: &str = "0b5e7a4c-1d2f-4e3a-9b8c-7d6e5f4a3b2c";

/// The topic of `housing-person`.
const TOPIC: &str = "housing-person";

fn raw_chunk(partition: i32) -> Chunk {
    Chunk {
        topic: TOPIC.into(),
        epoch: 1,
        partition,
        offset: 0,
    }
}

/// Writes a raw object as the landing does; the transform is notified.
async fn plant_raw(raw: &dyn ObjectStore, partition: i32, (bytes, next): RawFile) -> String {
    assert!(bytes.len() < 400_000, "{} bytes", bytes.len());
    let numbers = [("next", next), ("count", next)];
    let metadata = numbers.map(|(name, number)| (name.to_owned(), number.to_string()));
    let key = raw_chunk(partition).raw_key();
    let put = raw.put_if_absent(&key, bytes.into(), metadata.into());
    assert!(put.await.unwrap());
    key
}

async fn wait_for_dead_letters(lake: &LakeUnderTest, count: u64) {
    let url = format!("{}/_local/status", lake.platform.api);
    let mut status = Value::Null;
    for _ in 0..1_200 {
        if status["dead_letters"] == count {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        status = reqwest::get(&url).await.unwrap().json().await.unwrap();
    }
    assert_eq!(status["dead_letters"], count);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_raw_objects_are_dead_letters_and_every_command_names_them() {
    let lake = LakeUnderTest::start().await;
    let raw = lake
        .lake_handle(&repository_root().join("contracts"))
        .await
        .raw;
    let many = plant_raw(&*raw, 10, raw_file(150, 1, &vec![b'x'; 10 * MIB], plain())).await;
    let one = plant_raw(&*raw, 11, raw_file(1, 1, &vec![b'x'; 200 * MIB], plain())).await;
    let dictionary = plain().set_dictionary_enabled(true);
    let repeated = raw_file(1, 1_000, &vec![b'x'; MIB / 2], dictionary);
    let repeated = plant_raw(&*raw, 12, repeated).await;
    let lying = plant_raw(&*raw, 13, lying_raw_file()).await;
    // Within the bounds of an object, and over that of an event: a record that is refused, as others are.
    plant_raw(&*raw, 14, raw_file(1, 1, &vec![b' '; 2 * MIB], plain())).await;

    wait_for_dead_letters(&lake, 4).await;
    let peak = function_peak_megabytes(&lake, "pole-transform");
    assert!(peak > 0 && peak < PEAK_MEGABYTES_MAX, "{peak} MB");
    let receipt = lake.object_path("refined", &raw_chunk(14).receipt_key());
    let receipt = Receipt::from_json(&std::fs::read(receipt).unwrap()).unwrap();
    assert_eq!(receipt.quarantined["event.too-large"], 1);

    let audit = run_command(&lake, &["audit", "--deep"]).await;
    audit.assert_small_and_says(&[
        &many,
        "the pages up to here have",
        &one,
        "column `value`: a page has 209715",
        &repeated,
        "the rows up to here take",
        &lying,
        "a page has 134217727 bytes after decompression, over the limit of 16777216",
    ]);
    assert_eq!(audit.code, Some(1));

    let who = [
        "erase",
        "--source",
        "housing-person",
        "--key",
        KEY,
        "--dry-run",
    ];
    let erase = run_command(&lake, &who).await;
    erase.assert_small_and_says(&["over the limit", TOPIC]);
    assert_eq!(erase.code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_quarantine_and_documents_are_named() {
    let lake = LakeUnderTest::start().await;
    let date = json!({"firstName": "Ada", "surname": "Sample", "dateOfBirth": "gibberish"});
    let refused = person_event("PersonCreatedEvent", KEY, 1, date);
    lake.push_events("housing-person", &[refused]).await;
    lake.platform.running.wait_until_settled().await;
    let objects = lake.read_objects("refined", "");
    let key = objects
        .keys()
        .find(|key| key.contains("quarantine") && key.ends_with(".parquet"));
    let refined = lake
        .lake_handle(&repository_root().join("contracts"))
        .await
        .refined;
    let (hostile, _) = raw_file(150, 1, &vec![b'x'; 10 * MIB], plain());
    refined.put(key.unwrap(), hostile.into(), "").await.unwrap();
    for arguments in [&["quarantine", "show"][..], &["quarantine", "ls"]] {
        let shown = run_command(&lake, arguments).await;
        shown.assert_small_and_says(&[key.unwrap(), "over the limit of"]);
    }
    let deep = run_command(&lake, &["audit", "--deep"]).await;
    deep.assert_small_and_says(&[key.unwrap(), "over the limit of"]);

    let receipt = objects.keys().find(|key| key.contains("receipt")).unwrap();
    let large = vec![b' '; 32 * MIB + 1];
    refined.put(receipt, large.into(), "").await.unwrap();
    let audit = run_command(&lake, &["audit"]).await;
    audit.assert_small_and_says(&[receipt, "33554433 bytes, over the limit of 33554432"]);
}

fn pack(path: &Path, parts: &[&[u8]], repeats: usize) {
    let file = std::fs::File::create(path).unwrap();
    let mut packed = GzEncoder::new(file, GzipLevel::fast());
    let megabyte = vec![b'x'; MIB];
    packed.write_all(parts[0]).unwrap();
    (0..repeats).for_each(|_| packed.write_all(&megabyte).unwrap());
    packed.write_all(parts[1]).unwrap();
    packed.finish().unwrap();
}

/// A supplier's file with the same text in every row.
fn supplier_file(path: &Path, rows: usize, bytes: usize) {
    let text = "x".repeat(bytes);
    let column: ArrayRef = Arc::new(StringArray::from_iter_values(std::iter::repeat_n(
        text, rows,
    )));
    let ids: ArrayRef = Arc::new(StringArray::from_iter_values(
        (0..rows).map(|row| format!("p{row}")),
    ));
    let batch = RecordBatch::try_from_iter([("id", ids), ("surname", column)]).unwrap();
    let properties = plain().set_dictionary_enabled(true).build();
    let file = std::fs::File::create(path).unwrap();
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn files_of_suppliers_are_read_in_little_memory() {
    let lake = LakeUnderTest::start().await;
    let file = |name: &str| -> PathBuf { lake.folder.join(name) };
    let person = b"{\"id\": \"p1\", \"surname\": \"Sample\"}\n";

    let lines = file("lines.jsonl.gz");
    pack(
        &lines,
        &[
            b"{\"id\": \"",
            b"\"}\n{\"id\": \"p1\", \"surname\": \"Sample\"}\n",
        ],
        700,
    );
    let ran = backfill(&lake, &lines).await;
    ran.assert_small_and_says(&[
        "lines.jsonl.gz:1: the line has 734003",
        "over the limit of 1048576",
        "1 accepted",
    ]);

    let fields = file("fields.csv.gz");
    pack(&fields, &[b"id,surname\np1,\"", b"\"\n"], 700);
    let ran = backfill(&lake, &fields).await;
    ran.assert_small_and_says(&["fields.csv.gz row 2: more than 1048576 bytes, the limit"]);

    let parquet = file("rows.parquet");
    supplier_file(&parquet, 600, MIB);
    let ran = backfill(&lake, &parquet).await;
    ran.assert_small_and_says(&["record 1: its event has 1048", "over the limit of 1048576"]);

    let push = file("events.jsonl");
    std::fs::write(&push, [person.as_slice(), &vec![b'x'; 700 * MIB]].concat()).unwrap();
    let push = push.to_str().unwrap();
    let ran = run_command(&lake, &["push", "housing-person", push]).await;
    ran.assert_small_and_says(&["events.jsonl:2: the line has 734003200 bytes, over the limit"]);
}

async fn backfill(lake: &LakeUnderTest, file: &Path) -> measure::MeasuredRun {
    let file = file.to_str().unwrap();
    run_command(lake, &["backfill", "housing-person", file]).await
}

/// A page without an end.
async fn endless_page() -> Body {
    let part = Bytes::from(vec![b' '; MIB]);
    Body::from_stream(futures_util::stream::repeat_with(move || {
        Ok::<_, std::convert::Infallible>(part.clone())
    }))
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_an_api_have_an_end() {
    let lake = LakeUnderTest::start().await;
    let many = format!("[{}]", vec!["{\"\":0}"; 100_001].join(","));
    let large = format!("[{{\"id\": \"{}\"}}]", "x".repeat(2 * MIB));
    let router = Router::new()
        .route("/endless", get(endless_page))
        .route("/many", get(move || async move { many }))
        .route("/large", get(move || async move { large }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, router).await });

    for (page, why) in [
        (
            "endless",
            "answered more than 16777216 bytes, the limit of a page",
        ),
        ("many", "has 100001 records, over the limit of 100000"),
        ("large", "a record of a page has 2097"),
    ] {
        let url = format!("http://{address}/{page}");
        // The same cursor for ever would be noticed too: there is none.
        let paging = ["--api", &url, "--cursor", "/next"];
        let ran = run_command(
            &lake,
            &[&["backfill", "housing-person"][..], &paging].concat(),
        )
        .await;
        ran.assert_small_and_says(&[why]);
    }
    server.abort();
}

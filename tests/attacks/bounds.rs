//! Files and answers that are small and become large: every reader ends with a message that names
//! the object and the limit, and takes far less than the 512 MB of a function.

pub(super) mod files;
mod measure;

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::get;
use files::{RawFile, dictionary, lying_raw_file, plain, raw_file, supplier_file};
use flate2::Compression as GzipLevel;
use flate2::write::GzEncoder;
use lake::{Chunk, ObjectDigest, Receipt};
use measure::{MeasuredRun, PEAK_MEGABYTES_MAX, function_peak_megabytes, run_command};
use serde_json::json;
use store::ObjectStore;
use store::raw_log::record_content;

use super::damage::KEY;
use crate::lake_under_test::{LakeUnderTest, person_event, repository_root};

const MIB: usize = 1 << 20;

/// What a line, a field or a page has: more than the most memory that a command may take.
const HOSTILE_MEGABYTES: usize = 260;

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
    let metadata = record_content(&metadata.into(), &bytes);
    let key = raw_chunk(partition).raw_key();
    let put = raw.put_if_absent(&key, bytes.into(), metadata);
    assert!(put.await.unwrap());
    key
}

/// Raw objects, and what must be said of each.
async fn plant_hostile_raw(raw: &dyn ObjectStore) -> Vec<(String, &'static str)> {
    let megabytes = |count: usize| vec![b'x'; count * MIB];
    let hostile = [
        (
            raw_file(150, &megabytes(10), plain()),
            "column `value`: the pages up to here have",
        ),
        (
            raw_file(150, &megabytes(10), dictionary()),
            "the rows up to here take",
        ),
        (
            raw_file(1, &megabytes(40), plain()),
            "column `value`: a page has 41943050 bytes after decompression, over the limit of \
             16777216",
        ),
        (
            lying_raw_file(),
            "column `value`: a page has 134217727 bytes after decompression, over the limit of \
             16777216",
        ),
    ];
    let mut planted = Vec::new();
    for ((file, why), partition) in hostile.into_iter().zip(10..) {
        planted.push((plant_raw(raw, partition, file).await, why));
    }
    planted
}

/// Waits until the transform has refused each of the objects, for the reason.
async fn wait_for_refusals(lake: &LakeUnderTest, refused: &[(String, &str)]) {
    let log = lake.folder.join("logs/pole-transform.log");
    let mut text = String::new();
    let mut is_done = false;
    for _ in 0..600 {
        text = std::fs::read_to_string(&log).unwrap_or_default();
        is_done = refused.iter().all(|(key, why)| is_refused(&text, key, why));
        if is_done {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(is_done, "{}", measure::shortened(&text));
}

fn is_refused(log: &str, key: &str, why: &str) -> bool {
    log.lines()
        .any(|line| line.contains("Corrupt") && line.contains(key) && line.contains(why))
}

#[tokio::test(flavor = "multi_thread")]
async fn small_raw_objects_that_become_large_are_refused_and_named() {
    let lake = LakeUnderTest::start().await;
    let contracts = repository_root().join("contracts");
    let raw = lake.lake_handle(&contracts).await.raw;
    let hostile = plant_hostile_raw(&*raw).await;
    // Within the bounds of an object, and over that of an event: a record that is refused, as
    // others are.
    plant_raw(&*raw, 20, raw_file(1, &vec![b' '; 2 * MIB], plain())).await;

    wait_for_refusals(&lake, &hostile).await;
    let peak = function_peak_megabytes(&lake, "pole-transform");
    assert!(peak > 0 && peak < PEAK_MEGABYTES_MAX, "{peak} MB");
    let receipt = lake.object_path("refined", &raw_chunk(20).receipt_key());
    let receipt = Receipt::from_json(&std::fs::read(receipt).unwrap()).unwrap();
    let quarantined = serde_json::to_value(&receipt.quarantined).unwrap();
    assert_eq!(quarantined, json!({"event.too-large": 1}));

    let said: Vec<&str> = hostile
        .iter()
        .flat_map(|(key, why)| [key.as_str(), why])
        .collect();
    let audit = run_command(&lake, &["audit", "--deep"]).await;
    audit.assert_names(&said);

    let who = ["--source", TOPIC, "--key", KEY];
    let erase = run_command(&lake, &[&["erase"], &who[..], &["--dry-run"]].concat()).await;
    erase.assert_names(&said);
}

/// Makes a receipt name this content of its quarantine object, as an intruder could who may write
/// both.
fn name_content(lake: &LakeUnderTest, receipt_key: &str, content: &[u8]) {
    let path = lake.object_path("refined", receipt_key);
    let mut receipt = Receipt::from_json(&std::fs::read(&path).unwrap()).unwrap();
    receipt.quarantine.as_mut().unwrap().digest = ObjectDigest::of_content(content);
    std::fs::write(path, receipt.to_json().unwrap()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn quarantine_objects_and_documents_over_their_limits_are_named() {
    let lake = LakeUnderTest::start().await;
    let date = json!({"firstName": "Ada", "surname": "Sample", "dateOfBirth": "gibberish"});
    let refused = person_event("PersonCreatedEvent", KEY, 1, date);
    lake.push_events(TOPIC, &[refused]).await;
    lake.platform.running.wait_until_settled().await.unwrap();

    let objects = lake.read_objects("refined", "");
    let key_of = |part: &str| {
        let found = objects.keys().find(|key| key.contains(part));
        found.cloned().unwrap_or_default()
    };
    let quarantine = key_of("quarantine/");
    let (hostile, _) = raw_file(150, &vec![b'x'; 10 * MIB], dictionary());
    name_content(&lake, &key_of("_receipts/"), &hostile);
    std::fs::write(lake.object_path("refined", &quarantine), hostile).unwrap();
    let shown = run_command(&lake, &["quarantine", "show"]).await;
    shown.assert_names(&[&quarantine, "the rows up to here take"]);

    let receipt = key_of("_receipts/");
    let large = vec![b' '; 32 * MIB + 1];
    std::fs::write(lake.object_path("refined", &receipt), large).unwrap();
    let audit = run_command(&lake, &["audit"]).await;
    let why = "the object has 33554433 bytes, over the limit of 33554432";
    audit.assert_names(&[&receipt, why]);
}

/// Writes a packed file with as many megabytes of one letter between two texts.
fn write_packed(path: &Path, before: &str, after: &str) {
    let megabyte = pack(&vec![b'x'; MIB]);
    let mut packed = pack(before.as_bytes());
    (0..HOSTILE_MEGABYTES).for_each(|_| packed.extend_from_slice(&megabyte));
    packed.extend(pack(after.as_bytes()));
    std::fs::write(path, packed).unwrap();
}

fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), GzipLevel::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

async fn backfill(lake: &LakeUnderTest, arguments: &[&str]) -> MeasuredRun {
    run_command(lake, &[&["backfill", TOPIC], arguments].concat()).await
}

async fn backfill_file(lake: &LakeUnderTest, file: &Path) -> MeasuredRun {
    backfill(lake, &[file.to_str().unwrap()]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_pages_of_suppliers_are_read_in_little_memory() {
    let lake = LakeUnderTest::start().await;
    let person = "{\"id\": \"p1\", \"surname\": \"Sample\"}\n";

    let lines = lake.folder.join("lines.jsonl.gz");
    write_packed(&lines, "{\"id\": \"", &format!("\"}}\n{person}"));
    let ran = backfill_file(&lake, &lines).await;
    ran.assert_names(&["lines.jsonl.gz:1: the line has more than 1048576 bytes"]);
    ran.assert_names(&["2 records read, 1 accepted"]);

    let fields = lake.folder.join("fields.csv.gz");
    write_packed(&fields, "id,surname\np1,\"", "\"\n");
    let ran = backfill_file(&lake, &fields).await;
    ran.assert_names(&["fields.csv.gz row 2: more than 1048576 bytes, the limit"]);

    let rows = lake.folder.join("rows.parquet");
    std::fs::write(&rows, supplier_file(HOSTILE_MEGABYTES, &"x".repeat(MIB))).unwrap();
    let ran = backfill_file(&lake, &rows).await;
    ran.assert_names(&["record 1: its event has 1048", "over the limit of 1048576"]);

    let events = lake.folder.join("events.jsonl");
    let mut file = std::fs::File::create(&events).unwrap();
    file.write_all(person.as_bytes()).unwrap();
    file.set_len((HOSTILE_MEGABYTES * MIB) as u64).unwrap();
    let events = events.to_str().unwrap();
    let ran = run_command(&lake, &["push", TOPIC, events]).await;
    let why = "1 refused: not sent: the line has more than 1048576 bytes, the limit (line 2)";
    ran.assert_names(&[why]);

    let (page, server) = serve_endless_page().await;
    let ran = backfill(&lake, &["--api", &page]).await;
    server.abort();
    let why = "answered more than 16777216 bytes, the limit of a page";
    assert_eq!(ran.code, Some(2), "{}", ran.said);
    ran.assert_small_and_says(&[&page, why]);
}

async fn serve_endless_page() -> (String, tokio::task::JoinHandle<()>) {
    let part = Bytes::from(vec![b' '; MIB]);
    let page = move || {
        let part = part.clone();
        let parts = std::iter::repeat(Ok::<_, std::convert::Infallible>(part));
        std::future::ready(Body::from_stream(futures_util::stream::iter(parts)))
    };
    let router = Router::new().route("/people", get(page));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (format!("http://{address}/people"), server)
}

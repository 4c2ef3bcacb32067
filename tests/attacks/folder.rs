//! The local platform's folder: only its owner can read it, and an erasure leaves nothing of a
//! person in any file.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use local_platform::clock::Clock;
use local_platform::kafka::TopicLogs;
use serde_json::{Value, json};

use crate::lake_under_test::{
    LakeUnderTest, MONDAY, TempFolder, parquet_rows, person_event, repository_root, visit_files,
};
use crate::quarantine::polelake;

const KEY: &str = "5d1c9c52-7f0e-4b7e-9a53-0c2f6f4d8e11";
const MARKER: &str = "Quillonmarker";

fn mode_of(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// A path of a folder that is not there yet.
fn new_folder(name: &str) -> PathBuf {
    let folder =
        std::env::temp_dir().join(format!("polelake-folder-{}-{name}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    folder
}

/// Runs the command under a umask; gives its exit code and what it printed.
fn under_umask(umask: &str, folder: &Path, arguments: &str) -> (Option<i32>, String) {
    let script = format!("umask {umask}; exec \"$0\" {arguments} --dir \"$1\" --contracts \"$2\"");
    let output = Command::new("sh")
        .args(["-c", &script, env!("CARGO_BIN_EXE_polelake-under-test")])
        .arg(folder)
        .arg(repository_root().join("contracts"))
        .output()
        .unwrap();
    let text =
        String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

/// Every folder and file below a folder, and the folder itself, that others can open.
fn open_to_others(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut pending = vec![folder.to_owned()];
    while let Some(path) = pending.pop() {
        let wanted = if path.is_dir() { 0o700 } else { 0o600 };
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap().flatten();
            pending.extend(entries.map(|entry| entry.path()));
        }
        if mode_of(&path) != wanted {
            found.push(path);
        }
    }
    found
}

#[test]
fn only_the_owner_can_read_the_folder_whatever_the_umask() {
    for umask in ["000", "022", "077"] {
        let folder = TempFolder::at(new_folder(&format!("umask-{umask}")));
        let (code, text) = under_umask(umask, &folder, "demo --people 20 --days 1");
        assert_eq!(code, Some(0), "{text}");
        assert_eq!(open_to_others(&folder), [] as [PathBuf; 0], "umask {umask}");
    }
}

#[test]
fn a_folder_that_others_can_open_is_refused_with_the_command_that_closes_it() {
    let folder = TempFolder::at(new_folder("open"));
    let (code, text) = under_umask("077", &folder, "demo --people 20 --days 1");
    assert_eq!(code, Some(0), "{text}");
    std::fs::set_permissions(&*folder, PermissionsExt::from_mode(0o755)).unwrap();
    let (code, text) = under_umask("022", &folder, "run-day 2026-03-02");
    assert_eq!(code, Some(2), "{text}");
    let remedy = format!("chmod -R go= {}", folder.display());
    assert!(text.contains(&remedy), "{text}");

    assert!(
        Command::new("sh")
            .args(["-c", &remedy])
            .status()
            .unwrap()
            .success()
    );
    std::fs::set_permissions(folder.join("token-key"), PermissionsExt::from_mode(0o644)).unwrap();
    let (code, text) = under_umask("022", &folder, "run-day 2026-03-02");
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("token-key had mode 644 and has 600 now"),
        "{text}"
    );
    assert_eq!(open_to_others(&folder), [] as [PathBuf; 0]);
}

/// The values of every record that the local Kafka log holds, decompressed.
fn kafka_values(lake: &LakeUnderTest) -> Vec<String> {
    let copy = TempFolder::at(new_folder("kafka"));
    let kafka = lake.folder.join("kafka");
    visit_files(&kafka, &mut |path| {
        let target = copy.join(path.strip_prefix(&kafka).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(path, target).unwrap();
    });

    let topics = TopicLogs::open(&copy, Arc::new(Clock::default())).unwrap();
    let names = topics.topic_names().into_iter();
    let logs = names.map(|name| topics.get_or_create_topic(&name).unwrap());
    let partitions = logs.flat_map(|logs| {
        let records = logs
            .iter()
            .map(|log| log.read_records(log.start_offset(), usize::MAX).unwrap());
        records.collect::<Vec<_>>()
    });
    partitions
        .flatten()
        .map(|record| String::from_utf8_lossy(&record.value.unwrap_or_default()).into_owned())
        .collect()
}

/// Every file of the folder that holds the text, also when it is compressed in it.
fn files_with(lake: &LakeUnderTest, text: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    visit_files(&lake.folder, &mut |path| {
        let bytes = std::fs::read(path).unwrap();
        let is_plain = bytes
            .windows(text.len())
            .any(|part| part == text.as_bytes());
        let is_parquet = path
            .extension()
            .is_some_and(|extension| extension == "parquet");
        let is_row = is_parquet && format!("{:?}", parquet_rows(bytes.into())).contains(text);
        if is_plain || is_row {
            found.push(path.to_owned());
        }
    });
    if kafka_values(lake).iter().any(|value| value.contains(text)) {
        found.push("kafka, decompressed".into());
    }
    found
}

fn person(key: &str, minute: u32, name: &str) -> Value {
    let new = json!({"firstName": name, "surname": "Sample"});
    person_event("PersonCreatedEvent", key, minute, new)
}

/// Sends an event through the relay's queue.
async fn send_to_queue(lake: &LakeUnderTest, event: &Value) {
    let url = format!("{}/_local/queues/relay-housing-person", lake.platform.api);
    let request = reqwest::Client::new()
        .post(url)
        .bearer_auth(lake.operator_token());
    let answer = request.body(event.to_string()).send().await.unwrap();
    assert_eq!(answer.status(), 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_erasure_no_file_of_the_folder_holds_a_value_of_the_person() {
    let lake = LakeUnderTest::start().await;
    lake.push_events(
        "housing-person",
        &[person(KEY, 1, MARKER), person("other", 2, "Ada")],
    )
    .await;
    send_to_queue(&lake, &person(KEY, 3, MARKER)).await;
    lake.run_day(MONDAY).await;
    assert!(
        kafka_values(&lake)
            .iter()
            .any(|value| value.contains(MARKER))
    );
    assert!(
        files_with(&lake, MARKER).len() > 3,
        "the person stands everywhere"
    );
    // A body that a crash left half written: the next start removes it.
    std::fs::write(lake.folder.join("s3/.staging/7-7"), MARKER).unwrap();
    let lake = lake.restart(MONDAY).await;

    let contracts = repository_root().join("contracts");
    let erase = ["erase", "--source", "housing-person", "--key", KEY];
    let dry_run = [&erase[..], &["--dry-run", "--json"]].concat();
    let (code, planned, text) = polelake(&lake, &contracts, &dry_run);
    assert_eq!(
        (code, &planned["local_platform"]),
        (0, &Value::Null),
        "{text}"
    );
    assert!(
        kafka_values(&lake)
            .iter()
            .any(|value| value.contains(MARKER))
    );

    let (code, done, text) = polelake(
        &lake,
        &contracts,
        &[&erase[..], &["--yes", "--json"]].concat(),
    );
    assert_eq!(code, 0, "{text}");
    let expected = json!({
        "records_cut": 3, "records_left": 0, "dead_letters": 0, "external_kafka": false,
    });
    assert_eq!(done["local_platform"], expected, "{text}");
    for trace in [MARKER, KEY] {
        assert_eq!(files_with(&lake, trace), [] as [PathBuf; 0], "{trace}");
    }

    // Offsets go on, consumers find them, and the audit balances: before and after a restart.
    lake.push_events("housing-person", &[person("other", 4, "Bea")])
        .await;
    lake.run_day(MONDAY).await;
    let lake = lake.restart("2026-03-03").await;
    lake.push_events("housing-person", &[person("third", 5, "Cyd")])
        .await;
    lake.run_day("2026-03-03").await;
    let audit = lake.assert_reconciled().await;
    let source = audit
        .sources
        .iter()
        .find(|source| source.source == "housing-person")
        .unwrap();
    assert_eq!(
        (source.accepted, source.sum_counts(false).landed),
        (Some(5), 5)
    );
    assert_eq!(lake.table_rows("person", "2026-03-03").len(), 2);
    assert_eq!(files_with(&lake, MARKER), [] as [PathBuf; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_names_the_dead_letters_that_it_does_not_read() {
    let lake = LakeUnderTest::start().await;
    lake.push_events("housing-person", &[person(KEY, 1, MARKER)])
        .await;
    lake.run_day(MONDAY).await;
    let dead = lake
        .folder
        .join("queues/relay-housing-person/dead/00000000000000000007");
    std::fs::write(dead, person(KEY, 2, MARKER).to_string()).unwrap();

    let contracts = repository_root().join("contracts");
    let erase = ["erase", "--source", "housing-person", "--key", KEY, "--yes"];
    let (code, _, text) = polelake(&lake, &contracts, &erase);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("kafka: 1 landed records cut"), "{text}");
    assert!(
        text.contains("1 messages that did not land are in"),
        "{text}"
    );
    assert!(text.contains("queues/relay-*/dead"), "{text}");
    assert!(!text.contains("Kafka keeps its log"), "{text}");
    assert_eq!(files_with(&lake, MARKER).len(), 1, "only the dead letter");
}

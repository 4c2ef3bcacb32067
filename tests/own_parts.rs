//! A platform whose Kafka, S3 and Glue are external: over the real process, and over servers that
//! are not its own.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use lake::Day;
use local_platform::clock::Clock;
use local_platform::glue::{self, LocalGlue};
use local_platform::kafka::{self, TopicLogs};
use local_platform::s3::{self, ACCESS_KEY, BucketFiles, SECRET_KEY};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::lake_under_test::{
    LakeUnderTest, MONDAY, TempFolder, new_lake_folder, person_event, repository_root,
};

/// How long a command, or a start, may take.
const COMMAND_SECONDS: u64 = 120;

/// Servers of the protocols, with folders of their own.
struct ExternalServers {
    kafka: String,
    s3: String,
    glue: String,
    topics: Arc<TopicLogs>,
    tasks: Vec<JoinHandle<()>>,
    // The servers end before their folder goes.
    folder: TempFolder,
}

impl Drop for ExternalServers {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl ExternalServers {
    /// Buckets that begin with `lake`, and a Kafka that creates no topic by itself.
    async fn start() -> Self {
        let folder = new_lake_folder();
        std::fs::create_dir_all(&*folder).unwrap();
        let mut tasks = Vec::new();
        let topics = TopicLogs::open(&folder.join("kafka"), Arc::new(Clock::default())).unwrap();
        let topics = Arc::new(topics.without_topic_creation());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let kafka = listener.local_addr().unwrap().to_string();
        let broker = kafka::serve_broker(
            listener,
            Arc::clone(&topics),
            1_000,
            kafka::fault_injection::no_faults(),
        );
        tasks.push(tokio::spawn(async move { drop(broker.await) }));

        let buckets = ["lake-raw", "lake-refined", "lake-curated", "lake-site"];
        let files = BucketFiles::open(&folder.join("s3"), &buckets, Arc::new(|_, _| Ok(())));
        let s3 = serve(s3::endpoint_router(Arc::new(files.unwrap())), &mut tasks).await;
        let glue = LocalGlue::open(&folder.join("glue.json")).unwrap();
        let glue = serve(glue::endpoint_router(Arc::new(glue)), &mut tasks).await;
        Self {
            kafka,
            s3,
            glue,
            topics,
            tasks,
            folder,
        }
    }

    /// Makes the topics of the contracts, as their owner does.
    fn make_topics(&self) {
        let contracts = repository_root().join("contracts");
        let catalogue = host::load_contracts(&contracts.to_string_lossy()).unwrap();
        for mapping in &catalogue.mappings {
            let topic = &mapping.contract.topic;
            self.topics.get_or_create_topic(topic).unwrap();
        }
    }

    /// The options that name these parts.
    fn options(&self) -> Vec<&str> {
        let (kafka, s3, glue) = (&self.kafka, &self.s3, &self.glue);
        vec![
            "--kafka", kafka, "--s3", s3, "--bucket", "lake", "--glue", glue,
        ]
    }
}

async fn serve(router: Router, tasks: &mut Vec<JoinHandle<()>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tasks.push(tokio::spawn(async move {
        drop(axum::serve(listener, router).await);
    }));
    address
}

/// A command on a folder, with the credentials of the external S3.
fn command(words: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_polelake-under-test"));
    command
        .args(words)
        .arg("--dir")
        .arg(folder)
        .arg("--contracts")
        .arg(repository_root().join("contracts"))
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env_remove("AWS_PROFILE")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

async fn run(words: &[&str], folder: &Path) -> Output {
    let output = command(words, folder).output();
    let output = tokio::time::timeout(Duration::from_secs(COMMAND_SECONDS), output).await;
    output.unwrap().unwrap()
}

/// The outcome of a command that was done, whether or not what it found is as it should be.
async fn run_json(words: &[&str], folder: &Path) -> Value {
    let output = run(&[words, &["--json"]].concat(), folder).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        matches!(output.status.code(), Some(0 | 1)),
        "{words:?}: {told}"
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Checks that a command is refused with exit code 2 and these words.
async fn assert_refused(words: &[&str], folder: &Path, telling: &[&str]) {
    let output = run(words, folder).await;
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{words:?}: {told}");
    for part in telling {
        assert!(told.contains(part), "{part}: {told}");
    }
}

/// Starts `polelake up`, and waits until it answers.
async fn start_up(options: &[&str], folder: &Path) -> Child {
    let log = std::fs::File::create(folder.with_extension("log")).unwrap();
    let mut child = command(&[&["up", "--port", "0"], options].concat(), folder)
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    for _ in 0..COMMAND_SECONDS * 10 {
        if folder.join("platform.json").exists() {
            break;
        }
        let told = std::fs::read_to_string(folder.with_extension("log")).unwrap();
        assert!(child.try_wait().unwrap().is_none(), "it ended: {told}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(folder.join("platform.json").exists(), "it does not answer");
    child
}

/// Ends a platform without a word, as a lost machine does.
async fn kill(mut child: Child, folder: &Path) {
    child.kill().await.unwrap();
    drop(std::fs::remove_file(folder.join("platform.json")));
    // Its functions end with their connection; their records must not be taken for the next one's.
    tokio::time::sleep(Duration::from_millis(300)).await;
}

fn person(entity: usize, minute: u32) -> Value {
    let new = json!({"id": format!("3c1d2e4f-5a6b-4c7d-8e9f-{entity:012}"), "firstName": "Ada",
        "lastName": format!("Specimen{minute}")});
    person_event(
        "PersonCreated",
        &format!("3c1d2e4f-5a6b-4c7d-8e9f-{entity:012}"),
        minute,
        new,
    )
}

fn write_events(file: &Path, events: &[Value]) {
    let lines: Vec<String> = events.iter().map(Value::to_string).collect();
    std::fs::write(file, lines.join("\n")).unwrap();
}

fn rows_by_table(run: &Value) -> Vec<(String, u64)> {
    let tables = run["tables"].as_array().unwrap().iter();
    tables
        .map(|table| {
            let rows = table["rows"].as_u64().unwrap();
            (table["table"].as_str().unwrap().to_owned(), rows)
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn external_parts_give_the_same_tables_and_a_killed_platform_loses_nothing() {
    let external = ExternalServers::start().await;
    external.make_topics();
    let events: Vec<Value> = (0..60).map(|entity| person(entity, 5)).collect();
    let (first, second) = events.split_at(25);
    let file = external.folder.join("events.jsonl");
    let folder = external.folder.join("lake");

    let child = start_up(&external.options(), &folder).await;
    let push = ["push", "housing-person", file.to_str().unwrap()];
    write_events(&file, first);
    run_json(&push, &folder).await;
    kill(child, &folder).await;
    // The folder keeps its parts: no option names them again.
    let child = start_up(&[], &folder).await;
    write_events(&file, &[second, &first[..3]].concat());
    run_json(&push, &folder).await;
    kill(child, &folder).await;

    let today = Day::from_micros(host::now_micros()).to_string();
    let run = run_json(&["run-day", &today], &folder).await;
    assert_eq!(
        run["run"]["warnings"].as_array().map(Vec::len).unwrap_or(0),
        0
    );
    let audit = run_json(&["audit", "--deep"], &folder).await;
    assert_eq!(audit["findings"], json!([]), "{audit}");
    assert!(!folder.join("s3").exists() && !folder.join("kafka").exists());
    assert!(external.folder.join("s3/lake-curated").exists());

    let embedded = LakeUnderTest::start().await;
    embedded
        .push_events("housing-person", &[&events[..], &first[..3]].concat())
        .await;
    let (expected, _) = embedded.run_day(MONDAY).await;
    assert_eq!(rows_by_table(&run["run"]), rows_by_table(&expected));

    let other = ["up", "--kafka", "127.0.0.1:9"];
    assert_refused(
        &other,
        &folder,
        &["keeps its parts", &external.kafka, "another --dir"],
    )
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_start_is_refused_before_anything_is_made() {
    let external = ExternalServers::start().await;
    let folder = external.folder.join("lake");
    for command in ["up", "demo"] {
        let remote = [command, "--s3", "https://s3.example.org"];
        assert_refused(&remote, &folder, &["s3.example.org (--s3)", "--yes"]).await;
        let no_broker = [command, "--kafka", "broker"];
        assert_refused(&no_broker, &folder, &["--kafka: `broker`"]).await;
    }
    assert_refused(&["up", "--bucket", "x"], &folder, &["--s3"]).await;
    assert!(!folder.exists());

    let unnamed = ["up", "--s3", &external.s3, "--port", "0"];
    assert_refused(&unnamed, &folder, &["has no bucket `raw`", "--bucket"]).await;
    let config = external.folder.join("client.properties");
    std::fs::write(
        &config,
        "security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI\n",
    )
    .unwrap();
    let config = config.to_str().unwrap();
    let kerberos = ["up", "--kafka", &external.kafka, "--kafka-config", config];
    assert_refused(&kerberos, &folder, &["line 2", "GSSAPI"]).await;

    // Without its topics nothing could be kept.
    let demo = [&["demo", "--people", "10"], &external.options()[..]].concat();
    assert_refused(&demo, &folder, &["MISSING TOPICS", "housing-person"]).await;
}

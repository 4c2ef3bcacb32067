//! A deployed stack over moto: buckets, databases and functions, and an HTTP API that lands what it
//! accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::types::QueueAttributeName;
use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::routing::post;
use lake::Chunk;
use local_platform::lambda::{FunctionConfig, LambdaFunction};
use local_platform::s3::{ACCESS_KEY, SECRET_KEY};
use serde_json::{Value, json};
use store::{ObjectStore, S3Store};
use tokio::sync::Mutex;

use crate::catalogue::Moto;
use crate::endpoints::{create_identity_secret, glue_at, s3_at};
use crate::lake_under_test::repository_root;
use crate::queue_conformance::sqs_client;
use crate::rights::calls::{create_buckets, create_databases, forwarding_router, scratch, served};

/// The stack's name; the names of its databases have no hyphen.
const STACK: &str = "polelake-test";
const DATABASES: &str = "polelake_test";

/// A function ends within this time on a busy machine.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(120);

/// Everything that was landed is transformed within this time on a busy machine.
const SETTLES_WITHIN: Duration = Duration::from_secs(120);

/// The deployed events queue, and that of its dead letters.
pub(super) struct EventsQueue {
    client: aws_sdk_sqs::Client,
    pub(super) url: String,
    pub(super) dead_letters_url: String,
}

impl EventsQueue {
    /// Makes both queues, with the names that Terraform gives them.
    async fn create(emulator: &str) -> Self {
        let client = sqs_client(emulator).await;
        let dead_letters_url = create_queue(&client, "events-dead-letters", None).await;
        let policy = json!({
            "deadLetterTargetArn": format!(
                "arn:aws:sqs:eu-west-2:123456789012:{STACK}-events-dead-letters"
            ),
            "maxReceiveCount": 20,
        });
        let url = create_queue(&client, "events", Some(policy.to_string())).await;
        Self {
            client,
            url,
            dead_letters_url,
        }
    }

    /// Sends a message to the queue of this URL.
    pub(super) async fn send(&self, url: &str) {
        let request = self.client.send_message().queue_url(url).message_body("a");
        request.send().await.unwrap();
    }

    /// Deletes all messages of both queues.
    pub(super) async fn purge(&self) {
        for url in [&self.url, &self.dead_letters_url] {
            self.client
                .purge_queue()
                .queue_url(url)
                .send()
                .await
                .unwrap();
        }
    }
}

/// Makes a queue of the stack; gives its URL.
async fn create_queue(
    client: &aws_sdk_sqs::Client,
    name: &str,
    redrive_policy: Option<String>,
) -> String {
    let mut request = client.create_queue().queue_name(format!("{STACK}-{name}"));
    if let Some(policy) = redrive_policy {
        request = request.attributes(QueueAttributeName::RedrivePolicy, policy);
    }
    request.send().await.unwrap().queue_url.unwrap()
}

pub(super) struct Stack {
    folder: PathBuf,
    pub(super) emulator: String,
    pub(super) endpoint: String,
    pub(super) events_queue: EventsQueue,
    functions: BTreeMap<&'static str, LambdaFunction>,
    /// The next offset of each topic.
    offsets: Mutex<BTreeMap<String, usize>>,
    /// The raw objects that are transformed; the lock is held while others are, so that each is
    /// transformed once.
    transformed: Mutex<BTreeSet<String>>,
    // Last: the emulator ends after the functions.
    _moto: Moto,
}

impl Stack {
    /// A stack of empty buckets; `refusing` are contracts under which a second transform refuses
    /// some records.
    pub(super) async fn deploy(refusing: &Path) -> Arc<Self> {
        let moto = Moto::start().await;
        let emulator = moto.endpoint.clone();
        let endpoint = served(forwarding_router(&emulator)).await;
        let folder = scratch();
        let shipped = folder.join("contracts.json");
        let contracts = repository_root().join("contracts");
        let catalogue = host::pack_contracts(&contracts.to_string_lossy(), &shipped).unwrap();
        let older = folder.join("refusing.json");
        host::pack_contracts(&refusing.to_string_lossy(), &older).unwrap();

        let s3 = s3_at(&emulator).await;
        let buckets: Vec<String> = ZONES.map(bucket).to_vec();
        create_buckets(&s3, &buckets).await;
        for bucket in &buckets {
            keep_versions(&s3, bucket).await;
        }
        let databases = snapshot_merge::glue_databases::required_databases(DATABASES, &catalogue);
        create_databases(&glue_at(&emulator).await, databases).await;

        create_identity_secret(&emulator, &identity_secret()).await;
        let events_queue = EventsQueue::create(&emulator).await;

        let mut functions = BTreeMap::new();
        for (name, program, pack) in FUNCTIONS {
            let pack = if pack == "refusing" { &older } else { &shipped };
            let config = FunctionConfig {
                name: program,
                program: (
                    env!("CARGO_BIN_EXE_polelake-under-test").into(),
                    vec!["function".into(), program.into()],
                ),
                environment: function_environment(&endpoint, pack),
                timeout: FUNCTION_TIMEOUT,
                concurrency: 1,
                log: folder.join(format!("{name}.log")),
            };
            functions.insert(name, LambdaFunction::new(config));
        }
        Arc::new(Self {
            folder,
            emulator,
            endpoint,
            events_queue,
            functions,
            offsets: Mutex::default(),
            transformed: Mutex::default(),
            _moto: moto,
        })
    }

    /// The value of a variable that the runbook sets.
    pub(super) fn variable(&self, name: &str) -> String {
        match name {
            "EVENTS_QUEUE_URL" => self.events_queue.url.clone(),
            "STACK" => STACK.to_owned(),
            "AWS_REGION" => "eu-west-2".to_owned(),
            "IDENTITY_KEY_SECRET" => identity_secret(),
            other => {
                let zone = other.strip_suffix("_BUCKET").map(str::to_lowercase);
                let known = zone.filter(|zone| ZONES.contains(&zone.as_str()));
                bucket(&known.unwrap_or_else(|| unreachable!("the test has no value for {other}")))
            }
        }
    }

    pub(super) async fn store(&self, zone: &str) -> S3Store {
        S3Store::new(s3_at(&self.emulator).await, bucket(zone))
    }

    pub(super) async fn invoke(&self, name: &str, payload: &Value) -> Value {
        let answer = self.functions[name]
            .invoke(payload.to_string().into())
            .await;
        serde_json::from_slice(&answer.unwrap()).unwrap()
    }

    /// Lands events of a source, whose topic has its name, as Kafka's event source mapping hands
    /// them over.
    pub(super) async fn land(&self, source: &str, events: &[Value], millis: i64) {
        let mut offsets = self.offsets.lock().await;
        let next = offsets.entry(source.to_owned()).or_default();
        let mut records = Vec::new();
        for event in events {
            let id = event["id"].as_str().unwrap().as_bytes();
            let value = base64_simd::STANDARD.encode_to_string(event.to_string());
            records.push(json!({
                "topic": source, "partition": 0, "offset": *next, "timestamp": millis,
                "timestampType": "LOG_APPEND_TIME", "value": value, "headers": [{"event-id": id}],
            }));
            *next += 1;
        }
        let payload = json!({"records": {format!("{source}-0"): records}});
        let landed = self.invoke("raw-landing", &payload).await;
        assert_eq!(landed["batchItemFailures"], json!([]));
    }

    /// Transforms every raw object that is not transformed yet.
    pub(super) async fn transform(&self, function: &str) {
        let mut transformed = self.transformed.lock().await;
        let bucket = bucket("raw");
        for entry in self.list("raw", Chunk::RAW_PREFIX).await {
            if Chunk::from_raw_key(&entry).is_none() || transformed.contains(&entry) {
                continue;
            }
            let key = entry.replace('=', "%3D");
            let body = json!({"Records": [{
                "eventVersion": "2.6", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
            }]});
            let message = json!({
                "messageId": "1", "receiptHandle": "1", "body": body.to_string(),
                "eventSource": "aws:sqs",
            });
            let payload = json!({"Records": [message]});
            let done = self.invoke(function, &payload).await;
            assert_eq!(done["batchItemFailures"], json!([]));
            transformed.insert(entry);
        }
    }

    /// Transforms raw objects as they are landed, until the stack is gone.
    pub(super) fn transform_in_background(self: &Arc<Self>) {
        let stack = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(stack) = stack.upgrade() {
                stack.transform("pole-transform").await;
                drop(stack);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
    }

    /// Waits until every raw object has a receipt.
    pub(super) async fn settle(&self) {
        let settled = async {
            loop {
                let raw = self.list("raw", Chunk::RAW_PREFIX).await;
                let chunks = raw.iter().filter_map(|key| Chunk::from_raw_key(key));
                let receipts = self.list("refined", Chunk::RECEIPTS_PREFIX).await;
                if chunks
                    .into_iter()
                    .all(|chunk| receipts.contains(&chunk.receipt_key()))
                {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(SETTLES_WITHIN, settled).await.unwrap();
    }

    async fn list(&self, zone: &str, prefix: &str) -> Vec<String> {
        let listed = self.store(zone).await.list(prefix, None).await.unwrap();
        listed.into_iter().map(|entry| entry.key).collect()
    }

    /// An HTTP API that accepts every event and lands it at once; gives its address.
    pub(super) async fn serve_api(self: &Arc<Self>) -> String {
        let router = Router::new()
            .route("/v1/{source}/events", post(accept))
            .with_state(Arc::clone(self));
        served(router).await
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        // A test that failed leaves the functions' logs to be looked at.
        if !std::thread::panicking() {
            drop(std::fs::remove_dir_all(&self.folder));
        }
    }
}

/// The buckets that the runbook names.
const ZONES: [&str; 5] = ["raw", "refined", "curated", "site", "failures"];

/// The functions: name here, function, contracts.
const FUNCTIONS: [(&str, &str, &str); 5] = [
    ("raw-landing", "raw-landing", "shipped"),
    ("refusing-transform", "pole-transform", "refusing"),
    ("pole-transform", "pole-transform", "shipped"),
    ("snapshot-merge", "snapshot-merge", "shipped"),
    ("quality-report", "quality-report", "shipped"),
];

fn bucket(zone: &str) -> String {
    format!("{STACK}-{zone}")
}

/// The name that Terraform gives the secret of the identity key.
fn identity_secret() -> String {
    format!("{STACK}/identity-key")
}

async fn keep_versions(client: &aws_sdk_s3::Client, bucket: &str) {
    let versioning = aws_sdk_s3::types::VersioningConfiguration::builder()
        .status(aws_sdk_s3::types::BucketVersioningStatus::Enabled)
        .build();
    client
        .put_bucket_versioning()
        .bucket(bucket)
        .versioning_configuration(versioning)
        .send()
        .await
        .unwrap();
}

fn function_environment(endpoint: &str, contracts: &Path) -> BTreeMap<String, String> {
    let mut environment: BTreeMap<String, String> = ZONES
        .iter()
        .map(|zone| (format!("{}_BUCKET", zone.to_uppercase()), bucket(zone)))
        .collect();
    let settings = [
        ("AWS_ENDPOINT_URL", endpoint),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
        ("AWS_REGION", "eu-west-2"),
        ("IDENTITY_KEY_SECRET", &identity_secret()),
        ("TOPIC_EPOCH", "1"),
        ("GLUE_DATABASES", DATABASES),
        ("CONTRACTS", &contracts.to_string_lossy()),
    ];
    environment.extend(settings.map(|(name, value)| (name.to_owned(), value.to_owned())));
    environment
}

async fn accept(
    State(stack): State<Arc<Stack>>,
    UrlPath(source): UrlPath<String>,
    body: String,
) -> String {
    let events: Vec<Value> = body
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    let millis = i64::try_from(now.as_millis()).unwrap();
    stack.land(&source, &events, millis).await;
    json!({"accepted": events.len()}).to_string()
}

//! The calls that each function makes on some days: its own endpoints of S3, SQS and Glue write
//! them down.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use lake::Chunk;
use local_platform::glue::{self, LocalGlue};
use local_platform::identity_key::identity_key_file;
use local_platform::lambda::{FunctionConfig, LambdaFunction};
use local_platform::s3::{self, BucketFiles};
use local_platform::{secrets, sqs};
use serde_json::{Value, json};
use store::{ObjectStore, S3Store};

use super::queue::{self, QueueAside};
use super::recorder::{Seen, glue_call, recorded, s3_call, secret_call, sns_call, sqs_call};
use crate::endpoints::{create_identity_secret, glue_at, s3_at};
use crate::lake_under_test::{MONDAY, person_event, repository_root};
use crate::queue_conformance::sqs_client;

/// A call as IAM sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Call {
    pub(super) action: String,
    pub(super) resource: String,
    pub(super) prefix: Option<String>,
}

impl Call {
    /// A call on a queue.
    pub(super) fn on_queue(action: String, name: &str) -> Self {
        Self {
            action,
            resource: format!("arn:aws:sqs:eu-west-2:{ACCOUNT}:{name}"),
            prefix: None,
        }
    }

    /// The call in another account than that of the test.
    pub(super) fn of_account(&self, account: &str) -> Self {
        Self {
            resource: self.resource.replace(ACCOUNT, account),
            ..self.clone()
        }
    }

    /// The call with the six characters that Secrets Manager has put behind the secret's name, as
    /// the policy has them.
    pub(super) fn of_secret_in(&self, policy: &str) -> Self {
        let named = format!("{}-", self.resource);
        let suffix = policy
            .split(&named)
            .nth(1)
            .and_then(|rest| rest.get(..SECRET_SUFFIX_CHARS));
        match suffix {
            Some(suffix) if self.action.starts_with("secretsmanager:") => Self {
                resource: named + suffix,
                ..self.clone()
            },
            _ => self.clone(),
        }
    }

    pub(super) fn context(&self) -> Vec<(&str, &str)> {
        self.prefix
            .iter()
            .map(|prefix| ("s3:prefix", prefix.as_str()))
            .collect()
    }
}

/// The account that the test's own calls name.
pub(super) const ACCOUNT: &str = "000000000000";

/// Characters that Secrets Manager puts behind a secret's name and a hyphen.
const SECRET_SUFFIX_CHARS: usize = 6;

/// The functions. The relay's calls are those of the events queue: Kafka has rights of its own.
const FUNCTIONS: [&str; 5] = [
    "event-relay",
    "raw-landing",
    "pole-transform",
    "snapshot-merge",
    "quality-report",
];

/// Two days and a sweep with the deployed settings, over the platform's own endpoints.
pub(super) async fn of_days(outputs: &Value) -> BTreeMap<&'static str, BTreeSet<Call>> {
    let folder = scratch();
    let buckets: Vec<&str> = outputs["buckets"]
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_str)
        .collect();
    let files =
        Arc::new(BucketFiles::open(&folder.join("s3"), &buckets, Arc::new(|_, _| Ok(()))).unwrap());
    let glue = Arc::new(LocalGlue::open(&folder.join("glue.json")).unwrap());
    glue.create_databases(databases(outputs));
    let s3 = s3::endpoint_router(files);
    let sqs = sqs::endpoint_router(queue::local_queues(outputs, &folder));
    let aside = Aside {
        s3: served(s3.clone()).await,
        sqs: served(sqs.clone()).await,
    };
    std::fs::write(identity_key_file(&folder), pole::TEST_IDENTITY_SECRET).unwrap();
    let secrets = secrets::endpoint_router(&folder);
    let endpoints = [s3, glue::endpoint_router(glue), secrets, sqs];
    of_days_over(outputs, &folder, endpoints, &aside).await
}

/// The same over an emulator of AWS, on which the buckets and databases are made first.
pub(super) async fn of_emulated_days(
    outputs: &Value,
    emulator: &str,
) -> BTreeMap<&'static str, BTreeSet<Call>> {
    let buckets = outputs["buckets"].as_object().unwrap().values();
    let buckets: Vec<String> = buckets
        .map(|bucket| bucket.as_str().unwrap().to_owned())
        .collect();
    create_buckets(&s3_at(emulator).await, &buckets).await;
    create_databases(&glue_at(emulator).await, databases(outputs)).await;
    let secret = &outputs["function_environments"]["pole-transform"]["IDENTITY_KEY_SECRET"];
    create_identity_secret(emulator, secret.as_str().unwrap()).await;
    let queue = sqs_client(emulator).await.create_queue();
    let queue = queue.queue_name(queue::events_queue_name(outputs));
    queue.send().await.unwrap();
    let forward = forwarding_router(emulator);
    let endpoints = std::array::from_fn(|_| forward.clone());
    let aside = Aside {
        s3: emulator.to_owned(),
        sqs: emulator.to_owned(),
    };
    of_days_over(outputs, &scratch(), endpoints, &aside).await
}

/// Makes buckets, as Terraform does.
pub(crate) async fn create_buckets(client: &aws_sdk_s3::Client, names: &[String]) {
    for name in names {
        let place = aws_sdk_s3::types::BucketLocationConstraint::EuWest2;
        let place = aws_sdk_s3::types::CreateBucketConfiguration::builder()
            .location_constraint(place)
            .build();
        let made = client
            .create_bucket()
            .bucket(name)
            .create_bucket_configuration(place);
        made.send().await.unwrap();
    }
}

/// Makes databases of the catalogue, as Terraform does.
pub(crate) async fn create_databases(client: &aws_sdk_glue::Client, names: BTreeSet<String>) {
    for name in names {
        let database = aws_sdk_glue::types::DatabaseInput::builder()
            .name(name)
            .build()
            .unwrap();
        client
            .create_database()
            .database_input(database)
            .send()
            .await
            .unwrap();
    }
}

/// A folder of its own.
pub(crate) fn scratch() -> std::path::PathBuf {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::SeqCst);
    let folder =
        std::env::temp_dir().join(format!("polelake-rights-{}-{number}", std::process::id()));
    drop(std::fs::remove_dir_all(&folder));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The databases that Terraform makes.
fn databases(outputs: &Value) -> BTreeSet<String> {
    let prefix = outputs["function_environments"]["snapshot-merge"]["GLUE_DATABASES"]
        .as_str()
        .unwrap();
    let catalogue =
        host::load_contracts(&repository_root().join("contracts").to_string_lossy()).unwrap();
    snapshot_merge::glue_databases::required_databases(prefix, &catalogue)
}

/// An endpoint that forwards every request to an emulator, and answers itself what the emulator
/// does not know.
pub(crate) fn forwarding_router(emulator: &str) -> Router {
    Router::new()
        .fallback(forwarded)
        .with_state(emulator.to_owned())
}

/// Hands a request on as it came.
async fn forwarded(State(emulator): State<String>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    // moto knows no column statistics. The call is written down as every other.
    let target = parts
        .headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    if target.is_some_and(|target| target.contains("ColumnStatistics")) {
        return Response::new(Body::from("{}"));
    }
    let address = format!("{emulator}{}", parts.uri);
    let answer = reqwest::Client::new()
        .request(parts.method, address)
        .headers(parts.headers)
        .body(body);
    let answer = answer.send().await.unwrap();
    let mut response = Response::builder().status(answer.status());
    response
        .headers_mut()
        .unwrap()
        .extend(answer.headers().clone());
    response
        .body(Body::from(answer.bytes().await.unwrap()))
        .unwrap()
}

/// The endpoints as the test itself calls them: nothing of it is written down.
struct Aside {
    s3: String,
    sqs: String,
}

async fn of_days_over(
    outputs: &Value,
    folder: &std::path::Path,
    [s3, glue, secrets, sqs]: [Router; 4],
    aside: &Aside,
) -> BTreeMap<&'static str, BTreeSet<Call>> {
    let pack = folder.join("contracts.json");
    host::pack_contracts(
        &repository_root().join("contracts").to_string_lossy(),
        &pack,
    )
    .unwrap();
    let mut seen: BTreeMap<&'static str, Seen> = BTreeMap::new();
    let mut functions = BTreeMap::new();
    for name in FUNCTIONS {
        let calls = Seen::default();
        let s3 = recorded(s3.clone(), &calls, s3_call).await;
        let catalogue = recorded(glue.clone(), &calls, glue_call).await;
        let secrets = recorded(secrets.clone(), &calls, secret_call).await;
        let queues = recorded(sqs.clone(), &calls, sqs_call).await;
        let topics = recorded(Router::new().fallback(published), &calls, sns_call).await;
        let mut environment = deployed(&outputs["function_environments"][name]);
        environment.extend(
            [
                ("AWS_ENDPOINT_URL_S3", s3.as_str()),
                ("AWS_ENDPOINT_URL_GLUE", &catalogue),
                ("AWS_ENDPOINT_URL_SNS", &topics),
                ("AWS_ENDPOINT_URL_SQS", &queues),
                ("AWS_ENDPOINT_URL_SECRETS_MANAGER", &secrets),
                ("AWS_ACCESS_KEY_ID", s3::ACCESS_KEY),
                ("AWS_SECRET_ACCESS_KEY", s3::SECRET_KEY),
                ("AWS_REGION", "eu-west-2"),
                ("CONTRACTS", &pack.to_string_lossy()),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let config = FunctionConfig {
            name,
            program: (
                env!("CARGO_BIN_EXE_polelake-under-test").into(),
                vec!["function".into(), name.into()],
            ),
            environment,
            timeout: Duration::from_secs(120),
            concurrency: 1,
            log: folder.join(format!("{name}.log")),
        };
        functions.insert(name, LambdaFunction::new(config));
        seen.insert(name, calls);
    }
    let raw = outputs["buckets"]["raw"].as_str().unwrap();
    let store = S3Store::new(s3_at(&aside.s3).await, raw);
    days(&functions, &store, raw).await;
    let queue = QueueAside::open(&aside.sqs, &queue::events_queue_name(outputs)).await;
    queue::send_and_land(&functions, &queue, outputs).await;
    drop(functions);
    let polled = queue::pollers_calls(outputs);
    seen["raw-landing"].lock().unwrap().extend(polled);
    std::fs::remove_dir_all(folder).unwrap();
    seen.into_iter()
        .map(|(name, calls)| (name, calls.lock().unwrap().clone()))
        .collect()
}

/// What a topic answers.
async fn published() -> &'static str {
    "<PublishResponse><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>"
}

fn deployed(environment: &Value) -> BTreeMap<String, String> {
    let pairs = environment.as_object().unwrap().iter();
    pairs
        .map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()))
        .collect()
}

/// Two days of a person who comes and changes, and of a record that is refused.
async fn days(functions: &BTreeMap<&str, LambdaFunction>, store: &dyn ObjectStore, raw: &str) {
    let invoke = async |name: &str, payload: Value| {
        let answer = functions[name].invoke(payload.to_string().into()).await;
        serde_json::from_slice::<Value>(&answer.unwrap()).unwrap()
    };
    let values = [
        person_event(
            "PersonCreatedEvent",
            "a",
            1,
            json!({"firstName": "Ada", "surname": "Sample"}),
        )
        .to_string(),
        "not JSON".to_owned(),
        person_event("PersonUpdatedEvent", "a", 2, json!({"surname": "Specimen"})).to_string(),
    ];
    let mut done = BTreeSet::new();
    for (offset, value) in values.iter().enumerate() {
        let day = lake::Day(lake::Day::parse(MONDAY).unwrap().0 + i32::from(offset == 2));
        let record = json!({
            "topic": "housing-person", "partition": 0, "offset": offset,
            "timestamp": day.next().start_micros() / 1_000 - 1,
            "timestampType": "LOG_APPEND_TIME",
            "value": base64_simd::STANDARD.encode_to_string(value), "headers": [],
        });
        let landed = invoke(
            "raw-landing",
            json!({"records": {"housing-person-0": [record]}}),
        )
        .await;
        assert_eq!(landed["batchItemFailures"], json!([]));
        let keys = store
            .list(Chunk::RAW_PREFIX, None)
            .await
            .unwrap()
            .into_iter()
            .map(|entry| entry.key);
        for key in keys.filter(|key| Chunk::from_raw_key(key).is_some() && done.insert(key.clone()))
        {
            let key = key.replace('=', "%3D");
            let body = json!({"Records": [{
                "eventVersion": "2.6", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
                "s3": {"bucket": {"name": raw}, "object": {"key": key}},
            }]});
            let message = json!({
                "messageId": "1", "receiptHandle": "1", "body": body.to_string(),
                "eventSource": "aws:sqs"
            });
            let done = invoke("pole-transform", json!({"Records": [message]})).await;
            assert_eq!(done["batchItemFailures"], json!([]));
        }
        if offset > 0 {
            invoke("snapshot-merge", json!({"date": day.to_string()})).await;
            invoke("quality-report", json!({"date": day.to_string()})).await;
        }
    }
    invoke(
        "snapshot-merge",
        json!({"step": "sweep", "keep": {"daily": 1, "monthly": 1, "yearly": 1}}),
    )
    .await;
}

/// Serves on a port of this machine; gives the address.
pub(crate) async fn served(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { drop(axum::serve(listener, router).await) });
    format!("http://{address}")
}

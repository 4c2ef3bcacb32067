//! What every SQS must do for the events queue, over the local platform's, moto's and `ElasticMQ`'s.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use local_platform::queue::LocalQueue;
use local_platform::sqs::{LocalQueues, endpoint_router, queue_path};
use store::{
    DeliveredMessage, MessageQueue, MessageReceiver, OutgoingMessage, QueueCounts,
    SQS_BATCH_MESSAGES_MAX, SqsQueue, StoreErrorKind,
};

use crate::catalogue::Moto;
use crate::lake_under_test::{new_lake_folder, repository_root};
use crate::readers::has;

/// A queue of an endpoint, with what a consumer does.
struct QueueUnderTest {
    client: Client,
    url: String,
    queue: SqsQueue,
    /// Bytes of a message's body, at most.
    bytes_max: usize,
}

impl QueueUnderTest {
    fn new(client: Client, url: String, bytes_max: usize) -> Self {
        Self {
            queue: SqsQueue::new(client.clone(), url.clone()),
            client,
            url,
            bytes_max,
        }
    }

    async fn send(&self, body: &str) {
        self.queue.send_messages(vec![at_once(body)]).await.unwrap();
    }

    /// Receives what is visible within a second; it is hidden for `hidden` seconds.
    async fn receive(&self, hidden: i32) -> Vec<Message> {
        let mut received = Vec::new();
        for _ in 0..3 {
            let answer = self
                .client
                .receive_message()
                .queue_url(&self.url)
                .max_number_of_messages(10)
                .visibility_timeout(hidden)
                .message_system_attribute_names(MessageSystemAttributeName::All)
                .send()
                .await
                .unwrap();
            received.extend(answer.messages.unwrap_or_default());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        received
    }

    async fn delete(&self, message: &Message) {
        let request = self.client.delete_message().queue_url(&self.url);
        let request = request.receipt_handle(message.receipt_handle().unwrap());
        request.send().await.unwrap();
    }

    async fn delete_all(&self) {
        for message in self.receive(60).await {
            self.delete(&message).await;
        }
    }
}

fn at_once(body: &str) -> OutgoingMessage {
    OutgoingMessage {
        body: body.to_owned(),
        delay: Duration::ZERO,
    }
}

/// A client of an SQS at this address.
pub(crate) async fn sqs_client(endpoint: &str) -> Client {
    let credentials = aws_sdk_s3::config::Credentials::new("key", "secret", None, None, "test");
    let config = aws_config::defaults(aws_config::BehaviorVersion::latest())
        .region("eu-west-2")
        .endpoint_url(endpoint)
        .credentials_provider(credentials)
        .load()
        .await;
    Client::new(&config)
}

async fn create_queue(client: &Client) -> String {
    let created = client.create_queue().queue_name("conformance").send().await;
    created.unwrap().queue_url.unwrap()
}

/// The promises on which the transport relies.
async fn check_queue(test: &QueueUnderTest) {
    check_delivery(test).await;
    check_visibility(test).await;
    check_delay(test).await;
    check_receiver(test).await;
    check_counts(test).await;
    check_refusals(test).await;
}

async fn check_delivery(test: &QueueUnderTest) {
    let large = "x".repeat(test.bytes_max - 100);
    let bodies = ["aGVsbG8=", "{\"format\":1}", large.as_str()];
    for body in bodies {
        test.send(body).await;
    }
    let mut received = Vec::new();
    for message in test.receive(60).await {
        received.push(message.body().unwrap().to_owned());
        test.delete(&message).await;
    }
    received.sort();
    let mut wanted = bodies.map(str::to_owned);
    wanted.sort();
    assert_eq!(received.len(), 3);
    assert!(
        received.iter().eq(&wanted),
        "the bodies are not those that were sent"
    );
    assert!(
        test.receive(1).await.is_empty(),
        "a deleted message comes again"
    );
}

async fn check_visibility(test: &QueueUnderTest) {
    let before = host::now_micros() / 1_000;
    test.send("again").await;
    let first = test.receive(2).await;
    assert_eq!(first.len(), 1, "a hidden message is delivered twice");
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let second = test.receive(60).await;
    assert_eq!(
        second.len(),
        1,
        "a message that was not deleted does not come again"
    );

    let attribute = |message: &Message, name: MessageSystemAttributeName| {
        let attributes = message.attributes().unwrap();
        attributes[&name].parse::<i64>().unwrap()
    };
    let sent = |message| attribute(message, MessageSystemAttributeName::SentTimestamp);
    assert_eq!(
        sent(&first[0]),
        sent(&second[0]),
        "a repeat has another time"
    );
    assert!((before - 1_000..before + 10_000).contains(&sent(&first[0])));
    let count = MessageSystemAttributeName::ApproximateReceiveCount;
    assert_eq!(attribute(&second[0], count), 2);
    test.delete(&second[0]).await;
}

async fn check_delay(test: &QueueUnderTest) {
    let later = OutgoingMessage {
        body: "later".to_owned(),
        delay: Duration::from_secs(3),
    };
    let both = vec![at_once("now"), later];
    test.queue.send_messages(both).await.unwrap();
    let received = test.receive(60).await;
    let bodies: Vec<_> = received.iter().filter_map(Message::body).collect();
    assert_eq!(bodies, ["now"]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let received = test.receive(60).await;
    let bodies: Vec<_> = received.iter().filter_map(Message::body).collect();
    assert_eq!(bodies, ["later"]);
    test.delete_all().await;
}

/// What a scheduled landing asks for: several messages, each with the time at which it was sent, and
/// deletions of several.
async fn check_receiver(test: &QueueUnderTest) {
    let before = host::now_micros() / 1_000;
    for number in 0..13 {
        test.send(&format!("message {number}")).await;
    }
    let mut delivered: Vec<DeliveredMessage> = Vec::new();
    for _ in 0..20 {
        let wave = test.queue.receive_messages(Duration::from_secs(1)).await;
        let wave = wave.unwrap();
        assert!(wave.len() <= SQS_BATCH_MESSAGES_MAX);
        delivered.extend(wave);
        if delivered.len() == 13 {
            break;
        }
    }
    let bodies: BTreeSet<&str> = delivered.iter().map(|one| one.body.as_str()).collect();
    assert_eq!(bodies.len(), 13, "{bodies:?}");
    for message in &delivered {
        assert!(!message.id.is_empty());
        let times = before - 1_000..before + 20_000;
        assert!(message.sent_at.is_some_and(|at| times.contains(&at)));
    }

    let receipts: Vec<&str> = delivered.iter().map(|one| one.receipt.as_str()).collect();
    for batch in receipts.chunks(SQS_BATCH_MESSAGES_MAX) {
        test.queue.delete_messages(batch).await.unwrap();
    }
    let left = test.queue.receive_messages(Duration::from_secs(1)).await;
    assert_eq!(left.unwrap(), [], "a deleted message comes again");

    let gone = SqsQueue::new(test.client.clone(), format!("{}-gone", test.url));
    let error = gone.receive_messages(Duration::ZERO).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::NotFound, "{error}");
}

/// What `polelake status` asks for.
async fn check_counts(test: &QueueUnderTest) {
    test.delete_all().await;
    let empty = test.queue.count_messages().await.unwrap();
    assert_eq!(empty, QueueCounts::default());

    let later = OutgoingMessage {
        body: "later".to_owned(),
        delay: Duration::from_secs(2),
    };
    let messages = vec![at_once("first"), at_once("second"), later];
    test.queue.send_messages(messages).await.unwrap();
    let request = test.client.receive_message().queue_url(&test.url);
    let received = request.visibility_timeout(60).send().await.unwrap();
    let counts = test.queue.count_messages().await.unwrap();
    assert_eq!(
        (counts.waiting, counts.in_flight, counts.delayed),
        (1, 1, 1)
    );

    test.delete(&received.messages.unwrap()[0]).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    test.delete_all().await;
    let gone = SqsQueue::new(test.client.clone(), format!("{}-gone", test.url));
    let error = gone.count_messages().await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::NotFound, "{error}");
}

async fn check_refusals(test: &QueueUnderTest) {
    let gone = SqsQueue::new(test.client.clone(), format!("{}-gone", test.url));
    let error = gone.send_messages(vec![at_once("a")]).await.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::NotFound, "{error}");

    let too_large = "x".repeat(test.bytes_max + 1);
    let refused = test.queue.send_messages(vec![at_once(&too_large)]).await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind, StoreErrorKind::Refused, "{error}");
    assert!(
        !error.to_string().contains("xxx"),
        "an error repeats the message"
    );
    assert!(
        test.receive(1).await.is_empty(),
        "a refused message is there"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_local_queue_keeps_every_promise() {
    let folder = new_lake_folder();
    let queue = LocalQueue::open(&folder, "conformance", Arc::default()).unwrap();
    let queues = LocalQueues::from([("conformance".to_owned(), Arc::new(queue))]);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        axum::serve(listener, endpoint_router(queues))
            .await
            .unwrap();
    });

    let client = sqs_client(&endpoint).await;
    let url = format!("{endpoint}{}", queue_path("conformance"));
    check_queue(&QueueUnderTest::new(client, url, 1024 * 1024)).await;
    server.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn motos_queue_keeps_every_promise() {
    if !has("moto.server", "'moto[server,sns,sqs]'") {
        return;
    }
    let moto = Moto::start().await;
    let client = sqs_client(&moto.endpoint).await;
    let url = create_queue(&client).await;
    check_queue(&QueueUnderTest::new(client, url, 1024 * 1024)).await;
}

/// `ElasticMQ`, from the cache of real parts.
struct ElasticMq {
    process: Child,
    endpoint: String,
}

impl Drop for ElasticMq {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl ElasticMq {
    /// Starts it; none, with the reason on the standard error, where it cannot be had.
    async fn start(folder: &Path) -> Option<Self> {
        let Some(jars) = fetch_elasticmq() else {
            eprintln!("SKIPPED: ElasticMQ; it needs Python 3.11, Java 17 and Maven's registry");
            return None;
        };
        let port = free_port();
        let config = folder.join("elasticmq.conf");
        let text = format!(
            "include classpath(\"application.conf\")\n\
             rest-sqs {{ bind-hostname = \"127.0.0.1\", bind-port = {port} }}\n\
             rest-stats {{ enabled = false }}\n\
             node-address {{ protocol = http, host = \"127.0.0.1\", port = {port} }}\n"
        );
        std::fs::write(&config, text).unwrap();
        let process = Command::new("java")
            .arg(format!("-Dconfig.file={}", config.display()))
            .args(["-cp", &format!("{}/lib/*", jars.display())])
            .arg("org.elasticmq.server.Main")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut server = Self { process, endpoint };
        assert!(server.is_ready().await, "ElasticMQ does not answer");
        Some(server)
    }

    /// Waits until it answers; false when it ended, or half a minute is over.
    async fn is_ready(&mut self) -> bool {
        for _ in 0..30 {
            let client = sqs_client(&self.endpoint).await;
            let answer = client.list_queues().send();
            let answer = tokio::time::timeout(Duration::from_secs(1), answer).await;
            if answer.is_ok_and(|answer| answer.is_ok()) {
                return true;
            }
            if self.process.try_wait().unwrap().is_some() {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
        false
    }
}

/// A port that nothing listens on.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The folder of its jars.
fn fetch_elasticmq() -> Option<PathBuf> {
    let java = Command::new("java").arg("-version").output();
    java.ok().filter(|output| output.status.success())?;
    let script = repository_root().join("tests/real/parts.py");
    let fetched = Command::new("python3")
        .arg(script)
        .arg("elasticmq")
        .output();
    let fetched = fetched.ok().filter(|output| output.status.success())?;
    let line = String::from_utf8(fetched.stdout).ok()?;
    line.split_whitespace().last().map(PathBuf::from)
}

#[tokio::test(flavor = "multi_thread")]
async fn elasticmqs_queue_keeps_every_promise() {
    let folder = new_lake_folder();
    std::fs::create_dir_all(&*folder).unwrap();
    let Some(server) = ElasticMq::start(&folder).await else {
        return;
    };
    let client = sqs_client(&server.endpoint).await;
    let url = create_queue(&client).await;
    check_queue(&QueueUnderTest::new(client, url, 256 * 1024)).await;
}

//! What the function needs, from the environment, once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use contract::{Catalogue, OutboundUrl, Transport};
use host::{Failure, FailureKind, Settings};
use store::{S3Store, SQS_DELAY_MAX, SQS_MESSAGE_BYTES_MAX, SqsQueue, s3_client};

use crate::delivery::EventSink;
use crate::fetch::StateFetcher;
use crate::kafka::{KafkaSecurity, KafkaSettings, KafkaSink};
use crate::queue::{QueueSink, QueueSinkOptions};
use crate::transport_sink::TransportSink;

/// The function's context.
pub struct Context {
    /// The compiled contracts.
    pub catalogue: Arc<Catalogue>,
    /// Where records are sent.
    pub sink: Arc<dyn EventSink>,
    /// Fetches records' states.
    pub fetcher: StateFetcher,
    /// The source whose events a queue brings, by the queue's name.
    pub queue_sources: BTreeMap<String, String>,
}

impl Context {
    /// Reads the environment and compiles the contracts. The connection to a transport
    /// begins with the first record.
    ///
    /// # Errors
    /// Every setting that is missing or wrong, every problem in the contracts.
    pub async fn from_env() -> Result<Self, Failure> {
        let mut settings = Settings::new(std::env::vars());
        host::init_telemetry(settings.optional_text("AWS_LAMBDA_LOG_LEVEL").as_deref());
        host::choose_metrics(&mut settings);
        let contracts = settings.required_text("CONTRACTS");
        let kafka = read_kafka_settings(&mut settings)?;
        let events_queue = read_queue_settings(&mut settings);
        let transport = read_default_transport(&mut settings);
        let queues = settings.optional_text("QUEUE_SOURCES").unwrap_or_default();
        let origins = settings.optional_text("FETCH_ORIGINS").unwrap_or_default();
        let loopback = read_loopback(&mut settings)?;
        settings.finish_with(())?;

        let catalogue = Arc::new(host::load_contracts(&contracts)?);
        let kafka = kafka.map(|kafka| Box::new(KafkaSink::new(kafka)) as Box<dyn EventSink>);
        let queue = match events_queue {
            Some(queue) => Some(open_queue_sink(queue).await),
            None => None,
        };
        let sink = TransportSink::new(kafka, queue, &catalogue, transport)?;
        Ok(Self {
            fetcher: build_state_fetcher(&origins, loopback)?,
            catalogue,
            sink: Arc::new(sink),
            queue_sources: parse_name_value_pairs("QUEUE_SOURCES", &queues)?,
        })
    }
}

/// How Kafka is reached, where a deployment has it.
fn read_kafka_settings(settings: &mut Settings) -> Result<Option<KafkaSettings>, Failure> {
    let region = settings.optional_text("AWS_REGION").unwrap_or_default();
    let authentication = settings.optional_text("KAFKA_AUTH");
    let Some(bootstrap) = settings.optional_text("KAFKA_BOOTSTRAP") else {
        return Ok(None);
    };
    let security = KafkaSecurity::from_setting(authentication.as_deref(), region)
        .map_err(|why| Failure::new(FailureKind::Configuration, why))?;
    Ok(Some(KafkaSettings {
        bootstrap,
        security,
    }))
}

/// The events queue as the environment gives it.
struct QueueSettings {
    url: String,
    message_bytes_max: u32,
    notice_delay: Duration,
    raw_bucket: String,
    s3_endpoint: Option<String>,
}

/// The events queue, where a deployment has one.
fn read_queue_settings(settings: &mut Settings) -> Option<QueueSettings> {
    let url = settings.optional_text("EVENTS_QUEUE_URL")?;
    Some(QueueSettings {
        url,
        message_bytes_max: settings.number_or("EVENTS_QUEUE_MESSAGE_BYTES", SQS_MESSAGE_BYTES_MAX),
        notice_delay: read_notice_delay(settings),
        raw_bucket: settings.required_text("RAW_BUCKET"),
        s3_endpoint: settings.optional_text("AWS_ENDPOINT_URL_S3"),
    })
}

fn read_notice_delay(settings: &mut Settings) -> Duration {
    let longest = u32::try_from(SQS_DELAY_MAX.as_secs()).unwrap_or(u32::MAX);
    let seconds = settings.number_or("NOTICE_DELAY_SECONDS", longest);
    Duration::from_secs(seconds.min(longest).into())
}

/// The transport of the sources whose contracts name none.
fn read_default_transport(settings: &mut Settings) -> Transport {
    let (kafka, queue) = (Transport::Kafka, Transport::Queue);
    let name = settings.choice("TRANSPORT", &[kafka.name(), queue.name()]);
    if name == queue.name() { queue } else { kafka }
}

async fn open_queue_sink(settings: QueueSettings) -> Box<dyn EventSink> {
    let config = host::load_aws_config().await;
    let queue = SqsQueue::open(&config, settings.url);
    let s3 = s3_client(&config, settings.s3_endpoint.as_deref());
    Box::new(QueueSink::new(QueueSinkOptions {
        queue: Arc::new(queue),
        message_bytes_max: settings.message_bytes_max,
        notice_delay: settings.notice_delay,
        raw: Arc::new(S3Store::new(s3, settings.raw_bucket)),
    }))
}

/// Whether states may come from this machine: on the local platform alone.
fn read_loopback(settings: &mut Settings) -> Result<bool, Failure> {
    match settings.optional_text("FETCH_LOOPBACK").as_deref() {
        None | Some("refused") => Ok(false),
        Some("allowed") => Ok(true),
        Some(other) => {
            let message = format!("FETCH_LOOPBACK is `{other}`; it is `allowed` or `refused`");
            Err(Failure::new(FailureKind::Configuration, message))
        }
    }
}

/// The fetcher with its origins by source: `source=https://host,…`.
fn build_state_fetcher(origins: &str, loopback: bool) -> Result<StateFetcher, Failure> {
    let mut urls = BTreeMap::new();
    for (source, origin) in parse_name_value_pairs("FETCH_ORIGINS", origins)? {
        let url = parse_origin(&origin).map_err(|why| {
            let message = format!("FETCH_ORIGINS: `{origin}`, {why}");
            Failure::new(FailureKind::Configuration, message)
        })?;
        urls.insert(source, url);
    }
    Ok(StateFetcher::new(urls, loopback))
}

fn parse_origin(text: &str) -> Result<OutboundUrl, String> {
    let origin = OutboundUrl::parse(text).map_err(|fault| fault.to_string())?;
    if origin.is_origin() {
        return Ok(origin);
    }
    Err("path: an origin has none; write scheme, host and port alone".to_owned())
}

/// `name=value,name=value`.
fn parse_name_value_pairs(setting: &str, text: &str) -> Result<BTreeMap<String, String>, Failure> {
    text.split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty())
        .map(|pair| parse_name_value_pair(setting, pair))
        .collect()
}

fn parse_name_value_pair(setting: &str, pair: &str) -> Result<(String, String), Failure> {
    let Some((name, value)) = pair.split_once('=') else {
        let message = format!("{setting}: `{pair}` is not `name=value`");
        return Err(Failure::new(FailureKind::Configuration, message));
    };
    Ok((name.to_owned(), value.to_owned()))
}

//! What the function needs, from the environment, once.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::{Catalogue, OutboundUrl};
use host::{Failure, FailureKind, Settings};

use crate::fetch::StateFetcher;
use crate::kafka::{EventSink, KafkaSecurity, KafkaSettings, KafkaSink};

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
    /// Reads the environment and compiles the contracts. The connection to Kafka begins with the
    /// first record.
    ///
    /// # Errors
    /// Every setting that is missing or wrong, every problem in the contracts.
    pub async fn from_env() -> Result<Self, Failure> {
        let mut settings = Settings::new(std::env::vars());
        host::init_telemetry(settings.optional_text("AWS_LAMBDA_LOG_LEVEL").as_deref());
        let contracts = settings.required_text("CONTRACTS");
        let kafka = read_kafka_settings(&mut settings)?;
        let queues = settings.optional_text("QUEUE_SOURCES").unwrap_or_default();
        let origins = settings.optional_text("FETCH_ORIGINS").unwrap_or_default();
        let loopback = read_loopback(&mut settings)?;
        settings.finish_with(())?;

        Ok(Self {
            fetcher: build_state_fetcher(&origins, loopback)?,
            catalogue: Arc::new(host::load_contracts(&contracts)?),
            sink: Arc::new(KafkaSink::new(kafka)),
            queue_sources: parse_name_value_pairs("QUEUE_SOURCES", &queues)?,
        })
    }
}

fn read_kafka_settings(settings: &mut Settings) -> Result<KafkaSettings, Failure> {
    let bootstrap = settings.required_text("KAFKA_BOOTSTRAP");
    let region = settings.optional_text("AWS_REGION").unwrap_or_default();
    let authentication = settings.optional_text("KAFKA_AUTH");
    let security = KafkaSecurity::from_setting(authentication.as_deref(), region)
        .map_err(|why| Failure::new(FailureKind::Configuration, why))?;
    Ok(KafkaSettings {
        bootstrap,
        security,
    })
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

//! What the function needs, from the environment, once.

use std::collections::BTreeMap;
use std::sync::Arc;

use contract::Catalogue;
use host::{Failure, FailureKind, Settings};

use crate::fetch::StateFetcher;
use crate::producer::{EventSink, KafkaSettings, KafkaSink};

/// The function's context.
pub struct Context {
    /// The compiled contracts.
    pub catalogue: Arc<Catalogue>,
    /// Where records go.
    pub sink: Arc<dyn EventSink>,
    /// Asks for records' states.
    pub fetcher: StateFetcher,
    /// The source whose events a queue brings, by the queue's name.
    pub queue_sources: BTreeMap<String, String>,
}

impl Context {
    /// Reads the environment and compiles the contracts. Connects when the first record comes.
    ///
    /// # Errors
    /// Every setting that is missing or wrong, every problem in the contracts.
    pub async fn from_env() -> Result<Self, Failure> {
        let mut settings = Settings::new(std::env::vars());
        host::init_telemetry(settings.optional_text("AWS_LAMBDA_LOG_LEVEL").as_deref());
        let contracts = settings.required_text("CONTRACTS");
        let kafka = KafkaSettings {
            bootstrap: settings.required_text("KAFKA_BOOTSTRAP"),
            region: settings.optional_text("AWS_REGION").unwrap_or_default(),
            iam: match settings.optional_text("KAFKA_AUTH").as_deref() {
                None | Some("msk-iam") => true,
                Some("none") => false,
                Some(other) => {
                    let message = format!("KAFKA_AUTH is `{other}`; it is `msk-iam` or `none`");
                    return Err(Failure::new(FailureKind::Configuration, message));
                }
            },
        };
        let queues = settings.optional_text("QUEUE_SOURCES").unwrap_or_default();
        let origins = settings.optional_text("FETCH_ORIGINS").unwrap_or_default();
        settings.finish_with(())?;
        Ok(Self {
            fetcher: build_state_fetcher(&origins)?,
            catalogue: Arc::new(host::load_contracts(&contracts)?),
            sink: Arc::new(KafkaSink::new(kafka)),
            queue_sources: parse_name_value_pairs("QUEUE_SOURCES", &queues)?,
        })
    }
}

fn build_state_fetcher(origins: &str) -> Result<StateFetcher, Failure> {
    let wrong =
        |why: String| Failure::new(FailureKind::Configuration, format!("FETCH_ORIGINS: {why}"));
    let origins = parse_name_value_pairs("FETCH_ORIGINS", origins)?
        .into_iter()
        .map(|(source, origin)| {
            let url = reqwest::Url::parse(&origin)
                .map_err(|error| wrong(format!("`{origin}`: {error}")))?;
            Ok((source, url))
        });
    Ok(StateFetcher::new(origins.collect::<Result<_, Failure>>()?))
}

/// `name=value,name=value`.
fn parse_name_value_pairs(setting: &str, text: &str) -> Result<BTreeMap<String, String>, Failure> {
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let split = pair
                .split_once('=')
                .map(|(name, value)| (name.to_owned(), value.to_owned()));
            split.ok_or_else(|| {
                let message = format!("{setting}: `{pair}` is not `name=value`");
                Failure::new(FailureKind::Configuration, message)
            })
        })
        .collect()
}

//! What the function needs, from the environment, once.

use std::sync::Arc;

use contract::Catalogue;
use host::{Failure, Settings};
use store::{Notifier, ObjectStore, S3Store, SnsNotifier};

use crate::site::QueryLocation;

/// What the names of Glue's databases begin with, where it is not said.
const DEFAULT_DATABASE_PREFIX: &str = "polelake";

/// The function's context.
pub struct Context {
    /// The raw zone: only its keys are looked at.
    pub raw: Arc<dyn ObjectStore>,
    /// The refined zone, for its receipts.
    pub refined: Arc<dyn ObjectStore>,
    /// The curated zone, for its manifests.
    pub curated: Arc<dyn ObjectStore>,
    /// Where the pages go.
    pub site: Arc<dyn ObjectStore>,
    /// The compiled contracts.
    pub catalogue: Arc<Catalogue>,
    /// Where readers find the tables, for the examples of queries.
    pub query_location: QueryLocation,
    /// Who else is told, and by which names.
    pub output_settings: ReportOutputSettings,
}

/// Who else is told of a day, and by which names.
#[derive(Clone)]
pub struct ReportOutputSettings {
    /// Whoever is on duty; nobody, where no topic is set.
    pub alert_notifier: Option<Arc<dyn Notifier>>,
    /// Where people read the site, without a slash at the end; not known, where it is not set.
    pub site_url: Option<String>,
    /// The raw zone's bucket, as lineage names it.
    pub raw_bucket: String,
    /// The curated zone's bucket, as lineage names it.
    pub curated_bucket: String,
}

impl Default for ReportOutputSettings {
    /// Nobody is told; the buckets are named as on the local platform.
    fn default() -> Self {
        Self {
            alert_notifier: None,
            site_url: None,
            raw_bucket: "raw".into(),
            curated_bucket: "curated".into(),
        }
    }
}

impl Context {
    /// Reads the environment and compiles the contracts.
    ///
    /// # Errors
    /// Every setting that is missing, every problem in the contracts.
    pub async fn from_env() -> Result<Self, Failure> {
        let mut settings = Settings::new(std::env::vars());
        host::init_telemetry(settings.optional_text("AWS_LAMBDA_LOG_LEVEL").as_deref());
        let (raw, refined) = (
            settings.required_text("RAW_BUCKET"),
            settings.required_text("REFINED_BUCKET"),
        );
        let (curated, site) = (
            settings.required_text("CURATED_BUCKET"),
            settings.required_text("SITE_BUCKET"),
        );
        let contracts = settings.required_text("CONTRACTS");
        let databases = settings
            .optional_text("GLUE_DATABASES")
            .unwrap_or_else(|| DEFAULT_DATABASE_PREFIX.to_owned());
        let (topic, site_url) = (
            settings.optional_text("ALERT_TOPIC_ARN"),
            settings.optional_text("SITE_URL"),
        );
        settings.finish_with(())?;
        let config = host::load_aws_config().await;
        let client = aws_sdk_s3::Client::new(&config);
        let duty = topic.map(|topic| -> Arc<dyn Notifier> {
            Arc::new(SnsNotifier::new(aws_sdk_sns::Client::new(&config), topic))
        });
        let outlets = ReportOutputSettings {
            alert_notifier: duty,
            site_url: site_url.map(|url| url.trim_end_matches('/').to_owned()),
            raw_bucket: raw.clone(),
            curated_bucket: curated.clone(),
        };
        let place = QueryLocation {
            bucket: curated.clone(),
            database_prefix: databases,
        };
        let bucket =
            |name: String| -> Arc<dyn ObjectStore> { Arc::new(S3Store::new(client.clone(), name)) };
        Ok(Self {
            raw: bucket(raw),
            refined: bucket(refined),
            curated: bucket(curated),
            site: bucket(site),
            catalogue: Arc::new(host::load_contracts(&contracts)?),
            query_location: place,
            output_settings: outlets,
        })
    }
}

//! What the function needs, from the environment, once.

use std::sync::Arc;

use bytes::Bytes;
use contract::Catalogue;
use host::{Failure, Settings};
use store::{Notifier, ObjectStore, S3Store, SnsNotifier, s3_client};

use crate::site::QueryLocation;

/// What the names of Glue's databases begin with, where no setting says otherwise.
const DEFAULT_DATABASE_PREFIX: &str = "polelake";

/// The function's context.
pub struct Context {
    /// The raw zone: only its keys are listed.
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
    /// Who is alerted, and which names the exports use.
    pub output_settings: ReportOutputSettings,
}

/// Who is alerted of a day, and which names the exports use.
#[derive(Clone)]
pub struct ReportOutputSettings {
    /// Sends alerts to the operator on duty; none where no topic is set.
    pub alert_notifier: Option<Arc<dyn Notifier>>,
    /// The address of the site, without a slash at the end; none where it is not set.
    pub site_url: Option<String>,
    /// The raw zone's bucket, as lineage names it.
    pub raw_bucket: String,
    /// The curated zone's bucket, as lineage names it.
    pub curated_bucket: String,
}

impl Default for ReportOutputSettings {
    /// No alert is sent; the buckets are named as on the local platform.
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
        host::choose_metrics(&mut settings);

        let raw = settings.required_text("RAW_BUCKET");
        let refined = settings.required_text("REFINED_BUCKET");
        let curated = settings.required_text("CURATED_BUCKET");
        let site = settings.required_text("SITE_BUCKET");
        let contracts = settings.required_text("CONTRACTS");
        let database_prefix = settings
            .optional_text("GLUE_DATABASES")
            .unwrap_or_else(|| DEFAULT_DATABASE_PREFIX.to_owned());
        let s3_endpoint = settings.optional_text("AWS_ENDPOINT_URL_S3");
        let alert_topic = settings.optional_text("ALERT_TOPIC_ARN");
        let site_url = settings.optional_text("SITE_URL");
        settings.finish_with(())?;

        let config = host::load_aws_config().await;
        let s3 = s3_client(&config, s3_endpoint.as_deref());
        let alert_notifier = alert_topic.map(|topic| -> Arc<dyn Notifier> {
            Arc::new(SnsNotifier::new(aws_sdk_sns::Client::new(&config), topic))
        });

        Ok(Self {
            raw: open_bucket(&s3, &raw),
            refined: open_bucket(&s3, &refined),
            curated: open_bucket(&s3, &curated),
            site: open_bucket(&s3, &site),
            catalogue: Arc::new(host::load_contracts(&contracts)?),
            query_location: QueryLocation {
                bucket: curated.clone(),
                database_prefix,
            },
            output_settings: ReportOutputSettings {
                alert_notifier,
                site_url: site_url.map(|url| url.trim_end_matches('/').to_owned()),
                raw_bucket: raw,
                curated_bucket: curated,
            },
        })
    }

    /// Writes an object of the site's bucket, whatever was there.
    ///
    /// # Errors
    /// When storage does not answer.
    pub(crate) async fn write_site_object(
        &self,
        key: &str,
        body: Vec<u8>,
        content_type: &str,
    ) -> Result<(), Failure> {
        let written = self.site.put(key, Bytes::from(body), content_type).await;
        Ok(written?)
    }
}

fn open_bucket(s3: &aws_sdk_s3::Client, name: &str) -> Arc<dyn ObjectStore> {
    Arc::new(S3Store::new(s3.clone(), name))
}

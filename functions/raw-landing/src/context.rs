//! What the function needs, from the environment, once.

use std::sync::Arc;

use host::{Failure, Settings};
use store::raw_log::LogEndCache;
use store::{ObjectStore, S3Store, s3_client};

/// The function's context.
pub struct Context {
    /// The raw zone.
    pub raw: Arc<dyn ObjectStore>,
    /// The topics' epoch, which an operator raises when topics are recreated.
    pub epoch: u32,
    /// Where each stream's raw log ends, as far as this sandbox knows.
    pub log_ends: LogEndCache,
}

impl Context {
    /// Reads the environment.
    ///
    /// # Errors
    /// Every setting that is missing or wrong.
    pub async fn from_env() -> Result<Self, Failure> {
        let mut settings = Settings::new(std::env::vars());
        host::init_telemetry(settings.optional_text("AWS_LAMBDA_LOG_LEVEL").as_deref());
        let bucket = settings.required_text("RAW_BUCKET");
        let epoch = settings.number_or("TOPIC_EPOCH", 1);
        let s3_endpoint = settings.optional_text("AWS_ENDPOINT_URL_S3");
        settings.finish_with(())?;

        let client = s3_client(&host::load_aws_config().await, s3_endpoint.as_deref());
        Ok(Self::new(Arc::new(S3Store::new(client, bucket)), epoch))
    }

    /// A context over any store.
    #[must_use]
    pub fn new(raw: Arc<dyn ObjectStore>, epoch: u32) -> Self {
        Self {
            raw,
            epoch,
            log_ends: LogEndCache::default(),
        }
    }
}

//! What the function needs, from the environment, once.

use std::sync::Arc;

use aws_sdk_s3::Client;
use contract::Catalogue;
use host::{Failure, Settings};
use store::{ObjectStore, S3Store};

/// The function's context.
pub struct Context {
    /// The raw zone.
    pub raw: Arc<dyn ObjectStore>,
    /// The refined zone, with quarantine and receipts.
    pub refined: Arc<dyn ObjectStore>,
    /// The compiled contracts and mappings.
    pub catalogue: Arc<Catalogue>,
}

impl Context {
    /// Reads the environment and compiles the contracts.
    ///
    /// # Errors
    /// Every setting that is missing, every problem in the contracts.
    pub async fn from_env() -> Result<Self, Failure> {
        let mut settings = Settings::new(std::env::vars());
        host::init_telemetry(settings.optional_text("AWS_LAMBDA_LOG_LEVEL").as_deref());
        let raw = settings.required_text("RAW_BUCKET");
        let refined = settings.required_text("REFINED_BUCKET");
        let contracts = settings.required_text("CONTRACTS");
        settings.finish_with(())?;

        let client = Client::new(&host::load_aws_config().await);
        Ok(Self {
            raw: Arc::new(S3Store::new(client.clone(), raw)),
            refined: Arc::new(S3Store::new(client, refined)),
            catalogue: Arc::new(host::load_contracts(&contracts)?),
        })
    }
}

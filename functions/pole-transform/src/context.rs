//! What the function needs, from the environment, once.

use std::sync::Arc;

use contract::Catalogue;
use host::{Failure, Settings};
use pole::IdentityKey;
use store::{ObjectStore, S3Store, s3_client};

/// The function's context.
pub struct Context {
    /// The raw zone.
    pub raw: Arc<dyn ObjectStore>,
    /// The refined zone, with quarantine and receipts.
    pub refined: Arc<dyn ObjectStore>,
    /// The compiled contracts and mappings.
    pub catalogue: Arc<Catalogue>,
    /// The key of the lake's ids.
    pub identity_key: IdentityKey,
}

impl Context {
    /// Reads the environment, the contracts and the identity key.
    ///
    /// # Errors
    /// Every setting that is missing, every problem in the contracts, an identity key that cannot
    /// be read or is not the lake's.
    pub async fn from_env() -> Result<Self, Failure> {
        let mut settings = Settings::new(std::env::vars());
        host::init_telemetry(settings.optional_text("AWS_LAMBDA_LOG_LEVEL").as_deref());
        host::choose_metrics(&mut settings);
        let raw = settings.required_text("RAW_BUCKET");
        let refined = settings.required_text("REFINED_BUCKET");
        let contracts = settings.required_text("CONTRACTS");
        let secret = settings.required_text("IDENTITY_KEY_SECRET");
        let s3_endpoint = settings.optional_text("AWS_ENDPOINT_URL_S3");
        settings.finish_with(())?;

        let catalogue = Arc::new(host::load_contracts(&contracts)?);
        let config = host::load_aws_config().await;
        let client = s3_client(&config, s3_endpoint.as_deref());
        let refined: Arc<dyn ObjectStore> = Arc::new(S3Store::new(client.clone(), refined));
        let identity_key = host::read_identity_secret(&config, &secret).await?;
        host::check_identity_key(&*refined, &identity_key).await?;
        Ok(Self {
            raw: Arc::new(S3Store::new(client, raw)),
            refined,
            identity_key,
            catalogue,
        })
    }
}

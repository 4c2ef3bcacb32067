//! What the function needs, from the environment, once.

use std::sync::Arc;

use contract::Catalogue;
use host::{Failure, Settings};
use store::{GlueCatalogue, ObjectStore, S3Store};

/// The function's context.
pub struct Context {
    /// The raw zone: only its keys are looked at, to see where streams begin and end.
    pub raw: Arc<dyn ObjectStore>,
    /// The refined zone.
    pub refined: Arc<dyn ObjectStore>,
    /// The curated zone.
    pub curated: Arc<dyn ObjectStore>,
    /// The curated zone's bucket, for the locations in the catalogue.
    pub curated_bucket: String,
    /// The catalogue of tables.
    pub glue: Arc<dyn store::Catalogue>,
    /// The compiled contracts.
    pub catalogue: Arc<Catalogue>,
}

impl Context {
    /// Reads the environment and compiles the contracts.
    ///
    /// # Errors
    /// Every setting that is missing, every problem in the contracts.
    pub async fn from_env() -> Result<Self, Failure> {
        let mut settings = Settings::new(std::env::vars());
        host::init_telemetry(settings.optional("AWS_LAMBDA_LOG_LEVEL").as_deref());
        let (raw, refined) = (settings.required("RAW_BUCKET"), settings.required("REFINED_BUCKET"));
        let (curated, database) = (settings.required("CURATED_BUCKET"), settings.required("GLUE_DATABASE"));
        let contracts = settings.required("CONTRACTS_DIR");
        settings.finish(())?;
        let config = host::aws_config().await;
        let client = aws_sdk_s3::Client::new(&config);
        Ok(Self {
            raw: Arc::new(S3Store::new(client.clone(), raw)),
            refined: Arc::new(S3Store::new(client.clone(), refined)),
            curated: Arc::new(S3Store::new(client, &curated)),
            curated_bucket: curated,
            glue: Arc::new(GlueCatalogue::new(aws_sdk_glue::Client::new(&config), database)),
            catalogue: Arc::new(host::load_contracts(&contracts)?),
        })
    }
}

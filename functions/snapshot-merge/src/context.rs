//! The function's settings and clients, made from the environment once.

use std::sync::Arc;

use contract::Catalogue;
use host::{Failure, Settings};
use pole::IdentityKey;
use store::{GlueCatalogue, ObjectStore, S3Store, s3_client};

use crate::sizes::{MergeSizes, SHARD_BYTES, SHARD_BYTES_MIN};

/// The function's context.
pub struct Context {
    /// The raw zone. Only its keys are listed, to find where streams begin and end.
    pub raw: Arc<dyn ObjectStore>,
    /// The refined zone.
    pub refined: Arc<dyn ObjectStore>,
    /// The curated zone.
    pub curated: Arc<dyn ObjectStore>,
    /// The zones' buckets, for the locations in the catalogue.
    pub buckets: ZoneBuckets,
    /// The prefix of the catalogue's databases; see [`lake::database_name`].
    pub database_prefix: String,
    /// The catalogue of tables.
    pub glue: Arc<dyn store::TableCatalogue>,
    /// The compiled contracts.
    pub catalogue: Arc<Catalogue>,
    /// The key of the lake's ids: the merge makes the rows of sources with patches. None for
    /// commands that merge nothing.
    pub identity_key: Option<Arc<IdentityKey>>,
    /// How much is held and written at once.
    pub sizes: MergeSizes,
}

/// The names of the zones' buckets.
#[derive(Clone, Debug)]
pub struct ZoneBuckets {
    /// The raw zone's.
    pub raw: String,
    /// The refined zone's.
    pub refined: String,
    /// The curated zone's.
    pub curated: String,
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
        let database_prefix = settings.required_text("GLUE_DATABASES");
        let contracts = settings.required_text("CONTRACTS");
        let secret = settings.required_text("IDENTITY_KEY_SECRET");
        let s3_endpoint = settings.optional_text("AWS_ENDPOINT_URL_S3");
        let megabytes = settings
            .optional_text("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
            .and_then(|text| text.parse().ok());
        let shard_bytes = settings.number_from("SHARD_BYTES", SHARD_BYTES_MIN, SHARD_BYTES);
        settings.finish_with(())?;

        let config = host::load_aws_config().await;
        let client = s3_client(&config, s3_endpoint.as_deref());
        let identity_key = host::read_identity_secret(&config, &secret).await?;
        let refined_store: Arc<dyn ObjectStore> = Arc::new(S3Store::new(client.clone(), &refined));
        host::check_known_identity_key(&*refined_store, &identity_key).await?;
        Ok(Self {
            raw: Arc::new(S3Store::new(client.clone(), &raw)),
            refined: refined_store,
            curated: Arc::new(S3Store::new(client, &curated)),
            buckets: ZoneBuckets {
                raw,
                refined,
                curated,
            },
            database_prefix,
            glue: Arc::new(GlueCatalogue::new(aws_sdk_glue::Client::new(&config))),
            catalogue: Arc::new(host::load_contracts(&contracts)?),
            identity_key: Some(Arc::new(identity_key)),
            sizes: MergeSizes {
                shard_bytes: shard_bytes.into(),
                ..MergeSizes::for_memory(megabytes)
            },
        })
    }
}

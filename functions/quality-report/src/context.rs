//! What the function needs, from the environment, once.

use std::sync::Arc;

use aws_sdk_s3::Client;
use contract::Catalogue;
use host::{Failure, Settings};
use store::{ObjectStore, S3Store};

use crate::site::Place;

/// What the names of Glue's databases begin with, where it is not said.
const DATABASES: &str = "polelake";

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
    pub place: Place,
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
        let (curated, site) = (settings.required("CURATED_BUCKET"), settings.required("SITE_BUCKET"));
        let contracts = settings.required("CONTRACTS");
        let databases = settings.optional("GLUE_DATABASES").unwrap_or_else(|| DATABASES.to_owned());
        settings.finish(())?;
        let place = Place { bucket: curated.clone(), databases };
        let client = Client::new(&host::aws_config().await);
        let bucket = |name: String| -> Arc<dyn ObjectStore> { Arc::new(S3Store::new(client.clone(), name)) };
        Ok(Self {
            raw: bucket(raw),
            refined: bucket(refined),
            curated: bucket(curated),
            site: bucket(site),
            catalogue: Arc::new(host::load_contracts(&contracts)?),
            place,
        })
    }
}

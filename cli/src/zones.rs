//! The zones of a lake, for operators' commands: those of the local platform, or of the account in the environment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use aws_config::BehaviorVersion;
use aws_sdk_s3::Client as S3Client;
use aws_sdk_s3::config::Credentials;
use contract::Catalogue;
use event_relay::producer::KafkaSettings;
use snapshot_merge::{Buckets, Context, Sizes};
use store::{GlueCatalogue, ObjectStore, S3Store};

use crate::args::{Failed, Lake, Place};
use crate::client::Client;
use crate::platform::glue::DATABASES;
use crate::platform::s3::{ACCESS_KEY, SECRET_KEY};

/// The zones, the contracts, and where Kafka is.
pub struct Zones {
    /// The raw zone.
    pub raw: Arc<dyn ObjectStore>,
    /// The refined zone, with quarantine and receipts.
    pub refined: Arc<dyn ObjectStore>,
    /// The curated zone.
    pub curated: Arc<dyn ObjectStore>,
    /// The reports, where the bucket is named.
    pub site: Option<Arc<dyn ObjectStore>>,
    /// The compiled contracts.
    pub catalogue: Arc<Catalogue>,
    /// Where readers find the curated zone: a folder of this machine, or `s3://` and the bucket.
    pub curated_root: String,
    /// Kafka, where it can be asked.
    pub kafka: Option<KafkaSettings>,
    /// The local platform, kept as long as the zones are.
    client: Option<Client>,
}

impl Zones {
    /// Opens what the arguments say.
    pub(crate) async fn open(lake: &Lake) -> Result<Self, Failed> {
        if lake.aws {
            Self::of_account(&lake.place).await
        } else {
            Self::of_platform(&lake.place).await
        }
    }

    /// The account that the environment signs in to. The buckets are named by the functions' own variables.
    async fn of_account(place: &Place) -> Result<Self, Failed> {
        let environment: BTreeMap<String, String> = std::env::vars().collect();
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let s3 = S3Client::new(&host::aws_config().await);
        let zone = |name: &str| -> Result<Arc<dyn ObjectStore>, Failed> {
            let missing =
                || format!("with --aws, {name} names the zone's bucket, as for the functions");
            Ok(Arc::new(S3Store::new(
                s3.clone(),
                variable(name).ok_or_else(missing)?,
            )))
        };
        let kafka = variable("KAFKA_BOOTSTRAP").map(|bootstrap| KafkaSettings {
            bootstrap: bootstrap.clone(),
            region: variable("AWS_REGION").cloned().unwrap_or_default(),
            iam: variable("KAFKA_AUTH").is_none_or(|auth| auth != "none"),
        });
        Ok(Self {
            raw: zone("RAW_BUCKET")?,
            refined: zone("REFINED_BUCKET")?,
            curated: zone("CURATED_BUCKET")?,
            site: variable("SITE_BUCKET").and_then(|_| zone("SITE_BUCKET").ok()),
            curated_root: format!(
                "s3://{}",
                variable("CURATED_BUCKET").map_or("", String::as_str)
            ),
            catalogue: Arc::new(host::load_contracts(&place.contracts.to_string_lossy())?),
            kafka,
            client: None,
        })
    }

    async fn of_platform(place: &Place) -> Result<Self, Failed> {
        if !place.dir.join("s3").is_dir() {
            let message = format!(
                "there is no lake in {}; give --dir, or --aws for an account",
                place.dir.display()
            );
            return Err(message.into());
        }
        let client = Client::open(place).await?;
        let places = client.status().await?["places"].clone();
        let address = |name: &str| places[name].as_str().unwrap_or_default().to_owned();
        let catalogue = host::load_contracts(&place.contracts.to_string_lossy())?;
        let mut zones = Self::local(&address("s3"), &address("kafka"), catalogue).await;
        zones.client = Some(client);
        zones.curated_root = std::path::absolute(place.dir.join("s3/curated"))?
            .display()
            .to_string();
        Ok(zones)
    }

    /// The zones of a local platform by its endpoints.
    pub async fn local(s3: &str, kafka: &str, catalogue: Catalogue) -> Self {
        let s3 = S3Client::new(&local_config(s3).await);
        let zone =
            |name: &str| -> Arc<dyn ObjectStore> { Arc::new(S3Store::new(s3.clone(), name)) };
        let kafka = KafkaSettings {
            bootstrap: kafka.to_owned(),
            region: String::new(),
            iam: false,
        };
        let zones = Self::of(
            zone("raw"),
            zone("refined"),
            zone("curated"),
            Arc::new(catalogue),
        );
        Self {
            kafka: Some(kafka),
            site: Some(zone("site")),
            ..zones
        }
    }

    /// Zones over any stores, without Kafka.
    #[must_use]
    pub fn of(
        raw: Arc<dyn ObjectStore>,
        refined: Arc<dyn ObjectStore>,
        curated: Arc<dyn ObjectStore>,
        catalogue: Arc<Catalogue>,
    ) -> Self {
        let curated_root = "s3://curated".to_owned();
        Self {
            raw,
            refined,
            curated,
            site: None,
            catalogue,
            curated_root,
            kafka: None,
            client: None,
        }
    }

    /// The local platform's door; none for an account.
    pub(crate) fn door(&self) -> Option<&Client> {
        self.client.as_ref()
    }

    /// What a merge needs, over these zones: the catalogue is the local platform's, or the account's.
    pub(crate) async fn merge_context(&self) -> Result<Context, Failed> {
        let Some(client) = &self.client else {
            return Ok(Context::from_env().await?);
        };
        let places = client.status().await?["places"].clone();
        let endpoint = places["glue"]
            .as_str()
            .ok_or("the platform has no catalogue")?;
        let glue = aws_sdk_glue::Client::new(&local_config(endpoint).await);
        let bucket = |name: &str| name.to_owned();
        Ok(Context {
            raw: Arc::clone(&self.raw),
            refined: Arc::clone(&self.refined),
            curated: Arc::clone(&self.curated),
            buckets: Buckets {
                raw: bucket("raw"),
                refined: bucket("refined"),
                curated: bucket("curated"),
            },
            databases: DATABASES.to_owned(),
            glue: Arc::new(GlueCatalogue::new(glue)),
            catalogue: Arc::clone(&self.catalogue),
            sizes: Sizes::default(),
        })
    }

    /// The time that records are stamped with, in milliseconds since 1970: the platform may keep another than ours.
    pub(crate) async fn now(&self) -> Result<i64, Failed> {
        if let Some(client) = &self.client {
            return client.status().await?["clock_millis"]
                .as_i64()
                .ok_or_else(|| "the platform has no clock".into());
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A client's configuration for an endpoint of the local platform.
async fn local_config(endpoint: &str) -> aws_config::SdkConfig {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region("eu-west-2")
        .endpoint_url(endpoint);
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local");
    config.credentials_provider(credentials).load().await
}

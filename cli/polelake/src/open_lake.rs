//! Opens the lake that a command works on: the local platform of a folder, or the account in the environment.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_config::BehaviorVersion;
use aws_sdk_s3::Client as S3Client;
use aws_sdk_s3::config::Credentials;
use contract::Catalogue;
use event_relay::producer::{KafkaSettings, partition_bounds};
use operations::{LakeHandle, PartitionOffsets};
use snapshot_merge::{Context, MergeSizes, ZoneBuckets};
use store::{GlueCatalogue, ObjectStore, S3Store};

use crate::client::PlatformClient;
use crate::error::CliError;
use crate::place::{LakeArgs, PlatformArgs};
use local_platform::glue::LOCAL_DATABASE_PREFIX;
use local_platform::s3::{ACCESS_KEY, SECRET_KEY};

/// An open lake: its zones, and the local platform that serves them.
pub struct OpenLake {
    /// The zones.
    pub zones: LakeHandle,
    /// The local platform, kept as long as the zones are; none for an account.
    client: Option<PlatformClient>,
}

/// Kafka's offsets, asked of its brokers.
struct BrokerOffsets(KafkaSettings);

#[async_trait]
impl PartitionOffsets for BrokerOffsets {
    async fn of_topic(&self, topic: &str) -> Result<BTreeMap<i32, (i64, i64)>, CliError> {
        Ok(partition_bounds(&self.0, topic).await?)
    }
}

impl OpenLake {
    /// Opens what the arguments say.
    pub async fn open(lake: &LakeArgs) -> Result<Self, CliError> {
        if lake.aws {
            Self::open_account(&lake.place).await
        } else {
            Self::open_platform(&lake.place).await
        }
    }

    /// The account that the environment signs in to. The buckets are named by the functions' own variables.
    async fn open_account(place: &PlatformArgs) -> Result<Self, CliError> {
        let environment: BTreeMap<String, String> = std::env::vars().collect();
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let s3 = S3Client::new(&host::load_aws_config().await);
        let zone = |name: &str| -> Result<Arc<dyn ObjectStore>, CliError> {
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
        let zones = LakeHandle {
            raw: zone("RAW_BUCKET")?,
            refined: zone("REFINED_BUCKET")?,
            curated: zone("CURATED_BUCKET")?,
            site: variable("SITE_BUCKET").and_then(|_| zone("SITE_BUCKET").ok()),
            curated_root: format!(
                "s3://{}",
                variable("CURATED_BUCKET").map_or("", String::as_str)
            ),
            catalogue: Arc::new(host::load_contracts(&place.contracts.to_string_lossy())?),
            kafka: kafka.map(broker_offsets),
        };
        Ok(Self {
            zones,
            client: None,
        })
    }

    async fn open_platform(place: &PlatformArgs) -> Result<Self, CliError> {
        if !place.dir.join("s3").is_dir() {
            let message = format!(
                "there is no lake in {}; give --dir, or --aws for an account",
                place.dir.display()
            );
            return Err(message.into());
        }
        let client = PlatformClient::connect_or_start(place).await?;
        let places = client.platform_status().await?["places"].clone();
        let address = |name: &str| places[name].as_str().unwrap_or_default().to_owned();
        let catalogue = host::load_contracts(&place.contracts.to_string_lossy())?;
        let mut zones = connect_local_lake(&address("s3"), &address("kafka"), catalogue).await;
        zones.curated_root = std::path::absolute(place.dir.join("s3/curated"))?
            .display()
            .to_string();
        Ok(Self {
            zones,
            client: Some(client),
        })
    }

    /// The local platform's door; none for an account.
    pub fn platform_client(&self) -> Option<&PlatformClient> {
        self.client.as_ref()
    }

    /// What a merge needs, over these zones: the catalogue is the local platform's, or the account's.
    pub async fn merge_context(&self) -> Result<Context, CliError> {
        let Some(client) = &self.client else {
            return Ok(Context::from_env().await?);
        };
        let places = client.platform_status().await?["places"].clone();
        let endpoint = places["glue"]
            .as_str()
            .ok_or("the platform has no catalogue")?;
        let glue = aws_sdk_glue::Client::new(&local_aws_config(endpoint).await);
        let bucket = |name: &str| name.to_owned();
        Ok(Context {
            raw: Arc::clone(&self.zones.raw),
            refined: Arc::clone(&self.zones.refined),
            curated: Arc::clone(&self.zones.curated),
            buckets: ZoneBuckets {
                raw: bucket("raw"),
                refined: bucket("refined"),
                curated: bucket("curated"),
            },
            database_prefix: LOCAL_DATABASE_PREFIX.to_owned(),
            glue: Arc::new(GlueCatalogue::new(glue)),
            catalogue: Arc::clone(&self.zones.catalogue),
            sizes: MergeSizes::default(),
        })
    }

    /// The time that records are stamped with, in milliseconds since 1970: the platform may keep another than ours.
    pub async fn current_millis(&self) -> Result<i64, CliError> {
        if let Some(client) = &self.client {
            return client.platform_status().await?["clock_millis"]
                .as_i64()
                .ok_or_else(|| "the platform has no clock".into());
        }
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Ok(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    }
}

/// The zones of a local platform by its endpoints.
pub async fn connect_local_lake(s3: &str, kafka: &str, catalogue: Catalogue) -> LakeHandle {
    let s3 = S3Client::new(&local_aws_config(s3).await);
    let zone = |name: &str| -> Arc<dyn ObjectStore> { Arc::new(S3Store::new(s3.clone(), name)) };
    let kafka = KafkaSettings {
        bootstrap: kafka.to_owned(),
        region: String::new(),
        iam: false,
    };
    let zones = LakeHandle::from_stores(
        zone("raw"),
        zone("refined"),
        zone("curated"),
        Arc::new(catalogue),
    );
    LakeHandle {
        kafka: Some(broker_offsets(kafka)),
        site: Some(zone("site")),
        ..zones
    }
}

fn broker_offsets(settings: KafkaSettings) -> Arc<dyn PartitionOffsets> {
    Arc::new(BrokerOffsets(settings))
}

/// A client's configuration for an endpoint of the local platform.
async fn local_aws_config(endpoint: &str) -> aws_config::SdkConfig {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region("eu-west-2")
        .endpoint_url(endpoint);
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local");
    config.credentials_provider(credentials).load().await
}

//! Opens the lake that a command works on: the local platform of a folder, or the AWS account of
//! the environment.

use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_glue::Client as GlueClient;
use aws_sdk_s3::Client as S3Client;
use aws_sdk_s3::config::Credentials;
use contract::Catalogue;
use event_relay::kafka::{KafkaSettings, SendError, partition_bounds};
use local_platform::ExternalParts;
use local_platform::glue::LOCAL_DATABASE_PREFIX;
use local_platform::identity_key::read_identity_key;
use local_platform::run_contracts::ContractUse;
use local_platform::s3::{ACCESS_KEY, SECRET_KEY};
use operations::{LakeHandle, PartitionOffsets, TopicOffsets, WorkStage};
use quality_report::{Context as ReportContext, QueryLocation, ReportOutputSettings};
use serde_json::Value;
use snapshot_merge::{Context, MergeSizes};
use store::{GlueCatalogue, ObjectStore, S3Store, SqsQueue, UnreadableObjects};

use crate::aws_environment::AwsEnvironment;
use crate::client::{PlatformClient, has_lake, require_contracts};
use crate::error::CliError;
use crate::place::{LakeArgs, PlatformArgs};

/// The lake that a command works on.
pub struct OpenLake {
    /// The handle on the lake, for the work of operators.
    pub handle: LakeHandle,
    origin: LakeOrigin,
}

/// Who serves the lake.
enum LakeOrigin {
    /// The local platform of a folder. The client keeps it running.
    Platform(Box<PlatformClient>),
    /// The AWS account that the environment signs in to.
    Account(Box<AwsAccount>),
}

/// An AWS account, and the stack in it.
struct AwsAccount {
    config: SdkConfig,
    environment: AwsEnvironment,
}

/// Kafka's offsets, as its brokers report them.
struct BrokerOffsets(KafkaSettings);

#[async_trait]
impl PartitionOffsets for BrokerOffsets {
    async fn of_topic(&self, topic: &str) -> Result<TopicOffsets, CliError> {
        let error = match partition_bounds(&self.0, topic).await {
            Ok(partitions) => return Ok(TopicOffsets::Partitions(partitions)),
            Err(error) => error,
        };
        match &error {
            SendError::TopicMissing(_) => Ok(TopicOffsets::Refused {
                what: format!("{error}: its senders get 503"),
                next: error.remedy().unwrap_or_default().to_owned(),
            }),
            // That is about this role: the relay has another.
            SendError::TopicDenied(_) => Ok(TopicOffsets::Refused {
                what: error.to_string(),
                next: "grant this role `kafka-cluster:DescribeTopic` on it".to_owned(),
            }),
            _ => Err(error.into()),
        }
    }
}

impl OpenLake {
    /// Opens the lake that the arguments name.
    pub async fn open(lake: &LakeArgs) -> Result<Self, CliError> {
        if lake.aws {
            Self::open_account(&lake.place).await
        } else {
            Self::open_platform(&lake.place).await
        }
    }

    /// Opens the lake of the account that the environment signs in to.
    async fn open_account(place: &PlatformArgs) -> Result<Self, CliError> {
        let environment = AwsEnvironment::from_variables(std::env::vars())?;
        let config = host::load_aws_config().await;
        let s3 = S3Client::new(&config);
        let site = environment.site_bucket.as_deref();

        let handle = LakeHandle {
            raw: bucket_store(&s3, &environment.raw_bucket),
            refined: bucket_store(&s3, &environment.refined_bucket),
            curated: bucket_store(&s3, &environment.curated_bucket),
            site: site.map(|bucket| bucket_store(&s3, bucket)),
            curated_root: format!("s3://{}", environment.curated_bucket),
            catalogue: load_catalogue(place)?,
            identity_key: None,
            kafka: environment.kafka.clone().map(broker_offsets),
            unreadable: UnreadableObjects::default(),
            stage: WorkStage::default(),
        };
        let account = AwsAccount {
            config,
            environment,
        };
        Ok(Self {
            handle,
            origin: LakeOrigin::Account(Box::new(account)),
        })
    }

    /// Opens the lake of a local platform's folder, and starts the platform when it is not running.
    async fn open_platform(place: &PlatformArgs) -> Result<Self, CliError> {
        let folder = place.dir.display();
        if !has_lake(&place.dir)? {
            let why = format!(
                "there is no lake in {folder}; `polelake demo` or `polelake up` makes one, --dir \
                 names another folder, --aws an account"
            );
            return Err(why.into());
        }

        let client = PlatformClient::connect_or_start(place).await?;
        let status = client.platform_status().await?;
        let parts = client.parts();
        let s3 = platform_s3_client(parts, &status).await?;
        let kafka = match &parts.kafka {
            Some(kafka) => kafka.settings()?,
            None => KafkaSettings::open(endpoint_of(&status, "kafka")?),
        };
        let curated_root = match parts.s3 {
            Some(_) => format!("s3://{}", parts.bucket_of("curated")),
            None => local_curated_root(&place.dir)?,
        };

        let handle = LakeHandle {
            curated_root,
            ..platform_lake_handle(&s3, parts, kafka, load_catalogue(place)?)
        };
        Ok(Self {
            handle,
            origin: LakeOrigin::Platform(Box::new(client)),
        })
    }

    /// Opens the lake for a command that has the platform's functions map events again.
    ///
    /// # Errors
    /// When the local platform runs other contracts than those of the arguments.
    pub async fn open_with_contracts(lake: &LakeArgs) -> Result<Self, CliError> {
        let opened = Self::open(lake).await?;
        if let Some(client) = opened.platform_client() {
            let used = ContractUse::Lake;
            client.require_same_contracts(&lake.place, used).await?;
        }
        Ok(opened)
    }

    /// Opens the lake with the key of its ids, for a command that maps events again itself.
    pub async fn open_with_identity_key(lake: &LakeArgs) -> Result<Self, CliError> {
        let mut opened = Self::open(lake).await?;
        let key = match &opened.origin {
            LakeOrigin::Platform(_) => read_identity_key(&lake.place.dir)?,
            LakeOrigin::Account(account) => {
                let secret = account.environment.require_identity_secret()?;
                host::read_identity_secret(&account.config, secret).await?
            }
        };
        host::check_identity_key(&*opened.handle.refined, &key).await?;
        opened.handle.identity_key = Some(key);
        Ok(opened)
    }

    /// The local platform's client; none for an account.
    pub fn platform_client(&self) -> Option<&PlatformClient> {
        match &self.origin {
            LakeOrigin::Platform(client) => Some(client),
            LakeOrigin::Account(_) => None,
        }
    }

    /// What the names of Glue's databases begin with.
    ///
    /// # Errors
    /// When the environment does not name the stack.
    pub fn database_prefix(&self) -> Result<&str, CliError> {
        match &self.origin {
            LakeOrigin::Platform(_) => Ok(LOCAL_DATABASE_PREFIX),
            LakeOrigin::Account(account) => account.environment.require_database_prefix(),
        }
    }

    /// The account's sign-in, and the stack's name where the environment has it; none for a local
    /// platform.
    pub fn account(&self) -> Option<(&SdkConfig, Option<&str>)> {
        match &self.origin {
            LakeOrigin::Platform(_) => None,
            LakeOrigin::Account(account) => {
                Some((&account.config, account.environment.stack.as_deref()))
            }
        }
    }

    /// An account's events queue, where the environment names it; none for a local platform, whose
    /// status tells what its queue holds.
    pub fn events_queue(&self) -> Option<SqsQueue> {
        match &self.origin {
            LakeOrigin::Platform(_) => None,
            LakeOrigin::Account(account) => {
                let url = account.environment.events_queue.as_ref()?;
                Some(SqsQueue::open(&account.config, url))
            }
        }
    }

    /// The context of a merge of this lake, with the contracts of `--contracts`.
    pub async fn merge_context(&self) -> Result<Context, CliError> {
        let (glue, buckets) = match &self.origin {
            LakeOrigin::Platform(client) => {
                let glue = platform_glue_client(client).await?;
                (glue, client.parts().zone_buckets())
            }
            LakeOrigin::Account(account) => {
                let glue = GlueClient::new(&account.config);
                (glue, account.environment.zone_buckets())
            }
        };

        Ok(Context {
            raw: Arc::clone(&self.handle.raw),
            refined: Arc::clone(&self.handle.refined),
            curated: Arc::clone(&self.handle.curated),
            buckets,
            database_prefix: self.database_prefix()?.to_owned(),
            glue: Arc::new(GlueCatalogue::new(glue)),
            catalogue: Arc::clone(&self.handle.catalogue),
            identity_key: self.handle.identity_key.clone().map(Arc::new),
            sizes: MergeSizes::default(),
        })
    }

    /// The context of a report on this lake, with the contracts of `--contracts`; none where the
    /// site's bucket is not named. A report that an operator makes again alerts no one.
    pub fn report_context(&self) -> Result<Option<ReportContext>, CliError> {
        let Some(site) = self.handle.site.clone() else {
            return Ok(None);
        };
        let buckets = match &self.origin {
            LakeOrigin::Platform(client) => client.parts().zone_buckets(),
            LakeOrigin::Account(account) => account.environment.zone_buckets(),
        };

        Ok(Some(ReportContext {
            raw: Arc::clone(&self.handle.raw),
            refined: Arc::clone(&self.handle.refined),
            curated: Arc::clone(&self.handle.curated),
            site,
            catalogue: Arc::clone(&self.handle.catalogue),
            query_location: QueryLocation {
                bucket: buckets.curated.clone(),
                database_prefix: self.database_prefix()?.to_owned(),
            },
            output_settings: ReportOutputSettings {
                alert_notifier: None,
                site_url: None,
                raw_bucket: buckets.raw,
                curated_bucket: buckets.curated,
            },
        }))
    }

    /// The time that records are stamped with, in milliseconds since 1970. The local platform may
    /// keep another time than this machine.
    pub async fn current_millis(&self) -> Result<i64, CliError> {
        if let Some(client) = self.platform_client() {
            let status = client.platform_status().await?;
            let millis = status["clock_millis"].as_i64();
            let what =
                "the platform that runs tells no time: another version started it; start it again";
            return millis.ok_or_else(|| what.into());
        }

        let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
        Ok(i64::try_from(now.as_millis())?)
    }
}

/// A handle on the lake of a local platform, by the platform's endpoints.
pub async fn connect_local_lake(s3: &str, kafka: &str, catalogue: Catalogue) -> LakeHandle {
    let s3 = S3Client::new(&local_aws_config(s3).await);
    let kafka = KafkaSettings::open(kafka);

    platform_lake_handle(&s3, &ExternalParts::default(), kafka, Arc::new(catalogue))
}

fn platform_lake_handle(
    s3: &S3Client,
    parts: &ExternalParts,
    kafka: KafkaSettings,
    catalogue: Arc<Catalogue>,
) -> LakeHandle {
    let buckets = parts.zone_buckets();
    let handle = LakeHandle::from_stores(
        bucket_store(s3, &buckets.raw),
        bucket_store(s3, &buckets.refined),
        bucket_store(s3, &buckets.curated),
        catalogue,
    );
    LakeHandle {
        kafka: Some(broker_offsets(kafka)),
        site: Some(bucket_store(s3, &parts.site_bucket())),
        ..handle
    }
}

/// Where readers find the curated zone of the embedded S3.
fn local_curated_root(folder: &Path) -> Result<String, CliError> {
    let root = std::path::absolute(folder.join("s3/curated"))?;
    Ok(root.display().to_string())
}

/// A client of the platform's S3, embedded or external.
async fn platform_s3_client(parts: &ExternalParts, status: &Value) -> Result<S3Client, CliError> {
    match &parts.s3 {
        Some(s3) => Ok(s3.client().await),
        None => Ok(S3Client::new(
            &local_aws_config(endpoint_of(status, "s3")?).await,
        )),
    }
}

/// A client of the platform's Glue, embedded or external.
async fn platform_glue_client(client: &PlatformClient) -> Result<GlueClient, CliError> {
    if let Some(glue) = client.parts().glue_client().await {
        return Ok(glue);
    }
    let status = client.platform_status().await?;
    let config = local_aws_config(endpoint_of(&status, "glue")?).await;
    Ok(GlueClient::new(&config))
}

fn bucket_store(s3: &S3Client, bucket: &str) -> Arc<dyn ObjectStore> {
    Arc::new(S3Store::new(s3.clone(), bucket))
}

/// The site's bucket of the platform that a client talks to.
///
/// # Errors
/// When the platform does not answer, or has no S3 endpoint.
pub(crate) async fn open_platform_site(
    client: &PlatformClient,
) -> Result<Arc<dyn ObjectStore>, CliError> {
    let status = client.platform_status().await?;
    let s3 = platform_s3_client(client.parts(), &status).await?;
    Ok(bucket_store(&s3, &client.parts().site_bucket()))
}

fn broker_offsets(settings: KafkaSettings) -> Arc<dyn PartitionOffsets> {
    Arc::new(BrokerOffsets(settings))
}

fn load_catalogue(place: &PlatformArgs) -> Result<Arc<Catalogue>, CliError> {
    let folder = place.contracts.to_string_lossy();
    require_contracts(&place.contracts)?;
    let catalogue = host::load_contracts(&folder).map_err(|failure| failure.message)?;
    Ok(Arc::new(catalogue))
}

/// An endpoint of the local platform, as its status names it.
fn endpoint_of<'s>(status: &'s Value, service: &str) -> Result<&'s str, CliError> {
    status["places"][service].as_str().ok_or_else(|| {
        format!(
            "the platform that runs has no endpoint of {service}: another version started it; \
                 start it again"
        )
        .into()
    })
}

/// A client's configuration for an endpoint of the local platform.
async fn local_aws_config(endpoint: &str) -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local");
    aws_config::defaults(BehaviorVersion::latest())
        .region("eu-west-2")
        .endpoint_url(endpoint)
        .credentials_provider(credentials)
        .load()
        .await
}

//! Clients of the external parts, and what a start checks and makes there.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use aws_sdk_glue::error::ProvideErrorMetadata;
use aws_sdk_glue::types::DatabaseInput;
use event_relay::kafka::{OffsetsClient, SendError};
use store::{ObjectStore, S3Store, describe_causes, s3_client};

use super::{ExternalParts, ExternalS3};
use crate::BUCKETS;
use crate::s3::{ACCESS_KEY, SECRET_KEY};

/// The region where the environment names none: most S3s of other authors take any.
pub(crate) const LOCAL_REGION: &str = "eu-west-2";

impl ExternalS3 {
    /// A client with the credentials of the environment.
    pub async fn client(&self) -> aws_sdk_s3::Client {
        let config = host::load_aws_config_at(&self.endpoint, LOCAL_REGION).await;
        s3_client(&config, Some(&self.endpoint))
    }
}

impl ExternalParts {
    /// A client of the external Glue, with the credentials of the environment.
    pub async fn glue_client(&self) -> Option<aws_sdk_glue::Client> {
        let endpoint = self.glue.as_ref()?;
        let config = host::load_aws_config_at(endpoint, LOCAL_REGION).await;
        Some(aws_sdk_glue::Client::new(&config))
    }

    /// The stores of the raw and the refined zone, where S3 is external.
    pub(crate) async fn open_zones(&self) -> Option<[Arc<dyn ObjectStore>; 2]> {
        let client = self.s3.as_ref()?.client().await;
        let open = |zone| -> Arc<dyn ObjectStore> {
            Arc::new(S3Store::new(client.clone(), self.bucket_of(zone)))
        };
        Some([open("raw"), open("refined")])
    }

    /// The variables by which the functions find their credentials and their region: those of this
    /// command where a part asks for them.
    pub(crate) async fn credential_environment(&self) -> BTreeMap<String, String> {
        let endpoint = self.s3.as_ref().map(|s3| &s3.endpoint);
        let Some(endpoint) = endpoint.or(self.glue.as_ref()) else {
            let pairs = [
                ("AWS_ACCESS_KEY_ID", ACCESS_KEY),
                ("AWS_SECRET_ACCESS_KEY", SECRET_KEY),
                ("AWS_REGION", LOCAL_REGION),
            ];
            return pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        };

        let mut variables = function_credentials(std::env::vars());
        let config = host::load_aws_config_at(endpoint, LOCAL_REGION).await;
        let region = config.region().map_or(LOCAL_REGION, AsRef::as_ref);
        variables.insert("AWS_REGION".to_owned(), region.to_owned());
        variables
    }

    /// The key pair that the embedded S3 takes besides its own: the functions have one pair for S3
    /// and for an external Glue.
    ///
    /// # Errors
    /// When the environment names none.
    pub(crate) fn embedded_s3_key(&self) -> io::Result<Option<(String, String)>> {
        if self.glue.is_none() {
            return Ok(None);
        }
        let key = std::env::var("AWS_ACCESS_KEY_ID");
        let secret = std::env::var("AWS_SECRET_ACCESS_KEY");
        match (key, secret) {
            (Ok(key), Ok(secret)) => Ok(Some((key, secret))),
            _ => Err(io::Error::other(
                "--glue without --s3 needs the variables AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY: the embedded S3 knows no other credentials",
            )),
        }
    }

    /// Checks that every bucket is there and may be used.
    ///
    /// # Errors
    /// The first one that is not, with what to do.
    pub(crate) async fn check_buckets(&self) -> io::Result<()> {
        let Some(s3) = &self.s3 else { return Ok(()) };
        let client = s3.client().await;
        for zone in BUCKETS {
            let bucket = self.bucket_of(zone);
            let Err(error) = client.head_bucket().bucket(&bucket).send().await else {
                continue;
            };
            let status = error.raw_response().map(|answer| answer.status().as_u16());
            let why = match status {
                Some(404) => format!(
                    "has no bucket `{bucket}`: create it, or name the beginning of other names \
                     with --bucket"
                ),
                Some(401 | 403) => format!(
                    "does not let these credentials use the bucket `{bucket}`; they come from \
                     AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or from AWS_PROFILE"
                ),
                _ => format!(
                    "cannot be asked for the bucket `{bucket}`: {}",
                    describe_causes(&error)
                ),
            };
            return Err(io::Error::other(format!("the S3 at {} {why}", s3.endpoint)));
        }
        Ok(())
    }

    /// Creates the databases that an external Glue lacks, as Terraform does on AWS.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub(crate) async fn create_databases(
        &self,
        names: impl IntoIterator<Item = String>,
    ) -> io::Result<()> {
        let Some(client) = self.glue_client().await else {
            return Ok(());
        };
        for name in names {
            create_database(&client, &name).await.map_err(|why| {
                let glue = self.glue.as_deref().unwrap_or_default();
                io::Error::other(format!("the Glue at {glue}: database `{name}`: {why}"))
            })?;
        }
        Ok(())
    }

    /// Those of the topics that an external Kafka does not have. They are not created: how many
    /// partitions and copies a topic has is its owner's choice.
    ///
    /// # Errors
    /// When it does not answer, or refuses.
    pub(crate) async fn missing_topics(&self, topics: &[String]) -> io::Result<Vec<String>> {
        let Some(kafka) = &self.kafka else {
            return Ok(Vec::new());
        };
        let offsets = OffsetsClient::new(kafka.settings().map_err(io::Error::other)?);
        let mut missing = Vec::new();
        for topic in topics {
            match offsets.partition_bounds(topic).await {
                Ok(_) => {}
                Err(SendError::TopicMissing(topic)) => missing.push(topic),
                Err(error) => {
                    let message = format!("the Kafka at {}: {error}", kafka.bootstrap);
                    return Err(io::Error::other(message));
                }
            }
        }
        Ok(missing)
    }
}

async fn create_database(client: &aws_sdk_glue::Client, name: &str) -> Result<(), String> {
    let found = client.get_database().name(name).send().await;
    let Err(error) = found else { return Ok(()) };
    if error.code() != Some("EntityNotFoundException") {
        return Err(describe_causes(&error));
    }

    let input = DatabaseInput::builder().name(name).build();
    let input = input.map_err(|error| error.to_string())?;
    let created = client.create_database().database_input(input).send().await;
    match created {
        Err(error) if error.code() != Some("AlreadyExistsException") => {
            Err(describe_causes(&error))
        }
        _ => Ok(()),
    }
}

/// The variables by which the functions find the credentials of this command. Endpoints are not
/// among them: the platform names its own.
#[must_use]
pub fn function_credentials(
    variables: impl Iterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    let is_credential = |name: &str| {
        // A profile lies below the home folder.
        name == "HOME"
            || (name.starts_with("AWS_")
                && !name.starts_with("AWS_ENDPOINT_URL")
                && !name.starts_with("AWS_LAMBDA"))
    };
    variables.filter(|(name, _)| is_credential(name)).collect()
}

//! The connection to Kafka.

use std::time::Duration;

use krafka::Kafka;
use krafka::auth::{AuthConfig, AwsMskIamCredentials};

/// One request to a broker.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// One attempt to send a whole batch, connecting included.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// How to reach Kafka.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// `host:port,host:port`.
    pub bootstrap: String,
    /// The region that signs the requests.
    pub region: String,
    /// Whether to sign in with the function's role (MSK IAM, over TLS) or not at all.
    pub iam: bool,
}

/// Connects to Kafka, and signs in where the settings say so.
pub(crate) async fn connect_kafka(
    settings: &KafkaSettings,
    within: Duration,
) -> krafka::Result<Kafka> {
    let mut builder = Kafka::builder(&settings.bootstrap)
        .client_id("polelake")
        .connect_timeout(REQUEST_TIMEOUT.min(within))
        .request_timeout(REQUEST_TIMEOUT.min(within));
    if settings.iam {
        let region = settings.region.clone();
        // The role's credentials rotate: every new connection reads them again.
        builder = builder.security(AuthConfig::aws_msk_iam_provider(move || {
            let region = region.clone();
            async move { AwsMskIamCredentials::from_env_with_region(region) }
        }));
    }
    builder.connect().await
}

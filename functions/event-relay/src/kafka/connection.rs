//! The connection to Kafka.

use std::path::Path;
use std::time::Duration;

use krafka::Kafka;
use krafka::auth::{AuthConfig, AwsMskIamCredentials};

use super::properties::KafkaProperties;

/// One request to a broker.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// One attempt to send a whole batch, connecting included.
pub(crate) const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);

/// What the setting of the security begins with where a properties file has it.
const PROPERTIES_PREFIX: &str = "properties:";

/// How to reach Kafka.
#[derive(Clone, Debug)]
pub struct KafkaSettings {
    /// `host:port,host:port`.
    pub bootstrap: String,
    /// How to sign in.
    pub security: KafkaSecurity,
}

impl KafkaSettings {
    /// Brokers that ask for no login, and are reached without TLS.
    #[must_use]
    pub fn open(bootstrap: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            security: KafkaSecurity::Open,
        }
    }
}

/// How to sign in to Kafka.
#[derive(Clone, Debug)]
pub enum KafkaSecurity {
    /// Not at all, and without TLS.
    Open,
    /// With the function's role (MSK IAM), over TLS.
    MskIam {
        /// The region that signs the requests.
        region: String,
    },
    /// As a properties file says.
    Properties(KafkaProperties),
}

impl KafkaSecurity {
    /// The security that a setting names: `msk-iam`, `none`, or `properties:` and the path of a
    /// file. Without a setting it is `msk-iam`.
    ///
    /// # Errors
    /// When the setting is none of these, or the file cannot be used; the text names it.
    pub fn from_setting(setting: Option<&str>, region: String) -> Result<Self, String> {
        match setting {
            None | Some("msk-iam") => Ok(Self::MskIam { region }),
            Some("none") => Ok(Self::Open),
            Some(other) => match other.strip_prefix(PROPERTIES_PREFIX) {
                Some(path) => KafkaProperties::read(Path::new(path)).map(Self::Properties),
                None => Err(format!(
                    "KAFKA_AUTH is `{other}`; it is `msk-iam`, `none` or `properties:` and a path"
                )),
            },
        }
    }

    /// The setting that names the security of a properties file.
    #[must_use]
    pub fn properties_setting(file: &Path) -> String {
        format!("{PROPERTIES_PREFIX}{}", file.display())
    }

    /// What the client is told; none where it signs in nowhere.
    fn auth_config(&self) -> Option<AuthConfig> {
        match self {
            Self::Open => None,
            Self::MskIam { region } => {
                let region = region.clone();
                // The role's credentials rotate: every new connection reads them again.
                Some(AuthConfig::aws_msk_iam_provider(move || {
                    let region = region.clone();
                    async move { AwsMskIamCredentials::from_env_with_region(region) }
                }))
            }
            Self::Properties(properties) => Some(properties.auth_config()),
        }
    }
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
    if let Some(security) = settings.security.auth_config() {
        builder = builder.security(security);
    }
    builder.connect().await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_setting(setting: Option<&str>) -> Result<KafkaSecurity, String> {
        KafkaSecurity::from_setting(setting, "eu-west-2".to_owned())
    }

    #[test]
    fn a_setting_names_the_security_or_is_refused() {
        for setting in [None, Some("msk-iam")] {
            let security = from_setting(setting).unwrap();
            assert!(
                matches!(security, KafkaSecurity::MskIam { region } if region == "eu-west-2"),
                "{setting:?}"
            );
        }
        let open = from_setting(Some("none")).unwrap();
        assert!(matches!(open, KafkaSecurity::Open));

        let other = from_setting(Some("scram")).unwrap_err();
        assert!(other.contains("`scram`"), "{other}");
        let missing = from_setting(Some("properties:/no/such.properties")).unwrap_err();
        assert!(missing.contains("/no/such.properties"), "{missing}");
    }
}

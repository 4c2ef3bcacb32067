//! External parts of the platform: an Apache Kafka, an S3, a Glue of the user's own.
//!
//! What is not named is embedded. The functions know no difference: they are given other endpoints.
//! A folder keeps its parts, because its offsets and positions mean nothing in another Kafka or
//! bucket.

mod clients;
mod endpoint;
mod record;

use std::path::PathBuf;

use event_relay::kafka::{KafkaProperties, KafkaSecurity, KafkaSettings};
use serde::{Deserialize, Serialize};
use snapshot_merge::ZoneBuckets;

pub use clients::function_credentials;
use endpoint::{endpoint_host, is_loopback_host, split_bootstrap};
pub use record::{read_parts, settle_parts, write_parts};

use crate::BUCKETS;

/// The external parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExternalParts {
    /// The brokers of Kafka.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kafka: Option<ExternalKafka>,
    /// The S3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub s3: Option<ExternalS3>,
    /// The endpoint of Glue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glue: Option<String>,
}

/// An external Kafka.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalKafka {
    /// `host:port,host:port`.
    pub bootstrap: String,
    /// The properties file that says how to sign in; its login stays there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<PathBuf>,
}

/// An external S3.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalS3 {
    /// `http://host:port`, or `https://…`.
    pub endpoint: String,
    /// What the names of the buckets begin with; without it they are those of the embedded S3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bucket: Option<String>,
}

impl ExternalParts {
    /// Whether every part is embedded.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        *self == Self::default()
    }

    /// Checks what can be seen of the parts without asking them.
    ///
    /// # Errors
    /// What is no address, or a properties file that cannot be used; the text names the option.
    pub fn check(&self) -> Result<(), String> {
        self.hosts()?;
        if let Some(kafka) = &self.kafka {
            kafka.settings()?;
        }
        let prefix = self.s3.as_ref().and_then(|s3| s3.bucket.as_deref());
        match prefix.filter(|prefix| !is_bucket_prefix(prefix)) {
            Some(prefix) => Err(format!(
                "--bucket {prefix}: the names of buckets have lower-case letters, digits, `-` and \
                 `.`, and at most 55 of them before `-curated`"
            )),
            None => Ok(()),
        }
    }

    /// The hosts that are not this machine, each with its option.
    ///
    /// # Errors
    /// As [`ExternalParts::check`].
    pub fn remote_hosts(&self) -> Result<Vec<String>, String> {
        let hosts = self.hosts()?.into_iter();
        let remote = hosts.filter(|(_, host)| !is_loopback_host(host));
        Ok(remote
            .map(|(option, host)| format!("{host} ({option})"))
            .collect())
    }

    /// The host of every endpoint, with the option that names it.
    fn hosts(&self) -> Result<Vec<(&'static str, String)>, String> {
        let mut hosts = Vec::new();
        if let Some(kafka) = &self.kafka {
            let named = split_bootstrap(&kafka.bootstrap)?;
            hosts.extend(named.into_iter().map(|host| ("--kafka", host)));
        }
        let s3 = self.s3.as_ref().map(|s3| s3.endpoint.as_str());
        for (option, endpoint) in [("--s3", s3), ("--glue", self.glue.as_deref())] {
            if let Some(endpoint) = endpoint {
                hosts.push((option, endpoint_host(option, endpoint)?));
            }
        }
        Ok(hosts)
    }

    /// The parts as the options that name them, or that they are embedded.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut words = Vec::new();
        if let Some(kafka) = &self.kafka {
            words.push(format!("--kafka {}", kafka.bootstrap));
            let config = kafka.config.as_ref();
            words.extend(config.map(|file| format!("--kafka-config {}", file.display())));
        }
        if let Some(s3) = &self.s3 {
            words.push(format!("--s3 {}", s3.endpoint));
            words.extend(s3.bucket.as_ref().map(|name| format!("--bucket {name}")));
        }
        words.extend(self.glue.as_ref().map(|glue| format!("--glue {glue}")));
        match words.is_empty() {
            true => "embedded parts alone".to_owned(),
            false => format!("`{}`", words.join(" ")),
        }
    }

    /// The bucket of a zone.
    #[must_use]
    pub fn bucket_of(&self, zone: &str) -> String {
        match self.s3.as_ref().and_then(|s3| s3.bucket.as_ref()) {
            Some(prefix) => format!("{prefix}-{zone}"),
            None => zone.to_owned(),
        }
    }

    /// The buckets of the zones.
    #[must_use]
    pub fn zone_buckets(&self) -> ZoneBuckets {
        let [raw, refined, curated, _] = BUCKETS.map(|zone| self.bucket_of(zone));
        ZoneBuckets {
            raw,
            refined,
            curated,
        }
    }

    /// The bucket of the report's pages.
    #[must_use]
    pub fn site_bucket(&self) -> String {
        self.bucket_of("site")
    }
}

impl ExternalKafka {
    /// How to reach it.
    ///
    /// # Errors
    /// When its properties file cannot be used.
    pub fn settings(&self) -> Result<KafkaSettings, String> {
        let security = match &self.config {
            Some(file) => KafkaSecurity::Properties(KafkaProperties::read(file)?),
            None => KafkaSecurity::Open,
        };
        Ok(KafkaSettings {
            bootstrap: self.bootstrap.clone(),
            security,
        })
    }

    /// The setting of the functions that says how to sign in.
    pub(crate) fn security_setting(&self) -> String {
        match &self.config {
            Some(file) => KafkaSecurity::properties_setting(file),
            None => "none".to_owned(),
        }
    }
}

/// Whether a text can begin the name of a bucket: names have at most 63 characters.
fn is_bucket_prefix(text: &str) -> bool {
    let is_sign = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    let first = text.chars().next();
    text.len() <= 55
        && text.chars().all(is_sign)
        && first.is_some_and(|c| c.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests;

//! The deployed stack that `--aws` works on, by the environment's variables. docs/runbook.md sets
//! them from Terraform's outputs.

use event_relay::kafka::{KafkaSecurity, KafkaSettings};
use host::Settings;
use snapshot_merge::ZoneBuckets;

use crate::error::CliError;

/// A stack's buckets, the names of its Glue databases, its Kafka and its events queue.
#[derive(Clone, Debug)]
pub(crate) struct AwsEnvironment {
    pub(crate) raw_bucket: String,
    pub(crate) refined_bucket: String,
    pub(crate) curated_bucket: String,
    /// The bucket of the report's pages.
    pub(crate) site_bucket: Option<String>,
    /// The name of the secret that holds the identity key.
    pub(crate) identity_key_secret: Option<String>,
    /// Kafka's brokers; without them nothing is compared with Kafka's offsets.
    pub(crate) kafka: Option<KafkaSettings>,
    /// The URL of the events queue; without it what waits there is not counted.
    pub(crate) events_queue: Option<String>,
    /// The stack's name: those of Athena's workgroups begin with it.
    pub(crate) stack: Option<String>,
    database_prefix: Option<String>,
}

impl AwsEnvironment {
    /// Reads the variables. `GLUE_DATABASES` is the functions' own; without it the prefix is formed
    /// from `STACK`, as infra/main.tf forms it: Glue's names have no hyphens.
    pub(crate) fn from_variables(
        variables: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, CliError> {
        let mut settings = Settings::new(variables);
        let stack = settings.optional_text("STACK");
        let database_prefix = settings
            .optional_text("GLUE_DATABASES")
            .or_else(|| stack.as_ref().map(|name| name.replace('-', "_")));
        let kafka = kafka_settings(&settings)?;
        let environment = Self {
            raw_bucket: settings.required_text("RAW_BUCKET"),
            refined_bucket: settings.required_text("REFINED_BUCKET"),
            curated_bucket: settings.required_text("CURATED_BUCKET"),
            site_bucket: settings.optional_text("SITE_BUCKET"),
            identity_key_secret: settings.optional_text("IDENTITY_KEY_SECRET"),
            kafka,
            events_queue: settings.optional_text("EVENTS_QUEUE_URL"),
            stack,
            database_prefix,
        };

        let environment = settings.finish_with(environment);
        Ok(environment.map_err(|failure| {
            let missing = failure.message;
            format!("with --aws, the environment names the stack (docs/runbook.md): {missing}")
        })?)
    }

    /// The buckets of the zones.
    pub(crate) fn zone_buckets(&self) -> ZoneBuckets {
        ZoneBuckets {
            raw: self.raw_bucket.clone(),
            refined: self.refined_bucket.clone(),
            curated: self.curated_bucket.clone(),
        }
    }

    /// The secret that holds the identity key.
    pub(crate) fn require_identity_secret(&self) -> Result<&str, CliError> {
        let missing = "with --aws, IDENTITY_KEY_SECRET names the secret that holds the identity \
                       key: this command maps events again (docs/runbook.md)";
        Ok(self.identity_key_secret.as_deref().ok_or(missing)?)
    }

    /// What the names of Glue's databases begin with.
    pub(crate) fn require_database_prefix(&self) -> Result<&str, CliError> {
        let missing =
            "with --aws, STACK names the stack: the names of its Glue databases begin with it";
        Ok(self.database_prefix.as_deref().ok_or(missing)?)
    }
}

fn kafka_settings(settings: &Settings) -> Result<Option<KafkaSettings>, CliError> {
    let Some(bootstrap) = settings.optional_text("KAFKA_BOOTSTRAP") else {
        return Ok(None);
    };
    let authentication = settings.optional_text("KAFKA_AUTH");
    let region = settings.optional_text("AWS_REGION").unwrap_or_default();
    let security = KafkaSecurity::from_setting(authentication.as_deref(), region)?;
    Ok(Some(KafkaSettings {
        bootstrap,
        security,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(more: &[(&str, &str)]) -> Result<AwsEnvironment, CliError> {
        let buckets = [("RAW_BUCKET", "r"), ("REFINED_BUCKET", "f")];
        let variables = buckets.iter().chain(more);
        AwsEnvironment::from_variables(
            variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    #[test]
    fn databases_are_called_after_the_stack_unless_they_are_given() {
        let named = environment(&[("CURATED_BUCKET", "c"), ("STACK", "pole-lake")]).unwrap();
        assert_eq!(named.require_database_prefix().unwrap(), "pole_lake");
        assert_eq!(named.stack.as_deref(), Some("pole-lake"));
        let given = [
            ("CURATED_BUCKET", "c"),
            ("STACK", "pole-lake"),
            ("GLUE_DATABASES", "other"),
        ];
        let given = environment(&given).unwrap();
        assert_eq!(given.require_database_prefix().unwrap(), "other");
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = environment(&[]).unwrap_err().to_string();
        assert!(error.ends_with("CURATED_BUCKET is not set"), "{error}");
        let unnamed = environment(&[("CURATED_BUCKET", "c")]).unwrap();
        let error = unnamed.require_database_prefix().unwrap_err().to_string();
        assert!(error.contains("STACK"), "{error}");
    }
}

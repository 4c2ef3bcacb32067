//! The external parts of the platform, of `polelake up` and `demo`.

use std::path::PathBuf;

use clap::Args;
use contract::Transport;
use local_platform::parts::{ExternalKafka, ExternalS3};
use local_platform::{ExternalParts, QueueLanding};

use crate::error::CliError;

/// Which parts are external.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct PartsArgs {
    /// An external Apache Kafka, host:port with commas between, in place of the embedded
    /// broker. The topics of the contracts must be there: none is created. The folder keeps this
    /// and the other parts (docs/own-parts.md).
    #[arg(long, value_name = "BOOTSTRAP")]
    pub(crate) kafka: Option<String>,
    /// How to connect and sign in to that Kafka: a properties file as Java's clients read it, with
    /// TLS, SASL/PLAIN and SCRAM.
    #[arg(long, value_name = "FILE", requires = "kafka")]
    pub(crate) kafka_config: Option<PathBuf>,
    /// An external S3, such as http://127.0.0.1:9000, in place of the embedded one. Its
    /// credentials are those of the AWS variables or of a profile.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) s3: Option<String>,
    /// What the names of its buckets begin with: PREFIX-raw, PREFIX-refined, PREFIX-curated and
    /// PREFIX-site. Without it they are raw, refined, curated and site. They must be there.
    #[arg(long, value_name = "PREFIX", requires = "s3")]
    pub(crate) bucket: Option<String>,
    /// An external Glue, in place of the embedded one. Databases that it lacks are
    /// created.
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) glue: Option<String>,
    /// What carries events from the relay to the landing: `queue` or `kafka`, for sources whose
    /// contracts do not say it. The folder keeps it; a new one has the queue, or the Kafka that it
    /// is given.
    #[arg(long, value_name = "TRANSPORT")]
    pub(crate) transport: Option<Transport>,
    /// What starts the landing of the events queue: `mapping`, as Lambda's event source mapping hands
    /// over batches, or `schedule`, whose invocation empties the queue. Not kept by the folder.
    #[arg(long, value_name = "START", default_value = "mapping")]
    pub(crate) queue_landing: QueueLanding,
    /// Send events and their tables to a part that is not on this machine.
    #[arg(long)]
    pub(crate) yes: bool,
}

impl PartsArgs {
    /// The parts that are asked for.
    ///
    /// # Errors
    /// What is no address, a properties file that cannot be used, and a part on another machine
    /// without `--yes`.
    pub(crate) fn to_parts(&self) -> Result<ExternalParts, CliError> {
        let config = self.kafka_config.as_ref().map(std::path::absolute);
        let config = config.transpose()?;
        let kafka = self
            .kafka
            .clone()
            .map(|bootstrap| ExternalKafka { bootstrap, config });
        let endpoint = |text: &String| text.trim_end_matches('/').to_owned();
        let s3 = self.s3.as_ref().map(|text| ExternalS3 {
            endpoint: endpoint(text),
            bucket: self.bucket.clone(),
        });
        let parts = ExternalParts {
            kafka,
            s3,
            glue: self.glue.as_ref().map(endpoint),
        };

        parts.check()?;
        let remote = parts.remote_hosts()?;
        if remote.is_empty() || self.yes {
            return Ok(parts);
        }
        let why = format!(
            "{} is not this machine: the events, which hold data of people, would be sent and kept \
             there. Nothing was started; add --yes where that is meant",
            remote.join(", ")
        );
        Err(why.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(kafka: &str, s3: &str) -> PartsArgs {
        PartsArgs {
            kafka: Some(kafka.to_owned()),
            s3: Some(s3.to_owned()),
            ..PartsArgs::default()
        }
    }

    #[test]
    fn another_machine_needs_a_yes_and_this_one_does_not() {
        let here = parts("localhost:9092", "http://127.0.0.1:9000/");
        let parsed = here.to_parts().unwrap();
        assert_eq!(parsed.s3.unwrap().endpoint, "http://127.0.0.1:9000");

        let mut there = parts("localhost:9092,broker:9092", "http://minio:9000");
        let error = there.to_parts().unwrap_err().to_string();
        for part in ["broker (--kafka)", "minio (--s3)", "--yes"] {
            assert!(error.contains(part), "{part}: {error}");
        }
        there.yes = true;
        assert_eq!(
            there.to_parts().unwrap().kafka.unwrap().bootstrap,
            "localhost:9092,broker:9092"
        );
    }

    #[test]
    fn a_yes_makes_no_address_of_what_is_none() {
        let wrong = PartsArgs {
            yes: true,
            ..parts("broker", "http://minio:9000")
        };
        assert!(
            wrong
                .to_parts()
                .unwrap_err()
                .to_string()
                .starts_with("--kafka: ")
        );
        assert!(PartsArgs::default().to_parts().unwrap().is_embedded());
    }

    #[test]
    fn a_properties_file_is_named_from_everywhere() {
        let args = PartsArgs {
            kafka: Some("localhost:1".to_owned()),
            kafka_config: Some("no-such.properties".into()),
            ..PartsArgs::default()
        };
        let error = args.to_parts().unwrap_err().to_string();
        let absolute = std::path::absolute("no-such.properties").unwrap();
        assert!(error.contains(&absolute.display().to_string()), "{error}");
    }
}

//! Our platform's part: a consumer hands a topic's batches to raw-landing, which is a process of
//! its own, as on Lambda.

use std::path::PathBuf;
use std::time::Duration;

use local_platform::kafka_mapping::encode_lambda_record;
use local_platform::lambda::{FunctionConfig, LambdaFunction};
use serde_json::{Value, json};

use super::lambda_batch::LambdaBatch;
use super::whole_topic::WholeTopic;
use crate::processes::{cpu_seconds, list_child_processes, peak_megabytes};
use polelake::error::CliError;

/// How long an invocation may take, as `infra/raw-landing.tf` says.
const INVOCATION_TIMEOUT: Duration = Duration::from_secs(120);

/// The arguments of the process that lands a topic.
#[derive(clap::Args)]
pub(crate) struct TopicLanding {
    /// Kafka's address.
    #[arg(long)]
    bootstrap: String,
    /// The topic.
    #[arg(long)]
    topic: String,
    /// Records of the topic.
    #[arg(long)]
    records: usize,
    /// The file of raw-landing's log.
    #[arg(long)]
    log: PathBuf,
    /// A setting of raw-landing: NAME=VALUE.
    #[arg(long = "setting", value_parser = parse_setting)]
    settings: Vec<(String, String)>,
}

fn parse_setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("a setting is NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl TopicLanding {
    /// Lands the topic, and prints as JSON what this process and raw-landing cost.
    pub(crate) async fn run(&self) -> Result<bool, CliError> {
        let landing = LambdaFunction::new(self.function_config()?);
        let reader = WholeTopic::open(&self.bootstrap, &self.topic).await?;
        let mut batch = LambdaBatch::new(&self.topic);
        let mut read = 0;

        while read < self.records {
            for (partition, record) in reader.read_records().await? {
                let text = encode_lambda_record(&self.topic, partition, &record);
                if !batch.has_room_for(&text) {
                    land_batch(&landing, &mut batch).await?;
                }
                batch.push(partition, &text);
                read += 1;
            }
        }
        land_batch(&landing, &mut batch).await?;
        println!("{}", measure_processes());
        Ok(true)
    }

    /// raw-landing, as the binary beside this one or else as this one.
    fn function_config(&self) -> Result<FunctionConfig, CliError> {
        let this = std::env::current_exe()?;
        let binary = this.with_file_name("raw-landing");
        let program = match binary.is_file() {
            true => (binary, Vec::new()),
            false => (this, vec!["function".to_owned(), "raw-landing".to_owned()]),
        };
        Ok(FunctionConfig {
            name: "raw-landing",
            program,
            environment: self.settings.iter().cloned().collect(),
            timeout: INVOCATION_TIMEOUT,
            concurrency: 1,
            log: self.log.clone(),
        })
    }
}

/// Invokes the landing with the batch, which is empty then; every record must land.
async fn land_batch(landing: &LambdaFunction, batch: &mut LambdaBatch) -> Result<(), CliError> {
    if batch.record_count() == 0 {
        return Ok(());
    }
    let answer = landing.invoke(batch.take_payload()).await;
    let answer = answer.map_err(|error| landing.describe_error(&error))?;
    let answer: Value = serde_json::from_slice(&answer)?;

    let failures = answer["batchItemFailures"].as_array();
    match failures.is_none_or(Vec::is_empty) {
        true => Ok(()),
        false => Err(format!("raw-landing did not land a batch: {answer}").into()),
    }
}

/// CPU-seconds and the sum of the peaks of this process and of raw-landing, which still runs.
fn measure_processes() -> Value {
    let children = list_child_processes();
    let ids = children.iter().map(|(_, id)| id.as_str());
    let ids: Vec<_> = std::iter::once("self").chain(ids).collect();

    let cpu: f64 = ids.iter().map(|id| cpu_seconds(id)).sum();
    let peak: f64 = ids.iter().map(|id| peak_megabytes(id)).sum();
    json!({"cpu": cpu, "peak_mb": peak, "processes": ids.len()})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_has_a_name_and_a_value() {
        let setting = ("A".to_owned(), "http://b?c=d".to_owned());
        assert_eq!(parse_setting("A=http://b?c=d"), Ok(setting));
        assert!(parse_setting("A").is_err());
    }
}

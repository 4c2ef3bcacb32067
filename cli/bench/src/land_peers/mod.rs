//! `polelake-bench land --peers connect`: our consumer with raw-landing, and Kafka Connect with
//! Apache Iceberg's sink, land one topic of one Apache Kafka in one S3. Prints of each CPU-seconds,
//! seconds, megabytes, records and objects. `tests/real/land_peers.py` starts the parts.

mod events;
mod lambda_batch;
mod topic_landing;
mod whole_topic;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tokio::process::Command;

use crate::snapshot_bench::{cpu_share, number_field, print_measurement, run_json_or_hint};
pub(crate) use events::print_events;
use polelake::error::CliError;
pub(crate) use topic_landing::TopicLanding;

/// The driver, in the folder of the suite of real parts.
const DRIVER: &str = "land_peers.py";

/// What the figures hold, and what they do not.
const OUR_CONTENTS: &str = "the consumer, Lambda's JSON payload, raw-landing with its digests and \
    the requests to S3; no types and no table: pole-transform and snapshot-merge make those";
const PEER_CONTENTS: &str = "the JVM's start, the consumer, a row with types of each event, \
    Parquet, the requests to S3 and the commits of the table; no digests";
const LEFT_OUT: &str = "neither holds Kafka, S3 and the producer, which serve both";

/// The arguments of `polelake-bench land` that are about peers.
#[derive(clap::Args)]
pub(crate) struct LandPeers {
    /// Peers that land a topic of Apache Kafka in an S3, beside us: connect, or none. Needs
    /// Python, Maven, Go and Java 17 to 23.
    #[arg(long, value_delimiter = ',', default_value = "none", value_parser = ["connect", "none"])]
    peers: Vec<String>,
    /// Events of that topic.
    #[arg(long, default_value_t = 300_000, value_parser = clap::value_parser!(u64).range(1..))]
    peer_events: u64,
    /// The folder of the suite of real parts, which starts Kafka, S3 and the peer.
    #[arg(long, default_value = "tests/real")]
    suite: PathBuf,
}

impl LandPeers {
    /// Lets the wanted peers and us land the same topic, and prints the measurements.
    pub(crate) async fn run(&self, as_json: bool) -> Result<(), CliError> {
        if !self.peers.iter().any(|peer| peer == "connect") {
            return Ok(());
        }
        let measured = self.run_driver().await?;
        print_figures(&measured, as_json);
        Ok(())
    }

    /// Runs the driver, which measures both platforms.
    async fn run_driver(&self) -> Result<Value, CliError> {
        let driver = self.suite.join(DRIVER);
        if !driver.is_file() {
            let message = format!(
                "{} is not there: run this in a clone of the repository, or give its folder with \
                 --suite",
                driver.display()
            );
            return Err(message.into());
        }

        let mut command = Command::new("python3");
        command
            .arg(&driver)
            .arg("--bench")
            .arg(std::env::current_exe()?)
            .args(["--events", &self.peer_events.to_string()]);
        let hint = self.describe_install();
        let measured = run_json_or_hint(command, "Kafka Connect", &hint).await?;
        match measured["not_had"].as_str() {
            Some(reason) => Err(format!("NOT RUN: Kafka Connect: {reason}; {hint}").into()),
            None => Ok(measured),
        }
    }

    /// How the peer is brought, and how to do without it.
    fn describe_install(&self) -> String {
        format!(
            "`python3 {}` brings the peer, `--peers none` does without",
            install_command(&self.suite)
        )
    }
}

/// The arguments of Python that fetch every part.
fn install_command(suite: &Path) -> String {
    let script = suite.join("parts.py");
    format!("{} suite kafka versitygw connect", script.display())
}

/// Prints both measurements with what they hold, and the shares.
fn print_figures(measured: &Value, as_json: bool) {
    let (ours, theirs) = (&measured["polelake"], &measured["connect"]);
    let version = theirs["version"].as_str().unwrap_or_default();
    let title = format!("Kafka Connect {version}, one task");
    let event_bytes = number_field(measured, "event_bytes");
    if !as_json {
        println!("events of {event_bytes:.0} bytes in four partitions, to zstd Parquet in S3:");
    }

    print_platform(
        "polelake: a consumer and raw-landing",
        ours,
        OUR_CONTENTS,
        as_json,
    );
    print_platform(&title, theirs, PEER_CONTENTS, as_json);
    print_share("polelake, of Kafka Connect", ours, theirs, as_json);
    let running = without_start(theirs);
    print_share(
        "polelake, of Kafka Connect after its start",
        ours,
        &running,
        as_json,
    );
    if !as_json {
        println!("  {LEFT_OUT}");
    }
}

fn print_share(title: &str, part: &Value, whole: &Value, as_json: bool) {
    print_measurement(title, &cpu_share(part, whole), as_json);
}

/// A peer's CPU-seconds from when its task ran.
fn without_start(measured: &Value) -> Value {
    json!({"cpu": number_field(measured, "cpu") - number_field(measured, "start_cpu")})
}

/// Prints one platform's measurement, and what it holds.
fn print_platform(title: &str, measured: &Value, contents: &str, as_json: bool) {
    let mut measured = measured.clone();
    measured["holds"] = contents.into();
    print_measurement(title, &measured, as_json);
    if as_json {
        return;
    }

    if let Some(start) = measured["start_cpu"].as_f64() {
        println!("  {start:.1} CPU-s of it until the task ran");
    }
    println!(
        "  every row read back; {:.1} MB in {} objects; it holds {contents}",
        number_field(&measured, "megabytes"),
        measured["objects"]
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_after_the_start_is_of_what_came_after_it() {
        let theirs = json!({"cpu": 30.0, "start_cpu": 10.0});
        let share = cpu_share(&json!({"cpu": 5.0}), &without_start(&theirs));
        assert_eq!(share, json!({"cpu_share": 0.25}));
    }

    #[test]
    fn the_error_of_a_missing_peer_says_how_it_is_brought() {
        let command = install_command(Path::new("tests/real"));
        assert_eq!(command, "tests/real/parts.py suite kafka versitygw connect");
    }
}

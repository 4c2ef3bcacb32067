//! What a month costs on AWS, from what this machine measures: the model, its prices, and
//! alternatives with other services.

mod assumptions;
mod cost_report;
mod deployments;
mod levers;
mod measure;
mod model;
mod peers;
mod prices;
mod study;
mod workload;

use std::path::{Path, PathBuf};

use contract::Transport;
use local_platform::QueueLanding;
use polelake::error::CliError;
use polelake::place::PlatformArgs;
use serde_json::Value;

use measure::CostMeasurements;
use prices::PriceList;
use study::CostStudy;
use workload::{MonthlyWorkload, Watching};

/// Days of a month, for retention.
const DAYS_PER_MONTH: f64 = assumptions::DAYS_PER_MONTH;

/// The arguments of `polelake-bench cost`.
#[derive(clap::Args)]
pub(crate) struct CostBench {
    #[command(flatten)]
    place: PlatformArgs,
    /// People of the council whose day is measured: three events for each.
    #[arg(long, default_value_t = 20_000)]
    people: usize,
    /// The measurements of an earlier run, instead of measuring: the file of its `--json`.
    #[arg(long)]
    measured: Option<PathBuf>,
    /// What carries events from the relay to the landing: `queue` or `kafka`.
    #[arg(long, value_name = "TRANSPORT", default_value = "queue", value_parser = parse_transport)]
    transport: Transport,
    /// Seconds for which Lambda gathers a batch, 1 to 300.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=300))]
    window: u16,
    /// Events that applications send in one request, 1 to 500.
    #[arg(
        long,
        visible_alias = "per-request",
        default_value_t = 10,
        value_parser = clap::value_parser!(u16).range(1..=500)
    )]
    events_per_request: u16,
    /// How much is watched. This and the other choices are those of environments/minimal unless they
    /// are given; `full` is the default of the module in infra/.
    #[arg(long, value_enum, default_value_t = Watching::Small)]
    watching: Watching,
    /// Customer's keys in KMS; 0 are AWS's own. Without it, one when `small` is watched, else six.
    #[arg(long)]
    keys: Option<u8>,
    /// Whether requests come by the HTTP API or by a function URL.
    #[arg(long, value_enum, default_value_t = HttpEntry::Api)]
    http: HttpEntry,
    /// What starts the landing of the events queue: `mapping` or `schedule`.
    #[arg(long, value_name = "START", default_value = "schedule")]
    queue_landing: QueueLanding,
    /// Days for which refined objects are kept.
    #[arg(long, default_value_t = 360)]
    refined_days: u16,
    /// Prices, in place of those of the repository (cli/bench/prices.json).
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Take off what AWS gives each account in every month: another use of the account may have
    /// used it up.
    #[arg(long)]
    free: bool,
}

/// How requests reach the relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum HttpEntry {
    /// API Gateway's HTTP API.
    Api,
    /// The function's own URL.
    FunctionUrl,
}

fn parse_transport(name: &str) -> Result<Transport, String> {
    Transport::parse(name).ok_or_else(|| "it is `queue` or `kafka`".to_owned())
}

impl CostBench {
    /// Measures or reads measurements, and prints the bills. A missed aim is printed and is no
    /// failure.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, CliError> {
        let prices = PriceList::read(self.prices.as_deref())?;
        let measured = match &self.measured {
            Some(file) => read_measurements(file, self.transport)?,
            None => measure::measure_days(&self.place, self.people, self.transport).await?,
        };
        let study = CostStudy {
            measured,
            prices,
            usual: self.usual_month(),
            is_free_taken_off: self.free,
        };

        if as_json {
            println!("{}", study.to_json());
        } else {
            cost_report::print_study(&study);
        }
        Ok(true)
    }

    /// The choices of the arguments, for any number of events.
    fn usual_month(&self) -> MonthlyWorkload {
        let month = MonthlyWorkload::of(1e6, self.transport, self.watching);
        MonthlyWorkload {
            window: f64::from(self.window),
            per_request: f64::from(self.events_per_request),
            keys: self.keys.map_or(month.keys, f64::from),
            refined_months: f64::from(self.refined_days) / DAYS_PER_MONTH,
            has_http_api: self.http == HttpEntry::Api,
            is_landing_scheduled: self.transport == Transport::Queue
                && self.queue_landing == QueueLanding::Schedule,
            ..month
        }
    }
}

/// The measurements of a transport in the JSON of an earlier run.
fn read_measurements(file: &Path, transport: Transport) -> Result<CostMeasurements, CliError> {
    let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let report: Value = serde_json::from_slice(&text)?;

    let measured = report["measured"][transport.name()].clone();
    let measured = serde_json::from_value(measured).map_err(|error| {
        format!(
            "{} is no outcome of `polelake-bench cost --transport {} --json`: {error}",
            file.display(),
            transport.name()
        )
    })?;
    Ok(measured)
}

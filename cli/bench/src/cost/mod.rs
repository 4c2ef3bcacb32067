//! What a month costs on AWS, from what this machine measures: the model, its prices, and
//! alternatives with other services.

mod assumptions;
mod cost_report;
mod measure;
mod model;
mod peers;
mod prices;

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use polelake::error::CliError;
use polelake::place::PlatformArgs;

use measure::CostMeasurements;
use model::{Bill, MonthlyWorkload, monthly_bill};
use peers::CostAlternative;

/// Events of the months that are compared, in millions.
const MONTHLY_MILLIONS: [f64; 3] = [1.0, 70.0, 700.0];

/// The month that the aims are set for: 70 million events.
const AIMED_MONTH: usize = 1;

/// The aims for 70 million events: dollars of Lambda's compute, and of everything but Kafka.
const COST_AIMS: (f64, f64) = (1.0, 25.0);

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
    /// Seconds for which Lambda gathers a batch, 1 to 300.
    #[arg(long, default_value_t = 300, value_parser = clap::value_parser!(u16).range(1..=300))]
    window: u16,
    /// Events that applications send in one request, 1 to 500.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=500))]
    per_request: u16,
}

/// A month of the comparison: its bill, and what other ways of building it cost.
struct ComparedMonth {
    million_events: f64,
    bill: Bill,
    alternatives: Vec<CostAlternative>,
}

impl CostBench {
    /// Measures or reads measurements, and prints the bills. A missed aim is printed and is no
    /// failure.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, CliError> {
        let measured = match &self.measured {
            Some(file) => read_measurements(file)?,
            None => measure::measure_days(&self.place, self.people).await?,
        };
        let months = MONTHLY_MILLIONS.map(|millions| self.compare_month(millions, &measured));

        if as_json {
            println!("{}", self.json_report(&measured, &months));
        } else {
            self.print_report(&measured, &months);
        }
        Ok(true)
    }

    fn compare_month(&self, million_events: f64, measured: &CostMeasurements) -> ComparedMonth {
        let month = MonthlyWorkload::of(
            million_events * 1e6,
            f64::from(self.window),
            f64::from(self.per_request),
        );
        ComparedMonth {
            million_events,
            bill: monthly_bill(&month, measured),
            alternatives: peers::alternative_costs(&month, measured),
        }
    }

    fn json_report(&self, measured: &CostMeasurements, months: &[ComparedMonth; 3]) -> Value {
        let aimed = &months[AIMED_MONTH].bill;
        let months: Vec<Value> = months
            .iter()
            .map(|month| {
                json!({
                    "million_events": month.million_events, "bill": month.bill,
                    "peers": month.alternatives
                })
            })
            .collect();
        json!({
            "measured": measured, "region": prices::REGION, "prices_of": prices::PRICE_DATE,
            "source": prices::PRICE_SOURCE, "window_seconds": f64::from(self.window),
            "events_per_request": f64::from(self.per_request), "months": months,
            "aims": {"compute": COST_AIMS.0, "everything_but_kafka": COST_AIMS.1},
            "compute": aimed.compute_usd(), "everything_but_kafka": aimed.without_kafka_usd(),
        })
    }

    fn print_report(&self, measured: &CostMeasurements, months: &[ComparedMonth; 3]) {
        let window = f64::from(self.window);
        let per_request = f64::from(self.per_request);
        cost_report::print_measurements(measured);
        cost_report::print_bills(months, window, per_request);
        cost_report::print_aims(&months[AIMED_MONTH].bill, COST_AIMS);
        cost_report::print_sensitivities(measured, window, per_request);
        cost_report::print_alternatives(months);
    }
}

/// The measurements in the JSON of an earlier run.
fn read_measurements(file: &Path) -> Result<CostMeasurements, CliError> {
    let text = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let report: Value = serde_json::from_slice(&text)?;

    let measured = serde_json::from_value(report["measured"].clone()).map_err(|error| {
        format!(
            "{} is no outcome of `polelake-bench cost --json`: {error}",
            file.display()
        )
    })?;
    Ok(measured)
}

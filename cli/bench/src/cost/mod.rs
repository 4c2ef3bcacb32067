//! What a month costs on AWS, from what this machine measures: the model, its prices, and what others ask for the same.

mod assumptions;
mod cost_report;
mod measure;
mod model;
mod peers;
mod prices;

use std::path::PathBuf;

use serde_json::json;

use polelake::error::CliError;
use polelake::place::PlatformArgs;

use model::{MonthlyWorkload, monthly_bill};

/// Events of a month, in millions, that are looked at.
const MONTHLY_MILLIONS: [f64; 3] = [1.0, 70.0, 700.0];

/// The aim for 70 million events: dollars of Lambda's compute, and of everything but Kafka.
const COST_AIMS: (f64, f64) = (1.0, 25.0);

/// What is asked for.
pub(crate) struct CostBench {
    /// A new folder for the measured days.
    pub(crate) place: PlatformArgs,
    /// How many people the measured town has.
    pub(crate) people: usize,
    /// What an earlier run measured, instead of measuring.
    pub(crate) measured: Option<PathBuf>,
    /// Seconds for which Lambda gathers a batch.
    pub(crate) window: f64,
    /// Events of one request.
    pub(crate) per_request: f64,
}

impl CostBench {
    /// Measures, multiplies, and tells. Whether the aims are reached is no failure: it is said.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, CliError> {
        let measured = match &self.measured {
            Some(file) => {
                let text =
                    std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
                let known: serde_json::Value = serde_json::from_slice(&text)?;
                serde_json::from_value(known["measured"].clone()).map_err(|error| {
                    format!(
                        "{} is no outcome of `polelake-bench cost --json`: {error}",
                        file.display()
                    )
                })?
            }
            None => measure::measure_days(&self.place, self.people).await?,
        };
        let month =
            |millions: f64| MonthlyWorkload::of(millions * 1e6, self.window, self.per_request);
        let bills: Vec<_> = MONTHLY_MILLIONS
            .iter()
            .map(|millions| monthly_bill(&month(*millions), &measured))
            .collect();
        let others: Vec<_> = MONTHLY_MILLIONS
            .iter()
            .map(|millions| peers::alternative_costs(&month(*millions), &measured))
            .collect();
        let [_, aimed, _] = bills.as_slice() else {
            return Err("there is no month to aim at".into());
        };
        if as_json {
            let months: Vec<_> = MONTHLY_MILLIONS
                .iter()
                .zip(bills.iter().zip(&others))
                .map(|(millions, (bill, others))| json!({"million_events": millions, "bill": bill, "peers": others}))
                .collect();
            println!(
                "{}",
                json!({
                    "measured": measured, "region": prices::REGION, "prices_of": prices::PRICE_DATE, "source": prices::PRICE_SOURCE,
                    "window_seconds": self.window, "events_per_request": self.per_request, "months": months,
                    "aims": {"compute": COST_AIMS.0, "everything_but_kafka": COST_AIMS.1},
                    "compute": aimed.compute_usd(), "everything_but_kafka": aimed.without_kafka_usd(),
                })
            );
            return Ok(true);
        }
        cost_report::print_measurements(&measured);
        cost_report::print_bills(&bills, self.window, self.per_request);
        cost_report::print_aims(aimed, COST_AIMS);
        cost_report::print_sensitivities(&measured, self.window, self.per_request);
        cost_report::print_alternatives(&bills, &others);
        Ok(true)
    }
}

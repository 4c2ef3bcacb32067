//! What a month costs on AWS, from what this machine measures: the model, its prices, and what others ask for the same.

mod assumptions;
mod measure;
mod model;
mod peers;
mod prices;
mod tell;

use std::path::PathBuf;

use serde_json::json;

use polelake::error::Failed;
use polelake::place::Place;

use model::{Month, bill};

/// Events of a month, in millions, that are looked at.
const MONTHS: [f64; 3] = [1.0, 70.0, 700.0];

/// The aim for 70 million events: dollars of Lambda's compute, and of everything but Kafka.
const AIMS: (f64, f64) = (1.0, 25.0);

/// What is asked for.
pub(crate) struct Cost {
    /// A new folder for the measured days.
    pub(crate) place: Place,
    /// How many people the measured town has.
    pub(crate) people: usize,
    /// What an earlier run measured, instead of measuring.
    pub(crate) measured: Option<PathBuf>,
    /// Seconds for which Lambda gathers a batch.
    pub(crate) window: f64,
    /// Events of one request.
    pub(crate) per_request: f64,
}

impl Cost {
    /// Measures, multiplies, and tells. Whether the aims are reached is no failure: it is said.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, Failed> {
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
            None => measure::measure(&self.place, self.people).await?,
        };
        let month = |millions: f64| Month::of(millions * 1e6, self.window, self.per_request);
        let bills: Vec<_> = MONTHS
            .iter()
            .map(|millions| bill(&month(*millions), &measured))
            .collect();
        let others: Vec<_> = MONTHS
            .iter()
            .map(|millions| peers::of(&month(*millions), &measured))
            .collect();
        let [_, aimed, _] = bills.as_slice() else {
            return Err("there is no month to aim at".into());
        };
        if as_json {
            let months: Vec<_> = MONTHS
                .iter()
                .zip(bills.iter().zip(&others))
                .map(|(millions, (bill, others))| json!({"million_events": millions, "bill": bill, "peers": others}))
                .collect();
            println!(
                "{}",
                json!({
                    "measured": measured, "region": prices::REGION, "prices_of": prices::DATE, "source": prices::SOURCE,
                    "window_seconds": self.window, "events_per_request": self.per_request, "months": months,
                    "aims": {"compute": AIMS.0, "everything_but_kafka": AIMS.1},
                    "compute": aimed.compute(), "everything_but_kafka": aimed.without_kafka(),
                })
            );
            return Ok(true);
        }
        tell::measured(&measured);
        tell::bills(&bills, self.window, self.per_request);
        tell::aims(aimed, AIMS);
        tell::what_moves_it(&measured, self.window, self.per_request);
        tell::peers(&bills, &others);
        Ok(true)
    }
}

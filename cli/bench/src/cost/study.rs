//! The bills that are compared: months of 1, 70 and 700 million events, mixes of requests, how much
//! is watched, and the aims.

use contract::Transport;
use serde::Serialize;
use serde_json::{Value, json};

use super::deployments::AIMED_DEPLOYMENTS;
use super::levers::{LeverEffect, levers};
use super::measure::CostMeasurements;
use super::model::{Bill, monthly_bill};
use super::peers::{CostAlternative, alternative_costs};
use super::prices::PriceList;
use super::workload::{MonthlyWorkload, Watching};

/// Events of the months that are compared, in millions.
pub(super) const MONTHLY_MILLIONS: [f64; 3] = [1.0, 70.0, 700.0];

/// Events of a request that are compared.
pub(super) const REQUEST_SIZES: [f64; 3] = [1.0, 10.0, 100.0];

/// The aims of the queue, with ten events a request: millions of events a month, dollars of
/// everything, and dollars when that is out of reach.
const COST_AIMS: [(f64, f64, f64); 2] = [(1.0, 5.0, 8.0), (70.0, 25.0, 35.0)];

/// Measurements, prices and choices.
pub(super) struct CostStudy {
    pub(super) measured: CostMeasurements,
    pub(super) prices: PriceList,
    /// The choices of the command; its events do not count.
    pub(super) usual: MonthlyWorkload,
    pub(super) is_free_taken_off: bool,
}

/// A month of the comparison: its bill, and what other ways of building it cost.
#[derive(Serialize)]
pub(super) struct ComparedMonth {
    pub(super) million_events: f64,
    pub(super) everything_usd: f64,
    pub(super) bill: Bill,
    pub(super) alternatives: Vec<CostAlternative>,
}

/// A row of the comparison of mixes: dollars of everything.
#[derive(Serialize)]
pub(super) struct ComparedMix {
    pub(super) watching: Watching,
    pub(super) events_per_request: f64,
    /// One for each of [`MONTHLY_MILLIONS`].
    pub(super) everything_usd: [f64; MONTHLY_MILLIONS.len()],
}

/// An aim, and what was found.
#[derive(Serialize)]
pub(super) struct ComparedAim {
    pub(super) million_events: f64,
    pub(super) deployment: &'static str,
    pub(super) aim_usd: f64,
    pub(super) fallback_usd: f64,
    pub(super) everything_usd: f64,
    pub(super) outcome: &'static str,
}

impl CostStudy {
    /// A month with the command's choices.
    fn month(&self, millions: f64) -> MonthlyWorkload {
        let sized = MonthlyWorkload::of(millions * 1e6, self.usual.transport, self.usual.watching);
        MonthlyWorkload {
            events: sized.events,
            partitions: sized.partitions,
            rows: sized.rows,
            ..self.usual
        }
    }

    fn bill(&self, month: &MonthlyWorkload) -> Bill {
        let bill = monthly_bill(month, &self.measured, &self.prices);
        match self.is_free_taken_off {
            true => bill.without_free(&self.prices),
            false => bill,
        }
    }

    /// A month that is watched in another way, with as many keys as are usual there.
    fn watched_month(&self, millions: f64, watching: Watching) -> MonthlyWorkload {
        let month = self.month(millions);
        let keys = match watching == self.usual.watching {
            true => month.keys,
            false => watching.usual_keys(),
        };
        MonthlyWorkload {
            watching,
            keys,
            ..month
        }
    }

    pub(super) fn compare_months(&self) -> Vec<ComparedMonth> {
        let months = MONTHLY_MILLIONS.iter().map(|millions| {
            let month = self.month(*millions);
            let bill = self.bill(&month);
            ComparedMonth {
                million_events: *millions,
                everything_usd: bill.everything_usd(),
                bill,
                alternatives: alternative_costs(&month, &self.measured, &self.prices),
            }
        });
        months.collect()
    }

    pub(super) fn compare_mixes(&self) -> Vec<ComparedMix> {
        let mixes = Watching::ALL.into_iter().flat_map(|watching| {
            REQUEST_SIZES.map(|per_request| ComparedMix {
                watching,
                events_per_request: per_request,
                everything_usd: MONTHLY_MILLIONS.map(|millions| {
                    let month = MonthlyWorkload {
                        per_request,
                        ..self.watched_month(millions, watching)
                    };
                    self.bill(&month).everything_usd()
                }),
            })
        });
        mixes.collect()
    }

    /// The aims beside known deployments; none for Kafka.
    pub(super) fn compare_aims(&self) -> Vec<ComparedAim> {
        if self.usual.transport == Transport::Kafka {
            return Vec::new();
        }
        let aims = AIMED_DEPLOYMENTS.iter().flat_map(|deployment| {
            COST_AIMS.map(|(millions, aim_usd, fallback_usd)| {
                let month = deployment.month(millions * 1e6);
                let everything_usd = self.bill(&month).everything_usd();
                ComparedAim {
                    million_events: millions,
                    deployment: deployment.name,
                    aim_usd,
                    fallback_usd,
                    everything_usd,
                    outcome: describe_outcome(everything_usd, aim_usd, fallback_usd),
                }
            })
        });
        aims.collect()
    }

    /// What each lever does to the months of the aims.
    pub(super) fn compare_levers(&self) -> Vec<LeverEffect> {
        let effects = levers(self.usual.transport).into_iter().map(|lever| {
            let everything_usd = COST_AIMS.map(|(millions, ..)| {
                let mut month = self.month(millions);
                (lever.apply)(&mut month);
                self.bill(&month).everything_usd()
            });
            LeverEffect {
                what: lever.what,
                everything_usd,
            }
        });
        effects.collect()
    }

    pub(super) fn to_json(&self) -> Value {
        let prices: Vec<_> = self.prices.iter().collect();
        let transport = self.usual.transport.name();
        json!({
            "measured": {transport: self.measured},
            "transport": transport,
            "watching": self.usual.watching,
            "free_taken_off": self.is_free_taken_off,
            "region": self.prices.region,
            "prices_note": self.prices.note,
            "prices": prices,
            "window_seconds": self.usual.window,
            "events_per_request": self.usual.per_request,
            "months": self.compare_months(),
            "mixes": self.compare_mixes(),
            "aims": self.compare_aims(),
            "levers": self.compare_levers(),
        })
    }
}

fn describe_outcome(usd: f64, aim: f64, fallback: f64) -> &'static str {
    match usd {
        usd if usd <= aim => "reached",
        usd if usd <= fallback => "out of reach, under the second bound",
        _ => "out of reach",
    }
}

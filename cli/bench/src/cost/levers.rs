//! What moves a bill: one choice of a deployment changed, everything else as it is.

use contract::Transport;
use serde::Serialize;

use super::workload::{MonthlyWorkload, Watching};

/// A choice of a deployment.
pub(super) struct Lever {
    /// What is chosen.
    pub(super) what: &'static str,
    /// Chooses it.
    pub(super) apply: fn(&mut MonthlyWorkload),
}

/// What a lever does to a bill.
#[derive(Clone, Debug, Serialize)]
pub(super) struct LeverEffect {
    pub(super) what: &'static str,
    /// Dollars of everything in the months of the aims.
    pub(super) everything_usd: [f64; 2],
}

/// The levers of a transport.
pub(super) fn levers(transport: Transport) -> Vec<Lever> {
    let mut levers = vec![
        lever("as it is", |_| {}),
        lever("watching: full, six keys", |month| {
            watch(month, Watching::Full);
        }),
        lever("watching: small, one key", |month| {
            watch(month, Watching::Small);
        }),
        lever("no key of one's own", |month| month.keys = 0.0),
        lever("batches of 60 s", |month| month.window = 60.0),
        lever("refined objects kept for 90 days", |month| {
            month.refined_months = 3.0;
        }),
        lever("a function URL, no HTTP API", |month| {
            month.has_http_api = false;
        }),
        lever("one refined object of a raw object", |month| {
            month.tables_together = true;
        }),
    ];
    if transport == Transport::Queue {
        levers.extend(queue_levers());
    }
    levers
}

/// Those of the queue alone, and together: each line of the last four has what the one before has.
fn queue_levers() -> [Lever; 7] {
    [
        lever("two batches of the queue in a window", |month| {
            month.batches_of_a_window = 2.0;
        }),
        lever("one batch of the queue in a window", |month| {
            month.batches_of_a_window = 1.0;
        }),
        lever("a schedule that empties the queue, no mapping", |month| {
            month.is_landing_scheduled = true;
        }),
        lever("a schedule, and a function URL", choose_cheap_entries),
        lever("these, small watching, no key", choose_least),
        lever("these, refined objects kept for 90 days", |month| {
            choose_least(month);
            month.refined_months = 3.0;
        }),
        lever("these, one refined object of a raw object", |month| {
            choose_least(month);
            month.refined_months = 3.0;
            month.tables_together = true;
        }),
    ]
}

fn lever(what: &'static str, apply: fn(&mut MonthlyWorkload)) -> Lever {
    Lever { what, apply }
}

fn watch(month: &mut MonthlyWorkload, watching: Watching) {
    month.watching = watching;
    month.keys = watching.usual_keys();
}

/// The cheapest ways into the relay and into the landing.
fn choose_cheap_entries(month: &mut MonthlyWorkload) {
    month.is_landing_scheduled = true;
    month.has_http_api = false;
}

/// The least that Terraform deploys with the queue.
pub(super) fn choose_least(month: &mut MonthlyWorkload) {
    choose_cheap_entries(month);
    watch(month, Watching::Small);
    month.keys = 0.0;
}

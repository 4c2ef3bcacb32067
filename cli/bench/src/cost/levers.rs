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
        lever("watching: full, five keys", |month| {
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

/// Those of the queue alone, and all together.
fn queue_levers() -> [Lever; 8] {
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
        lever("small, no key, 90 days", choose_settings),
        lever("these three, and a function URL", |month| {
            choose_settings(month);
            month.has_http_api = false;
        }),
        lever("these three, and a schedule", |month| {
            choose_settings(month);
            month.is_landing_scheduled = true;
        }),
        lever(
            "these three, a schedule, one refined object",
            choose_fewest_objects,
        ),
        lever("all of these", |month| {
            choose_fewest_objects(month);
            month.has_http_api = false;
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

/// What is a setting of the deployment.
fn choose_settings(month: &mut MonthlyWorkload) {
    watch(month, Watching::Small);
    month.keys = 0.0;
    month.refined_months = 3.0;
}

/// And what the code would have to do.
fn choose_fewest_objects(month: &mut MonthlyWorkload) {
    choose_settings(month);
    month.is_landing_scheduled = true;
    month.tables_together = true;
}

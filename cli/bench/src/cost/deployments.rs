//! The deployments whose bills are compared with the aims.

use contract::Transport;

use super::levers::choose_least;
use super::workload::{MonthlyWorkload, Watching};

/// A deployment over the queue, as `infra/` sets it up.
pub(super) struct AimedDeployment {
    /// What it is called.
    pub(super) name: &'static str,
    watching: Watching,
    adjust: fn(&mut MonthlyWorkload),
}

/// The least that can be chosen, the small environment as it is, and the module's defaults.
pub(super) const AIMED_DEPLOYMENTS: [AimedDeployment; 3] = [
    AimedDeployment {
        name: "the least: environments/minimal with keys = \"aws\", http = \"function-url\"",
        watching: Watching::Small,
        adjust: choose_least,
    },
    AimedDeployment {
        name: "environments/minimal",
        watching: Watching::Small,
        adjust: schedule_landing,
    },
    AimedDeployment {
        name: "the module's defaults",
        watching: Watching::Full,
        adjust: |_month| {},
    },
];

impl AimedDeployment {
    /// A month of so many events.
    pub(super) fn month(&self, events: f64) -> MonthlyWorkload {
        let mut month = MonthlyWorkload::of(events, Transport::Queue, self.watching);
        (self.adjust)(&mut month);
        month
    }
}

fn schedule_landing(month: &mut MonthlyWorkload) {
    month.is_landing_scheduled = true;
}

//! The CPU time and the logs of the functions, before and after a stretch of events.

use std::collections::BTreeMap;
use std::path::Path;

use super::FunctionCpu;
use crate::processes;

/// The functions whose logs grow with the events.
const LOGGING_FUNCTIONS: [&str; 3] = ["event-relay", "raw-landing", "pole-transform"];

/// Bytes of the logs of [`LOGGING_FUNCTIONS`].
pub(super) fn log_sizes(folder: &Path) -> [f64; 3] {
    LOGGING_FUNCTIONS.map(|function| {
        let log = folder.join("logs").join(format!("{function}.log"));
        std::fs::metadata(log).map_or(0.0, |log| log.len() as f64)
    })
}

/// CPU-seconds of each function since it was started.
pub(super) struct CpuReading(BTreeMap<String, f64>);

impl CpuReading {
    pub(super) fn now() -> Self {
        let mut spent: BTreeMap<String, f64> = BTreeMap::new();
        for (name, process) in processes::list_child_processes() {
            *spent.entry(name).or_default() += processes::cpu_seconds(&process);
        }
        Self(spent)
    }

    fn seconds_of(&self, function: &str) -> f64 {
        self.0.get(function).copied().unwrap_or_default()
    }

    pub(super) fn spent_since(&self, function: &str, earlier: &Self) -> f64 {
        self.seconds_of(function) - earlier.seconds_of(function)
    }
}

/// A stretch of events through the functions: how many, and the readings before and after.
pub(super) struct MeasuredEvents {
    pub(super) count: f64,
    pub(super) before: CpuReading,
    pub(super) after: CpuReading,
}

impl MeasuredEvents {
    fn cpu_per_event(&self, function: &str) -> f64 {
        self.after.spent_since(function, &self.before) / self.count
    }
}

/// A function's share in a day of many events, and in events that came one by one.
pub(super) fn function_cpu(
    function: &str,
    day: &MeasuredEvents,
    single: &MeasuredEvents,
) -> FunctionCpu {
    let per_event = day.cpu_per_event(function);
    let alone = single.cpu_per_event(function);
    FunctionCpu {
        per_million: per_event * 1e6,
        per_invocation: (alone - per_event).max(0.0),
    }
}

//! Times and memory of this process and of the functions that it has started, as the kernel counts
//! them.

use std::fs;
use std::time::Instant;

/// Ticks a second in `/proc/…/stat`.
const TICKS_PER_SECOND: f64 = 100.0;

/// Wall time and CPU time of this process since it was started.
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: f64,
}

impl Stopwatch {
    /// Starts both times now.
    pub(crate) fn start() -> Self {
        Self {
            wall: Instant::now(),
            cpu: cpu_seconds("self"),
        }
    }

    /// Seconds on the wall clock.
    pub(crate) fn wall_seconds(&self) -> f64 {
        self.wall.elapsed().as_secs_f64()
    }

    /// Seconds of CPU, user and system.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_seconds("self") - self.cpu
    }
}

/// CPU time of a process, user and system, in seconds; `self` is this one.
pub(crate) fn cpu_seconds(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();

    // Field 2 is the name and may contain spaces; user and system time are fields 14 and 15.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let times = after_name.split_whitespace().skip(11).take(2);

    let ticks: f64 = times.filter_map(|field| field.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}

/// The peak memory of a process, in megabytes.
pub(crate) fn peak_megabytes(process: &str) -> f64 {
    status_field(process, "VmHWM:").unwrap_or_default() / 1_024.0
}

/// The processes that this one has started: the function's name, and the process id.
pub(crate) fn list_child_processes() -> Vec<(String, String)> {
    let own_id = f64::from(std::process::id());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();

    entries
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|id| status_field(id, "PPid:") == Some(own_id))
        .map(|id| (function_name(&id), id))
        .collect()
}

/// The last part of a command line: `…/event-relay`, or `polelake-bench function event-relay`.
fn function_name(process: &str) -> String {
    let line = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let arguments = line.trim_end_matches('\0');
    let last = arguments.rsplit(['\0', '/']).next();
    last.unwrap_or_default().to_owned()
}

fn status_field(process: &str, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse::<f64>().ok()
}

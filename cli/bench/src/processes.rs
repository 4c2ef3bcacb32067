//! What the kernel says of this process and of the functions that it has started.

use std::fs;

/// CPU time of a process, user and system, in seconds; `self` is this one.
pub(crate) fn cpu_seconds(process: &str) -> f64 {
    // Fields 14 and 15 of /proc/…/stat, in ticks of 10 ms; the name in field 2 may hold spaces.
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = after_name
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// The most memory that a process ever had, in megabytes.
pub(crate) fn peak_megabytes(process: &str) -> f64 {
    status_field(process, "VmHWM:").unwrap_or_default() / 1_024.0
}

/// The processes that this one has started: the function's name, and the process.
pub(crate) fn list_child_processes() -> Vec<(String, String)> {
    let own = f64::from(std::process::id());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let ids = ids.filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
    ids.filter(|id| status_field(id, "PPid:") == Some(own))
        .map(|id| {
            let line = fs::read_to_string(format!("/proc/{id}/cmdline")).unwrap_or_default();
            (
                line.trim_end_matches('\0')
                    .rsplit(['\0', '/'])
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
                id,
            )
        })
        .collect()
}

fn status_field(process: &str, field: &str) -> Option<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    line.split_whitespace().next()?.parse::<f64>().ok()
}

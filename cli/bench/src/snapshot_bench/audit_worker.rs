//! The audit of the benchmark's days, which reads every byte of the table's files.

use std::path::Path;
use std::sync::Arc;

use operations::LakeHandle;
use operations::audit::{AuditScope, audit_lake};
use serde_json::json;
use tokio::process::Command;

use super::{run_json_process, zone_store};
use crate::processes::{Stopwatch, peak_megabytes};
use polelake::error::CliError;

/// What a gigabyte is here.
const GIGABYTE: f64 = 1e9;

/// Audits the days in a process of its own, whose peak memory is then the audit's.
pub(super) async fn audit_in_process(
    dir: &Path,
    contracts: &Path,
) -> Result<serde_json::Value, CliError> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("snapshot-audit-worker").arg("--dir").arg(dir);
    command.arg("--contracts").arg(contracts);
    run_json_process(command, "polelake").await
}

/// Audits the days in this process and prints what it cost as JSON. The benchmark writes no raw
/// objects, so the audit finds those missing; of the snapshots it must find nothing.
pub(crate) async fn run_audit_worker(dir: &Path, contracts: &Path) -> Result<bool, CliError> {
    let catalogue = host::load_contracts(&contracts.to_string_lossy())?;
    let zone = |name: &str| zone_store(dir, name);
    let catalogue = Arc::new(catalogue);
    let lake = LakeHandle::from_stores(zone("raw"), zone("refined"), zone("curated"), catalogue);
    let mut bytes = 0;
    for entry in lake.curated.list("curated/", None).await? {
        bytes += entry.size;
    }
    for entry in lake.refined.list("refined/", None).await? {
        bytes += entry.size;
    }

    let scope = AuditScope {
        deep: true,
        ..AuditScope::default()
    };
    let watch = Stopwatch::start();
    let audit = audit_lake(&lake, scope).await?;
    let cpu = watch.cpu_seconds();
    let damaged = audit
        .findings
        .iter()
        .find(|finding| finding.object.starts_with("curated/"));
    if let Some(finding) = damaged {
        return Err(format!("{}: {}", finding.object, finding.what).into());
    }

    let rows: u64 = audit.tables.iter().map(|table| table.rows).sum();
    let measured = json!({
        "wall": watch.wall_seconds(), "cpu": cpu, "peak_mb": peak_megabytes("self"),
        "rows": rows, "bytes": bytes, "cpu_per_gb": cpu / (bytes as f64 / GIGABYTE).max(0.001),
    });
    println!("{measured}");
    Ok(true)
}

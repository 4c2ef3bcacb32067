//! `polelake audit`.

use lake::Day;

use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::place::LakeArgs;
use operations::audit::{AuditCounts, AuditScope, LakeAudit, audit_lake};

/// Findings that are printed; `--json` has all of them.
const FINDINGS_SHOWN: usize = 20;

pub(crate) async fn run(
    lake: &LakeArgs,
    from: Option<&str>,
    to: Option<&str>,
    deep: bool,
    json: bool,
) -> Result<bool, CliError> {
    let scope = AuditScope {
        from: parse_optional_date(from)?,
        to: parse_optional_date(to)?,
        deep,
    };
    let lake = OpenLake::open(lake).await?;
    let zones = &lake.zones;
    let audit = audit_lake(zones, scope).await?;
    if json {
        println!("{}", serde_json::to_string_pretty(&audit)?);
    } else {
        print_audit(&audit);
    }
    Ok(audit.is_reconciled())
}

/// The day that an argument names.
pub(crate) fn parse_optional_date(text: Option<&str>) -> Result<Option<Day>, CliError> {
    let parse = |text: &str| {
        Day::parse(text).ok_or_else(|| format!("`{text}` is no day; write it as 2026-03-02"))
    };
    Ok(text.map(parse).transpose()?)
}

fn print_audit(audit: &LakeAudit) {
    println!(
        "{:20} {:>10} {:>10} {:>10} {:>8} {:>11} {:>9} {:>6}",
        "source", "accepted", "landed", "refined", "ignored", "quarantined", "redriven", "holes"
    );
    for source in &audit.sources {
        let (counts, redriven) = (source.sum_counts(false), source.sum_counts(true));
        let accepted = source
            .accepted
            .map_or_else(|| "-".to_owned(), |count| count.to_string());
        let holes: i64 = source
            .streams
            .iter()
            .flat_map(|stream| &stream.offset_gaps)
            .map(|(from, to)| to - from + 1)
            .sum();
        println!(
            "{:20} {accepted:>10} {:>10} {:>10} {:>8} {:>11} {:>9} {holes:>6}",
            source.source,
            counts.landed,
            counts.refined,
            counts.ignored,
            quarantined_total(&counts),
            redriven.landed
        );
    }
    let snapshots = audit.tables.len();
    let rows: u64 = audit.tables.iter().map(|table| table.rows).sum();
    println!(
        "{snapshots} snapshots of {rows} rows compared with the day before, what came and what went"
    );
    for finding in audit.findings.iter().take(FINDINGS_SHOWN) {
        let offset = finding
            .offset
            .map(|offset| format!(" offset {offset}"))
            .unwrap_or_default();
        println!("! {}{offset}: {}", finding.object, finding.what);
    }
    match audit.findings.len() {
        0 => println!("The books close."),
        count if count > FINDINGS_SHOWN => {
            println!(
                "The books do not close: {count} findings, {FINDINGS_SHOWN} of them above; --json has all"
            );
        }
        count => println!("The books do not close: {count} findings"),
    }
}

fn quarantined_total(counts: &AuditCounts) -> u64 {
    counts.quarantined.values().sum()
}

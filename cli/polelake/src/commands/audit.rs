//! `polelake audit`.

use operations::audit::{AuditFinding, AuditScope, LakeAudit, SourceAudit, audit_lake};

use super::declare_lost::print_declared;
use crate::args::lake::AuditArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::terminal::escape_line;
use crate::work_progress::WorkProgress;

/// Findings that are printed; `--json` has all of them.
const FINDINGS_SHOWN: usize = 20;

pub(crate) async fn run(args: &AuditArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let scope = AuditScope {
        from: args.from.or(args.date),
        to: args.to.or(args.date),
        deep: args.deep,
    };
    let mut lake = OpenLake::open(&args.lake).await?;
    lake.handle.stage = progress.stage_listener();
    let audit = audit_lake(&lake.handle, scope).await?;
    progress.end_stage();

    if args.json {
        println!("{}", serde_json::to_string_pretty(&audit)?);
    } else {
        print_audit(&audit, scope);
    }
    Ok(audit.is_reconciled())
}

fn print_audit(audit: &LakeAudit, scope: AuditScope) {
    println!(
        "{:20} {:>10} {:>10} {:>10} {:>8} {:>11} {:>9} {:>11}",
        "source",
        "accepted",
        "landed",
        "refined",
        "ignored",
        "quarantined",
        "redriven",
        "offset gaps"
    );
    audit.sources.iter().for_each(print_source);

    let snapshots = audit.tables.len();
    let rows: u64 = audit.tables.iter().map(|table| table.rows).sum();
    let read = if scope.deep {
        "every byte read, and rows compared with the day before"
    } else {
        "sizes and the ends of files checked; --deep reads every byte"
    };
    println!("{snapshots} snapshots of {rows} rows: {read}");
    for (day, root) in &audit.roots {
        println!("root of {day}: {root}");
    }

    print_declared(&audit.declared_lost);
    let shown = audit.findings.iter().take(FINDINGS_SHOWN);
    shown.for_each(print_finding);
    let landed: u64 = audit
        .sources
        .iter()
        .map(|source| source.sum_counts(false).landed)
        .sum();
    match audit.findings.len() {
        0 if landed == 0 => println!(
            "The reconciliation balances, for nothing has landed. `polelake push` sends events; \
             with --date, --from or --to only those days are counted."
        ),
        0 => println!("The reconciliation balances."),
        count if count > FINDINGS_SHOWN => println!(
            "The reconciliation does not balance: {count} findings, {FINDINGS_SHOWN} of them \
             above; --json has all"
        ),
        count => println!("The reconciliation does not balance: {count} findings"),
    }
}

fn print_source(source: &SourceAudit) {
    let counts = source.sum_counts(false);
    let redriven = source.sum_counts(true);
    let accepted = source
        .accepted
        .map_or_else(|| "-".to_owned(), |count| count.to_string());
    println!(
        "{:20} {accepted:>10} {:>10} {:>10} {:>8} {:>11} {:>9} {:>11}",
        source.source,
        counts.landed,
        counts.refined,
        counts.ignored,
        counts.quarantined_total(),
        redriven.landed,
        source.missing_offsets()
    );
}

pub(super) fn print_finding(finding: &AuditFinding) {
    let AuditFinding {
        object,
        offset,
        kind: _,
        what,
        next,
    } = finding;
    let line = match offset {
        Some(offset) => format!("! {object} offset {offset}: {what}"),
        None => format!("! {object}: {what}"),
    };
    println!("{}", escape_line(&line));
    println!("    next: {}", escape_line(next));
}

//! `polelake snapshot diff`.

use operations::snapshots::{
    ColumnChangeCount, ColumnDifference, DiffDisplay, RowChangeKind, RowDifference, TableDiff,
    UnpairedTable, pair_days,
};
use serde_json::{Value, json};

use super::progress::styled_bar;
use crate::args::snapshot::DiffArgs;
use crate::error::CliError;
use crate::open_lake::OpenLake;
use crate::terminal::escape_controls;
use crate::work_progress::{BarWords, WorkProgress};

pub(crate) async fn run(args: &DiffArgs, progress: &WorkProgress) -> Result<bool, CliError> {
    let show = DiffDisplay {
        rows: args.rows,
        values: args.values,
    };
    let lake = OpenLake::open(&args.lake).await?;
    let pairs = pair_days(&lake.handle, args.table.as_deref(), args.from, args.to).await?;

    let bar = styled_bar(
        pairs.bytes_to_read(),
        "{prefix:24} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}",
    );
    let bar = progress.add_bar(bar, BarWords::Percent);
    let tables = pairs
        .compare_days(&lake.handle.curated, show, &|table, bytes| {
            bar.set_prefix(table.to_owned());
            bar.inc(bytes);
        })
        .await?;
    bar.finish_and_clear();

    if args.json {
        let diff = json!({
            "from": args.from.to_string(),
            "to": args.to.to_string(),
            "tables": tables,
            "skipped": pairs.skipped,
        });
        println!("{}", serde_json::to_string_pretty(&diff)?);
    } else {
        print_diff(&tables, &pairs.skipped);
    }
    Ok(true)
}

fn print_diff(tables: &[TableDiff], skipped: &[UnpairedTable]) {
    println!(
        "{:20} {:>11} {:>11} {:>9} {:>9} {:>9} {:>9}  shards",
        "table", "before", "after", "added", "changed", "restated", "removed"
    );
    for table in tables {
        println!(
            "{:20} {:>11} {:>11} {:>9} {:>9} {:>9} {:>9}  {} shared, {} read",
            table.table,
            table.rows_before,
            table.rows_after,
            table.added,
            table.changed,
            table.restated,
            table.removed,
            table.shards_shared,
            table.shards_read
        );
    }

    if tables.is_empty() {
        println!("No table has both days: there is nothing to compare.");
    }
    println!("`restated` counts the changed rows of which only the provenance differs.");
    for UnpairedTable { table, absent } in skipped {
        println!("{table} has no snapshot of {absent} and is not compared.");
    }
    for table in tables {
        if table.changed > 0 || !table.differences.is_empty() {
            print_table_diff(table);
        }
    }
}

/// Prints the columns that changed, and rows.
fn print_table_diff(table: &TableDiff) {
    println!("\n{}", table.table);
    print_column_counts("columns", &table.columns);
    print_column_counts("provenance", &table.provenance);
    table.differences.iter().for_each(print_row_difference);
}

fn print_column_counts(title: &str, columns: &[ColumnChangeCount]) {
    if columns.is_empty() {
        return;
    }

    let counts: Vec<String> = columns
        .iter()
        .map(|count| format!("{} {}", count.column, count.rows))
        .collect();
    println!("  changed {title}: {}", counts.join(", "));
}

fn print_row_difference(row: &RowDifference) {
    let mark = match row.what {
        RowChangeKind::Added => '+',
        RowChangeKind::Changed => '~',
        RowChangeKind::Removed => '-',
    };
    println!(
        "  {mark} {} {} (owner {})",
        row.source, row.pole_id, row.owner_id
    );

    // A row that only one day has differs in all of its provenance, which is long; `--json` has it.
    let is_changed = row.what == RowChangeKind::Changed;
    let columns = row.columns.iter();
    for change in columns.filter(|change| is_changed || !change.provenance) {
        let column = &change.column;
        println!("      {column}: {}", describe_change(row.what, change));
    }
}

fn describe_change(kind: RowChangeKind, change: &ColumnDifference) -> String {
    if change.hidden {
        return "(personal; --values shows it)".to_owned();
    }

    let before = printable_json(&change.before);
    let after = printable_json(&change.after);
    match kind {
        RowChangeKind::Added => after,
        RowChangeKind::Removed => before,
        RowChangeKind::Changed => format!("{before} -> {after}"),
    }
}

fn printable_json(value: &Value) -> String {
    escape_controls(&value.to_string())
}

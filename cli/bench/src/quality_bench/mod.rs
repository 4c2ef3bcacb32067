//! `polelake-bench quality`: what measuring costs beside writing, a snapshot read again, and exact uniqueness; beside Great
//! Expectations over a tenth of the rows.
//!
//! The table is one row group of a real merge, copied as often as the rows want: to a measure, a row group is a row group.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use arrow_array::RecordBatch;
use bytes::Bytes;
use contract::{Catalogue, DeclaredFile, TableContract};
use lake::file::{BATCH_ROWS, ROW_GROUP_ROWS, curated_properties, read_parquet};
use lake::{FileWindow, ParquetFooter, RowGroupWriter, SnapshotManifest, manifest_key, schema};
use quality::TableState;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::commands::bench::own_cpu_seconds;
use crate::processes::peak_megabytes;
use crate::snapshot_bench::{self, FIRST_DAY, SnapshotBench, TABLE, run_json_process, zone_store};
use polelake::error::CliError;

/// Where the one group lies, for the worker that writes and measures it.
const GROUP_FILE: &str = "group.parquet";

/// Where the peer's tenth lies.
const PEER_FILE: &str = "tenth.parquet";

/// The rule that is exact over the whole table.
const UNIQUE_RULE: &str = "
    quality:
      - id: bench-unique
        type: library
        metric: duplicateValues
        arguments: {properties: [pole_id, source]}
        dimension: uniqueness
        mustBe: 0
";

/// What is measured.
pub(crate) struct QualityBench {
    /// Rows of the table.
    pub(crate) rows: u64,
    /// A new folder for the files.
    pub(crate) dir: PathBuf,
    /// The contracts.
    pub(crate) contracts: PathBuf,
    /// `great_expectations`, or none.
    pub(crate) peers: Vec<String>,
}

impl QualityBench {
    /// Prepares the table, measures each, lets the peer do a tenth, and tells.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, CliError> {
        let groups = self.rows.div_ceil(ROW_GROUP_ROWS as u64).max(1);
        let one = SnapshotBench {
            rows: ROW_GROUP_ROWS as u64,
            changed: 10_000,
            dir: self.dir.clone(),
            contracts: self.contracts.clone(),
            peers: Vec::new(),
        };
        one.run_first_load().await?;
        inflate_snapshot(&self.dir, groups).await?;
        let tell = |what: &str, measured: &Value| {
            snapshot_bench::print_measurement(what, measured, as_json);
        };
        let writing = self.start_worker("writing", groups).await?;
        tell("polelake: writing", &writing["writing"]);
        tell(
            "polelake: measuring, in the same pass",
            &writing["measuring"],
        );
        let share = number_field(&writing["measuring"], "cpu")
            / number_field(&writing["writing"], "cpu").max(0.01);
        tell("measuring, of writing", &json!({"cpu_share": share}));
        let rescan = self.start_worker("rescan", groups).await?;
        tell("polelake: the snapshot read again", &rescan);
        let unique = self.start_worker("unique", groups).await?;
        tell(
            "polelake: read again, with exact uniqueness of the key",
            &unique,
        );
        if self.peers.iter().any(|peer| peer == "great_expectations") {
            let mut command = Command::new("python3");
            command
                .args(["-c", include_str!("great_expectations.py")])
                .arg(self.dir.join(PEER_FILE));
            let peer = run_json_process(command, "great_expectations").await?;
            tell("great_expectations, a tenth of the rows", &peer);
            let each = |measured: &Value| {
                number_field(measured, "cpu") / number_field(measured, "rows").max(1.0)
            };
            tell(
                "polelake, of great_expectations, each row",
                &json!({"cpu_share": each(&unique) / each(&peer)}),
            );
        }
        Ok(true)
    }

    async fn start_worker(&self, what: &str, groups: u64) -> Result<Value, CliError> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args([
                "quality-worker",
                what,
                "--groups",
                &groups.to_string(),
                "--dir",
            ])
            .arg(&self.dir);
        command.arg("--contracts").arg(&self.contracts);
        run_json_process(command, "polelake").await
    }
}

fn number_field(measured: &Value, what: &str) -> f64 {
    measured[what].as_f64().unwrap_or_default()
}

/// Makes the snapshot of the first day as large as it is to be, and keeps its one group beside it.
async fn inflate_snapshot(dir: &Path, groups: u64) -> Result<(), CliError> {
    let curated = zone_store(dir, "curated");
    let key = manifest_key(TABLE, FIRST_DAY);
    let mut manifest = SnapshotManifest::from_json(&curated.get(&key).await?.body)?;
    let shard = manifest
        .shards
        .first_mut()
        .ok_or("the first load has no shard")?;
    let file = curated.get(&shard.rows_key).await?.body;
    std::fs::write(dir.join(GROUP_FILE), &file)?;
    shard.bytes = write_copies(&file, groups, &dir.join("curated").join(&shard.rows_key))?;
    write_copies(&file, groups.div_ceil(10), &dir.join(PEER_FILE))?;
    shard.rows *= groups;
    shard.profile_key = None;
    manifest.rows *= groups;
    let body = Bytes::from(manifest.to_json()?);
    curated.put(&key, body, "application/json").await?;
    Ok(())
}

/// Writes a file with the first group of another, so many times; gives its size.
fn write_copies(file: &Bytes, groups: u64, to: &Path) -> Result<u64, CliError> {
    let size = file.len() as u64;
    let footer = ParquetFooter::parse(FileWindow::new(0, file.clone(), size))?;
    let group = footer
        .row_groups()?
        .into_iter()
        .next()
        .ok_or("the file has no row group")?;
    let schema = read_parquet(file.clone())?
        .next()
        .ok_or("the file has no rows")??
        .schema();
    let sink = std::io::BufWriter::new(std::fs::File::create(to)?);
    let mut writer = RowGroupWriter::new(sink, &schema, curated_properties())?;
    for _ in 0..groups {
        let range =
            usize::try_from(group.byte_range.start)?..usize::try_from(group.byte_range.end)?;
        writer.copy_group(&footer, &group, file.slice(range))?;
    }
    writer.finish_file()?.flush()?;
    Ok(std::fs::metadata(to)?.len())
}

/// One measurement in a process of its own; says what it took as JSON.
pub(crate) async fn run_worker(
    what: &str,
    groups: u64,
    dir: &Path,
    contracts: &Path,
) -> Result<bool, CliError> {
    let catalogue = compile_catalogue(&contracts.to_string_lossy(), what == "unique")?;
    let table = catalogue
        .table_contract(TABLE)
        .ok_or("the contracts have no table object_vehicle")?;
    let told = match what {
        "writing" => measure_writing(table, groups, dir)?,
        _ => measure_rescan(table, groups, dir).await?,
    };
    println!("{told}");
    Ok(true)
}

fn compile_catalogue(contracts: &str, unique: bool) -> Result<Catalogue, CliError> {
    let mut files = host::read_contract_files(contracts)?;
    for file in files
        .iter_mut()
        .filter(|file| unique && file.path.ends_with("object_vehicle.odcs.yaml"))
    {
        *file = DeclaredFile::new(
            file.path.clone(),
            file.text().replacen("\n    quality:\n", UNIQUE_RULE, 1),
        );
    }
    Catalogue::compile(&files).map_err(|problems| {
        problems
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n")
            .into()
    })
}

/// The same batches written, and measured, one after the other.
fn measure_writing(table: &TableContract, groups: u64, dir: &Path) -> Result<Value, CliError> {
    let file = Bytes::from(std::fs::read(dir.join(GROUP_FILE))?);
    let batches: Vec<RecordBatch> = read_parquet(file)?.collect::<Result<_, _>>()?;
    let rules: Vec<_> = table.rules_by_cross_table(false).cloned().collect();
    let writing = time_groups(groups, || {
        let mut writer = RowGroupWriter::new(
            std::io::sink(),
            &schema::curated_schema(table),
            curated_properties(),
        )?;
        batches
            .iter()
            .try_for_each(|batch| writer.write_batch(batch))?;
        writer.finish_file()?;
        Ok(())
    })?;
    let measuring = time_groups(groups, || {
        let mut state = TableState::new(&rules, &table.columns);
        batches
            .iter()
            .for_each(|batch| state.add_batch(&rules, batch));
        // As it is kept beside the file.
        std::hint::black_box(serde_json::to_vec(&state)?);
        Ok(())
    })?;
    Ok(json!({"writing": writing, "measuring": measuring, "batch_rows": BATCH_ROWS}))
}

fn time_groups(
    groups: u64,
    mut once: impl FnMut() -> Result<(), CliError>,
) -> Result<Value, CliError> {
    let (begun, cpu) = (Instant::now(), own_cpu_seconds());
    for _ in 0..groups {
        once()?;
    }
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), own_cpu_seconds() - cpu);
    Ok(
        json!({"wall": wall, "cpu": cpu, "peak_mb": peak_megabytes("self"), "rows": groups * ROW_GROUP_ROWS as u64}),
    )
}

/// The snapshot read again. With the rule of uniqueness, every row but those of one group must be found a repeat.
async fn measure_rescan(table: &TableContract, groups: u64, dir: &Path) -> Result<Value, CliError> {
    let curated = zone_store(dir, "curated");
    let manifest =
        SnapshotManifest::from_json(&curated.get(&manifest_key(TABLE, FIRST_DAY)).await?.body)?;
    let (begun, cpu) = (Instant::now(), own_cpu_seconds());
    let again = snapshot_merge::rescan_snapshot(table, &manifest, &Arc::clone(&curated)).await?;
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), own_cpu_seconds() - cpu);
    let repeats = again
        .rules
        .iter()
        .find(|rule| rule.rule == "bench-unique")
        .map(|rule| rule.failed);
    if repeats.is_some_and(|repeats| repeats != (groups - 1) * (again.rows / groups)) {
        return Err(format!(
            "{repeats:?} of {} rows were found to repeat a key",
            again.rows
        )
        .into());
    }
    Ok(
        json!({"wall": wall, "cpu": cpu, "peak_mb": peak_megabytes("self"), "rows": again.rows, "repeats": repeats}),
    )
}

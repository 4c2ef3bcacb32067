//! `polelake-bench quality`: CPU-seconds of quality checks while a snapshot is written, when it is
//! read again, and with exact uniqueness; beside Great Expectations over a tenth of the rows.
//!
//! The table is one row group of a real merge, copied until it has the rows: a check costs the same
//! for each copy.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use contract::{Catalogue, DeclaredFile, TableContract};
use lake::file::{BATCH_ROWS, ROW_GROUP_ROWS, curated_properties, read_parquet};
use lake::{
    FileDigest, FileWindow, ParquetFooter, RowGroupWriter, SnapshotManifest, manifest_key, schema,
};
use quality::TableState;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::contracts::compile_declared;
use crate::processes::{Stopwatch, peak_megabytes};
use crate::snapshot_bench::{
    FIRST_DAY, SnapshotBench, TABLE, cpu_share, number_field, print_measurement, run_json_process,
    zone_store,
};
use polelake::error::CliError;

/// The file with the one row group, for the worker that writes and measures it.
const GROUP_FILE: &str = "group.parquet";

/// The file with the peer's tenth of the rows.
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

/// The arguments of `polelake-bench quality`.
#[derive(clap::Args)]
pub(crate) struct QualityBench {
    /// Rows of the table, in groups of 131,072.
    #[arg(long, default_value_t = 4_000_000)]
    rows: u64,
    /// A new folder for the files: 60 bytes a row.
    #[arg(long)]
    dir: PathBuf,
    /// Peers that check a tenth of the rows too: great_expectations, or none.
    #[arg(long, value_delimiter = ',', default_value = "great_expectations")]
    peers: Vec<String>,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    contracts: PathBuf,
}

impl QualityBench {
    /// Prepares the table, measures each kind of check, lets the peer check a tenth, and prints the
    /// measurements.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, CliError> {
        let groups = self.rows.div_ceil(ROW_GROUP_ROWS as u64).max(1);
        let one_group = SnapshotBench {
            rows: ROW_GROUP_ROWS as u64,
            changed: 10_000,
            dir: self.dir.clone(),
            contracts: self.contracts.clone(),
            peers: Vec::new(),
        };
        one_group.run_first_load().await?;
        inflate_snapshot(&self.dir, groups).await?;

        self.measure_own_checks(groups, as_json).await?;
        let unique = self.start_worker("unique", groups).await?;
        let title = "polelake: read again, with exact uniqueness of the key";
        print_measurement(title, &unique, as_json);

        if self.peers.iter().any(|peer| peer == "great_expectations") {
            self.measure_peer(&unique, as_json).await?;
        }
        Ok(true)
    }

    /// Checks while a snapshot is written, and when it is read again.
    async fn measure_own_checks(&self, groups: u64, as_json: bool) -> Result<(), CliError> {
        let worker = self.start_worker("writing", groups).await?;
        let writing = &worker["writing"];
        let measuring = &worker["measuring"];
        print_measurement("polelake: writing", writing, as_json);
        print_measurement("polelake: measuring, in the same pass", measuring, as_json);
        let share = cpu_share(measuring, writing);
        print_measurement("measuring, of writing", &share, as_json);

        let rescan = self.start_worker("rescan", groups).await?;
        print_measurement("polelake: the snapshot read again", &rescan, as_json);
        Ok(())
    }

    /// Great Expectations over a tenth of the rows, compared by CPU-seconds a row.
    async fn measure_peer(&self, unique: &Value, as_json: bool) -> Result<(), CliError> {
        let mut command = Command::new("python3");
        command
            .args(["-c", include_str!("great_expectations.py")])
            .arg(self.dir.join(PEER_FILE));
        let peer = run_json_process(command, "great_expectations").await?;
        print_measurement("great_expectations, a tenth of the rows", &peer, as_json);

        let share = json!({"cpu_share": cpu_per_row(unique) / cpu_per_row(&peer)});
        print_measurement("polelake, of great_expectations, each row", &share, as_json);
        Ok(())
    }

    async fn start_worker(&self, what: &str, groups: u64) -> Result<Value, CliError> {
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["quality-worker", what, "--groups", &groups.to_string()])
            .arg("--dir")
            .arg(&self.dir)
            .arg("--contracts")
            .arg(&self.contracts);
        run_json_process(command, "polelake").await
    }
}

fn cpu_per_row(measured: &Value) -> f64 {
    number_field(measured, "cpu") / number_field(measured, "rows").max(1.0)
}

/// Copies the one row group of the first day's snapshot `groups` times, and keeps the group in a
/// file beside it.
async fn inflate_snapshot(dir: &Path, groups: u64) -> Result<(), CliError> {
    let curated = zone_store(dir, "curated");
    let key = manifest_key(TABLE, FIRST_DAY);
    let mut manifest = SnapshotManifest::from_json(&curated.get(&key).await?.body)?;
    let shard = manifest
        .shards
        .first_mut()
        .ok_or("the first load has no shard")?;
    let file = curated.get(&shard.rows_file.key).await?.body;
    std::fs::write(dir.join(GROUP_FILE), &file)?;
    let path = dir.join("curated").join(&shard.rows_file.key);
    shard.rows_file.digest = write_copies(&file, groups, &path)?;
    write_copies(&file, groups.div_ceil(10), &dir.join(PEER_FILE))?;
    shard.rows *= groups;
    shard.profile = None;
    manifest.rows *= groups;
    let body = Bytes::from(manifest.to_json()?);
    curated.put(&key, body, "application/json").await?;
    Ok(())
}

/// Writes a file with the first row group of `file`, `groups` times; gives its digest.
fn write_copies(file: &Bytes, groups: u64, path: &Path) -> Result<FileDigest, CliError> {
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

    let sink = std::io::BufWriter::new(std::fs::File::create(path)?);
    let mut writer = RowGroupWriter::new(sink, &schema, curated_properties())?;
    let range = usize::try_from(group.byte_range.start)?..usize::try_from(group.byte_range.end)?;
    for _ in 0..groups {
        let range = range.clone();
        writer.copy_group(&footer, &group, file.slice(range))?;
    }
    let (mut sink, digest) = writer.finish_file()?;
    sink.flush()?;
    Ok(digest)
}

/// Takes one measurement in this process and prints it as JSON.
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
    let measured = match what {
        "writing" => measure_writing(table, groups, dir)?,
        _ => measure_rescan(table, groups, dir).await?,
    };
    println!("{measured}");
    Ok(true)
}

/// The contracts, compiled; with a rule of exact uniqueness where `unique` says so.
fn compile_catalogue(contracts: &str, unique: bool) -> Result<Catalogue, CliError> {
    let mut files = host::read_contract_files(contracts)?;
    for file in files
        .iter_mut()
        .filter(|file| unique && file.path.ends_with("object_vehicle.odcs.yaml"))
    {
        let text = file.text().replacen("\n    quality:\n", UNIQUE_RULE, 1);
        *file = DeclaredFile::new(file.path.clone(), text);
    }
    compile_declared(&files)
}

/// Writes the same batches, and measures them, one after the other.
fn measure_writing(table: &TableContract, groups: u64, dir: &Path) -> Result<Value, CliError> {
    let file = Bytes::from(std::fs::read(dir.join(GROUP_FILE))?);
    let batches: Vec<RecordBatch> = read_parquet(file)?.collect::<Result<_, _>>()?;
    let rules: Vec<_> = table.rules_by_cross_table(false).cloned().collect();

    let writing = time_groups(groups, || write_group(table, &batches))?;
    let measuring = time_groups(groups, || {
        let mut state = TableState::new(&rules, &table.columns);
        for batch in &batches {
            state.add_batch(&rules, batch);
        }
        // As the merge stores it beside the file.
        std::hint::black_box(serde_json::to_vec(&state)?);
        Ok(())
    })?;
    Ok(json!({"writing": writing, "measuring": measuring, "batch_rows": BATCH_ROWS}))
}

fn write_group(table: &TableContract, batches: &[RecordBatch]) -> Result<(), CliError> {
    let schema = schema::curated_schema(table);
    let mut writer = RowGroupWriter::new(std::io::sink(), &schema, curated_properties())?;
    for batch in batches {
        writer.write_batch(batch)?;
    }
    writer.finish_file()?;
    Ok(())
}

fn time_groups(
    groups: u64,
    mut run_once: impl FnMut() -> Result<(), CliError>,
) -> Result<Value, CliError> {
    let watch = Stopwatch::start();
    for _ in 0..groups {
        run_once()?;
    }
    Ok(json!({
        "wall": watch.wall_seconds(), "cpu": watch.cpu_seconds(), "peak_mb": peak_megabytes("self"),
        "rows": groups * ROW_GROUP_ROWS as u64,
    }))
}

/// Reads the snapshot again. With the rule of uniqueness, all rows but those of one group repeat a
/// key.
async fn measure_rescan(table: &TableContract, groups: u64, dir: &Path) -> Result<Value, CliError> {
    let curated = zone_store(dir, "curated");
    let body = curated.get(&manifest_key(TABLE, FIRST_DAY)).await?.body;
    let manifest = SnapshotManifest::from_json(&body)?;

    let watch = Stopwatch::start();
    let rescan = snapshot_merge::rescan_snapshot(table, &manifest, &Arc::clone(&curated)).await?;
    let wall = watch.wall_seconds();
    let cpu = watch.cpu_seconds();

    let unique_rule = rescan.rules.iter().find(|rule| rule.rule == "bench-unique");
    let repeats = unique_rule.map(|rule| rule.failed);
    let expected = (groups - 1) * (rescan.rows / groups);
    if repeats.is_some_and(|repeats| repeats != expected) {
        let message = format!(
            "{repeats:?} of {} rows repeat a key, instead of {expected}",
            rescan.rows
        );
        return Err(message.into());
    }
    Ok(json!({
        "wall": wall, "cpu": cpu, "peak_mb": peak_megabytes("self"), "rows": rescan.rows,
        "repeats": repeats,
    }))
}

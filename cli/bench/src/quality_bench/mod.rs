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
use contract::{Catalogue, File, TableContract};
use lake::file::{BATCH_ROWS, ROW_GROUP_ROWS, curated, read};
use lake::{Footer, GroupWriter, Manifest, Window, manifest_key, schema};
use quality::TableState;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::commands::bench::cpu_seconds;
use crate::processes::peak_megabytes;
use crate::snapshot_bench::{self, Bench, FIRST_DAY, TABLE, answer, zone};
use polelake::error::Failed;

/// Where the one group lies, for the worker that writes and measures it.
const GROUP: &str = "group.parquet";

/// Where the peer's tenth lies.
const TENTH: &str = "tenth.parquet";

/// The rule that is exact over the whole table.
const UNIQUE: &str = "
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
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, Failed> {
        let groups = self.rows.div_ceil(ROW_GROUP_ROWS as u64).max(1);
        let one = Bench {
            rows: ROW_GROUP_ROWS as u64,
            changed: 10_000,
            dir: self.dir.clone(),
            contracts: self.contracts.clone(),
            peers: Vec::new(),
        };
        one.first_load().await?;
        inflate(&self.dir, groups).await?;
        let tell = |what: &str, measured: &Value| snapshot_bench::tell(what, measured, as_json);
        let writing = self.worker("writing", groups).await?;
        tell("polelake: writing", &writing["writing"]);
        tell(
            "polelake: measuring, in the same pass",
            &writing["measuring"],
        );
        let share =
            number(&writing["measuring"], "cpu") / number(&writing["writing"], "cpu").max(0.01);
        tell("measuring, of writing", &json!({"cpu_share": share}));
        let rescan = self.worker("rescan", groups).await?;
        tell("polelake: the snapshot read again", &rescan);
        let unique = self.worker("unique", groups).await?;
        tell(
            "polelake: read again, with exact uniqueness of the key",
            &unique,
        );
        if self.peers.iter().any(|peer| peer == "great_expectations") {
            let mut command = Command::new("python3");
            command
                .args(["-c", include_str!("great_expectations.py")])
                .arg(self.dir.join(TENTH));
            let peer = answer(command, "great_expectations").await?;
            tell("great_expectations, a tenth of the rows", &peer);
            let each =
                |measured: &Value| number(measured, "cpu") / number(measured, "rows").max(1.0);
            tell(
                "polelake, of great_expectations, each row",
                &json!({"cpu_share": each(&unique) / each(&peer)}),
            );
        }
        Ok(true)
    }

    async fn worker(&self, what: &str, groups: u64) -> Result<Value, Failed> {
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
        answer(command, "polelake").await
    }
}

fn number(measured: &Value, what: &str) -> f64 {
    measured[what].as_f64().unwrap_or_default()
}

/// Makes the snapshot of the first day as large as it is to be, and keeps its one group beside it.
async fn inflate(dir: &Path, groups: u64) -> Result<(), Failed> {
    let curated = zone(dir, "curated");
    let key = manifest_key(TABLE, FIRST_DAY);
    let mut manifest = Manifest::decode(&curated.get(&key).await?.body)?;
    let shard = manifest
        .shards
        .first_mut()
        .ok_or("the first load has no shard")?;
    let file = curated.get(&shard.rows_key).await?.body;
    std::fs::write(dir.join(GROUP), &file)?;
    shard.bytes = copies(&file, groups, &dir.join("curated").join(&shard.rows_key))?;
    copies(&file, groups.div_ceil(10), &dir.join(TENTH))?;
    shard.rows *= groups;
    shard.profile_key = None;
    manifest.rows *= groups;
    let body = Bytes::from(manifest.encode()?);
    curated.put(&key, body, "application/json").await?;
    Ok(())
}

/// Writes a file with the first group of another, so many times; gives its size.
fn copies(file: &Bytes, groups: u64, to: &Path) -> Result<u64, Failed> {
    let size = file.len() as u64;
    let footer = Footer::parse(Window::new(0, file.clone(), size))?;
    let group = footer
        .groups()?
        .into_iter()
        .next()
        .ok_or("the file has no row group")?;
    let schema = read(file.clone())?
        .next()
        .ok_or("the file has no rows")??
        .schema();
    let sink = std::io::BufWriter::new(std::fs::File::create(to)?);
    let mut writer = GroupWriter::new(sink, &schema, curated())?;
    for _ in 0..groups {
        let range = usize::try_from(group.bytes.start)?..usize::try_from(group.bytes.end)?;
        writer.copy(&footer, &group, file.slice(range))?;
    }
    writer.finish()?.flush()?;
    Ok(std::fs::metadata(to)?.len())
}

/// One measurement in a process of its own; says what it took as JSON.
pub(crate) async fn worker(
    what: &str,
    groups: u64,
    dir: &Path,
    contracts: &Path,
) -> Result<bool, Failed> {
    let catalogue = catalogue(&contracts.to_string_lossy(), what == "unique")?;
    let table = catalogue
        .table(TABLE)
        .ok_or("the contracts have no table object_vehicle")?;
    let told = match what {
        "writing" => writing(table, groups, dir)?,
        _ => rescan(table, groups, dir).await?,
    };
    println!("{told}");
    Ok(true)
}

fn catalogue(contracts: &str, unique: bool) -> Result<Catalogue, Failed> {
    let mut files = host::contract_files(contracts)?;
    for file in files
        .iter_mut()
        .filter(|file| unique && file.path.ends_with("object_vehicle.odcs.yaml"))
    {
        *file = File::new(
            file.path.clone(),
            file.text().replacen("\n    quality:\n", UNIQUE, 1),
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
fn writing(table: &TableContract, groups: u64, dir: &Path) -> Result<Value, Failed> {
    let file = Bytes::from(std::fs::read(dir.join(GROUP))?);
    let batches: Vec<RecordBatch> = read(file)?.collect::<Result<_, _>>()?;
    let rules: Vec<_> = table.rules_that_look(false).cloned().collect();
    let writing = timed(groups, || {
        let mut writer = GroupWriter::new(std::io::sink(), &schema::curated(table), curated())?;
        batches.iter().try_for_each(|batch| writer.write(batch))?;
        writer.finish()?;
        Ok(())
    })?;
    let measuring = timed(groups, || {
        let mut state = TableState::new(&rules, &table.columns);
        batches.iter().for_each(|batch| state.update(&rules, batch));
        // As it is kept beside the file.
        std::hint::black_box(serde_json::to_vec(&state)?);
        Ok(())
    })?;
    Ok(json!({"writing": writing, "measuring": measuring, "batch_rows": BATCH_ROWS}))
}

fn timed(groups: u64, mut once: impl FnMut() -> Result<(), Failed>) -> Result<Value, Failed> {
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    for _ in 0..groups {
        once()?;
    }
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    Ok(
        json!({"wall": wall, "cpu": cpu, "peak_mb": peak_megabytes("self"), "rows": groups * ROW_GROUP_ROWS as u64}),
    )
}

/// The snapshot read again. With the rule of uniqueness, every row but those of one group must be found a repeat.
async fn rescan(table: &TableContract, groups: u64, dir: &Path) -> Result<Value, Failed> {
    let curated = zone(dir, "curated");
    let manifest = Manifest::decode(&curated.get(&manifest_key(TABLE, FIRST_DAY)).await?.body)?;
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let again = snapshot_merge::rescan(table, &manifest, &Arc::clone(&curated)).await?;
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
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

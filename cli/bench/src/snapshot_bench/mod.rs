//! `polelake-bench snapshot`: days of a large table merged beside DuckDB and Spark, over the same files, one process each.

mod folder_store;
mod many_tables;
mod vehicle_events;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::Catalogue;
use lake::{Chunk, Day, SnapshotManifest, manifest_key};
use serde_json::{Value, json};
use snapshot_merge::{Context, MergeSizes, ZoneBuckets};
use store::{MemoryCatalogue, ObjectStore};
use tokio::process::Command;
use trigger::ScheduleRequest;

use crate::commands::bench::own_cpu_seconds;
use crate::processes::peak_megabytes;
use folder_store::FolderStore;
use polelake::error::CliError;
use vehicle_events::{VehicleEvents, VehicleSelection};

/// The table that is merged: 14 columns of provenance and 14 of its own, with the rules that ship.
pub(crate) const TABLE: &str = "object_vehicle";

/// The first day, in days since 1970: 2026-03-02.
pub(crate) const FIRST_DAY: Day = Day(20_514);

/// What is measured.
pub(crate) struct SnapshotBench {
    /// Rows of the table.
    pub(crate) rows: u64,
    /// Changed keys in a million.
    pub(crate) changed: u64,
    /// Where the files go.
    pub(crate) dir: PathBuf,
    /// The contracts.
    pub(crate) contracts: PathBuf,
    /// `duckdb`, `pyspark`, or none of them.
    pub(crate) peers: Vec<String>,
}

pub(crate) fn zone_store(dir: &Path, name: &str) -> Arc<dyn ObjectStore> {
    Arc::new(FolderStore(dir.join(name)))
}

/// Merges one day, in a process of its own; says what it took as JSON. With `tables`, those of the small council.
pub(crate) async fn run_worker(
    dir: &Path,
    contracts: &Path,
    date: &str,
    tables: Option<u32>,
) -> Result<bool, CliError> {
    let bucket = |name: &str| name.to_owned();
    let contracts = contracts.to_string_lossy();
    let (catalogue, wanted) = match tables {
        Some(tables) => (
            many_tables::compile_catalogue(&contracts, tables)?,
            Vec::new(),
        ),
        None => (host::load_contracts(&contracts)?, vec![TABLE.to_owned()]),
    };
    let context = Context {
        raw: zone_store(dir, "raw"),
        refined: zone_store(dir, "refined"),
        curated: zone_store(dir, "curated"),
        buckets: ZoneBuckets {
            raw: bucket("raw"),
            refined: bucket("refined"),
            curated: bucket("curated"),
        },
        database_prefix: "bench".into(),
        glue: Arc::new(MemoryCatalogue::default()),
        catalogue: Arc::new(catalogue),
        sizes: MergeSizes::default(),
    };
    let schedule = ScheduleRequest {
        date: Some(date.to_owned()),
        tables: wanted,
        ..ScheduleRequest::default()
    };
    let (begun, cpu) = (Instant::now(), own_cpu_seconds());
    let run = snapshot_merge::handle(
        &schedule,
        &context,
        host::TimeBudget::lasting_for(Duration::from_secs(7_200)),
    )
    .await?;
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), own_cpu_seconds() - cpu);
    let rows: u64 = run.tables.iter().map(|table| table.rows).sum();
    let (peak, tables) = (peak_megabytes("self"), run.tables.len());
    println!(
        "{}",
        json!({"wall": wall, "cpu": cpu, "peak_mb": peak, "rows": rows, "tables": tables, "run": run})
    );
    Ok(true)
}

/// Merges and publishes the many small tables of a council in one invocation: a first load, one changed key in a hundred,
/// and nothing.
pub(crate) async fn bench_small_tables(
    dir: &Path,
    contracts: &Path,
    tables: u32,
    as_json: bool,
) -> Result<bool, CliError> {
    if dir.exists() {
        return Err(format!(
            "{} is there already; give --dir another folder",
            dir.display()
        )
        .into());
    }
    let catalogue = many_tables::compile_catalogue(&contracts.to_string_lossy(), tables)?;
    let (raw, refined) = (zone_store(dir, "raw"), zone_store(dir, "refined"));
    for number in 0..tables {
        let name = many_tables::table_name(number);
        let table = catalogue
            .table_contract(&name)
            .ok_or_else(|| format!("there is no table {name}"))?;
        let topic = *catalogue
            .topics_of_table(&name)
            .first()
            .ok_or("a table without a source")?;
        let (vehicles, mut offset, mut day) =
            (many_tables::row_count(number, tables), 0, FIRST_DAY);
        for (version, which) in [
            (1, VehicleSelection::All),
            (2, VehicleSelection::Spread(10_000)),
        ] {
            offset = VehicleEvents {
                table,
                topic,
                day,
                vehicles,
                selection: which,
                offset,
                version,
            }
            .write_objects(&*raw, &*refined)
            .await?;
            day = day.next();
        }
    }
    let days = ["first load", "one changed key in a hundred", "no changes"];
    for (what, day) in days.iter().zip((0..).map(|after| Day(FIRST_DAY.0 + after))) {
        let measured = merge_in_process(dir, contracts, day, Some(tables)).await?;
        print_measurement(
            &format!("polelake: {tables} tables, {what}"),
            &measured,
            as_json,
        );
    }
    Ok(true)
}

/// One day, merged by a process of its own.
async fn merge_in_process(
    dir: &Path,
    contracts: &Path,
    day: Day,
    tables: Option<u32>,
) -> Result<Value, CliError> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["snapshot-worker", &day.to_string(), "--dir"])
        .arg(dir);
    command.arg("--contracts").arg(contracts);
    if let Some(tables) = tables {
        command.args(["--tables", &tables.to_string()]);
    }
    run_json_process(command, "polelake").await
}

impl SnapshotBench {
    /// Prepares the days, merges each, lets the peers do the second, and tells.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, CliError> {
        self.require_new_folder()?;
        let catalogue = host::load_contracts(&self.contracts.to_string_lossy())?;
        let days = [
            VehicleSelection::All,
            VehicleSelection::Spread(self.changed),
            VehicleSelection::Clustered(1_000_000 / self.changed.max(1)),
        ];
        self.write_days(&catalogue, &days).await?;
        let tell = |what: &str, measured: &Value| print_measurement(what, measured, as_json);
        let first = self.merge_day(FIRST_DAY).await?;
        tell("polelake: first load", &first);
        let whole = self.merge_day(FIRST_DAY.next()).await?;
        tell("polelake: changes spread over the table", &whole);
        let confined = self.merge_day(FIRST_DAY.next().next()).await?;
        tell("polelake: as many changes, lying together", &confined);
        let none = self.merge_day(FIRST_DAY.next().next().next()).await?;
        tell("polelake: no changes", &none);
        let share = number_field(&confined, "cpu") / number_field(&whole, "cpu").max(0.01);
        tell(
            "changes together, of changes spread",
            &json!({"cpu_share": share}),
        );
        for (peer, variant) in [
            ("duckdb", "simple"),
            ("duckdb", "whole"),
            ("pyspark", "simple"),
        ] {
            if self.peers.iter().any(|wanted| wanted == peer) {
                let measured = self.run_peer(peer, variant).await?;
                tell(
                    &format!(
                        "{peer} {} ({variant})",
                        measured["version"].as_str().unwrap_or_default()
                    ),
                    &measured,
                );
                let share = number_field(&whole, "cpu") / number_field(&measured, "cpu").max(0.01);
                tell(
                    &format!("polelake, of {peer} ({variant})"),
                    &json!({"cpu_share": share}),
                );
            }
        }
        Ok(true)
    }

    /// The first day alone, of a new folder.
    pub(crate) async fn run_first_load(&self) -> Result<Value, CliError> {
        self.require_new_folder()?;
        let catalogue = host::load_contracts(&self.contracts.to_string_lossy())?;
        self.write_days(&catalogue, &[VehicleSelection::All])
            .await?;
        self.merge_day(FIRST_DAY).await
    }

    fn require_new_folder(&self) -> Result<(), CliError> {
        match self.dir.exists() {
            true => Err(format!(
                "{} is there already; give --dir another folder",
                self.dir.display()
            )
            .into()),
            false => Ok(()),
        }
    }

    async fn write_days(
        &self,
        catalogue: &Catalogue,
        days: &[VehicleSelection],
    ) -> Result<(), CliError> {
        let table = catalogue
            .table_contract(TABLE)
            .ok_or("the contracts have no table object_vehicle")?;
        let topic = *catalogue
            .topics_of_table(TABLE)
            .first()
            .ok_or("no source fills object_vehicle")?;
        let (raw, refined) = (
            zone_store(&self.dir, "raw"),
            zone_store(&self.dir, "refined"),
        );
        let (mut offset, mut day) = (0, FIRST_DAY);
        for (version, which) in (1..).zip(days) {
            let events = VehicleEvents {
                table,
                topic,
                day,
                vehicles: self.rows,
                selection: *which,
                offset,
                version,
            };
            offset = events.write_objects(&*raw, &*refined).await?;
            day = day.next();
        }
        Ok(())
    }

    async fn merge_day(&self, day: Day) -> Result<Value, CliError> {
        merge_in_process(&self.dir, &self.contracts, day, None).await
    }

    /// The second day by a peer: the base's files and the day's increments.
    async fn run_peer(&self, peer: &str, variant: &str) -> Result<Value, CliError> {
        let scripts = [
            ("duckdb", include_str!("duckdb_merge.py")),
            ("pyspark", include_str!("spark_merge.py")),
        ];
        let script = scripts
            .iter()
            .find(|(name, _)| *name == peer)
            .map(|(_, script)| *script)
            .unwrap_or_default();
        let key = manifest_key(TABLE, FIRST_DAY);
        let manifest =
            SnapshotManifest::from_json(&zone_store(&self.dir, "curated").get(&key).await?.body)?;
        let of =
            |zone: &str, key: &str| self.dir.join(zone).join(key).to_string_lossy().into_owned();
        let base: Vec<String> = manifest
            .shards
            .iter()
            .map(|shard| of("curated", &shard.rows_key))
            .collect();
        let refined_day = Chunk::refined_day_prefix(TABLE, FIRST_DAY.next());
        let increments = of("refined", refined_day.trim_end_matches('/'));
        let out = self
            .dir
            .join(format!("{peer}-{variant}.parquet"))
            .to_string_lossy()
            .into_owned();
        let threads = std::thread::available_parallelism()?.to_string();
        let mut command = Command::new("python3");
        command.args(["-c", script]);
        match peer {
            "duckdb" => command.args([
                variant,
                &base.join(","),
                &format!("{increments}/**/*.parquet"),
                &out,
            ]),
            _ => command.args([
                &base.join(","),
                &format!("{increments}/*/*/*/*.parquet"),
                &out,
            ]),
        };
        command.arg(threads);
        run_json_process(command, peer).await
    }
}

/// What a process says in its last line.
pub(crate) async fn run_json_process(mut command: Command, who: &str) -> Result<Value, CliError> {
    let output = command
        .stderr(Stdio::piped())
        .output()
        .await
        .map_err(|error| format!("{who}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let last = said
        .lines()
        .last()
        .and_then(|line| serde_json::from_str(line).ok());
    last.ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        let why = errors.lines().last().unwrap_or("it said nothing").to_owned();
        format!(
            "{who} failed: {why}; `pip install duckdb pyspark` brings the peers, `--peers none` does without"
        )
        .into()
    })
}

fn number_field(measured: &Value, what: &str) -> f64 {
    measured[what].as_f64().unwrap_or_default()
}

pub(crate) fn print_measurement(what: &str, measured: &Value, as_json: bool) {
    if as_json {
        let mut line = measured.clone();
        line["bench"] = json!(what);
        return println!("{line}");
    }
    match measured["cpu_share"].as_f64() {
        Some(share) => println!("{what}: {:.1} % of the CPU-seconds", share * 100.0),
        None => println!(
            "{what}: {:.1} CPU-s, {:.1} s wall, {:.0} MB at most, {} rows",
            number_field(measured, "cpu"),
            number_field(measured, "wall"),
            number_field(measured, "peak_mb"),
            measured["rows"]
        ),
    }
}

//! `polelake-bench snapshot`: days of a large table merged beside DuckDB and Spark, over the same
//! files, one process each. `polelake-bench tables`: many small tables merged in one invocation.
//! Both print CPU-seconds, seconds and megabytes. `polelake-bench trace`: one event is found among
//! those of many days.

mod audit_worker;
mod counted_store;
mod folder_store;
mod many_tables;
mod trace_bench;
mod vehicle_events;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use contract::Catalogue;
use lake::{Chunk, Day, SnapshotManifest, manifest_key};
use serde_json::{Value, json};
use snapshot_merge::{Context, MergeSizes, ZoneBuckets};
use store::{MemoryCatalogue, ObjectStore};
use tokio::process::Command;
use trigger::ScheduleRequest;

use crate::processes::{Stopwatch, peak_megabytes};
use crate::require_new_folder;
pub(crate) use audit_worker::run_audit_worker;
use folder_store::FolderStore;
pub(crate) use folder_store::transferred_bytes;
use polelake::error::CliError;
pub(crate) use trace_bench::TraceBench;
use vehicle_events::{VehicleEvents, VehicleSelection};

/// The table that is merged: 14 columns of provenance and 14 of its own, with the rules that ship.
pub(crate) const TABLE: &str = "object_vehicle";

/// The first day, in days since 1970: 2026-03-02.
pub(crate) const FIRST_DAY: Day = Day(20_514);

/// The arguments of `polelake-bench snapshot`.
#[derive(clap::Args)]
pub(crate) struct SnapshotBench {
    /// Rows of the table.
    #[arg(long, default_value_t = 4_000_000)]
    pub(crate) rows: u64,
    /// Changed keys in a million.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) changed: u64,
    /// A new folder for the files: 100 bytes a row, three times.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Peers that merge the day with the spread changes too: duckdb, pyspark, or none.
    #[arg(long, value_delimiter = ',', default_value = "duckdb,pyspark")]
    pub(crate) peers: Vec<String>,
    /// The folder of contracts and mappings.
    #[arg(long, default_value = "contracts")]
    pub(crate) contracts: PathBuf,
}

/// Each peer with the variants of its merge: `simple` rewrites the table, `whole` makes what
/// polelake makes.
const PEER_VARIANTS: [(&str, &str); 3] = [
    ("duckdb", "simple"),
    ("duckdb", "whole"),
    ("pyspark", "simple"),
];

/// How the peers are brought, and how to do without them.
const PEERS_HINT: &str =
    "`pip install duckdb pyspark` brings the peers, `--peers none` does without";

/// The store of one zone of the benchmark's folder.
pub(crate) fn zone_store(dir: &Path, name: &str) -> Arc<dyn ObjectStore> {
    Arc::new(FolderStore(dir.join(name)))
}

/// Merges one day in this process and prints what it cost as JSON. With `tables`, the many tables
/// of a small council.
pub(crate) async fn run_worker(
    dir: &Path,
    contracts: &Path,
    date: &str,
    tables: Option<u32>,
) -> Result<bool, CliError> {
    let contracts = contracts.to_string_lossy();
    let (catalogue, tables_to_merge) = match tables {
        Some(tables) => {
            let catalogue = many_tables::compile_catalogue(&contracts, tables)?;
            (catalogue, Vec::new())
        }
        None => (host::load_contracts(&contracts)?, vec![TABLE.to_owned()]),
    };
    let context = merge_context(dir, catalogue);
    let schedule = ScheduleRequest {
        date: Some(date.to_owned()),
        tables: tables_to_merge,
        ..ScheduleRequest::default()
    };
    let budget = host::TimeBudget::lasting_for(Duration::from_secs(7_200));

    let watch = Stopwatch::start();
    let run = snapshot_merge::handle(&schedule, &context, budget).await?;
    let measured = json!({
        "wall": watch.wall_seconds(), "cpu": watch.cpu_seconds(), "peak_mb": peak_megabytes("self"),
        "rows": run.tables.iter().map(|table| table.rows).sum::<u64>(), "tables": run.tables.len(),
        "run": run,
    });
    println!("{measured}");
    Ok(true)
}

/// The merge's context over the benchmark's folder.
pub(crate) fn merge_context(dir: &Path, catalogue: Catalogue) -> Context {
    Context {
        raw: zone_store(dir, "raw"),
        refined: zone_store(dir, "refined"),
        curated: zone_store(dir, "curated"),
        buckets: ZoneBuckets {
            raw: "raw".to_owned(),
            refined: "refined".to_owned(),
            curated: "curated".to_owned(),
        },
        database_prefix: "bench".into(),
        glue: Arc::new(MemoryCatalogue::default()),
        catalogue: Arc::new(catalogue),
        identity_key: Some(Arc::new(pole::IdentityKey::for_tests())),
        sizes: MergeSizes::default(),
    }
}

/// Merges and publishes the many small tables of a council in one invocation: a first load, one
/// changed key in a hundred, and no changes.
pub(crate) async fn bench_small_tables(
    dir: &Path,
    contracts: &Path,
    tables: u32,
    as_json: bool,
) -> Result<bool, CliError> {
    require_new_folder(dir)?;
    let catalogue = many_tables::compile_catalogue(&contracts.to_string_lossy(), tables)?;
    for number in 0..tables {
        let vehicles = many_tables::row_count(number, tables);
        let selections = [VehicleSelection::All, VehicleSelection::Spread(10_000)];
        let name = many_tables::table_name(number);
        write_days(dir, &catalogue, &name, vehicles, &selections).await?;
    }

    let mut day = FIRST_DAY;
    for load in ["first load", "one changed key in a hundred", "no changes"] {
        let measured = merge_in_process(dir, contracts, day, Some(tables)).await?;
        let title = format!("polelake: {tables} tables, {load}");
        print_measurement(&title, &measured, as_json);
        day = day.next();
    }
    Ok(true)
}

/// Writes refined objects for a table, one day for each selection of vehicles.
async fn write_days(
    dir: &Path,
    catalogue: &Catalogue,
    table_name: &str,
    vehicles: u64,
    selections: &[VehicleSelection],
) -> Result<(), CliError> {
    let table = catalogue
        .table_contract(table_name)
        .ok_or_else(|| format!("the contracts have no table {table_name}"))?;
    let topics = catalogue.topics_of_table(table_name);
    let topic = *topics
        .first()
        .ok_or_else(|| format!("no source fills {table_name}"))?;
    let raw = zone_store(dir, "raw");
    let refined = zone_store(dir, "refined");

    let mut offset = 0;
    let mut day = FIRST_DAY;
    for (version, selection) in (1..).zip(selections) {
        let events = VehicleEvents {
            table,
            topic,
            day,
            vehicles,
            selection: *selection,
            offset,
            version,
        };
        offset = events.write_objects(&*raw, &*refined).await?;
        day = day.next();
    }
    Ok(())
}

/// Merges one day in a process of its own, whose peak memory is then the merge's.
async fn merge_in_process(
    dir: &Path,
    contracts: &Path,
    day: Day,
    tables: Option<u32>,
) -> Result<Value, CliError> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["snapshot-worker", &day.to_string(), "--dir"])
        .arg(dir)
        .arg("--contracts")
        .arg(contracts);
    if let Some(tables) = tables {
        command.args(["--tables", &tables.to_string()]);
    }
    run_json_process(command, "polelake").await
}

impl SnapshotBench {
    /// Prepares the days, merges each, lets the peers merge the second, and prints the
    /// measurements.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, CliError> {
        require_new_folder(&self.dir)?;
        let selections = [
            VehicleSelection::All,
            VehicleSelection::Spread(self.changed),
            VehicleSelection::Clustered(1_000_000 / self.changed.max(1)),
        ];
        self.write_table(&selections).await?;

        let [_, spread, clustered, _] = self.merge_days(as_json).await?;
        let share = cpu_share(&clustered, &spread);
        print_measurement("changes together, of changes spread", &share, as_json);
        let audit = audit_worker::audit_in_process(&self.dir, &self.contracts).await?;
        print_measurement("polelake: audit --deep of the four days", &audit, as_json);

        for (peer, variant) in PEER_VARIANTS {
            if self.peers.iter().any(|wanted| wanted == peer) {
                let measured = self.run_peer(peer, variant).await?;
                let version = measured["version"].as_str().unwrap_or_default();
                let title = format!("{peer} {version} ({variant})");
                print_measurement(&title, &measured, as_json);

                let title = format!("polelake, of {peer} ({variant})");
                print_measurement(&title, &cpu_share(&spread, &measured), as_json);
            }
        }
        Ok(true)
    }

    /// Merges the first load, the spread changes, the clustered changes, and a day without changes.
    async fn merge_days(&self, as_json: bool) -> Result<[Value; 4], CliError> {
        let titles = [
            "polelake: first load",
            "polelake: changes spread over the table",
            "polelake: as many changes, close together",
            "polelake: no changes",
        ];
        let mut measurements = [Value::Null, Value::Null, Value::Null, Value::Null];
        let mut day = FIRST_DAY;
        for (title, measurement) in titles.into_iter().zip(&mut measurements) {
            *measurement = self.merge_day(day).await?;
            print_measurement(title, measurement, as_json);
            day = day.next();
        }
        Ok(measurements)
    }

    /// Prepares and merges the first day alone, in a new folder.
    pub(crate) async fn run_first_load(&self) -> Result<Value, CliError> {
        require_new_folder(&self.dir)?;
        self.write_table(&[VehicleSelection::All]).await?;
        self.merge_day(FIRST_DAY).await
    }

    async fn write_table(&self, selections: &[VehicleSelection]) -> Result<(), CliError> {
        let catalogue = host::load_contracts(&self.contracts.to_string_lossy())?;
        write_days(&self.dir, &catalogue, TABLE, self.rows, selections).await
    }

    async fn merge_day(&self, day: Day) -> Result<Value, CliError> {
        merge_in_process(&self.dir, &self.contracts, day, None).await
    }

    /// Lets a peer merge the second day, from the first day's files and the second's increments.
    async fn run_peer(&self, peer: &str, variant: &str) -> Result<Value, CliError> {
        let base = self.base_files().await?.join(",");
        let refined_day = Chunk::refined_day_prefix(TABLE, FIRST_DAY.next());
        let increments = self.file_path("refined", refined_day.trim_end_matches('/'));
        let result = self.dir.join(format!("{peer}-{variant}.parquet"));
        let threads = std::thread::available_parallelism()?.to_string();

        let mut command = Command::new("python3");
        match peer {
            "duckdb" => command.args(["-c", include_str!("duckdb_merge.py")]).args([
                variant,
                &base,
                &format!("{increments}/**/*.parquet"),
            ]),
            _ => command
                .args(["-c", include_str!("spark_merge.py")])
                .args([&base, &format!("{increments}/*/*/*/*.parquet")]),
        };
        command.arg(result).arg(threads);
        run_json_process(command, peer).await
    }

    /// The files of the first day's snapshot.
    async fn base_files(&self) -> Result<Vec<String>, CliError> {
        let curated = zone_store(&self.dir, "curated");
        let body = curated.get(&manifest_key(TABLE, FIRST_DAY)).await?.body;
        let manifest = SnapshotManifest::from_json(&body)?;
        let files = manifest
            .shards
            .iter()
            .map(|shard| self.file_path("curated", &shard.rows_file.key));
        Ok(files.collect())
    }

    fn file_path(&self, zone: &str, key: &str) -> String {
        let path = self.dir.join(zone).join(key);
        path.to_string_lossy().into_owned()
    }
}

/// Runs a process and parses its last line as JSON.
pub(crate) async fn run_json_process(command: Command, who: &str) -> Result<Value, CliError> {
    run_json_or_hint(command, who, PEERS_HINT).await
}

/// The same with other words on how the process can be had.
pub(crate) async fn run_json_or_hint(
    mut command: Command,
    who: &str,
    hint: &str,
) -> Result<Value, CliError> {
    let output = command
        .stderr(Stdio::piped())
        .output()
        .await
        .map_err(|error| format!("{who}: {error}"))?;

    let text = String::from_utf8_lossy(&output.stdout);
    let last = text.lines().last();
    let measured = last.and_then(|line| serde_json::from_str(line).ok());
    measured.ok_or_else(|| {
        let errors = String::from_utf8_lossy(&output.stderr);
        let cause = errors.lines().last().unwrap_or("it printed nothing");
        format!("{who} failed: {cause}; {hint}").into()
    })
}

/// A figure of a measurement; 0 where it has none of that name.
pub(crate) fn number_field(measured: &Value, name: &str) -> f64 {
    measured[name].as_f64().unwrap_or_default()
}

/// The CPU-seconds of one measurement as a share of another's.
pub(crate) fn cpu_share(part: &Value, whole: &Value) -> Value {
    json!({"cpu_share": number_field(part, "cpu") / number_field(whole, "cpu").max(0.01)})
}

/// Prints a measurement: CPU-seconds, seconds, megabytes and rows, or a share of CPU-seconds.
pub(crate) fn print_measurement(title: &str, measured: &Value, as_json: bool) {
    if as_json {
        let mut line = measured.clone();
        line["bench"] = json!(title);
        return println!("{line}");
    }
    match measured["cpu_share"].as_f64() {
        Some(share) => println!("{title}: {:.1} % of the CPU-seconds", share * 100.0),
        None => println!(
            "{title}: {:.1} CPU-s, {:.1} s wall, {:.0} MB at most, {} rows",
            number_field(measured, "cpu"),
            number_field(measured, "wall"),
            number_field(measured, "peak_mb"),
            measured["rows"]
        ),
    }
}

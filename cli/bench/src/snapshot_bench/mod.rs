//! `polelake-bench snapshot`: days of a large table merged beside DuckDB and Spark, over the same files, one process each.

mod council;
mod folder;
mod rows;

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use contract::Catalogue;
use lake::{Day, Manifest, manifest_key};
use serde_json::{Value, json};
use snapshot_merge::{Buckets, Context, Sizes};
use store::{MemoryCatalogue, ObjectStore};
use tokio::process::Command;
use trigger::Schedule;

use crate::commands::bench::cpu_seconds;
use crate::processes::peak_megabytes;
use folder::Folder;
use polelake::error::Failed;
use rows::{Events, Which};

/// The table that is merged: 14 columns of provenance and 14 of its own, with the rules that ship.
pub(crate) const TABLE: &str = "object_vehicle";

/// The first day, in days since 1970: 2026-03-02.
pub(crate) const FIRST_DAY: Day = Day(20_514);

/// What is measured.
pub(crate) struct Bench {
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

pub(crate) fn zone(dir: &Path, name: &str) -> Arc<dyn ObjectStore> {
    Arc::new(Folder(dir.join(name)))
}

/// Merges one day, in a process of its own; says what it took as JSON. With `tables`, those of the small council.
pub(crate) async fn worker(
    dir: &Path,
    contracts: &Path,
    date: &str,
    tables: Option<u32>,
) -> Result<bool, Failed> {
    let bucket = |name: &str| name.to_owned();
    let contracts = contracts.to_string_lossy();
    let (catalogue, wanted) = match tables {
        Some(tables) => (council::catalogue(&contracts, tables)?, Vec::new()),
        None => (host::load_contracts(&contracts)?, vec![TABLE.to_owned()]),
    };
    let context = Context {
        raw: zone(dir, "raw"),
        refined: zone(dir, "refined"),
        curated: zone(dir, "curated"),
        buckets: Buckets {
            raw: bucket("raw"),
            refined: bucket("refined"),
            curated: bucket("curated"),
        },
        databases: "bench".into(),
        glue: Arc::new(MemoryCatalogue::default()),
        catalogue: Arc::new(catalogue),
        sizes: Sizes::default(),
    };
    let schedule = Schedule {
        date: Some(date.to_owned()),
        tables: wanted,
        ..Schedule::default()
    };
    let (begun, cpu) = (Instant::now(), cpu_seconds());
    let run = snapshot_merge::handle(
        &schedule,
        &context,
        host::Budget::lasting(Duration::from_secs(7_200)),
    )
    .await?;
    let (wall, cpu) = (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu);
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
pub(crate) async fn small_tables(
    dir: &Path,
    contracts: &Path,
    tables: u32,
    as_json: bool,
) -> Result<bool, Failed> {
    if dir.exists() {
        return Err(format!(
            "{} is there already; give --dir another folder",
            dir.display()
        )
        .into());
    }
    let catalogue = council::catalogue(&contracts.to_string_lossy(), tables)?;
    let (raw, refined) = (zone(dir, "raw"), zone(dir, "refined"));
    for number in 0..tables {
        let name = council::table(number);
        let table = catalogue
            .table(&name)
            .ok_or_else(|| format!("there is no table {name}"))?;
        let topic = *catalogue
            .topics_of(&name)
            .first()
            .ok_or("a table without a source")?;
        let (vehicles, mut offset, mut day) = (council::rows(number, tables), 0, FIRST_DAY);
        for (version, which) in [(1, Which::All), (2, Which::Spread(10_000))] {
            offset = Events {
                table,
                topic,
                day,
                vehicles,
                which,
                offset,
                version,
            }
            .write(&*raw, &*refined)
            .await?;
            day = day.next();
        }
    }
    let days = ["first load", "one changed key in a hundred", "no changes"];
    for (what, day) in days.iter().zip((0..).map(|after| Day(FIRST_DAY.0 + after))) {
        let measured = merged(dir, contracts, day, Some(tables)).await?;
        tell(
            &format!("polelake: {tables} tables, {what}"),
            &measured,
            as_json,
        );
    }
    Ok(true)
}

/// One day, merged by a process of its own.
async fn merged(
    dir: &Path,
    contracts: &Path,
    day: Day,
    tables: Option<u32>,
) -> Result<Value, Failed> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["snapshot-worker", &day.to_string(), "--dir"])
        .arg(dir);
    command.arg("--contracts").arg(contracts);
    if let Some(tables) = tables {
        command.args(["--tables", &tables.to_string()]);
    }
    answer(command, "polelake").await
}

impl Bench {
    /// Prepares the days, merges each, lets the peers do the second, and tells.
    pub(crate) async fn run(&self, as_json: bool) -> Result<bool, Failed> {
        self.refuse_old_folder()?;
        let catalogue = host::load_contracts(&self.contracts.to_string_lossy())?;
        let days = [
            Which::All,
            Which::Spread(self.changed),
            Which::Together(1_000_000 / self.changed.max(1)),
        ];
        self.prepare(&catalogue, &days).await?;
        let tell = |what: &str, measured: &Value| tell(what, measured, as_json);
        let first = self.merged(FIRST_DAY).await?;
        tell("polelake: first load", &first);
        let whole = self.merged(FIRST_DAY.next()).await?;
        tell("polelake: changes spread over the table", &whole);
        let confined = self.merged(FIRST_DAY.next().next()).await?;
        tell("polelake: as many changes, lying together", &confined);
        let none = self.merged(FIRST_DAY.next().next().next()).await?;
        tell("polelake: no changes", &none);
        let share = number(&confined, "cpu") / number(&whole, "cpu").max(0.01);
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
                let measured = self.peer(peer, variant).await?;
                tell(
                    &format!(
                        "{peer} {} ({variant})",
                        measured["version"].as_str().unwrap_or_default()
                    ),
                    &measured,
                );
                let share = number(&whole, "cpu") / number(&measured, "cpu").max(0.01);
                tell(
                    &format!("polelake, of {peer} ({variant})"),
                    &json!({"cpu_share": share}),
                );
            }
        }
        Ok(true)
    }

    /// The first day alone, of a new folder.
    pub(crate) async fn first_load(&self) -> Result<Value, Failed> {
        self.refuse_old_folder()?;
        let catalogue = host::load_contracts(&self.contracts.to_string_lossy())?;
        self.prepare(&catalogue, &[Which::All]).await?;
        self.merged(FIRST_DAY).await
    }

    fn refuse_old_folder(&self) -> Result<(), Failed> {
        match self.dir.exists() {
            true => Err(format!(
                "{} is there already; give --dir another folder",
                self.dir.display()
            )
            .into()),
            false => Ok(()),
        }
    }

    async fn prepare(&self, catalogue: &Catalogue, days: &[Which]) -> Result<(), Failed> {
        let table = catalogue
            .table(TABLE)
            .ok_or("the contracts have no table object_vehicle")?;
        let topic = *catalogue
            .topics_of(TABLE)
            .first()
            .ok_or("no source fills object_vehicle")?;
        let (raw, refined) = (zone(&self.dir, "raw"), zone(&self.dir, "refined"));
        let (mut offset, mut day) = (0, FIRST_DAY);
        for (version, which) in (1..).zip(days) {
            let events = Events {
                table,
                topic,
                day,
                vehicles: self.rows,
                which: *which,
                offset,
                version,
            };
            offset = events.write(&*raw, &*refined).await?;
            day = day.next();
        }
        Ok(())
    }

    async fn merged(&self, day: Day) -> Result<Value, Failed> {
        merged(&self.dir, &self.contracts, day, None).await
    }

    /// The second day by a peer: the base's files and the day's increments.
    async fn peer(&self, peer: &str, variant: &str) -> Result<Value, Failed> {
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
        let manifest = Manifest::decode(&zone(&self.dir, "curated").get(&key).await?.body)?;
        let of =
            |zone: &str, key: &str| self.dir.join(zone).join(key).to_string_lossy().into_owned();
        let base: Vec<String> = manifest
            .shards
            .iter()
            .map(|shard| of("curated", &shard.rows_key))
            .collect();
        let increments = of(
            "refined",
            &format!("refined/{TABLE}/{}", folder_of(FIRST_DAY.next())),
        );
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
        answer(command, peer).await
    }
}

/// The folder of a day's refined objects, as [`lake::Chunk::refined_key`] writes it.
fn folder_of(day: Day) -> String {
    let chunk = lake::Chunk {
        topic: "t".into(),
        epoch: 1,
        partition: 0,
        offset: 0,
    };
    let key = chunk.refined_key(TABLE, day);
    key.split('/').nth(2).unwrap_or_default().to_owned()
}

/// What a process says in its last line.
pub(crate) async fn answer(mut command: Command, who: &str) -> Result<Value, Failed> {
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

fn number(measured: &Value, what: &str) -> f64 {
    measured[what].as_f64().unwrap_or_default()
}

pub(crate) fn tell(what: &str, measured: &Value, as_json: bool) {
    if as_json {
        let mut line = measured.clone();
        line["bench"] = json!(what);
        return println!("{line}");
    }
    match measured["cpu_share"].as_f64() {
        Some(share) => println!("{what}: {:.1} % of the CPU-seconds", share * 100.0),
        None => println!(
            "{what}: {:.1} CPU-s, {:.1} s wall, {:.0} MB at most, {} rows",
            number(measured, "cpu"),
            number(measured, "wall"),
            number(measured, "peak_mb"),
            measured["rows"]
        ),
    }
}

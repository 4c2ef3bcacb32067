//! The fault suite: seeds, each a small world in which everything goes wrong that can, over the
//! real handlers, a real Kafka client and broker, and the S3 endpoint behind a proxy.
//!
//! After each seed: accepted is in the log; the log is landed bit by bit; the reconciliation
//! balances; the snapshot is what an oracle tells from the log alone; and running everything again
//! changes nothing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod fault_injector;
mod fault_queue;
mod guards;
mod kafka_landing;
mod kafka_parts;
mod landed_bytes;
mod landing_stage;
mod log_scanner;
mod oracle;
mod proxy;
mod queue_landing;
mod seed_run;
mod stages;
mod world;
mod zones;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once};
use std::time::{Duration, Instant};

use contract::{Catalogue, Transport};

use crate::fault_injector::FaultCounts;
use crate::guards::Guard;
use crate::log_scanner::LogScanner;
use crate::world::SeedOptions;

/// Seeds of a plain `cargo test` over Kafka.
const KAFKA_SEEDS: u64 = 60;

/// Seeds over the events queue, whose world is all in memory.
const QUEUE_SEEDS: u64 = 600;

/// Within so many seeds a broken guard must be noticed.
const SEEDS_OF_A_BROKEN_GUARD: u64 = 200;

/// The stack of a worker: that of a process's first thread, on which functions run. A day of all
/// functions in one future takes more than the 2 MB of other threads when it is not optimised.
const STACK_BYTES: usize = 8 << 20;

/// Seeds that run at once on a core.
const WORKERS_PER_CORE: usize = 8;

/// A seed takes a second or two.
const SEED_MAX: Duration = Duration::from_secs(180);

/// What the arguments say.
#[derive(Default)]
struct SuiteOptions {
    seeds: Option<u64>,
    seed: Option<u64>,
    /// No new seed after this time, which the transports share.
    time: Option<Duration>,
    broken: Option<Guard>,
    /// Both, where none is given.
    transport: Option<Transport>,
}

impl SuiteOptions {
    /// `--seeds N`, `--minutes N`, `--seed N`, `--break GUARD`, `--transport kafka|queue`.
    /// Everything else is `cargo test`'s own.
    fn from_arguments() -> Self {
        let arguments: Vec<String> = std::env::args().collect();
        let after = |name: &str| {
            let place = arguments.iter().position(|argument| argument == name)?;
            arguments.get(place + 1).cloned()
        };
        Self {
            seeds: after("--seeds").map(|count| count.parse().unwrap()),
            seed: after("--seed").map(|seed| seed.parse().unwrap()),
            time: after("--minutes")
                .map(|minutes| Duration::from_secs(60 * minutes.parse::<u64>().unwrap())),
            broken: after("--break").map(|name| Guard::from_name(&name).unwrap()),
            transport: after("--transport").map(|name| Transport::parse(&name).unwrap()),
        }
    }

    fn transports(&self) -> Vec<Transport> {
        match self.transport {
            Some(transport) => vec![transport],
            None => vec![Transport::Kafka, Transport::Queue],
        }
    }
}

/// Whether `cargo test NAME` asks for other tests than this one.
fn is_filtered_out() -> bool {
    std::env::args()
        .nth(1)
        .is_some_and(|name| !name.starts_with("--") && !"faults".contains(&name))
}

fn main() -> ExitCode {
    if is_filtered_out() {
        return ExitCode::SUCCESS;
    }
    let scanner = log_scanner::install_scanner(seed_run::MARKER);
    let mut wanted = SuiteOptions::from_arguments();
    let catalogue = Arc::new(suite_catalogue());
    let mut held = true;
    let transports = wanted.transports();
    let share = u32::try_from(transports.len()).unwrap();
    wanted.time = wanted.time.map(|time| time / share);
    for transport in transports {
        let options = SeedOptions {
            catalogue: Arc::clone(&catalogue),
            transport,
            broken: wanted.broken,
        };
        held = held && run_wanted(&wanted, &options);
    }
    if held && has_no_leaks(&scanner) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// What the arguments ask for, over one transport.
fn run_wanted(wanted: &SuiteOptions, options: &SeedOptions) -> bool {
    if let Some(seed) = wanted.seed {
        return repeat_seed(seed, options);
    }
    if options.broken.is_some() {
        let seeds = wanted.seeds.unwrap_or(SEEDS_OF_A_BROKEN_GUARD);
        let outcome = run_seeds(0..seeds, options, wanted.time);
        if let Err((seed, why)) = &outcome {
            println!("seed {seed}: {why}");
        }
        return outcome.is_ok();
    }
    let seeds = match options.transport {
        Transport::Kafka => KAFKA_SEEDS,
        Transport::Queue => QUEUE_SEEDS,
    };
    run_suite(wanted.seeds.unwrap_or(seeds), wanted.time, options)
}

/// A seed, ten times over: the faults are the seed's, the network's timing is its own.
fn repeat_seed(seed: u64, options: &SeedOptions) -> bool {
    let worker = SeedWorker::new(0, options);
    for _ in 0..10 {
        if let Err(why) = worker.run_seed(seed) {
            println!("seed {seed}: {why}");
            return false;
        }
    }
    println!("seed {seed} holds");
    true
}

/// The suite: the seeds as they are, then with each guard broken.
fn run_suite(seeds: u64, time: Option<Duration>, options: &SeedOptions) -> bool {
    let name = options.transport.name();
    let (begun, cpu) = (Instant::now(), bench::own_cpu_seconds());
    let (seeds, tally) = match run_seeds(0..seeds, options, time) {
        Ok(done) => done,
        Err((seed, why)) => {
            println!("{name}: seed {seed}: {why}");
            println!("again: cargo test --test faults -- --transport {name} --seed {seed}");
            return false;
        }
    };
    println!(
        "{name}: {seeds} seeds hold, in {:.0} s and {:.0} CPU-seconds; injected:",
        begun.elapsed().as_secs_f64(),
        bench::own_cpu_seconds() - cpu
    );
    for (fault, count) in tally {
        println!("  {count:>8}  {fault}");
    }
    Guard::all_of(options.transport).all(|(guard_name, guard)| {
        let broken = SeedOptions {
            broken: Some(guard),
            ..options.clone()
        };
        is_noticed(guard_name, &broken)
    })
}

/// Whether the suite notices the guard that is broken.
fn is_noticed(guard: &str, options: &SeedOptions) -> bool {
    let name = options.transport.name();
    match run_seeds(0..SEEDS_OF_A_BROKEN_GUARD, options, None) {
        Err((seed, why)) => {
            let why = why.lines().next().unwrap_or_default();
            println!("{name}: guard {guard} broken: noticed by seed {seed}: {why}");
            true
        }
        Ok(_) => {
            println!(
                "{name}: guard {guard} broken: {SEEDS_OF_A_BROKEN_GUARD} seeds did not notice"
            );
            false
        }
    }
}

/// Runs seeds on every core until one fails or the time is over; gives how many, and the faults.
fn run_seeds(
    seeds: std::ops::Range<u64>,
    options: &SeedOptions,
    time: Option<Duration>,
) -> Result<(u64, FaultCounts), (u64, String)> {
    let begun = Instant::now();
    let next = AtomicU64::new(seeds.start);
    let work = |number: usize| {
        let worker = SeedWorker::new(number, options);
        let (mut done, mut tally) = (0, FaultCounts::new());
        loop {
            let seed = next.fetch_add(1, Ordering::SeqCst);
            if seed >= seeds.end || time.is_some_and(|time| begun.elapsed() > time) {
                return Ok((done, tally));
            }
            done += 1;
            watch_seed(number, Some(seed));
            let outcome = worker.run_seed(seed);
            watch_seed(number, None);
            match outcome {
                Ok(faults) => {
                    faults
                        .into_iter()
                        .for_each(|(fault, count)| *tally.entry(fault).or_default() += count);
                }
                Err(why) => {
                    next.store(u64::MAX / 2, Ordering::SeqCst);
                    return Err((seed, why));
                }
            }
        }
    };
    // Much of a seed is waiting for Kafka's pauses, which are real.
    let cores = std::thread::available_parallelism().map_or(1, usize::from) * WORKERS_PER_CORE;
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores)
            .map(|number| {
                let work = &work;
                std::thread::Builder::new()
                    .stack_size(STACK_BYTES)
                    .spawn_scoped(scope, move || work(number))
                    .unwrap()
            })
            .collect();
        workers
            .into_iter()
            .map(|worker| worker.join().unwrap())
            .collect()
    });
    let (mut seeds, mut sum) = (0, FaultCounts::new());
    for outcome in outcomes {
        let (done, tally) = outcome?;
        seeds += done;
        tally
            .into_iter()
            .for_each(|(fault, count)| *sum.entry(fault).or_default() += count);
    }
    Ok((seeds, sum))
}

/// Notes that a worker begins a seed or has ended one. A seed that never ends stops the suite and
/// is named.
fn watch_seed(worker: usize, seed: Option<u64>) {
    static SEEDS: Mutex<BTreeMap<usize, (u64, Instant)>> = Mutex::new(BTreeMap::new());
    static WATCHDOG: Once = Once::new();
    WATCHDOG.call_once(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(Duration::from_secs(5));
                let seeds = SEEDS.lock().unwrap();
                if let Some((seed, _)) =
                    seeds.values().find(|(_, begun)| begun.elapsed() > SEED_MAX)
                {
                    println!("seed {seed} does not end");
                    std::process::exit(1);
                }
            }
        });
    });
    let mut seeds = SEEDS.lock().unwrap();
    match seed {
        Some(seed) => seeds.insert(worker, (seed, Instant::now())),
        None => seeds.remove(&worker),
    };
}

/// A thread with its folder and its virtual time.
struct SeedWorker<'w> {
    folder: PathBuf,
    options: &'w SeedOptions,
}

impl<'w> SeedWorker<'w> {
    fn new(number: usize, options: &'w SeedOptions) -> Self {
        // In memory where there is such a place: the seeds write hundreds of small files each.
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() {
            memory.to_owned()
        } else {
            std::env::temp_dir()
        };
        let folder = base.join(format!("polelake-faults-{}-{number}", std::process::id()));
        Self { folder, options }
    }

    fn run_seed(&self, seed: u64) -> Result<FaultCounts, String> {
        // Time is virtual: pauses before retries and time-outs pass at once when nothing else is to
        // do.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        let world = seed_run::run_seed(seed, &self.folder, self.options);
        // A panic is a seed that failed, with its number.
        let outcome = catch_unwind(AssertUnwindSafe(|| runtime.block_on(world)));
        runtime.shutdown_background();
        outcome.unwrap_or_else(|_| Err("the suite panicked; its words are above".to_owned()))
    }
}

impl Drop for SeedWorker<'_> {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Whether no log line held a personal value.
fn has_no_leaks(scanner: &LogScanner) -> bool {
    let (lines, leaks) = scanner.line_counts();
    println!("{lines} log lines, {leaks} with a personal value");
    leaks == 0
}

/// The shipped contracts of one source, with the two records of its mapping that tell most: merging
/// twenty tables would prove no more.
fn suite_catalogue() -> Catalogue {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../contracts");
    let mut files = host::read_contract_files(&root.to_string_lossy()).unwrap();
    files.retain(|file| {
        !file.path.starts_with("sources/") || file.path.starts_with("sources/housing/person/")
    });
    for file in files
        .iter_mut()
        .filter(|file| file.path.ends_with("mapping.yaml"))
    {
        let kept = |record: &&str| record.starts_with("person\n") || record.starts_with("change\n");
        let mut records = file.text().split("\n  - name: ");
        let head = records.next().unwrap_or_default().to_owned();
        let records: String = records
            .filter(kept)
            .map(|record| format!("\n  - name: {record}"))
            .collect();
        *file = contract::DeclaredFile::new(file.path.clone(), head + &records + "\n");
    }
    Catalogue::compile(&files).unwrap()
}

//! `polelake-bench load`: as many events through HTTP as this machine accepts, by each transport,
//! and the reconciliation at the end.
//!
//! It prints events per second, the CPU-seconds and the peak megabytes of each process, the raw
//! objects, and the requests to S3 and SQS.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;

use crate::{processes, require_new_folder};
use contract::Transport;
use lake::Chunk;
use local_platform::{LocalPlatform, OperationCounts, PlatformOptions, RequestCounts};
use operations::audit::{AuditScope, audit_lake};
use polelake::client::{PlatformClient, PushCounts, platform_options};
use polelake::commands::push::event_progress_bar;
use polelake::commands::run_day;
use polelake::error::CliError;
use polelake::open_lake::connect_local_lake;
use polelake::place::PlatformArgs;

/// Events of one call of a client: a few requests.
const CALL_EVENTS: usize = 2_000;

/// Events about each person.
const EVENTS_PER_PERSON: usize = 10;

/// Bytes of an event.
const EVENT_BYTES: usize = 1_024;

/// The source that the events are pushed to.
const SOURCE: &str = "housing-person";

/// What a load measured.
struct LoadMeasurement {
    transport: Transport,
    /// CPU-seconds of the processes of each function, by its name.
    cpu_seconds: BTreeMap<String, f64>,
    /// Objects in the raw zone, the hints and states of the log apart.
    raw_objects: usize,
    pushed: PushCounts,
    seconds_to_accept: f64,
    seconds_to_refine: f64,
    seconds_to_merge: f64,
    /// Requests to S3 and SQS until all was refined.
    requests_to_refine: RequestCounts,
    /// Those of the merge and the report.
    requests_to_merge: RequestCounts,
    /// The peak memory of each process, by its function's name, in megabytes.
    peak_megabytes: BTreeMap<String, Vec<f64>>,
    /// What the audit found.
    findings: usize,
    refined: u64,
}

/// What is pushed, and how.
#[derive(Clone, Copy)]
pub(crate) struct LoadOptions {
    /// Events to push.
    pub(crate) events: usize,
    /// Clients that push at the same time.
    pub(crate) clients: usize,
    /// The transport; both, one after the other, where there is none.
    pub(crate) transport: Option<Transport>,
    /// Whether the measurement is printed as JSON.
    pub(crate) as_json: bool,
}

/// Pushes the events by each transport, merges and audits. False when a reconciliation does not
/// balance or events are missing.
pub(crate) async fn run(place: &PlatformArgs, options: LoadOptions) -> Result<bool, CliError> {
    require_new_folder(&place.dir)?;
    let transports = match options.transport {
        Some(transport) => vec![transport],
        None => vec![Transport::Queue, Transport::Kafka],
    };

    let mut is_complete = true;
    for transport in transports {
        let own = PlatformArgs {
            dir: place.dir.join(transport.name()),
            ..place.clone()
        };
        let load = measure_load(&own, transport, options).await?;
        print_load(&load, options.as_json);
        // A request that got no answer was sent again, and its repeats are landed and refined too:
        // more is no error.
        is_complete &= load.findings == 0 && load.refined >= options.events as u64;
    }
    Ok(is_complete)
}

async fn measure_load(
    place: &PlatformArgs,
    transport: Transport,
    options: LoadOptions,
) -> Result<LoadMeasurement, CliError> {
    let platform = LocalPlatform::start(PlatformOptions {
        transport: Some(transport),
        ..platform_options(place, 0)?
    })
    .await?;

    let start = Instant::now();
    let pushed = push_from_clients(&platform.api, options.clients, options.events).await?;
    let seconds_to_accept = start.elapsed().as_secs_f64();
    platform.running.wait_until_settled().await?;
    let seconds_to_refine = start.elapsed().as_secs_f64();
    let requests_to_refine = platform.running.request_counts();
    let seconds_to_merge = merge_today(&platform).await?;
    let requests = platform.running.request_counts();
    let (cpu_seconds, peak_megabytes) = (cpu_by_function(), peak_memory());

    let catalogue = host::load_contracts(&place.contracts.to_string_lossy())?;
    let lake = connect_local_lake(&platform.s3, &platform.kafka, catalogue).await;
    let reconciliation = audit_lake(&lake, AuditScope::default()).await?;
    let raw = lake.raw.list(Chunk::RAW_PREFIX, None).await?;
    let chunks = raw
        .iter()
        .filter_map(|entry| Chunk::from_raw_key(&entry.key));
    let source = reconciliation
        .sources
        .iter()
        .find(|source| source.source == SOURCE);

    Ok(LoadMeasurement {
        transport,
        cpu_seconds,
        raw_objects: chunks.count(),
        pushed,
        seconds_to_accept,
        seconds_to_refine,
        seconds_to_merge,
        requests_to_merge: requests.since(&requests_to_refine),
        requests_to_refine,
        peak_megabytes,
        findings: reconciliation.findings.len(),
        refined: source.map_or(0, |source| source.sum_counts(false).refined),
    })
}

/// Pushes the events, each client its share, with a progress bar.
async fn push_from_clients(
    api: &str,
    clients: usize,
    events: usize,
) -> Result<PushCounts, CliError> {
    let bar = event_progress_bar(events as u64, "accepted");
    let pushes = (0..clients)
        .map(|client| push_share(api, client, clients, events, |count| bar.inc(count as u64)));

    let mut pushed = PushCounts::default();
    for share in futures_util::future::join_all(pushes).await {
        let share = share?;
        pushed.accepted += share.accepted;
        pushed.refused += share.refused;
    }
    bar.finish_and_clear();
    Ok(pushed)
}

/// One client's share of the events, in its own order.
async fn push_share(
    api: &str,
    client: usize,
    clients: usize,
    events: usize,
    progress: impl Fn(usize),
) -> Result<PushCounts, CliError> {
    let api_client = PlatformClient::for_api(api);
    let mut pushed = PushCounts::default();
    let mut numbers = (client..events).step_by(clients).peekable();

    while numbers.peek().is_some() {
        let call: Vec<Vec<u8>> = numbers.by_ref().take(CALL_EVENTS).map(load_event).collect();
        let counts = api_client.push_events(SOURCE, &call, &progress).await?;
        pushed.accepted += counts.accepted;
        pushed.refused += counts.refused;
    }
    Ok(pushed)
}

/// Merges and reports the platform's present day; gives the seconds.
async fn merge_today(platform: &LocalPlatform) -> Result<f64, CliError> {
    let start = Instant::now();
    let client = PlatformClient::for_platform(platform);
    let today = lake::Day::from_micros(platform.running.clock.now_millis() * 1_000);
    run_day::merge_and_report(&client, &today.to_string()).await?;
    Ok(start.elapsed().as_secs_f64())
}

/// A person's event of 1 KB.
fn load_event(number: usize) -> Vec<u8> {
    let person = number / EVENTS_PER_PERSON;
    let minute = number % EVENTS_PER_PERSON;
    let event = json!({
        "id": format!("load-{number}"), "eventType": "PersonCreatedEvent", "sourceDomain": "Person",
        "dateTime": format!("2026-03-02T08:{minute:02}:00Z"),
        "entityId": format!("person-{person}"),
        "user": {"name": "Sam Specimen", "email": "sam.specimen@example.org"},
        "eventData": {"oldData": null, "newData": {
            "firstName": format!("Given {person}"), "surname": format!("Surname {minute}"),
            "dateOfBirth": "1990-01-02",
        }},
        "note": "",
    });

    let text = event.to_string();
    let note = filler_text(number, EVENT_BYTES.saturating_sub(text.len()));
    text.replace("\"note\":\"\"", &format!("\"note\":\"{note}\""))
        .into_bytes()
}

/// Text that compresses to about half its size, as real events do.
fn filler_text(seed: usize, length: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(seed as u64);
    (0..length)
        .map(|_| char::from(b"0123456789abcdef"[rng.usize(..16)]))
        .collect()
}

/// CPU-seconds of the processes of each function, by its name.
fn cpu_by_function() -> BTreeMap<String, f64> {
    let mut seconds: BTreeMap<String, f64> = BTreeMap::new();
    for (name, process) in processes::list_child_processes() {
        *seconds.entry(name).or_default() += processes::cpu_seconds(&process);
    }
    seconds
}

/// The peak memory of this process and of every function's, by name, in megabytes.
fn peak_memory() -> BTreeMap<String, Vec<f64>> {
    let own = ("platform and clients".to_owned(), "self".to_owned());
    let mut memory: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, process) in processes::list_child_processes().into_iter().chain([own]) {
        let peak = processes::peak_megabytes(&process);
        memory.entry(name).or_default().push(peak);
    }
    memory
}

fn print_load(load: &LoadMeasurement, as_json: bool) {
    let accepted_rate = load.pushed.accepted as f64 / load.seconds_to_accept;
    if as_json {
        let line = json!({
            "transport": load.transport.name(), "raw_objects": load.raw_objects,
            "cpu_seconds": load.cpu_seconds,
            "accepted": load.pushed.accepted, "refused": load.pushed.refused,
            "refined": load.refined,
            "events_per_second": accepted_rate, "seconds_to_accept": load.seconds_to_accept,
            "seconds_to_refine": load.seconds_to_refine, "seconds_to_merge": load.seconds_to_merge,
            "requests_to_refine": load.requests_to_refine,
            "requests_to_merge": load.requests_to_merge,
            "peak_megabytes": load.peak_megabytes, "findings": load.findings,
        });
        println!("{line}");
        return;
    }

    println!(
        "{}: {} events of {EVENT_BYTES} bytes accepted in {:.1} s: {accepted_rate:.0} events/s",
        load.transport.name(),
        load.pushed.accepted,
        load.seconds_to_accept
    );
    println!("{} raw objects", load.raw_objects);
    println!(
        "all refined after {:.1} s: {:.0} events/s; merged and reported in {:.1} s",
        load.seconds_to_refine,
        load.refined as f64 / load.seconds_to_refine,
        load.seconds_to_merge
    );
    print_requests("until all was refined", &load.requests_to_refine);
    print_requests("of merge and report", &load.requests_to_merge);
    for (process, peaks) in &load.peak_megabytes {
        let peaks: Vec<String> = peaks.iter().map(|peak| format!("{peak:.0}")).collect();
        let cpu = load.cpu_seconds.get(process);
        let cpu = cpu.map_or_else(String::new, |seconds| format!("{seconds:.1} CPU-seconds, "));
        println!("  {process:22} {cpu}at most {} MB", peaks.join(", "));
    }
    match load.findings {
        0 => println!("The reconciliation balances."),
        findings => println!("The reconciliation does not balance: {findings} findings"),
    }
}

/// Prints the requests of a part of the load, a line for each service that had some.
fn print_requests(part: &str, requests: &RequestCounts) {
    for (service, counts) in [("S3", &requests.s3), ("SQS", &requests.sqs)] {
        if !counts.is_empty() {
            println!("requests to {service} {part}: {}", describe_counts(counts));
        }
    }
}

/// The counts as `LIST 3, PUT 12`.
fn describe_counts(counts: &OperationCounts) -> String {
    let counts: Vec<String> = counts
        .iter()
        .map(|(operation, count)| format!("{operation} {count}"))
        .collect();
    counts.join(", ")
}

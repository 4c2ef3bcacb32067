//! `polelake-bench load`: as many events through HTTP as this machine takes, and the books at the end.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::{Value, json};

use crate::processes;
use local_platform::LocalPlatform;
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

/// What a load came to.
struct LoadOutcome {
    pushed: PushCounts,
    /// Seconds until everything was accepted, and until everything was refined.
    seconds: [f64; 2],
    merge: f64,
    /// The largest memory of each process at any time, in megabytes.
    memory: BTreeMap<String, Vec<f64>>,
    findings: usize,
    refined: u64,
}

pub(crate) async fn run(
    place: &PlatformArgs,
    events: usize,
    clients: usize,
    as_json: bool,
) -> Result<bool, CliError> {
    if place.dir.exists() {
        let message = format!(
            "{} is there already; the load begins in a new folder, give --dir",
            place.dir.display()
        );
        return Err(message.into());
    }
    let platform = LocalPlatform::start(platform_options(place, 0)?).await?;
    let bar = event_progress_bar(events as u64, "accepted");
    let begun = Instant::now();
    let pushes = (0..clients).map(|client| {
        push_share(&platform.api, client, clients, events, |count| {
            bar.inc(count as u64);
        })
    });
    let mut pushed = PushCounts::default();
    for done in futures_util::future::join_all(pushes).await {
        let done = done?;
        pushed.accepted += done.accepted;
        pushed.refused += done.refused;
    }
    bar.finish_and_clear();
    let accepted = begun.elapsed().as_secs_f64();
    platform.running.wait_until_settled().await;
    let refined = begun.elapsed().as_secs_f64();
    let merging = Instant::now();
    let client = PlatformClient::for_api(&platform.api);
    let today = lake::Day::from_micros(platform.running.clock.now_millis() * 1_000);
    run_day::merge_and_report(&client, &today.to_string()).await?;
    let merge = merging.elapsed().as_secs_f64();
    let catalogue = host::load_contracts(&place.contracts.to_string_lossy())?;
    let zones = connect_local_lake(&platform.s3, &platform.kafka, catalogue).await;
    let books = audit_lake(&zones, AuditScope::default()).await?;
    let source = books
        .sources
        .iter()
        .find(|source| source.source == "housing-person");
    let load = LoadOutcome {
        pushed,
        seconds: [accepted, refined],
        merge,
        memory: peak_memory(),
        findings: books.findings.len(),
        refined: source.map_or(0, |source| source.sum_counts(false).refined),
    };
    print_load(&load, as_json);
    // A request that got no answer was sent again: repeats are landed and refined too.
    Ok(books.is_reconciled() && load.refined >= events as u64)
}

/// One client's share of the events, in its own order.
async fn push_share(
    api: &str,
    client: usize,
    clients: usize,
    events: usize,
    progress: impl Fn(usize),
) -> Result<PushCounts, CliError> {
    let door = PlatformClient::for_api(api);
    let mut pushed = PushCounts::default();
    let mut mine = (client..events).step_by(clients).peekable();
    while mine.peek().is_some() {
        let slice: Vec<Vec<u8>> = mine.by_ref().take(CALL_EVENTS).map(load_event).collect();
        let done = door
            .push_events("housing-person", &slice, &progress)
            .await?;
        pushed.accepted += done.accepted;
        pushed.refused += done.refused;
    }
    Ok(pushed)
}

/// A person's event of 1 KB.
fn load_event(number: usize) -> Vec<u8> {
    let (person, turn) = (number / EVENTS_PER_PERSON, number % EVENTS_PER_PERSON);
    let event = json!({
        "id": format!("load-{number}"), "eventType": "PersonCreatedEvent", "sourceDomain": "Person",
        "dateTime": format!("2026-03-02T08:{turn:02}:00Z"), "entityId": format!("person-{person}"),
        "user": {"name": "Sam Specimen", "email": "sam.specimen@example.org"},
        "eventData": {"oldData": null, "newData": {
            "firstName": format!("Given {person}"), "surname": format!("Surname {turn}"), "dateOfBirth": "1990-01-02",
        }},
        "note": "",
    });
    let text = event.to_string();
    text.replace(
        "\"note\":\"\"",
        &format!(
            "\"note\":\"{}\"",
            filler_text(number, EVENT_BYTES.saturating_sub(text.len()))
        ),
    )
    .into_bytes()
}

/// Text that packs to about half, as real events do.
fn filler_text(seed: usize, length: usize) -> String {
    let mut rng = fastrand::Rng::with_seed(seed as u64);
    (0..length)
        .map(|_| char::from(b"0123456789abcdef"[rng.usize(..16)]))
        .collect()
}

/// The peak memory of this process and of every function's, by name, in megabytes.
fn peak_memory() -> BTreeMap<String, Vec<f64>> {
    let own = ("platform and clients".to_owned(), "self".to_owned());
    let mut memory: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for (name, process) in processes::list_child_processes().into_iter().chain([own]) {
        memory
            .entry(name)
            .or_default()
            .push(processes::peak_megabytes(&process));
    }
    memory
}

fn print_load(load: &LoadOutcome, as_json: bool) {
    let LoadOutcome {
        pushed,
        seconds: [accepted, refined],
        merge,
        memory,
        findings,
        ..
    } = load;
    let rate = pushed.accepted as f64 / accepted;
    if as_json {
        let line: Value = json!({
            "accepted": pushed.accepted, "refused": pushed.refused, "refined": load.refined,
            "events_per_second": rate, "seconds_to_accept": accepted, "seconds_to_refine": refined,
            "seconds_to_merge": merge, "peak_megabytes": memory, "findings": findings,
        });
        println!("{line}");
        return;
    }
    println!(
        "{} events of {EVENT_BYTES} bytes accepted in {accepted:.1} s: {rate:.0} events/s",
        pushed.accepted
    );
    println!(
        "all refined after {refined:.1} s: {:.0} events/s; merged and reported in {merge:.1} s",
        load.refined as f64 / refined
    );
    for (process, peaks) in memory {
        let peaks: Vec<String> = peaks.iter().map(|peak| format!("{peak:.0}")).collect();
        println!("  {process:22} at most {} MB", peaks.join(", "));
    }
    println!(
        "{}",
        if *findings == 0 {
            "The books close.".to_owned()
        } else {
            format!("The books do not close: {findings} findings")
        }
    );
}

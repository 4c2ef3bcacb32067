//! The smoke test: one invented event, watched through every hop, and taken away again.
//!
//! The source `platform-smoke` is for this alone. Its one row stands in the table `event` while a test runs; the event
//! that ends the test takes it out with the next merge.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use contract::SourceContract;
use lake::{Chunk, Day, Receipt, SnapshotManifest, StreamKey, manifest_key};
use serde::Serialize;
use serde_json::{Value, json};
use store::ObjectStore;

use crate::client::PlatformClient;
use crate::error::CliError;
use crate::open_lake::OpenLake;

/// The source that smoke tests push to.
pub const SMOKE_SOURCE: &str = "platform-smoke";

/// The one thing that they tell of.
const SMOKE_ENTITY: &str = "polelake-smoke";

/// The table that its row is in.
pub const SMOKE_TABLE: &str = "event";

/// How often is looked.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A step of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SmokeHop {
    /// The relay took the event, and Kafka has acknowledged it.
    Accepted,
    /// A raw object holds it.
    Landed,
    /// Its receipt is written, and its row lies in the refined zone.
    Refined,
    /// The day's snapshot has taken it.
    Merged,
    /// The event that ends the test was taken.
    Ended,
}

impl SmokeHop {
    /// Where to look when it does not happen.
    #[must_use]
    pub fn remedy(self) -> &'static str {
        match self {
            Self::Accepted | Self::Ended => {
                "look at event-relay: its log and errors, its reserved concurrency, and whether Kafka answers; a 403 means that the caller's role is no `polelake-smoke*`"
            }
            Self::Landed => {
                "look at raw-landing: whether its event source mapping is enabled and reads the topic `platform-smoke`, its offset lag and its log"
            }
            Self::Refined => {
                "look at pole-transform: the queue of raw objects and its dead letters, its log; `polelake quarantine show --source platform-smoke` when it was refused"
            }
            Self::Merged => {
                "look at snapshot-merge: whether its schedule ran or it was invoked for this day, its log; `polelake snapshot show event DATE` says what held it back"
            }
        }
    }
}

/// A hop that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SmokeStep {
    /// The hop.
    pub hop: SmokeHop,
    /// Seconds since the hop before.
    pub seconds: f64,
    /// The object or the answer that shows it.
    pub seen: String,
}

/// What a test came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct SmokeOutcome {
    /// The name of the run, which its events carry.
    pub run: String,
    /// The hops that happened, in their order.
    pub steps: Vec<SmokeStep>,
    /// The first that did not, why, and where to look.
    pub failed: Option<SmokeFailure>,
}

/// A hop that did not happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SmokeFailure {
    /// The hop.
    pub hop: SmokeHop,
    /// What was seen instead.
    pub why: String,
    /// Where to look.
    pub remedy: &'static str,
}

/// A test: where it runs, and how patient it is.
pub(crate) struct SmokeTest<'s> {
    pub(crate) lake: &'s OpenLake,
    pub(crate) client: &'s PlatformClient,
    /// How long each hop may take.
    pub(crate) wait: Duration,
    /// Whether the day's snapshot is waited for.
    pub(crate) snapshot: bool,
    /// Told of each step as it happens, and of the day when the snapshot is waited for.
    pub(crate) on_step: &'s (dyn Fn(&SmokeStep) + Send + Sync),
    /// Merges the day, where the test may do it itself.
    pub(crate) merge: bool,
}

/// Why a hop is not there: not yet, or never.
enum HopAbsence {
    NotYet(String),
    Never(String),
}

impl SmokeTest<'_> {
    /// Pushes the event and watches it. An error means that nothing could be looked at.
    pub(crate) async fn run(&self) -> Result<SmokeOutcome, CliError> {
        let plan = self
            .lake
            .zones
            .catalogue
            .require_mapping_of_source(SMOKE_SOURCE)?;
        let contract = &*plan.contract;
        let now = self.lake.current_millis().await?;
        let mut outcome = SmokeOutcome {
            run: format!("smoke-{now}"),
            ..SmokeOutcome::default()
        };
        if let Err(failure) = self.run_hops(contract, now, &mut outcome).await? {
            outcome.failed = Some(failure);
        }
        Ok(outcome)
    }

    async fn run_hops(
        &self,
        contract: &SourceContract,
        now: i64,
        outcome: &mut SmokeOutcome,
    ) -> Result<Result<(), SmokeFailure>, CliError> {
        let old: BTreeSet<String> = self.list_raw_keys(contract).await?;
        let run = outcome.run.clone();
        let first = encode_event(
            &run,
            1,
            now,
            "SmokeTested",
            &json!({"run": run, "note": "invented by `polelake smoke`"}),
        );
        if let Err(failure) = self.push_event(SmokeHop::Accepted, first, outcome).await {
            return Ok(Err(failure));
        }
        let watched = async {
            let (chunk, offset, day) = self.await_landed(contract, &old, outcome).await?;
            self.await_refined(&chunk, outcome).await?;
            if self.snapshot {
                self.await_merged(&chunk, offset, day, outcome).await?;
            }
            Ok(())
        };
        let watched = match watched.await {
            Ok(()) => Ok(()),
            Err(SmokeAbort::HopFailed(failure)) => Err(failure),
            Err(SmokeAbort::Error(error)) => return Err(error),
        };
        // Also after a failure: what was pushed arrives some time, and must not stay.
        let last = encode_event(&run, 2, now + 1, "SmokeEnded", &Value::Null);
        let ended = self.push_event(SmokeHop::Ended, last, outcome).await;
        Ok(watched.and(ended))
    }

    async fn push_event(
        &self,
        hop: SmokeHop,
        event: Vec<u8>,
        outcome: &mut SmokeOutcome,
    ) -> Result<(), SmokeFailure> {
        let begun = Instant::now();
        let why = match self
            .client
            .push_events(SMOKE_SOURCE, &[event], |_| ())
            .await
        {
            Ok(pushed) if pushed.refused == 0 => {
                self.record_step(hop, begun, "Kafka has acknowledged it".to_owned(), outcome);
                return Ok(());
            }
            Ok(pushed) => pushed.reasons.into_keys().collect::<Vec<_>>().join("; "),
            Err(error) => error.to_string(),
        };
        Err(hop_failure(hop, why))
    }

    async fn list_raw_keys(&self, contract: &SourceContract) -> Result<BTreeSet<String>, CliError> {
        let entries = self
            .lake
            .zones
            .raw
            .list(&Chunk::topic_raw_prefix(&contract.topic), None)
            .await?;
        Ok(entries.into_iter().map(|entry| entry.key).collect())
    }

    /// The raw object that holds the event, its offset, and the day that it was appended on.
    async fn await_landed(
        &self,
        contract: &SourceContract,
        old: &BTreeSet<String>,
        outcome: &mut SmokeOutcome,
    ) -> Result<(Chunk, i64, Day), SmokeAbort> {
        let (id, mut seen) = (format!("{}-1", outcome.run), old.clone());
        let (begun, deadline) = (Instant::now(), Instant::now() + self.wait);
        loop {
            for key in self
                .list_raw_keys(contract)
                .await?
                .difference(&seen.clone())
            {
                seen.insert(key.clone());
                let Some(chunk) = Chunk::from_raw_key(key) else {
                    continue;
                };
                let body = self
                    .lake
                    .zones
                    .raw
                    .get(key)
                    .await
                    .map_err(|error| SmokeAbort::Error(error.into()))?
                    .body;
                if let Some((offset, millis)) = find_event_position(body, &id)? {
                    self.record_step(
                        SmokeHop::Landed,
                        begun,
                        format!("{key} offset {offset}"),
                        outcome,
                    );
                    return Ok((chunk, offset, Day::from_micros(millis * 1_000)));
                }
            }
            if Instant::now() > deadline {
                let why = format!(
                    "no raw object of topic `{}` holds it {}",
                    contract.topic,
                    self.describe_wait()
                );
                return Err(SmokeAbort::HopFailed(hop_failure(SmokeHop::Landed, why)));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    async fn await_refined(
        &self,
        chunk: &Chunk,
        outcome: &mut SmokeOutcome,
    ) -> Result<(), SmokeAbort> {
        let look = async || {
            let key = chunk.receipt_key();
            let Some(body) = self.read_object(&*self.lake.zones.refined, &key).await? else {
                return Ok(Err(HopAbsence::NotYet(format!("{key} is not there"))));
            };
            let receipt =
                Receipt::from_json(&body).map_err(|error| SmokeAbort::Error(error.into()))?;
            if !receipt.quarantined.is_empty() {
                let rules: Vec<&str> = receipt.quarantined.keys().map(String::as_str).collect();
                return Ok(Err(HopAbsence::Never(format!(
                    "it was refused by {}",
                    rules.join(", ")
                ))));
            }
            match receipt.tables.get(SMOKE_TABLE) {
                Some(object) => Ok(Ok(object.key.clone())),
                None => Ok(Err(HopAbsence::Never(format!(
                    "{key} tells of no row in `{SMOKE_TABLE}`"
                )))),
            }
        };
        self.await_hop(SmokeHop::Refined, Instant::now(), look, outcome)
            .await
    }

    async fn await_merged(
        &self,
        chunk: &Chunk,
        offset: i64,
        day: Day,
        outcome: &mut SmokeOutcome,
    ) -> Result<(), SmokeAbort> {
        let begun = Instant::now();
        if self.merge {
            let payload = json!({"date": day.to_string(), "tables": [SMOKE_TABLE]});
            if let Err(error) = self
                .client
                .invoke_function("snapshot-merge", &payload)
                .await
            {
                return Err(SmokeAbort::HopFailed(hop_failure(
                    SmokeHop::Merged,
                    error.to_string(),
                )));
            }
        }
        let stream = StreamKey {
            topic: chunk.topic.clone(),
            epoch: chunk.epoch,
            partition: chunk.partition,
        };
        let key = manifest_key(SMOKE_TABLE, day);
        let look = async || {
            let Some(body) = self.read_object(&*self.lake.zones.curated, &key).await? else {
                return Ok(Err(HopAbsence::NotYet(format!("{key} is not there"))));
            };
            let manifest = SnapshotManifest::from_json(&body)
                .map_err(|error| SmokeAbort::Error(error.into()))?;
            let taken = manifest
                .committed_offset(&stream)
                .is_some_and(|progress| progress.next > offset);
            Ok(match (taken, manifest.passed) {
                (false, _) => Err(HopAbsence::NotYet(format!(
                    "{key} has not taken offset {offset} yet"
                ))),
                (true, false) => Err(HopAbsence::Never(format!(
                    "{key} is held back: a blocking rule failed"
                ))),
                (true, true) => Ok(key.clone()),
            })
        };
        self.await_hop(SmokeHop::Merged, begun, look, outcome).await
    }

    /// Looks again and again until the hop is there.
    async fn await_hop(
        &self,
        hop: SmokeHop,
        begun: Instant,
        look: impl AsyncFn() -> Result<Result<String, HopAbsence>, SmokeAbort>,
        outcome: &mut SmokeOutcome,
    ) -> Result<(), SmokeAbort> {
        let deadline = Instant::now() + self.wait;
        loop {
            match look().await? {
                Ok(seen) => {
                    self.record_step(hop, begun, seen, outcome);
                    return Ok(());
                }
                Err(HopAbsence::Never(why)) => {
                    return Err(SmokeAbort::HopFailed(hop_failure(hop, why)));
                }
                Err(HopAbsence::NotYet(why)) if Instant::now() > deadline => {
                    return Err(SmokeAbort::HopFailed(hop_failure(
                        hop,
                        format!("{why} {}", self.describe_wait()),
                    )));
                }
                Err(HopAbsence::NotYet(_)) => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }

    async fn read_object(
        &self,
        store: &dyn ObjectStore,
        key: &str,
    ) -> Result<Option<bytes::Bytes>, SmokeAbort> {
        let object = store
            .get_if_present(key)
            .await
            .map_err(|error| SmokeAbort::Error(error.into()))?;

        Ok(object.map(|object| object.body))
    }

    fn record_step(&self, hop: SmokeHop, begun: Instant, seen: String, outcome: &mut SmokeOutcome) {
        let step = SmokeStep {
            hop,
            seconds: begun.elapsed().as_secs_f64(),
            seen,
        };
        (self.on_step)(&step);
        outcome.steps.push(step);
    }

    fn describe_wait(&self) -> String {
        format!("after {} s", self.wait.as_secs())
    }
}

/// Why the watching ended early.
enum SmokeAbort {
    HopFailed(SmokeFailure),
    Error(CliError),
}

impl From<CliError> for SmokeAbort {
    fn from(error: CliError) -> Self {
        Self::Error(error)
    }
}

fn hop_failure(hop: SmokeHop, why: String) -> SmokeFailure {
    SmokeFailure {
        hop,
        why,
        remedy: hop.remedy(),
    }
}

fn encode_event(run: &str, number: u32, millis: i64, kind: &str, new: &Value) -> Vec<u8> {
    let time = jiff::Timestamp::from_millisecond(millis)
        .unwrap_or_default()
        .to_string();
    let event = json!({
        "id": format!("{run}-{number}"), "eventType": kind, "dateTime": time, "entityId": SMOKE_ENTITY,
        "eventData": {"newData": new},
    });
    event.to_string().into_bytes()
}

/// Offset and append time of the event in a raw object.
fn find_event_position(body: bytes::Bytes, id: &str) -> Result<Option<(i64, i64)>, CliError> {
    for batch in lake::decode_raw(body)? {
        let row = (0..batch.len()).find(|row| {
            lake::find_header_text(batch.headers(*row), "event-id").is_some_and(|found| found == id)
        });
        if let Some(row) = row {
            return Ok(Some((batch.offset(row), batch.timestamp(row))));
        }
    }
    Ok(None)
}

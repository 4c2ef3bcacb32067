//! The smoke test: one synthetic event, followed through every hop, and removed again.
//!
//! The source `platform-smoke` serves no other purpose. Its one row is in the table `event` while a
//! test runs; the event that ends the test deletes the row with the next merge.

mod outcome;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use contract::SourceContract;
use lake::{Chunk, Day, Receipt, SnapshotManifest, StreamKey, manifest_key};
use serde_json::{Value, json};
use store::ObjectStore;

use crate::client::PlatformClient;
use crate::error::CliError;
use crate::open_lake::OpenLake;

pub use outcome::{SmokeFailure, SmokeHop, SmokeOutcome, SmokeStep};

/// The source that smoke tests push to.
pub const SMOKE_SOURCE: &str = "platform-smoke";

/// The one entity that their events describe.
const SMOKE_ENTITY: &str = "polelake-smoke";

/// The table that its row is in.
pub const SMOKE_TABLE: &str = "event";

/// How often the test looks for the next hop.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A test: where it runs, and how long it waits.
pub(crate) struct SmokeTest<'s> {
    pub(crate) lake: &'s OpenLake,
    pub(crate) client: &'s PlatformClient,
    /// How long each hop may take.
    pub(crate) wait: Duration,
    /// Whether the test waits for the day's snapshot.
    pub(crate) snapshot: bool,
    /// Called with each step as it happens.
    pub(crate) on_step: &'s (dyn Fn(&SmokeStep) + Send + Sync),
    /// Whether the test merges the day itself.
    pub(crate) merge: bool,
}

/// The raw object that holds the event.
struct LandedEvent {
    chunk: Chunk,
    offset: i64,
    /// The day on which the event was appended.
    day: Day,
}

/// Whether a hop has happened.
enum HopState {
    /// The object or the answer that shows it.
    Seen(String),
    /// Not yet, with what the test saw instead.
    NotYet(String),
    /// It never will, with the reason.
    Never(String),
}

/// Why the test ends early.
enum SmokeAbort {
    HopFailed(SmokeFailure),
    Error(CliError),
}

impl<E: Into<CliError>> From<E> for SmokeAbort {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

impl SmokeTest<'_> {
    /// Pushes the event and follows it. An error means that the test could not look at the stack.
    pub(crate) async fn run(&self) -> Result<SmokeOutcome, CliError> {
        let catalogue = &self.lake.handle.catalogue;
        let mapping = catalogue.require_mapping_of_source(SMOKE_SOURCE)?;
        let now = self.lake.current_millis().await?;
        let mut outcome = SmokeOutcome {
            run: format!("smoke-{now}"),
            ..SmokeOutcome::default()
        };

        match self.run_hops(&mapping.contract, now, &mut outcome).await {
            Ok(()) => {}
            Err(SmokeAbort::HopFailed(failure)) => outcome.failed = Some(failure),
            Err(SmokeAbort::Error(error)) => return Err(error),
        }
        Ok(outcome)
    }

    async fn run_hops(
        &self,
        contract: &SourceContract,
        now: i64,
        outcome: &mut SmokeOutcome,
    ) -> Result<(), SmokeAbort> {
        let known = self.list_raw_keys(contract).await?;
        let run = outcome.run.clone();
        let note = json!({"run": run, "note": "synthetic event of `polelake smoke`"});
        let first = encode_event(&run, 1, now, "SmokeTested", &note);
        self.push_event(SmokeHop::Accepted, first, outcome).await?;

        let followed = self.follow_event(contract, known, outcome).await;
        if let Err(SmokeAbort::Error(error)) = followed {
            return Err(SmokeAbort::Error(error));
        }

        // Also after a hop that failed: the event may still arrive, and its row must not stay.
        let last = encode_event(&run, 2, now + 1, "SmokeEnded", &Value::Null);
        let ended = self.push_event(SmokeHop::Ended, last, outcome).await;
        followed.and(ended)
    }

    /// Follows the event from Kafka to the last hop that the test waits for.
    async fn follow_event(
        &self,
        contract: &SourceContract,
        known: BTreeSet<String>,
        outcome: &mut SmokeOutcome,
    ) -> Result<(), SmokeAbort> {
        let landed = self.await_landed(contract, known, outcome).await?;
        self.await_refined(&landed, outcome).await?;
        if self.snapshot {
            self.await_merged(&landed, outcome).await?;
        }
        Ok(())
    }

    async fn push_event(
        &self,
        hop: SmokeHop,
        event: Vec<u8>,
        outcome: &mut SmokeOutcome,
    ) -> Result<(), SmokeAbort> {
        let begun = Instant::now();
        let events = [event];
        let pushed = self.client.push_events(SMOKE_SOURCE, &events, |_| ()).await;
        let why = match pushed {
            Ok(counts) if counts.refused == 0 => {
                self.record_step(hop, begun, "Kafka has acknowledged it".to_owned(), outcome);
                return Ok(());
            }
            Ok(counts) => counts.reasons.into_keys().collect::<Vec<_>>().join("; "),
            Err(error) => error.to_string(),
        };
        Err(hop_failure(hop, why))
    }

    async fn list_raw_keys(&self, contract: &SourceContract) -> Result<BTreeSet<String>, CliError> {
        let prefix = Chunk::topic_raw_prefix(&contract.topic);
        let entries = self.lake.handle.raw.list(&prefix, None).await?;
        Ok(entries.into_iter().map(|entry| entry.key).collect())
    }

    /// Waits for a raw object that was not known before and that holds the event.
    async fn await_landed(
        &self,
        contract: &SourceContract,
        mut known: BTreeSet<String>,
        outcome: &mut SmokeOutcome,
    ) -> Result<LandedEvent, SmokeAbort> {
        let id = format!("{}-1", outcome.run);
        let begun = Instant::now();
        loop {
            for key in self.list_raw_keys(contract).await? {
                if !known.insert(key.clone()) {
                    continue;
                }
                if let Some(landed) = self.find_landed_event(&key, &id).await? {
                    let seen = format!("{key} offset {}", landed.offset);
                    self.record_step(SmokeHop::Landed, begun, seen, outcome);
                    return Ok(landed);
                }
            }

            if begun.elapsed() > self.wait {
                let topic = &contract.topic;
                let waited = self.describe_wait();
                let why = format!("no raw object of topic `{topic}` holds it {waited}");
                return Err(hop_failure(SmokeHop::Landed, why));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// The event in a raw object, when the object holds it.
    async fn find_landed_event(
        &self,
        key: &str,
        id: &str,
    ) -> Result<Option<LandedEvent>, SmokeAbort> {
        let Some(chunk) = Chunk::from_raw_key(key) else {
            return Ok(None);
        };

        let body = self.lake.handle.raw.get(key).await?.body;
        let position = find_event_position(body, id)?;
        Ok(position.map(|(offset, millis)| LandedEvent {
            chunk,
            offset,
            day: Day::from_micros(millis * 1_000),
        }))
    }

    async fn await_refined(
        &self,
        landed: &LandedEvent,
        outcome: &mut SmokeOutcome,
    ) -> Result<(), SmokeAbort> {
        let look = async || self.look_for_receipt(landed).await;
        self.await_hop(SmokeHop::Refined, Instant::now(), look, outcome)
            .await
    }

    async fn look_for_receipt(&self, landed: &LandedEvent) -> Result<HopState, SmokeAbort> {
        let key = landed.chunk.receipt_key();
        let Some(body) = read_object(&*self.lake.handle.refined, &key).await? else {
            return Ok(HopState::NotYet(format!("{key} is not there")));
        };

        let receipt = Receipt::from_json(&body)?;
        if !receipt.quarantined.is_empty() {
            let rules: Vec<&str> = receipt.quarantined.keys().map(String::as_str).collect();
            let rules = rules.join(", ");
            return Ok(HopState::Never(format!("it was refused by {rules}")));
        }
        Ok(match receipt.tables.get(SMOKE_TABLE) {
            Some(object) => HopState::Seen(object.key.clone()),
            None => HopState::Never(format!("{key} names no rows of `{SMOKE_TABLE}`")),
        })
    }

    async fn await_merged(
        &self,
        landed: &LandedEvent,
        outcome: &mut SmokeOutcome,
    ) -> Result<(), SmokeAbort> {
        let begun = Instant::now();
        if self.merge {
            let payload = json!({"date": landed.day.to_string(), "tables": [SMOKE_TABLE]});
            let merged = self.client.invoke_function("snapshot-merge", &payload);
            if let Err(error) = merged.await {
                return Err(hop_failure(SmokeHop::Merged, error.to_string()));
            }
        }

        let look = async || self.look_for_snapshot(landed).await;
        self.await_hop(SmokeHop::Merged, begun, look, outcome).await
    }

    async fn look_for_snapshot(&self, landed: &LandedEvent) -> Result<HopState, SmokeAbort> {
        let key = manifest_key(SMOKE_TABLE, landed.day);
        let Some(body) = read_object(&*self.lake.handle.curated, &key).await? else {
            return Ok(HopState::NotYet(format!("{key} is not there")));
        };

        let manifest = SnapshotManifest::from_json(&body)?;
        let stream = StreamKey {
            topic: landed.chunk.topic.clone(),
            epoch: landed.chunk.epoch,
            partition: landed.chunk.partition,
        };
        let offset = landed.offset;
        let committed = manifest.committed_offset(&stream);
        if committed.is_none_or(|committed| committed.next <= offset) {
            let why = format!("{key} has not committed offset {offset} yet");
            return Ok(HopState::NotYet(why));
        }
        if !manifest.passed {
            let why = format!("{key} is held back: a blocking rule failed");
            return Ok(HopState::Never(why));
        }
        Ok(HopState::Seen(key))
    }

    /// Looks again and again until the hop has happened.
    async fn await_hop(
        &self,
        hop: SmokeHop,
        begun: Instant,
        look: impl AsyncFn() -> Result<HopState, SmokeAbort>,
        outcome: &mut SmokeOutcome,
    ) -> Result<(), SmokeAbort> {
        let deadline = Instant::now() + self.wait;
        loop {
            match look().await? {
                HopState::Seen(seen) => {
                    self.record_step(hop, begun, seen, outcome);
                    return Ok(());
                }
                HopState::Never(why) => return Err(hop_failure(hop, why)),
                HopState::NotYet(why) if Instant::now() > deadline => {
                    let waited = self.describe_wait();
                    return Err(hop_failure(hop, format!("{why} {waited}")));
                }
                HopState::NotYet(_) => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
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

/// The object's content; none when it is not there.
async fn read_object(store: &dyn ObjectStore, key: &str) -> Result<Option<Bytes>, CliError> {
    match store.get(key).await {
        Ok(object) => Ok(Some(object.body)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn hop_failure(hop: SmokeHop, why: String) -> SmokeAbort {
    let remedy = hop.remedy();
    SmokeAbort::HopFailed(SmokeFailure { hop, why, remedy })
}

/// An event of the run; its number makes its id.
fn encode_event(run: &str, number: u32, millis: i64, kind: &str, new_data: &Value) -> Vec<u8> {
    let time = jiff::Timestamp::from_millisecond(millis)
        .unwrap_or_default()
        .to_string();
    let event = json!({
        "id": format!("{run}-{number}"),
        "eventType": kind,
        "dateTime": time,
        "entityId": SMOKE_ENTITY,
        "eventData": {"newData": new_data},
    });
    event.to_string().into_bytes()
}

/// Offset and append time of the event in a raw object.
fn find_event_position(body: Bytes, id: &str) -> Result<Option<(i64, i64)>, CliError> {
    for batch in lake::decode_raw(body)? {
        for row in 0..batch.len() {
            let event_id = lake::find_header_text(batch.headers(row), lake::EVENT_ID_HEADER);
            if event_id.is_some_and(|event_id| event_id == id) {
                return Ok(Some((batch.offset(row), batch.arrived_at(row))));
            }
        }
    }
    Ok(None)
}

//! The smoke test: one invented event, watched through every hop, and taken away again.
//!
//! The source `platform-smoke` is for this alone. Its one row stands in the table `event` while a test runs; the event
//! that ends the test takes it out with the next merge.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use contract::SourceContract;
use lake::{Chunk, Day, Manifest, Receipt, StreamKey, manifest_key};
use serde::Serialize;
use serde_json::{Value, json};
use store::ObjectStore;

use crate::client::Client;
use crate::error::Failed;
use crate::lake_handle::OpenLake;

/// The source that smoke tests push to.
pub const SOURCE: &str = "platform-smoke";

/// The one thing that they tell of.
const ENTITY: &str = "polelake-smoke";

/// The table that its row is in.
pub const TABLE: &str = "event";

/// How often is looked.
const LOOK: Duration = Duration::from_millis(200);

/// A step of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Hop {
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

impl Hop {
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
pub struct Step {
    /// The hop.
    pub hop: Hop,
    /// Seconds since the hop before.
    pub seconds: f64,
    /// The object or the answer that shows it.
    pub seen: String,
}

/// What a test came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// The name of the run, which its events carry.
    pub run: String,
    /// The hops that happened, in their order.
    pub steps: Vec<Step>,
    /// The first that did not, why, and where to look.
    pub failed: Option<Failure>,
}

/// A hop that did not happen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Failure {
    /// The hop.
    pub hop: Hop,
    /// What was seen instead.
    pub why: String,
    /// Where to look.
    pub remedy: &'static str,
}

/// A test: where it runs, and how patient it is.
pub(crate) struct Smoke<'s> {
    pub(crate) lake: &'s OpenLake,
    pub(crate) door: &'s Client,
    /// How long each hop may take.
    pub(crate) wait: Duration,
    /// Whether the day's snapshot is waited for.
    pub(crate) snapshot: bool,
    /// Told of each step as it happens, and of the day when the snapshot is waited for.
    pub(crate) tell: &'s (dyn Fn(&Step) + Send + Sync),
    /// Merges the day, where the test may do it itself.
    pub(crate) merge: bool,
}

/// Why a hop is not there: not yet, or never.
enum Missing {
    Yet(String),
    Never(String),
}

impl Smoke<'_> {
    /// Pushes the event and watches it. An error means that nothing could be looked at.
    pub(crate) async fn run(&self) -> Result<Outcome, Failed> {
        let plan = self.lake.zones.catalogue.known_source(SOURCE)?;
        let contract = &*plan.contract;
        let now = self.lake.now().await?;
        let mut outcome = Outcome {
            run: format!("smoke-{now}"),
            ..Outcome::default()
        };
        if let Err(failure) = self.hops(contract, now, &mut outcome).await? {
            outcome.failed = Some(failure);
        }
        Ok(outcome)
    }

    async fn hops(
        &self,
        contract: &SourceContract,
        now: i64,
        outcome: &mut Outcome,
    ) -> Result<Result<(), Failure>, Failed> {
        let old: BTreeSet<String> = self.raw_keys(contract).await?;
        let run = outcome.run.clone();
        let first = event(
            &run,
            1,
            now,
            "SmokeTested",
            &json!({"run": run, "note": "invented by `polelake smoke`"}),
        );
        if let Err(failure) = self.push(Hop::Accepted, first, outcome).await {
            return Ok(Err(failure));
        }
        let watched = async {
            let (chunk, offset, day) = self.landed(contract, &old, outcome).await?;
            self.refined(&chunk, outcome).await?;
            if self.snapshot {
                self.merged(&chunk, offset, day, outcome).await?;
            }
            Ok(())
        };
        let watched = match watched.await {
            Ok(()) => Ok(()),
            Err(Stopped::Hop(failure)) => Err(failure),
            Err(Stopped::Error(error)) => return Err(error),
        };
        // Also after a failure: what was pushed arrives some time, and must not stay.
        let last = event(&run, 2, now + 1, "SmokeEnded", &Value::Null);
        let ended = self.push(Hop::Ended, last, outcome).await;
        Ok(watched.and(ended))
    }

    async fn push(&self, hop: Hop, event: Vec<u8>, outcome: &mut Outcome) -> Result<(), Failure> {
        let begun = Instant::now();
        let why = match self.door.push(SOURCE, &[event], |_| ()).await {
            Ok(pushed) if pushed.refused == 0 => {
                self.step(hop, begun, "Kafka has acknowledged it".to_owned(), outcome);
                return Ok(());
            }
            Ok(pushed) => pushed.reasons.into_keys().collect::<Vec<_>>().join("; "),
            Err(error) => error.to_string(),
        };
        Err(failure(hop, why))
    }

    async fn raw_keys(&self, contract: &SourceContract) -> Result<BTreeSet<String>, Failed> {
        let entries = self
            .lake
            .zones
            .raw
            .list(&Chunk::topic_raw(&contract.topic), None)
            .await?;
        Ok(entries.into_iter().map(|entry| entry.key).collect())
    }

    /// The raw object that holds the event, its offset, and the day that it was appended on.
    async fn landed(
        &self,
        contract: &SourceContract,
        old: &BTreeSet<String>,
        outcome: &mut Outcome,
    ) -> Result<(Chunk, i64, Day), Stopped> {
        let (id, mut seen) = (format!("{}-1", outcome.run), old.clone());
        let (begun, deadline) = (Instant::now(), Instant::now() + self.wait);
        loop {
            for key in self.raw_keys(contract).await?.difference(&seen.clone()) {
                seen.insert(key.clone());
                let Some(chunk) = Chunk::of_raw_key(key) else {
                    continue;
                };
                let body = self
                    .lake
                    .zones
                    .raw
                    .get(key)
                    .await
                    .map_err(|error| Stopped::Error(error.into()))?
                    .body;
                if let Some((offset, millis)) = place(body, &id)? {
                    self.step(
                        Hop::Landed,
                        begun,
                        format!("{key} offset {offset}"),
                        outcome,
                    );
                    return Ok((chunk, offset, Day::of_micros(millis * 1_000)));
                }
            }
            if Instant::now() > deadline {
                let why = format!(
                    "no raw object of topic `{}` holds it {}",
                    contract.topic,
                    self.after()
                );
                return Err(Stopped::Hop(failure(Hop::Landed, why)));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn refined(&self, chunk: &Chunk, outcome: &mut Outcome) -> Result<(), Stopped> {
        let look = async || {
            let key = chunk.receipt_key();
            let Some(body) = self.found(&*self.lake.zones.refined, &key).await? else {
                return Ok(Err(Missing::Yet(format!("{key} is not there"))));
            };
            let receipt = Receipt::decode(&body).map_err(|error| Stopped::Error(error.into()))?;
            if !receipt.quarantined.is_empty() {
                let rules: Vec<&str> = receipt.quarantined.keys().map(String::as_str).collect();
                return Ok(Err(Missing::Never(format!(
                    "it was refused by {}",
                    rules.join(", ")
                ))));
            }
            match receipt.tables.get(TABLE) {
                Some(object) => Ok(Ok(object.key.clone())),
                None => Ok(Err(Missing::Never(format!(
                    "{key} tells of no row in `{TABLE}`"
                )))),
            }
        };
        self.until(Hop::Refined, Instant::now(), look, outcome)
            .await
    }

    async fn merged(
        &self,
        chunk: &Chunk,
        offset: i64,
        day: Day,
        outcome: &mut Outcome,
    ) -> Result<(), Stopped> {
        let begun = Instant::now();
        if self.merge {
            let payload = json!({"date": day.to_string(), "tables": [TABLE]});
            if let Err(error) = self.door.invoke("snapshot-merge", &payload).await {
                return Err(Stopped::Hop(failure(Hop::Merged, error.to_string())));
            }
        }
        let stream = StreamKey {
            topic: chunk.topic.clone(),
            epoch: chunk.epoch,
            partition: chunk.partition,
        };
        let key = manifest_key(TABLE, day);
        let look = async || {
            let Some(body) = self.found(&*self.lake.zones.curated, &key).await? else {
                return Ok(Err(Missing::Yet(format!("{key} is not there"))));
            };
            let manifest = Manifest::decode(&body).map_err(|error| Stopped::Error(error.into()))?;
            let taken = manifest
                .progress_of(&stream)
                .is_some_and(|progress| progress.next > offset);
            Ok(match (taken, manifest.passed) {
                (false, _) => Err(Missing::Yet(format!(
                    "{key} has not taken offset {offset} yet"
                ))),
                (true, false) => Err(Missing::Never(format!(
                    "{key} is held back: a blocking rule failed"
                ))),
                (true, true) => Ok(key.clone()),
            })
        };
        self.until(Hop::Merged, begun, look, outcome).await
    }

    /// Looks again and again until the hop is there.
    async fn until(
        &self,
        hop: Hop,
        begun: Instant,
        look: impl AsyncFn() -> Result<Result<String, Missing>, Stopped>,
        outcome: &mut Outcome,
    ) -> Result<(), Stopped> {
        let deadline = Instant::now() + self.wait;
        loop {
            match look().await? {
                Ok(seen) => {
                    self.step(hop, begun, seen, outcome);
                    return Ok(());
                }
                Err(Missing::Never(why)) => return Err(Stopped::Hop(failure(hop, why))),
                Err(Missing::Yet(why)) if Instant::now() > deadline => {
                    return Err(Stopped::Hop(failure(
                        hop,
                        format!("{why} {}", self.after()),
                    )));
                }
                Err(Missing::Yet(_)) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    async fn found(
        &self,
        store: &dyn ObjectStore,
        key: &str,
    ) -> Result<Option<bytes::Bytes>, Stopped> {
        match store.get(key).await {
            Ok(object) => Ok(Some(object.body)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(Stopped::Error(error.into())),
        }
    }

    fn step(&self, hop: Hop, begun: Instant, seen: String, outcome: &mut Outcome) {
        let step = Step {
            hop,
            seconds: begun.elapsed().as_secs_f64(),
            seen,
        };
        (self.tell)(&step);
        outcome.steps.push(step);
    }

    fn after(&self) -> String {
        format!("after {} s", self.wait.as_secs())
    }
}

/// Why the watching ended early.
enum Stopped {
    Hop(Failure),
    Error(Failed),
}

impl From<Failed> for Stopped {
    fn from(error: Failed) -> Self {
        Self::Error(error)
    }
}

fn failure(hop: Hop, why: String) -> Failure {
    Failure {
        hop,
        why,
        remedy: hop.remedy(),
    }
}

fn event(run: &str, number: u32, millis: i64, kind: &str, new: &Value) -> Vec<u8> {
    let time = jiff::Timestamp::from_millisecond(millis)
        .unwrap_or_default()
        .to_string();
    let event = json!({
        "id": format!("{run}-{number}"), "eventType": kind, "dateTime": time, "entityId": ENTITY,
        "eventData": {"newData": new},
    });
    event.to_string().into_bytes()
}

/// Offset and append time of the event in a raw object.
fn place(body: bytes::Bytes, id: &str) -> Result<Option<(i64, i64)>, Failed> {
    for batch in lake::decode_raw(body)? {
        let row = (0..batch.len()).find(|row| {
            lake::header(batch.headers(*row), "event-id").is_some_and(|found| found == id)
        });
        if let Some(row) = row {
            return Ok(Some((batch.offset(row), batch.timestamp(row))));
        }
    }
    Ok(None)
}
